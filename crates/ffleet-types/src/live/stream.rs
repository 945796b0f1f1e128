//! A stream: what can be watched.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Away, Command, Name, Output};
use crate::units::{Bytes, ParseError, Span};

/// A stream, as it was declared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Stream {
    /// What it is called.
    pub name: Name,
    /// The feed that it passes on, or that its command reads. Without one its command is the source.
    pub feed: Option<Name>,
    /// What makes it of the feed. Without one the feed is passed on as it is.
    pub command: Option<Command>,
    /// How what programs push into its feed is encoded. Only for a feed with inputs, and then always there.
    pub encode: Option<Encode>,
    /// Where it goes beside its viewers. Only for a stream with `encode`.
    pub outputs: Vec<Output>,
    /// What viewers get.
    pub kind: Kind,
    /// Who shares a command.
    pub client: Client,
    /// What it says it is, as it was written (RFC 9110, 8.3): visible ASCII and blanks.
    pub mimetype: String,
    /// The path of its address, `/` first, as it stands in a request. `/stream/NAME` is an address of every
    /// stream; where nothing else was asked for, this is that.
    pub path: String,
    /// What becomes of a viewer that falls behind.
    pub slow: Slow,
    /// For how long a viewer may fall behind before it is cut off; nothing: as long as it likes.
    pub slow_after: Option<Span>,
    /// How many may watch at once.
    pub viewers: Option<u32>,
    /// What it holds for its viewers, at most.
    pub ring: Bytes,
    /// How long a shot may take.
    pub timeout: Span,
    /// How old a shot may be that is given to the next viewer.
    pub cache: Span,
    /// Who may watch.
    pub access: Access,
}

/// How raw tracks are encoded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Encode {
    /// The preset that says how.
    pub preset: String,
    /// What is ready for the death of an encoder.
    pub recovery: Recovery,
    /// What is held of input that has not come out, at most, of each track.
    pub backlog: Bytes,
    /// An encoder that gives nothing for so long, though frames come, is dead.
    pub silence: Span,
    /// What viewers get while the source is away, the last that can be had.
    pub fallback: Vec<Away>,
}

impl Stream {
    /// The feeds that it may be made of while its own is away.
    pub fn instead(&self) -> impl Iterator<Item = &Name> {
        let steps = self.encode.iter().flat_map(|encode| &encode.fallback);
        steps.filter_map(|step| match step {
            Away::Feed(name) => Some(name),
            _ => None,
        })
    }
}

impl Encode {
    /// What is held of the input of all `tracks`, at most.
    #[must_use]
    pub const fn backlogs(&self, tracks: u64) -> Bytes {
        Bytes(self.backlog.0.saturating_mul(tracks))
    }
}

/// What is ready for the death of an encoder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recovery {
    /// Nothing: another one is started then.
    Cold,
    /// Another one, started and blocked on its first read.
    #[default]
    Spare,
    /// Beside that one a twin, which is fed the same frames, and whose packets are compared.
    Hot,
}

impl Recovery {
    /// Processes of each track that is encoded, and how many of them work at once. A moment after a death with
    /// [`Self::Hot`] there is one more.
    #[must_use]
    pub const fn processes(self) -> (u64, u64) {
        match self {
            Self::Cold => (1, 1),
            Self::Spare => (2, 1),
            Self::Hot => (3, 2),
        }
    }
}

words!(
    Recovery: "what is ready for the death of an encoder: cold, spare or hot",
    Cold = "cold", Spare = "spare", Hot = "hot"
);

/// What viewers of a stream get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Bytes without an end.
    #[default]
    Stream,
    /// What the command makes until it ends, such as one picture.
    Shot,
}

words!(Kind: "a type: stream or shot", Stream = "stream", Shot = "shot");

/// Who shares the command of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Client {
    /// All viewers.
    #[default]
    Shared,
    /// Nobody: each viewer has one of its own, from its beginning.
    Exclusive,
}

words!(Client: "shared or exclusive", Shared = "shared", Exclusive = "exclusive");

/// What becomes of a viewer that falls out of the ring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Slow {
    /// It goes on at the newest join point.
    #[default]
    Skip,
    /// Its connection is closed.
    Cut,
}

words!(Slow: "what becomes of slow viewers: skip or cut", Skip = "skip", Cut = "cut");

/// Who may watch a stream, or push to a feed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Whoever reaches the server.
    #[default]
    Open,
    /// Who shows a key or has a session.
    Key,
    /// Those, and who has a token that was signed for it.
    Token,
}

words!(Access: "who may watch or push: open, key or token", Open = "open", Key = "key", Token = "token");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_they_are_written() {
        for kind in [Kind::Stream, Kind::Shot] {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        for client in [Client::Shared, Client::Exclusive] {
            assert_eq!(client.to_string().parse(), Ok(client));
        }
        for slow in [Slow::Skip, Slow::Cut] {
            assert_eq!(slow.to_string().parse(), Ok(slow));
        }
        for access in [Access::Open, Access::Key, Access::Token] {
            assert_eq!(access.to_string().parse(), Ok(access));
        }
        "shot ".parse::<Kind>().unwrap_err();
    }
}
