//! A stream of the program: its PES packets, put together.

use super::super::tables::Entry;
use super::super::{HEADER, PACKET};
use super::pes::{BEGIN, Pes};
use super::picture::Pictures;
use super::sound::Sound;
use super::{Follows, Head, Loss, Sink};
use crate::packet::Codec;

/// The longest PES packet in bytes.
const LONGEST: usize = 64 << 20;

/// See the module.
#[derive(Debug)]
pub(super) struct Stream {
    entry: Entry,
    counter: Option<u8>,
    /// A packet that has not wholly come.
    open: Option<Open>,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Pictures(Pictures),
    Sound(Sound),
}

/// A PES packet, its header included.
#[derive(Debug)]
struct Open {
    bytes: Vec<u8>,
    /// Whether its first packet says that decoding can begin with it.
    is_random_access: bool,
    /// Whether its last packet has no room left.
    is_full: bool,
}

impl Stream {
    /// None for one that is not known.
    pub(super) fn new(entry: Entry) -> Option<Self> {
        let content = match entry.codec? {
            codec @ (Codec::H264 | Codec::H265) => Content::Pictures(Pictures::new(codec)),
            codec => Content::Sound(Sound::new(codec, entry.channels)),
        };
        Some(Self { entry, counter: None, open: None, content })
    }

    pub(super) const fn entry(&self) -> Entry {
        self.entry
    }

    pub(super) const fn is_on(&self, pid: u16) -> bool {
        self.entry.pid == pid
    }

    /// The same, whose track is to be given again before its next packet.
    pub(super) fn told_again(mut self) -> Self {
        match &mut self.content {
            Content::Pictures(pictures) => pictures.tell_again(),
            Content::Sound(sound) => sound.tell_again(),
        }
        self
    }

    pub(super) fn packet(&mut self, index: usize, (head, payload): (Head, &[u8]), sink: &mut Sink) {
        match head.follow(&mut self.counter) {
            Follows::Next => {}
            Follows::Again => return,
            Follows::Anew => self.lose(index, Loss::Continuity, sink),
            Follows::Not => {
                sink.counts.continuity_errors += 1;
                self.lose(index, Loss::Continuity, sink);
            }
        }
        if head.is_scrambled() {
            sink.counts.scrambled += 1;
            self.lose(index, Loss::Scrambled, sink);
            return;
        }
        if head.begins() {
            self.finish(index, sink);
            let is_random_access = head.is_random_access();
            self.open = Some(Open { bytes: Vec::new(), is_random_access, is_full: false });
        }
        let Some(open) = &mut self.open else {
            return;
        };
        if open.bytes.len() + payload.len() > LONGEST {
            self.lose(index, Loss::Long, sink);
            return;
        }
        open.bytes.extend_from_slice(payload);
        open.is_full = payload.len() == PACKET - HEADER;
        if Pes::long(&open.bytes).is_some_and(|long| open.bytes.len() >= long) {
            self.finish(index, sink);
        }
    }

    /// What has come of the open packet is of no use.
    fn lose(&mut self, index: usize, loss: Loss, sink: &mut Sink) {
        let had = match &mut self.content {
            Content::Pictures(_) => false,
            Content::Sound(sound) => sound.forget(),
        };
        if self.open.take().is_some() || had {
            sink.lost(index, loss);
        }
    }

    /// Nothing more comes.
    pub(super) fn end(&mut self, index: usize, sink: &mut Sink) {
        let is_cut = |open: &Open| open.is_full && Pes::long(&open.bytes).is_none();
        match &self.open {
            Some(open) if is_cut(open) => self.lose(index, Loss::Truncated, sink),
            _ => self.finish(index, sink),
        }
    }

    /// The open packet, if there is one, has come to its end.
    pub(super) fn finish(&mut self, index: usize, sink: &mut Sink) {
        let Some(open) = &self.open else {
            return;
        };
        let long = Pes::long(&open.bytes).unwrap_or(open.bytes.len());
        if open.bytes.len() < long.max(BEGIN) {
            self.lose(index, Loss::Truncated, sink);
            return;
        }
        let Some(Open { mut bytes, is_random_access, .. }) = self.open.take() else {
            return;
        };
        bytes.truncate(long);
        let Some(pes) = Pes::read(&bytes) else {
            // Padding and the like (table 2-22) has another header, and is nobody's.
            if !matches!(bytes.get(3), Some(0xbc | 0xbe | 0xbf | 0xf0..=0xf2 | 0xf8 | 0xff)) {
                sink.lost(index, Loss::Damaged);
            }
            return;
        };
        bytes.drain(..pes.head);
        // The dts comes first: all timestamps are near the last that was decoded.
        let dts = pes.dts.or(pes.pts).map(|dts| sink.moment(dts));
        let pts = pes.pts.map(|pts| sink.near(pts));
        let times = pts.zip(dts);
        match &mut self.content {
            Content::Pictures(pictures) => {
                pictures.unit(index, (bytes, is_random_access), times, sink);
            }
            Content::Sound(sound) => sound.bytes(index, &bytes, pts, sink),
        }
    }
}
