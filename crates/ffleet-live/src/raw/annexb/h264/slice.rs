//! The beginning of a slice's header (H.264, 7.3.3), and whether two slices are of one picture (7.4.1.2.4).

use std::sync::Arc;

use super::super::bits::Bits;
use super::kind;
use super::sets::{Colours, Counting, Pps, Sets, Sps};

/// Which lines of a frame a picture has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lines {
    All,
    Top,
    Bottom,
}

/// What is kept of the header.
#[derive(Clone, Debug)]
pub(super) struct Head {
    sps: Arc<Sps>,
    pub(super) pps: Arc<Pps>,
    id: Id,
    pub(super) is_reference: bool,
    first_macroblock: u32,
    /// The type of its macroblocks: 0 P, 1 B, 2 I, 3 SP, 4 SI.
    pub(super) letter: u32,
    plane: u32,
    redundant: u32,
}

/// What is the same in all slices of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Id {
    pps: u32,
    frame_num: u32,
    lines: Lines,
    /// The number of an IDR picture.
    idr: Option<u32>,
    low: u32,
    deltas: [i64; 2],
}

/// A head, if what it refers to is known.
#[derive(Debug)]
pub(super) enum Headed {
    Known(Head),
    Unknown { is_first: bool },
}

impl Head {
    /// What a slice says that begins with these bytes, and the bits behind that.
    pub(super) fn read<'a>(nal: &'a [u8], sets: &Sets) -> Option<(Headed, Bits<'a>)> {
        let (&head, body) = nal.split_first()?;
        let mut bits = Bits::new(body);
        let first_macroblock = bits.golomb()?;
        let letter = bits.golomb_to(9)? % 5;
        let pps_id = bits.golomb_to(255)?;
        let Some((pps, sps)) = sets.of(pps_id) else {
            return Some((Headed::Unknown { is_first: first_macroblock == 0 }, bits));
        };
        let plane = if sps.colours == Colours::Planes {
            bits.number(2)?
        } else {
            0
        };
        let frame_num = bits.number(sps.frame_num_bits)?;
        let is_field = sps.has_fields && bits.flag()?;
        let lines = match is_field {
            false => Lines::All,
            true if bits.flag()? => Lines::Bottom,
            true => Lines::Top,
        };
        let idr = if kind::of(head) == kind::IDR {
            Some(bits.golomb()?)
        } else {
            None
        };
        let (mut low, mut deltas) = (0, [0; 2]);
        match &sps.order {
            Counting::Told { bits: long } => {
                low = bits.number(*long)?;
                if pps.has_bottom && !is_field {
                    deltas[0] = bits.signed()?;
                }
            }
            Counting::Cycle(cycle) if !cycle.is_exact => {
                deltas[0] = bits.signed()?;
                if pps.has_bottom && !is_field {
                    deltas[1] = bits.signed()?;
                }
            }
            Counting::Cycle(_) | Counting::Decoding => {}
        }
        let redundant = if pps.has_redundant { bits.golomb()? } else { 0 };
        let id = Id { pps: pps_id, frame_num, lines, idr, low, deltas };
        let is_reference = head & 0x60 != 0;
        let head = Self { sps, pps, id, is_reference, first_macroblock, letter, plane, redundant };
        Some((Headed::Known(head), bits))
    }

    /// Whether `next` is a slice of the same picture.
    pub(super) fn is_of_picture(&self, next: &Self) -> bool {
        next.redundant > 0 || self.is_reference == next.is_reference && self.id == next.id
    }

    /// Whether this is of the first field of a frame, and `next` of the second.
    pub(super) fn is_first_of(&self, next: &Self) -> bool {
        let opposite = matches!(
            (self.id.lines, next.id.lines),
            (Lines::Top, Lines::Bottom) | (Lines::Bottom, Lines::Top)
        );
        opposite
            && self.id.frame_num == next.id.frame_num
            && (next.id.idr.is_none() || next.id.idr == self.id.idr)
    }

    /// The colour plane whose first macroblock it has, as a bit; 0 where it does not begin a picture.
    pub(super) const fn begins(&self) -> u8 {
        match (self.first_macroblock, self.redundant) {
            (0, 0) => 1 << self.plane,
            _ => 0,
        }
    }

    pub(super) fn sps(&self) -> &Sps {
        &self.sps
    }

    pub(super) const fn is_idr(&self) -> bool {
        self.id.idr.is_some()
    }

    pub(super) const fn is_intra(&self) -> bool {
        matches!(self.letter, 2 | 4)
    }

    pub(super) fn is_field(&self) -> bool {
        self.id.lines != Lines::All
    }

    pub(super) const fn lines(&self) -> Lines {
        self.id.lines
    }

    pub(super) fn frame_num(&self) -> i64 {
        self.id.frame_num.into()
    }

    /// The lower bits of the count.
    pub(super) fn low(&self) -> i64 {
        self.id.low.into()
    }

    /// How far off the counts of the fields are.
    pub(super) const fn deltas(&self) -> [i64; 2] {
        self.id.deltas
    }
}
