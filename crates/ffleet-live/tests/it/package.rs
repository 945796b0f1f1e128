//! Packets as FLV, held against FFmpeg's own.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use ffleet_live::flv::{Kind, Packager, Tag, Writer};
use ffleet_live::join::{Format, Scanner};
use ffleet_live::packet::Codec;
use ffleet_live::rtmp::amf::{self, Value};
use ffleet_testkit::{cpus, need};

use crate::clip::{GOP, bytes};
use crate::source::{self, Source};

/// The tags of a source, those that come before all packets first.
pub(crate) fn packaged(source: &Source) -> Vec<Tag> {
    let mut packager = Packager::new(&source.tracks).unwrap();
    let mut tags = packager.headers();
    for (track, packet) in &source.packets {
        packager.package(*track, packet, &mut tags).unwrap();
    }
    tags
}

fn written(source: &Source, tags: &[Tag]) -> Vec<u8> {
    let mut writer = Writer::new(&source.tracks);
    let mut flv = Vec::new();
    for tag in tags {
        writer.write(tag, &mut flv);
    }
    flv
}

fn file(dir: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.join(name);
    File::create(&path).unwrap().write_all(bytes).unwrap();
    path
}

/// What a program says of a file; it must have nothing to complain of.
fn said(program: &Path, before: &str, path: &Path, after: &str) -> String {
    let mut command = Command::new(program);
    command
        .args(before.split_whitespace())
        .arg(path)
        .args(after.split_whitespace());
    let output = command.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{}", path.display());
    assert!(output.status.success(), "{}", path.display());
    String::from_utf8(output.stdout).unwrap()
}

const PACKETS: &str = "-v warning -show_entries packet=stream_index,pts,dts,size,flags -of csv -i";
const PICTURES: &str = "-v warning -xerror -threads 1 -i";
const TO_SUMS: &str = "-map 0 -fps_mode passthrough -f framemd5 -";

/// The tags are those that FFmpeg writes, byte for byte; ffprobe finds the same packets in both files, and a decoder the
/// same pictures and sound.
fn as_ffmpeg_writes_it(args: &str) {
    let (Some(flv), Some(ffprobe), Some(ffmpeg)) = (bytes(args), need::ffprobe(), need::ffmpeg())
    else {
        return;
    };
    let source = source::of_flv(&flv);
    assert!(source.packets.len() > 100, "{args}");
    let tags = packaged(&source);
    let media = |tags: &[Tag], is_header: bool| -> Vec<Tag> {
        let wanted = |tag: &&Tag| tag.kind() != Kind::Script && tag.is_header() == is_header;
        tags.iter().filter(wanted).cloned().collect()
    };
    assert!(media(&tags, true) == media(&source.tags, true), "{args}: sequence headers");
    assert!(media(&tags, false) == media(&source.tags, false), "{args}: packets");
    let dir = tempfile::tempdir().unwrap();
    let (theirs, ours) = (
        file(dir.path(), "theirs.flv", &flv),
        file(dir.path(), "ours.flv", &written(&source, &tags)),
    );
    let told =
        |path: &Path| (said(&ffprobe, PACKETS, path, ""), said(&ffmpeg, PICTURES, path, TO_SUMS));
    assert_eq!(told(&ours), told(&theirs), "{args}");
}

#[test]
fn h264_and_aac_are_as_ffmpeg_writes_them() {
    for x264 in [
        "-preset ultrafast",
        "-preset veryfast -bf 3",
        "-profile:v baseline -x264-params slices=4",
    ] {
        as_ffmpeg_writes_it(&format!("-c:v libx264 {x264} -c:a aac {GOP} -f flv"));
    }
}

#[test]
fn h264_with_more_colour_is_as_ffmpeg_writes_it() {
    let gop = GOP.replace("yuv420p", "yuv422p10le");
    as_ffmpeg_writes_it(&format!("-c:v libx264 -preset ultrafast {gop} -f flv"));
}

#[test]
fn sound_alone_is_as_ffmpeg_writes_it() {
    as_ffmpeg_writes_it("-c:a aac -ac 1 -ar 44100 -f flv");
    as_ffmpeg_writes_it("-c:a libmp3lame -ar 44100 -ac 2 -f flv");
    as_ffmpeg_writes_it("-c:a libmp3lame -ar 22050 -ac 1 -f flv");
}

#[test]
fn metadata_says_what_ffmpeg_says() {
    let picture = format!("-c:v libx264 -preset ultrafast -vf scale=426:242 {GOP}");
    for args in [
        format!("{picture} -c:a aac -ac 2 -ar 44100 -f flv"),
        format!("{picture} -c:a aac -ac 1 -ar 32000 -f flv"),
        "-c:a libmp3lame -ar 44100 -f flv".to_owned(),
    ] {
        let Some(flv) = bytes(&args) else { return };
        let metadata = |tags: &[Tag]| {
            let of = tags.iter().find(|tag| tag.kind() == Kind::Script).unwrap();
            let values = amf::decode(of.body()).unwrap();
            assert_eq!(values[0].text(), Some("onMetaData"));
            values[1].clone()
        };
        let source = source::of_flv(&flv);
        let ours = metadata(&Packager::new(&source.tracks).unwrap().headers());
        let theirs = metadata(&source::tags(&flv));
        let Value::Map(pairs) = &ours else { panic!("{ours:?}") };
        assert_eq!(pairs.len(), if args.contains("-c:v") { 7 } else { 2 }, "{ours:?}");
        for (name, value) in pairs.iter().filter(|(name, _)| name != "encoder") {
            assert_eq!(Some(value), theirs.field(name), "{args}: {name}");
        }
    }
}

#[test]
fn keyframes_of_h265_are_join_points_and_a_recent_ffmpeg_decodes_it() {
    let x265 =
        "-preset ultrafast -bf 0 -x265-params aud=1:log-level=none:pools=none:frame-threads=1";
    let args = format!("-c:v libx265 {x265} {GOP} -f hevc");
    let Some(stream) = bytes(&args) else { return };
    let source = source::of_hevc(&stream, 3600);
    assert_eq!(source.packets.len(), 200);
    let tags = packaged(&source);
    let flv = written(&source, &tags);
    let mut scanner = Scanner::new(None);
    scanner.scan(&flv);
    assert_eq!((scanner.format(), scanner.joins().count()), (Some(Format::Flv), 8));
    let Some(ffmpeg) = cpus::new_ffmpeg() else { return };
    let dir = tempfile::tempdir().unwrap();
    let ours = file(dir.path(), "ours.flv", &flv);
    let plain = file(dir.path(), "plain.hevc", &stream);
    let sums = |path: &Path| -> Vec<String> {
        let said = said(&ffmpeg, "-v error -xerror -threads 1 -i", path, TO_SUMS);
        let lines = said.lines().filter(|line| !line.starts_with('#'));
        lines
            .map(|line| line.rsplit(',').next().unwrap().trim().to_owned())
            .collect()
    };
    let found = sums(&ours);
    assert_eq!(found.len(), 200);
    assert_eq!(found, sums(&plain));
    // FFmpeg's own file of the same has the same sequence header, but that it does not say of the parameter sets
    // that there are no others.
    let mut command = Command::new(&ffmpeg);
    command.args("-v error -framerate 25 -i".split(' ')).arg(&plain);
    let theirs = command.args("-c copy -f flv -".split(' ')).output().unwrap();
    let theirs = source::tags(&theirs.stdout);
    let header = |tags: &[Tag]| {
        let is_ours = |tag: &&Tag| tag.kind() == Kind::Video && tag.is_header();
        let body = tags.iter().find(is_ours).unwrap().body().to_vec();
        let open = |byte: u8| {
            if (0xa0..=0xa2).contains(&byte) {
                byte & 0x7f
            } else {
                byte
            }
        };
        body.into_iter().map(open).collect::<Vec<_>>()
    };
    assert_eq!(source.tracks[0].codec, Codec::H265);
    assert_eq!(header(&tags), header(&theirs));
}
