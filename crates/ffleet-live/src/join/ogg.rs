//! Ogg (RFC 3533): pages of several logical streams, each of which begins with header packets
//! that a decoder must have.
//!
//! The head is all header pages of all streams: the first ones (BOS) before the others, as they
//! came. A viewer can begin at a page that begins with a packet: of the first video stream if
//! that packet is a keyframe, or else of the first sound. FFmpeg begins a page with each keyframe
//! of Theora and VP8. A stream that begins anew after media is another link of a chain, and has a
//! head of its own.
//!
//! Checksums are not looked at: a page that is damaged and framed is the decoder's to refuse.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::step::{Found, Heads, Step, number};
use super::{HEAD, LOST};
use codec::{Codec, Headers};

mod codec;

const CAPTURE: &[u8] = b"OggS";
/// The length of a page's header before its lacing values in bytes.
const HEADER: usize = 27;
/// How many streams there may be at once.
const STREAMS: usize = 64;

/// A walk from page to page.
#[derive(Debug, Default)]
pub(super) struct Ogg {
    streams: BTreeMap<u64, Stream>,
    /// The stream that join points are on.
    watched: Option<u64>,
    /// Pages that begin a stream, and the other header pages.
    begin: Vec<u8>,
    rest: Vec<u8>,
    /// Both, since the first page of media.
    heads: Option<Heads>,
    /// How many bytes have passed without a page.
    strange: u64,
}

#[derive(Debug)]
struct Stream {
    codec: Codec,
    /// What headers are still to come.
    headers: Headers,
}

/// A page, as far as it was looked at.
struct Page<'a> {
    flags: u8,
    /// The position that its last packet ends at.
    granule: u64,
    serial: u64,
    lacing: &'a [u8],
    long: usize,
}

impl Ogg {
    pub(super) fn step(&mut self, bytes: &[u8], at: u64, found: &mut Found) -> Step {
        let mut strange = 0;
        while strange < bytes.len() {
            match Page::begin(&bytes[strange..]) {
                Err(Step::Need(need)) if strange == 0 => return Step::Need(need),
                Ok(page) if strange == 0 => {
                    self.strange = 0;
                    found.pass(at);
                    return self.page(&page, bytes, at, found);
                }
                Ok(_) | Err(Step::Need(_)) => break,
                Err(_) => {
                    strange += 1;
                    self.strange += 1;
                    if self.strange > LOST {
                        return Step::Lost;
                    }
                }
            }
        }
        Step::Take(strange as u64)
    }

    fn page(&mut self, page: &Page<'_>, bytes: &[u8], at: u64, found: &mut Found) -> Step {
        let is_header = page.is_first()
            || self.heads.is_none()
                && self
                    .streams
                    .get(&page.serial)
                    .is_some_and(|stream| stream.is_header(page));
        if is_header {
            let Some(whole) = bytes.get(..page.long) else {
                return Step::Need(page.long);
            };
            if !self.header(page, whole) {
                return Step::Lost;
            }
        } else {
            let Some(first) = page.first_byte(bytes) else {
                return Step::Need(HEADER + page.lacing.len() + 1);
            };
            self.media(page, first, at, found);
        }
        Step::Unit(page.long as u64)
    }

    /// A header page; false if it is too much.
    fn header(&mut self, page: &Page<'_>, whole: &[u8]) -> bool {
        if page.is_first() {
            if self.heads.is_some() {
                *self = Self::default();
            }
            let codec = Codec::of(&whole[HEADER + page.lacing.len()..]);
            let headers = codec.headers();
            let watched = self.watched.and_then(|serial| self.streams.get(&serial));
            let is_better = match watched {
                Some(watched) => codec.is_video() && !watched.codec.is_video(),
                None => codec.is_video() || codec.is_sound(),
            };
            if is_better {
                self.watched = Some(page.serial);
            }
            self.streams.insert(page.serial, Stream { codec, headers });
            self.begin.extend_from_slice(whole);
        } else if let Some(stream) = self.streams.get_mut(&page.serial) {
            stream.headers = stream.headers.less(page.packets(), page.is_last());
            self.rest.extend_from_slice(whole);
        }
        self.streams.len() <= STREAMS && self.begin.len() + self.rest.len() <= HEAD
    }

    /// A page of media, whose first packet begins with this byte.
    fn media(&mut self, page: &Page<'_>, first: u8, at: u64, found: &mut Found) {
        let Some(stream) = self.streams.get(&page.serial) else {
            return;
        };
        let heads = self.heads.get_or_insert_with(|| {
            let head: Arc<[u8]> = [&self.begin[..], &self.rest].concat().into();
            let reopen = Arc::clone(&head);
            Heads { head, bridge: Arc::default(), reopen }
        });
        let starts = !page.is_continued() && page.lacing.first().is_some_and(|&long| long > 0);
        if self.watched != Some(page.serial) || !starts {
            return;
        }
        let is_join = if stream.codec.is_video() {
            stream.codec.is_key(first)
        } else {
            found.is_due(at)
        };
        let is_described = self.streams.values().all(|stream| !stream.headers.is_awaited());
        if is_join && is_described {
            found.join(at, heads, true);
        }
    }
}

impl Stream {
    /// Whether a page that is not the first carries headers.
    const fn is_header(&self, page: &Page<'_>) -> bool {
        match self.headers {
            Headers::Packets(_) | Headers::All => true,
            // No packet ends on a page at -1.
            Headers::AtZero => matches!(page.granule, 0 | u64::MAX),
            Headers::Done => false,
        }
    }
}

impl<'a> Page<'a> {
    /// The page that `bytes` begin with, or how to go on: lost if there is none.
    fn begin(bytes: &'a [u8]) -> Result<Self, Step> {
        const VERSION: u8 = 0;
        const FLAGS: u8 = 7;
        if !bytes.starts_with(&CAPTURE[..bytes.len().min(CAPTURE.len())]) {
            return Err(Step::Lost);
        }
        let head = bytes.first_chunk::<HEADER>().ok_or(Step::Need(HEADER))?;
        if head[4] != VERSION || head[5] & !FLAGS != 0 {
            return Err(Step::Lost);
        }
        let begin = HEADER + usize::from(head[26]);
        let lacing = bytes.get(HEADER..begin).ok_or(Step::Need(begin))?;
        let body: usize = lacing.iter().map(|&long| usize::from(long)).sum();
        let little = |field: &[u8]| number(field).swap_bytes() >> (64 - 8 * field.len());
        Ok(Self {
            flags: head[5],
            granule: little(&head[6..14]),
            serial: little(&head[14..18]),
            lacing,
            long: begin + body,
        })
    }

    const fn is_continued(&self) -> bool {
        self.flags & 1 != 0
    }

    const fn is_first(&self) -> bool {
        self.flags & 2 != 0
    }

    const fn is_last(&self) -> bool {
        self.flags & 4 != 0
    }

    /// The first byte of its first packet, 0 if it is empty; none if it has not come.
    fn first_byte(&self, bytes: &[u8]) -> Option<u8> {
        match self.lacing.first() {
            None | Some(0) => Some(0),
            Some(_) => bytes.get(HEADER + self.lacing.len()).copied(),
        }
    }

    /// How many packets end on it.
    fn packets(&self) -> u32 {
        self.lacing.iter().map(|&long| u32::from(long < 255)).sum()
    }
}
