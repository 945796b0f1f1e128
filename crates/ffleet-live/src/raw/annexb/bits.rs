//! Bits of a NAL unit, without the bytes that keep start codes out of it (ITU-T H.264, 7.3.1; H.265, 7.3.1.1).

/// The most zeros before an Exp-Golomb code: its value has 32 bits.
const PREFIX: u32 = 31;

/// A walk through the bits. Everything answers `None` where there are not enough of them, or they are no such thing.
#[derive(Clone, Debug)]
pub(super) struct Bits<'a> {
    rest: &'a [u8],
    /// How many zero bytes came last.
    zeros: u8,
    /// The bits of the byte under way, the next one highest, and how many there are.
    byte: u8,
    left: u8,
}

impl<'a> Bits<'a> {
    pub(super) const fn new(rest: &'a [u8]) -> Self {
        Self { rest, zeros: 0, byte: 0, left: 0 }
    }

    pub(super) fn flag(&mut self) -> Option<bool> {
        if self.left == 0 {
            self.byte = self.next_byte()?;
            self.left = 8;
        }
        let bit = self.byte >> 7 == 1;
        self.byte <<= 1;
        self.left -= 1;
        Some(bit)
    }

    fn next_byte(&mut self) -> Option<u8> {
        let (mut byte, mut rest) = self.rest.split_first()?;
        if self.zeros >= 2 && *byte == 3 {
            (byte, rest) = rest.split_first()?;
            self.zeros = 0;
        }
        self.rest = rest;
        self.zeros = if *byte == 0 { self.zeros.saturating_add(1) } else { 0 };
        Some(*byte)
    }

    /// An unsigned number of so many bits, 32 at most: `u(n)`.
    pub(super) fn number(&mut self, bits: u32) -> Option<u32> {
        (0..bits).try_fold(0_u32, |sum, _| Some(sum << 1 | u32::from(self.flag()?)))
    }

    /// Passes so many bits.
    pub(super) fn skip(&mut self, bits: u32) -> Option<()> {
        (0..bits).try_for_each(|_| self.flag().map(drop))
    }

    /// An unsigned Exp-Golomb code: `ue(v)` (H.264, 9.1; H.265, 9.2).
    pub(super) fn golomb(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > PREFIX {
                return None;
            }
        }
        Some(((1_u32 << zeros) - 1) + self.number(zeros)?)
    }

    /// Passes so many of them.
    pub(super) fn skip_golombs(&mut self, codes: u32) -> Option<()> {
        (0..codes).try_for_each(|_| self.golomb().map(drop))
    }

    /// The same, where the value must not pass a bound.
    pub(super) fn golomb_to(&mut self, most: u32) -> Option<u32> {
        self.golomb().filter(|&value| value <= most)
    }

    /// A signed Exp-Golomb code: `se(v)`.
    pub(super) fn signed(&mut self) -> Option<i64> {
        let code = i64::from(self.golomb()?);
        Some(if code % 2 == 1 { code / 2 + 1 } else { -(code / 2) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_as_the_standards_table_has_them() {
        // 1, 010, 011, 00100, 00101, 00110, 00111, 0001000
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0010, 0b1001_1000, 0b1110_0010, 0]);
        let codes: Vec<_> = std::iter::from_fn(|| bits.golomb()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 7]);
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        let codes: Vec<_> = std::iter::from_fn(|| bits.signed()).collect();
        assert_eq!(codes, [0, 1, -1, 2, -2]);
        let longest = [0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(Bits::new(&longest).golomb(), Some(u32::MAX - 1));
        assert_eq!(Bits::new(&[0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff]).golomb(), None);
    }

    #[test]
    fn bytes_against_start_codes_are_left_out() {
        let mut bits = Bits::new(&[0, 0, 3, 1, 0, 0, 3, 0, 0, 3, 3, 3]);
        let bytes: Vec<_> = std::iter::from_fn(|| bits.number(8)).collect();
        assert_eq!(bytes, [0, 0, 1, 0, 0, 0, 0, 3, 3]);
        assert_eq!(Bits::new(&[0, 0, 3]).number(24), None, "it says nothing of the next byte");
    }
}
