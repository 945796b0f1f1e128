//! Bytes cut into pieces of one size.

/// What is cut, and the piece under way.
#[derive(Debug)]
pub(super) struct Pieces {
    /// How long each is in bytes; at least 1.
    long: usize,
    begun: Vec<u8>,
}

impl Pieces {
    pub(super) const fn new(long: usize) -> Self {
        Self { long, begun: Vec::new() }
    }

    /// How long each is in bytes.
    pub(super) const fn long(&self) -> usize {
        self.long
    }

    /// Takes the next bytes, which are cut anywhere, and answers the pieces that are whole with them.
    pub(super) fn cut(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut whole = Vec::with_capacity((self.begun.len() + bytes.len()) / self.long);
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.begun.is_empty() {
                self.begun.reserve_exact(self.long);
            }
            let (more, after) = rest.split_at(rest.len().min(self.long - self.begun.len()));
            self.begun.extend_from_slice(more);
            rest = after;
            if self.begun.len() == self.long {
                whole.push(std::mem::take(&mut self.begun));
            }
        }
        whole
    }

    /// The piece under way; what comes next begins another.
    pub(super) fn end(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.begun)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pieces_are_the_same_however_bytes_come(
            bytes in prop::collection::vec(any::<u8>(), 0..400), long in 1..50_usize, cut in 1..90_usize,
        ) {
            let mut pieces = Pieces::new(long);
            let mut whole: Vec<_> = bytes.chunks(cut).flat_map(|piece| pieces.cut(piece)).collect();
            prop_assert_eq!(whole.len(), bytes.len() / long);
            whole.push(pieces.end());
            let (last, others) = whole.split_last().unwrap();
            prop_assert!(others.iter().all(|piece| piece.len() == long) && last.len() < long);
            prop_assert_eq!(whole.concat(), bytes);
        }
    }
}
