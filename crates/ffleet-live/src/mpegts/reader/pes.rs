//! PES packets (§2.4.3.6).

/// What every header begins with: a start code, the stream's kind, and the length of the rest.
pub(super) const BEGIN: usize = 6;
/// How long a header is without its options.
const FIXED: usize = 9;

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pes {
    pub(super) pts: Option<u64>,
    pub(super) dts: Option<u64>,
    /// The length of the header in bytes.
    pub(super) head: usize,
}

impl Pes {
    /// The header that `bytes` begin with; none if that is none, or not whole.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let [0, 0, 1, _, _, _, mark, flags, options] = *bytes.first_chunk::<FIXED>()? else {
            return None;
        };
        let head = FIXED + usize::from(options);
        let options = bytes.get(FIXED..head)?;
        let stamps = options.as_chunks::<5>().0;
        let has = |flag| flags & flag != 0;
        let (pts, dts) = match stamps {
            [pts, dts, ..] if has(0x80) && has(0x40) => (Some(stamp(*pts)), Some(stamp(*dts))),
            [pts, ..] if has(0x80) => (Some(stamp(*pts)), None),
            _ => (None, None),
        };
        (mark & 0xc0 == 0x80).then_some(Self { pts, dts, head })
    }

    /// How long a packet is whose header begins so; none where it does not say.
    pub(super) fn long(bytes: &[u8]) -> Option<usize> {
        let [_, _, _, _, high, low] = *bytes.first_chunk::<BEGIN>()?;
        let long = usize::from(u16::from_be_bytes([high, low]));
        (long > 0).then_some(BEGIN + long)
    }
}

/// The 33 bits of a timestamp.
fn stamp([first, second, third, fourth, fifth]: [u8; 5]) -> u64 {
    u64::from(first >> 1 & 7) << 30
        | u64::from(second) << 22
        | u64::from(third >> 1) << 15
        | u64::from(fourth) << 7
        | u64::from(fifth >> 1)
}
