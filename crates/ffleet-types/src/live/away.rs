//! What viewers of an encoded stream get while its source is away.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Name;
use crate::units::{ParseError, Span};

/// One step of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Away {
    /// Nothing, connected, for so long; nothing said: as long as it takes.
    Hold(Option<Span>),
    /// The picture in this file, and silence.
    Slate(PathBuf),
    /// Another feed of the same tracks, while that gives frames.
    Feed(Name),
    /// Their streams end.
    End,
}

impl fmt::Display for Away {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hold(None) => f.pad("hold"),
            Self::Hold(Some(span)) => write!(f, "hold {span}"),
            Self::Slate(path) => write!(f, "slate {}", path.display()),
            Self::Feed(name) => write!(f, "feed {name}"),
            Self::End => f.pad("end"),
        }
    }
}

impl FromStr for Away {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let wrong = || {
            let what = "a fallback: `hold`, `hold 2s`, `slate /PATH`, `feed NAME` or `end`";
            ParseError::new(text, what)
        };
        match text
            .split_once(char::is_whitespace)
            .map(|(word, rest)| (word, rest.trim()))
        {
            None if text == "hold" => Ok(Self::Hold(None)),
            None if text == "end" => Ok(Self::End),
            Some(("hold", span)) => {
                span.parse().map(|span| Self::Hold(Some(span))).map_err(|_span| wrong())
            }
            Some(("slate", path)) if Path::new(path).is_absolute() => Ok(Self::Slate(path.into())),
            Some(("feed", name)) => name.parse().map(Self::Feed).map_err(|_name| wrong()),
            _ => Err(wrong()),
        }
    }
}

impl TryFrom<String> for Away {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<Away> for String {
    fn from(away: Away) -> Self {
        away.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_read_as_they_are_written() {
        for text in ["hold", "hold 2s", "slate /a b.png", "feed studio-2", "end"] {
            assert_eq!(text.parse::<Away>().unwrap().to_string(), text);
        }
        for text in ["", "hold on", "slate", "slate a.png", "feed", "feed /a", "end now"] {
            text.parse::<Away>().unwrap_err();
        }
    }
}
