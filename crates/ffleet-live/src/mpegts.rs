//! MPEG transport streams (ISO/IEC 13818-1): packets of 188 bytes, written and read.
//!
//! A [`Writer`] makes of packets of tracks what any player and any server takes, each packet at
//! once. A [`Reader`] takes apart what any publisher sends, and says what was damaged; a [`Watcher`] says it to
//! people, in time. Where a
//! viewer can begin in a stream that is passed on as it is, is [`crate::join`]'s affair.

mod adts;
mod layer3;
mod opus;
mod pcr;
mod reader;
mod refused;
mod tables;
mod unit;
mod watcher;
mod writer;

pub use reader::{Counts, Item, Loss, Program, Reader};
pub use refused::Refused;
pub use watcher::Watcher;
pub use writer::{DELAY, Writer};

/// The length of a packet in bytes.
pub const PACKET: usize = 188;
/// How many tracks a stream is written with at most: the map of so many fits into one packet.
pub const TRACKS: usize = 8;

/// What a packet begins with.
const SYNC: u8 = 0x47;
/// How many bytes of a packet are its header.
const HEADER: usize = 4;
/// Timestamps have 33 bits (§2.4.3.7).
const STAMP: u64 = (1 << 33) - 1;

/// Samples a second, and channels, of AAC with this `AudioSpecificConfig`.
pub(crate) fn aac_shape(config: &[u8]) -> Option<(u32, u32)> {
    let adts = adts::Adts::of_config(config).ok()?;
    Some((adts.rate(), adts.channels()))
}

#[cfg(test)]
mod tests;
