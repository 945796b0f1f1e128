//! H.265: what a sequence parameter set says (ITU-T H.265 §7.3.2.2.1), and the decoder configuration record
//! (ISO/IEC 14496-15 §8.3.3.1).

use super::bits::Bits;
use super::sets::{Place, Role, Sets, Size};

/// Its name in Enhanced RTMP.
pub(super) const CODEC: [u8; 4] = *b"hvc1";

const VPS: u8 = 32;
const SPS: u8 = 33;
const PPS: u8 = 34;
const AUD: u8 = 35;

/// The length of a unit's header in bytes.
const HEAD: usize = 2;

/// What a unit is for.
pub(super) fn role(unit: &[u8]) -> Role {
    let set = |place, id: Option<u32>, most| match id {
        Some(id) if id <= most => Role::Set(place, id),
        Some(_) | None => Role::Damaged,
    };
    let [first, second] = unit.first_chunk().copied().unwrap_or([AUD << 1, 0]);
    match first >> 1 & 0x3f {
        // Another layer's, which a decoder of the base layer passes over.
        _ if first & 1 != 0 || second >> 3 != 0 => Role::Coded,
        VPS => set(Place::Vps, Bits::of(unit, HEAD).read(4), 15),
        SPS => set(Place::Sps, sps(unit).map(|sps| sps.id), 15),
        PPS => set(Place::Pps, Bits::of(unit, HEAD).golomb(), 63),
        AUD => Role::Delimiter,
        _ => Role::Coded,
    }
}

/// What is asked of a sequence parameter set.
#[derive(Debug)]
struct Sps {
    id: u32,
    /// The general part of profile, tier and level: 96 bits.
    profile: [u8; 12],
    layers: u32,
    is_nested: bool,
    /// How colour is sampled, and how many bits above eight a sample has, of luma and chroma.
    chroma: u32,
    depths: [u32; 2],
    size: Size,
}

fn sps(unit: &[u8]) -> Option<Sps> {
    let mut bits = Bits::of(unit, HEAD);
    bits.skip(4);
    let below = bits.read(3).filter(|below| *below <= 6)?;
    let is_nested = bits.bit()?;
    let mut profile = [0; 12];
    for byte in &mut profile {
        *byte = bits.byte()?;
    }
    skip_layers(&mut bits, below)?;
    let id = bits.golomb()?;
    let chroma = bits.golomb().filter(|chroma| *chroma <= 3)?;
    if chroma == 3 {
        bits.skip(1);
    }
    let mut size = Size { width: bits.golomb()?, height: bits.golomb()? };
    if bits.bit()? {
        let [left, right, top, bottom] =
            [bits.golomb()?, bits.golomb()?, bits.golomb()?, bits.golomb()?];
        let across = if [1, 2].contains(&chroma) { 2 } else { 1 };
        let down = if chroma == 1 { 2 } else { 1 };
        size = size.cropped(
            left.checked_add(right)?.checked_mul(across)?,
            top.checked_add(bottom)?.checked_mul(down)?,
        )?;
    }
    let depths = [bits.golomb()?, bits.golomb()?];
    if depths.iter().any(|&depth| depth > 7) {
        return None;
    }
    Some(Sps { id, profile, layers: below + 1, is_nested, chroma, depths, size })
}

/// Passes over the profiles and levels of so many sub-layers (§7.3.3).
fn skip_layers(bits: &mut Bits, layers: u32) -> Option<()> {
    let mut long = 0;
    for _ in 0..layers {
        long += if bits.bit()? { 88 } else { 0 };
        long += if bits.bit()? { 8 } else { 0 };
    }
    for _ in layers..if layers > 0 { 8 } else { 0 } {
        bits.skip(2);
    }
    bits.skip(long);
    Some(())
}

/// How many bits above eight samples of luma and of chroma have, if the unit is a sequence parameter set.
pub(super) fn depths(unit: &[u8]) -> Option<[u32; 2]> {
    (unit.first()? >> 1 & 0x3f == SPS)
        .then(|| sps(unit))
        .flatten()
        .map(|sps| sps.depths)
}

/// How large pictures are, by a sequence parameter set.
pub(super) fn picture(unit: &[u8]) -> Option<Size> {
    sps(unit).map(|sps| sps.size)
}

/// The decoder configuration record; none without all three kinds of parameter sets.
pub(super) fn record(sets: &Sets) -> Option<Vec<u8>> {
    let first = sps(sets.of(Place::Sps).next()?)?;
    sets.of(Place::Vps).next()?;
    sets.of(Place::Pps).next()?;
    let mut record = vec![1];
    record.extend_from_slice(&first.profile);
    // How pictures are cut for decoding side by side is not said, nor is their rate.
    record.extend_from_slice(&[0xf0, 0, 0xfc]);
    let [luma, chroma] = first.depths;
    for (reserved, value) in [(0xfc, first.chroma), (0xf8, luma), (0xf8, chroma)] {
        record.push(reserved | u8::try_from(value).ok()?);
    }
    let layers = u8::try_from(first.layers).ok()?;
    // Lengths of units have four bytes; three arrays follow.
    record.extend_from_slice(&[0, 0, layers << 3 | u8::from(first.is_nested) << 2 | 3, 3]);
    for (place, kind) in [(Place::Vps, VPS), (Place::Sps, SPS), (Place::Pps, PPS)] {
        // Complete: none of them is in the packets.
        record.push(0x80 | kind);
        record.extend_from_slice(&u16::try_from(sets.of(place).count()).ok()?.to_be_bytes());
        for unit in sets.of(place) {
            record.extend_from_slice(&u16::try_from(unit.len()).ok()?.to_be_bytes());
            record.extend_from_slice(unit);
        }
    }
    Some(record)
}
