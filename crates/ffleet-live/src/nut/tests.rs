use proptest::prelude::*;

use super::envelope::startcode;
use super::error::{Fault, Part};
use super::{Coding, Error, Item, Kind, PACKET, Reader, SIGNATURE, TimeBase};
use crate::crc::crc;

const KEY: u64 = 1;
const CODED_PTS: u64 = 8;
const SIZE_MSB: u64 = 32;
const CHECKSUM: u64 = 64;
const RESERVED: u64 = 128;
const SM_DATA: u64 = 256;
const HEADER_IDX: u64 = 1024;
const MATCH_TIME: u64 = 2048;
const CODED: u64 = 4096;

fn v(number: u64) -> Vec<u8> {
    let long = (1..10).find(|&long| number >> (7 * long) == 0).unwrap_or(10);
    let byte = |k: u32| (number >> (7 * k) & 0x7f) as u8 | if k > 0 { 0x80 } else { 0 };
    (0..long).rev().map(byte).collect()
}

fn vs(numbers: &[u64]) -> Vec<u8> {
    numbers.iter().flat_map(|&number| v(number)).collect()
}

fn checked(bytes: &[u8]) -> Vec<u8> {
    [bytes, &crc(0, bytes).to_be_bytes()].concat()
}

fn packet(code: u64, body: &[u8]) -> Vec<u8> {
    let head = [&code.to_be_bytes()[..], &v(body.len() as u64 + 4)].concat();
    let head = if body.len() + 4 > 4096 { checked(&head) } else { head };
    [head, checked(body)].concat()
}

/// All frames have the code 1, and say everything themselves.
fn main_header(version: u64) -> Vec<u8> {
    let minor = if version > 3 { vec![0] } else { vec![] };
    // One track, two time bases, codes, one header left out, flags.
    let body = [
        v(version),
        minor,
        vs(&[1, 32767, 2, 1, 25, 1, 1000]),
        // Code 0 is invalid, code 1 is coded, all others are invalid.
        vs(&[8192, 6, 0, 1, 0, 0, 0, 1]),
        vs(&[CODED, 0]),
        vs(&[8192, 6, 0, 1, 0, 0, 0, 253]),
        vs(&[1, 3]),
        b"\0\0\x01".to_vec(),
    ];
    packet(startcode::MAIN, &body.concat())
}

fn stream_header(config: &[u8]) -> Vec<u8> {
    let head = [&[0, 0, 4][..], b"H264", &vs(&[0, 7, 25, 2, 0])].concat();
    let body = [head, v(config.len() as u64), config.to_vec(), vs(&[160, 120, 0, 0, 0])];
    packet(startcode::STREAM, &body.concat())
}

/// `fields` stand where these flags have them.
fn frame(flags: u64, fields: &[u64], body: &[u8]) -> Vec<u8> {
    let head = [vec![1], v(flags), vs(fields)].concat();
    let head = if flags & CHECKSUM == 0 { head } else { checked(&head) };
    [&head[..], body].concat()
}

fn begun(version: u64) -> Vec<u8> {
    [SIGNATURE, &main_header(version), &stream_header(b"\0\0\0\x01\x67")].concat()
}

fn read(bytes: &[u8], cut: usize) -> (Vec<Item>, Option<Error>) {
    let mut reader = Reader::new();
    let mut items = Vec::new();
    for piece in bytes.chunks(cut) {
        reader.push(piece);
        loop {
            match reader.next() {
                Ok(Some(item)) => items.push(item),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(reader.next(), Err(error.clone()), "it stays so");
                    return (items, Some(error));
                }
            }
        }
    }
    (items, None)
}

/// The packets' timestamps, whether they are keys, and bytes.
fn packets(bytes: &[u8]) -> Vec<(i64, bool, Vec<u8>)> {
    let (items, error) = read(bytes, bytes.len());
    assert_eq!(error, None);
    assert_eq!(read(bytes, 1), (items.clone(), None), "by the byte");
    let packets = items.into_iter().filter_map(|item| match item {
        Item::Packet(packet) => Some((packet.pts, packet.is_key, packet.bytes)),
        Item::Track(_) => None,
    });
    packets.collect()
}

fn fault(bytes: &[u8]) -> Error {
    let (_, error) = read(bytes, bytes.len());
    assert_eq!(read(bytes, 1).1, error, "by the byte");
    error.expect("it is wrong")
}

#[test]
fn track_is_given_with_its_header() {
    for version in [3, 4] {
        let (items, error) = read(&begun(version), 7);
        let [Item::Track(track)] = &items[..] else {
            panic!("{items:?}, {error:?}")
        };
        assert!(matches!(&track.coding, Coding::Known(known) if known.config == b"\0\0\0\x01\x67"));
        assert_eq!(track.kind, Kind::Picture { width: 160, height: 120 });
        assert_eq!((track.time_base.num, track.time_base.den, track.reorder), (1, 25, 2));
    }
}

#[test]
fn frame_has_each_field_that_its_flags_say() {
    let all = KEY | CODED_PTS | SIZE_MSB | MATCH_TIME | HEADER_IDX | RESERVED | CHECKSUM;
    let bytes = [
        begun(3),
        frame(KEY | CODED_PTS | SIZE_MSB, &[5, 3], b"abc"),
        // The same timestamp, without a size: nothing is shown.
        frame(0, &[], b""),
        // Match time, header index, two reserved numbers.
        frame(all, &[128 + 300, 5, 4, 1, 2, 1 << 40, 0], b"de"),
    ];
    let expected = [(5, true, b"abc".to_vec()), (300, true, b"\0\0\x01de".to_vec())];
    assert_eq!(packets(&bytes.concat()), expected);
}

#[test]
fn side_data_is_no_part_of_a_packet() {
    let side = [&vs(&[1, 1])[..], b"k", &vs(&[13]), &vs(&[1, 1]), b"m", &vs(&[2, 2]), b"hi"];
    let side = side.concat();
    for (flags, expected) in [(0, b"abc".to_vec()), (HEADER_IDX, b"\0\0\x01abc".to_vec())] {
        let body = [&side[..], b"abc"].concat();
        let left_out = if flags == 0 { 0 } else { 3 };
        let size = body.len() as u64 + left_out;
        let index = if flags == 0 { vec![] } else { vec![1] };
        let fields = [vec![1, size], index].concat();
        let frame = frame(SM_DATA | CODED_PTS | SIZE_MSB | flags, &fields, &body);
        let bytes = [begun(4), frame].concat();
        assert_eq!(packets(&bytes), [(1, false, expected)]);
    }
    let bytes = [begun(4), frame(SM_DATA | SIZE_MSB, &[3], &[1, 9, 9])].concat();
    assert_eq!(fault(&bytes).fault, Fault::Short);
}

#[test]
fn syncpoint_sets_the_timestamp_that_short_ones_continue() {
    let short = || frame(CODED_PTS | SIZE_MSB, &[3, 1], b"x");
    // In the base 1/1000: 10.019 s are 250.475 ticks of 1/25 s.
    let syncpoint = |ticks: i64| {
        let body = [v((ticks * 2 + 1).cast_unsigned()), vs(&[0])].concat();
        packet(startcode::SYNCPOINT, &body)
    };
    let bytes = [begun(3), syncpoint(10_019), short(), syncpoint(-1_000), short()].concat();
    let times: Vec<_> = packets(&bytes).iter().map(|packet| packet.0).collect();
    // 250 is 1 * 128 + 122, and 3 is nearer behind; -25 is 103 - 128, and 3 is nearer behind.
    assert_eq!(times, [259, 3]);
}

#[test]
fn header_that_comes_again_changes_nothing_unless_it_is_another() {
    let again = [begun(3), main_header(3), stream_header(b"\0\0\0\x01\x67")].concat();
    assert_eq!(read(&again, 5).0.len(), 1);
    let anew = [again.clone(), stream_header(b"\0\0\0\x01\x68")].concat();
    let (items, _) = read(&anew, 5);
    assert!(matches!(&items[1], Item::Track(track) if track.index == 0));
    let Error { part, fault, .. } = fault(&[again, main_header(4)].concat());
    assert_eq!((part, fault), (Part::Main, Fault::Changed));
}

#[test]
fn what_has_a_start_code_that_is_not_known_is_passed_over() {
    const INDEX: u64 = 0x4e58_dd67_2f23_e64e;
    let index = packet(INDEX, &vec![1; 3 << 20]);
    let frame = frame(CODED_PTS | SIZE_MSB, &[1, 1], b"x");
    let bytes = [begun(3), index, packet(startcode::INFO, &[0; 5000]), frame].concat();
    let (items, error) = read(&bytes, 4_000);
    assert_eq!((items.len(), error), (2, None));
}

#[test]
fn damage_is_found_where_it_is() {
    let begun = begun(3);
    let at = SIGNATURE.len() as u64;
    for (place, part) in [(0, Part::Signature), (40, Part::Main), (begun.len() - 9, Part::Stream)] {
        let mut bytes = begun.clone();
        bytes[place] ^= 4;
        let error = fault(&bytes);
        assert_eq!(error.part, part, "{error}");
        let expected = if part == Part::Signature {
            Fault::Strange
        } else {
            Fault::Damaged
        };
        assert_eq!(error.fault, expected);
    }
    let mut frame = frame(CODED_PTS | SIZE_MSB | CHECKSUM, &[1, 1], b"x");
    frame[3] ^= 1;
    let error = fault(&[begun.clone(), frame].concat());
    assert_eq!((error.at, error.fault), (begun.len() as u64, Fault::Damaged));
    let error = fault(&[SIGNATURE, &stream_header(b"")].concat());
    assert_eq!((error.at, error.fault), (at, Fault::Before(Part::Main)));
    let error = fault(&[&begun[..], &[2]].concat());
    assert_eq!(error.fault, Fault::Value { field: "frame code", value: 2 });
    assert_eq!(
        error.to_string(),
        format!("NUT frame at byte {}: frame code cannot be 2", begun.len())
    );
}

#[test]
fn what_is_too_long_is_refused_before_it_comes() {
    let long = PACKET + 1;
    let error = fault(&[begun(3), frame(SIZE_MSB, &[long], b"")].concat());
    assert_eq!(error.fault, Fault::Long { long, most: PACKET });
    let error = fault(&[begun(3), frame(SIZE_MSB, &[u64::MAX], b"")].concat());
    assert!(matches!(error.fault, Fault::Long { .. }), "{error}");
    let head = [&startcode::MAIN.to_be_bytes()[..], &v(2 << 20)].concat();
    let error = fault(&[SIGNATURE, &checked(&head)].concat());
    assert_eq!(error.fault, Fault::Long { long: 2 << 20, most: 1 << 20 });
}

#[test]
fn ticks_become_those_of_the_clock() {
    let clock = |num, den, ticks| TimeBase { num, den }.to_clock(ticks);
    assert_eq!(clock(1, 44_100, 1024), Some(2_090), "2089.8");
    assert_eq!(clock(1, 44_100, -1024), Some(-2_090));
    assert_eq!(clock(1001, 30_000, 1 << 40), Some((1 << 40) * 3_003));
    assert_eq!(clock(1, 1, i64::MAX), None);
    assert_eq!(clock(1, 0, 1), None);
}

#[test]
fn packet_that_is_not_whole_is_not_given() {
    let packet = frame(KEY | CODED_PTS | SIZE_MSB, &[1, 1000], &[7; 1000]);
    let bytes = [begun(3), packet].concat();
    let (items, error) = read(&bytes[..bytes.len() - 1], 100);
    assert_eq!((items.len(), error), (1, None));
    assert_eq!(read(&bytes, 100).0.len(), 2);
}

proptest! {
    #[test]
    fn cuts_do_not_matter(
        frames in prop::collection::vec((0..300_u64, prop::collection::vec(any::<u8>(), 1..6000)), 0..8),
        cut in 1..9000_usize,
    ) {
        let mut bytes = begun(3);
        for (pts, body) in &frames {
            let flags = CODED_PTS | SIZE_MSB | CHECKSUM;
            bytes.extend(frame(flags, &[128 + pts, body.len() as u64], body));
        }
        let (items, error) = read(&bytes, cut);
        prop_assert_eq!(error, None);
        let got: Vec<_> = items.into_iter().filter_map(|item| match item {
            Item::Packet(packet) => Some((packet.pts.cast_unsigned(), packet.bytes)),
            Item::Track(_) => None,
        }).collect();
        prop_assert_eq!(got, frames);
    }

    #[test]
    fn garbage_is_survived(
        garbage in prop::collection::vec(any::<u8>(), 0..400),
        place in any::<prop::sample::Index>(),
        version in 3..5_u64,
    ) {
        // Behind headers that are right, in the middle of them, and headers of garbage that fit
        // their checksums.
        let begun = begun(version);
        let all = [
            [&begun[..], &garbage].concat(),
            [&begun[..place.index(begun.len())], &garbage].concat(),
            [SIGNATURE, &packet(startcode::MAIN, &garbage)].concat(),
            [&begun[..], &packet(startcode::STREAM, &garbage)].concat(),
            [&begun[..], &packet(startcode::SYNCPOINT, &garbage)].concat(),
        ];
        for bytes in all {
            prop_assert_eq!(read(&bytes, bytes.len().max(1)), read(&bytes, 1));
        }
    }
}
