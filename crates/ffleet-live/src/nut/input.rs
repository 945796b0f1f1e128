//! Bytes that wait to be looked at.

/// The last bytes of a stream, from the first that something may still be made of.
#[derive(Debug, Default)]
pub(super) struct Input {
    bytes: Vec<u8>,
    /// How many of them have passed.
    passed: usize,
    /// How many bytes came before them.
    before: u64,
}

impl Input {
    /// The bytes that have not passed.
    pub(super) fn ahead(&self) -> &[u8] {
        self.bytes.get(self.passed..).unwrap_or_default()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.passed == self.bytes.len()
    }

    /// Offset of the first of them from the stream's first.
    pub(super) const fn at(&self) -> u64 {
        self.before + self.passed as u64
    }

    /// More bytes. Those that have passed go where they are no fewer than those to be moved, so that
    /// each is moved once or not at all.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.passed >= self.bytes.len() - self.passed {
            self.bytes.drain(..self.passed);
            self.before += self.passed as u64;
            self.passed = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// So many bytes have passed.
    pub(super) fn pass(&mut self, long: usize) {
        self.passed = (self.passed + long).min(self.bytes.len());
    }

    /// So many bytes have passed that were not pushed, since they follow on those that have passed.
    pub(super) const fn pass_by(&mut self, long: usize) {
        self.before += long as u64;
    }
}
