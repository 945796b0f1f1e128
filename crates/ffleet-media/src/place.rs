//! Where media comes from and where results go, as a person names them.

use std::fmt;
use std::str::FromStr;

use ffleet_types::{FrameRate, FrameSize, ParseError};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Where media comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// An absolute path on the machine that runs the job.
    File(String),
    /// `http://` or `https://`.
    Url(String),
    /// A moving test picture with sound, made by the engine: `test:1080p60`.
    Test(TestPicture),
}

/// A generated picture: `test:720p30`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TestPicture {
    /// Its size.
    pub size: FrameSize,
    /// Its frame rate, in whole frames a second.
    pub fps: u32,
}

/// Where a result goes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// An absolute path.
    File(String),
    /// A live destination: `rtmp://` or `rtmps://`. The task that sends to it is live.
    Live(String),
}

/// An absolute path that a name in a request means, or why it is none. Purely textual: links
/// and existence are the worker's to look at.
fn absolute(text: &str) -> Result<String, ParseError> {
    let path = text.strip_prefix("file://").unwrap_or(text);
    let bad = |expected| Err(ParseError::new(text, expected));
    if path.contains('\0') {
        return bad("a path: it contains a NUL byte");
    }
    if !path.starts_with('/') {
        return bad(
            "an absolute path (beginning with '/'), file://, http:// or https:// URL, or test:1080p60",
        );
    }
    if path.len() > 4_096 {
        return bad("a path of at most 4096 bytes");
    }
    Ok(path.to_owned())
}

impl TestPicture {
    fn parse(text: &str) -> Option<Self> {
        let (lines, fps) = text.split_once('p')?;
        let (width, height) = match lines {
            "240" => (426, 240),
            "360" => (640, 360),
            "480" => (854, 480),
            "720" => (1_280, 720),
            "1080" => (1_920, 1_080),
            "1440" => (2_560, 1_440),
            "2160" => (3_840, 2_160),
            _ => return None,
        };
        let fps: u32 = if fps.is_empty() { 30 } else { fps.parse().ok()? };
        FrameRate::new(fps, 1).filter(|_| fps <= 240)?;
        Some(Self { size: FrameSize { width, height }, fps })
    }
}

impl FromStr for Source {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let lower = text.get(..8).unwrap_or(text).to_ascii_lowercase();
        if lower.starts_with("http://") || lower.starts_with("https://") {
            if text.len() > 4_096 || text.chars().any(|c| c.is_control() || c == ' ') {
                return Err(ParseError::new(
                    text,
                    "a URL: at most 4096 bytes, no spaces or control characters",
                ));
            }
            return Ok(Self::Url(text.to_owned()));
        }
        if let Some(picture) = text.strip_prefix("test:") {
            return TestPicture::parse(picture).map(Self::Test).ok_or_else(|| {
                ParseError::new(
                    text,
                    "a test picture: test:LINESpFPS with 240, 360, 480, 720, 1080, 1440 or 2160 \
                     lines and 1 to 240 frames a second, such as test:1080p60",
                )
            });
        }
        absolute(text).map(Self::File)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.write_str(path),
            Self::Url(url) => f.write_str(url),
            Self::Test(picture) => write!(f, "test:{}p{}", picture.size.height, picture.fps),
        }
    }
}

impl FromStr for Target {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let lower = text.get(..8).unwrap_or(text).to_ascii_lowercase();
        if lower.starts_with("rtmp://") || lower.starts_with("rtmps://") {
            if text.len() > 4_096 || text.chars().any(|c| c.is_control() || c == ' ') {
                return Err(ParseError::new(
                    text,
                    "a URL: at most 4096 bytes, no spaces or control characters",
                ));
            }
            return Ok(Self::Live(text.to_owned()));
        }
        absolute(text)
            .map_err(|_as_source| {
                ParseError::new(text, "an absolute path, a file:// URL, or an rtmp:// URL")
            })
            .map(Self::File)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(place) | Self::Live(place) => f.write_str(place),
        }
    }
}

macro_rules! as_text {
    ($($name:ident),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

as_text!(Source, Target);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_told_apart() {
        for (text, written) in [
            ("/a/b c.mp4", "/a/b c.mp4"),
            ("file:///a/-b.mp4", "/a/-b.mp4"),
            ("https://h/x.mp4?y", "https://h/x.mp4?y"),
            ("test:1080p60", "test:1080p60"),
            ("test:720p", "test:720p30"),
        ] {
            assert_eq!(text.parse::<Source>().unwrap().to_string(), written);
        }
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for text in [
            "",
            "a.mp4",
            "-i",
            "concat:/a|/b",
            "ftp://h/x",
            "test:1p1",
            "test:720p0",
            "/a\0b",
        ] {
            assert!(text.parse::<Source>().is_err(), "{text:?}");
        }
        for text in ["", "out.mp4", "http://h/x", "test:720p30", "pipe:1", "tcp://h:1"] {
            assert!(text.parse::<Target>().is_err(), "{text:?}");
        }
    }
}
