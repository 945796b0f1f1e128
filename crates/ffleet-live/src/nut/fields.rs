//! The numbers and strings that headers and frames are made of (NUT specification, "Bitstream
//! elements").

use super::error::Fault;

/// How many bytes a number takes at most: 64 bits, seven in each.
const NUMBER: usize = 10;

/// A walk over the fields of something.
#[derive(Clone, Debug)]
pub(super) struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes have passed.
    pub(super) const fn at(&self) -> usize {
        self.at
    }

    /// The bytes that have not passed.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// The bytes that have passed.
    pub(super) fn passed(&self) -> &'a [u8] {
        self.bytes.get(..self.at).unwrap_or_default()
    }

    /// The next `long` bytes.
    pub(super) fn take(&mut self, long: usize) -> Result<&'a [u8], Fault> {
        let taken = self.rest().get(..long).ok_or(Fault::Short)?;
        self.at += long;
        Ok(taken)
    }

    /// `v`: a number, seven bits a byte, the most significant first.
    pub(super) fn number(&mut self) -> Result<u64, Fault> {
        let mut number = 0_u64;
        for (passed, &byte) in (1..).zip(self.rest()) {
            if passed > NUMBER || number >> 57 != 0 {
                return Err(Fault::Number);
            }
            number = number << 7 | u64::from(byte & 0x7f);
            if byte & 0x80 == 0 {
                self.at += passed;
                return Ok(number);
            }
        }
        Err(Fault::Short)
    }

    /// A `v` of this name that `fits`.
    pub(super) fn bounded<T: TryFrom<u64>>(
        &mut self,
        field: &'static str,
        fits: impl FnOnce(u64) -> bool,
    ) -> Result<T, Fault> {
        let value = self.number()?;
        let narrow = T::try_from(value).ok().filter(|_| fits(value));
        narrow.ok_or(Fault::Value { field, value })
    }

    /// `s`: a number with a sign: 0, 1, -1, 2, -2 and so on.
    pub(super) fn signed(&mut self) -> Result<i64, Fault> {
        let coded = self.number()?;
        let half = (coded >> 1).cast_signed();
        if coded & 1 == 1 {
            half.checked_add(1).ok_or(Fault::Number)
        } else {
            Ok(-half)
        }
    }

    /// `vb`: a length and as many bytes.
    pub(super) fn string(&mut self) -> Result<&'a [u8], Fault> {
        let long = self.number()?;
        self.take(usize::try_from(long).unwrap_or(usize::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_seven_bits_a_byte() {
        for (bytes, expected) in [
            (&[0x7f][..], Ok(127)),
            (&[0x81, 0x00], Ok(128)),
            (&[0x80, 0x01], Ok(1)),
            (&[0x81], Err(Fault::Short)),
            (&[], Err(Fault::Short)),
            (&[0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], Ok(u64::MAX)),
            (&[0x82, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0], Err(Fault::Number)),
            (&[0x80; 11], Err(Fault::Number)),
        ] {
            assert_eq!(Fields::new(bytes).number(), expected, "{bytes:x?}");
        }
    }

    #[test]
    fn signs_alternate() {
        for (coded, expected) in [(0, 0), (1, 1), (2, -1), (3, 2), (4, -2)] {
            assert_eq!(Fields::new(&[coded]).signed(), Ok(expected));
        }
    }

    #[test]
    fn string_longer_than_what_is_there_is_short() {
        assert_eq!(Fields::new(&[2, b'a', b'b']).string(), Ok(&b"ab"[..]));
        assert_eq!(Fields::new(&[3, b'a', b'b']).string(), Err(Fault::Short));
    }
}
