//! Coded pictures of x264 and x265 on the time of a feed.

use std::sync::LazyLock;
use std::time::Duration;

use ffleet_live::anchor::Anchor;
use ffleet_live::packet::{CLOCK, Codec, Packet};
use ffleet_live::raw::annexb::Cutter;
use ffleet_live::raw::elementary::Stream;
use ffleet_types::FrameRate;
use proptest::prelude::*;

use crate::mutated::{damaged, damages};
use crate::raw::written;

/// A frame in ticks.
const FRAME: i64 = 3_600;
/// So many pictures, with three B pictures between two others.
const PICTURES: i64 = 60;
const H264: &str = "-f lavfi -i testsrc2=size=176x144:rate=25 -frames:v 60 -c:v libx264 -threads 1 \
                    -x264-params keyint=24:scenecut=0:bframes=3:b-adapt=0 -f h264";
const H265: &str = "-f lavfi -i testsrc2=size=176x144:rate=25 -frames:v 60 -c:v libx265 -threads 1 \
                    -x265-params log-level=none:keyint=24:scenecut=0:bframes=3:b-adapt=0 -f hevc";

fn stream(codec: Codec) -> (Stream, Anchor) {
    let rate = FrameRate::new(25, 1).unwrap();
    (Stream::new(codec, rate, 0).unwrap(), Anchor::new(&[rate.parts(), (48_000, 1)]))
}

const fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// All pictures of a writer, in pieces of so many bytes.
fn all(
    stream: &mut Stream,
    anchor: &mut Anchor,
    bytes: &[u8],
    piece: usize,
    now: Duration,
) -> Vec<Packet> {
    let mut packets: Vec<_> = bytes
        .chunks(piece)
        .flat_map(|piece| stream.push(piece, anchor, now))
        .collect();
    packets.extend(stream.end(anchor, now));
    packets
}

fn shown(packets: &[Packet]) -> Vec<i64> {
    let mut shown: Vec<_> = packets.iter().map(|packet| packet.pts).collect();
    shown.sort_unstable();
    shown
}

#[track_caller]
fn is_in_order(packets: &[Packet]) {
    assert!(packets.is_sorted_by(|one, other| one.dts < other.dts), "decoding");
    assert!(packets.iter().all(|packet| packet.dts <= packet.pts), "display");
}

#[test]
fn every_picture_is_shown_once_at_its_rate() {
    for (codec, args) in [(Codec::H264, H264), (Codec::H265, H265)] {
        let Some(bytes) = written(args) else { return };
        let (mut one, mut anchor) = stream(codec);
        let packets = all(&mut one, &mut anchor, &bytes, usize::MAX, secs(5));
        let expected: Vec<_> = (0..PICTURES).map(|number| number * FRAME).collect();
        assert_eq!(shown(&packets), expected, "{codec}");
        is_in_order(&packets);
        assert!(
            packets.iter().any(|packet| packet.pts > packet.dts),
            "{codec}: something is reordered"
        );
        assert!(packets[0].is_key && !one.config().is_empty());
        for piece in [1, 1_000] {
            let (mut other, mut anchor) = stream(codec);
            assert!(
                all(&mut other, &mut anchor, &bytes, piece, secs(5)) == packets,
                "{codec}: by {piece}"
            );
        }
    }
}

#[test]
fn next_writer_goes_on_where_the_clock_is_and_never_before_the_one_that_was() {
    let Some(bytes) = written(H264) else { return };
    let (mut stream, mut anchor) = stream(Codec::H264);
    let mut packets = all(&mut stream, &mut anchor, &bytes[..bytes.len() / 2], 999, secs(1));
    let first = packets.len();
    packets.extend(all(&mut stream, &mut anchor, &bytes, 999, secs(21)));
    is_in_order(&packets);
    assert_eq!(shown(&packets)[first], 20 * CLOCK);
    assert_eq!(packets.len(), first + 60);
    // One that is faster than what it writes.
    packets.extend(all(&mut stream, &mut anchor, &bytes, 999, secs(21)));
    is_in_order(&packets);
    assert_eq!(shown(&packets)[first + 60], 20 * CLOCK + PICTURES * FRAME);
}

#[test]
fn units_that_say_when_they_are_shown_are_shown_then() {
    let Some(bytes) = written(H264) else { return };
    let mut cutter = Cutter::new(Codec::H264).unwrap();
    let mut units = cutter.push(&bytes);
    units.extend(cutter.end());
    let (mut stream, mut anchor) = stream(Codec::H264);
    // Sound of the same program came first.
    assert_eq!(anchor.place_run(1, 960, 5_000_000, secs(3)), 0);
    let mut packets = Vec::new();
    for unit in &units {
        let time = 5_000_000 + 1_000 * unit.display + unit.display % 7;
        packets.extend(stream.unit(&unit.bytes, Some(time), &mut anchor, secs(3)));
    }
    packets.extend(stream.end(&mut anchor, secs(3)));
    let expected: Vec<_> = (0..PICTURES).map(|number| 1_000 * number + number % 7).collect();
    assert_eq!(shown(&packets), expected);
    is_in_order(&packets);
}

#[test]
fn writer_that_pauses_has_its_last_picture_given() {
    let Some(bytes) = written(
        "-f lavfi -i color=size=64x64:rate=25 -frames:v 3 -c:v libx264 -tune zerolatency -f h264",
    ) else {
        return;
    };
    let (mut stream, mut anchor) = stream(Codec::H264);
    let given = stream.push(&bytes, &mut anchor, secs(0)).len();
    assert_eq!((given, stream.has_begun()), (2, true));
    assert_eq!(stream.flush(&mut anchor, secs(0)).len(), 1);
    assert!(!stream.has_begun() && stream.flush(&mut anchor, secs(0)).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn damaged_and_cut_streams_are_survived_in_order(
        damages in damages(), cut in any::<prop::sample::Index>(), piece in 1..3_000_usize,
        times in prop::collection::vec(prop::option::of(any::<i64>()), 1..8),
    ) {
        static WRITTEN: LazyLock<Option<Vec<u8>>> = LazyLock::new(|| written(H264));
        let Some(bytes) = WRITTEN.clone() else { return Ok(()) };
        let bytes = damaged(bytes, &damages);
        let (mut stream, mut anchor) = stream(Codec::H264);
        let mut packets = all(&mut stream, &mut anchor, &bytes[..cut.index(bytes.len())], piece, secs(1));
        for (piece, time) in bytes.chunks(piece).zip(times.iter().cycle()) {
            packets.extend(stream.unit(piece, time.map(|time| time >> 16), &mut anchor, secs(2)));
        }
        packets.extend(stream.end(&mut anchor, secs(2)));
        is_in_order(&packets);
    }
}
