use super::super::written::Bits as Written;
use super::super::written::h264::{self, IDR, Slice, b, p, pps, pps_with, sps, told};
use super::super::{Counts, Cutter, Unit};
use super::sets::Sps;
use crate::packet::Codec;

fn cut(parts: &[Vec<u8>]) -> (Vec<Unit>, Counts) {
    let mut cutter = Cutter::new(Codec::H264).unwrap();
    let mut units = cutter.push(&parts.concat());
    units.extend(cutter.end());
    (units, cutter.counts())
}

/// The order in which pictures are shown that come like this.
fn shown(parts: &[Vec<u8>]) -> Vec<i64> {
    let (units, counts) = cut(parts);
    assert_eq!(counts.irregular, 0, "{counts:?}");
    units.iter().map(|unit| unit.display).collect()
}

#[test]
fn count_goes_on_where_its_lower_bits_begin_anew() {
    let mut parts = vec![sps(&told(), 4, Some(1)), pps(), IDR.nal()];
    for frame in 1..40 {
        let low = |count: u32| (4 * frame + count) % 16;
        parts.push(p(frame % 16, low(0)).nal());
        parts.push(b((frame + 1) % 16, low(14)).nal());
    }
    let expected = (1..40).flat_map(|frame| [2 * frame, 2 * frame - 1]);
    assert_eq!(shown(&parts), Vec::from_iter(std::iter::once(0).chain(expected)));
}

#[test]
fn bottom_field_may_be_shown_first() {
    let slice = |slice: Slice, delta| {
        slice.ends(slice.head().number(4, slice.low).signed(delta).number(8, 0))
    };
    let parts = [
        sps(&told(), 4, Some(1)),
        pps_with(true),
        slice(IDR, 0),
        slice(p(1, 5), -1),
        slice(b(2, 3), -1),
        slice(p(2, 9), -1),
        slice(b(3, 7), -1),
    ];
    assert_eq!(shown(&parts), [0, 2, 1, 4, 3]);
}

#[test]
fn expected_counts_are_followed() {
    // The cycle is one reference, 4 on; others are 2 less.
    let cycle = Written::default()
        .golomb(1)
        .number(1, 1)
        .signed(-2)
        .signed(0)
        .golomb(1)
        .signed(4);
    let slice = |slice: Slice| slice.ends(slice.head().number(8, 0));
    let mut parts = vec![sps(&cycle, 4, Some(1)), pps(), slice(IDR)];
    for frame in 1..40 {
        parts.push(slice(p(frame % 16, 0)));
        parts.push(slice(b((frame + 1) % 16, 0)));
    }
    // What does not count is expected where the last one that does was.
    let expected = (1..40).flat_map(|frame| [2 * frame, 2 * frame - 1]);
    assert_eq!(shown(&parts), Vec::from_iter(std::iter::once(0).chain(expected)));
}

#[test]
fn pictures_in_order_need_no_count() {
    let decoding = Written::default().golomb(2);
    let slice = |slice: Slice| slice.ends(slice.head().number(8, 0));
    let mut parts = vec![sps(&decoding, 4, None), pps(), slice(IDR)];
    parts.extend((1..40).map(|frame| slice(p(frame % 16, 0))));
    assert_eq!(shown(&parts), Vec::from_iter(0..40));
}

#[test]
fn counts_begin_anew_behind_the_operation_that_says_so() {
    let reset = |slice: Slice| {
        // No list is modified; marking is adaptive: operation 5, and the end.
        let bits = slice.head().number(4, slice.low).number(1, 0).number(1, 0);
        slice.ends(bits.number(1, 1).golombs(&[5, 0]).number(8, 0))
    };
    let parts = [
        sps(&told(), 4, Some(1)),
        pps(),
        IDR.nal(),
        p(1, 4).nal(),
        b(2, 2).nal(),
        reset(p(2, 14)),
        p(1, 4).nal(),
        b(2, 2).nal(),
    ];
    assert_eq!(shown(&parts), [0, 2, 1, 3, 5, 4]);
}

#[test]
fn decoding_begins_where_a_message_says_so_without_what_is_shown_before() {
    let i = Slice { letter: 2, ..p(5, 12) };
    let parts = [
        sps(&told(), 4, Some(1)),
        pps(),
        p(4, 6).nal(),
        h264::recovery(0),
        i.nal(),
        b(6, 10).nal(),
        p(6, 0).nal(),
        b(7, 14).nal(),
    ];
    let (units, counts) = cut(&parts);
    assert_eq!(units.iter().map(|unit| unit.display).collect::<Vec<_>>(), [0, 2, 1]);
    assert_eq!(units.iter().map(|unit| unit.is_key).collect::<Vec<_>>(), [true, false, false]);
    assert_eq!(counts, Counts { units: 3, skipped: 2, ..Counts::default() });
}

#[test]
fn recovery_that_takes_frames_is_no_place_to_begin() {
    let parts = [sps(&told(), 4, Some(1)), pps(), h264::recovery(1), p(5, 12).nal()];
    assert_eq!(cut(&parts).1, Counts { skipped: 1, ..Counts::default() });
}

#[test]
fn intra_picture_behind_its_parameter_sets_is_a_place_to_begin() {
    let i = Slice { letter: 7, ..p(5, 12) };
    let parts = [sps(&told(), 4, Some(0)), pps(), i.nal(), p(6, 14).nal(), i.nal()];
    let keys: Vec<_> = cut(&parts).0.iter().map(|unit| unit.is_key).collect();
    assert_eq!(keys, [true, false, false]);
}

#[test]
fn reordering_is_deduced_where_it_is_not_said() {
    let read = |nal: Vec<u8>| Sps::read(&nal[5..]).map(|(_, sps)| sps.reorder());
    assert_eq!(read(sps(&told(), 3, Some(2))), Some(2));
    assert_eq!(read(sps(&told(), 3, None)), Some(2), "one reference is shown before");
    assert_eq!(read(sps(&told(), 1, None)), Some(0));
    assert_eq!(
        read(sps(&told(), 16, None)),
        Some(10),
        "no more are held: 900 macroblocks, a frame has 88"
    );
    assert_eq!(read(sps(&Written::default().golomb(2), 4, None)), Some(0));
    let mut baseline = sps(&told(), 3, None);
    baseline[5] = 66;
    assert_eq!(read(baseline), Some(0), "it has no B pictures");
    assert_eq!(read(sps(&told(), 17, None)), None, "that many cannot be held");
}
