//! ITU-T H.265: which NAL units are a picture, and what is to be known of it.
//!
//! Fields are pictures of their own here. Layers above the first belong to the picture that they are about.

use std::sync::Arc;

use super::bits::Bits;
use super::store::{Kind, Store};
use super::syntax::{Phase, Picture, Place, Read, Role, Starts, Syntax};
use order::Count;
use sets::{Pps, Sets, Sps};

mod order;
mod sets;

/// How long the header of a NAL unit is in bytes (7.3.1.2).
const HEADER: usize = 2;

/// Types of NAL units (table 7-1).
mod kind {
    pub(super) const RADL_N: u8 = 6;
    pub(super) const RASL_N: u8 = 8;
    pub(super) const RASL_R: u8 = 9;
    pub(super) const LAST_SUBLAYER_NON_REFERENCE: u8 = 14;
    pub(super) const BLA_W_LP: u8 = 16;
    pub(super) const BLA_N_LP: u8 = 18;
    pub(super) const IDR_W_RADL: u8 = 19;
    pub(super) const IDR_N_LP: u8 = 20;
    pub(super) const LAST_IRAP: u8 = 23;
    pub(super) const LAST_SLICE: u8 = 31;
    pub(super) const VPS: u8 = 32;
    pub(super) const SPS: u8 = 33;
    pub(super) const PPS: u8 = 34;
    pub(super) const DELIMITER: u8 = 35;
    pub(super) const END_OF_SEQUENCE: u8 = 36;
    pub(super) const END_OF_STREAM: u8 = 37;
    pub(super) const PREFIX_SEI: u8 = 39;
}

/// The header of a NAL unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    kind: u8,
    layer: u8,
    /// The temporal sub-layer; 0 is the lowest.
    temporal: u8,
}

impl Header {
    fn read(nal: &[u8]) -> Option<Self> {
        let &[first, second, ..] = nal else { return None };
        let layer = (first & 1) << 5 | second >> 3;
        Some(Self { kind: first >> 1 & 0x3f, layer, temporal: (second & 7).saturating_sub(1) })
    }

    const fn is_slice(self) -> bool {
        self.layer == 0 && self.kind <= kind::LAST_SLICE
    }

    /// Whether it is of a picture that decoding can begin with.
    const fn is_irap(self) -> bool {
        matches!(self.kind, kind::BLA_W_LP..=kind::LAST_IRAP)
    }

    const fn is_idr(self) -> bool {
        matches!(self.kind, kind::IDR_W_RADL | kind::IDR_N_LP)
    }

    const fn is_bla(self) -> bool {
        matches!(self.kind, kind::BLA_W_LP..=kind::BLA_N_LP)
    }

    /// Whether it refers to what came before the picture that it leads.
    const fn is_rasl(self) -> bool {
        matches!(self.kind, kind::RASL_N | kind::RASL_R)
    }

    /// Whether the counts of later pictures follow from its own (8.3.1: `prevTid0Pic`).
    const fn counts(self) -> bool {
        let is_leading = matches!(self.kind, kind::RADL_N..=kind::RASL_R);
        let is_dropped =
            self.kind <= kind::LAST_SUBLAYER_NON_REFERENCE && self.kind.is_multiple_of(2);
        self.temporal == 0 && !is_leading && !is_dropped
    }
}

/// A stream.
#[derive(Debug, Default)]
pub(super) struct H265 {
    store: Store,
    sets: Sets,
    coded: Option<Coded>,
    next: Option<Coded>,
    count: Count,
    /// A sequence has ended, so that the next picture begins another.
    has_ended: bool,
    /// What leads the last random access point refers to what is not there.
    is_cut: bool,
}

/// What the first slice of a picture says.
#[derive(Clone, Debug)]
struct Coded {
    header: Header,
    sps: Arc<Sps>,
    low: i64,
    /// Whether a sequence ended before it.
    begins: bool,
}

/// A slice's header, as far as it says which picture it is of (7.3.6.1).
enum Slice {
    First { sps: Arc<Sps>, low: i64 },
    Other,
    Unknown,
}

impl Slice {
    fn read(header: Header, body: &[u8], sets: &Sets) -> Option<Self> {
        let mut bits = Bits::new(body);
        if !bits.flag()? {
            return Some(Self::Other);
        }
        if header.is_irap() {
            bits.skip(1)?;
        }
        let Some((pps, sps)) = sets.of(bits.golomb_to(sets::LAST_PPS)?) else {
            return Some(Self::Unknown);
        };
        bits.skip(pps.extra_bits)?;
        bits.golomb_to(2)?;
        if pps.has_output_flag {
            bits.skip(1)?;
        }
        if sps.separate_planes {
            bits.skip(2)?;
        }
        let low = if header.is_idr() {
            0
        } else {
            bits.number(sps.low_bits)?.into()
        };
        Some(Self::First { sps, low })
    }
}

impl Syntax for H265 {
    fn role(&self, nal: &[u8]) -> Option<Role> {
        let header = Header::read(nal)?;
        Some(match header.kind {
            _ if header.is_slice() => Role::Slice,
            _ if header.layer > 0 => Role::Stays,
            kind::VPS..=kind::DELIMITER | kind::PREFIX_SEI | 41..=44 | 48..=55 => Role::Begins,
            _ => Role::Stays,
        })
    }

    fn place(&mut self, nal: &[u8]) -> Option<Place> {
        let header = Header::read(nal)?;
        let (sps, low) = match Slice::read(header, nal.get(HEADER..)?, &self.sets)? {
            Slice::Other if self.coded.is_some() => return Some(Place::Same),
            Slice::Other => return Some(Place::Headless),
            Slice::Unknown => return Some(Place::Unknown { is_first: true }),
            Slice::First { sps, low } => (sps, low),
        };
        let begins = std::mem::take(&mut self.has_ended);
        self.next = Some(Coded { header, sps, low, begins });
        Some(Place::Other)
    }

    fn begin(&mut self) {
        self.coded = self.next.take();
    }

    fn read(&mut self, nal: &[u8]) -> Read {
        let (Some(header), Some(body)) = (Header::read(nal), nal.get(HEADER..)) else {
            return Read::Other;
        };
        let kept = match header.kind {
            _ if header.layer > 0 => return Read::Other,
            kind::END_OF_SEQUENCE | kind::END_OF_STREAM => {
                self.has_ended = true;
                return Read::Other;
            }
            kind::VPS => Bits::new(body)
                .number(4)
                .filter(|&id| self.store.keep(Kind::Video, id, nal))
                .map(drop),
            kind::SPS => Sps::read(body)
                .filter(|(id, _)| self.store.keep(Kind::Sequence, *id, nal))
                .map(|(id, sps)| self.sets.keep_sps(id, sps)),
            kind::PPS => Pps::read(body)
                .filter(|(id, _)| self.store.keep(Kind::Picture, *id, nal))
                .map(|(id, pps)| self.sets.keep_pps(id, pps)),
            _ => return Read::Other,
        };
        kept.map_or(Read::Damaged, |()| Read::Set)
    }

    fn finish(&mut self, phase: Phase) -> Option<Picture> {
        let Coded { header, sps, low, begins } = self.coded.as_ref()?;
        let is_key = header.is_irap();
        if phase == Phase::Begins && !is_key {
            return None;
        }
        let begins = *begins || phase == Phase::Begins;
        let resets = is_key && (begins || header.is_idr() || header.is_bla());
        if is_key {
            self.is_cut = resets && !header.is_idr();
        }
        let poc = self.count.next(*header, *low, sps.low_bits, resets);
        if header.is_rasl() && self.is_cut {
            return None;
        }
        let starts = match (resets, header.kind) {
            (false, _) => Starts::Nothing,
            (true, kind::BLA_N_LP | kind::IDR_N_LP) => Starts::Run,
            (true, _) => Starts::LedRun,
        };
        Some(Picture { poc, is_key, starts, reorder: sps.reorder() })
    }

    fn part(&mut self) {
        self.coded = None;
    }

    fn awaits_field(&self) -> bool {
        false
    }

    fn config(&self) -> Vec<u8> {
        self.store.all()
    }
}

#[cfg(test)]
mod tests;
