//! Files of a recording: their names, and what is asked of FFmpeg.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use ffleet_live::packet::{Codec, Track};
use ffleet_types::live::output::{Container, Template};

/// What is read, and passed on as it is. It is looked at until all of its tracks are known, which are those of its first
/// program map, for up to ten seconds: where an encoder is late, so is its track.
const INPUT: &str = "-analyzeduration 10000000 -scan_all_pmts 0 -f mpegts -i pipe:0 -map 0 -c copy \
                     -flush_packets 1";
/// How many files may be called the same but for a number.
const SAME: u32 = 10_000;

/// A file that nobody had, for a recording that begins at `time` (RFC 3339). Blocks.
///
/// # Errors
///
/// If there can be none.
pub(super) fn reserve(template: &Template, time: &str) -> io::Result<PathBuf> {
    let wanted = template.at(time);
    let mut path = wanted.clone();
    for number in 1..SAME {
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(_) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                path = numbered(&wanted, number);
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("all names are taken"))
}

/// `a-2.mkv` for `a.mkv`.
fn numbered(path: &Path, number: u32) -> PathBuf {
    let part = |part: Option<&std::ffi::OsStr>| {
        part.map(|it| it.to_string_lossy().into_owned()).unwrap_or_default()
    };
    path.with_file_name(format!("{}-{number}.{}", part(path.file_stem()), part(path.extension())))
}

/// Removes a file that nothing was recorded into. Blocks.
pub(super) fn discard_empty(path: &Path) {
    if fs::metadata(path).is_ok_and(|file| file.len() == 0)
        && let Err(error) = fs::remove_file(path)
    {
        tracing::warn!(path = %path.display(), %error, "an empty recording cannot be removed");
    }
}

/// The words that have FFmpeg record a transport stream from its standard input into `path`, and say how far it is. Each
/// container is written so that what is there of it can be read if FFmpeg dies.
pub(super) fn args(path: &Path, container: Container, tracks: &[Track]) -> Vec<String> {
    let has_pictures = tracks.iter().any(|track| track.codec.is_video());
    let mut args = words("-nostdin -v warning -y -stats_period 0.2 -progress pipe:1");
    args.extend(words(INPUT));
    if container == Container::Mp4 && tracks.iter().any(|track| track.codec == Codec::Aac) {
        // In fragments its muxer does not ask for it of its own accord.
        args.extend(words("-bsf:a aac_adtstoasc"));
    }
    args.extend(match (container, has_pictures) {
        (Container::Matroska, _) => words("-f matroska"),
        (Container::Mp4, true) => {
            words("-movflags +frag_keyframe+delay_moov+default_base_moof -f mp4")
        }
        (Container::Mp4, false) => {
            words("-movflags +delay_moov+default_base_moof -frag_duration 2000000 -f mp4")
        }
        (Container::MpegTs, _) => words("-f mpegts"),
        (Container::Flv, _) => words("-flvflags no_duration_filesize -f flv"),
    });
    args.push(format!("file:{}", path.display()));
    args
}

/// The words that have it send a transport stream from its standard input to `url`.
pub(super) fn args_of_srt(url: &str) -> Vec<String> {
    let mut args = words("-nostdin -v warning");
    args.extend(words(INPUT));
    args.extend(words("-f mpegts"));
    args.push(url.to_owned());
    args
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_that_is_taken_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let template: Template = format!("{}/a-%S.mkv", dir.path().display()).parse().unwrap();
        let time = "2026-01-31T12:05:09.123Z";
        let names: Vec<_> = (0..3)
            .map(|_| reserve(&template, time).unwrap().file_name().unwrap().to_owned())
            .collect();
        assert_eq!(names, ["a-09.mkv", "a-09-1.mkv", "a-09-2.mkv"]);
        let absent: Template = format!("{}/no/a.mkv", dir.path().display()).parse().unwrap();
        reserve(&absent, time).unwrap_err();
        discard_empty(&dir.path().join("a-09.mkv"));
        assert!(reserve(&template, time).unwrap().ends_with("a-09.mkv"), "it was empty");
    }
}
