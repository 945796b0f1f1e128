//! Flash video (Adobe's specification 10.1, annex E): a header, then tags. What codecs came later
//! is as Enhanced RTMP has it (veovera.org, v2).
//!
//! A decoder needs the sequence headers of its codecs, which come once, so the newest of each are
//! kept, and `onMetaData`. They keep the time they had. A viewer can begin at the tag of a video
//! keyframe; where there is no video, at tags of sound. A header may announce video that never
//! comes: after [`PATIENCE`] tags of sound without it there is none.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::HEAD;
use super::step::{Found, Heads, Step, number};

/// Tags of sound to hear before video that was announced is no longer waited for: about 1.4 s.
const PATIENCE: u32 = 64;
/// The longest tag that is kept in bytes.
const KEPT: usize = 1 << 20;
/// The lengths of a tag's header, and of the field behind it, in bytes.
const TAG: usize = 11;
const BACK: usize = 4;
/// How many bytes of a tag's body are looked at.
const LOOK: usize = 16;

/// A walk from tag to tag.
#[derive(Debug, Default)]
pub(super) struct Flv {
    header: Vec<u8>,
    /// Whether the header announces video.
    announced: bool,
    has_video: bool,
    /// How many tags of sound came before any video.
    sounds: u32,
    /// Tags that a decoder must have, in the order in which it gets them.
    kept: BTreeMap<Kept, Vec<u8>>,
    heads: Heads,
}

/// A tag that is kept; of each the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kept {
    Metadata,
    Video { track: u8 },
    Sound { track: u8 },
}

/// What a tag is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tag {
    Kept(Kept),
    /// A picture, whose decoder must have been told of its codec if it is `described`.
    Picture {
        is_key: bool,
        described: bool,
    },
    Sound,
    Other,
}

impl Flv {
    pub(super) fn step(&mut self, bytes: &[u8], at: u64, found: &mut Found) -> Step {
        if self.header.is_empty() || bytes[0] == b'F' {
            return self.header(bytes);
        }
        let Some(head) = bytes.first_chunk::<TAG>() else {
            return Step::Need(TAG);
        };
        // Two reserved bits, one that says encrypted, five of type.
        let kind = head[0] & 0xdf;
        let Ok(size) = usize::try_from(number(&head[1..4])) else {
            return Step::Lost;
        };
        if ![8, 9, 15, 18].contains(&kind) {
            return Step::Lost;
        }
        let seen = TAG + size.min(LOOK);
        let Some(body) = bytes.get(TAG..seen) else {
            return Step::Need(seen);
        };
        let long = TAG + size + BACK;
        match tag(kind, body) {
            Tag::Kept(which) if long <= KEPT => {
                let Some(whole) = bytes.get(..long) else {
                    return Step::Need(long);
                };
                if !self.keep(which, whole) {
                    return Step::Lost;
                }
            }
            Tag::Picture { is_key, described } => {
                self.has_video = true;
                if is_key && (!described || self.is_described()) {
                    found.join(at, &self.heads, true);
                }
            }
            Tag::Sound if !self.has_video => {
                self.sounds = self.sounds.saturating_add(1);
                let is_alone = !self.announced || self.sounds > PATIENCE;
                if is_alone && found.is_due(at) {
                    found.join(at, &self.heads, true);
                }
            }
            Tag::Kept(_) | Tag::Sound | Tag::Other => {}
        }
        Step::Unit(long as u64)
    }

    /// The file's header, and the field behind it.
    fn header(&mut self, bytes: &[u8]) -> Step {
        let Some(head) = bytes.first_chunk::<9>() else {
            return Step::Need(9);
        };
        let long = usize::try_from(number(&head[5..])).unwrap_or(usize::MAX);
        if !head.starts_with(b"FLV") || !(9..=KEPT).contains(&long) {
            return Step::Lost;
        }
        let Some(header) = bytes.get(..long + BACK) else {
            return Step::Need(long + BACK);
        };
        *self = Self { header: header.to_vec(), announced: head[4] & 1 != 0, ..Self::default() };
        self.gather();
        Step::Unit(header.len() as u64)
    }

    fn is_described(&self) -> bool {
        self.kept.keys().any(|kept| matches!(kept, Kept::Video { .. }))
    }

    /// Keeps a tag; false if that is too much.
    fn keep(&mut self, which: Kept, tag: &[u8]) -> bool {
        if self.kept.get(&which).is_some_and(|kept| kept == tag) {
            return true;
        }
        self.kept.insert(which, tag.to_vec());
        let long: usize = self.kept.values().map(Vec::len).sum();
        if long + self.header.len() > HEAD {
            return false;
        }
        self.gather();
        true
    }

    fn gather(&mut self) {
        let reopen: Vec<u8> = self.kept.values().flatten().copied().collect();
        self.heads = Heads {
            head: [&self.header, &reopen[..]].concat().into(),
            bridge: Arc::default(),
            reopen: reopen.into(),
        };
    }
}

/// What a tag of this type is by the beginning of its body.
fn tag(kind: u8, body: &[u8]) -> Tag {
    match (kind, body) {
        (8, [first, rest @ ..]) => sound(*first, rest),
        (9, [first, rest @ ..]) => picture(*first, rest),
        (18, body) if body.starts_with(b"\x02\0\x0aonMetaData") => Tag::Kept(Kept::Metadata),
        _ => Tag::Other,
    }
}

fn picture(first: u8, rest: &[u8]) -> Tag {
    let is_key = first >> 4 & 7 == 1;
    if first & 0x80 != 0 {
        let (packet, track) = extended(first & 0x0f, 6, rest);
        return match packet {
            0 => Tag::Kept(Kept::Video { track }),
            1 | 3 => Tag::Picture { is_key, described: true },
            _ => Tag::Other,
        };
    }
    let (frame, codec) = (first >> 4, first & 0x0f);
    match (codec, rest.first()) {
        // Commands to the player.
        _ if frame == 5 => Tag::Other,
        // AVC, and HEVC and AV1 as some send them.
        (7 | 12 | 13, Some(0)) => Tag::Kept(Kept::Video { track: 0 }),
        (7 | 12 | 13, Some(1)) => Tag::Picture { is_key, described: true },
        (7 | 12 | 13, _) => Tag::Other,
        _ => Tag::Picture { is_key, described: false },
    }
}

fn sound(first: u8, rest: &[u8]) -> Tag {
    const EXTENDED: u8 = 9;
    const AAC: u8 = 10;
    match (first >> 4, rest.first()) {
        (AAC, Some(0)) => Tag::Kept(Kept::Sound { track: 0 }),
        (EXTENDED, _) => match extended(first & 0x0f, 5, rest) {
            (0, track) => Tag::Kept(Kept::Sound { track }),
            (1, _) => Tag::Sound,
            _ => Tag::Other,
        },
        _ => Tag::Sound,
    }
}

/// The packet type of an extended tag, behind what modifies it, and its track, where
/// `many_tracks` is the type that says that one is named.
fn extended(packet: u8, many_tracks: u8, rest: &[u8]) -> (u8, u8) {
    const MODIFIED: u8 = 7;
    match (packet, rest) {
        (MODIFIED, [more, rest @ ..]) => match rest.get(usize::from(*more) + 1..) {
            Some([packet, rest @ ..]) if packet & 0x0f != MODIFIED => {
                extended(packet & 0x0f, many_tracks, rest)
            }
            Some(_) | None => (MODIFIED, 0),
        },
        // The type, four letters of the codec, the track.
        (_, [inner, _, _, _, _, track, ..]) if packet == many_tracks => (inner & 0x0f, *track),
        _ => (packet, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Format, Scanner};
    use super::*;

    #[test]
    fn extended_tags_say_what_they_are() {
        let video = Tag::Kept(Kept::Video { track: 0 });
        let key = Tag::Picture { is_key: true, described: true };
        let inter = Tag::Picture { is_key: false, described: true };
        for (kind, body, expected) in [
            (9, &b"\x90hvc1\x01"[..], video),
            (9, b"\x91hvc1\0\0\0", key),
            (9, b"\x93av01", key),
            (9, b"\xa1hvc1", inter),
            (9, b"\x92hvc1", Tag::Other),
            (9, b"\x96\x00hvc1\x02", Tag::Kept(Kept::Video { track: 2 })),
            (9, b"\x96\x01hvc1\x02", key),
            (9, b"\x97\x02\0\0\x01\x01hvc1", key),
            (9, b"\x17\x00", video),
            (9, b"\x17\x01", key),
            (9, b"\x27\x01", inter),
            (9, b"\x57\x00", Tag::Other),
            (9, b"\x12", Tag::Picture { is_key: true, described: false }),
            (8, b"\xaf\x00\x12\x10", Tag::Kept(Kept::Sound { track: 0 })),
            (8, b"\xaf\x01", Tag::Sound),
            (8, b"\x90Opus", Tag::Kept(Kept::Sound { track: 0 })),
            (8, b"\x91Opus", Tag::Sound),
            (8, b"\x95\x01Opus\x01", Tag::Sound),
            (8, b"\x2f", Tag::Sound),
            (18, b"\x02\0\x0aonMetaData\x08", Tag::Kept(Kept::Metadata)),
            (18, b"\x02\0\x08onCuePoint", Tag::Other),
            (9, b"", Tag::Other),
        ] {
            assert_eq!(tag(kind, body), expected, "{kind} {body:x?}");
        }
    }

    #[test]
    fn video_that_never_comes_is_not_waited_for() {
        let mut scanner = Scanner::new(Some(Format::Flv));
        scanner.scan(b"FLV\x01\x05\0\0\0\x09\0\0\0\0");
        let sound = b"\x08\0\0\x02\0\0\0\0\0\0\0\xaf\x01\0\0\0\x0d";
        for _ in 0..PATIENCE {
            scanner.scan(sound);
        }
        assert_eq!(scanner.joins().count(), 0);
        scanner.scan(sound);
        assert_eq!(scanner.joins().count(), 1);
    }

    #[test]
    fn new_sequence_header_is_what_newcomers_get() {
        let mut scanner = Scanner::new(Some(Format::Flv));
        scanner.scan(b"FLV\x01\x01\0\0\0\x09\0\0\0\0");
        let key = b"\x09\0\0\x02\0\0\0\0\0\0\0\x17\x01\0\0\0\x0d";
        scanner.scan(key);
        assert_eq!(scanner.joins().count(), 0, "no decoder can start without one");
        for which in [b'1', b'2'] {
            let mut sequence = *b"\x09\0\0\x03\0\0\0\0\0\0\0\x17\x00?\0\0\0\x0e";
            sequence[13] = which;
            scanner.scan(&sequence);
            scanner.scan(key);
            let join = scanner.joins().next().expect("a keyframe");
            assert_eq!(*join.reopen, sequence);
            assert_eq!(join.head[13..], sequence);
        }
    }
}
