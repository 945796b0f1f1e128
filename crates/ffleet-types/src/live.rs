//! What can be watched, as somebody declared it: feeds, streams, and what both are made of.

use std::borrow::Borrow;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::units::ParseError;

// What is read and shown as one of these words.
macro_rules! words {
    ($name:ident: $what:literal, $($variant:ident = $word:literal),+) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self { $(Self::$variant => $word),+ })
            }
        }

        impl FromStr for $name {
            type Err = ParseError;

            fn from_str(text: &str) -> Result<Self, ParseError> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(ParseError::new(text, $what)),
                }
            }
        }
    };
}

pub mod away;
pub mod feed;
pub mod inputs;
pub mod output;
pub mod stream;
pub mod token;
pub mod totals;

pub use away::Away;
pub use feed::Feed;
pub use inputs::Inputs;
pub use output::Output;
pub use stream::{Encode, Stream};
pub use totals::Totals;

/// How many tracks a stream is made of at most: a picture, and sound.
pub const TRACKS: u64 = 2;

/// Of what there are two sorts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sort {
    /// A source of live bytes.
    Feed,
    /// What can be watched.
    Stream,
}

impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Feed => "feed",
            Self::Stream => "stream",
        })
    }
}

impl Sort {
    /// What the children of one of this name, and their logs, are called.
    #[must_use]
    pub fn label(self, name: &Name) -> String {
        format!("{self}-{name}")
    }

    /// Whether a child is called as those of feeds and streams are.
    #[must_use]
    pub fn is_label(child: &str) -> bool {
        [Self::Feed, Self::Stream].iter().any(|sort| {
            let rest = child.strip_prefix(&sort.to_string());
            rest.is_some_and(|rest| rest.starts_with('-'))
        })
    }
}

/// The longest name.
const LONGEST: usize = 100;

/// The name of a feed or a stream: up to 100 letters, digits, `.`, `_`, `~` and `-` of ASCII, a letter
/// or digit first. It is a part of addresses and stands there as it is (RFC 3986, unreserved).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(Arc<str>);

impl Name {
    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for Name {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let legal = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'~' | b'-');
        let fits = text.len() <= LONGEST
            && text.bytes().all(legal)
            && text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric());
        if !fits {
            let what =
                "a name: up to 100 letters, digits, '.', '_', '~' and '-', a letter or digit first";
            return Err(ParseError::new(text, what));
        }
        Ok(Self(text.into()))
    }
}

impl TryFrom<String> for Name {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0.as_ref().to_owned()
    }
}

/// A program and its arguments, as they are given to `execve(2)`: no shell reads them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Command(Vec<String>);

impl Command {
    /// The program: a path, or a name that is looked up in `PATH`.
    #[must_use]
    pub fn program(&self) -> &str {
        &self.0[0]
    }

    /// Its arguments, without the program.
    #[must_use]
    pub fn args(&self) -> &[String] {
        &self.0[1..]
    }

    /// Program and arguments.
    #[must_use]
    pub fn words(&self) -> &[String] {
        &self.0
    }
}

impl TryFrom<Vec<String>> for Command {
    type Error = ParseError;

    fn try_from(words: Vec<String>) -> Result<Self, ParseError> {
        let text = words.join(" ");
        if words.first().is_none_or(String::is_empty) {
            return Err(ParseError::new(&text, "a command: a program, then its arguments"));
        }
        if words.iter().any(|word| word.contains('\0')) {
            return Err(ParseError::new(&text, "a command: it holds a NUL character"));
        }
        Ok(Self(words))
    }
}

impl From<Command> for Vec<String> {
    fn from(command: Command) -> Self {
        command.0
    }
}

/// Where live bytes come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// From the standard output of a command.
    Command(Command),
    /// From whoever sends them in the body of a request (`PUT` or `POST` to `/ingest/NAME`).
    Push,
    /// From this address, which is asked for them.
    Pull(String),
    /// From whoever writes them into this FIFO.
    Fifo(PathBuf),
    /// Raw tracks, which streams encode.
    Inputs(Inputs),
    /// From encoders of ours, of the raw tracks of the feed that it reads. Streams make such a feed for themselves.
    Encode(Encode),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_is_a_part_of_an_address() {
        for (name, fine) in [
            ("cam1", true),
            ("Cam_1.front~a-b", true),
            ("1", true),
            ("", false),
            (".cam", false),
            ("-cam", false),
            ("a/b", false),
            ("a b", false),
            ("kamera-größe", false),
            (&"a".repeat(100), true),
            (&"a".repeat(101), false),
        ] {
            assert_eq!(name.parse::<Name>().is_ok(), fine, "{name:?}");
        }
    }

    #[test]
    fn children_of_feeds_and_streams_are_known_by_their_names() {
        let label = Sort::Stream.label(&"cam.1".parse().unwrap());
        assert_eq!(label, "stream-cam.1");
        for (child, is_one) in [
            (label.as_str(), true),
            ("feed-a.3", true),
            ("feeds.3", false),
            ("feed", false),
            ("01hxyz.0.1-1-encode", false),
        ] {
            assert_eq!(Sort::is_label(child), is_one, "{child}");
        }
    }

    #[test]
    fn command_has_a_program() {
        let command = |words: &[&str]| {
            Command::try_from(words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>())
        };
        let fine = command(&["ffmpeg", "-i", "a b"]).unwrap();
        assert_eq!((fine.program(), fine.args().len()), ("ffmpeg", 2));
        command(&[]).unwrap_err();
        command(&["", "x"]).unwrap_err();
        command(&["ffmpeg", "a\0b"]).unwrap_err();
    }
}
