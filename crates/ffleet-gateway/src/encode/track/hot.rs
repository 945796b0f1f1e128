//! `recovery: hot`: an encoder and its twin, whose packets are compared, and the one that leaves where both are renewed.
//!
//! What goes out is decided by [`Steps`], who is fed by [`ffleet_live::replay::Switch`]. Here is what follows for frames and bytes:
//! frames are held until both encoders were fed them, and, while a twin is awaited, from the first one of the encoder on.

use std::sync::atomic::Ordering;

use ffleet_live::nut;
use ffleet_live::replay::{Event, Given, Id, Standing, Steps, Verdict};
use sha2::{Digest as _, Sha256};

use super::Track;
use super::given::Number;
use crate::encode::encoder::Encoder;

/// Frames by which one encoder may be behind what came out before it is let go of for want of room.
const BEHIND: u64 = 8;
/// Packets of an encoder that may be given out of their order.
const REORDERED: u64 = 64;

/// What there is for two encoders of the same.
#[derive(Debug, Default)]
pub(super) struct Hot {
    steps: Steps<[u8; 32]>,
    /// The first frame that the active encoder is fed, and the first one whose packet is wanted of it.
    start: u64,
    from: u64,
    /// The first frame that the encoder that leaves is not fed.
    until: u64,
    /// Whether it was said of these two that they make other packets.
    is_told: bool,
}

impl Track {
    /// The encoder with this number, if it is fed.
    pub(super) fn encoder(&mut self, id: Id) -> Option<&mut Encoder> {
        let fed = self.active.iter_mut().chain(&mut self.twin).chain(&mut self.leaving);
        fed.into_iter().find(|encoder| encoder.id == id)
    }

    /// What an encoder is, for people.
    pub(super) fn role(&self, id: Id) -> &'static str {
        let is = |one: &Option<Encoder>| one.as_ref().is_some_and(|one| one.id == id);
        match id {
            _ if is(&self.active) => "the encoder",
            _ if is(&self.twin) => "its twin",
            _ if is(&self.leaving) => "the encoder that was to end",
            _ => "the spare",
        }
    }

    /// Takes an encoder out. Dropped, it is killed.
    pub(super) fn take_encoder(&mut self, id: Id) -> Option<Encoder> {
        if let Some(hot) = &mut self.hot {
            hot.steps.leave(id);
        }
        [&mut self.active, &mut self.twin, &mut self.leaving, &mut self.spare]
            .into_iter()
            .find_map(|one| one.take_if(|encoder| encoder.id == id))
    }

    /// An encoder is the first again: what was taken of others and has not gone out never does.
    pub(super) fn begin(&mut self, id: Id, start: u64) {
        if let Some(hot) = &mut self.hot {
            hot.steps.break_off();
            hot.steps.join(id);
            hot.steps.keep(true);
            (hot.start, hot.from) = (start, start);
        }
    }

    /// Has the spare be fed all that the active encoder was.
    pub(super) fn join(&mut self, id: Id) {
        let spare = self.spare.take_if(|spare| spare.id == id);
        let (Some(mut twin), Some(hot)) = (spare, &mut self.hot) else {
            return;
        };
        (twin.feeder.next, twin.outlet.from) = (hot.start, hot.from);
        hot.is_told = false;
        hot.steps.join(id);
        hot.steps.keep(false);
        self.twin = Some(twin);
    }

    /// Has the spare go on with the next frame that the active encoder has not been given.
    pub(super) fn renew(&mut self, id: Id) {
        let spare = self.spare.take_if(|spare| spare.id == id);
        let (Some(mut next), Some(mut active), Some(hot)) =
            (spare, self.active.take(), &mut self.hot)
        else {
            return;
        };
        let until = active.feeder.next.max(self.backlog.untouched());
        // Blocks of sound overlap: the last one is made as if it went on only where it does.
        active.feeder.until(until + self.job.again);
        // Sound needs a little of what was before, to be where the one before is.
        hot.start = until.saturating_sub(self.job.again).max(self.backlog.first());
        (hot.from, hot.until) = (until, until);
        (next.feeder.next, next.outlet.from) = (hot.start, until);
        hot.steps.retire(active.id, hot.until);
        hot.steps.join(id);
        hot.steps.keep(true);
        self.leaving = Some(active);
        self.active = Some(next);
    }

    /// Has the twin be the active encoder.
    pub(super) fn lead(&mut self, id: Id) {
        let is_dead = self.active.is_none();
        std::mem::swap(&mut self.active, &mut self.twin);
        if is_dead {
            self.has_switched = self.last.is_some();
            self.note(&format!("its twin, encoder {id}, goes on in step: nothing is fed again"));
        }
    }

    /// The packet, if it goes out now.
    pub(super) fn judged(
        &mut self,
        id: Id,
        number: Number,
        packet: nut::Packet,
    ) -> Option<nut::Packet> {
        let awaited = self.backlog.awaited();
        if self.hot.is_none() {
            return Some(packet);
        }
        let encoder = self.encoder(id)?;
        encoder.feeder.forget_fed(number.nth.saturating_sub(REORDERED));
        let given = encoder.outlet.given;
        let is_start = number.nth == given && (packet.is_key || given == 0);
        let digest = digest(encoder, &packet);
        encoder.outlet.given += 1;
        let from = encoder.outlet.from;
        let is_leaving = self.switch.leaving() == Some(id);
        let until = self.hot.as_ref().map_or(0, |hot| hot.until);
        if number.frame < from || is_leaving && number.frame >= until {
            self.doubled();
            return None;
        }
        let hot = self.hot.as_mut()?;
        let was_in_step = hot.steps.is_in_step(id);
        let compared = Given { number: number.frame, digest, is_start };
        let verdict = hot.steps.given(id, compared, awaited);
        if hot.steps.is_in_step(id) && !was_in_step {
            self.apply(Event::InStep(id));
        }
        match verdict {
            Verdict::Take => return Some(packet),
            Verdict::Wait => {
                if let Some(encoder) = self.encoder(id) {
                    encoder.outlet.given -= 1;
                    encoder.outlet.waiting = Some(packet);
                }
                self.apply(Event::Waits(id));
            }
            Verdict::Same => {
                self.health().equal.fetch_add(1, Ordering::Relaxed);
                self.apply(Event::Gave(id));
            }
            Verdict::Old => self.doubled(),
            Verdict::Differs => self.differs(id),
        }
        None
    }

    /// A packet of an encoder was another one than what went out.
    fn differs(&mut self, id: Id) {
        self.health().different.fetch_add(1, Ordering::Relaxed);
        if self
            .hot
            .as_mut()
            .is_some_and(|hot| !std::mem::replace(&mut hot.is_told, true))
        {
            self.note(
                "the two encoders make other packets of the same frames: until they are alike again, a death is met \
                 as with `recovery: spare`",
            );
        }
        // It lives, and it may be the one that led.
        if self.switch.twin() == Some(id) {
            self.apply(Event::Gave(id));
        }
        self.apply(Event::OutOfStep(id));
    }

    /// Does what has become possible: has packets go out that waited, and lets go of what is needed no more.
    pub(super) fn settle(&mut self) {
        if self.hot.is_none() {
            return;
        }
        loop {
            self.part();
            let fed = [&mut self.active, &mut self.twin];
            let waiting = fed.into_iter().flatten().find_map(|encoder| {
                let packet = encoder.outlet.waiting.take()?;
                Some((encoder.id, packet))
            });
            let Some((id, packet)) = waiting else { break };
            self.packet(id, packet);
            if self.encoder(id).is_some_and(|encoder| encoder.outlet.waiting.is_some()) {
                break;
            }
            self.given(id);
        }
        self.release();
    }

    /// Lets go of the encoder that leaves when all of it has come out.
    fn part(&mut self) {
        let (awaited, is_whole) = self.backlog.awaited();
        let until = self.hot.as_ref().map_or(0, |hot| hot.until);
        if self.leaving.is_some() && is_whole && awaited >= until {
            self.apply(Event::Over);
        }
    }

    /// Holds frames that an encoder has still to be fed.
    pub(super) fn keep(&mut self) {
        let Some(hot) = &self.hot else { return };
        let fed = self.active.iter().chain(&self.twin).chain(&self.leaving);
        let fed = fed.map(|encoder| encoder.feeder.next);
        let awaited = self.switch.awaits_twin().then_some(hot.start);
        self.backlog.keep(fed.chain(awaited).min());
    }

    /// Lets go of what is held for one encoder alone, where a frame of `bytes` has no room for that.
    pub(super) fn make_room(&mut self, bytes: u64) {
        if self.hot.is_none() || !self.backlog.is_crowded(bytes) {
            return;
        }
        self.release();
        if self.backlog.is_crowded(bytes) && self.switch.awaits_twin() {
            if let Some(hot) = &mut self.hot {
                hot.steps.keep(false);
            }
            self.apply(Event::Gone);
            self.release();
        }
        let fits = self.job.backlog / bytes.max(1) / 2;
        let late =
            |encoder: &&Encoder| encoder.feeder.next + fits.min(BEHIND) < self.backlog.resume();
        let late = self.active.iter().chain(&self.twin).find(late);
        if let Some(id) = late
            .map(|encoder| encoder.id)
            .filter(|_| self.backlog.is_crowded(bytes))
        {
            self.note(&format!("{} takes frames too slowly, and is let go of", self.role(id)));
            self.apply(Event::Late(id));
            self.release();
        }
    }

    /// Shows how the two stand.
    pub(super) fn show_steps(&self) {
        let Some(hot) = &self.hot else { return };
        let standing = self.switch.twin().map(|twin| hot.steps.standing(twin));
        let word = match standing {
            None => 1,
            Some(Standing::Behind) => 2,
            Some(Standing::InStep) => 3,
            Some(Standing::Apart) => 4,
        };
        self.health().step.store(word, Ordering::Relaxed);
    }
}

/// What packets are compared by.
fn digest(encoder: &Encoder, packet: &nut::Packet) -> [u8; 32] {
    let config = encoder.outlet.known.as_ref().map_or(&[][..], |known| &known.config);
    let mut hash = Sha256::new();
    hash.update((config.len() as u64).to_le_bytes());
    hash.update(config);
    hash.update([u8::from(packet.is_key)]);
    hash.update(&packet.bytes);
    hash.finalize().into()
}
