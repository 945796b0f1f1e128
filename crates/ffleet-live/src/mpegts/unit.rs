//! What is in an access unit of H.264 or H.265, as a byte stream (annex B of either).

use crate::packet::Codec;

/// An access unit delimiter: any kinds of slices may follow.
pub(super) const fn delimiter(codec: Codec) -> &'static [u8] {
    match codec {
        Codec::H264 => &[0, 0, 0, 1, 0x09, 0xf0],
        Codec::H265 => &[0, 0, 0, 1, 0x46, 0x01, 0x50],
        Codec::Aac | Codec::Opus | Codec::Mp3 => &[],
    }
}

/// What a NAL unit is, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Delimiter,
    /// The `n`th kind of parameter sets.
    Set(u8),
    /// A part of a picture that decoding can begin with.
    Key,
    /// A part of another picture.
    Slice,
    Other,
}

impl Kind {
    /// `first` is the first byte of the unit.
    pub(super) const fn of(codec: Codec, first: u8) -> Self {
        match codec {
            Codec::H264 => match first & 0x1f {
                1..=4 => Self::Slice,
                5 => Self::Key,
                7 => Self::Set(0),
                8 => Self::Set(1),
                9 => Self::Delimiter,
                _ => Self::Other,
            },
            Codec::H265 => match first >> 1 & 0x3f {
                16..=23 => Self::Key,
                0..=31 => Self::Slice,
                kind @ 32..=34 => Self::Set(kind - 32),
                35 => Self::Delimiter,
                _ => Self::Other,
            },
            Codec::Aac | Codec::Opus | Codec::Mp3 => Self::Other,
        }
    }

    /// Whether nothing that describes a picture comes behind it.
    pub(super) const fn is_picture(self) -> bool {
        matches!(self, Self::Key | Self::Slice)
    }
}

/// A bit for each kind of parameter sets that a decoder needs.
const fn needed(codec: Codec) -> u8 {
    match codec {
        Codec::H264 => 0b011,
        Codec::H265 => 0b111,
        Codec::Aac | Codec::Opus | Codec::Mp3 => 0,
    }
}

/// A NAL unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Nal<'a> {
    pub(super) kind: Kind,
    /// Its bytes without the start code, and without zeros behind it.
    pub(super) bytes: &'a [u8],
    /// Where it ends, zeros included.
    pub(super) end: usize,
}

/// The NAL units of `bytes`.
pub(super) fn nals(codec: Codec, bytes: &[u8]) -> impl Iterator<Item = Nal<'_>> {
    let mut next = start(bytes, 0);
    std::iter::from_fn(move || {
        let from = next? + 3;
        next = start(bytes, from);
        let end = next.unwrap_or(bytes.len());
        let found = bytes.get(from..end).unwrap_or_default();
        let zeros = found.iter().rev().take_while(|&&byte| byte == 0).count();
        // Where another follows, one of the zeros is its own.
        let own = usize::from(next.is_some() && zeros > 0);
        let kind = found.first().map_or(Kind::Other, |&first| Kind::of(codec, first));
        let bytes = found.get(..found.len() - zeros).unwrap_or_default();
        Some(Nal { kind, bytes, end: end - own })
    })
}

/// Where the next three bytes `00 00 01` begin, at `from` or behind.
fn start(bytes: &[u8], from: usize) -> Option<usize> {
    let mut last = from + 2;
    loop {
        // Of the three bytes up to a large one, or up to a 1 that ends no start code, none is the
        // last of another.
        last += match bytes.get(last)? {
            0 => 1,
            1 if bytes.get(last - 2..last) == Some(&[0, 0]) => return Some(last - 2),
            _ => 3,
        };
    }
}

/// Where the access unit delimiter ends that `bytes` begin with; 0 if they begin with something
/// else.
pub(super) fn delimited(codec: Codec, bytes: &[u8]) -> usize {
    let first = bytes.iter().take(4).take_while(|&&byte| byte == 0).count();
    if first < 2 || bytes.get(first) != Some(&1) {
        return 0;
    }
    let is_delimiter = bytes
        .get(first + 1)
        .is_some_and(|&byte| Kind::of(codec, byte) == Kind::Delimiter);
    if !is_delimiter {
        return 0;
    }
    nals(codec, bytes).next().map_or(0, |nal| nal.end)
}

/// Whether all that a decoder must know comes before the picture.
pub(super) fn is_described(codec: Codec, bytes: &[u8]) -> bool {
    let sets = nals(codec, bytes)
        .take_while(|nal| !nal.kind.is_picture())
        .fold(0, |sets, nal| {
            if let Kind::Set(kind) = nal.kind {
                sets | 1 << kind
            } else {
                sets
            }
        });
    sets == needed(codec)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn units_are_what_is_between_start_codes() {
        let bytes = [0, 0, 0, 1, 9, 0xf0, 0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x68, 0, 0, 1, 0x65, 0, 0];
        let found: Vec<_> = nals(Codec::H264, &bytes)
            .map(|nal| (nal.kind, nal.bytes.to_vec(), nal.end))
            .collect();
        let expected = [
            (Kind::Delimiter, vec![9, 0xf0], 6),
            (Kind::Set(0), vec![0x67, 1], 12),
            (Kind::Set(1), vec![0x68], 16),
            (Kind::Key, vec![0x65], 22),
        ];
        assert_eq!(found, expected);
        assert!(is_described(Codec::H264, &bytes));
        assert_eq!(delimited(Codec::H264, &bytes), 6);
        assert_eq!(delimited(Codec::H264, &bytes[6..]), 0);
        assert!(!is_described(Codec::H264, &bytes[12..]));
        let h265 = [0, 0, 1, 0x40, 1, 0, 0, 1, 0x42, 1, 0, 0, 1, 0x44, 1, 0, 0, 1, 0x26, 1];
        assert!(is_described(Codec::H265, &h265));
    }

    proptest! {
        #[test]
        fn start_codes_are_found_as_by_looking_everywhere(
            bytes in prop::collection::vec(prop_oneof![3 => Just(0_u8), 2 => Just(1), 1 => Just(2)], 0..60),
            from in 0..60_usize,
        ) {
            let slow = (from..bytes.len()).find(|&at| bytes[at..].starts_with(&[0, 0, 1]));
            prop_assert_eq!(start(&bytes, from), slow);
            prop_assert!(nals(Codec::H264, &bytes).all(|nal| nal.end <= bytes.len()));
            prop_assert!(delimited(Codec::H264, &bytes) <= bytes.len());
        }
    }
}
