//! What is in a logical stream, by its first packet: how many headers, and what a keyframe is.

/// A codec's mapping into Ogg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    /// Vorbis I, annex A.
    Vorbis,
    /// RFC 7845.
    Opus,
    /// RFC 9639 §10.1, with so many packets of metadata; 0 if that is not known.
    Flac(u16),
    /// The Speex manual §7, with so many headers beside the two.
    Speex(u32),
    /// The Theora specification, annex A.
    Theora,
    /// The mapping that FFmpeg and GStreamer share.
    Vp8,
    /// Skeleton: what is told of the other streams.
    Skeleton,
    /// Something else.
    Other,
}

/// What headers of a stream are still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Headers {
    /// So many packets.
    Packets(u32),
    /// All at position 0.
    AtZero,
    /// All there is.
    All,
    Done,
}

impl Codec {
    /// The codec of a stream that begins with `first`.
    pub(super) fn of(first: &[u8]) -> Self {
        match first {
            [1, b'v', b'o', b'r', b'b', b'i', b's', ..] => Self::Vorbis,
            [b'O', b'p', b'u', b's', b'H', b'e', b'a', b'd', ..] => Self::Opus,
            [0x7f, b'F', b'L', b'A', b'C', _, _, high, low, ..] => {
                Self::Flac(u16::from_be_bytes([*high, *low]))
            }
            [b'S', b'p', b'e', b'e', b'x', b' ', ..] => {
                let more = first.get(68..).and_then(|more| more.first_chunk());
                Self::Speex(more.map_or(0, |more| u32::from_le_bytes(*more)))
            }
            [0x80, b't', b'h', b'e', b'o', b'r', b'a', ..] => Self::Theora,
            [b'O', b'V', b'P', b'8', b'0', ..] => Self::Vp8,
            [b'f', b'i', b's', b'h', b'e', b'a', b'd', ..] => Self::Skeleton,
            _ => Self::Other,
        }
    }

    /// The headers after the first.
    pub(super) const fn headers(self) -> Headers {
        match self {
            Self::Vorbis | Self::Theora => Headers::Packets(2),
            Self::Opus | Self::Vp8 => Headers::Packets(1),
            Self::Flac(0) | Self::Other => Headers::AtZero,
            Self::Flac(more) => Headers::Packets(more as u32),
            Self::Speex(more) => Headers::Packets(more.saturating_add(1)),
            Self::Skeleton => Headers::All,
        }
    }

    pub(super) const fn is_video(&self) -> bool {
        matches!(self, Self::Theora | Self::Vp8)
    }

    pub(super) const fn is_sound(&self) -> bool {
        matches!(self, Self::Vorbis | Self::Opus | Self::Flac(_) | Self::Speex(_))
    }

    /// Whether a packet of video that begins with this byte is a keyframe.
    pub(super) const fn is_key(self, first: u8) -> bool {
        match self {
            // Media, and an intra frame (Theora §7.1).
            Self::Theora => first & 0xc0 == 0,
            // RFC 6386 §9.1.
            Self::Vp8 => first & 1 == 0,
            Self::Vorbis
            | Self::Opus
            | Self::Flac(_)
            | Self::Speex(_)
            | Self::Skeleton
            | Self::Other => false,
        }
    }
}

impl Headers {
    /// What is left after a page on which so many packets end.
    pub(super) const fn less(self, packets: u32, is_last: bool) -> Self {
        match self {
            Self::Packets(left) if left > packets => Self::Packets(left - packets),
            Self::Packets(_) | Self::Done => Self::Done,
            Self::AtZero => Self::AtZero,
            Self::All if is_last => Self::Done,
            Self::All => Self::All,
        }
    }

    /// Whether a decoder cannot do without what has not come.
    pub(super) const fn is_awaited(self) -> bool {
        matches!(self, Self::Packets(_))
    }
}
