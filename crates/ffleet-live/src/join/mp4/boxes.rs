//! Boxes within boxes (ISO/IEC 14496-12 §4.2).

use super::super::step::number;

/// The boxes that `bytes` consist of, with what is in them, up to the first that is damaged.
pub(super) fn boxes(bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let head = rest.get(..8)?;
        let (begin, size) = match number(&head[..4]) {
            0 => (8, rest.len() as u64),
            1 => (16, number(rest.get(8..16)?)),
            size => (8, size),
        };
        let (whole, after) = rest.split_at_checked(usize::try_from(size).ok()?)?;
        rest = after;
        Some((&head[4..], whole.get(begin..)?))
    })
}

/// What is in the boxes of this kind.
pub(super) fn find_all<'a>(bytes: &'a [u8], kind: &'a [u8; 4]) -> impl Iterator<Item = &'a [u8]> {
    boxes(bytes).filter(move |(it, _)| it == kind).map(|(_, body)| body)
}

/// What is in the first of them.
pub(super) fn find<'a>(bytes: &'a [u8], kind: &'a [u8; 4]) -> Option<&'a [u8]> {
    find_all(bytes, kind).next()
}
