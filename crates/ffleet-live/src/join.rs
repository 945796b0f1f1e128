//! Where a viewer can begin.
//!
//! A live stream is one run of bytes that many watch. Who comes late must begin where a decoder
//! can; who fell behind must go on where the container's framing is whole. A [`Scanner`] looks at
//! the bytes as they pass, cut anywhere, and says where both is so. It copies nothing but headers
//! and the beginning of a unit whose rest has not come yet, and changes nothing: remuxing would
//! need a demuxer, its clocks and its memory for each stream, and every fault of it would be one
//! of the picture.
//!
//! Two kinds of places are told apart. A *unit* (packet, tag, fragment, page, frame, part) is what
//! may not be cut in two: [`Scanner::whole`]. A *join point* is the start of a unit where a decoder
//! can begin: [`Join`].
//!
//! Input is not trusted. What is carried over is at most a head (4 MiB); a unit may be 64 MiB
//! long; where a format's framing is lost and cannot be found again within 1 MiB, or a bound
//! is passed, the rest is [`Format::Opaque`], and [`Scanner::whole`] is all that was scanned.
//! MPEG-TS, MP3, ADTS, Ogg and multipart find their framing again by themselves; FLV, MP4 and
//! Matroska have nothing to look for.

use std::sync::Arc;

mod flv;
mod format;
mod frames;
mod matroska;
mod mp4;
mod mpjpeg;
mod ogg;
mod step;
mod ts;

pub use format::Format;
pub use step::Rewrite;

use format::Told;
use step::{Found, Step};

/// The longest head in bytes, and the most that is carried over from one call to the next.
const HEAD: usize = 4 << 20;
/// The longest unit in bytes.
const UNIT: u64 = 64 << 20;
/// How many bytes may pass without a sign of the format before it is given up.
const LOST: u64 = 1 << 20;
/// How far two join points are apart at least, in bytes, where units are small and each is one:
/// 16 KiB would be 5 s of Opus at 24 kbit/s, by which each newcomer would be late.
const APART: u64 = 4 << 10;
/// After so many bytes of MPEG-TS without a join point any packet is one, though no key: its tables or its
/// pictures are of a kind that is not known, and a decoder may still find its way.
const BARREN: u64 = 1 << 20;
/// How many join points wait to be taken; of more, the newest.
const WAITING: usize = 4096;

/// A place where a viewer can begin, and what it needs before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join {
    /// Offset of its first byte from the producer's first.
    pub at: u64,
    /// What a newcomer gets before the bytes from `at`.
    ///
    /// MPEG-TS: the newest PAT and PMTs. MP4: `ftyp` and `moov`. FLV: the file header,
    /// `onMetaData`, the codecs' sequence headers. Matroska: the EBML header, the segment's header
    /// and what describes its tracks. Ogg: the header pages of all streams. Otherwise nothing.
    pub head: Arc<[u8]>,
    /// What a viewer gets that was at a whole unit of the same run, and goes on at `at`.
    ///
    /// MPEG-TS: for each PID a packet with the discontinuity indicator and no payload, then the
    /// tables, counted so that what follows continues them. Otherwise nothing.
    pub bridge: Arc<[u8]>,
    /// What a viewer gets that was at a whole unit of an earlier run of the producer, and goes on
    /// at `at` on the same connection.
    ///
    /// MPEG-TS: as `bridge`. FLV: the head without its file header. MP4, Matroska, Ogg: the whole
    /// head. Otherwise nothing.
    pub reopen: Arc<[u8]>,
    /// Whether a decoder's first picture or sound is at `at` for certain.
    pub is_key: bool,
}

/// What looks at the bytes of one producer as they pass.
///
/// ```
/// use ffleet_live::join::{Format, Scanner};
///
/// let mut scanner = Scanner::new(Format::of_mime("text/plain").or(Some(Format::Opaque)));
/// scanner.scan(b"all of");
/// scanner.scan(b" this");
/// assert_eq!(scanner.whole(), 11);
/// assert_eq!(scanner.joins().map(|join| join.at).collect::<Vec<_>>(), [0, 6]);
/// ```
#[derive(Debug)]
pub struct Scanner {
    walk: Walk,
    found: Found,
    /// How many bytes were scanned.
    seen: u64,
    /// Offset of what is looked at next: of `carry`, where that is not empty.
    at: u64,
    /// The beginning of something that has not wholly come.
    carry: Vec<u8>,
    /// How much of it must have come before it is looked at again.
    need: usize,
    /// How many bytes are passed over without a look.
    skip: u64,
    /// Whether a unit ends with them.
    ends: bool,
}

/// How the bytes of a format are walked through.
#[derive(Debug)]
enum Walk {
    /// It is not known yet what they are.
    Sniff,
    Opaque,
    MpegTs(Box<ts::MpegTs>),
    Mp4(Box<mp4::Mp4>),
    Flv(Box<flv::Flv>),
    Matroska(Box<matroska::Matroska>),
    Mpjpeg(mpjpeg::Mpjpeg),
    Frames(frames::Frames),
    Ogg(Box<ogg::Ogg>),
}

impl Walk {
    fn of(format: Format) -> Self {
        match format {
            Format::MpegTs => Self::MpegTs(Box::default()),
            Format::Flv => Self::Flv(Box::default()),
            Format::MultipartJpeg => Self::Mpjpeg(mpjpeg::Mpjpeg::default()),
            Format::Mp3 => Self::Frames(frames::Frames::new(frames::Kind::Mpeg)),
            Format::Adts => Self::Frames(frames::Frames::new(frames::Kind::Adts)),
            Format::FragmentedMp4 => Self::Mp4(Box::default()),
            Format::Matroska => Self::Matroska(Box::default()),
            Format::Ogg => Self::Ogg(Box::default()),
            Format::Opaque => Self::Opaque,
        }
    }

    const fn format(&self) -> Option<Format> {
        match self {
            Self::Sniff => None,
            Self::Opaque => Some(Format::Opaque),
            Self::MpegTs(_) => Some(Format::MpegTs),
            Self::Mp4(_) => Some(Format::FragmentedMp4),
            Self::Flv(_) => Some(Format::Flv),
            Self::Matroska(_) => Some(Format::Matroska),
            Self::Mpjpeg(_) => Some(Format::MultipartJpeg),
            Self::Frames(frames) => Some(frames.format()),
            Self::Ogg(_) => Some(Format::Ogg),
        }
    }

    /// Looks at `bytes`, the first of which is at offset `at`, and says how to go on. The answer
    /// depends on no more of them than it must, so that it does not matter how they were cut.
    fn step(&mut self, bytes: &[u8], at: u64, found: &mut Found) -> Step {
        match self {
            Self::Sniff => match format::told(bytes) {
                Told::Is(format) => {
                    *self = Self::of(format);
                    self.step(bytes, at, found)
                }
                Told::Needs(need) => Step::Need(need),
                Told::Nothing => Step::Lost,
            },
            Self::Opaque => Step::Lost,
            Self::MpegTs(ts) => ts.step(bytes, at, found),
            Self::Mp4(mp4) => mp4.step(bytes, at, found),
            Self::Flv(flv) => flv.step(bytes, at, found),
            Self::Matroska(matroska) => matroska.step(bytes, at, found),
            Self::Mpjpeg(mpjpeg) => mpjpeg.step(bytes, at, found),
            Self::Frames(frames) => frames.step(bytes, at, found),
            Self::Ogg(ogg) => ogg.step(bytes, at, found),
        }
    }
}

impl Scanner {
    /// For a producer of this format; where that is not known, its first bytes are to tell, and
    /// if they do not within 9 KiB it is [`Format::Opaque`].
    #[must_use]
    pub fn new(format: Option<Format>) -> Self {
        Self {
            walk: format.map_or(Walk::Sniff, Walk::of),
            found: Found::default(),
            seen: 0,
            at: 0,
            carry: Vec::new(),
            need: 0,
            skip: 0,
            ends: false,
        }
    }

    /// The next bytes of the producer, in order, cut anywhere.
    pub fn scan(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.found.rewrites().clear();
        if matches!(self.walk, Walk::Opaque) {
            self.found.join_plain(self.seen, false);
        }
        self.seen += bytes.len() as u64;
        let mut rest = bytes;
        while !rest.is_empty() && !matches!(self.walk, Walk::Opaque) {
            rest = if self.carry.is_empty() {
                self.pass(rest)
            } else {
                self.complete(rest)
            };
        }
        if matches!(self.walk, Walk::Opaque) {
            self.found.pass(self.seen);
        }
    }

    /// The producer has ended. What was too little to tell what it is, is whole as it is.
    pub fn finish(&mut self) {
        if matches!(self.walk, Walk::Sniff) && self.seen > 0 && !self.take(Step::Lost) {
            self.found.pass(self.seen);
        }
    }

    /// What the bytes are, once that is known. [`Format::Opaque`] too where something else was
    /// expected and its framing is lost for good.
    #[must_use]
    pub fn format(&self) -> Option<Format> {
        self.walk.format()
    }

    /// Offset from the producer's first byte up to which whole units have passed: a viewer may be
    /// left or cut here without breaking the framing. Never goes back, and is never more than
    /// was scanned.
    #[must_use]
    pub const fn whole(&self) -> u64 {
        self.found.whole()
    }

    /// The join points found since they were last asked for, ascending, none above
    /// [`Self::whole`]: the unit that begins there may not be whole yet. Of more than 4096 that
    /// nobody asked for, the newest.
    pub fn joins(&mut self) -> impl Iterator<Item = Join> {
        self.found.drain()
    }

    /// What the last scan wants written over before it is handed on: fragments of MP4 that are right at
    /// one place of the file only. None begins below what [`Self::whole`] was before that scan.
    pub fn rewrites(&mut self) -> impl Iterator<Item = Rewrite> {
        self.found.rewrites().drain(..)
    }

    /// Looks at `bytes` as they lie, and carries over what it cannot say yet.
    fn pass<'a>(&mut self, mut bytes: &'a [u8]) -> &'a [u8] {
        loop {
            let passed = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
            bytes = &bytes[passed..];
            self.advance(passed);
            if bytes.is_empty() {
                return bytes;
            }
            match self.walk.step(bytes, self.at, &mut self.found) {
                Step::Need(need) if need > bytes.len() && need <= HEAD => {
                    self.carry.extend_from_slice(bytes);
                    self.need = need;
                    return &[];
                }
                step => {
                    if !self.take(step) {
                        return bytes;
                    }
                }
            }
        }
    }

    /// Adds to what was carried over what is needed of `bytes`, and answers the rest.
    fn complete<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let missing = self.need.saturating_sub(self.carry.len()).min(bytes.len());
        let (more, rest) = bytes.split_at(missing);
        self.carry.extend_from_slice(more);
        let mut done = 0;
        while done < self.carry.len() && self.carry.len() >= self.need {
            let ahead = &self.carry[done..];
            match self.walk.step(ahead, self.at, &mut self.found) {
                Step::Need(need) if need > ahead.len() && need <= HEAD => self.need = done + need,
                step => {
                    let ahead = ahead.len();
                    if !self.take(step) {
                        return rest;
                    }
                    let passed = usize::try_from(self.skip).unwrap_or(usize::MAX).min(ahead);
                    self.advance(passed);
                    done += passed;
                }
            }
        }
        self.carry.drain(..done);
        self.need = self.need.saturating_sub(done);
        rest
    }

    /// Sets out to pass what `step` says; false where there is no way on.
    fn take(&mut self, step: Step) -> bool {
        (self.skip, self.ends) = match step {
            Step::Take(long @ 1..=UNIT) => (long, false),
            Step::Unit(long @ 1..=UNIT) => (long, true),
            Step::Take(_) | Step::Unit(_) | Step::Need(_) | Step::Lost => {
                self.walk = Walk::Opaque;
                self.found.join_rest();
                self.carry = Vec::new();
                self.skip = 0;
                return false;
            }
        };
        true
    }

    const fn advance(&mut self, passed: usize) {
        self.at += passed as u64;
        self.skip -= passed as u64;
        if self.skip == 0 && self.ends {
            self.found.pass(self.at);
        }
    }
}

#[cfg(test)]
mod tests;
