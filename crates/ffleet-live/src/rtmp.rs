//! RTMP (Adobe's specification 1.0): publishing to a server, as a session without a socket.
//!
//! A [`Publisher`] is told what the server sends, and gives what is to be sent to it. Sockets, TLS, clocks and terms
//! are its owner's. It speaks the plain handshake, which servers take for publishing; it knows none of the digests by
//! which Flash players proved themselves, nor the ways of asking for a user's password inside of `connect` that
//! some servers have (`authmod=adobe`): where one is wanted, that is in the words of the refusal.

use std::fmt;

pub mod amf;
mod chunk;
mod handshake;
mod publish;
mod url;

pub use publish::{Publisher, Refusal, State};
pub use url::{Address, AddressError};

/// Why a session cannot go on, or take something to publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The server's first byte is not the version of RTMP.
    Version {
        /// What it is.
        version: u8,
    },
    /// The server wants chunks of a size that there is not.
    ChunkSize {
        /// Which size, in bytes.
        size: u32,
    },
    /// The server's chunks do not make messages.
    Chunk {
        /// On which chunk stream.
        id: u32,
        /// What is wrong with one.
        what: &'static str,
    },
    /// A message is too long: one of the server's over 1 MiB, or metadata that would fill more than a tag.
    Message {
        /// Its length in bytes.
        long: usize,
    },
    /// A message that steers the connection is too short.
    Control {
        /// The type of the message.
        kind: u8,
    },
    /// A command cannot be read.
    Command(amf::Error),
    /// The server's answer to `createStream` names no stream.
    NoStream,
    /// Nothing can be published before the server has said so, nor after the end.
    NotPublishing,
    /// So much waits to be sent that no more is taken.
    Full {
        /// How much, in bytes.
        pending: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Version { version: b'H' } => {
                f.write_str("the server does not speak RTMP; its answer looks like HTTP")
            }
            Self::Version { version: 0x15 | 0x16 } => {
                f.write_str("the server does not speak RTMP; its answer looks like TLS (rtmps)")
            }
            Self::Version { version } => {
                write!(f, "the server does not speak RTMP 3; its first byte is {version}")
            }
            Self::ChunkSize { size } => write!(f, "the server wants chunks of {size} bytes"),
            Self::Chunk { id, what } => write!(f, "a chunk of the server's stream {id} {what}"),
            Self::Message { long } => write!(f, "a message of {long} bytes is too long"),
            Self::Control { kind } => write!(f, "the server's message of type {kind} is cut off"),
            Self::Command(_) => f.write_str("a command of the server cannot be read"),
            Self::NoStream => f.write_str("the server's answer to createStream names no stream"),
            Self::NotPublishing => f.write_str("the server does not take a stream now"),
            Self::Full { pending } => write!(f, "{pending} bytes wait to be sent"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Command(error) => Some(error),
            _ => None,
        }
    }
}
