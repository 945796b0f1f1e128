//! What can be wrong with a stream.

use std::fmt;

/// What was wrong, and where. Nothing behind it can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Offset of the first byte of what is wrong, from the stream's first.
    pub at: u64,
    /// What begins there.
    pub part: Part,
    /// What is wrong with it.
    pub fault: Fault,
}

/// A part of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The text that every stream begins with.
    Signature,
    /// The header that says how frames are coded.
    Main,
    /// The header of a track.
    Stream,
    /// Metadata.
    Info,
    /// A place where timestamps begin anew.
    Syncpoint,
    /// Something else with a start code.
    Other,
    /// A packet of a track.
    Frame,
}

/// What is wrong with a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is not what a NUT stream begins with.
    Strange,
    /// Its checksum does not fit its bytes.
    Damaged,
    /// It ends before all of its fields.
    Short,
    /// A number has more than 64 bits.
    Number,
    /// It is longer than may be.
    Long {
        /// Its length in bytes.
        long: u64,
        /// The most it may be.
        most: u64,
    },
    /// A field has a value that it cannot have.
    Value {
        /// The field.
        field: &'static str,
        /// The value; of signed fields as they are coded.
        value: u64,
    },
    /// Another must come before it.
    Before(Part),
    /// It is not what it was at first.
    Changed,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Signature => "signature",
            Self::Main => "main header",
            Self::Stream => "stream header",
            Self::Info => "info packet",
            Self::Syncpoint => "syncpoint",
            Self::Other => "packet",
            Self::Frame => "frame",
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Strange => f.write_str("this is no NUT"),
            Self::Damaged => f.write_str("the checksum does not fit"),
            Self::Short => f.write_str("it ends before all of its fields"),
            Self::Number => f.write_str("a number has more than 64 bits"),
            Self::Long { long, most } => write!(f, "{long} bytes are more than {most}"),
            Self::Value { field, value } => write!(f, "{field} cannot be {value}"),
            Self::Before(part) => write!(f, "no {part} came before it"),
            Self::Changed => f.write_str("it is not what it was at first"),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, part, fault } = self;
        write!(f, "NUT {part} at byte {at}: {fault}")
    }
}

impl std::error::Error for Error {}
