//! Decoders that come and go: what the switch says, and what of the units is let go of.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use ffleet_base::chance;
use ffleet_live::replay::{Action, Event, Id, Plan};

use super::Stage;
use super::decoder::{self, Decoder};
use crate::encode::process::last_words;

impl Stage {
    /// Tells the switch, and does what it says.
    pub(super) fn apply(&mut self, event: Event) {
        let Plan { actions, wake } = self.switch.apply(event, self.now(), chance::unit());
        self.wake = wake;
        for action in actions {
            match action {
                Action::Start(id) => {
                    let (shop, label, wanted) = (
                        Arc::clone(&self.parts.shop),
                        self.parts.label.clone(),
                        self.wanted.clone(),
                    );
                    self.starting.spawn(async move {
                        (id, decoder::start(&shop, &label, &wanted, id).await)
                    });
                }
                Action::Feed(id) => self.promote(id),
                Action::Kill(id) => {
                    if self.active.as_ref().is_some_and(|active| active.id == id) {
                        self.note("the decoder gives nothing, and is killed");
                        self.drain = None;
                    }
                    let gone = [&mut self.active, &mut self.spare];
                    for one in gone {
                        one.take_if(|decoder| decoder.id == id);
                    }
                }
                // Decoders have no twin.
                Action::Join(_) | Action::Renew(_) | Action::Lead(_) => {}
                Action::GiveUp => {
                    self.note(
                        "three decoders died of one unit: all up to the next key is left out",
                    );
                    self.reel.give_up();
                    self.release();
                }
            }
        }
    }

    /// Has the spare go on where the one before was.
    fn promote(&mut self, id: Id) {
        let Some(mut next) = self.spare.take_if(|spare| spare.id == id) else {
            return;
        };
        next.feeder.next = self.reel.resume();
        let again = self.reel.end().saturating_sub(next.feeder.next);
        if id > 1 && again > 0 {
            self.health().replayed.fetch_add(again, Ordering::Relaxed);
            self.note(&format!("decoder {id} goes on, and is fed {again} units again"));
        }
        self.active = Some(next);
    }

    pub(super) fn started(&mut self, id: Id, started: Result<Box<Decoder>, String>) {
        match started {
            // It may be wanted no more.
            Ok(decoder) if self.switch.spare().is_some_and(|(spare, _)| spare == id) => {
                self.spare = Some(*decoder);
                self.apply(Event::Ready(id));
            }
            Ok(_) => {}
            Err(why) => {
                self.note(&format!("a decoder cannot be started: {why}"));
                self.apply(Event::Ended(id));
            }
        }
    }

    pub(super) fn ended(&mut self, is_active: bool) {
        let gone = if is_active {
            self.active.take()
        } else {
            self.spare.take()
        };
        let Some(gone) = gone else { return };
        let was_told = is_active && self.drain.take().is_some();
        if was_told {
            self.drained += 1;
            // One that was killed meanwhile has left something: the next one gives it, or nobody can.
            self.is_left = self.reel.waiting_before(gone.feeder.next) && !self.is_left;
            if !self.is_left {
                self.forget(gone.feeder.next);
            }
        } else {
            let what = if is_active { "the decoder" } else { "the spare decoder" };
            let said = last_words(&gone.child);
            self.note(&format!("{what} (process {}) has ended{said}", gone.child.pid()));
        }
        self.apply(Event::Ended(gone.id));
    }

    /// Nothing before this unit is decoded any more.
    fn forget(&mut self, before: u64) {
        self.reel.clear(before);
        self.release();
    }

    /// Lets go of what is needed no more.
    pub(super) fn release(&mut self) {
        self.reel.release();
        self.let_go();
    }

    /// Lets go of the bytes of what the reel has let go of.
    pub(super) fn let_go(&mut self) {
        let held = usize::try_from(self.reel.end() - self.reel.first()).unwrap_or(usize::MAX);
        self.units.drain(..self.units.len().saturating_sub(held));
    }
}
