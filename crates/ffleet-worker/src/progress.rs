//! How far FFmpeg is, from its pipe to the roster.

use ffleet_api::control::{Phase, Progress};
use ffleet_engine::progress::{Parser, Update};

use crate::child::Reader;
use crate::roster::Display;

/// Reads `-progress`, and shows it.
pub(crate) struct Meter {
    display: Display,
    pub(crate) phase: Phase,
    /// Media time to be worked through, where known.
    pub(crate) length_micros: Option<u64>,
    /// Of several results that go through this phase one after the other, which this is, and
    /// how many there are.
    pub(crate) part: (u32, u32),
    /// From where to where the whole goes meanwhile, in percent.
    pub(crate) share: (f64, f64),
    /// Media time that was worked through before this child.
    pub(crate) before_micros: u64,
    /// How the child before this one died, for a person.
    pub(crate) trouble: Option<String>,
    parser: Parser,
    /// The last block.
    pub(crate) last: Update,
    /// Whether there was any.
    pub(crate) spoke: bool,
}

/// From where to where an attempt gets in a phase, in percent: what a bar shows only ever grows.
/// Verifying a result costs about a tenth of making it.
pub(crate) const fn share(phase: Phase) -> (f64, f64) {
    match phase {
        Phase::Probe => (0.0, 0.0),
        Phase::Encode => (0.0, 90.0),
        Phase::Verify => (90.0, 99.0),
        Phase::Publish => (99.0, 100.0),
    }
}

impl Meter {
    pub(crate) fn new(display: Display, phase: Phase, length_micros: Option<u64>) -> Self {
        Self {
            display,
            phase,
            length_micros,
            part: (0, 1),
            share: share(phase),
            before_micros: 0,
            trouble: None,
            parser: Parser::default(),
            last: Update::default(),
            spoke: false,
        }
    }

    fn show(&self) {
        let mut update = self.last;
        update.position_micros = update
            .position_micros
            .map(|position| position.saturating_add(self.before_micros));
        let (part, parts) = (f64::from(self.part.0), f64::from(self.part.1));
        let (from, to) = self.share;
        let percent = self.length_micros.and_then(|length| update.percent(length));
        self.display.show(Progress {
            phase: self.phase,
            percent: percent.map(|percent| from + (to - from) * (part + percent / 100.0) / parts),
            frames: update.frames,
            fps: update.fps,
            speed: update.speed.unwrap_or_default(),
            position_micros: update.position_micros.unwrap_or_default(),
            bytes: update.bytes.unwrap_or_default(),
            eta_seconds: self.length_micros.and_then(|length| update.eta_seconds(length)),
            trouble: self.trouble.clone(),
        });
    }
}

impl Reader for Meter {
    /// Frames, time and bytes together: whichever of them grows is progress. A muxer that holds
    /// back its bytes still counts frames; a copy without pictures still counts time.
    fn read(&mut self, bytes: &[u8]) -> Option<u64> {
        let updates = self.parser.feed(bytes);
        self.last = *updates.last()?;
        self.spoke = true;
        self.show();
        let position = self.last.position_micros.unwrap_or_default();
        let bytes = self.last.bytes.unwrap_or_default();
        Some(position.saturating_add(self.last.frames).saturating_add(bytes))
    }
}

/// Keeps what a child says, up to a bound.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    bytes: Vec<u8>,
}

/// What an answer may be long: a probe of hundreds of tracks is far below.
const LONGEST_ANSWER: usize = 4 << 20;

impl Answer {
    /// What it said.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

impl Reader for Answer {
    fn read(&mut self, bytes: &[u8]) -> Option<u64> {
        let room = LONGEST_ANSWER - self.bytes.len();
        self.bytes.extend(&bytes[..bytes.len().min(room)]);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bar_only_grows_from_phase_to_phase() {
        let display = Display::default();
        let mut shown = Vec::new();
        for (phase, part) in
            [(Phase::Encode, (0, 1)), (Phase::Verify, (0, 2)), (Phase::Verify, (1, 2))]
        {
            let mut meter = Meter::new(display.clone(), phase, Some(2_000_000));
            meter.part = part;
            for (micros, state) in [(0, "continue"), (1_000_000, "continue"), (2_000_000, "end")] {
                meter.read(format!("out_time_us={micros}\nprogress={state}\n").as_bytes());
                shown.push(display.shown().percent.unwrap());
            }
        }
        assert_eq!(shown, [0.0, 45.0, 90.0, 90.0, 92.25, 94.5, 94.5, 96.75, 99.0], "in percent");
    }
}
