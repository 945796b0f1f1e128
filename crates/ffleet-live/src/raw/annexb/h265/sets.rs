//! Parameter sets of H.265 (7.3.2.2, 7.3.2.3), as far as they say how pictures are told apart and ordered.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::bits::Bits;

/// The highest numbers of parameter sets.
const LAST_SPS: u32 = 15;
pub(super) const LAST_PPS: u32 = 63;
/// The most pictures that a decoder holds (A.4.2).
const HELD: u32 = 16;

/// A sequence parameter set.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sps {
    /// How many lower bits of the count are in each slice.
    pub(super) low_bits: u32,
    /// Whether each colour is a picture of its own.
    pub(super) separate_planes: bool,
    reorder: u32,
}

/// A picture parameter set.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pps {
    sps: u32,
    /// Whether slices say if their picture is shown.
    pub(super) has_output_flag: bool,
    /// How many bits of a slice's header are for later use.
    pub(super) extra_bits: u32,
}

/// Those that are known.
#[derive(Debug, Default)]
pub(super) struct Sets {
    sps: BTreeMap<u32, Arc<Sps>>,
    pps: BTreeMap<u32, Arc<Pps>>,
}

impl Sets {
    pub(super) fn keep_sps(&mut self, id: u32, sps: Sps) {
        self.sps.insert(id, Arc::new(sps));
    }

    pub(super) fn keep_pps(&mut self, id: u32, pps: Pps) {
        self.pps.insert(id, Arc::new(pps));
    }

    /// The picture parameter set with this number, and the sequence's.
    pub(super) fn of(&self, pps: u32) -> Option<(Arc<Pps>, Arc<Sps>)> {
        let pps = self.pps.get(&pps)?;
        let sps = self.sps.get(&pps.sps)?;
        Some((Arc::clone(pps), Arc::clone(sps)))
    }
}

impl Sps {
    /// What the bytes behind the NAL unit's header say, and which number it has.
    pub(super) fn read(body: &[u8]) -> Option<(u32, Self)> {
        const ALL_ALIKE: u32 = 3;
        let mut bits = Bits::new(body);
        bits.skip(4)?;
        let sublayers = bits.number(3).filter(|&sublayers| sublayers < 7)?;
        bits.skip(1)?;
        profile(&mut bits, sublayers)?;
        let id = bits.golomb_to(LAST_SPS)?;
        let chroma = bits.golomb_to(ALL_ALIKE)?;
        let separate_planes = chroma == ALL_ALIKE && bits.flag()?;
        bits.skip_golombs(2)?;
        if bits.flag()? {
            bits.skip_golombs(4)?;
        }
        bits.skip_golombs(2)?;
        let low_bits = bits.golomb_to(12)? + 4;
        // Of each sub-layer, or of the highest alone: that one counts.
        let told = if bits.flag()? { sublayers + 1 } else { 1 };
        let mut reorder = 0;
        for _ in 0..told {
            bits.skip_golombs(1)?;
            reorder = bits.golomb_to(HELD)?;
            bits.skip_golombs(1)?;
        }
        Some((id, Self { low_bits, separate_planes, reorder }))
    }

    /// How many pictures may precede one and be shown after it.
    pub(super) fn reorder(&self) -> usize {
        self.reorder.try_into().unwrap_or(0)
    }
}

/// Passes what is said of profiles and levels (7.3.3), of so many sub-layers beside the highest.
fn profile(bits: &mut Bits<'_>, sublayers: u32) -> Option<()> {
    const PROFILE: u32 = 88;
    const LEVEL: u32 = 8;
    const ROOM: u32 = 8;
    bits.skip(PROFILE + LEVEL)?;
    let mut long = 0;
    for _ in 0..sublayers {
        long += if bits.flag()? { PROFILE } else { 0 };
        long += if bits.flag()? { LEVEL } else { 0 };
    }
    if sublayers > 0 {
        bits.skip(2 * (ROOM - sublayers))?;
    }
    bits.skip(long)
}

impl Pps {
    /// What the bytes behind the NAL unit's header say, and which number it has.
    pub(super) fn read(body: &[u8]) -> Option<(u32, Self)> {
        let mut bits = Bits::new(body);
        let id = bits.golomb_to(LAST_PPS)?;
        let sps = bits.golomb_to(LAST_SPS)?;
        bits.skip(1)?;
        let has_output_flag = bits.flag()?;
        let extra_bits = bits.number(3)?;
        Some((id, Self { sps, has_output_flag, extra_bits }))
    }
}
