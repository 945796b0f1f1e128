//! What comes of a stream.

use crate::packet::{Codec, Packet, Track};

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// What the program is made of, before anything of it; once more where that changes: tracks
    /// that are not as they were are given anew.
    Program(Program),
    /// A track, before its first packet, and again where its configuration is another.
    Track {
        /// Its place in [`Program::tracks`].
        index: usize,
        /// What it is.
        track: Track,
    },
    /// A packet of a track that was given.
    Packet {
        /// The place of its track.
        index: usize,
        /// The packet, with timestamps that do not wrap.
        packet: Packet,
    },
    /// Something of a track did not come whole, and is left out.
    Lost {
        /// The place of its track.
        index: usize,
        /// Why.
        loss: Loss,
    },
}

/// What the first program is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// How its first pictures and its first sound are coded, in this order, as far as it has them.
    pub tracks: Vec<Codec>,
    /// How many other streams it has, which are not read.
    pub ignored: usize,
}

/// Why something is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Packets did not arrive: their counter (§2.4.3.3) jumps.
    Continuity,
    /// A PES packet ends before its length.
    Truncated,
    /// It cannot be read: it is scrambled.
    Scrambled,
    /// What it is framed in makes no sense.
    Damaged,
    /// It is longer than 64 MiB.
    Long,
    /// Nobody says when it is shown.
    Untimed,
}

/// What was wrong with a stream so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Bytes that belong to no packet.
    pub strange_bytes: u64,
    /// Packets that somebody before us marked as damaged.
    pub transport_errors: u64,
    /// Jumps of a counter, of streams that are read and of tables.
    pub continuity_errors: u64,
    /// Packets that are scrambled.
    pub scrambled: u64,
    /// How often something was left out ([`Item::Lost`]).
    pub lost: u64,
    /// Pictures before the first that decoding can begin with.
    pub skipped: u64,
}
