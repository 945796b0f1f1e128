//! How to use a sequence (H.264, E.1.1): passed over on the way to how far pictures are reordered.

use super::super::bits::Bits;

/// How many pictures may precede one and be shown after it, where that is said.
pub(super) fn reorder(bits: &mut Bits<'_>) -> Option<u32> {
    const EXTENDED_SHAPE: u32 = 255;
    if bits.flag()? && bits.number(8)? == EXTENDED_SHAPE {
        bits.skip(32)?;
    }
    // Overscan.
    if bits.flag()? {
        bits.skip(1)?;
    }
    // The signal, and its colours.
    if bits.flag()? {
        bits.skip(4)?;
        if bits.flag()? {
            bits.skip(24)?;
        }
    }
    // Where samples of colours are.
    if bits.flag()? {
        bits.skip_golombs(2)?;
    }
    // Timing.
    if bits.flag()? {
        bits.skip(65)?;
    }
    let mut has_buffer = false;
    for _ in 0..2 {
        if bits.flag()? {
            buffer(bits)?;
            has_buffer = true;
        }
    }
    bits.skip(if has_buffer { 2 } else { 1 })?;
    if !bits.flag()? {
        return None;
    }
    bits.skip(1)?;
    bits.skip_golombs(4)?;
    bits.golomb()
}

/// Passes what is said of a hypothetical decoder's buffer (E.1.2).
fn buffer(bits: &mut Bits<'_>) -> Option<()> {
    let schedules = bits.golomb_to(31)? + 1;
    bits.skip(8)?;
    for _ in 0..schedules {
        bits.skip_golombs(2)?;
        bits.skip(1)?;
    }
    bits.skip(20)
}
