//! Where a stream goes beside its viewers: destinations that may go and come back, and recordings.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::units::{Bytes, ParseError, Span};

/// One destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Output {
    /// Which.
    pub to: To,
    /// What is held for it while it is away, at most.
    pub ring: Bytes,
}

/// What a destination is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum To {
    /// A server that is published to, by RTMP or RTMPS.
    Rtmp(Url),
    /// A server that is sent a transport stream, by SRT.
    Srt(Url),
    /// Files on this machine.
    Record(Record),
}

/// An address with what may be a secret in it: whoever shows it redacts it first. `Debug` says no more than its scheme.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Url(pub String);

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.0.split_once("://").map_or("", |(scheme, _)| scheme);
        write!(f, "Url({scheme}://***)")
    }
}

/// A recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Record {
    /// What its files are called.
    pub path: Template,
    /// After so long another file is begun, at the next keyframe; nothing: never.
    pub split: Option<Span>,
}

/// A container that is recorded into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    /// Matroska (`.mkv`).
    Matroska,
    /// Fragmented MP4 (`.mp4`).
    Mp4,
    /// An MPEG transport stream (`.ts`).
    MpegTs,
    /// FLV (`.flv`).
    Flv,
}

impl Container {
    fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "mkv" => Some(Self::Matroska),
            "mp4" => Some(Self::Mp4),
            "ts" => Some(Self::MpegTs),
            "flv" => Some(Self::Flv),
            _ => None,
        }
    }
}

/// The path of a file with the time of its beginning in its name: `/media/studio-%Y%m%d-%H%M%S.mkv`, in UTC, and
/// `%%` for a percent sign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Template {
    text: String,
    container: Container,
}

/// What a template looks like.
const TEMPLATE: &str = "the whole path of a recording, ending with .mkv, .mp4, .ts or .flv, with %Y, %m, %d, %H, %M and %S \
                        (or %% for a percent sign) in the file's name alone";
/// The longest path in bytes: that of Linux, less what is appended where a name is taken.
const LONGEST: usize = 4_000;
/// The longest name of a file in bytes, less the same.
const LONGEST_NAME: usize = 240;

impl Template {
    /// What is recorded into.
    #[must_use]
    pub const fn container(&self) -> Container {
        self.container
    }

    /// The path for a file that is begun at this time, as RFC 3339 has it (`2026-01-31T12:00:00…`).
    #[must_use]
    pub fn at(&self, time: &str) -> PathBuf {
        let part = |from: usize, to: usize| time.get(from..to).unwrap_or_default();
        let mut path = String::with_capacity(self.text.len() + 8);
        let mut rest = self.text.chars();
        while let Some(c) = rest.next() {
            match (c, c == '%') {
                (_, false) => path.push(c),
                (_, true) => path.push_str(match rest.next() {
                    Some('Y') => part(0, 4),
                    Some('m') => part(5, 7),
                    Some('d') => part(8, 10),
                    Some('H') => part(11, 13),
                    Some('M') => part(14, 16),
                    Some('S') => part(17, 19),
                    _ => "%",
                }),
            }
        }
        PathBuf::from(path)
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl FromStr for Template {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        use std::path::Component::{Normal, RootDir};
        let path = Path::new(text);
        let name = path.file_name().and_then(std::ffi::OsStr::to_str).unwrap_or_default();
        let directory = path.parent().and_then(Path::to_str).unwrap_or_default();
        let is_plain = path.is_absolute()
            && !text.contains(char::is_control)
            && path.components().all(|part| matches!(part, Normal(_) | RootDir))
            && text.len() <= LONGEST
            && name.len() <= LONGEST_NAME;
        let mut marks = name.split('%').skip(1);
        let mut is_known = true;
        while let Some(mark) = marks.next() {
            // Of `%%` the second begins a part of its own, which is no mark.
            is_known &= match mark.is_empty() {
                true => marks.next().is_some(),
                false => mark.starts_with(['Y', 'm', 'd', 'H', 'M', 'S']),
            };
        }
        match Container::of(path) {
            Some(container) if is_plain && is_known && !directory.contains('%') => {
                Ok(Self { text: text.to_owned(), container })
            }
            _ => Err(ParseError::new(text, TEMPLATE)),
        }
    }
}

impl TryFrom<String> for Template {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<Template> for String {
    fn from(template: Template) -> Self {
        template.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_of_a_recording_says_when_it_begins() {
        let template: Template = "/media/a-%Y%m%d-%H%M%S%%.mkv".parse().unwrap();
        let path = template.at("2026-01-31T12:05:09.123Z");
        assert_eq!(path, Path::new("/media/a-20260131-120509%.mkv"));
        assert_eq!(template.container(), Container::Matroska);
        assert_eq!(template.at(""), Path::new("/media/a--%.mkv"), "of no time nothing is said");
    }

    #[test]
    fn what_is_no_name_of_a_recording_is_refused() {
        for text in [
            "",
            "a.mkv",
            "/a",
            "/a.avi",
            "/a/../b.mkv",
            "/%Y/a.mkv",
            "/a%.mkv",
            "/a%x.mkv",
            "/a%%%.mkv",
            "/a\n.ts",
            "/a%",
            "/.mkv",
        ] {
            text.parse::<Template>().unwrap_err();
        }
        format!("/{}.ts", "a".repeat(250)).parse::<Template>().unwrap_err();
        for text in ["/a.ts", "/a%%.flv", "/a%%%Y.mp4"] {
            text.parse::<Template>().unwrap();
        }
    }

    #[test]
    fn address_is_not_shown() {
        let shown = format!("{:?}", To::Rtmp(Url("rtmp://user@host/live/SECRET".to_owned())));
        assert_eq!(shown, "Rtmp(Url(rtmp://***))");
    }
}
