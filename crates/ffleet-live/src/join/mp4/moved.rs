//! Fragments that can be moved (ISO/IEC 14496-12 §8.8.7).
//!
//! A `tfhd` may say where its samples lie as an offset from the beginning of the file. Said from the
//! beginning of its `moof` instead (`default-base-is-moof`), the same fragment is right wherever it
//! stands. The eight bytes that the offset took become a `free` box behind the `tfhd`, so that nothing
//! changes its size.

use super::super::step::number;

/// `base-data-offset-present` and `default-base-is-moof`.
const FIXED: u64 = 0x1;
const MOVABLE: u64 = 0x02_0000;
/// `data-offset-present` of a `trun` (§8.8.8).
const OFFSET: u64 = 0x1;
/// The place of the offset in a `tfhd`, behind size, kind, flags and track.
const BASE: usize = 16;

/// The `moof` that `whole` is, at offset `at` of the file, in a form that can be moved. Nothing if it
/// can be already, or cannot be changed.
pub(super) fn moved(whole: &[u8], at: u64) -> Option<Vec<u8>> {
    let mut moof = whole.to_vec();
    let mut changed = false;
    let inner = body(&moof, 0..moof.len())?;
    for (traf, _) in children(&moof, inner).into_iter().filter(|(_, kind)| kind == b"traf") {
        let parts = children(&moof, body(&moof, traf)?);
        let (header, _) = parts.iter().find(|(_, kind)| kind == b"tfhd")?;
        if flags(&moof, header)? & FIXED == 0 {
            continue;
        }
        let base = number(moof.get(header.start + BASE..header.start + BASE + 8)?);
        // From the fragment's own beginning to where its samples were counted from.
        let shift = i64::try_from(i128::from(base) - i128::from(at)).ok()?;
        for (run, _) in parts.iter().filter(|(_, kind)| kind == b"trun") {
            shift_run(&mut moof, run, shift)?;
        }
        unfix(&mut moof, header)?;
        changed = true;
    }
    changed.then_some(moof)
}

type Range = std::ops::Range<usize>;

/// The boxes in a range, whole, with their kinds.
fn children(bytes: &[u8], within: Range) -> Vec<(Range, [u8; 4])> {
    let (mut found, mut at) = (Vec::new(), within.start);
    while let Some(head) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let size = usize::try_from(number(&head[..4])).unwrap_or(0);
        let end = at.saturating_add(size);
        // None of those that matter here has a size of 64 bits.
        if size < 8 || end > within.end {
            break;
        }
        found.push((at..end, [head[4], head[5], head[6], head[7]]));
        at = end;
    }
    found
}

/// What is in the box at `range`.
fn body(bytes: &[u8], range: Range) -> Option<Range> {
    let size = number(bytes.get(range.start..range.start + 4)?);
    (size == range.len() as u64).then_some(range.start + 8..range.end)
}

fn flags(bytes: &[u8], header: &Range) -> Option<u64> {
    Some(number(bytes.get(header.start + 9..header.start + 12)?))
}

/// Moves where the samples of a `trun` lie.
fn shift_run(moof: &mut [u8], run: &Range, shift: i64) -> Option<()> {
    if flags(moof, run)? & OFFSET == 0 {
        // It begins where the one before ends, or at the base.
        return (shift == 0).then_some(());
    }
    let place = moof.get_mut(run.start + 16..(run.start + 20).min(run.end))?;
    let offset = i32::from_be_bytes(place.try_into().ok()?);
    let moved = i32::try_from(i64::from(offset).checked_add(shift)?).ok()?;
    place.copy_from_slice(&moved.to_be_bytes());
    Some(())
}

/// Takes the offset out of a `tfhd`.
fn unfix(moof: &mut [u8], header: &Range) -> Option<()> {
    let flags = (flags(moof, header)? & !FIXED) | MOVABLE;
    let tfhd = moof.get_mut(header.clone())?;
    let long = tfhd.len().checked_sub(8).filter(|&long| long >= BASE)?;
    tfhd.copy_within(BASE + 8.., BASE);
    tfhd[..4].copy_from_slice(&u32::try_from(long).ok()?.to_be_bytes());
    tfhd[9..12].copy_from_slice(&flags.to_be_bytes()[5..]);
    tfhd[long..].copy_from_slice(b"\0\0\0\x08free");
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn atom(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
        let size = u32::try_from(body.len() + 8).unwrap();
        [&size.to_be_bytes(), &kind[..], body].concat()
    }

    fn moof(base: u64, offset: i32) -> Vec<u8> {
        let mfhd = atom(b"mfhd", &[0, 0, 0, 0, 0, 0, 0, 7]);
        let duration = [0, 0, 2, 0];
        let tfhd = [&[0, 0, 0, 0x9][..], &[0, 0, 0, 1], &base.to_be_bytes(), &duration].concat();
        let tfhd = atom(b"tfhd", &tfhd);
        let trun = [&[0, 0, 0, 0x1][..], &[0, 0, 0, 3], &offset.to_be_bytes()].concat();
        let trun = atom(b"trun", &trun);
        atom(b"moof", &[mfhd, atom(b"traf", &[tfhd, trun].concat())].concat())
    }

    #[test]
    fn offset_of_the_file_becomes_one_of_the_fragment() {
        let fixed = moof(1_000, 100);
        let moved = moved(&fixed, 900).unwrap();
        assert_eq!(moved.len(), fixed.len());
        let mfhd = atom(b"mfhd", &[0, 0, 0, 0, 0, 0, 0, 7]);
        let tfhd = atom(b"tfhd", &[0, 2, 0, 0x8, 0, 0, 0, 1, 0, 0, 2, 0]);
        let free = atom(b"free", &[]);
        let trun = [&[0, 0, 0, 0x1, 0, 0, 0, 3][..], &200_i32.to_be_bytes()].concat();
        let traf = [tfhd, free, atom(b"trun", &trun)].concat();
        let expected = atom(b"moof", &[mfhd, atom(b"traf", &traf)].concat());
        assert_eq!(moved, expected);
        assert_eq!(super::moved(&moved, 900), None, "it can be moved already");
    }

    #[test]
    fn offset_that_cannot_be_said_changes_nothing() {
        assert_eq!(moved(&moof(u64::MAX, 100), 0), None);
        assert_eq!(moved(&moof(0, 100), 1 << 40), None);
    }

    proptest! {
        #[test]
        fn damage_is_no_panic(
            base in any::<u64>(), offset in any::<i32>(), at in any::<u64>(),
            flips in prop::collection::vec((0..100_usize, any::<u8>()), 0..8), cut in 0..110_usize,
        ) {
            let mut bytes = moof(base, offset);
            for (place, byte) in flips {
                if let Some(it) = bytes.get_mut(place) {
                    *it = byte;
                }
            }
            bytes.truncate(cut);
            if let Some(moved) = moved(&bytes, at) {
                prop_assert_eq!(moved.len(), bytes.len());
            }
        }
    }
}
