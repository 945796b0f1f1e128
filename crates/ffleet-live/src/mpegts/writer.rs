//! Packets into a transport stream.

use super::pcr::{self, DISCONTINUITY, RANDOM_ACCESS};
use super::tables;
use super::{PACKET, Refused, TRACKS, opus};
use crate::packet::{CLOCK, Packet, Track};
use stream::{FIRST, PES_HEADER, Stream};

mod parts;
mod stream;

/// By how much the clock is behind the dts of what is written, in 1/90000 s: what a receiver has
/// for buffering. Packets of different tracks may be out of order by as much.
pub const DELAY: i64 = CLOCK / 10;

/// How long the clock is not told at most, in ticks: 40 ms.
const PERIOD: i64 = CLOCK / 25;
/// After a pause of more than this, the clock goes on where it is then.
const PAUSE: i64 = CLOCK;
/// How long the tables are not told at most: with pictures, and without.
const TABLES_PICTURES: i64 = CLOCK / 2;
const TABLES_SOUND: i64 = CLOCK / 10;

/// What writes a stream.
///
/// Each packet becomes one PES packet, whole in what is written for it. The tables (PAT, PMT) come
/// before each keyframe and at least each 500 ms of dts, without pictures each 100 ms. The clock
/// (PCR) goes with the first track of pictures, else with the first of all: it is the dts of what
/// is written less [`DELAY`], is told at least each 40 ms of dts, and only grows. Packets are to be
/// given in the order of their dts over all tracks, within [`DELAY`]; after a jump of the timeline
/// [`Self::set_discontinuity`] is to be called. Where a timeline begins below [`DELAY`], the clock
/// begins just before its wrap.
///
/// Before pictures access unit delimiters are put where there are none, and before keyframes
/// the track's parameter sets where they do not bring theirs. AAC is framed as ADTS.
///
/// ```
/// use ffleet_live::mpegts::Writer;
/// use ffleet_live::packet::{Codec, Packet, Track};
///
/// let track = Track { codec: Codec::Aac, config: vec![0x12, 0x10] };
/// let mut writer = Writer::new(&[track])?;
/// let packet = Packet { pts: 9_000, dts: 9_000, is_key: true, bytes: vec![0x21, 0x10, 0x05] };
/// let mut bytes = Vec::new();
/// writer.write(0, &packet, &mut bytes)?;
/// assert_eq!(bytes.len(), 3 * 188, "two tables and a packet");
/// # Ok::<_, ffleet_live::mpegts::Refused>(())
/// ```
#[derive(Debug)]
pub struct Writer {
    streams: Vec<Stream>,
    /// The counter of the next packet of each of them, of the PAT, and of the PMT.
    counters: [u8; TRACKS],
    pat_counter: u8,
    pmt_counter: u8,
    pat: [u8; PACKET],
    pmt: [u8; PACKET],
    version: u8,
    /// Which track the clock goes with.
    clock: usize,
    /// What it said last.
    told: Option<i64>,
    /// The dts at which the tables were written last; none where they are due.
    tables: Option<i64>,
    is_discontinuous: bool,
}

impl Writer {
    /// For these tracks, which packets then name by their place.
    ///
    /// # Errors
    ///
    /// If there are none or more than [`TRACKS`], or one that has no form in a transport stream.
    pub fn new(tracks: &[Track]) -> Result<Self, Refused> {
        if !(1..=TRACKS).contains(&tracks.len()) {
            return Err(Refused::Tracks(tracks.len()));
        }
        let numbered = tracks.iter().enumerate();
        let streams: Result<_, _> = numbered
            .map(|(number, track)| Stream::new(number, track.clone()))
            .collect();
        let mut writer = Self {
            streams: streams?,
            counters: [0; TRACKS],
            pat_counter: 0,
            pmt_counter: 0,
            pat: tables::pat(),
            pmt: [0; PACKET],
            version: 0,
            clock: 0,
            told: None,
            tables: None,
            is_discontinuous: false,
        };
        writer.map();
        Ok(writer)
    }

    /// A track is coded otherwise from its next packet on. Where the map of the program says
    /// something else then, it has a new version, and comes before whatever is written next.
    ///
    /// # Errors
    ///
    /// As [`Self::new`]; nothing is changed then.
    pub fn change(&mut self, track: usize, into: Track) -> Result<(), Refused> {
        let place = self.streams.get_mut(track).ok_or(Refused::NoTrack(track))?;
        *place = Stream::new(track, into)?;
        let before = self.pmt;
        self.map();
        if self.pmt != before {
            self.version = (self.version + 1) & 0x1f;
            self.map();
            self.tables = None;
        }
        Ok(())
    }

    /// A track comes beside those that there are, which stay what they are: its place. The map of the program has a new
    /// version, and comes before whatever is written next.
    ///
    /// # Errors
    ///
    /// As [`Self::new`]; nothing is changed then.
    pub fn add(&mut self, track: Track) -> Result<usize, Refused> {
        let place = self.streams.len();
        if place >= TRACKS {
            return Err(Refused::Tracks(place + 1));
        }
        self.streams.push(Stream::new(place, track)?);
        self.version = (self.version + 1) & 0x1f;
        self.map();
        self.tables = None;
        Ok(place)
    }

    /// The timeline jumps: what is written next has another clock. That is said
    /// (`discontinuity_indicator`, §2.4.3.5) where the clock next is, which is at once.
    pub const fn set_discontinuity(&mut self) {
        self.is_discontinuous = true;
        self.tables = None;
    }

    /// Appends `packet` of this track to `into`: whole packets of 188 bytes.
    ///
    /// # Errors
    ///
    /// If there is no such track, or a packet of sound is longer than its framing allows; nothing
    /// is written then.
    pub fn write(
        &mut self,
        track: usize,
        packet: &Packet,
        into: &mut Vec<u8>,
    ) -> Result<(), Refused> {
        let stream = self.streams.get(track).ok_or(Refused::NoTrack(track))?;
        stream.fits(packet)?;
        let (pid, is_video) = (stream.pid, stream.track.codec.is_video());
        let dts = packet.dts;
        if packet.is_key && is_video || self.are_tables_due(dts) {
            self.write_tables(dts, into);
        }
        let (mut flags, clock) = self.tick(track, dts, into);
        if packet.is_key && (is_video || track == self.clock) {
            flags |= RANDOM_ACCESS;
        }
        let stream = self.streams.get(track).ok_or(Refused::NoTrack(track))?;
        let mut header = [0; PES_HEADER];
        let mut frame = [0; opus::HEADER];
        let mut parts = stream.dressed(packet, &mut frame);
        let header = stream.pes(packet, parts.left, &mut header);
        parts.begin_with(header);
        let counter = self.counters.get_mut(track).ok_or(Refused::NoTrack(track))?;
        parts.write((pid, counter), (flags, clock), into);
        Ok(())
    }

    fn are_tables_due(&self, dts: i64) -> bool {
        let has_video = self.streams.iter().any(|stream| stream.track.codec.is_video());
        let period = if has_video { TABLES_PICTURES } else { TABLES_SOUND };
        self.tables
            .is_none_or(|at| !(-CLOCK..period).contains(&dts.saturating_sub(at)))
    }

    fn write_tables(&mut self, dts: i64, into: &mut Vec<u8>) {
        self.tables = Some(dts);
        let tables = [(self.pat, &mut self.pat_counter), (self.pmt, &mut self.pmt_counter)];
        for (mut packet, counter) in tables {
            packet[3] |= *counter & 0x0f;
            *counter = counter.wrapping_add(1);
            into.extend_from_slice(&packet);
        }
    }

    /// Makes the map anew.
    fn map(&mut self) {
        let video = self.streams.iter().position(|stream| stream.track.codec.is_video());
        self.clock = video.unwrap_or_default();
        let entries: Vec<_> = self.streams.iter().map(Stream::entry).collect();
        let clock = entries.get(self.clock).map_or(FIRST, |entry| entry.pid);
        self.pmt = tables::pmt(self.version, clock, &entries);
    }

    /// The clock goes on to what is decoded at `dts`. What the packet of `track` is to say of it is
    /// answered: flags, and the clock itself; what has to be said before is written.
    fn tick(&mut self, track: usize, dts: i64, into: &mut Vec<u8>) -> (u8, Option<i64>) {
        let now = dts.saturating_sub(DELAY);
        let own = track == self.clock;
        let flags = if self.is_discontinuous { DISCONTINUITY } else { 0 };
        let told = self.told.filter(|_| !self.is_discontinuous);
        if let Some(told) = told {
            let gap = now.saturating_sub(told);
            if gap <= 0 {
                return (0, None);
            }
            if gap <= PAUSE {
                self.fill(told, now, into);
                if !own {
                    return (0, None);
                }
            }
        }
        self.told = Some(now);
        self.is_discontinuous = false;
        if own {
            return (flags, Some(now));
        }
        self.write_clock(flags, now, into);
        (0, None)
    }

    /// Tells the clock between `told` and `now` as often as it is due.
    fn fill(&mut self, mut told: i64, now: i64, into: &mut Vec<u8>) {
        while now.saturating_sub(told) > PERIOD {
            told += PERIOD;
            self.write_clock(0, told, into);
        }
        self.told = Some(told);
    }

    fn write_clock(&self, flags: u8, moment: i64, into: &mut Vec<u8>) {
        let pid = self.streams.get(self.clock).map_or(FIRST, |stream| stream.pid);
        let next = self.counters.get(self.clock).copied().unwrap_or_default();
        into.extend_from_slice(&pcr::packet((pid, next.wrapping_sub(1)), flags, moment));
    }
}
