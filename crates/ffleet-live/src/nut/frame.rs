//! The header of a frame (NUT specification, "Frame"): one byte names what most of it is, by a
//! table that the main header holds.

use super::PACKET;
use super::error::{Fault, Part};
use super::fields::Fields;
use super::header::{Main, Stream};
use crate::crc::crc;

/// How many numbers that have no meaning yet a frame carries at most.
const RESERVED: u64 = 16;
/// Packets longer than this never leave out what they begin with.
const LEAVES_OUT: u64 = 4096;
/// Timestamps are less than this away from 0.
const FAR: u64 = 1 << 62;

/// Flags of frames.
mod flag {
    pub(super) const KEY: u64 = 1;
    pub(super) const CODED_PTS: u64 = 1 << 3;
    pub(super) const STREAM_ID: u64 = 1 << 4;
    pub(super) const SIZE_MSB: u64 = 1 << 5;
    pub(super) const CHECKSUM: u64 = 1 << 6;
    pub(super) const RESERVED: u64 = 1 << 7;
    pub(super) const SM_DATA: u64 = 1 << 8;
    pub(super) const HEADER_IDX: u64 = 1 << 10;
    pub(super) const MATCH_TIME: u64 = 1 << 11;
    pub(super) const CODED: u64 = 1 << 12;
    pub(super) const INVALID: u64 = 1 << 13;
}

/// What a byte means that a frame begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Code {
    pub(super) flags: u64,
    pub(super) track: u64,
    /// What the size in bytes is divided by, and what then is left.
    pub(super) mul: u64,
    pub(super) lsb: u64,
    /// From the last timestamp of the track to this one.
    pub(super) delta: i64,
    pub(super) reserved: u64,
    pub(super) elided: u64,
}

impl Code {
    pub(super) const INVALID: Self = Self {
        flags: flag::INVALID,
        track: 0,
        mul: 0,
        lsb: 0,
        delta: 0,
        reserved: 0,
        elided: 0,
    };
}

/// What all bytes mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Codes(Vec<Code>);

impl Codes {
    /// How many there are.
    pub(super) const ALL: usize = 256;

    /// None means anything.
    pub(super) fn none() -> Self {
        Self(vec![Code::INVALID; Self::ALL])
    }

    /// From now on `place` means `code`; false where there is no such place.
    pub(super) fn put(&mut self, place: usize, code: Code) -> bool {
        let found = self.0.get_mut(place);
        found.map(|found| *found = code).is_some()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Code> {
        self.0.iter()
    }

    fn of(&self, byte: u8) -> Code {
        self.0.get(usize::from(byte)).copied().unwrap_or(Code::INVALID)
    }
}

/// The header of a frame, understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) track: usize,
    pub(super) pts: i64,
    pub(super) is_key: bool,
    /// How many bytes follow the header.
    pub(super) long: usize,
    /// Which bytes the packet begins with that do not follow.
    pub(super) elided: usize,
    /// Whether what follows begins with side data and metadata.
    pub(super) has_side: bool,
}

/// Streams by number, where their headers have come, and the last timestamp of each.
pub(super) type Streams = [Option<(Stream, i64)>];

impl Head {
    /// The header that `fields` begin with; [`Fault::Short`] where it has not wholly come.
    pub(super) fn read(
        fields: &mut Fields<'_>,
        main: &Main,
        streams: &Streams,
    ) -> Result<Self, Fault> {
        let first = fields.take(1)?.first().copied().unwrap_or_default();
        let mut code = main.codes.of(first);
        if code.flags & flag::INVALID != 0 {
            return Err(Fault::Value { field: "frame code", value: u64::from(first) });
        }
        if code.flags & flag::CODED != 0 {
            code.flags ^= fields.number()?;
        }
        let has = |flag| code.flags & flag != 0;
        if has(flag::STREAM_ID) {
            code.track = fields.number()?;
        }
        let strange = Fault::Value { field: "stream id", value: code.track };
        let track = usize::try_from(code.track).ok().filter(|&track| track < streams.len());
        let track = track.ok_or(strange)?;
        let known = streams.get(track).and_then(Option::as_ref);
        let (stream, last) = known.ok_or(Fault::Before(Part::Stream))?;
        let (coded, pts) = if has(flag::CODED_PTS) {
            let coded = fields.number()?;
            (coded, timestamp(coded, stream.short, *last))
        } else {
            (code.delta.cast_unsigned(), last.checked_add(code.delta))
        };
        let strange = Fault::Value { field: "timestamp", value: coded };
        let pts = pts.filter(|pts| pts.unsigned_abs() < FAR).ok_or(strange)?;
        let high = if has(flag::SIZE_MSB) { fields.number()? } else { 0 };
        if has(flag::MATCH_TIME) {
            let _match_time = fields.signed()?;
        }
        if has(flag::HEADER_IDX) {
            code.elided = fields.number()?;
        }
        if has(flag::RESERVED) {
            code.reserved = fields.number()?;
        }
        if code.reserved > RESERVED {
            return Err(Fault::Value { field: "reserved count", value: code.reserved });
        }
        for _ in 0..code.reserved {
            let _reserved = fields.number()?;
        }
        if has(flag::CHECKSUM) {
            fields.take(4)?;
            if crc(0, fields.passed()) != 0 {
                return Err(Fault::Damaged);
            }
        }
        let (elided, long) = code.size(high, main)?;
        Ok(Self {
            track,
            pts,
            is_key: has(flag::KEY),
            long,
            elided,
            has_side: has(flag::SM_DATA),
        })
    }
}

impl Code {
    /// Which bytes were left out, and how many follow.
    fn size(&self, high: u64, main: &Main) -> Result<(usize, usize), Fault> {
        let size = self.mul.saturating_mul(high).saturating_add(self.lsb);
        if size > PACKET {
            return Err(Fault::Long { long: size, most: PACKET });
        }
        let elided = if size > LEAVES_OUT { 0 } else { self.elided };
        let strange = Fault::Value { field: "header index", value: elided };
        let elided = usize::try_from(elided).map_err(|_far| strange.clone())?;
        let left_out = main.elided.get(elided).ok_or(strange)?;
        let long = size.checked_sub(left_out.len() as u64);
        let long = long.and_then(|long| usize::try_from(long).ok());
        Ok((elided, long.ok_or(Fault::Value { field: "size", value: size })?))
    }
}

/// A coded timestamp: its last `short` bits, which mean the nearest to the one before, or all of
/// it behind so many.
fn timestamp(coded: u64, short: u32, last: i64) -> Option<i64> {
    let span = 1_i64 << short;
    let coded = i64::try_from(coded).ok()?;
    if coded >= span {
        return Some(coded - span);
    }
    let least = last.checked_sub((span - 1) / 2)?;
    Some(least + (coded.wrapping_sub(least) & (span - 1)))
}

/// How many bytes of side data and metadata a packet begins with.
pub(super) fn side(body: &[u8]) -> Result<usize, Fault> {
    let mut fields = Fields::new(body);
    // Side data, and metadata in the same form.
    for _ in 0..2 {
        for _ in 0..fields.number()? {
            let _name = fields.string()?;
            match fields.signed()? {
                // Text; bytes of a kind that text names; a number; a moment.
                -1 => drop(fields.string()?),
                -2 => {
                    let _kind = fields.string()?;
                    let _value = fields.string()?;
                }
                -3 => drop(fields.signed()?),
                -4 => drop(fields.number()?),
                // A fraction of this denominator; a number itself.
                i64::MIN..=-5 => drop(fields.signed()?),
                0.. => {}
            }
        }
    }
    Ok(fields.at())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_timestamp_is_the_nearest_to_the_one_before() {
        for (coded, last, expected) in [
            (5, 0, 5),
            (127, 0, -1),
            (0, 127, 128),
            (3, 130, 131),
            (127, 128, 127),
            (128, 7, 0),
            (1128, 7, 1000),
        ] {
            assert_eq!(timestamp(coded, 7, last), Some(expected), "{coded} {last}");
        }
        assert_eq!(timestamp(u64::MAX, 7, 0), None);
        assert_eq!(timestamp(0, 7, i64::MIN), None);
    }

    #[test]
    fn side_data_of_each_form_is_passed_over() {
        let one = |form: &[u8]| [&[1, 1, b'n'], form].concat();
        for form in [
            &[2, 1, b'x'][..],
            &[4, 1, b'k', 2, 0, 0],
            &[6, 9],
            &[8, 9],
            &[10, 9],
            &[0],
            &[7],
        ] {
            let body = [&one(form)[..], &[0], b"rest"].concat();
            assert_eq!(side(&body), Ok(body.len() - 4), "{form:x?}");
            let body = [&[0][..], &one(form), b"rest"].concat();
            assert_eq!(side(&body), Ok(body.len() - 4), "{form:x?}");
        }
        assert_eq!(side(&[1, 9]), Err(Fault::Short));
        assert_eq!(side(&[0x8f, 0xff, 0xff, 0x7f]), Err(Fault::Short), "a count that is too large");
    }
}
