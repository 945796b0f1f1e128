//! `recovery: hot`: an encoder and its twin, which are fed the same frames from the same one on.
//!
//! Both make the same packets, as far as the encoder makes the same of the same; [`super::super::Steps`] compares them, and
//! while they are alike the death of one is the loss of nothing. One that was started later would not make the same, since
//! what an encoder makes depends on all that it was fed. So where one of the two is gone, both places are
//! filled anew: the spare is fed from some frame on, whoever is left gives what was before that and *leaves*, and the next spare
//! becomes the twin of the first, if the frames since then are still held.

use std::time::Duration;

use ffleet_types::live::stream::Recovery;

use super::{Action, Active, Id, Switch};

/// From one renewal of both to the next, at least: each costs a keyframe, and somebody may kill twins without end.
const RENEWED: Duration = Duration::from_secs(1);

/// How long both are not renewed after one of the two has died: what killed it may kill the other as well, and then the spare is
/// needed at once.
const ALONE: Duration = Duration::from_millis(200);

impl Switch {
    /// The encoder that is fed the same as the active one.
    #[must_use]
    pub fn twin(&self) -> Option<Id> {
        self.twin.map(|twin| twin.id)
    }

    /// The encoder that was active, and has still something to give.
    #[must_use]
    pub fn leaving(&self) -> Option<Id> {
        self.leaving.map(|leaving| leaving.id)
    }

    /// Whether a twin is to come that is fed what the active encoder was fed from its first frame on.
    #[must_use]
    pub fn awaits_twin(&self) -> bool {
        let is_joinable = |active: Active| active.is_joinable;
        self.policy.recovery == Recovery::Hot && self.active.is_some_and(is_joinable)
    }

    pub(super) fn fed(&mut self, id: Id) -> Option<&mut Active> {
        let fed = self.active.iter_mut().chain(&mut self.twin).chain(&mut self.leaving);
        fed.into_iter().find(|fed| fed.id == id)
    }

    pub(super) fn in_step(&mut self, id: Id, actions: &mut Vec<Action>) {
        if let Some(fed) = self.fed(id) {
            fed.is_in_step = true;
        }
        if self.active.is_some_and(|active| !active.is_in_step) {
            self.lead(actions);
        }
    }

    pub(super) fn out_of_step(
        &mut self,
        id: Id,
        now: Duration,
        chance: f64,
        actions: &mut Vec<Action>,
    ) {
        if let Some(fed) = self.fed(id) {
            fed.is_in_step = false;
        }
        // The twin was the first to give a packet, and this one has made another.
        if self.active() == Some(id) && !self.lead(actions) {
            self.kill(id, now, chance, actions);
        }
    }

    pub(super) fn wait_for(&mut self, id: Id) {
        if let Some(fed) = self.fed(id) {
            fed.is_waiting = true;
        }
    }

    pub(super) const fn gone(&mut self) {
        if let Some(active) = &mut self.active {
            active.is_joinable = false;
        }
    }

    pub(super) fn over(&mut self, actions: &mut Vec<Action>) {
        actions.extend(self.leaving.take().map(|leaving| Action::Kill(leaving.id)));
    }

    /// Takes the active encoder out, if it is that or the one that leaves, without which the active one is of no use:
    /// all begin anew with what has not come out.
    pub(super) fn take_active(&mut self, id: Id, actions: &mut Vec<Action>) -> Option<Active> {
        if let Some(leaving) = self.leaving {
            let active = self.active.filter(|active| id == active.id || id == leaving.id)?;
            self.active = None;
            self.leaving = None;
            let other = if id == leaving.id { active.id } else { leaving.id };
            actions.push(Action::Kill(other));
            // That nothing has come of it was not its fault.
            return Some(Active { gave: true, ..active });
        }
        self.active.take_if(|active| active.id == id)
    }

    /// Has the twin lead, if what it gives can follow: whether it does.
    pub(super) fn lead(&mut self, actions: &mut Vec<Action>) -> bool {
        let Some(twin) = self.twin.take_if(|twin| twin.is_in_step) else {
            return false;
        };
        self.twin = self.active.replace(Active { is_joinable: false, ..twin });
        actions.push(Action::Lead(twin.id));
        true
    }

    /// One of the two has died.
    pub(super) fn put_off(&mut self, now: Duration) {
        self.renew_at = self.renew_at.max(now + ALONE);
    }

    /// Whether there are an encoder that lacks a twin which can join it no more, and one to take its place.
    pub(super) fn is_to_be_renewed(&self) -> bool {
        let is_ready = self.spare.is_some_and(|spare| spare.is_ready);
        let lacks_one = |active: Active| active.gave && active.is_in_step && !active.is_joinable;
        self.policy.recovery == Recovery::Hot
            && self.twin.is_none()
            && self.leaving.is_none()
            && is_ready
            && self.active.is_some_and(lacks_one)
    }

    /// Makes a pair again of what there is.
    pub(super) fn pair(&mut self, now: Duration, actions: &mut Vec<Action>) {
        if self.awaits_twin() && self.twin.is_none() {
            let spare = self.spare.take_if(|spare| spare.is_ready);
            if let (Some(spare), Some(active)) = (spare, &mut self.active) {
                active.is_joinable = false;
                self.twin = Some(Active::new(spare.id, self.policy, false));
                actions.push(Action::Join(spare.id));
            }
        } else if self.is_to_be_renewed() && now >= self.renew_at {
            let (Some(active), Some(spare)) = (self.active.take(), self.spare.take()) else {
                return;
            };
            self.renew_at = now + RENEWED;
            self.leaving = Some(Active { full: Some(now), ..active });
            self.active = Some(Active::new(spare.id, self.policy, true));
            actions.push(Action::Renew(spare.id));
        }
    }
}
