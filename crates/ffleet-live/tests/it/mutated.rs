//! What FFmpeg writes, and somebody damaged.

use ffleet_live::join::{Format, Join, Scanner};
use proptest::prelude::*;

use crate::clip::{GOP, bytes};

/// How much of a clip is damaged in bytes.
const LONG: usize = 100_000;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Damage {
    Set(u8),
    /// So many bytes are lost.
    Lose(usize),
    /// So many come twice.
    Repeat(usize),
}

pub(crate) fn damages() -> impl Strategy<Value = Vec<(usize, Damage)>> {
    let damage = prop_oneof![
        3 => any::<u8>().prop_map(Damage::Set),
        1 => (1..2_000_usize).prop_map(Damage::Lose),
        1 => (1..2_000_usize).prop_map(Damage::Repeat),
    ];
    // Half of it where headers are.
    let place = prop_oneof![0..LONG, 0..2_000_usize];
    prop::collection::vec((place, damage), 1..12)
}

pub(crate) fn damaged(mut bytes: Vec<u8>, damages: &[(usize, Damage)]) -> Vec<u8> {
    for (place, damage) in damages {
        let at = place % bytes.len();
        match *damage {
            Damage::Set(byte) => bytes[at] = byte,
            Damage::Lose(long) => {
                let end = (at + long).min(bytes.len() - 1);
                bytes.drain(at.min(end)..end);
            }
            Damage::Repeat(long) => {
                let again = bytes[at..(at + long).min(bytes.len())].to_vec();
                bytes.splice(at..at, again);
            }
        }
    }
    bytes
}

fn scanned(format: Format, bytes: &[u8], cut: usize) -> (u64, Option<Format>, Vec<Join>) {
    let mut scanner = Scanner::new(Some(format));
    let (mut joins, mut whole, mut seen) = (Vec::<Join>::new(), 0, 0);
    for piece in bytes.chunks(cut) {
        scanner.scan(piece);
        seen += piece.len() as u64;
        assert!((whole..=seen).contains(&scanner.whole()), "it never goes back");
        for rewrite in scanner.rewrites() {
            let end = rewrite.at + rewrite.bytes.len() as u64;
            assert!(whole <= rewrite.at && end <= seen, "it has not been handed on");
        }
        whole = scanner.whole();
        for join in scanner.joins() {
            assert!(join.at <= whole && joins.last().is_none_or(|last| last.at < join.at));
            joins.push(join);
        }
    }
    (whole, scanner.format(), joins)
}

fn survives(format: Format, args: &str) {
    let Some(mut bytes) = bytes(&format!("{args} -t 3")) else {
        return;
    };
    bytes.truncate(LONG);
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) };
    proptest!(config, |(damages in damages(), cut in 1..5_000_usize)| {
        let damaged = damaged(bytes.clone(), &damages);
        let (whole, told, joins) = scanned(format, &damaged, LONG * 2);
        for cut in [cut, 61] {
            let (other, as_well, mut more) = scanned(format, &damaged, cut);
            prop_assert_eq!((other, as_well), (whole, told));
            if told == Some(Format::Opaque) {
                more.truncate(joins.len());
            }
            prop_assert_eq!(&more, &joins);
        }
    });
}

#[test]
fn damaged_packets_are_survived() {
    let args = format!("-c:v libx264 -preset ultrafast -c:a aac {GOP} -f mpegts");
    survives(Format::MpegTs, &args);
}

#[test]
fn damaged_fragments_are_survived() {
    for more in ["", "+default_base_moof"] {
        let flags = format!("-movflags frag_keyframe+empty_moov{more}");
        let args = format!("-c:v libx264 -preset ultrafast -c:a aac {GOP} {flags} -f mp4");
        survives(Format::FragmentedMp4, &args);
    }
}

#[test]
fn damaged_tags_are_survived() {
    survives(Format::Flv, &format!("-c:v libx264 -preset ultrafast -c:a aac {GOP} -f flv"));
}

#[test]
fn damaged_elements_are_survived() {
    let args = format!("-c:v libx264 -preset ultrafast -c:a aac {GOP} -f matroska");
    survives(Format::Matroska, &args);
}

#[test]
fn damaged_parts_are_survived() {
    survives(Format::MultipartJpeg, "-c:v mjpeg -pix_fmt yuvj420p -threads 1 -f mpjpeg");
}

#[test]
fn damaged_frames_are_survived() {
    survives(Format::Mp3, "-c:a libmp3lame -f mp3");
    survives(Format::Adts, "-c:a aac -f adts");
}

#[test]
fn damaged_pages_are_survived() {
    survives(Format::Ogg, &format!("-c:v libtheora -c:a libvorbis {GOP} -f ogg"));
}
