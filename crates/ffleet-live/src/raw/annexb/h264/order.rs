//! Picture order count of H.264 (8.2.1).

use super::sets::{Counting, Cycle};
use super::slice::{Head, Lines};

/// What is known of the pictures before.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Count {
    /// Of the last one that others refer to: the count without its lower bits, and these.
    high: i64,
    low: i64,
    /// Of the last one.
    frame_num: i64,
    frame_num_offset: i64,
}

impl Count {
    /// The count of the next frame or field; whether the counts begin anew behind it.
    pub(super) fn next(&mut self, head: &Head, resets: bool) -> i64 {
        if head.is_idr() {
            *self = Self::default();
        }
        let max = 1 << head.sps().frame_num_bits;
        if self.frame_num > head.frame_num() {
            self.frame_num_offset = self.frame_num_offset.saturating_add(max);
        }
        self.frame_num = head.frame_num();
        let decoded = self.frame_num_offset.saturating_add(self.frame_num);
        let (top, bottom) = match &head.sps().order {
            Counting::Told { bits } => self.told(head, 1 << bits),
            Counting::Cycle(cycle) => cycle.counts(head, decoded),
            Counting::Decoding => {
                let count = decoded.saturating_mul(2) - i64::from(!head.is_reference);
                (count, count)
            }
        };
        let count = match head.lines() {
            Lines::All => top.min(bottom),
            Lines::Top => top,
            Lines::Bottom => bottom,
        };
        if !resets {
            return count;
        }
        let low = match head.lines() {
            Lines::All | Lines::Top => top.saturating_sub(count),
            Lines::Bottom => 0,
        };
        *self = Self { low, ..Self::default() };
        0
    }

    /// Type 0 (8.2.1.1).
    fn told(&mut self, head: &Head, max: i64) -> (i64, i64) {
        let low = head.low();
        let wrapped = if low < self.low && self.low - low >= max / 2 {
            max
        } else if low > self.low && low - self.low > max / 2 {
            -max
        } else {
            0
        };
        let high = self.high.saturating_add(wrapped);
        if head.is_reference {
            (self.high, self.low) = (high, low);
        }
        let count = high.saturating_add(low);
        (count, count.saturating_add(head.deltas()[0]))
    }
}

impl Cycle {
    /// Type 1 (8.2.1.2), of top and bottom.
    fn counts(&self, head: &Head, decoded: i64) -> (i64, i64) {
        let mut place = if self.references.is_empty() { 0 } else { decoded };
        if !head.is_reference && place > 0 {
            place -= 1;
        }
        let mut expected = 0_i64;
        if let Some(before) = place.checked_sub(1).filter(|&before| before >= 0) {
            let long = i64::try_from(self.references.len()).unwrap_or(1).max(1);
            let cycle: i64 = self.references.iter().sum();
            let within = usize::try_from(before % long).unwrap_or(0);
            let rest: i64 = self.references.iter().take(within + 1).sum();
            expected = (before / long).saturating_mul(cycle).saturating_add(rest);
        }
        if !head.is_reference {
            expected = expected.saturating_add(self.non_reference);
        }
        let [first, second] = head.deltas();
        let top = expected.saturating_add(first);
        match head.lines() {
            Lines::All => (top, top.saturating_add(self.top_to_bottom).saturating_add(second)),
            Lines::Top | Lines::Bottom => (top, top.saturating_add(self.top_to_bottom)),
        }
    }
}
