//! The rest of a slice's header, on the way to whether the counts begin anew behind its picture
//! (H.264, 7.3.3.1 to 7.3.3.3: memory management control operation 5).

use super::super::bits::Bits;
use super::sets::{Colours, Sets};
use super::slice::{Head, Headed};

/// The most commands of one kind: two for each of 32 fields.
const COMMANDS: usize = 66;
/// What ends a list of modifications.
const END: u32 = 3;

/// Whether this slice, which is whole and no IDR's, makes the counts begin anew.
pub(super) fn resets(nal: &[u8], sets: &Sets) -> Option<bool> {
    let (Headed::Known(head), mut bits) = Head::read(nal, sets)? else {
        return None;
    };
    if !head.is_reference {
        return Some(false);
    }
    let is_b = head.letter == 1;
    let is_p = matches!(head.letter, 0 | 3);
    if is_b {
        bits.skip(1)?;
    }
    let mut references = head.pps.references;
    if (is_p || is_b) && bits.flag()? {
        references[0] = bits.golomb_to(31)? + 1;
        if is_b {
            references[1] = bits.golomb_to(31)? + 1;
        }
    }
    let lists = usize::from(is_p || is_b) + usize::from(is_b);
    for _ in 0..lists {
        modifications(&mut bits)?;
    }
    if head.pps.weighs[0] && is_p || head.pps.weighs[1] && is_b {
        weights(&mut bits, references.get(..lists)?, head.sps().colours == Colours::Chroma)?;
    }
    operations(&mut bits)
}

/// Passes how a list of references is modified.
fn modifications(bits: &mut Bits<'_>) -> Option<()> {
    if !bits.flag()? {
        return Some(());
    }
    for _ in 0..COMMANDS {
        if bits.golomb_to(END)? == END {
            return Some(());
        }
        bits.golomb()?;
    }
    None
}

/// Passes the weights of references.
fn weights(bits: &mut Bits<'_>, lists: &[u32], has_chroma: bool) -> Option<()> {
    bits.skip_golombs(if has_chroma { 2 } else { 1 })?;
    for &references in lists {
        for _ in 0..references {
            if bits.flag()? {
                bits.skip_golombs(2)?;
            }
            if has_chroma && bits.flag()? {
                bits.skip_golombs(4)?;
            }
        }
    }
    Some(())
}

/// Whether there is operation 5 among those on what is held.
fn operations(bits: &mut Bits<'_>) -> Option<bool> {
    if !bits.flag()? {
        return Some(false);
    }
    for _ in 0..COMMANDS {
        match bits.golomb_to(6)? {
            0 => return Some(false),
            5 => return Some(true),
            3 => bits.skip_golombs(2)?,
            _ => bits.skip_golombs(1)?,
        }
    }
    None
}
