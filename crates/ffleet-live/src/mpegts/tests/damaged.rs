//! Streams that did not come whole, or are framed in other ways than ours.

use proptest::prelude::*;
use proptest::sample::Index;

use super::super::adts::Adts;
use super::super::{Counts, Item, Loss, PACKET, Writer};
use super::{all, packet, packets, read, track, two_seconds, written};
use crate::packet::{Codec, Packet};

#[test]
fn lost_packet_costs_its_unit_and_no_other() {
    let tracks = [track(Codec::H264), track(Codec::Aac)];
    let packets_in = two_seconds(&tracks, 0);
    let bytes = written(&tracks, &packets_in);
    let all = packets(read(&bytes, 1000).0);
    // In the middle of the first keyframe.
    let at = 100 * PACKET;
    let without = [&bytes[..at], &bytes[at + PACKET..]].concat();
    let (items, counts) = read(&without, 1000);
    assert_eq!((counts.continuity_errors, counts.lost), (1, 1));
    let lost = Item::Lost { index: 0, loss: Loss::Continuity };
    assert!(items.contains(&lost));
    // Pictures until the next keyframe cannot be decoded.
    let sound = |packets: &[(usize, Packet)]| packets.iter().filter(|one| one.0 == 1).count();
    assert_eq!(counts.skipped, 24);
    assert_eq!(sound(&packets(items)), sound(&all));
    for (place, change, expected) in [
        (
            1,
            0x80,
            Counts {
                transport_errors: 1,
                continuity_errors: 1,
                lost: 1,
                skipped: 24,
                ..Counts::default()
            },
        ),
        (3, 0x80, Counts { scrambled: 1, lost: 1, skipped: 24, ..Counts::default() }),
    ] {
        let mut damaged = bytes.clone();
        damaged[at + place] ^= change;
        let (items, counts) = read(&damaged, 1000);
        assert_eq!(counts, expected);
        assert_eq!(packets(items).len(), all.len() - 25);
    }
    let twice = [&bytes[..at], &bytes[at - PACKET..]].concat();
    assert_eq!(read(&twice, 1000).1, Counts::default(), "a packet may come again");
    let strange = [&bytes[..at], &[1; 100], &bytes[at..]].concat();
    let (items, counts) = read(&strange, 1000);
    assert_eq!(counts, Counts { strange_bytes: 100, ..Counts::default() });
    assert_eq!(packets(items).len(), all.len());
}

#[test]
fn unit_that_its_writer_did_not_live_to_finish_is_left_out() {
    let tracks = [track(Codec::H264)];
    // Too long for its length to be said.
    let key = packet(Codec::H264, 0, true, 90_000);
    let bytes = written(&tracks, &[(0, key)]);
    let (items, counts) = read(&bytes, 1000);
    assert_eq!((packets(items).len(), counts.lost), (1, 0), "it is whole where it is filled up");
    for missing in [10, PACKET, 10 * PACKET + 1, 100 * PACKET] {
        let (items, counts) = read(&bytes[..bytes.len() - missing], 1000);
        assert!(items.contains(&Item::Lost { index: 0, loss: Loss::Truncated }), "{missing}");
        assert_eq!((packets(items).len(), counts.lost), (0, 1), "{missing}");
    }
}

#[test]
fn frames_may_be_cut_by_pes_packets_and_several_in_one() {
    let adts = Adts::of_config(&[0x12, 0x10]).expect("it fits");
    let frame = |long: usize, byte| [&adts.header(long + 7)[..], &vec![byte; long]].concat();
    let all: Vec<u8> = (0..6).flat_map(|place| frame(100, place)).collect();
    // As MP3, to be written as it is; the map then says that it is AAC.
    let tracks = [track(Codec::Aac)];
    let mut bytes = Vec::new();
    let mut pes = Writer::new(&[track(Codec::Mp3)]).expect("it fits");
    for (dts, part) in [(9_000, &all[..250]), (18_000, &all[250..])] {
        let packet = Packet { pts: dts, dts, is_key: true, bytes: part.to_vec() };
        let mut one = Vec::new();
        pes.write(0, &packet, &mut one).expect("it can be written");
        bytes.extend_from_slice(&one);
    }
    let map = &written(&tracks, &[(0, packet(Codec::Aac, 0, true, 1))])[PACKET..2 * PACKET];
    let mut read_in = Vec::new();
    for packet in bytes.as_chunks::<PACKET>().0 {
        let is_map = packet[1..3] == [0x50, 0];
        let counter = packet[3];
        let from = read_in.len();
        read_in.extend_from_slice(if is_map { map } else { packet });
        read_in[from + 3] = counter;
    }
    let (items, counts) = read(&read_in, 50);
    assert_eq!(counts, Counts::default());
    let found: Vec<_> = packets(items)
        .into_iter()
        .map(|(_, packet)| (packet.pts, packet.bytes[0]))
        .collect();
    // 1024 samples at 44.1 kHz are 2089.8 ticks; the second timestamp is the fourth frame's.
    let expected = [(9_000, 0), (11_090, 1), (13_180, 2), (18_000, 3), (20_090, 4), (22_180, 5)];
    assert_eq!(found, expected);
}

proptest! {
    #[test]
    fn damage_is_survived(
        damages in prop::collection::vec((any::<Index>(), any::<u8>(), 0..400_usize), 1..20),
        which in 0..5_usize,
        cut in 1..2_000_usize,
    ) {
        let tracks = &all()[which];
        let mut bytes = written(tracks, &two_seconds(tracks, 0));
        bytes.truncate(60_000);
        for (at, byte, long) in damages {
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if long % 3 == 0 {
                let end = (at + long).min(bytes.len() - 1);
                bytes.drain(at..end.max(at));
            }
        }
        prop_assert_eq!(read(&bytes, cut), read(&bytes, bytes.len()));
    }

    #[test]
    fn garbage_behind_right_headers_is_survived(
        codec in prop_oneof![Just(Codec::Aac), Just(Codec::Opus), Just(Codec::Mp3), Just(Codec::H264)],
        packets_in in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 1..8),
    ) {
        // Written as MP3, which is not looked at.
        let mut bytes = written(&[track(codec)], &[(0, packet(codec, 0, true, 1))]);
        let mut writer = Writer::new(&[track(Codec::Mp3)]).expect("it fits");
        for garbage in packets_in {
            let packet = Packet { pts: 0, dts: 0, is_key: true, bytes: garbage };
            let mut one = Vec::new();
            writer.write(0, &packet, &mut one).expect("it can be written");
            let stream = one.as_chunks::<PACKET>().0.iter().filter(|packet| packet[1] & 0x1f == 1);
            bytes.extend(stream.flatten());
        }
        prop_assert_eq!(read(&bytes, 1), read(&bytes, bytes.len()));
    }
}
