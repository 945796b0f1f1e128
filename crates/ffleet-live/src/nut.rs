//! NUT, the container that FFmpeg's encoders hand us their packets in (`ffmpeg … -f nut -`).
//!
//! It was chosen for what stands before a packet: its size. A [`Reader`] gives each packet the
//! moment its last byte is there, where of MPEG-TS the end of a picture shows only when the next
//! begins, and of MP4 or Matroska a whole fragment has to come. A packet that an encoder did not
//! live to finish is never given.
//!
//! Read are versions 3 and 4 (version 4 has no syncpoints, or such with the time of day), all that
//! FFmpeg 5.1 to 9.0 writes: the [NUT specification](https://ffmpeg.org/~michael/nut.txt).
//! Checksums of all headers and frames that have one are verified. The index at the end, and what
//! has a start code that is not known, is passed over. Timestamps are those of display alone: NUT
//! has none of decoding.
//!
//! What FFmpeg does with timestamps before 0: its muxer refuses a packet with a negative pts and
//! ends with an error. By default (`-avoid_negative_ts auto`) all tracks are moved together so that
//! the first dts is 0: AAC, whose first frame is 1024 samples before 0, then begins at 0 and
//! pictures later by as much. With `-avoid_negative_ts disabled` a command with such sound fails.
//! FFmpeg keeps an index in memory as long as it writes, unless it is told `-write_index 0`.
//!
//! A stream is one encoder's, from its first byte on: nothing is looked for in the middle, and an
//! error is the end of it. Memory is bounded: a header has at most 1 MiB, a packet 64 MiB, a stream
//! 8 tracks.

use envelope::Envelope;
use error::{Fault, Part};
use fields::Fields;
use frame::{Head, Streams};
use header::{Main, Stream};
use input::Input;

mod codec;
mod envelope;
pub mod error;
mod fields;
mod frame;
mod header;
mod input;
mod item;
pub mod writer;

pub use error::Error;
pub use item::{Coding, Item, Kind, Packet, TimeBase, Track};

/// The longest packet in bytes.
pub const PACKET: u64 = 64 << 20;
/// The longest header in bytes.
pub const HEADER: u64 = 1 << 20;

/// What a stream begins with.
const SIGNATURE: &[u8] = b"nut/multimedia container\0";
/// How many bytes of a packet are reserved before they have come.
const RESERVED: usize = 1 << 20;

/// What takes a stream apart.
///
/// ```
/// let mut reader = ffleet_live::nut::Reader::new();
/// reader.push(b"nut/multimedia ");
/// assert_eq!(reader.next(), Ok(None), "so far so good");
/// reader.push(b"whatever");
/// let error = reader.next().expect_err("it is something else");
/// assert_eq!(error.to_string(), "NUT signature at byte 0: this is no NUT");
/// ```
#[derive(Debug, Default)]
pub struct Reader {
    input: Input,
    state: State,
    main: Option<Main>,
    /// By track.
    streams: Vec<Option<(Stream, i64)>>,
}

/// What comes next.
#[derive(Debug, Default)]
enum State {
    /// What every stream begins with.
    #[default]
    Signature,
    /// The beginning of something.
    Between,
    /// So many bytes that are of no interest.
    Pass(u64),
    /// The bytes of a packet.
    Body(Body),
    /// Nothing, for this reason.
    Failed(Error),
}

/// A packet that has not wholly come.
#[derive(Debug)]
struct Body {
    /// Where its frame begins.
    at: u64,
    head: Head,
    bytes: Vec<u8>,
    /// How many bytes are missing.
    missing: usize,
}

/// How to go on.
enum Way {
    /// There is this.
    Give(Item),
    /// There may be more.
    On,
    /// More bytes must come.
    Wait,
}

impl Reader {
    /// For a stream that begins with the first byte pushed.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The next bytes of the stream, in order, cut anywhere. They are kept until [`Self::next`]
    /// has made something of them; ask it until it has nothing before pushing more.
    pub fn push(&mut self, bytes: &[u8]) {
        match &mut self.state {
            State::Failed(_) => {}
            // Most bytes are those of packets, and are copied once.
            State::Body(body) if self.input.is_empty() => {
                let taken = body.take(bytes);
                self.input.pass_by(taken);
                self.input.push(bytes.get(taken..).unwrap_or_default());
            }
            _ => self.input.push(bytes),
        }
    }

    /// The next track or packet; none before more bytes have come.
    ///
    /// # Errors
    ///
    /// If what came is no NUT, damaged, or beyond what is read. The same again each time after.
    #[expect(clippy::should_implement_trait, reason = "there may be more after there was none")]
    pub fn next(&mut self) -> Result<Option<Item>, Error> {
        loop {
            let way = match &self.state {
                State::Failed(error) => return Err(error.clone()),
                State::Signature => self.signature(),
                State::Pass(long) => Ok(self.pass(*long)),
                State::Body(_) => self.body(),
                State::Between if self.input.ahead().first() == Some(&b'N') => self.packet(),
                State::Between => self.frame(),
            };
            match way {
                Ok(Way::Give(item)) => return Ok(Some(item)),
                Ok(Way::On) => {}
                Ok(Way::Wait) => return Ok(None),
                Err(error) => {
                    self.state = State::Failed(error.clone());
                    self.input = Input::default();
                    return Err(error);
                }
            }
        }
    }

    fn signature(&mut self) -> Result<Way, Error> {
        let ahead = self.input.ahead();
        let known = ahead.len().min(SIGNATURE.len());
        if ahead.get(..known) != SIGNATURE.get(..known) {
            return Err(Error { at: 0, part: Part::Signature, fault: Fault::Strange });
        }
        if known < SIGNATURE.len() {
            return Ok(Way::Wait);
        }
        self.input.pass(known);
        self.state = State::Between;
        Ok(Way::On)
    }

    fn pass(&mut self, long: u64) -> Way {
        let ahead = self.input.ahead().len();
        let passed = usize::try_from(long).unwrap_or(usize::MAX).min(ahead);
        self.input.pass(passed);
        let left = long - passed as u64;
        self.state = if left == 0 { State::Between } else { State::Pass(left) };
        if left == 0 { Way::On } else { Way::Wait }
    }

    /// Something with a start code.
    fn packet(&mut self) -> Result<Way, Error> {
        let at = self.input.at();
        let Some(envelope) = Envelope::read(self.input.ahead()) else {
            return Ok(Way::Wait);
        };
        let part = envelope.as_ref().map_or(Part::Other, |envelope| envelope.part);
        let fail = |fault| Error { at, part, fault };
        let Envelope { part, head, long } = envelope.map_err(fail)?;
        if part == Part::Other {
            self.state = State::Pass(long.saturating_add(head as u64));
            return Ok(Way::On);
        }
        if long > HEADER {
            return Err(fail(Fault::Long { long, most: HEADER }));
        }
        let end = head + usize::try_from(long).unwrap_or(usize::MAX);
        let Some(checked) = self.input.ahead().get(head..end) else {
            return Ok(Way::Wait);
        };
        let (body, _check) = checked.split_last_chunk::<4>().ok_or_else(|| fail(Fault::Short))?;
        if crate::crc::crc(0, checked) != 0 {
            return Err(fail(Fault::Damaged));
        }
        let way = match part {
            Part::Main => {
                let main = Main::read(body).map_err(fail)?;
                self.begin(main).map_err(fail)?
            }
            Part::Stream => {
                let stream = Stream::read(body, self.main.as_ref()).map_err(fail)?;
                describe(&mut self.streams, stream)
            }
            Part::Syncpoint => {
                self.main
                    .as_ref()
                    .map_or(Err(Fault::Before(Part::Main)), |main| {
                        synchronise(&mut self.streams, main.syncpoint(body)?)
                    })
                    .map_err(fail)?;
                Way::On
            }
            _ => Way::On,
        };
        self.input.pass(end);
        Ok(way)
    }

    /// The main header, at the beginning or again.
    fn begin(&mut self, main: Main) -> Result<Way, Fault> {
        match &self.main {
            None => {
                let tracks = usize::try_from(main.tracks).unwrap_or_default();
                self.streams = vec![None; tracks];
                self.main = Some(main);
            }
            Some(first) if *first == main => {}
            Some(_) => return Err(Fault::Changed),
        }
        Ok(Way::On)
    }

    /// A frame begins.
    fn frame(&mut self) -> Result<Way, Error> {
        let at = self.input.at();
        if self.input.is_empty() {
            return Ok(Way::Wait);
        }
        let fail = |fault| Error { at, part: Part::Frame, fault };
        let mut fields = Fields::new(self.input.ahead());
        let main = self.main.as_ref().ok_or_else(|| fail(Fault::Before(Part::Main)))?;
        let head = match Head::read(&mut fields, main, &self.streams) {
            Ok(head) => head,
            Err(Fault::Short) => return Ok(Way::Wait),
            Err(fault) => return Err(fail(fault)),
        };
        let elided = main.elided.get(head.elided).map(Vec::as_slice).unwrap_or_default();
        let mut bytes = Vec::with_capacity(elided.len() + head.long.min(RESERVED));
        bytes.extend_from_slice(elided);
        let passed = fields.at();
        self.input.pass(passed);
        self.state = State::Body(Body { at, head, bytes, missing: head.long });
        if let Some(Some((_, last))) = self.streams.get_mut(head.track) {
            *last = head.pts;
        }
        Ok(Way::On)
    }

    /// More of a packet.
    fn body(&mut self) -> Result<Way, Error> {
        let State::Body(body) = &mut self.state else {
            return Ok(Way::On);
        };
        let taken = body.take(self.input.ahead());
        self.input.pass(taken);
        if body.missing > 0 {
            return Ok(Way::Wait);
        }
        let State::Body(body) = std::mem::replace(&mut self.state, State::Between) else {
            return Ok(Way::On);
        };
        let main = self.main.as_ref();
        let elided = main
            .and_then(|main| main.elided.get(body.head.elided))
            .map_or(0, Vec::len);
        body.whole(elided)
    }
}

impl Body {
    /// Takes what is missing of `bytes`; how many that were.
    fn take(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.get(..self.missing).unwrap_or(bytes);
        self.bytes.extend_from_slice(taken);
        self.missing -= taken.len();
        taken.len()
    }

    /// The packet, which began with so many bytes that were not sent.
    fn whole(self, elided: usize) -> Result<Way, Error> {
        let Self { at, head, mut bytes, .. } = self;
        if head.has_side {
            let fail = |fault| Error { at, part: Part::Frame, fault };
            let sent = bytes.get(elided..).unwrap_or_default();
            let side = frame::side(sent).map_err(fail)?;
            bytes.drain(elided..elided + side);
        }
        // A frame without bytes says that its track has nothing to show for now.
        if bytes.is_empty() {
            return Ok(Way::On);
        }
        let Head { track, pts, is_key, .. } = head;
        Ok(Way::Give(Item::Packet(Packet { track, pts, is_key, bytes })))
    }
}

/// A stream header, the first or again.
fn describe(streams: &mut [Option<(Stream, i64)>], stream: Stream) -> Way {
    let track = stream.track.clone();
    let Some(place) = streams.get_mut(track.index) else {
        return Way::On;
    };
    match place {
        Some((known, _)) if *known == stream => return Way::On,
        Some((known, _)) => *known = stream,
        None => *place = Some((stream, 0)),
    }
    Way::Give(Item::Track(track))
}

/// From here on timestamps continue this one.
fn synchronise(streams: &mut Streams, (ticks, base): (i64, TimeBase)) -> Result<(), Fault> {
    for (stream, last) in streams.iter_mut().flatten() {
        let strange = Fault::Value { field: "timestamp", value: ticks.cast_unsigned() };
        *last = stream.track.time_base.from(ticks, base).ok_or(strange)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
