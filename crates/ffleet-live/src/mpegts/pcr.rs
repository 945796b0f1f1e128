//! A stream's clock (§2.4.2.2): program clock references, and what carries them.

use super::{PACKET, STAMP, SYNC};

/// An adaptation field's flags (§2.4.3.5).
pub(super) const DISCONTINUITY: u8 = 0x80;
pub(super) const RANDOM_ACCESS: u8 = 0x40;
pub(super) const PCR: u8 = 0x10;

/// How many bytes a clock reference takes.
pub(super) const LONG: usize = 6;

/// The coded form of a moment in 1/90000 s.
pub(super) const fn coded(moment: i64) -> [u8; LONG] {
    // 33 bits, six that are set, and nine of a finer clock.
    let [_, _, rest @ ..] = ((moment.cast_unsigned() & STAMP) << 15 | 0x7e00).to_be_bytes();
    rest
}

/// A packet on `pid` of nothing but the clock; `counter` is that of the last packet there.
pub(super) fn packet((pid, counter): (u16, u8), flags: u8, moment: i64) -> [u8; PACKET] {
    const ADAPTATION_ONLY: u8 = 0x20;
    const REST: u8 = 183;
    let [high, low] = pid.to_be_bytes();
    let mut packet = [0xff; PACKET];
    let head = [SYNC, high, low, ADAPTATION_ONLY | counter & 0x0f, REST, flags | PCR];
    let (begin, rest) = packet.split_at_mut(head.len());
    begin.copy_from_slice(&head);
    if let Some(field) = rest.first_chunk_mut() {
        *field = coded(moment);
    }
    packet
}
