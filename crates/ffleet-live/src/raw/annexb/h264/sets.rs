//! Parameter sets of H.264 (7.3.2.1, 7.3.2.2), as far as they say how pictures are told apart and ordered.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::bits::Bits;
use super::vui;

/// The most pictures that a decoder holds (A.3.1).
pub(super) const HELD: u32 = 16;
/// The highest numbers of parameter sets.
const LAST_SPS: u32 = 31;
const LAST_PPS: u32 = 255;

/// A sequence parameter set.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sps {
    pub(super) frame_num_bits: u32,
    pub(super) order: Counting,
    /// Whether a picture may be a field.
    pub(super) has_fields: bool,
    pub(super) colours: Colours,
    pub(super) reorder: u32,
}

/// How colours are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colours {
    /// There are none.
    Gray,
    /// Beside brightness.
    Chroma,
    /// Each is a picture of its own.
    Planes,
}

/// How pictures are counted (8.2.1).
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Counting {
    /// Type 0: the lower bits of the count are in each slice, so many.
    Told { bits: u32 },
    /// Type 1: a cycle of what is to be expected.
    Cycle(Cycle),
    /// Type 2: as they are decoded.
    Decoding,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cycle {
    /// Whether slices do not say how far off the expectation is.
    pub(super) is_exact: bool,
    pub(super) non_reference: i64,
    pub(super) top_to_bottom: i64,
    pub(super) references: Vec<i64>,
}

/// A picture parameter set.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pps {
    pub(super) sps: u32,
    /// Whether slices say how far the bottom field is from the top one.
    pub(super) has_bottom: bool,
    pub(super) references: [u32; 2],
    /// Whether slices of P pictures, and of B pictures, have weights.
    pub(super) weighs: [bool; 2],
    pub(super) has_redundant: bool,
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
        let mut bits = Bits::new(body);
        let [profile, constraints, level] = [bits.number(8)?, bits.number(8)?, bits.number(8)?];
        let id = bits.golomb_to(LAST_SPS)?;
        let colours = if has_colours(profile) {
            Colours::read(&mut bits)?
        } else {
            Colours::Chroma
        };
        let frame_num_bits = bits.golomb_to(12)? + 4;
        let order = Counting::read(&mut bits)?;
        let references = bits.golomb_to(HELD)?;
        bits.skip(1)?;
        let (width, height) = (bits.golomb_to(1 << 12)? + 1, bits.golomb_to(1 << 12)? + 1);
        let has_fields = !bits.flag()?;
        bits.skip(if has_fields { 2 } else { 1 })?;
        if bits.flag()? {
            bits.skip_golombs(4)?;
        }
        let height = if has_fields { 2 * height } else { height };
        let frame = Frames { profile, constraints, level, references, macroblocks: width * height };
        // What is said of the reordering is at the end; a set that ends before it is one without.
        let told = if bits.flag()? { vui::reorder(&mut bits) } else { None };
        let reorder = match order {
            Counting::Decoding => 0,
            Counting::Told { .. } | Counting::Cycle(_) => told.unwrap_or_else(|| frame.reorder()),
        };
        let sps = Self { frame_num_bits, order, has_fields, colours, reorder };
        Some((id, sps))
    }

    /// How many pictures may precede one and be shown after it.
    pub(super) fn reorder(&self) -> usize {
        self.reorder.min(HELD).try_into().unwrap_or(0)
    }
}

/// Profiles whose sets say how colours are coded (7.3.2.1.1).
const fn has_colours(profile: u32) -> bool {
    matches!(
        profile,
        44 | 83 | 86 | 100 | 110 | 118 | 122 | 128 | 134 | 135 | 138 | 139 | 244
    )
}

impl Colours {
    /// Passes what is said of colours, depths and scaling.
    fn read(bits: &mut Bits<'_>) -> Option<Self> {
        const ALL_ALIKE: u32 = 3;
        let chroma = bits.golomb_to(ALL_ALIKE)?;
        let colours = match chroma {
            0 => Self::Gray,
            ALL_ALIKE if bits.flag()? => Self::Planes,
            _ => Self::Chroma,
        };
        bits.skip_golombs(2)?;
        bits.skip(1)?;
        if bits.flag()? {
            let lists = if chroma == ALL_ALIKE { 12 } else { 8 };
            for list in 0..lists {
                if bits.flag()? {
                    scaling(bits, if list < 6 { 16 } else { 64 })?;
                }
            }
        }
        Some(colours)
    }
}

/// Passes a list of factors (7.3.2.1.1.1).
fn scaling(bits: &mut Bits<'_>, factors: u32) -> Option<()> {
    let mut last = 8;
    for _ in 0..factors {
        last = (last + bits.signed()?).rem_euclid(256);
        if last == 0 {
            break;
        }
    }
    Some(())
}

impl Counting {
    fn read(bits: &mut Bits<'_>) -> Option<Self> {
        Some(match bits.golomb_to(2)? {
            0 => Self::Told { bits: bits.golomb_to(12)? + 4 },
            1 => {
                let is_exact = bits.flag()?;
                let [non_reference, top_to_bottom] = [bits.signed()?, bits.signed()?];
                let references = bits.golomb_to(255)?;
                let references = (0..references).map(|_| bits.signed()).collect::<Option<_>>()?;
                Self::Cycle(Cycle { is_exact, non_reference, top_to_bottom, references })
            }
            _ => Self::Decoding,
        })
    }
}

/// What the reordering is deduced from where nobody says it.
struct Frames {
    profile: u32,
    constraints: u32,
    level: u32,
    /// How many pictures others may refer to.
    references: u32,
    /// How many macroblocks a frame has.
    macroblocks: u32,
}

impl Frames {
    /// The standard lets all pictures that a decoder holds be reordered (E.2.1), which are 16 of small ones: half a
    /// second. So two things are taken for granted that no encoder does otherwise: Baseline, which has no B pictures,
    /// reorders nothing; and a picture that others overtake is one of their references, beside one that is shown
    /// before them.
    fn reorder(&self) -> u32 {
        const BASELINE: u32 = 66;
        const INTRA: u32 = 0x10;
        let is_intra = self.constraints & INTRA != 0
            && matches!(self.profile, 44 | 86 | 100 | 110 | 122 | 244);
        if self.profile == BASELINE || is_intra {
            return 0;
        }
        self.references.saturating_sub(1).min(self.held())
    }

    /// How many pictures a decoder holds (table A-1).
    fn held(&self) -> u32 {
        let macroblocks = match self.level {
            0..=10 => 396,
            11 if self.constraints & 0x10 != 0 && matches!(self.profile, 66 | 77 | 88) => 396,
            11 => 900,
            12..=20 => 2_376,
            21 => 4_752,
            22..=30 => 8_100,
            31 => 18_000,
            32 => 20_480,
            33..=41 => 32_768,
            42 => 34_816,
            43..=50 => 110_400,
            51..=52 => 184_320,
            _ => 696_320_u32,
        };
        (macroblocks / self.macroblocks).min(HELD)
    }
}

impl Pps {
    /// What the bytes behind the NAL unit's header say, and which number it has.
    pub(super) fn read(body: &[u8]) -> Option<(u32, Self)> {
        let mut bits = Bits::new(body);
        let id = bits.golomb_to(LAST_PPS)?;
        let sps = bits.golomb_to(LAST_SPS)?;
        bits.skip(1)?;
        let has_bottom = bits.flag()?;
        let groups = bits.golomb_to(7)?;
        if groups > 0 {
            slice_groups(&mut bits, groups)?;
        }
        let references = [bits.golomb_to(31)? + 1, bits.golomb_to(31)? + 1];
        let weighs = [bits.flag()?, bits.number(2)? == 1];
        for _ in 0..3 {
            bits.signed()?;
        }
        bits.skip(2)?;
        let has_redundant = bits.flag()?;
        Some((id, Self { sps, has_bottom, references, weighs, has_redundant }))
    }
}

/// Passes what is said of slice groups, of which there is one more than `groups`.
fn slice_groups(bits: &mut Bits<'_>, groups: u32) -> Option<()> {
    match bits.golomb_to(6)? {
        0 => bits.skip_golombs(groups + 1),
        2 => bits.skip_golombs(2 * groups),
        3..=5 => {
            bits.skip(1)?;
            bits.skip_golombs(1)
        }
        6 => {
            let units = bits.golomb()?.checked_add(1)?;
            let each = u32::BITS - groups.leading_zeros();
            bits.skip(units.checked_mul(each)?)
        }
        _ => Some(()),
    }
}
