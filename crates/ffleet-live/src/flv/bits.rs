//! Bits of a NAL unit, without the bytes that keep start codes out of it (ITU-T H.264 §7.3.1, H.265 §7.3.1.1).

/// How many bytes of a unit are looked at: what is asked for stands at its beginning.
const LOOK: usize = 4 << 10;

/// The payload of a NAL unit, bit by bit from its first.
#[derive(Debug)]
pub(super) struct Bits {
    bytes: Vec<u8>,
    at: usize,
}

impl Bits {
    /// The bits behind a unit's header of `head` bytes.
    pub(super) fn of(unit: &[u8], head: usize) -> Self {
        let mut bytes = Vec::new();
        let mut zeros = 0;
        for &byte in unit.iter().skip(head).take(LOOK) {
            let is_guard = zeros >= 2 && byte == 3;
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            if !is_guard {
                bytes.push(byte);
            }
        }
        Self { bytes, at: 0 }
    }

    pub(super) fn bit(&mut self) -> Option<bool> {
        let byte = self.bytes.get(self.at / 8)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Some(bit == 1)
    }

    /// The next `count` bits, at most 32.
    pub(super) fn read(&mut self, count: usize) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            value = value << 1 | u32::from(self.bit()?);
        }
        Some(value)
    }

    /// The next eight bits.
    pub(super) fn byte(&mut self) -> Option<u8> {
        self.read(8).and_then(|byte| u8::try_from(byte).ok())
    }

    pub(super) const fn skip(&mut self, count: usize) {
        self.at = self.at.saturating_add(count);
    }

    /// An unsigned number of Exp-Golomb, ue(v), below 2³¹.
    pub(super) fn golomb(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.bit()? {
            zeros += 1;
        }
        if zeros > 30 {
            return None;
        }
        let low = self.read(zeros)?;
        Some((1 << zeros) - 1 + low)
    }

    /// A signed one, se(v).
    pub(super) fn signed_golomb(&mut self) -> Option<i32> {
        let value = self.golomb()?;
        let half = i32::try_from(value.div_ceil(2)).ok()?;
        Some(if value % 2 == 1 { half } else { -half })
    }

    /// Passes over so many Exp-Golomb numbers.
    pub(super) fn skip_golombs(&mut self, count: u32) -> Option<()> {
        (0..count).try_for_each(|_| self.golomb().map(drop))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_the_standard_has_them() {
        // 1, 010, 011, 00100, 00101, of ITU-T H.264 table 9-2.
        let mut bits = Bits::of(&[0xff, 0b1010_0110, 0b0100_0010, 0b1000_0000], 1);
        let unsigned: Vec<_> = (0..5).map_while(|_| bits.golomb()).collect();
        assert_eq!(unsigned, [0, 1, 2, 3, 4]);
        let mut bits = Bits::of(&[0b1010_0110, 0b0100_0010, 0b1000_0000], 0);
        let signed: Vec<_> = (0..5).map_while(|_| bits.signed_golomb()).collect();
        assert_eq!(signed, [0, 1, -1, 2, -2]);
        assert_eq!(Bits::of(&[0; 4], 0).golomb(), None);
        assert_eq!(Bits::of(&[0, 0, 0, 1, 0, 0, 0, 0], 0).golomb(), None, "too large");
    }

    #[test]
    fn bytes_that_guard_start_codes_are_no_bits() {
        let mut bits = Bits::of(&[0x67, 1, 0, 0, 3, 1, 0, 0, 3, 0, 0, 3], 1);
        let bytes: Vec<_> = std::iter::from_fn(|| bits.byte()).collect();
        assert_eq!(bytes, [1, 0, 0, 1, 0, 0, 0, 0]);
    }
}
