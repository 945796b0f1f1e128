use super::written::h264::{self, DELIMITER, IDR, Slice, b, p, pps, sps, told};
use super::written::h265;
use super::*;
use proptest::prelude::*;

fn cutter() -> Cutter {
    Cutter::new(Codec::H264).unwrap()
}

/// What becomes of these bytes, cut like this and ended.
fn cut(codec: Codec, bytes: &[u8], piece: usize) -> (Vec<Unit>, Counts) {
    let mut cutter = Cutter::new(codec).unwrap();
    let mut units: Vec<_> = bytes.chunks(piece).flat_map(|piece| cutter.push(piece)).collect();
    units.extend(cutter.end());
    (units, cutter.counts())
}

fn sets(reorder: u32) -> Vec<u8> {
    [sps(&told(), 2, Some(reorder)), pps()].concat()
}

fn bottom(slice: Slice, bottom: bool) -> Slice {
    Slice { bottom: Some(bottom), ..slice }
}

#[test]
fn unit_is_given_as_soon_as_the_next_is_known_to_begin() {
    let mut cutter = cutter();
    let first = [sets(0), IDR.nal()].concat();
    assert_eq!(cutter.push(&first), []);
    let next = p(1, 2).nal();
    // A start code, a header, and what says that it is another picture: the rest is to come.
    let begun = next.len() - 3;
    let units = cutter.push(&next[..begun]);
    assert_eq!(units.iter().map(|unit| &unit.bytes).collect::<Vec<_>>(), [&first]);
    assert!(units[0].is_key && units[0].has_sets);
    assert_eq!(cutter.push(&next[begun..]), []);
    let units = cutter.push(&DELIMITER[..5]);
    assert_eq!(units.iter().map(|unit| &unit.bytes).collect::<Vec<_>>(), [&next]);
    assert!(!units[0].is_key && !units[0].has_sets && units[0].display == 1);
    assert_eq!(cutter.config(), sets(0));
}

#[test]
fn flush_gives_the_unit_and_its_rest_is_left_out() {
    let mut cutter = cutter();
    let first = [sets(0), IDR.nal()].concat();
    assert_eq!(cutter.push(&first), []);
    assert_eq!(cutter.flush().len(), 1);
    assert_eq!(cutter.flush(), [], "once");
    let next = [p(1, 2).nal(), Slice { first: 50, ..p(1, 2) }.nal()].concat();
    let half = next.len() / 2;
    assert_eq!(cutter.push(&next[..half]), []);
    assert_eq!(cutter.flush()[0].bytes, next[..half]);
    assert_eq!(cutter.push(&[0xab, 0xcd]), [], "more of the slice");
    assert_eq!(cutter.push(&next[half..]), [], "more of the picture");
    let third = p(2, 4).nal();
    assert_eq!(cutter.push(&third), []);
    assert_eq!(cutter.flush()[0].bytes, third);
    let expected = Counts { units: 3, torn: 2, ..Counts::default() };
    assert_eq!(cutter.counts(), expected);
}

#[test]
fn flush_leaves_what_is_only_begun() {
    let mut cutter = cutter();
    let first = [sets(0), IDR.nal()].concat();
    let next = p(1, 2).nal();
    assert_eq!(cutter.push(&[&first[..], &next[..6]].concat()), []);
    assert_eq!(cutter.flush(), [], "nobody knows which picture it is of");
    let units = cutter.push(&next[6..]);
    assert_eq!(units.len() + cutter.flush().len(), 2);
    assert_eq!(cutter.push(&DELIMITER), []);
    assert_eq!(cutter.flush(), []);
    assert_eq!(cutter.counts(), Counts { units: 2, ..Counts::default() });
}

#[test]
fn two_fields_of_a_frame_are_one_unit() {
    let [top, second] = [bottom(IDR, false), bottom(p(0, 1), true)];
    let frames = [
        [&sets(0)[..], &top.nal(), &DELIMITER, &second.nal()].concat(),
        [&DELIMITER[..], &bottom(p(1, 3), true).nal(), &bottom(p(1, 2), false).nal()].concat(),
        // One is lost.
        [&DELIMITER[..], &bottom(p(2, 4), false).nal()].concat(),
        [&DELIMITER[..], &bottom(p(3, 6), false).nal(), &bottom(p(3, 7), true).nal()].concat(),
        p(4, 8).nal(),
    ];
    let (units, counts) = cut(Codec::H264, &frames.concat(), 1);
    let bytes: Vec<_> = units.iter().map(|unit| unit.bytes.clone()).collect();
    assert_eq!(bytes, frames);
    assert_eq!(counts, Counts { units: 5, ..Counts::default() });
    let keys: Vec<_> = units.iter().map(|unit| unit.is_key).collect();
    assert_eq!(keys, [true, false, false, false, false]);
}

#[test]
fn first_field_waits_for_the_second_over_a_flush() {
    let mut cutter = cutter();
    assert_eq!(cutter.push(&[sets(0), bottom(IDR, false).nal()].concat()), []);
    assert_eq!(cutter.flush(), []);
    assert_eq!(cutter.push(&[&DELIMITER[..], &bottom(p(0, 1), true).nal()].concat()), []);
    assert_eq!(cutter.flush().len(), 1);
}

#[test]
fn pictures_that_look_alike_are_told_apart_by_their_first_macroblock() {
    let more = Slice { first: 50, ..IDR };
    let stream = [sets(0), IDR.nal(), more.nal(), IDR.nal(), more.nal(), IDR.nal()].concat();
    let (units, _) = cut(Codec::H264, &stream, 5);
    assert_eq!(units.len(), 3);
    assert!(units.iter().all(|unit| unit.is_key));
}

#[test]
fn stream_is_given_from_its_first_key_on() {
    let stream = [
        &[0xff, 0, 0, 3][..],
        &DELIMITER,
        &p(1, 2).nal(),
        &sets(0),
        &p(2, 4).nal(),
        &b(3, 6).nal(),
        &DELIMITER,
        &IDR.nal(),
        &p(1, 2).nal(),
    ];
    let (units, counts) = cut(Codec::H264, &stream.concat(), 3);
    let bytes: Vec<_> = units.iter().map(|unit| unit.bytes.clone()).collect();
    assert_eq!(bytes, [[&DELIMITER[..], &IDR.nal()].concat(), p(1, 2).nal()]);
    assert_eq!(counts, Counts { units: 2, skipped: 3, ..Counts::default() });
    assert_eq!(units.iter().map(|unit| unit.display).collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn slice_of_nobody_knows_what_takes_nothing_with_it() {
    let lost = written::Bits::default()
        .golombs(&[0, 0, 7])
        .number(24, 0xabcdef)
        .nal(&[0x61]);
    let stream = [sets(0), IDR.nal(), lost.clone(), p(1, 2).nal(), DELIMITER.to_vec(), lost];
    let (units, counts) = cut(Codec::H264, &stream.concat(), 4);
    let bytes: Vec<_> = units.iter().map(|unit| unit.bytes.clone()).collect();
    assert_eq!(bytes, [stream[..2].concat(), stream[3].clone()]);
    assert_eq!(counts, Counts { units: 2, damaged: 1, skipped: 1, ..Counts::default() });
}

#[test]
fn another_writer_begins_with_a_key_behind_the_last_ones_pictures() {
    let mut cutter = cutter();
    let stream = [sets(1), IDR.nal(), p(1, 4).nal(), b(2, 2).nal()].concat();
    let one = [cutter.push(&stream), cutter.end()].concat();
    let other = [p(1, 4).nal(), stream].concat();
    let two = [cutter.push(&other), cutter.end()].concat();
    let shown: Vec<_> = [one, two].iter().flatten().map(|unit| unit.display).collect();
    assert_eq!(shown, [0, 2, 1, 3, 5, 4]);
    assert_eq!(cutter.counts(), Counts { units: 6, skipped: 1, ..Counts::default() });
}

#[test]
fn unit_that_is_too_long_is_left_out_up_to_the_next_key() {
    let mut long = p(1, 2).nal();
    long.resize(UNIT + 1, 0xee);
    let key = [sets(0), IDR.nal()].concat();
    let next = [p(1, 2).nal(), p(2, 4).nal()].concat();
    let stream = [&key[..], &long, &next, &key, &next].concat();
    for piece in [1 << 20, usize::MAX] {
        let (units, counts) = cut(Codec::H264, &stream, piece);
        let shown: Vec<_> = units.iter().map(|unit| unit.display).collect();
        assert_eq!(shown, [0, 1, 2, 3]);
        assert_eq!(counts, Counts { units: 4, skipped: 2, oversized: 1, ..Counts::default() });
    }
    long.truncate(UNIT);
    let (units, counts) = cut(Codec::H264, &[&key[..], &long, &next].concat(), 1 << 20);
    assert_eq!(units.iter().map(|unit| unit.bytes.len()).max(), Some(UNIT));
    assert_eq!(counts.oversized, 0);
}

#[test]
fn parameter_set_that_is_too_long_is_not_kept() {
    let mut long = pps();
    long.resize(SET + 5, 0xee);
    let stream = [sets(0), long, IDR.nal()].concat();
    let mut cutter = cutter();
    assert_eq!(cutter.push(&stream).len() + cutter.end().len(), 1);
    assert_eq!(cutter.counts(), Counts { units: 1, damaged: 1, ..Counts::default() });
    assert_eq!(cutter.config(), sets(0));
}

#[test]
fn sound_is_not_cut_here() {
    assert!(Cutter::new(Codec::Aac).is_none());
}

/// What streams are made of, and some that they are not.
fn words(codec: Codec) -> impl Strategy<Value = Vec<u8>> {
    let word = if codec == Codec::H264 {
        let slice = (
            any::<bool>(),
            any::<bool>(),
            0..3_u32,
            0..10_u32,
            0..16_u32,
            any::<Option<bool>>(),
            0..16_u32,
        )
            .prop_map(|(is_idr, reference, first, letter, frame_num, bottom, low)| {
                Slice { is_idr, reference, first, letter, frame_num, bottom, low }.nal()
            });
        let sets = (0..4_u32).prop_map(sets);
        let other = prop_oneof![Just(DELIMITER.to_vec()), (0..2_u32).prop_map(h264::recovery)];
        prop_oneof![6 => slice, 1 => sets, 1 => other].boxed()
    } else {
        let slice = (0..32_u8, 0..16_u32, 0..3_u8);
        let slice = slice.prop_map(|(kind, low, layer)| h265::sublayer(kind, low, layer));
        let other = prop_oneof![
            Just(h265::end_of_sequence()),
            (0..32_u8).prop_map(h265::more),
            (0..3_u32).prop_map(h265::sets),
        ];
        prop_oneof![5 => slice, 1 => other].boxed()
    };
    let noise = prop::collection::vec(prop_oneof![Just(0), Just(1), Just(3), any::<u8>()], 0..24);
    let damaged = (word.clone(), any::<prop::sample::Index>(), any::<u8>()).prop_map(
        |(mut word, at, byte)| {
            let at = at.index(word.len());
            word[at] = byte;
            word
        },
    );
    let cut_off = (word.clone(), any::<prop::sample::Index>())
        .prop_map(|(word, at)| word[..at.index(word.len())].to_vec());
    let any = prop_oneof![8 => word, 1 => noise, 1 => damaged, 1 => cut_off];
    prop::collection::vec(any, 0..60).prop_map(|words| words.concat())
}

fn survives(codec: Codec, bytes: &[u8], cuts: &[usize]) {
    let (units, counts) = cut(codec, bytes, usize::MAX);
    for &piece in cuts {
        let again = cut(codec, bytes, piece);
        assert_eq!((&again.0, again.1), (&units, counts), "by {piece}");
    }
    assert!(units.first().is_none_or(|unit| unit.is_key));
    let bytes_out: usize = units.iter().map(|unit| unit.bytes.len()).sum();
    assert!(
        bytes_out <= bytes.len() * 4 / 3 + 4,
        "nothing is made up but zeros of start codes"
    );
    for unit in &units {
        assert!(unit.bytes.starts_with(&CODE) && unit.reorder <= 16);
    }
}

proptest! {
    #[test]
    fn any_h264_is_cut_the_same_however_it_comes(bytes in words(Codec::H264), piece in 1..90_usize) {
        survives(Codec::H264, &bytes, &[1, 2, piece]);
    }

    #[test]
    fn any_h265_is_cut_the_same_however_it_comes(bytes in words(Codec::H265), piece in 1..90_usize) {
        survives(Codec::H265, &bytes, &[1, 2, piece]);
    }

    #[test]
    fn flush_anywhere_makes_nothing_up(
        bytes in words(Codec::H264), cuts in prop::collection::vec(1..200_usize, 1..20),
    ) {
        let mut cutter = cutter();
        let (mut rest, mut units) = (&bytes[..], Vec::new());
        for cut in cuts {
            let (piece, after) = rest.split_at(cut.min(rest.len()));
            rest = after;
            units.extend(cutter.push(piece));
            units.extend(cutter.flush());
        }
        units.extend(cutter.end());
        prop_assert_eq!(cutter.counts().units, units.len() as u64);
        prop_assert!(units.first().is_none_or(|unit| unit.is_key));
        for unit in &units {
            // Each NAL unit is in the stream, or the beginning of one that was flushed too early.
            for nal in unit.bytes.split(|&byte| byte == 1).filter(|nal| nal.len() > 8) {
                let nal = nal.strip_suffix(&[0, 0, 0]).unwrap_or(nal);
                prop_assert!(bytes.windows(nal.len()).any(|window| window == nal));
            }
        }
    }
}
