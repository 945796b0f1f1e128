//! A transport stream into packets.

use std::collections::VecDeque;

use super::pcr::{DISCONTINUITY, RANDOM_ACCESS};
use super::tables::{self, Assembly, Entry, PAT};
use super::{HEADER, PACKET, SYNC};
use stream::Stream;

mod item;
mod pes;
mod picture;
mod sound;
mod stream;

pub use item::{Counts, Item, Loss, Program};

/// How many packets in a row must begin as packets do where the framing was lost.
const ROW: usize = 3;

/// What takes a stream apart that anybody sends.
///
/// Read are the first pictures (H.264, H.265) and the first sound (AAC in ADTS, Opus, MP3) of the
/// first program. A picture's unit is a PES packet, which is how all publishers send them
/// (ETSI TS 101 154, 4.1.6): it is given when its stated length is there, or else when the next
/// begins, one picture later. Sound is cut into its frames, each with a timestamp of its own, as
/// soon as they are there. Pictures are given from the first on that decoding can begin with and
/// whose parameter sets have come: an IDR or IRAP picture, one that has the random access indicator,
/// or an I slice of H.264 behind a sequence parameter set.
///
/// Timestamps go on over their wrap: of two ways to the next, the shorter one, so that a timeline
/// that begins again goes back by as much as it is less. Nothing ends the reading: what is damaged is
/// left out, counted and said. Two fields that are sent each for itself are two packets.
#[derive(Debug, Default)]
pub struct Reader {
    /// The beginning of a packet that has not wholly come, or what is looked through for one.
    carry: Vec<u8>,
    is_locked: bool,
    pat: Table,
    pmt: Table,
    /// The first program's number, and the PID of its map.
    program: Option<(u16, u16)>,
    streams: Vec<Stream>,
    /// Whether something was said of the program.
    is_told: bool,
    sink: Sink,
}

/// A table under way.
#[derive(Debug, Default)]
struct Table {
    counter: Option<u8>,
    assembly: Assembly,
}

/// Where things go that were found.
#[derive(Debug, Default)]
struct Sink {
    items: VecDeque<Item>,
    counts: Counts,
    /// The last timestamp, which the next is near.
    last: Option<i64>,
}

/// What a packet's header says.
#[derive(Clone, Copy, Debug)]
struct Head {
    /// What is said of the unit, and the PID.
    unit: u16,
    /// Scrambling, what it has, and the counter.
    control: u8,
    /// The flags of the adaptation field.
    adaptation: u8,
}

/// How a packet follows the last one of its PID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Follows {
    /// As it is to.
    Next,
    /// It is that one, once more.
    Again,
    /// Not at all, which is said to be meant so.
    Anew,
    /// Not at all.
    Not,
}

impl Reader {
    /// For a stream that may begin anywhere.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The next bytes of the stream, in order, cut anywhere. What is found is kept until
    /// [`Self::next`] has given it.
    pub fn push(&mut self, bytes: &[u8]) {
        let mut input = std::mem::take(&mut self.carry);
        input.extend_from_slice(bytes);
        let passed = self.walk(&input);
        input.drain(..passed);
        self.carry = input;
    }

    /// The stream has ended: what was waiting for more is what it is. A unit of no stated length is taken for one that
    /// its writer did not live to finish if its last packet has no room left in it, for what ends is filled up.
    pub fn finish(&mut self) {
        let rest = std::mem::take(&mut self.carry);
        let starts = rest.chunks(PACKET).all(|packet| packet.first() == Some(&SYNC));
        if self.is_locked || starts {
            for packet in rest.as_chunks().0 {
                self.packet(packet);
            }
        }
        for (index, stream) in self.streams.iter_mut().enumerate() {
            stream.end(index, &mut self.sink);
        }
    }

    /// The next that was found; none before more bytes have come.
    #[expect(clippy::should_implement_trait, reason = "there may be more after there was none")]
    pub fn next(&mut self) -> Option<Item> {
        self.sink.items.pop_front()
    }

    /// What was wrong so far.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.sink.counts
    }

    /// Reads what is whole of `bytes`; how many that were.
    fn walk(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        loop {
            let ahead = bytes.get(at..).unwrap_or_default();
            if self.is_locked {
                match ahead.first_chunk() {
                    Some(packet) if packet[0] == SYNC => {
                        self.packet(packet);
                        at += PACKET;
                    }
                    Some(_) => self.is_locked = false,
                    None => return at,
                }
                continue;
            }
            let Some(starts) = ahead.len().checked_sub((ROW - 1) * PACKET) else {
                return at;
            };
            let is_row =
                |&begin: &usize| (0..ROW).all(|k| ahead.get(begin + k * PACKET) == Some(&SYNC));
            let found = (0..starts).find(is_row);
            let strange = found.unwrap_or(starts);
            self.sink.counts.strange_bytes += strange as u64;
            at += strange;
            self.is_locked = found.is_some();
            if found.is_none() {
                return at;
            }
        }
    }

    fn packet(&mut self, packet: &[u8; PACKET]) {
        const DAMAGED: u8 = 0x80;
        if packet[1] & DAMAGED != 0 {
            self.sink.counts.transport_errors += 1;
            return;
        }
        let Some((head, payload)) = Head::read(packet) else {
            return;
        };
        if head.pid() == PAT {
            for section in self.pat.packet(head, payload, &mut self.sink) {
                self.associate(&section);
            }
        } else if let Some((number, pid)) = self.program
            && head.pid() == pid
        {
            for section in self.pmt.packet(head, payload, &mut self.sink) {
                self.map(&section, number);
            }
        } else {
            let mut streams = self.streams.iter_mut().enumerate();
            if let Some((index, stream)) = streams.find(|(_, stream)| stream.is_on(head.pid())) {
                stream.packet(index, (head, payload), &mut self.sink);
            }
        }
    }

    fn associate(&mut self, section: &[u8]) {
        let Some(program) = tables::first_program(section) else {
            return;
        };
        if self.program != Some(program) {
            self.program = Some(program);
            self.pmt = Table::default();
        }
    }

    fn map(&mut self, section: &[u8], number: u16) {
        let Some(entries) = tables::streams(section, number) else {
            return;
        };
        let first = |is_video| {
            let mut coded = entries.iter().filter(|entry| entry.codec.is_some());
            coded.find(|entry| entry.codec.is_some_and(|codec| codec.is_video() == is_video))
        };
        let wanted: Vec<Entry> = [true, false].into_iter().filter_map(first).copied().collect();
        if self.is_told && self.streams.iter().map(Stream::entry).eq(wanted.iter().copied()) {
            return;
        }
        let mut before = std::mem::take(&mut self.streams);
        for (index, stream) in before.iter_mut().enumerate() {
            if !wanted.contains(&stream.entry()) {
                stream.finish(index, &mut self.sink);
            }
        }
        self.is_told = true;
        let tracks = wanted.iter().filter_map(|entry| entry.codec).collect();
        let ignored = entries.len() - wanted.len();
        self.sink.items.push_back(Item::Program(Program { tracks, ignored }));
        for entry in wanted {
            let known = before.iter().position(|stream| stream.entry() == entry);
            let known = known.map(|place| before.swap_remove(place));
            // What was told under another number counts no more.
            let told_again = known.map(Stream::told_again);
            self.streams.extend(told_again.or_else(|| Stream::new(entry)));
        }
    }
}

impl Head {
    /// With what the packet carries of its stream; none where it makes no sense.
    fn read(packet: &[u8; PACKET]) -> Option<(Self, &[u8])> {
        let [_, high, low, control, ..] = *packet;
        let adapted = if control & 0x20 == 0 {
            0
        } else {
            1 + usize::from(packet[4])
        };
        let adaptation = if adapted > 1 { packet[5] } else { 0 };
        let head = Self { unit: u16::from_be_bytes([high, low]), control, adaptation };
        let payload = packet.get(HEADER + adapted..)?;
        Some((head, if head.has_payload() { payload } else { &[] }))
    }

    const fn pid(self) -> u16 {
        self.unit & 0x1fff
    }

    /// Whether something begins in it.
    const fn begins(self) -> bool {
        self.unit & 0x4000 != 0 && self.has_payload()
    }

    const fn has_payload(self) -> bool {
        self.control & 0x10 != 0
    }

    const fn is_scrambled(self) -> bool {
        self.control & 0xc0 != 0
    }

    const fn is_random_access(self) -> bool {
        self.adaptation & RANDOM_ACCESS != 0
    }

    /// How it follows what has this `counter`, which becomes its own. One without a payload does
    /// not count, but says from where to count on where counting begins anew.
    fn follow(self, counter: &mut Option<u8>) -> Follows {
        let own = self.control & 0x0f;
        let is_anew = self.adaptation & DISCONTINUITY != 0;
        let Some(before) = *counter else {
            *counter = Some(own);
            return Follows::Next;
        };
        if !self.has_payload() && !is_anew {
            return Follows::Next;
        }
        *counter = Some(own);
        let next = if self.has_payload() {
            before.wrapping_add(1) & 0x0f
        } else {
            before
        };
        match own {
            own if own == next => Follows::Next,
            _ if is_anew => Follows::Anew,
            own if own == before => Follows::Again,
            _ => Follows::Not,
        }
    }
}

impl Table {
    /// The sections that are whole with this packet.
    fn packet(&mut self, head: Head, payload: &[u8], sink: &mut Sink) -> Vec<Vec<u8>> {
        match head.follow(&mut self.counter) {
            Follows::Next => {}
            Follows::Again => return Vec::new(),
            Follows::Anew => self.assembly.forget(),
            Follows::Not => {
                sink.counts.continuity_errors += 1;
                self.assembly.forget();
            }
        }
        if head.is_scrambled() {
            sink.counts.scrambled += 1;
            return Vec::new();
        }
        self.assembly.push(payload, head.begins())
    }
}

impl Sink {
    fn lost(&mut self, index: usize, loss: Loss) {
        self.counts.lost += 1;
        self.items.push_back(Item::Lost { index, loss });
    }

    /// The moment that 33 bits say, near the last one.
    fn near(&self, stamp: u64) -> i64 {
        let stamp = (stamp & super::STAMP).cast_signed();
        let last = self.last.unwrap_or(stamp);
        // The difference as a number of 33 bits with its sign.
        last.wrapping_add(stamp.wrapping_sub(last) << 31 >> 31)
    }

    /// The same, which is the last one then.
    fn moment(&mut self, stamp: u64) -> i64 {
        let moment = self.near(stamp);
        self.last = Some(moment);
        moment
    }
}
