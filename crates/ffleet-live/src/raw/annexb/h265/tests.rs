use super::super::written::h265::{
    CRA, IDR_N_LP, IDR_W_RADL, RADL_N, RASL_N, TRAIL_N, TRAIL_R, end_of_sequence, more, picture,
    sets, sublayer,
};
use super::super::{Counts, Cutter, Unit};
use crate::packet::Codec;

fn cut(parts: &[Vec<u8>]) -> (Vec<Unit>, Counts) {
    let mut cutter = Cutter::new(Codec::H265).unwrap();
    let mut units = cutter.push(&parts.concat());
    units.extend(cutter.end());
    (units, cutter.counts())
}

/// The order in which pictures are shown that come like this, and how many are left out.
fn shown(parts: &[Vec<u8>]) -> (Vec<i64>, u64) {
    let (units, counts) = cut(parts);
    assert_eq!(counts.irregular + counts.damaged, 0, "{counts:?}");
    (units.iter().map(|unit| unit.display).collect(), counts.skipped)
}

#[test]
fn slices_after_the_first_are_of_the_same_picture() {
    let parts = [
        sets(0),
        picture(IDR_N_LP, 0),
        more(IDR_N_LP),
        picture(TRAIL_R, 1),
        more(TRAIL_R),
    ];
    let (units, _) = cut(&parts);
    let bytes: Vec<_> = units.iter().map(|unit| unit.bytes.clone()).collect();
    assert_eq!(bytes, [parts[..3].concat(), parts[3..].concat()]);
    let (units, counts) = cut(&[sets(0), more(IDR_N_LP), picture(IDR_N_LP, 0)]);
    assert_eq!((units.len(), counts.damaged), (1, 1), "the first of a picture is missing");
}

#[test]
fn count_goes_on_where_its_lower_bits_begin_anew() {
    let mut parts = vec![sets(1), picture(IDR_N_LP, 0)];
    for pair in 1..40 {
        parts.push(picture(TRAIL_R, 2 * pair % 16));
        // What nothing refers to is not counted from: nor what is in a higher sub-layer.
        parts.push(match pair % 2 {
            0 => picture(TRAIL_N, (2 * pair + 15) % 16),
            _ => sublayer(TRAIL_R, (2 * pair + 15) % 16, 1),
        });
    }
    let expected = (1..40).flat_map(|pair| [2 * pair, 2 * pair - 1]);
    assert_eq!(shown(&parts), (Vec::from_iter(std::iter::once(0).chain(expected)), 0));
}

#[test]
fn pictures_that_lead_are_shown_behind_those_before() {
    for key in [IDR_W_RADL, IDR_N_LP] {
        let mut parts = vec![
            sets(1),
            picture(key, 0),
            picture(TRAIL_R, 2),
            picture(TRAIL_N, 1),
            picture(IDR_W_RADL, 0),
        ];
        parts.extend([14, 15].map(|low| picture(RADL_N, low)));
        parts.extend([picture(TRAIL_R, 2), picture(TRAIL_N, 1)]);
        assert_eq!(shown(&parts), (vec![0, 2, 1, 5, 3, 4, 7, 6], 0));
    }
}

#[test]
fn unit_that_others_may_lead_waits_for_one_that_does_not() {
    let mut cutter = Cutter::new(Codec::H265).unwrap();
    let first = [sets(1), picture(IDR_N_LP, 0), picture(TRAIL_R, 2), picture(TRAIL_N, 1)].concat();
    assert_eq!(cutter.push(&first).len() + cutter.flush().len(), 3);
    assert_eq!(cutter.push(&picture(IDR_W_RADL, 0)).len() + cutter.flush().len(), 0);
    assert_eq!(cutter.push(&picture(RADL_N, 15)).len() + cutter.flush().len(), 0);
    assert_eq!(cutter.push(&picture(TRAIL_R, 2)).len() + cutter.flush().len(), 3);
    assert_eq!(cutter.push(&picture(IDR_N_LP, 0)).len() + cutter.flush().len(), 1);
}

#[test]
fn what_leads_the_first_picture_is_left_out_where_it_refers_to_what_was_before() {
    let group = [
        picture(CRA, 8),
        picture(RASL_N, 5),
        picture(RADL_N, 7),
        picture(TRAIL_R, 10),
        picture(TRAIL_N, 9),
    ];
    let first = [vec![sets(1)], group.to_vec()].concat();
    assert_eq!(shown(&first), (vec![1, 0, 3, 2], 1));
    // Where a sequence has ended it is the same, in the middle of one all is there.
    let ended = [first.clone(), vec![end_of_sequence()], group.to_vec()].concat();
    assert_eq!(shown(&ended), (vec![1, 0, 3, 2, 5, 4, 7, 6], 2));
    let middle = [
        vec![sets(1), picture(IDR_N_LP, 0), picture(TRAIL_R, 2), picture(TRAIL_N, 1)],
        vec![picture(CRA, 4), picture(RASL_N, 3), picture(TRAIL_R, 5)],
    ];
    assert_eq!(shown(&middle.concat()), (vec![0, 2, 1, 4, 3, 5], 0));
}

#[test]
fn layers_above_the_first_belong_to_its_pictures() {
    let mut other = picture(TRAIL_R, 1);
    other[5] |= 1 << 3;
    let parts = [sets(0), picture(IDR_N_LP, 0), other.clone(), picture(TRAIL_R, 1), other];
    let (units, counts) = cut(&parts);
    assert_eq!((units.len(), counts.damaged), (2, 0));
}
