//! What encoders have given: which frame it is of, and whether it goes out.

use std::sync::atomic::Ordering;

use ffleet_live::nut::{self, Coding, Item};
use ffleet_live::packet::Packet;
use ffleet_live::replay::{Event, Gave, Id};

use super::Track;
use crate::encode::job::Cut;
use crate::encode::made::Made;

/// A frame that came out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number {
    /// Its number among those of the encoder, and of the track.
    pub(super) nth: u64,
    pub(super) frame: u64,
}

impl Track {
    /// Takes what an encoder has given.
    pub(super) fn given(&mut self, id: Id) {
        loop {
            let Some(encoder) = self.encoder(id) else { return };
            if encoder.outlet.waiting.is_some() {
                return;
            }
            match encoder.outlet.reader.next() {
                Ok(None) => return,
                Ok(Some(Item::Track(track))) => self.describe(id, track),
                Ok(Some(Item::Packet(packet))) => self.packet(id, packet),
                Err(error) => {
                    self.note(&format!("what the encoder gives is damaged: {error}"));
                    self.ended(id);
                }
            }
        }
    }

    /// Hands on what there is; false if nobody takes it any more.
    pub(super) async fn hand_on(&mut self) -> bool {
        self.settle();
        for made in std::mem::take(&mut self.made) {
            if self.parts.made.send(made).await.is_err() {
                return false;
            }
        }
        true
    }

    fn describe(&mut self, id: Id, track: nut::Track) {
        let Some(encoder) = self.encoder(id) else { return };
        encoder.outlet.base = Some(track.time_base);
        self.order.reorder(usize::try_from(track.reorder).unwrap_or(0));
        let Coding::Known(known) = track.coding else {
            self.note("the encoder gives something that a stream cannot carry");
            return;
        };
        if let Some(encoder) = self.encoder(id) {
            encoder.outlet.known = Some(known);
        }
        // Of one that comes later, what it says counts from its first packet that goes out on.
        if self.described.is_none() {
            self.say_how(id);
        }
    }

    /// Says how what encoder `id` gives is coded, where it is otherwise than what was before.
    fn say_how(&mut self, id: Id) {
        let Some(known) = self.encoder(id).and_then(|encoder| encoder.outlet.known.clone()) else {
            return;
        };
        if self.described.as_ref() != Some(&known) {
            self.described = Some(known.clone());
            self.made.push(Made::Track(self.parts.number, known));
        }
    }

    /// Takes `packet` of encoder `id`, or leaves it out.
    pub(super) fn packet(&mut self, id: Id, packet: nut::Packet) {
        let Some(number) = self.number_of(id, &packet) else {
            return;
        };
        let Some(packet) = self.judged(id, number, packet) else {
            return;
        };
        let gave = self.backlog.gave(number.frame);
        if gave == Gave::Double {
            self.doubled();
            return;
        }
        let at = number
            .frame
            .checked_sub(self.backlog.first())
            .and_then(|at| usize::try_from(at).ok());
        let Some(&(pts, _)) = at.and_then(|at| self.frames.get(at)) else {
            return;
        };
        self.say_how(id);
        self.order
            .hold(Packet { pts, dts: pts, is_key: packet.is_key, bytes: packet.bytes });
        self.came(id);
        if let Gave::Upto(_) = gave {
            self.release();
            let packets = self.order.release();
            self.health().out.fetch_add(packets.len() as u64, Ordering::Relaxed);
            self.made.push(Made::Packets(self.parts.number, packets));
        }
    }

    pub(super) fn doubled(&self) {
        self.health().doubled.fetch_add(1, Ordering::Relaxed);
    }

    /// The number of the frame that a packet of encoder `id` is of.
    fn number_of(&mut self, id: Id, packet: &nut::Packet) -> Option<Number> {
        let cut = self.job.cut;
        let encoder = self.encoder(id)?;
        let base = encoder.outlet.base?;
        let first = *encoder.outlet.first.get_or_insert(packet.pts);
        let passed = i128::from(packet.pts - first) * i128::from(base.num);
        let (units, seconds, lead) = match cut {
            Cut::Frames { rate: (frames, seconds) } => (frames, seconds, 0),
            Cut::Blocks { samples, rate, lead, .. } => (rate, samples, lead),
        };
        let (over, under) =
            (passed * i128::from(units), i128::from(base.den) * i128::from(seconds));
        let nth = (over + under / 2).div_euclid(under);
        let nth = u64::try_from(nth).ok()?.checked_sub(lead)?;
        encoder.feeder.number(nth).map(|frame| Number { nth, frame })
    }

    /// A packet has come that is new.
    fn came(&mut self, id: Id) {
        let now = self.now();
        if let Some(last) = self.last.filter(|_| self.has_switched) {
            self.has_switched = false;
            self.health().gap(now.saturating_sub(last));
        }
        self.last = Some(now);
        self.apply(Event::Gave(id));
    }
}
