//! What the active encoder has given: which frame it is of, and whether it goes out.

use std::sync::atomic::Ordering;

use ffleet_live::nut::{self, Coding, Item};
use ffleet_live::packet::Packet;
use ffleet_live::replay::{Event, Gave};

use super::Track;
use crate::encode::job::Cut;
use crate::encode::made::Made;

impl Track {
    /// Hands on what the active encoder has given; false if nobody takes it any more.
    pub(super) async fn given(&mut self) -> bool {
        loop {
            let Some(active) = &mut self.active else { return true };
            match active.outlet.reader.next() {
                Ok(None) => return true,
                Ok(Some(Item::Track(track))) => {
                    if !self.describe(track).await {
                        return false;
                    }
                }
                Ok(Some(Item::Packet(packet))) => {
                    let made = self.packet(packet);
                    if !made.is_empty() {
                        let made = Made::Packets(self.parts.number, made);
                        if self.parts.made.send(made).await.is_err() {
                            return false;
                        }
                    }
                }
                Err(error) => {
                    self.note(&format!("what the encoder gives is damaged: {error}"));
                    self.ended(true);
                }
            }
        }
    }

    async fn describe(&mut self, track: nut::Track) -> bool {
        if let Some(active) = &mut self.active {
            active.outlet.base = Some(track.time_base);
        }
        self.order.reorder(usize::try_from(track.reorder).unwrap_or(0));
        let Coding::Known(known) = track.coding else {
            self.note("the encoder gives something that a stream cannot carry");
            return true;
        };
        if self.described.as_ref() == Some(&known) {
            return true;
        }
        self.described = Some(known.clone());
        self.parts
            .made
            .send(Made::Track(self.parts.number, known))
            .await
            .is_ok()
    }

    /// What goes out because of `packet`.
    fn packet(&mut self, packet: nut::Packet) -> Vec<Packet> {
        let Some(number) = self.number_of(&packet) else {
            return Vec::new();
        };
        let gave = self.backlog.gave(number);
        if gave == Gave::Double {
            self.health().doubled.fetch_add(1, Ordering::Relaxed);
            return Vec::new();
        }
        let at = number
            .checked_sub(self.backlog.first())
            .and_then(|at| usize::try_from(at).ok());
        let Some(&(pts, _)) = at.and_then(|at| self.frames.get(at)) else {
            return Vec::new();
        };
        self.order
            .hold(Packet { pts, dts: pts, is_key: packet.is_key, bytes: packet.bytes });
        self.came();
        match gave {
            Gave::Upto(_) => {
                self.release();
                let packets = self.order.release();
                self.health().out.fetch_add(packets.len() as u64, Ordering::Relaxed);
                packets
            }
            Gave::Hold | Gave::Double => Vec::new(),
        }
    }

    /// The number of the frame that a packet is of.
    fn number_of(&mut self, packet: &nut::Packet) -> Option<u64> {
        let active = self.active.as_mut()?;
        let base = active.outlet.base?;
        let first = *active.outlet.first.get_or_insert(packet.pts);
        let passed = i128::from(packet.pts - first) * i128::from(base.num);
        let (units, seconds, lead) = match self.job.cut {
            Cut::Frames { rate: (frames, seconds) } => (frames, seconds, 0),
            Cut::Blocks { samples, rate, lead, .. } => (rate, samples, lead),
        };
        let (over, under) =
            (passed * i128::from(units), i128::from(base.den) * i128::from(seconds));
        let nth = (over + under / 2).div_euclid(under);
        active.feeder.number(u64::try_from(nth).ok()?.checked_sub(lead)?)
    }

    /// A packet has come that is new.
    fn came(&mut self) {
        let now = self.now();
        if let Some(last) = self.last.filter(|_| self.has_switched) {
            self.has_switched = false;
            self.health().gap(now.saturating_sub(last));
        }
        self.last = Some(now);
        if let Some(id) = self.active.as_ref().map(|active| active.id) {
            self.apply(Event::Gave(id));
        }
    }
}
