//! The parameter sets seen so far.

use std::collections::BTreeMap;

/// The longest parameter set in bytes.
pub(super) const SET: usize = 64 << 10;
/// The most bytes of all of them together: a stream has a few hundred.
const ALL: usize = 1 << 20;

/// What a parameter set is, in the order in which they go before a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Of H.265 alone.
    Video,
    Sequence,
    Picture,
}

/// Parameter sets as they came, each with its start code, by what they are and their numbers.
#[derive(Debug, Default)]
pub(super) struct Store {
    sets: BTreeMap<(Kind, u32), Vec<u8>>,
    bytes: usize,
}

impl Store {
    /// Keeps one, instead of what had its number before; false where it does not fit.
    pub(super) fn keep(&mut self, kind: Kind, number: u32, nal: &[u8]) -> bool {
        let before = self.sets.get(&(kind, number)).map_or(0, Vec::len);
        let set = [&super::CODE[..], nal].concat();
        let bytes = self.bytes - before + set.len();
        let fits = nal.len() <= SET && bytes <= ALL;
        if fits {
            self.sets.insert((kind, number), set);
            self.bytes = bytes;
        }
        fits
    }

    /// All of them in the byte stream format.
    pub(super) fn all(&self) -> Vec<u8> {
        self.sets.values().flatten().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newest_of_a_number_counts_and_all_are_bounded() {
        let mut store = Store::default();
        assert!(store.keep(Kind::Picture, 0, b"pps"));
        assert!(store.keep(Kind::Sequence, 0, b"old") && store.keep(Kind::Sequence, 0, b"new sps"));
        assert_eq!(store.all(), b"\0\0\0\x01new sps\0\0\0\x01pps");
        assert!(!store.keep(Kind::Picture, 1, &[1; SET + 1]));
        let long = [1; SET];
        let kept = (1..100)
            .filter(|&number| store.keep(Kind::Picture, number, &long))
            .count();
        assert_eq!(kept, ALL / SET - 1);
        assert!(
            store.all().len() <= ALL && store.keep(Kind::Picture, 1, &long),
            "in its own place"
        );
    }
}
