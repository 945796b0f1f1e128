use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::Index;

use super::{Counts, DELAY, Item, PACKET, Program, Reader, Refused, TRACKS, Writer};
use crate::join::{Format, Scanner};
use crate::packet::{CLOCK, Codec, Packet, Track};

mod changed;
mod damaged;

const SETS: &[u8] = &[0, 0, 0, 1, 0x67, 0x42, 1, 0, 0, 0, 1, 0x68, 0xce];
const SETS_H265: &[u8] = &[0, 0, 0, 1, 0x40, 1, 1, 0, 0, 0, 1, 0x42, 1, 1, 0, 0, 0, 1, 0x44, 1, 1];

fn track(codec: Codec) -> Track {
    let config = match codec {
        Codec::H264 => SETS.to_vec(),
        Codec::H265 => SETS_H265.to_vec(),
        Codec::Aac => vec![0x12, 0x10],
        Codec::Opus => super::opus::config(2).expect("it is known"),
        Codec::Mp3 => vec![],
    };
    Track { codec, config }
}

/// A packet as this codec has them, of about so many bytes.
fn packet(codec: Codec, dts: i64, is_key: bool, long: usize) -> Packet {
    let filled = |begin: &[u8], byte| [begin, &vec![byte; long]].concat();
    let bytes = match (codec, is_key) {
        (Codec::H264, true) => filled(&[0, 0, 0, 1, 0x65, 0x88], 0x65),
        (Codec::H264, false) => filled(&[0, 0, 1, 0x41, 0x9a], 0x41),
        (Codec::H265, true) => filled(&[0, 0, 1, 0x26, 1], 0x26),
        (Codec::H265, false) => filled(&[0, 0, 0, 1, 0x02, 1], 2),
        (Codec::Aac, _) => filled(&[0x21], 0x10),
        (Codec::Opus, _) => filled(&[0xfc], 0xff),
        // 128 kbit/s at 48 kHz.
        (Codec::Mp3, _) => [&[0xff, 0xfb, 0x94, 0][..], &[0x55; 380]].concat(),
    };
    Packet { pts: dts, dts, is_key: is_key || !codec.is_video(), bytes }
}

/// What a reader is to find of `packet`.
fn dressed(track: &Track, mut packet: Packet) -> Packet {
    if track.codec.is_video() {
        let sets = if packet.is_key { &track.config[..] } else { &[] };
        packet.bytes = [super::unit::delimiter(track.codec), sets, &packet.bytes].concat();
    }
    packet
}

fn read(bytes: &[u8], cut: usize) -> (Vec<Item>, Counts) {
    let mut reader = Reader::new();
    let mut items = Vec::new();
    for piece in bytes.chunks(cut) {
        reader.push(piece);
        items.extend(std::iter::from_fn(|| reader.next()));
    }
    reader.finish();
    items.extend(std::iter::from_fn(|| reader.next()));
    (items, reader.counts())
}

fn packets(items: Vec<Item>) -> Vec<(usize, Packet)> {
    let packets = items.into_iter().filter_map(|item| match item {
        Item::Packet { index, packet } => Some((index, packet)),
        _ => None,
    });
    packets.collect()
}

/// What one packet says of the clock: where in the stream, the moment, and whether it is new.
type Told = (usize, u64, bool);

/// Counters go on, lengths are right; what is said of the clock.
fn checked(bytes: &[u8]) -> Vec<Told> {
    let mut counters = BTreeMap::new();
    let mut told = Vec::new();
    let (packets, rest) = bytes.as_chunks::<PACKET>();
    assert_eq!(rest, [], "whole packets");
    for (place, packet) in packets.iter().enumerate() {
        assert_eq!(packet[0], 0x47);
        let pid = u16::from_be_bytes([packet[1] & 0x1f, packet[2]]);
        let has_payload = packet[3] & 0x10 != 0;
        let counter = packet[3] & 15;
        let next = counters
            .get(&pid)
            .map_or(counter, |last: &u8| last.wrapping_add(u8::from(has_payload)) & 15);
        assert_eq!(counter, next, "packet {place} of PID {pid:x}");
        counters.insert(pid, counter);
        if packet[3] & 0x20 != 0 {
            let adapted = usize::from(packet[4]);
            assert!(adapted <= if has_payload { 182 } else { 183 });
            if adapted > 0 && packet[5] & 0x10 != 0 {
                let base = u64::from_be_bytes([
                    0, 0, packet[6], packet[7], packet[8], packet[9], packet[10], packet[11],
                ]);
                assert_eq!(base & 0x7fff, 0x7e00, "reserved bits are set, and nothing is finer");
                told.push((place, base >> 15, packet[5] & 0x80 != 0));
            }
        }
    }
    told
}

fn written(tracks: &[Track], packets: &[(usize, Packet)]) -> Vec<u8> {
    let mut writer = Writer::new(tracks).expect("it can be written");
    let mut bytes = Vec::new();
    for (track, packet) in packets {
        writer.write(*track, packet, &mut bytes).expect("it can be written");
    }
    bytes
}

/// Two seconds of pictures and sound from `first` on, a keyframe each second.
fn two_seconds(tracks: &[Track], first: i64) -> Vec<(usize, Packet)> {
    let mut packets = Vec::new();
    for (index, track) in tracks.iter().enumerate() {
        let step = if track.codec.is_video() { 3_600 } else { 1_920 };
        for place in 0..2 * CLOCK / step {
            let is_key = place * step % CLOCK == 0;
            let long = if is_key { 70_000 } else { 300 };
            let long = if track.codec.is_video() { long } else { 280 };
            packets.push((index, packet(track.codec, first + place * step, is_key, long)));
        }
    }
    packets.sort_by_key(|(index, packet)| (packet.dts, *index));
    packets
}

fn all() -> [Vec<Track>; 5] {
    let of = |codecs: &[Codec]| codecs.iter().copied().map(track).collect();
    [
        of(&[Codec::H264, Codec::Aac]),
        of(&[Codec::H265, Codec::Opus]),
        of(&[Codec::H264, Codec::Mp3]),
        of(&[Codec::Opus]),
        of(&[Codec::H265]),
    ]
}

#[test]
fn reader_finds_what_was_written() {
    for tracks in all() {
        let packets_in = two_seconds(&tracks, 9_000);
        let bytes = written(&tracks, &packets_in);
        let (items, counts) = read(&bytes, bytes.len());
        assert_eq!(counts, Counts::default());
        assert_eq!(read(&bytes, 1), (items.clone(), counts));
        let codecs = tracks.iter().map(|track| track.codec).collect();
        assert_eq!(items[0], Item::Program(Program { tracks: codecs, ignored: 0 }));
        let given = items.iter().filter_map(|item| match item {
            Item::Track { index, track } => Some((*index, track.clone())),
            _ => None,
        });
        let mut given: Vec<_> = given.collect();
        given.sort_by_key(|(index, _)| *index);
        assert_eq!(given, tracks.iter().cloned().enumerate().collect::<Vec<_>>());
        let mut expected: Vec<_> = packets_in
            .into_iter()
            .map(|(index, packet)| (index, dressed(&tracks[index], packet)))
            .collect();
        let mut found = packets(items);
        found.sort_by_key(|(index, packet)| (packet.dts, *index));
        expected.sort_by_key(|(index, packet)| (packet.dts, *index));
        assert!(found == expected, "{tracks:?}");
    }
}

#[test]
fn clock_is_told_often_enough_and_runs_evenly() {
    for tracks in all() {
        let first = (1 << 33) - 20_000;
        let bytes = written(&tracks, &two_seconds(&tracks, first));
        let told = checked(&bytes);
        let mask = (1_u64 << 33) - 1;
        assert_eq!(told[0].1, u64::try_from(first - DELAY).expect("it is positive") & mask);
        for pair in told.windows(2) {
            let step = pair[1].1.wrapping_sub(pair[0].1) & mask;
            assert!((1..=3_600).contains(&step), "{step}");
            assert!(!pair[1].2);
        }
        let last = told.last().expect("there are some").1.wrapping_sub(told[0].1) & mask;
        assert!(last > 2 * 90_000 - 3_700, "over the wrap to the end: {last}");
    }
}

#[test]
fn clock_is_told_in_the_gaps_of_slow_pictures_but_not_over_a_pause() {
    let tracks = [track(Codec::H264)];
    let slow: Vec<_> = (0..5)
        .map(|second| (0, packet(Codec::H264, second * CLOCK, true, 50)))
        .collect();
    let told = checked(&written(&tracks, &slow));
    assert_eq!(told.len(), 1 + 4 * 25);
    let paused = [0, 10 * CLOCK].map(|dts| (0, packet(Codec::H264, dts, true, 50)));
    assert_eq!(checked(&written(&tracks, &paused)).len(), 2);
}

#[test]
fn every_keyframe_is_a_join_point_behind_tables() {
    for tracks in all().into_iter().filter(|tracks| tracks[0].codec.is_video()) {
        let bytes = written(&tracks, &two_seconds(&tracks, 0));
        let mut scanner = Scanner::new(Some(Format::MpegTs));
        scanner.scan(&bytes);
        let joins: Vec<_> = scanner.joins().collect();
        assert_eq!(joins.len(), 2);
        assert!(joins.iter().all(|join| join.is_key));
        for join in joins {
            let at = usize::try_from(join.at).expect("it is short");
            let pid = |packet: usize| {
                let at = at - packet * PACKET;
                u16::from_be_bytes([bytes[at + 1] & 0x1f, bytes[at + 2]])
            };
            assert_eq!([pid(2), pid(1), pid(0)], [0, 0x1000, 0x100]);
        }
    }
}

#[test]
fn tables_of_sound_come_ten_times_a_second() {
    let tracks = [track(Codec::Aac)];
    let bytes = written(&tracks, &two_seconds(&tracks, 0));
    let maps = bytes
        .as_chunks::<PACKET>()
        .0
        .iter()
        .filter(|packet| packet[1..3] == [0x50, 0]);
    assert!((15..=21).contains(&maps.count()));
}

#[test]
fn length_is_said_where_it_fits() {
    // Of the length: what follows of the header, the delimiter, the beginning of the slice.
    let around = 8 + 6 + 5;
    let tracks = [track(Codec::H264)];
    for (long, expected) in [(65_535, 65_535), (65_536, 0), (around + 10, around + 10)] {
        let bytes = written(&tracks, &[(0, packet(Codec::H264, 0, false, long - around))]);
        let begin = &bytes[2 * PACKET..];
        let pes = &begin[5 + usize::from(begin[4])..];
        assert_eq!(pes[..4], [0, 0, 1, 0xe0]);
        assert_eq!(usize::from(u16::from_be_bytes([pes[4], pes[5]])), expected);
    }
}

#[test]
fn what_a_picture_has_is_not_put_before_it_again() {
    let tracks = [track(Codec::H264)];
    let other = [&[0, 0, 0, 1, 0x67, 0x64, 2, 0, 0, 1, 0x68, 0xcf][..], &[0, 0, 1, 0x65, 0x88]];
    let with_sets = other.concat();
    let delimiter = [0, 0, 1, 0x09, 0x10];
    let key = |bytes: &[u8]| Packet { pts: 0, dts: 0, is_key: true, bytes: bytes.to_vec() };
    let found = |bytes: &[u8]| {
        let bytes = written(&tracks, &[(0, key(bytes))]);
        packets(read(&bytes, bytes.len()).0).remove(0).1.bytes
    };
    let whole = [&delimiter[..], &with_sets].concat();
    assert_eq!(found(&whole), whole);
    let ours = [0, 0, 0, 1, 0x09, 0xf0];
    assert_eq!(found(&with_sets), [&ours[..], &with_sets].concat());
    let slice = [0, 0, 1, 0x65, 0x88];
    let expected = [&delimiter[..], SETS, &slice].concat();
    assert_eq!(found(&[&delimiter[..], &slice].concat()), expected, "behind the delimiter");
}

#[test]
fn jump_of_the_timeline_is_said_once_and_at_once() {
    let tracks = [track(Codec::H264), track(Codec::Aac)];
    for first in [0, 1] {
        let mut writer = Writer::new(&tracks).expect("it can be written");
        let mut bytes = Vec::new();
        for (track, packet) in two_seconds(&tracks, 900_000) {
            writer.write(track, &packet, &mut bytes).expect("it can be written");
        }
        let before = bytes.len() / PACKET;
        writer.set_discontinuity();
        let again = two_seconds(&tracks, 5_000);
        for (track, packet) in again
            .iter()
            .filter(|(track, packet)| packet.dts > 5_000 || *track == first)
        {
            writer.write(*track, packet, &mut bytes).expect("it can be written");
        }
        let anew: Vec<_> = checked(&bytes).into_iter().filter(|told| told.2).collect();
        let expected = (before + 2, (5_000_u64.wrapping_sub(9_000)) & ((1 << 33) - 1), true);
        assert_eq!(anew, [expected], "behind the tables");
        assert_eq!(read(&bytes, 1000).1, Counts::default());
    }
}

#[test]
fn what_has_no_form_in_a_transport_stream_is_refused() {
    assert_eq!(Writer::new(&[]).err(), Some(Refused::Tracks(0)));
    let many = vec![track(Codec::Mp3); TRACKS + 1];
    assert_eq!(Writer::new(&many).err(), Some(Refused::Tracks(TRACKS + 1)));
    let aac = Track { codec: Codec::Aac, config: vec![0x12, 0x14] };
    let error = Writer::new(&[aac]).expect_err("frames of 960 samples");
    assert_eq!(
        error.to_string(),
        "track 0: AAC with frames of samples 960 cannot be written as ADTS"
    );
    let mut writer = Writer::new(&[track(Codec::Aac)]).expect("it fits");
    let mut bytes = Vec::new();
    let long = packet(Codec::Aac, 0, true, 8_190);
    let refused = Refused::Long { codec: Codec::Aac, long: 8_191, most: 8_184 };
    assert_eq!(writer.write(0, &long, &mut bytes), Err(refused));
    assert_eq!(writer.write(1, &long, &mut bytes), Err(Refused::NoTrack(1)));
    assert_eq!(bytes, [], "nothing is written");
}

fn codecs() -> impl Strategy<Value = Vec<Codec>> {
    let sound = || prop_oneof![Just(Codec::Aac), Just(Codec::Opus), Just(Codec::Mp3)];
    let video = || prop_oneof![Just(Codec::H264), Just(Codec::H265)];
    prop_oneof![
        video().prop_map(|video| vec![video]),
        sound().prop_map(|sound| vec![sound]),
        (video(), sound()).prop_map(|(video, sound)| vec![video, sound]),
    ]
}

proptest! {
    #[test]
    fn round_trip(
        codecs in codecs(),
        first in prop_oneof![0..1_i64 << 33, (1_i64 << 33) - 30_000..1 << 33],
        steps in prop::collection::vec((any::<Index>(), 0..9_000_i64, 0..8_000_i64, any::<bool>(), 1..2_000_usize), 1..40),
        cut in 1..2_000_usize,
    ) {
        let tracks: Vec<_> = codecs.iter().copied().map(track).collect();
        let mut dts = first;
        let mut packets_in = Vec::new();
        for (index, step, later, is_key, long) in steps {
            let index = index.index(tracks.len());
            dts += step;
            let codec = codecs[index];
            let is_first = packets_in.iter().all(|(other, _)| *other != index);
            let mut packet = packet(codec, dts, is_key || is_first, long);
            if codec.is_video() {
                packet.pts += later;
            }
            packets_in.push((index, packet));
        }
        let bytes = written(&tracks, &packets_in);
        checked(&bytes);
        let (items, counts) = read(&bytes, cut);
        prop_assert_eq!(counts, Counts::default());
        let found = packets(items);
        // Timestamps are right but for a multiple of 2^33, the same for all.
        let of = |packets: &[(usize, Packet)], index| -> Vec<Packet> {
            packets.iter().filter(|one| one.0 == index).map(|one| one.1.clone()).collect()
        };
        let first = packets_in.iter().map(|one| one.1.dts).min().expect("there are some");
        let away = found.iter().map(|one| one.1.dts).min().expect("as many are found") - first;
        prop_assert_eq!(away & ((1 << 33) - 1), 0);
        for (index, track) in tracks.iter().enumerate() {
            let dressed = of(&packets_in, index).into_iter().map(|packet| {
                let Packet { pts, dts, is_key, bytes } = dressed(track, packet);
                Packet { pts: pts + away, dts: dts + away, is_key, bytes }
            });
            prop_assert_eq!(of(&found, index), dressed.collect::<Vec<_>>());
        }
    }
}
