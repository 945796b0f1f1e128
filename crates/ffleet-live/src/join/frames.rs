//! Frames of sound that follow each other with nothing around them: MPEG audio
//! (ISO/IEC 11172-3 §2.4.1, 13818-3) and ADTS (ISO/IEC 13818-7 §6.2).
//!
//! A frame's header has no sign that sound could not have by chance, so the first one counts when
//! another of the same kind follows where it ends. After that each is taken as it comes, so that
//! none waits for the next.
//!
//! Every frame is a place to begin. Of layer III a decoder may have to be silent for the first
//! few, which borrow bits of frames before them (11172-3 §2.4.2.7).

use super::step::{Found, Step, number};
use super::{Format, LOST, UNIT};

/// How many bytes of a frame are looked at.
pub(super) const HEADER: usize = 7;

/// Which frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Mpeg,
    Adts,
}

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// Its length in bytes, header included.
    pub(super) long: usize,
    /// What is the same in all frames of a stream.
    pub(super) same: u32,
}

impl Kind {
    /// The frame that begins with `head`.
    pub(super) fn frame(self, head: &[u8; HEADER]) -> Option<Frame> {
        match self {
            Self::Mpeg => mpeg(head),
            Self::Adts => adts(head),
        }
    }
}

/// Sync (11 bits), version (2), layer (2), protection (1), bit rate (4), sampling (2), padding.
fn mpeg(head: &[u8; HEADER]) -> Option<Frame> {
    const RATES: [[u16; 15]; 5] = [
        [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
        [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
        [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
        [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
        [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
    ];
    let [sync, kind, rate, ..] = *head;
    if sync != 0xff || kind & 0xe0 != 0xe0 {
        return None;
    }
    // 3 is MPEG-1, 2 is MPEG-2, 0 its extension to low rates (MPEG-2.5).
    let version = (kind >> 3) & 3;
    let first = version == 3;
    let layer = 4 - ((kind >> 1) & 3);
    let row = match (first, layer) {
        _ if version == 1 => return None,
        (true, 1) => 0,
        (true, 2) => 1,
        (true, 3) => 2,
        (false, 1) => 3,
        (false, 2 | 3) => 4,
        _ => return None,
    };
    let kilobits = *RATES[row].get(usize::from(rate >> 4))?;
    let base: usize = *[44_100, 48_000, 32_000].get(usize::from((rate >> 2) & 3))?;
    let samples = match version {
        3 => base,
        2 => base / 2,
        _ => base / 4,
    };
    let bits = usize::from(kilobits) * 1000;
    let padding = usize::from((rate >> 1) & 1);
    let long = match layer {
        1 => (12 * bits / samples + padding) * 4,
        3 if !first => 72 * bits / samples + padding,
        _ => 144 * bits / samples + padding,
    };
    // A free bit rate (0) says nothing of the length.
    let same = u32::from(kind & 0xfe) << 8 | u32::from(rate & 0x0c);
    (bits > 0).then_some(Frame { long, same })
}

/// Sync (12 bits), ID (1), layer (2, always 0), protection (1), profile (2), sampling (4),
/// private (1), channels (3), four flags, length (13).
fn adts(head: &[u8; HEADER]) -> Option<Frame> {
    let [sync, kind, about, ..] = *head;
    if sync != 0xff || kind & 0xf6 != 0xf0 || (about >> 2) & 15 > 12 {
        return None;
    }
    let long = usize::try_from((number(&head[3..6]) >> 5) & 0x1fff).ok()?;
    let same = u32::from(kind & 0xfe) << 8 | u32::from(about & 0xfc);
    (long > HEADER).then_some(Frame { long, same })
}

/// The length of the ID3v2 tag that begins with `head`, itself included (id3.org, 2.4.0 §3.1).
pub(super) fn tag(head: &[u8; 10]) -> Option<u64> {
    let [b'I', b'D', b'3', major, _, flags, size @ ..] = head else {
        return None;
    };
    if *major == 0xff || size.iter().any(|&byte| byte & 0x80 != 0) {
        return None;
    }
    let body = size.iter().fold(0, |sum, &byte| sum << 7 | u64::from(byte));
    let footer = if flags & 0x10 == 0 { 0 } else { 10 };
    Some(10 + body + footer)
}

/// A walk from frame to frame.
#[derive(Debug)]
pub(super) struct Frames {
    kind: Kind,
    /// What is the same in all frames, while they follow each other.
    same: Option<u32>,
    /// How many bytes have passed without one.
    strange: u64,
}

/// What begins somewhere.
enum Begins {
    Frame(Frame),
    /// A tag, which is so long.
    Tag(u64),
    Nothing,
    /// Too few bytes to say.
    Needs(usize),
}

impl Frames {
    pub(super) const fn new(kind: Kind) -> Self {
        Self { kind, same: None, strange: 0 }
    }

    pub(super) const fn format(&self) -> Format {
        match self.kind {
            Kind::Mpeg => Format::Mp3,
            Kind::Adts => Format::Adts,
        }
    }

    pub(super) fn step(&mut self, bytes: &[u8], at: u64, found: &mut Found) -> Step {
        let mut strange = 0;
        while strange < bytes.len() {
            match self.begins(&bytes[strange..]) {
                Begins::Nothing => {
                    self.same = None;
                    strange += 1;
                    self.strange += 1;
                    if self.strange > LOST {
                        return Step::Lost;
                    }
                }
                _ if strange > 0 => break,
                Begins::Needs(need) => return Step::Need(need),
                Begins::Tag(long) => {
                    found.pass(at);
                    return Step::Unit(long);
                }
                Begins::Frame(frame) => {
                    found.pass(at);
                    if found.is_due(at) {
                        found.join_plain(at, true);
                    }
                    self.same = Some(frame.same);
                    self.strange = 0;
                    return Step::Unit(frame.long as u64);
                }
            }
        }
        Step::Take(strange as u64)
    }

    fn begins(&self, bytes: &[u8]) -> Begins {
        let tagged = self.strange == 0 && matches!(bytes[0], b'I' | b'T');
        if bytes[0] != 0xff && !tagged {
            return Begins::Nothing;
        }
        let Some(head) = bytes.first_chunk::<HEADER>() else {
            return Begins::Needs(HEADER);
        };
        if tagged {
            return Self::begins_tag(bytes);
        }
        let Some(frame) = self.kind.frame(head) else {
            return Begins::Nothing;
        };
        if let Some(same) = self.same {
            return if same == frame.same {
                Begins::Frame(frame)
            } else {
                Begins::Nothing
            };
        }
        let next = bytes.get(frame.long..).and_then(|next| next.first_chunk());
        match next.map(|next| self.kind.frame(next)) {
            None => Begins::Needs(frame.long + HEADER),
            Some(Some(next)) if next.same == frame.same => Begins::Frame(frame),
            Some(_) => Begins::Nothing,
        }
    }

    /// ID3v2, or the 128 bytes that older files end with (ID3v1).
    fn begins_tag(bytes: &[u8]) -> Begins {
        if bytes.starts_with(b"TAG") {
            return Begins::Tag(128);
        }
        match bytes.first_chunk().map(tag) {
            None if bytes.starts_with(b"ID3") => Begins::Needs(10),
            Some(Some(long)) if long <= UNIT => Begins::Tag(long),
            None | Some(_) => Begins::Nothing,
        }
    }
}
