//! Transport streams that we write, as FFmpeg reads them, and those that FFmpeg writes, as we do.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use ffleet_live::join::Scanner;
use ffleet_live::mpegts::{Counts, Item, Program, Reader, Writer};
use ffleet_live::nut;
use ffleet_live::packet::{CLOCK, Codec, Packet, Track};
use ffleet_testkit::need;
use tempfile::NamedTempFile;

use crate::clip::bytes;

const LIVE: &str = "-c:v libx264 -preset ultrafast -tune zerolatency -g 25 -pix_fmt yuv420p";
const LIVE_H265: &str = "-c:v libx265 -preset ultrafast -tune zerolatency -g 25 -pix_fmt yuv420p \
                         -x265-params log-level=none";

/// After so many ticks timestamps begin again.
const WRAP: i64 = 1 << 33;

/// Tracks, and packets of them in the order that they came in.
type Media = (Vec<Track>, Vec<(usize, Packet)>);

/// What FFmpeg encodes with `args`, by way of NUT; each packet is decoded when it is shown.
fn encoded(args: &str) -> Option<Media> {
    let mut reader = nut::Reader::new();
    reader.push(&bytes(&format!("{args} -f nut"))?);
    let (mut tracks, mut bases, mut packets) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(item) = reader.next().unwrap() {
        match item {
            nut::Item::Track(track) => {
                let nut::Coding::Known(known) = track.coding else {
                    panic!("{args}")
                };
                tracks.push(known);
                bases.push(track.time_base);
            }
            nut::Item::Packet(nut::Packet { track, pts, is_key, bytes }) => {
                let pts = bases[track].to_clock(pts).unwrap();
                packets.push((track, Packet { pts, dts: pts, is_key, bytes }));
            }
        }
    }
    Some((tracks, packets))
}

fn written(tracks: &[Track], packets: &[(usize, Packet)]) -> Vec<u8> {
    let mut writer = Writer::new(tracks).unwrap();
    let mut bytes = Vec::new();
    for (track, packet) in packets {
        writer.write(*track, packet, &mut bytes).unwrap();
    }
    bytes
}

fn file(bytes: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file
}

/// FFmpeg has nothing to say, or of jumps of the timeline alone.
fn says_nothing(said: &[u8], may_jump: bool) {
    let said = String::from_utf8_lossy(said);
    let is_jump = |line: &str| may_jump && line.contains("DTS discontinuity in stream");
    assert_eq!(said.lines().find(|line| !is_jump(line)), None);
}

/// Of each packet its track, pts, dts, and whether it is a key, as FFmpeg reads them. Nothing is
/// complained of.
fn probed(path: &Path, may_jump: bool) -> Option<Vec<(usize, i64, i64, bool)>> {
    let args = "-v warning -show_entries packet=stream_index,pts,dts,flags -of compact=p=0:nk=1";
    let output = Command::new(need::ffprobe()?)
        .args(args.split_whitespace())
        .arg(path)
        .output()
        .unwrap();
    says_nothing(&output.stderr, may_jump);
    let lines = String::from_utf8(output.stdout).unwrap();
    let packets = lines.lines().filter(|line| !line.is_empty()).map(|line| {
        let mut fields = line.split('|');
        let mut field = || fields.next().unwrap();
        let (track, pts, dts) = (field().parse(), field().parse(), field().parse());
        (track.unwrap(), pts.unwrap(), dts.unwrap(), field().starts_with('K'))
    });
    Some(packets.collect())
}

/// How many frames of each track FFmpeg decodes without a word.
fn decoded(path: &Path, tracks: usize, may_jump: bool) -> Option<Vec<usize>> {
    let ffmpeg = need::ffmpeg()?;
    let frames = (0..tracks).map(|track| {
        let output = Command::new(&ffmpeg)
            .args("-v warning -nostdin -xerror -copyts -i".split_whitespace())
            .arg(path)
            .args(["-map", &format!("0:{track}")])
            .args("-fps_mode passthrough -f framecrc -".split_whitespace())
            .output()
            .unwrap();
        says_nothing(&output.stderr, may_jump);
        let frames = String::from_utf8(output.stdout).unwrap();
        frames.lines().filter(|line| !line.starts_with('#')).count()
    });
    Some(frames.collect())
}

/// What FFmpeg encodes with `args` and we write is read by FFmpeg as it was, and decodes whole,
/// wherever the timeline begins.
fn is_read_by_ffmpeg(args: &str) {
    let Some((tracks, mut packets)) = encoded(args) else {
        return;
    };
    for begin in [0, 10 * CLOCK, WRAP - 14 * CLOCK] {
        for (_, packet) in &mut packets {
            packet.pts += begin;
            packet.dts += begin;
        }
        are_read_by_ffmpeg(args, &tracks, &packets);
    }
}

fn are_read_by_ffmpeg(args: &str, tracks: &[Track], packets: &[(usize, Packet)]) {
    let file = file(&written(tracks, packets));
    let Some(probed) = probed(file.path(), false) else {
        return;
    };
    // FFmpeg has what comes before a wrap below 0.
    let away = probed[0].1 - packets.iter().find(|one| one.0 == probed[0].0).unwrap().1.pts;
    assert_eq!(away % WRAP, 0, "{args}");
    for (index, track) in tracks.iter().enumerate() {
        let expected = packets.iter().filter(|one| one.0 == index);
        let expected: Vec<_> = expected
            .map(|(_, packet)| (index, packet.pts + away, packet.dts + away, packet.is_key))
            .collect();
        let found: Vec<_> = probed.iter().filter(|one| one.0 == index).copied().collect();
        assert_eq!(found, expected, "{args}: {}", track.codec);
    }
    let Some(decoded) = decoded(file.path(), tracks.len(), false) else {
        return;
    };
    for (index, frames) in decoded.into_iter().enumerate() {
        let sent = packets.iter().filter(|one| one.0 == index).count();
        // A decoder of sound may have a frame less: its first is silent.
        assert!((sent - 1..=sent).contains(&frames), "{args}: {frames} of {sent}");
        assert!(frames == sent || !tracks[index].codec.is_video(), "{args}");
    }
}

#[test]
fn pictures_that_we_write_are_read_by_ffmpeg() {
    is_read_by_ffmpeg(LIVE);
    is_read_by_ffmpeg(LIVE_H265);
    is_read_by_ffmpeg(
        "-c:v libx264 -preset ultrafast -bf 0 -g 25 -qp 0 -pix_fmt yuv420p -s 1280x720 -t 2",
    );
}

#[test]
fn sound_that_we_write_is_read_by_ffmpeg() {
    for args in [
        "-c:a aac -ar 44100 -ac 2",
        "-c:a aac -ar 48000 -ac 1",
        "-c:a libopus -ac 2",
        "-c:a libopus -ac 2 -frame_duration 60 -b:a 450k",
        "-c:a libmp3lame -ac 2",
        "-c:a libmp3lame -ar 24000 -ac 2",
    ] {
        is_read_by_ffmpeg(args);
    }
}

#[test]
fn pictures_and_sound_that_we_write_are_read_by_ffmpeg() {
    is_read_by_ffmpeg(&format!("{LIVE} -c:a aac -ar 44100"));
    is_read_by_ffmpeg(&format!("{LIVE_H265} -c:a libopus"));
    is_read_by_ffmpeg(&format!("{LIVE} -c:a libmp3lame"));
}

/// What our reader makes of `bytes`, however they are cut.
fn read(bytes: &[u8]) -> (Vec<Item>, Counts) {
    let by = |cut| {
        let mut reader = Reader::new();
        let mut items = Vec::new();
        for piece in bytes.chunks(cut) {
            reader.push(piece);
            items.extend(std::iter::from_fn(|| reader.next()));
        }
        reader.finish();
        items.extend(std::iter::from_fn(|| reader.next()));
        (items, reader.counts())
    };
    let found = by(65_536);
    assert!(by(1) == found && by(1_316) == found);
    found
}

/// What FFmpeg writes with `args` is read as FFmpeg reads it.
fn is_read_as_ffmpeg_does(args: &str, codecs: &[Codec]) -> Option<Media> {
    let bytes = bytes(&format!("{args} -f mpegts"))?;
    let file = file(&bytes);
    let (items, counts) = read(&bytes);
    assert_eq!(counts, Counts::default(), "{args}");
    let program = Program { tracks: codecs.to_vec(), ignored: 0 };
    assert_eq!(items[0], Item::Program(program), "{args}");
    let (mut tracks, mut packets) = (vec![None; codecs.len()], Vec::new());
    for item in items.into_iter().skip(1) {
        match item {
            Item::Track { index, track } => assert_eq!(tracks[index].replace(track), None),
            Item::Packet { index, packet } => packets.push((index, packet)),
            other => panic!("{args}: {other:?}"),
        }
    }
    let probed = probed(file.path(), false)?;
    for (index, codec) in codecs.iter().enumerate() {
        let expected: Vec<_> = probed.iter().filter(|one| one.0 == index).copied().collect();
        let found: Vec<_> = packets.iter().filter(|one| one.0 == index).collect();
        assert_eq!(found.len(), expected.len(), "{args}: {codec}");
        for ((_, packet), (_, pts, dts, is_key)) in found.into_iter().zip(expected) {
            let found = (packet.pts, packet.dts, packet.is_key);
            // Between timestamps that are sent, the last tick is a matter of rounding.
            let within = if codec.is_video() { 0 } else { 1 };
            let is_near = |one: i64, other: i64| (one - other).abs() <= within;
            let is_so =
                is_near(packet.pts, pts) && is_near(packet.dts, dts) && packet.is_key == is_key;
            assert!(is_so, "{args}: {codec}: {found:?}, not {:?}", (pts, dts, is_key));
        }
    }
    Some((tracks.into_iter().map(Option::unwrap).collect(), packets))
}

#[test]
fn what_ffmpeg_writes_is_read_as_it_does() {
    use Codec::{Aac, H264, H265, Mp3, Opus};
    for (args, codecs) in [
        (format!("{LIVE} -c:a aac -ar 44100"), &[H264, Aac][..]),
        (format!("{LIVE} -c:a libmp3lame"), &[H264, Mp3]),
        (format!("{LIVE_H265} -c:a libopus"), &[H265, Opus]),
        (
            "-c:v libx264 -preset fast -bf 3 -g 50 -pix_fmt yuv420p -c:a aac -ac 6".to_owned(),
            &[H264, Aac],
        ),
        ("-c:a libopus -frame_duration 2.5".to_owned(), &[Opus]),
        ("-c:a aac -pes_payload_size 6000".to_owned(), &[Aac]),
    ] {
        let Some((tracks, packets)) = is_read_as_ffmpeg_does(&args, codecs) else {
            return;
        };
        // Once more, written by us.
        are_read_by_ffmpeg(&args, &tracks, &packets);
        let bytes = written(&tracks, &packets);
        let (items, counts) = read(&bytes);
        assert_eq!(counts, Counts::default(), "{args}");
        let mut found: Vec<_> = items
            .into_iter()
            .filter_map(|item| match item {
                Item::Packet { index, packet } => Some((index, packet)),
                _ => None,
            })
            .collect();
        let mut expected = packets;
        found.sort_by_key(|(index, packet)| (*index, packet.dts));
        expected.sort_by_key(|(index, packet)| (*index, packet.dts));
        assert!(found == expected, "{args}: nothing is added to what has all");
    }
}

#[test]
fn configuration_read_is_what_the_encoder_said() {
    for args in [format!("{LIVE} -c:a aac"), format!("{LIVE_H265} -c:a aac -ac 2")] {
        let Some((said, _)) = encoded(&args) else { return };
        let Some((read, _)) = is_read_as_ffmpeg_does(&args, &[said[0].codec, Codec::Aac]) else {
            return;
        };
        assert!(said[0].config.starts_with(&read[0].config), "{said:x?} {read:x?}");
        assert!(said[1].config.starts_with(&read[1].config), "{said:x?} {read:x?}");
    }
}

#[test]
fn more_programs_and_streams_are_ignored() {
    let args = "-c:v libx264 -preset ultrafast -c:a aac -map 0:v -map 1:a -map 1:a -map 0:v";
    let Some(one) = bytes(&format!("{args} -f mpegts")) else {
        return;
    };
    let (items, counts) = read(&one);
    let program = Program { tracks: vec![Codec::H264, Codec::Aac], ignored: 2 };
    assert_eq!((&items[0], counts), (&Item::Program(program), Counts::default()));
    let programs = "-program title=a:st=0:st=1 -program title=b:st=2:st=3";
    let Some(two) = bytes(&format!("{args} {programs} -f mpegts")) else {
        return;
    };
    let (items, _) = read(&two);
    let program = Program { tracks: vec![Codec::H264, Codec::Aac], ignored: 0 };
    assert_eq!(items[0], Item::Program(program));
}

#[test]
fn who_comes_late_gets_pictures_from_the_next_keyframe_on() {
    let Some(bytes) = bytes(&format!("{LIVE} -c:a aac -f mpegts")) else {
        return;
    };
    let (items, counts) = read(&bytes[bytes.len() / 3..]);
    let first = items.iter().find_map(|item| match item {
        Item::Packet { index: 0, packet } => Some(packet.is_key),
        _ => None,
    });
    assert_eq!(first, Some(true));
    assert!((1..25).contains(&counts.skipped), "{counts:?}");
    assert_eq!((counts.continuity_errors, counts.lost), (0, 0));
}

#[test]
fn who_begins_at_a_join_point_of_what_we_write_sees_the_rest() {
    let Some((tracks, packets)) = encoded(&format!("{LIVE} -c:a aac")) else {
        return;
    };
    let bytes = written(&tracks, &packets);
    let mut scanner = Scanner::new(None);
    scanner.scan(&bytes);
    let joins: Vec<_> = scanner.joins().collect();
    let keys = packets.iter().filter(|(track, packet)| *track == 0 && packet.is_key);
    assert_eq!(joins.len(), keys.count());
    for (second, join) in joins.iter().enumerate().step_by(3) {
        let rest = [&join.head, &bytes[usize::try_from(join.at).unwrap()..]].concat();
        let Some(decoded) = decoded(file(&rest).path(), 1, false) else {
            return;
        };
        assert_eq!(decoded, [200 - 25 * second]);
    }
}

#[test]
fn jump_of_the_timeline_is_no_error_to_ffmpeg() {
    let Some((tracks, packets)) = encoded(&format!("{LIVE} -c:a aac -t 2")) else {
        return;
    };
    let mut writer = Writer::new(&tracks).unwrap();
    let mut bytes = Vec::new();
    for begin in [100 * CLOCK, 3 * CLOCK] {
        for (track, packet) in &packets {
            let (pts, dts) = (packet.pts + begin, packet.dts + begin);
            let packet = Packet { pts, dts, ..packet.clone() };
            writer.write(*track, &packet, &mut bytes).unwrap();
        }
        writer.set_discontinuity();
    }
    let file = file(&bytes);
    let Some(probed) = probed(file.path(), true) else {
        return;
    };
    assert_eq!(probed.len(), 2 * packets.len());
    let Some(decoded) = decoded(file.path(), 1, true) else {
        return;
    };
    assert_eq!(decoded, [100]);
}
