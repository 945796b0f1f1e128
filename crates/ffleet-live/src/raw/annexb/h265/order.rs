//! Picture order count of H.265 (8.3.1).

use super::Header;

/// What is known of the last picture that others count from: the count without its lower bits, and these.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Count {
    high: i64,
    low: i64,
}

impl Count {
    /// The count of the next picture, whose lower bits, so many, are these; whether it begins anew with it.
    pub(super) const fn next(&mut self, header: Header, low: i64, bits: u32, resets: bool) -> i64 {
        let max = 1 << bits;
        let high = if resets {
            0
        } else if low < self.low && self.low - low >= max / 2 {
            self.high.saturating_add(max)
        } else if low > self.low && low - self.low > max / 2 {
            self.high.saturating_sub(max)
        } else {
            self.high
        };
        if header.counts() {
            (self.high, self.low) = (high, low);
        }
        high.saturating_add(low)
    }
}
