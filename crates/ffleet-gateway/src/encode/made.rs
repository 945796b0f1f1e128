//! What tracks hand on to whoever writes the stream.

use ffleet_live::packet::{Packet, Track};

/// What tracks hand on.
#[derive(Debug)]
pub(super) enum Made {
    /// What is to be known of a track before its next packet.
    Track(usize, Track),
    /// Packets of a track, in the order in which they are decoded.
    Packets(usize, Vec<Packet>),
}
