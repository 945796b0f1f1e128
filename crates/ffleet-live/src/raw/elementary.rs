//! Coded pictures without a container, on the time of a feed.
//!
//! A byte stream is cut into access units ([`super::annexb`]), which are placed by where they are shown and a constant
//! rate, or by the times that their writer says, and given times of decoding ([`super::dts`]).

use std::collections::VecDeque;
use std::time::Duration;

use ffleet_types::FrameRate;

use super::annexb::{Counts, Cutter, Unit};
use super::dts::Stamper;
use super::ticks;
use crate::anchor::Anchor;
use crate::packet::{CLOCK, Codec, Packet};

/// Times of a writer that are so much apart from one picture to the next are those of a clock that was set.
const LEAP: i64 = 10 * CLOCK;

/// What takes one track of coded pictures.
#[derive(Debug)]
pub struct Stream {
    cutter: Cutter,
    codec: Codec,
    /// Which track of the anchor it is.
    track: usize,
    rate: FrameRate,
    run: Option<Run>,
    /// What their writer said of the units that wait in the cutter.
    times: VecDeque<i64>,
    /// The times of the last packet: decoded, and the latest that is shown.
    last: Option<(i64, i64)>,
}

/// The pictures of one writer.
#[derive(Debug)]
struct Run {
    /// Where the picture with the index `first` is.
    base: i64,
    first: i64,
    /// What its writer said last.
    said: i64,
    stamper: Stamper,
}

impl Stream {
    /// For pictures of this codec and rate, which are this track of an anchor; `None` if the codec is not one of H.264
    /// and H.265.
    #[must_use]
    pub fn new(codec: Codec, rate: FrameRate, track: usize) -> Option<Self> {
        let cutter = Cutter::new(codec)?;
        Some(Self {
            cutter,
            codec,
            track,
            rate,
            run: None,
            times: VecDeque::new(),
            last: None,
        })
    }

    /// Takes the next bytes of a byte stream, cut anywhere, which came `now`; what is whole with them, in the order of
    /// decoding.
    #[must_use = "the pictures are nowhere else"]
    pub fn push(&mut self, bytes: &[u8], anchor: &mut Anchor, now: Duration) -> Vec<Packet> {
        let units = self.cutter.push(bytes);
        self.placed(units, anchor, now)
    }

    /// Takes one whole access unit, which is shown at `time` in ticks of its writer's clock, or where the rate says.
    #[must_use = "the pictures are nowhere else"]
    pub fn unit(
        &mut self,
        bytes: &[u8],
        time: Option<i64>,
        anchor: &mut Anchor,
        now: Duration,
    ) -> Vec<Packet> {
        let before = self.cutter.waiting();
        let mut units = self.cutter.push(bytes);
        units.extend(self.cutter.flush());
        if let Some(time) = time {
            let taken = (self.cutter.waiting() + units.len()).saturating_sub(before);
            self.times.extend(std::iter::repeat_n(time, taken));
        }
        self.placed(units, anchor, now)
    }

    /// The writer has paused behind a whole picture ([`Cutter::flush`]).
    #[must_use = "the pictures are nowhere else"]
    pub fn flush(&mut self, anchor: &mut Anchor, now: Duration) -> Vec<Packet> {
        let units = self.cutter.flush();
        self.placed(units, anchor, now)
    }

    /// The writer is gone: all that is left.
    #[must_use = "the pictures are nowhere else"]
    pub fn end(&mut self, anchor: &mut Anchor, now: Duration) -> Vec<Packet> {
        let units = self.cutter.end();
        let packets = self.placed(units, anchor, now);
        self.run = None;
        self.times.clear();
        anchor.leave(self.track);
        packets
    }

    /// What comes next is placed anew, as its track is ([`Anchor::leave`]): its writer has been still.
    pub fn part(&mut self) {
        self.run = None;
    }

    /// Whether there is something that [`Self::flush`] may give.
    #[must_use]
    pub const fn has_begun(&self) -> bool {
        self.cutter.has_begun()
    }

    /// How its pictures are coded.
    #[must_use]
    pub const fn codec(&self) -> Codec {
        self.codec
    }

    /// The parameter sets seen so far, as [`crate::packet::Track::config`] has them.
    #[must_use]
    pub fn config(&self) -> Vec<u8> {
        self.cutter.config()
    }

    /// What was given so far, and what was not.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.cutter.counts()
    }

    fn placed(&mut self, units: Vec<Unit>, anchor: &mut Anchor, now: Duration) -> Vec<Packet> {
        units.into_iter().map(|unit| self.packet(unit, anchor, now)).collect()
    }

    fn packet(&mut self, unit: Unit, anchor: &mut Anchor, now: Duration) -> Packet {
        let time = self.times.pop_front();
        let rate = self.rate;
        let leaps = |run: &mut Run| {
            time.is_some_and(|time| time.saturating_sub(run.said).saturating_abs() > LEAP)
        };
        if self.run.take_if(leaps).is_some() {
            anchor.leave(self.track);
        }
        let placed = match (time, &self.run) {
            // Pictures come in the order of decoding, which is not that in which they may be placed.
            (Some(time), Some(run)) => run.base.saturating_add(time.saturating_sub(run.first)),
            (Some(time), None) => anchor.place(self.track, time, now),
            (None, _) => anchor.take(self.track, 1, now),
        };
        let (last, shown) = self.last.unwrap_or((i64::MIN, i64::MIN));
        let run = self.run.get_or_insert_with(|| {
            // What was counted may be less than what was shown, where pictures were missing.
            let base = placed.max(shown.saturating_add(1));
            let stamper = Stamper::beginning_at(base, rate, unit.reorder);
            let first = time.unwrap_or(unit.display);
            Run { base, first, said: first, stamper }
        });
        run.said = time.unwrap_or(run.said);
        let pts = match time {
            Some(time) => run.base.saturating_add(time.saturating_sub(run.first)),
            None => run
                .base
                .saturating_add(ticks(rate, unit.display.saturating_sub(run.first))),
        };
        let stamp = run.stamper.stamp_at(pts, unit.reorder);
        let dts = stamp.dts.max(last.saturating_add(1));
        let pts = stamp.pts.max(dts);
        self.last = Some((dts, shown.max(pts)));
        Packet { pts, dts, is_key: unit.is_key, bytes: unit.bytes }
    }
}
