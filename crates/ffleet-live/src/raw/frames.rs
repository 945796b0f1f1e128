//! Frames with heads of their own, for programs that know when each is shown or send pictures and sound together
//! (docs/design/frames.md).
//!
//! A connection begins with a few lines of text that say which tracks there are. Behind them are frames, each with a
//! head of 16 bytes and so many bytes as that says. An end mark tells a program that is done from one that died.
//!
//! A head that makes no sense ends the connection: where the next one is would be a guess.

use std::fmt;

use crate::packet::CLOCK;

mod track;

use track::Times;
pub use track::{CHANNELS, FASTEST, PICTURE, SIDE, SOUND, Track};

/// The first line.
const GREETING: &[u8] = b"ffleet-frames 1\n";
/// The most bytes of all lines together.
const LINES: usize = 4_096;
/// The most tracks.
pub const TRACKS: usize = 16;
/// How long a frame's head is in bytes.
pub const HEAD: usize = 16;
/// What it begins with.
const MARK: [u8; 2] = *b"FR";
/// The time of a frame that says none.
pub const NO_TIME: i64 = i64::MIN;

/// Bits of a frame's flags.
const KEY: u8 = 0x01;
const GAP: u8 = 0x02;
const END: u8 = 0x80;

/// What has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The tracks, numbered from 0.
    Tracks(Vec<Track>),
    /// A frame of one of them.
    Frame(Frame),
    /// The program is done: nothing follows.
    End,
}

/// A picture, a run of samples, or an access unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The number of its track.
    pub track: u8,
    /// When it is shown, in microseconds after whatever the program counts from; `None` where that follows from the
    /// track's rate.
    pub time: Option<i64>,
    /// Whether decoding can begin with it.
    pub is_key: bool,
    /// Whether something of its track is missing before it.
    pub has_gap: bool,
    /// What is in it: as much as its track wants ([`Track::holds`]).
    pub bytes: Vec<u8>,
}

impl Frame {
    /// When it is shown in ticks of [`CLOCK`], to the nearest.
    #[must_use]
    pub fn pts(&self) -> Option<i64> {
        let ticks =
            |time| (2 * i128::from(time) * i128::from(CLOCK) + 1_000_000).div_euclid(2_000_000);
        self.time.and_then(|time| i64::try_from(ticks(time)).ok())
    }

    /// What goes before its bytes, as far as they are no more than a head can say.
    #[must_use]
    pub fn head(&self) -> [u8; HEAD] {
        let flags = if self.is_key { KEY } else { 0 } | if self.has_gap { GAP } else { 0 };
        let long = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        head([self.track, flags], long, self.time.unwrap_or(NO_TIME))
    }
}

/// A head: track and flags, length, time.
fn head(about: [u8; 2], long: u32, time: i64) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    let fields = MARK
        .into_iter()
        .chain(about)
        .chain(long.to_le_bytes())
        .chain(time.to_le_bytes());
    head.iter_mut().zip(fields).for_each(|(place, byte)| *place = byte);
    head
}

/// What a connection begins with.
#[must_use]
pub fn greeting(tracks: &[Track]) -> Vec<u8> {
    let lines: String = tracks.iter().map(|track| format!("{track}\n")).collect();
    [GREETING, lines.as_bytes(), b"\n"].concat()
}

/// What a connection ends with.
#[must_use]
pub fn end_mark() -> [u8; HEAD] {
    head([0, END], 0, 0)
}

/// What makes no sense, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Offset from the first byte of the connection.
    pub at: u64,
    /// What was expected there, and what came.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.what, self.at)
    }
}

impl std::error::Error for Fault {}

/// How a connection was when it was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// Its program had said that it is done.
    Done,
    /// It had not: it will be back, or died.
    Lost,
}

/// What reads one connection.
///
/// ```
/// use ffleet_live::raw::frames::{Closed, Event, Reader};
///
/// let mut events = Vec::new();
/// let mut reader = Reader::default();
/// reader.push(b"ffleet-frames 1\npicture gray 2x1 25\n\n", &mut events)?;
/// reader.push(b"FR\0\0\x02\0\0\0\x40\x9c\0\0\0\0\0\0hi", &mut events)?;
/// assert!(matches!(&events[1], Event::Frame(frame) if frame.time == Some(40_000)));
/// assert_eq!(reader.close()?, Closed::Lost);
/// # Ok::<(), ffleet_live::raw::frames::Fault>(())
/// ```
#[derive(Debug, Default)]
pub struct Reader {
    tracks: Vec<Track>,
    times: [Times; TRACKS],
    state: State,
    /// What has come of what is under way.
    begun: Vec<u8>,
    /// Offset of it.
    at: u64,
    /// How many bytes of the lines have passed.
    lines: usize,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Greeting,
    Lines,
    Head,
    Payload {
        frame: Frame,
        long: usize,
    },
    Done,
    Failed(Fault),
}

impl Reader {
    /// Takes the next bytes, which are cut anywhere, and adds what is whole with them to `events`.
    ///
    /// # Errors
    ///
    /// What makes no sense. What came before it is in `events`; nothing is read of what follows, and the connection is
    /// to be closed.
    pub fn push(&mut self, bytes: &[u8], events: &mut Vec<Event>) -> Result<(), Fault> {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = match self.step(rest, events) {
                Ok(rest) => rest,
                Err(fault) => {
                    self.state = State::Failed(fault.clone());
                    self.begun = Vec::new();
                    return Err(fault);
                }
            };
        }
        Ok(())
    }

    /// The number of the track whose frame is not whole yet, and how many bytes of it, its head not counted, there are.
    #[must_use]
    pub const fn under_way(&self) -> Option<(u8, usize)> {
        match &self.state {
            State::Payload { frame, .. } => Some((frame.track, frame.bytes.len())),
            _ => None,
        }
    }

    /// The connection is closed, or is to be.
    ///
    /// # Errors
    ///
    /// What is missing of that which was under way; or what had made no sense before.
    pub fn close(&self) -> Result<Closed, Fault> {
        let missing = match &self.state {
            State::Greeting => "the line \"ffleet-frames 1\"".to_owned(),
            State::Lines => "lines of tracks and an empty line".to_owned(),
            State::Head if self.begun.is_empty() => return Ok(Closed::Lost),
            State::Head => format!("a frame's head of {HEAD} bytes"),
            State::Payload { long, .. } => format!("{long} bytes of a frame"),
            State::Done => return Ok(Closed::Done),
            State::Failed(fault) => return Err(fault.clone()),
        };
        let begun = match &self.state {
            State::Payload { frame, .. } => frame.bytes.len(),
            _ => self.begun.len(),
        };
        let what = format!("expected {missing}, got the end behind {begun} bytes of that");
        Err(Fault { at: self.at + begun as u64, what })
    }

    /// Takes some of `bytes`, of which there are, and answers the rest.
    fn step<'a>(&mut self, bytes: &'a [u8], events: &mut Vec<Event>) -> Result<&'a [u8], Fault> {
        match &mut self.state {
            State::Greeting => self.greet(bytes),
            State::Lines => self.line(bytes, events),
            State::Head => self.head(bytes, events),
            State::Payload { frame, long } => {
                if frame.bytes.is_empty() {
                    frame.bytes.reserve_exact(*long);
                }
                let (more, rest) = bytes.split_at(bytes.len().min(*long - frame.bytes.len()));
                frame.bytes.extend_from_slice(more);
                if frame.bytes.len() == *long {
                    self.at += *long as u64;
                    let state = std::mem::replace(&mut self.state, State::Head);
                    if let State::Payload { frame, .. } = state {
                        events.push(Event::Frame(frame));
                    }
                }
                Ok(rest)
            }
            State::Done => Err(self.fault(0, "nothing behind the end mark", format_args!("more"))),
            State::Failed(fault) => Err(fault.clone()),
        }
    }

    fn fault(&self, behind: u64, expected: &str, got: impl fmt::Display) -> Fault {
        Fault { at: self.at + behind, what: format!("expected {expected}, got {got}") }
    }

    fn greet<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], Fault> {
        let missing = &GREETING[self.begun.len()..];
        let same = missing
            .iter()
            .zip(bytes)
            .take_while(|(one, other)| one == other)
            .count();
        let (more, rest) = bytes.split_at(same);
        self.begun.extend_from_slice(more);
        if self.begun.len() == GREETING.len() {
            self.pass();
            self.lines = GREETING.len();
            self.state = State::Lines;
        } else if let Some(byte) = rest.first() {
            let at = self.begun.len() as u64;
            let byte = format_args!("0x{byte:02x}").to_string();
            return Err(self.fault(at, "the line \"ffleet-frames 1\"", byte));
        }
        Ok(rest)
    }

    /// What was under way has passed.
    fn pass(&mut self) -> Vec<u8> {
        self.at += self.begun.len() as u64;
        std::mem::take(&mut self.begun)
    }

    fn line<'a>(&mut self, bytes: &'a [u8], events: &mut Vec<Event>) -> Result<&'a [u8], Fault> {
        let room = LINES - self.lines - self.begun.len();
        let end = bytes.iter().take(room).position(|&byte| byte == b'\n');
        let Some(end) = end else {
            if bytes.len() >= room {
                let expected = format!("lines of {LINES} bytes at most");
                return Err(self.fault(0, &expected, "more"));
            }
            self.begun.extend_from_slice(bytes);
            return Ok(&[]);
        };
        self.begun.extend_from_slice(&bytes[..end]);
        let line = String::from_utf8_lossy(&self.begun).into_owned();
        if line.is_empty() {
            if self.tracks.is_empty() {
                return Err(self.fault(0, "a track", "an empty line"));
            }
            self.state = State::Head;
            events.push(Event::Tracks(self.tracks.clone()));
        } else {
            let track = line.parse().map_err(|what| Fault { at: self.at, what })?;
            if self.tracks.len() == TRACKS {
                return Err(self.fault(0, &format!("{TRACKS} tracks at most"), "another"));
            }
            self.tracks.push(track);
        }
        self.begun.push(b'\n');
        self.lines += self.pass().len();
        Ok(&bytes[end + 1..])
    }

    fn head<'a>(&mut self, bytes: &'a [u8], events: &mut Vec<Event>) -> Result<&'a [u8], Fault> {
        let (more, rest) = bytes.split_at(bytes.len().min(HEAD - self.begun.len()));
        self.begun.extend_from_slice(more);
        if let Ok(head) = <[u8; HEAD]>::try_from(&self.begun[..]) {
            self.state = self.read(head)?;
            match &self.state {
                State::Payload { frame, .. } => self.time(frame.track, frame.time)?,
                State::Done => events.push(Event::End),
                _ => {}
            }
            self.pass();
        }
        Ok(rest)
    }

    /// Takes the time of a frame.
    fn time(&mut self, track: u8, time: Option<i64>) -> Result<(), Fault> {
        let number = usize::from(track);
        let (Some(&of), Some(times)) = (self.tracks.get(number), self.times.get_mut(number)) else {
            return Ok(());
        };
        let got = || time.map_or_else(|| "none".to_owned(), |time| time.to_string());
        times.take(of, time).map_err(|expected| {
            self.fault(8, &format!("{expected} in a frame of track {track}"), got())
        })
    }

    /// What follows this head.
    fn read(&self, head: [u8; HEAD]) -> Result<State, Fault> {
        let [m0, m1, track, flags, l0, l1, l2, l3, time @ ..] = head;
        if [m0, m1] != MARK {
            return Err(self.fault(0, "the mark FR of a frame", format!("0x{m0:02x} 0x{m1:02x}")));
        }
        if flags & !(KEY | GAP | END) != 0 {
            return Err(self.fault(3, "flags of 0x01, 0x02 and 0x80", format!("0x{flags:02x}")));
        }
        let long = u32::from_le_bytes([l0, l1, l2, l3]);
        if flags & END != 0 {
            let is_plain = (track, flags, long) == (0, END, 0);
            let got = format!("track {track}, flags 0x{flags:02x} and {long} bytes");
            let expected = "an end mark of track 0, flags 0x80 and no bytes";
            return if is_plain {
                Ok(State::Done)
            } else {
                Err(self.fault(2, expected, got))
            };
        }
        let Some(of) = self.tracks.get(usize::from(track)) else {
            let expected = format!("a track of 0 to {}", self.tracks.len().saturating_sub(1));
            return Err(self.fault(2, &expected, track));
        };
        let long = of.holds(long).map_err(|expected| {
            self.fault(
                4,
                &format!("{expected} in a frame of track {track}"),
                format!("{long} bytes"),
            )
        })?;
        let time = Some(i64::from_le_bytes(time)).filter(|&time| time != NO_TIME);
        let (is_key, has_gap) = (flags & KEY != 0, flags & GAP != 0);
        Ok(State::Payload {
            frame: Frame { track, time, is_key, has_gap, bytes: Vec::new() },
            long,
        })
    }
}

#[cfg(test)]
mod tests;
