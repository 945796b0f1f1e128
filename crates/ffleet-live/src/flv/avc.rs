//! H.264: what a sequence parameter set says (ITU-T H.264 §7.3.2.1.1), and the decoder configuration record
//! (ISO/IEC 14496-15 §5.3.3.1).

use super::bits::Bits;
use super::sets::{Place, Role, Sets, Size};

/// Its number in the tags of Flash video.
pub(super) const CODEC: u8 = 7;

const SPS: u8 = 7;
const PPS: u8 = 8;
const AUD: u8 = 9;

/// What a unit is for.
pub(super) fn role(unit: &[u8]) -> Role {
    match unit.first().map(|head| head & 0x1f) {
        Some(SPS) => sps(unit).map_or(Role::Damaged, |sps| Role::Set(Place::Sps, sps.id)),
        Some(PPS) => match Bits::of(unit, 1).golomb() {
            Some(id @ 0..=255) => Role::Set(Place::Pps, id),
            Some(_) | None => Role::Damaged,
        },
        Some(AUD) | None => Role::Delimiter,
        Some(_) => Role::Coded,
    }
}

/// What is asked of a sequence parameter set.
#[derive(Debug, Default)]
struct Sps {
    id: u32,
    /// Profile, constraints, level.
    profile: [u8; 3],
    /// How colour is sampled, and how many bits above eight a sample has, of luma and chroma.
    chroma: u32,
    depths: [u32; 2],
    size: Size,
}

fn sps(unit: &[u8]) -> Option<Sps> {
    let mut bits = Bits::of(unit, 1);
    let profile = [bits.byte()?, bits.byte()?, bits.byte()?];
    let mut sps = Sps { id: bits.golomb()?, profile, chroma: 1, ..Sps::default() };
    let mut is_split = false;
    if [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135].contains(&profile[0]) {
        sps.chroma = bits.golomb()?;
        is_split = sps.chroma == 3 && bits.bit()?;
        sps.depths = [bits.golomb()?, bits.golomb()?];
        bits.skip(1);
        if bits.bit()? {
            skip_scaling(&mut bits, if sps.chroma == 3 { 12 } else { 8 })?;
        }
    }
    if sps.id > 31 || sps.chroma > 3 || sps.depths.iter().any(|&depth| depth > 6) {
        return None;
    }
    skip_order(&mut bits)?;
    sps.size = size(&mut bits, if is_split { 0 } else { sps.chroma })?;
    Some(sps)
}

fn skip_scaling(bits: &mut Bits, lists: usize) -> Option<()> {
    for list in 0..lists {
        if !bits.bit()? {
            continue;
        }
        let (mut last, mut next) = (8, 8);
        for _ in 0..if list < 6 { 16 } else { 64 } {
            if next != 0 {
                next = (last + bits.signed_golomb()?.rem_euclid(256)) % 256;
            }
            last = if next == 0 { last } else { next };
        }
    }
    Some(())
}

/// Passes over how pictures are numbered and how many are kept.
fn skip_order(bits: &mut Bits) -> Option<()> {
    bits.golomb()?;
    match bits.golomb()? {
        0 => bits.skip_golombs(1)?,
        1 => {
            bits.skip(1);
            bits.skip_golombs(2)?;
            let count = bits.golomb().filter(|count| *count <= 255)?;
            bits.skip_golombs(count)?;
        }
        _ => {}
    }
    bits.skip_golombs(1)?;
    bits.skip(1);
    Some(())
}

fn size(bits: &mut Bits, chroma: u32) -> Option<Size> {
    let (wide, high) = (bits.golomb()?, bits.golomb()?);
    let fields = if bits.bit()? { 1 } else { 2 };
    bits.skip(if fields == 2 { 2 } else { 1 });
    let mut size = Size {
        width: wide.checked_add(1)?.checked_mul(16)?,
        height: high.checked_add(1)?.checked_mul(16 * fields)?,
    };
    if bits.bit()? {
        let (across, down) = match chroma {
            1 => (2, 2),
            2 => (2, 1),
            _ => (1, 1),
        };
        let [left, right, top, bottom] =
            [bits.golomb()?, bits.golomb()?, bits.golomb()?, bits.golomb()?];
        size = size.cropped(
            left.checked_add(right)?.checked_mul(across)?,
            top.checked_add(bottom)?.checked_mul(down * fields)?,
        )?;
    }
    Some(size)
}

/// How many bits above eight samples of luma and of chroma have, if the unit is a sequence parameter set.
pub(super) fn depths(unit: &[u8]) -> Option<[u32; 2]> {
    (unit.first()? & 0x1f == SPS)
        .then(|| sps(unit))
        .flatten()
        .map(|sps| sps.depths)
}

/// How large pictures are, by a sequence parameter set.
pub(super) fn picture(unit: &[u8]) -> Option<Size> {
    sps(unit).map(|sps| sps.size)
}

/// The decoder configuration record; none without both kinds of parameter sets.
pub(super) fn record(sets: &Sets) -> Option<Vec<u8>> {
    let first = sps(sets.of(Place::Sps).next()?)?;
    sets.of(Place::Pps).next()?;
    let [profile, constraints, level] = first.profile;
    // Version 1; lengths of units have four bytes.
    let mut record = vec![1, profile, constraints, level, 0xff];
    for (place, reserved) in [(Place::Sps, 0xe0), (Place::Pps, 0)] {
        record.push(reserved | u8::try_from(sets.of(place).count()).ok()?);
        for unit in sets.of(place) {
            record.extend_from_slice(&u16::try_from(unit.len()).ok()?.to_be_bytes());
            record.extend_from_slice(unit);
        }
    }
    if ![66, 77, 88].contains(&profile) {
        let [luma, chroma] = first.depths;
        for (reserved, value) in [(0xfc, first.chroma), (0xf8, luma), (0xf8, chroma)] {
            record.push(reserved | u8::try_from(value).ok()?);
        }
        record.push(0);
    }
    Some(record)
}
