//! H.264 and H.265 as x264 and x265 write them, beside what they say of each packet.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use ffleet_live::packet::Codec;
use ffleet_live::raw::annexb::{Counts, Cutter, Unit};
use ffleet_live::raw::dts::{Stamp, Stamper};
use ffleet_live::raw::ticks;
use ffleet_testkit::need;
use ffleet_types::FrameRate;
use proptest::prelude::*;

use crate::mutated::{damaged, damages};
use crate::raw::written;

/// Two seconds of pictures with something new in the middle.
const PICTURES: &str = "-f lavfi -i testsrc2=size=176x144:rate=25:duration=3 -threads 1";
/// Intra pictures often, and as many B pictures as may be.
const DEEP: &str = "keyint=12:min-keyint=12:scenecut=0:bframes=3:b-adapt=0";

/// A stream, and what its encoder says of it.
#[derive(Debug)]
struct Stream {
    codec: Codec,
    name: String,
    bytes: Vec<u8>,
    packets: Vec<Packet>,
}

#[derive(Debug)]
struct Packet {
    dts: i64,
    pts: i64,
    is_key: bool,
    bytes: Vec<u8>,
}

fn stream(codec: Codec, args: &str) -> Option<Stream> {
    let encoder = match codec {
        Codec::H264 => "-c:v libx264 -preset veryfast",
        _ => "-c:v libx265 -preset ultrafast",
    };
    let args = format!("{PICTURES} {encoder} {args}");
    let format = if codec == Codec::H264 { "h264" } else { "hevc" };
    let bytes = written(&format!("{args} -f {format}"))?;
    let said = String::from_utf8(written(&format!("{args} -f framecrc"))?).unwrap();
    let mut rest = &bytes[..];
    let mut packets = Vec::new();
    for line in said.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<_> = line.split(',').map(str::trim).collect();
        let number = |field: usize| fields[field].parse::<i64>().unwrap();
        let (packet, after) = rest.split_at(usize::try_from(number(4)).unwrap());
        rest = after;
        // Flags are said where they are not those of a key alone.
        let flags = fields.iter().find_map(|field| field.strip_prefix("F=0x"));
        let is_key = flags.is_none_or(|flags| i64::from_str_radix(flags, 16).unwrap() & 1 == 1);
        packets.push(Packet { dts: number(1), pts: number(2), is_key, bytes: normal(packet) });
    }
    assert!(rest.is_empty() && packets.len() >= 70, "{args}: {} packets", packets.len());
    Some(Stream { codec, name: args, bytes, packets })
}

/// The NAL units of some bytes, each behind a start code of four.
fn normal(bytes: &[u8]) -> Vec<u8> {
    let mut starts: Vec<_> = (0..bytes.len())
        .filter(|&at| bytes[at..].starts_with(&[0, 0, 1]))
        .collect();
    starts.push(bytes.len());
    let mut all = Vec::new();
    for pair in starts.windows(2) {
        let mut nal = &bytes[pair[0] + 3..pair[1]];
        while let [before @ .., 0] = nal {
            nal = before;
        }
        all.extend_from_slice(&[0, 0, 0, 1]);
        all.extend_from_slice(nal);
    }
    all
}

fn cut(codec: Codec, bytes: &[u8], piece: usize) -> (Vec<Unit>, Counts) {
    let mut cutter = Cutter::new(codec).unwrap();
    let mut units: Vec<_> = bytes.chunks(piece).flat_map(|piece| cutter.push(piece)).collect();
    units.extend(cutter.end());
    (units, cutter.counts())
}

/// Units are packets, shown in the order of their timestamps; however they come, and wherever one begins.
fn is_cut_as_encoded(stream: &Stream) {
    let Stream { codec, name, bytes, packets } = stream;
    let (units, counts) = cut(*codec, bytes, usize::MAX);
    assert_eq!(units.len(), packets.len(), "{name}: {counts:?}");
    let first = packets.iter().map(|packet| packet.pts).min().unwrap();
    for (at, (unit, packet)) in units.iter().zip(packets).enumerate() {
        assert_eq!(unit.bytes, packet.bytes, "{name}: unit {at}");
        assert_eq!(unit.is_key, packet.is_key, "{name}: unit {at}");
        assert_eq!(unit.display, packet.pts - first, "{name}: unit {at}");
    }
    assert_eq!(counts, Counts { units: counts.units, ..Counts::default() }, "{name}");
    for piece in [1, 7, 1_000] {
        assert!(cut(*codec, bytes, piece).0 == units, "{name}: by {piece}");
    }
    let ahead = packets.iter().map(|packet| packet.pts - packet.dts).min().unwrap();
    assert_eq!(ahead, 0, "{name}: {packets:?}");
    let delay = first - packets[0].dts;
    let reorder = units[0].reorder;
    assert_eq!(i64::try_from(reorder).unwrap(), delay, "{name}: what is reordered");
    let rate = FrameRate::new(25, 1).unwrap();
    let mut stamper = Stamper::new(rate, reorder);
    for (at, (unit, packet)) in units.iter().zip(packets).enumerate() {
        let [pts, dts] = [packet.pts, packet.dts].map(|time| ticks(rate, time - first));
        assert_eq!(
            stamper.stamp(unit.display, unit.reorder),
            Stamp { pts, dts },
            "{name}: unit {at}"
        );
    }
}

fn h264(params: &str) {
    let args = format!("-pix_fmt yuv420p -x264-params {params}");
    if let Some(stream) = stream(Codec::H264, &args) {
        is_cut_as_encoded(&stream);
    }
}

fn h265(params: &str) {
    let args = format!("-pix_fmt yuv420p -x265-params log-level=none:{params}");
    if let Some(stream) = stream(Codec::H265, &args) {
        is_cut_as_encoded(&stream);
    }
}

#[test]
fn h264_without_b_pictures_is_cut_as_encoded() {
    h264("bframes=0:keyint=25");
    h264("bframes=0:slices=4:aud=1:keyint=10");
    h264("bframes=0:keyint=1");
}

#[test]
fn h264_with_b_pictures_is_cut_as_encoded() {
    h264(DEEP);
    h264(&format!("{DEEP}:b-pyramid=none"));
    h264(&format!("{DEEP}:b-pyramid=strict:slices=4"));
    h264(&format!("{DEEP}:bframes=1:aud=1"));
    h264("bframes=8:b-adapt=0:ref=8:keyint=250");
}

#[test]
fn h264_with_open_groups_is_cut_as_encoded() {
    h264(&format!("{DEEP}:open-gop=1"));
    h264(&format!("{DEEP}:open-gop=1:aud=1:slices=3"));
}

#[test]
fn interlaced_h264_is_cut_as_encoded() {
    h264(&format!("{DEEP}:tff=1"));
    h264(&format!("{DEEP}:bff=1:slices=2"));
    h264("fake-interlaced=1:bframes=0");
}

#[test]
fn h264_with_a_buffer_model_and_fillers_is_cut_as_encoded() {
    h264(&format!("{DEEP}:nal-hrd=cbr:bitrate=600:vbv-maxrate=600:vbv-bufsize=300"));
}

#[test]
fn h265_without_b_pictures_is_cut_as_encoded() {
    h265("bframes=0:keyint=25");
    h265("bframes=0:slices=2:aud=1:keyint=10");
}

#[test]
fn h265_with_b_pictures_is_cut_as_encoded() {
    h265(&format!("{DEEP}:no-open-gop=1"));
    h265(&format!("{DEEP}:no-open-gop=1:no-b-pyramid=1:aud=1"));
    h265(&format!("{DEEP}:no-open-gop=1:temporal-layers=1"));
    h265(&format!("{DEEP}:no-open-gop=1:interlace=tff"));
}

#[test]
fn h265_with_leading_pictures_is_cut_as_encoded() {
    h265(&format!("{DEEP}:open-gop=1"));
    h265(&format!("{DEEP}:no-open-gop=1:radl=2"));
}

#[test]
fn streams_of_other_profiles_are_cut_as_encoded() {
    for format in ["yuv422p10le", "yuv444p", "gray", "yuv420p10le"] {
        let args = format!("-pix_fmt {format} -x264-params {DEEP}");
        let Some(stream) = stream(Codec::H264, &args) else {
            return;
        };
        is_cut_as_encoded(&stream);
    }
    for format in ["yuv444p", "yuv420p10le", "gray"] {
        let args = format!("-pix_fmt {format} -x265-params log-level=none:{DEEP}:no-open-gop=1");
        let Some(stream) = stream(Codec::H265, &args) else {
            return;
        };
        is_cut_as_encoded(&stream);
    }
}

/// What ffprobe says of each packet of a file: pts, dts, whether it is a key.
fn probed(path: &Path) -> Option<Vec<(i64, i64, bool)>> {
    let output = Command::new(need::ffprobe()?)
        .args(
            "-v error -select_streams v -show_entries packet=pts,dts,flags -of csv=p=0".split(' '),
        )
        .arg(path)
        .output()
        .unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let packet = |line: &str| {
        let fields: Vec<_> = line.split(',').collect();
        let time = |field: usize| fields[field].parse().unwrap();
        (time(0), time(1), fields[2].starts_with('K'))
    };
    Some(lines.lines().filter(|line| !line.is_empty()).map(packet).collect())
}

#[test]
fn stream_out_of_a_transport_stream_has_the_times_that_were_in_it() {
    let x264 = format!("-c:v libx264 -preset veryfast -x264-params {DEEP}");
    let x265 = format!("-c:v libx265 -preset ultrafast -x265-params log-level=none:{DEEP}");
    for (codec, format, encoder) in [
        (Codec::H264, "h264", format!("{x264}:open-gop=1:slices=2")),
        (Codec::H264, "h264", format!("{x264}:tff=1:aud=1")),
        (Codec::H264, "h264", format!("{x264}:bframes=0")),
        (Codec::H265, "hevc", format!("{x265}:open-gop=1")),
        (Codec::H265, "hevc", format!("{x265}:no-open-gop=1:radl=2")),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("stream.ts");
        let args = format!(
            "-f lavfi -i testsrc2=size=176x144:rate=30000/1001:duration=4 -threads 1 \
             -pix_fmt yuv420p {encoder} -f mpegts"
        );
        let Some(transport) = written(&args) else { return };
        File::create(&path).unwrap().write_all(&transport).unwrap();
        let Some(packets) = probed(&path) else { return };
        let copy = format!("-i {} -c copy -f {format}", path.display());
        let Some(bytes) = written(&copy) else { return };
        let (units, counts) = cut(codec, &bytes, 188);
        assert_eq!((units.len(), counts.irregular), (packets.len(), 0), "{args}");
        let first = packets.iter().map(|packet| packet.0).min().unwrap();
        let mut stamper = Stamper::new(FrameRate::new(30_000, 1_001).unwrap(), units[0].reorder);
        for (unit, &(pts, dts, is_key)) in units.iter().zip(&packets) {
            let expected = Stamp { pts: pts - first, dts: dts - first };
            let stamp = stamper.stamp(unit.display, unit.reorder);
            assert_eq!((stamp, unit.is_key), (expected, is_key), "{args}: {}", unit.display);
        }
    }
}

#[test]
fn damaged_streams_are_survived() {
    for (codec, args) in [
        (Codec::H264, format!("-pix_fmt yuv420p -x264-params {DEEP}:slices=2:tff=1")),
        (
            Codec::H265,
            format!("-pix_fmt yuv420p -x265-params log-level=none:{DEEP}:radl=2"),
        ),
    ] {
        let Some(stream) = stream(codec, &args) else { return };
        let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) };
        proptest!(config, |(damages in damages(), piece in 1..5_000_usize)| {
            let bytes = damaged(stream.bytes.clone(), &damages);
            let whole = cut(codec, &bytes, usize::MAX);
            prop_assert!(whole.0.len() <= stream.packets.len() * 3);
            prop_assert!(cut(codec, &bytes, piece) == whole, "by {piece}");
            let mut stamper = Stamper::new(FrameRate::new(25, 1).unwrap(), 0);
            let mut last = i64::MIN;
            for unit in &whole.0 {
                let stamp = stamper.stamp(unit.display, unit.reorder);
                prop_assert!(last < stamp.dts && stamp.dts <= stamp.pts);
                last = stamp.dts;
            }
        });
    }
}

/// Who pauses after each picture gets it at once.
#[test]
fn picture_is_given_when_its_writer_pauses() {
    for (codec, args) in [
        (Codec::H264, "-pix_fmt yuv420p -x264-params bframes=0:slices=4".to_owned()),
        (Codec::H265, "-pix_fmt yuv420p -x265-params log-level=none:bframes=0".to_owned()),
        (Codec::H264, format!("-pix_fmt yuv420p -x264-params {DEEP}")),
        (
            Codec::H265,
            format!("-pix_fmt yuv420p -x265-params log-level=none:{DEEP}:open-gop=1"),
        ),
    ] {
        let Some(stream) = stream(codec, &args) else { return };
        let mut cutter = Cutter::new(codec).unwrap();
        let (mut units, mut late) = (Vec::new(), 0);
        for (at, packet) in stream.packets.iter().enumerate() {
            units.extend(cutter.push(&packet.bytes));
            units.extend(cutter.flush());
            late = if at < 4 { late } else { late.max(at + 1 - units.len()) };
        }
        assert!(units == cut(codec, &stream.bytes, usize::MAX).0, "{args}");
        assert_eq!((late, cutter.counts().torn), (0, 0), "{args}");
    }
}

#[test]
fn whoever_begins_in_the_middle_gets_the_rest_from_a_key_on() {
    for (codec, args, leading) in [
        (Codec::H264, format!("-pix_fmt yuv420p -x264-params {DEEP}"), 0),
        (Codec::H264, format!("-pix_fmt yuv420p -x264-params {DEEP}:open-gop=1"), 3),
        (
            Codec::H265,
            format!("-pix_fmt yuv420p -x265-params log-level=none:{DEEP}:repeat-headers=1"),
            3,
        ),
        (
            Codec::H265,
            format!(
                "-pix_fmt yuv420p -x265-params log-level=none:{DEEP}:no-open-gop=1:repeat-headers=1"
            ),
            0,
        ),
    ] {
        let Some(stream) = stream(codec, &args) else { return };
        let (whole, _) = cut(codec, &stream.bytes, usize::MAX);
        let mut begun = 0;
        for cut_off in (1..10).map(|tenth| stream.bytes.len() * tenth / 10 + 3) {
            let (units, counts) = cut(codec, &stream.bytes[cut_off..], 777);
            // In the last group there may be none.
            let Some(first) = units.first() else { continue };
            let at = whole.iter().rposition(|unit| unit.bytes == first.bytes).unwrap();
            let rest: Vec<_> = whole[at..]
                .iter()
                .filter(|unit| unit.display >= whole[at].display)
                .collect();
            begun += 1;
            assert!(first.is_key && whole[at..].len() - rest.len() <= leading, "{args}");
            assert_eq!(units.len(), rest.len(), "{args} from {cut_off}: {counts:?}");
            for (unit, other) in units.iter().zip(rest) {
                assert!(unit.bytes == other.bytes, "{args} from {cut_off}");
                assert_eq!(
                    unit.display,
                    other.display - whole[at].display,
                    "{args} from {cut_off}"
                );
            }
        }
        assert!(begun >= 7, "{args}: {begun}");
    }
}
