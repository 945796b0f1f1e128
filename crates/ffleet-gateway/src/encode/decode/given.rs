//! What the active decoder has given: when it is, and what of it is new.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use ffleet_live::nut::{self, Item, Kind as Shown};
use ffleet_live::packet::CLOCK;
use ffleet_live::replay::{Event, Grid};

use super::Stage;
use super::decoder::Gauge;
use super::wanted::Raw;
use crate::inputs::Frame;

impl Stage {
    /// Takes what the active decoder has given, up to a frame that somebody has to take first.
    pub(super) fn given(&mut self) {
        while self.outgoing.is_empty() {
            let Some(active) = &mut self.active else { return };
            match active.outlet.reader.next() {
                Ok(None) => return,
                Ok(Some(Item::Track(track))) => {
                    active.outlet.base = Some(track.time_base);
                    if let Some(strange) = self.strange(&track) {
                        self.note(&strange);
                        return self.ended(true);
                    }
                }
                Ok(Some(Item::Packet(packet))) => self.frame(packet),
                Err(error) => {
                    self.note(&format!("what the decoder gives is damaged: {error}"));
                    return self.ended(true);
                }
            }
        }
    }

    /// What is wrong with what it says that it gives.
    fn strange(&self, track: &nut::Track) -> Option<String> {
        let is_wanted = match (track.kind, self.wanted.raw) {
            (Shown::Picture { width, height }, Raw::Picture { size, .. }) => {
                (width, height) == (size.width, size.height)
            }
            (Shown::Sound { rate, channels }, Raw::Sound { rate: wanted, channels: many, .. }) => {
                (rate, channels) == (wanted, many)
            }
            _ => false,
        };
        (!is_wanted).then(|| format!("the decoder gives something else: {:?}", track.kind))
    }

    fn frame(&mut self, packet: nut::Packet) {
        let Some((gauge, base, id)) = self
            .active
            .as_ref()
            .and_then(|active| Some((active.gauge?, active.outlet.base?, active.id)))
        else {
            return;
        };
        match (gauge, self.wanted.raw) {
            (Gauge::Shown { by }, Raw::Picture { bytes, .. }) => {
                if packet.bytes.len() as u64 != bytes {
                    self.note("a decoder gave a picture of another size");
                    return self.ended(true);
                }
                let at = base.to_clock(packet.pts).map(|at| at.saturating_add(by));
                self.picture(at, packet.bytes.into());
            }
            (Gauge::Counted { first, samples, rate: of }, Raw::Sound { rate, sample, .. }) => {
                let passed = i128::from(packet.pts) * i128::from(base.num) * i128::from(rate);
                let at = u64::try_from(passed / i128::from(base.den.max(1)));
                let grid = Grid { first, samples, of, rate };
                if let Ok(at) = at {
                    self.sound(at, grid, (packet.bytes.into(), sample));
                }
            }
            _ => {}
        }
        self.release();
        self.apply(Event::Gave(id));
    }

    fn picture(&mut self, at: Option<i64>, bytes: Bytes) {
        let Some(at) = at.filter(|&at| self.reel.gave(at)) else {
            return;
        };
        self.health().out.fetch_add(1, Ordering::Relaxed);
        self.outgoing.push_back(Frame { at, bytes, coded: None });
    }

    /// Samples from number `at` on, of what the decoder has given: those that are new.
    fn sound(&mut self, mut at: u64, grid: Grid, (mut bytes, sample): (Bytes, usize)) {
        while bytes.len() >= sample {
            let number = grid.unit(at);
            let (begin, end) = (grid.begin(number), grid.begin(number + 1));
            let within = at.saturating_sub(begin);
            let left = usize::try_from(end.saturating_sub(at).max(1)).unwrap_or(usize::MAX);
            let count = left.min(bytes.len() / sample);
            let mut piece = bytes.split_to(count * sample);
            at += count as u64;
            let known = match self.heard {
                (of, _) if number < of => count,
                (of, known) if number == of => {
                    usize::try_from(known.saturating_sub(within)).unwrap_or(usize::MAX)
                }
                _ => 0,
            };
            let _known = piece.split_to((known.min(count)) * sample);
            let place = number.checked_sub(self.reel.first());
            let unit = place.and_then(|at| self.units.get(usize::try_from(at).ok()?));
            // What is of no unit is what a resampler adds at the end.
            let Some((unit, _)) = unit.filter(|_| !piece.is_empty()) else {
                continue;
            };
            let (shown, later) = (unit.shown, within + known as u64);
            let later = i64::try_from(later).unwrap_or(0) * CLOCK / i64::from(grid.rate.max(1));
            self.heard = if at >= end {
                (number + 1, 0)
            } else {
                (number, at - begin)
            };
            self.outgoing
                .push_back(Frame { at: shown + later, bytes: piece, coded: None });
            if self.reel.gave(shown) {
                self.health().out.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}
