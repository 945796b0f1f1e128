//! A feed: a source of live bytes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::stream::Access;
use super::{Name, Source};
use crate::units::{Bytes, ParseError, Span};

/// A feed, as it was declared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Feed {
    /// What it is called.
    pub name: Name,
    /// Where its bytes come from.
    pub source: Source,
    /// The feed whose bytes its command reads from its standard input; it lives while this one does.
    pub feed: Option<Name>,
    /// When it runs.
    pub mode: Mode,
    /// Without a byte for so long it is taken for dead; nothing: never.
    pub silence: Option<Span>,
    /// What its viewers get while it is dead.
    pub fallback: Vec<Fallback>,
    /// What its end without a failure means.
    pub at_end: AtEnd,
    /// What it holds for those who read it, at most.
    pub ring: Bytes,
    /// Who may push to it; nothing where nobody does.
    pub access: Access,
}

/// When a feed runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Mode {
    /// While somebody needs it.
    #[default]
    OnDemand,
    /// Always.
    Autostart,
    /// From its first use on.
    Continuous,
    /// While somebody needs it, and so long after.
    Linger(Span),
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OnDemand => f.pad("on-demand"),
            Self::Autostart => f.pad("autostart"),
            Self::Continuous => f.pad("continuous"),
            Self::Linger(span) => fmt::Display::fmt(span, f),
        }
    }
}

impl FromStr for Mode {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            "on-demand" => Ok(Self::OnDemand),
            "autostart" => Ok(Self::Autostart),
            "continuous" => Ok(Self::Continuous),
            _ => text.parse().map(Self::Linger).map_err(|_not_a_span| {
                let what =
                    "a mode: on-demand, autostart, continuous, or a time to linger such as 10s";
                ParseError::new(text, what)
            }),
        }
    }
}

impl TryFrom<String> for Mode {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<Mode> for String {
    fn from(mode: Mode) -> Self {
        mode.to_string()
    }
}

/// What viewers get while a feed is dead; a feed has a list of them, and the last one lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Fallback {
    /// Their connections are held, for so long; nothing: as long as it takes.
    Hold(Option<Span>),
    /// Their streams end.
    End,
}

impl fmt::Display for Fallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hold(None) => f.pad("hold"),
            Self::Hold(Some(span)) => write!(f, "hold {span}"),
            Self::End => f.pad("end"),
        }
    }
}

impl FromStr for Fallback {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let what = "a fallback: `hold`, `hold` and a time such as `hold 30s`, or `end`";
        match text.split_once(char::is_whitespace) {
            None if text == "hold" => Ok(Self::Hold(None)),
            None if text == "end" => Ok(Self::End),
            Some(("hold", span)) => span
                .trim()
                .parse()
                .map(|span| Self::Hold(Some(span)))
                .map_err(|_not_a_span| ParseError::new(text, what)),
            _ => Err(ParseError::new(text, what)),
        }
    }
}

impl TryFrom<String> for Fallback {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<Fallback> for String {
    fn from(fallback: Fallback) -> Self {
        fallback.to_string()
    }
}

/// What becomes of a frame that comes while there is no room for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhenFull {
    /// It waits, and so does who writes it.
    #[default]
    Block,
    /// The oldest that no encoder has been given is left out for it.
    DropOldest,
    /// It is left out.
    DropNewest,
}

words!(
    WhenFull: "what becomes of frames without room: block, drop-oldest or drop-newest",
    Block = "block", DropOldest = "drop-oldest", DropNewest = "drop-newest"
);

/// What the end of a feed without a failure means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AtEnd {
    /// It is started again, as if it had failed.
    #[default]
    Restart,
    /// Its viewers' streams end, and it is started again by the next one.
    End,
}

words!(AtEnd: "what an end means: restart or end", Restart = "restart", End = "end");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mode_is_a_word_or_a_time() {
        for text in ["on-demand", "autostart", "continuous", "10s"] {
            assert_eq!(text.parse::<Mode>().unwrap().to_string(), text);
        }
        assert_eq!("10s".parse(), Ok(Mode::Linger(Span::secs(10))));
        for text in ["", "always", "-1s", "ten"] {
            text.parse::<Mode>().unwrap_err();
        }
    }

    #[test]
    fn fallback_is_read_as_it_is_written() {
        for text in ["hold", "hold 30s", "end"] {
            assert_eq!(text.parse::<Fallback>().unwrap().to_string(), text);
        }
        for text in ["", "hold on", "end 3s", "slate x.png"] {
            text.parse::<Fallback>().unwrap_err();
        }
    }
}
