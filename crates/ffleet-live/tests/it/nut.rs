//! NUT as FFmpeg writes it.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use ffleet_live::nut::{Coding, Item, Kind, Packet, Reader, Track};
use ffleet_live::packet::Codec;
use ffleet_testkit::{cpus, need};
use tempfile::NamedTempFile;

use crate::clip::{bytes, sent};

/// The settings of a live encoder.
const LIVE: &str = "-c:v libx264 -preset ultrafast -tune zerolatency -g 25 -pix_fmt yuv420p";

/// What the reader makes of `bytes`, pushed in pieces of `cut`.
fn read(bytes: &[u8], cut: usize) -> (Vec<Track>, Vec<Packet>) {
    let mut reader = Reader::new();
    let (mut tracks, mut packets) = (Vec::new(), Vec::new());
    for piece in bytes.chunks(cut) {
        reader.push(piece);
        while let Some(item) = reader.next().unwrap() {
            match item {
                Item::Track(track) => tracks.push(track),
                Item::Packet(packet) => packets.push(packet),
            }
        }
    }
    (tracks, packets)
}

/// Of each packet its track, pts, whether it is a key, and its size in bytes, as FFmpeg reads it.
fn probed(path: &Path) -> Option<Vec<(usize, i64, bool, usize)>> {
    let args = "-v error -show_entries packet=stream_index,pts,size,flags -of compact=p=0:nk=1";
    let output = Command::new(need::ffprobe()?)
        .args(args.split_whitespace())
        .arg(path)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let lines = String::from_utf8(output.stdout).unwrap();
    // A packet with side data has a line more, without any of the fields asked for.
    let packets = lines.lines().filter(|line| !line.is_empty()).map(|line| {
        let mut fields = line.split('|');
        let mut field = || fields.next().unwrap();
        let (track, pts) = (field().parse().unwrap(), field().parse().unwrap());
        let size = field().parse().unwrap();
        (track, pts, field().starts_with('K'), size)
    });
    Some(packets.collect())
}

/// What FFmpeg with `args` writes is read as FFmpeg reads it, however it is cut.
fn as_ffmpeg_reads_it(args: &str) -> Option<(Vec<Track>, Vec<Packet>)> {
    is_read(args, &bytes(&format!("{args} -f nut"))?)
}

fn is_read(args: &str, bytes: &[u8]) -> Option<(Vec<Track>, Vec<Packet>)> {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    let (tracks, packets) = read(bytes, 4096);
    let got: Vec<_> = packets
        .iter()
        .map(|packet| (packet.track, packet.pts, packet.is_key, packet.bytes.len()))
        .collect();
    assert!(!got.is_empty(), "{args}");
    assert_eq!(got, probed(file.path())?, "{args}");
    for cut in [1, 65_536, bytes.len()] {
        assert!(read(bytes, cut) == (tracks.clone(), packets.clone()), "{args}: by {cut}");
    }
    Some((tracks, packets))
}

fn codec(track: &Track) -> (Codec, &[u8]) {
    let Coding::Known(known) = &track.coding else {
        panic!("{track:?}")
    };
    (known.codec, &known.config)
}

/// Whether `config` has NAL units of these kinds, and no others but messages.
fn has_units(config: &[u8], kind: impl Fn(u8) -> u8, expected: &[u8]) {
    let starts = config.windows(4).filter(|four| four.starts_with(&[0, 0, 1]));
    let kinds: Vec<_> = starts.map(|four| kind(four[3])).collect();
    assert!(kinds.starts_with(expected), "{kinds:?}");
}

#[test]
fn live_h264_is_read_as_ffmpeg_does() {
    let Some((tracks, packets)) = as_ffmpeg_reads_it(LIVE) else {
        return;
    };
    let (codec, config) = codec(&tracks[0]);
    assert_eq!(codec, Codec::H264);
    has_units(config, |byte| byte & 0x1f, &[7, 8]);
    assert_eq!(tracks[0].kind, Kind::Picture { width: 160, height: 120 });
    assert_eq!(tracks[0].reorder, 0);
    assert!(packets.is_sorted_by(|one, next| one.pts < next.pts));
    assert_eq!(packets.iter().filter(|packet| packet.is_key).count(), 8);
    let start = |packet: &Packet| {
        packet.bytes.starts_with(&[0, 0, 0, 1]) || packet.bytes.starts_with(&[0, 0, 1])
    };
    assert!(packets.iter().all(start), "what frames leave out is put back");
}

#[test]
fn pictures_out_of_order_have_their_pts() {
    let h265 = "-c:v libx265 -preset fast -x265-params log-level=none";
    for (codec, reorder) in [("-c:v libx264 -preset fast -bf 3", Some(2)), (h265, None)] {
        let args = format!("{codec} -g 50 -pix_fmt yuv420p");
        let Some((tracks, packets)) = as_ffmpeg_reads_it(&args) else {
            return;
        };
        if let Some(reorder) = reorder {
            assert_eq!(tracks[0].reorder, reorder);
        }
        assert!(!packets.is_sorted_by_key(|packet| packet.pts));
    }
}

#[test]
fn h265_has_its_parameter_sets() {
    let args = "-c:v libx265 -preset ultrafast -tune zerolatency -x265-params log-level=none";
    let Some((tracks, _)) = as_ffmpeg_reads_it(&format!("{args} -g 25 -pix_fmt yuv420p")) else {
        return;
    };
    let (codec, config) = codec(&tracks[0]);
    assert_eq!(codec, Codec::H265);
    has_units(config, |byte| byte >> 1 & 0x3f, &[32, 33, 34]);
}

#[test]
fn sound_is_read_as_ffmpeg_does() {
    for (args, expected, rate) in [
        ("-c:a aac -ar 44100 -ac 2", Codec::Aac, 44_100),
        ("-c:a aac -ar 48000 -ac 1", Codec::Aac, 48_000),
        ("-c:a libopus -ac 2", Codec::Opus, 48_000),
        ("-c:a libmp3lame -ac 2", Codec::Mp3, 48_000),
    ] {
        let Some((tracks, packets)) = as_ffmpeg_reads_it(args) else {
            return;
        };
        let (codec, config) = codec(&tracks[0]);
        assert_eq!(codec, expected);
        let channels = if args.ends_with('1') { 1 } else { 2 };
        assert_eq!(tracks[0].kind, Kind::Sound { rate, channels });
        match codec {
            // LC; 48000 Hz is the third rate, 44100 Hz the fourth.
            Codec::Aac if rate == 44_100 => assert_eq!(config[..2], [0x12, 0x10]),
            Codec::Aac => assert_eq!(config[..2], [0x11, 0x88 & 0x8f]),
            Codec::Opus => assert!(config.starts_with(b"OpusHead")),
            _ => assert_eq!(config, b""),
        }
        assert_eq!(packets[0].pts, 0, "{args}: nothing is before 0");
        assert!(packets.iter().all(|packet| packet.is_key), "{args}");
    }
}

#[test]
fn pictures_and_sound_come_together() {
    let args = format!("{LIVE} -c:a aac -ar 44100 -shortest");
    let Some((tracks, packets)) = as_ffmpeg_reads_it(&args) else {
        return;
    };
    assert_eq!(tracks.len(), 2);
    assert_ne!(tracks[0].time_base, tracks[1].time_base);
    let first = |track| packets.iter().find(|packet| packet.track == track).unwrap().pts;
    // The sound begins 1024 samples before the pictures: all is moved so that it begins at 0, and
    // the pictures' ticks are fine enough to say so.
    assert_eq!(first(1), 0);
    let base = tracks[0].time_base;
    let seconds = first(0) as f64 * f64::from(base.num) / f64::from(base.den);
    assert!((seconds - 1024.0 / 44_100.0).abs() < 1.0 / 25.0, "{seconds}");
}

#[test]
fn negative_timestamps_are_refused_by_ffmpeg_itself() {
    let Some(ffmpeg) = need::ffmpeg() else { return };
    let args =
        "-v error -nostdin -f lavfi -i anullsrc=d=1 -c:a aac -avoid_negative_ts disabled -f nut -";
    let output = Command::new(ffmpeg)
        .args(args.split_whitespace())
        .stdout(Stdio::piped())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("Negative pts not supported"), "{said}");
}

#[test]
fn streams_without_syncpoints_and_with_the_time_of_day_are_read() {
    for syncpoints in ["none", "timestamped"] {
        let args = format!("{LIVE} -c:a libmp3lame -strict experimental -syncpoints {syncpoints}");
        if as_ffmpeg_reads_it(&args).is_none() {
            return;
        }
    }
}

#[test]
fn headers_come_again_in_a_long_stream() {
    let args =
        "-c:v libx264 -preset ultrafast -qp 0 -g 10 -vf noise=alls=99:allf=t,scale=480:360 -t 3";
    let Some((tracks, packets)) = as_ffmpeg_reads_it(args) else {
        return;
    };
    assert_eq!(tracks.len(), 1, "what is the same again is not told again");
    // FFmpeg repeats them after 8 MiB, and twice at the end.
    let sum: usize = packets.iter().map(|packet| packet.bytes.len()).sum();
    assert!(sum > 8 << 20, "{sum}");
}

#[test]
fn what_a_recent_ffmpeg_writes_is_read_as_well() {
    let Some(recent) = cpus::new_ffmpeg() else { return };
    for args in [
        format!("{LIVE} -c:a aac -ar 44100"),
        "-c:v libx264 -preset fast -bf 3 -pix_fmt yuv420p -c:a libopus".to_owned(),
        "-c:a libmp3lame -strict experimental -syncpoints none".to_owned(),
    ] {
        let Some(bytes) = sent(&recent, &format!("{args} -f nut")) else {
            return;
        };
        if is_read(&args, &bytes).is_none() {
            return;
        }
    }
}
