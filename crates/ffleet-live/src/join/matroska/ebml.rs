//! Elements: an id, a size, and what is in them (RFC 8794 §4 to §6).

use super::super::step::{Step, number};

/// The head of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element {
    /// With its marker bit, as RFC 9559 lists it.
    pub(super) id: u64,
    /// The length of id and size in bytes.
    pub(super) head: usize,
    /// The length of what is in it in bytes; none if that is not known.
    pub(super) size: Option<u64>,
}

impl Element {
    /// The element that `bytes` begin with, or how to go on.
    pub(super) fn begin(bytes: &[u8]) -> Result<Self, Step> {
        let id_long = long(bytes, 4)?;
        let size = &bytes[id_long..];
        let size_long = long(size, 8).map_err(|step| match step {
            Step::Need(need) => Step::Need(id_long + need),
            other => other,
        })?;
        let value = number(&size[..size_long]) & mask(size_long);
        Ok(Self {
            id: number(&bytes[..id_long]),
            head: id_long + size_long,
            size: (value != mask(size_long)).then_some(value),
        })
    }

    /// Its whole length in bytes, if that is known.
    pub(super) fn long(&self) -> Option<u64> {
        self.size?.checked_add(self.head as u64)
    }
}

/// The elements that `bytes` consist of, with what is in them, up to the first that is damaged.
pub(super) fn elements(bytes: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let element = Element::begin(rest).ok()?;
        let long = usize::try_from(element.long()?).ok()?;
        let (whole, after) = rest.split_at_checked(long)?;
        rest = after;
        Some((element.id, &whole[element.head..]))
    })
}

/// A number of variable length, and how long that is; how to go on if it has not come.
pub(super) fn variable(bytes: &[u8]) -> Result<(u64, usize), Step> {
    let long = long(bytes, 8)?;
    Ok((number(&bytes[..long]) & mask(long), long))
}

/// How long the number is that `bytes` begin with, all of which are there.
fn long(bytes: &[u8], longest: usize) -> Result<usize, Step> {
    let Some(first) = bytes.first() else {
        return Err(Step::Need(1));
    };
    let long = first.leading_zeros() as usize + 1;
    if long > longest {
        return Err(Step::Lost);
    }
    if bytes.len() < long {
        Err(Step::Need(long))
    } else {
        Ok(long)
    }
}

/// The bits of a number of `long` bytes behind its marker.
const fn mask(long: usize) -> u64 {
    (1 << (7 * long)) - 1
}
