//! Who encodes a track: the encoder that is fed, its twin, the spare behind them, and what happens when one dies.

use std::time::Duration;

use ffleet_types::live::stream::Recovery;

use super::plan::{Action, Event, Id, Plan, Policy};

mod twin;

/// Encoders that died one after another without a packet before the frame that they began with is given up.
const POISONED: u32 = 3;
/// An encoder that takes frames and gives nothing is taken for dead only if it holds so many more than it ever held
/// when it gave a packet: with fewer, it may be the input that pauses.
const BEHIND: u64 = 2;
/// What it held at most is forgotten by a frame after so many packets: it held more while it was fed again.
const FORGETS: u32 = 32;

/// See the module. Times are of a clock that only goes forward.
#[derive(Clone, Debug)]
pub struct Switch {
    policy: Policy,
    next: Id,
    state: State,
    active: Option<Active>,
    /// Who is fed the same as the active one, since the same frame.
    twin: Option<Active>,
    /// Who was active, and has still something to give.
    leaving: Option<Active>,
    spare: Option<Spare>,
    /// When the next encoder may be started.
    not_before: Duration,
    /// Encoders that ended without a packet, one after another.
    in_vain: u32,
    /// Of these, those that had been fed.
    poisoned: u32,
    /// How often another encoder went on.
    recoveries: u64,
    /// When the active encoder and its twin may be renewed.
    renew_at: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    Running,
    Closed,
}

#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
struct Active {
    id: Id,
    /// Whether it has given a packet.
    gave: bool,
    /// Since when there is a frame that it has not taken.
    offered: Option<Duration>,
    /// Since when it holds more than it may, without having given a packet; of one that leaves, anything.
    full: Option<Duration>,
    /// How many frames it has taken that no packet has come of, and how many it had at most when it gave one.
    holds: u64,
    held: u64,
    /// Packets until the latter is less by one.
    forgets: u32,
    /// Whether a packet of it waits, and it is not read.
    is_waiting: bool,
    /// Whether what it gives can follow what went out.
    is_in_step: bool,
    /// Whether a twin of it can be fed from the beginning.
    is_joinable: bool,
}

impl Active {
    const fn new(id: Id, policy: Policy, is_joinable: bool) -> Self {
        Self {
            id,
            gave: false,
            offered: None,
            full: None,
            holds: 0,
            held: policy.ahead,
            forgets: FORGETS,
            is_waiting: false,
            is_in_step: false,
            is_joinable,
        }
    }

    fn gave(&mut self, now: Duration) {
        if !std::mem::replace(&mut self.gave, true) {
            self.held = self.holds;
        }
        if std::mem::replace(&mut self.is_waiting, false) {
            // It could not take anything while it was not read.
            self.offered = self.offered.map(|_| now);
        }
        self.full = None;
        self.forgets -= 1;
        if self.forgets == 0 {
            self.forgets = FORGETS;
            self.held = self.held.saturating_sub(1);
        }
        self.held = self.held.max(self.holds);
        self.holds = self.holds.saturating_sub(1);
    }
}

#[derive(Clone, Copy, Debug)]
struct Spare {
    id: Id,
    is_ready: bool,
}

impl Switch {
    /// A switch with no encoder yet.
    #[must_use]
    pub const fn new(policy: Policy) -> Self {
        Self {
            policy,
            next: 1,
            state: State::Idle,
            active: None,
            twin: None,
            leaving: None,
            spare: None,
            not_before: Duration::ZERO,
            in_vain: 0,
            poisoned: 0,
            recoveries: 0,
            renew_at: Duration::ZERO,
        }
    }

    /// The encoder that is fed.
    #[must_use]
    pub fn active(&self) -> Option<Id> {
        self.active.map(|active| active.id)
    }

    /// The encoder that waits, and whether it is ready.
    #[must_use]
    pub fn spare(&self) -> Option<(Id, bool)> {
        self.spare.map(|spare| (spare.id, spare.is_ready))
    }

    /// How often another encoder went on for one that had died.
    #[must_use]
    pub const fn recoveries(&self) -> u64 {
        self.recoveries
    }

    /// What follows from `event`. `chance` is a random number from 0 to 1.
    pub fn apply(&mut self, event: Event, now: Duration, chance: f64) -> Plan {
        let mut actions = Vec::new();
        match event {
            Event::Begin if self.state == State::Idle => self.state = State::Running,
            Event::Begin => {}
            Event::Ready(id) => self.ready(id, &mut actions),
            Event::Gave(id) => self.gave(id, now),
            Event::Ended(id) => self.ended(id, now, chance, &mut actions),
            Event::Offered(id) => self.offered(id, now),
            Event::Took(id) => self.took(id, now),
            Event::Waited(id) => self.waited(id, now),
            Event::InStep(id) => self.in_step(id, &mut actions),
            Event::OutOfStep(id) => self.out_of_step(id, now, chance, &mut actions),
            Event::Waits(id) => self.wait_for(id),
            Event::Gone => self.gone(),
            Event::Late(id) => self.kill(id, now, chance, &mut actions),
            Event::Over => self.over(&mut actions),
            Event::Tick => self.look(now, chance, &mut actions),
            Event::Close => self.close(&mut actions),
        }
        if self.state == State::Running {
            self.pair(now, &mut actions);
            self.fill(now, &mut actions);
        }
        Plan { actions, wake: self.wake(now) }
    }

    fn ready(&mut self, id: Id, actions: &mut Vec<Action>) {
        if let Some(spare) = self.spare.as_mut().filter(|spare| spare.id == id) {
            spare.is_ready = true;
            self.promote(actions);
        }
    }

    /// Has the spare go on, if it is ready and nobody is fed.
    fn promote(&mut self, actions: &mut Vec<Action>) {
        if self.active.is_some() || self.state != State::Running {
            return;
        }
        if let Some(Spare { id, .. }) = self.spare.take_if(|spare| spare.is_ready) {
            if id > 1 {
                self.recoveries += 1;
            }
            self.active = Some(Active::new(id, self.policy, true));
            actions.push(Action::Feed(id));
        }
    }

    fn gave(&mut self, id: Id, now: Duration) {
        let Some(fed) = self.fed(id) else {
            return;
        };
        fed.gave(now);
        if self.active() == Some(id) {
            // Whoever gives packets moves on, however soon it dies.
            (self.poisoned, self.in_vain) = (0, 0);
        }
        if let Some(leaving) = self.leaving.as_mut().filter(|leaving| leaving.id == id) {
            leaving.full = Some(now);
        }
    }

    fn ended(&mut self, id: Id, now: Duration, chance: f64, actions: &mut Vec<Action>) {
        if self.spare.take_if(|spare| spare.id == id).is_some() {
            self.failed(now, chance);
        } else if self.twin.take_if(|twin| twin.id == id).is_some() {
            self.put_off(now);
        } else if let Some(active) = self.take_active(id, actions) {
            if self.lead(actions) {
                self.recoveries += 1;
                self.put_off(now);
                return;
            }
            actions.extend(self.twin.take().map(|twin| Action::Kill(twin.id)));
            if !active.gave {
                self.failed(now, chance);
                self.poisoned += 1;
            }
            if self.poisoned >= POISONED {
                self.poisoned = 0;
                actions.push(Action::GiveUp);
            }
            self.promote(actions);
        }
    }

    /// One was in vain: after the first, the next has to wait.
    fn failed(&mut self, now: Duration, chance: f64) {
        self.not_before = now + self.policy.backoff.wait(self.in_vain, chance);
        self.in_vain = self.in_vain.saturating_add(1);
    }

    fn offered(&mut self, id: Id, now: Duration) {
        if let Some(fed) = self.fed(id) {
            fed.offered.get_or_insert(now);
        }
    }

    fn took(&mut self, id: Id, now: Duration) {
        if let Some(fed) = self.fed(id) {
            fed.offered = None;
            fed.holds += 1;
            if fed.holds >= fed.held + BEHIND {
                fed.full.get_or_insert(now);
            }
        }
    }

    fn waited(&mut self, id: Id, now: Duration) {
        if let Some(active) = self.active.as_mut().filter(|active| active.id == id) {
            active.offered = active.offered.map(|_| now);
            active.full = active.full.map(|_| now);
        }
    }

    fn look(&mut self, now: Duration, chance: f64, actions: &mut Vec<Action>) {
        let late = self.deadlines().find(|&(_, at)| now >= at).map(|(id, _)| id);
        if let Some(id) = late {
            self.kill(id, now, chance, actions);
        }
    }

    /// Has one that lives taken for dead.
    fn kill(&mut self, id: Id, now: Duration, chance: f64, actions: &mut Vec<Action>) {
        actions.push(Action::Kill(id));
        self.ended(id, now, chance, actions);
    }

    /// When who is taken for dead, if it gives nothing before; nothing of one of which it may be the input that pauses.
    fn deadlines(&self) -> impl Iterator<Item = (Id, Duration)> {
        let fed = self.active.into_iter().chain(self.twin).chain(self.leaving);
        fed.filter(|fed| !fed.is_waiting).filter_map(move |fed| {
            let patience = if fed.gave {
                self.policy.silence
            } else {
                self.policy.start
            };
            let since = fed.offered.into_iter().chain(fed.full).min()?;
            Some((fed.id, since + patience))
        })
    }

    fn close(&mut self, actions: &mut Vec<Action>) {
        self.state = State::Closed;
        let fed = self.active.take().into_iter().chain(self.twin.take());
        let leaving = self.leaving.take().map(|leaving| leaving.id);
        let spare = self.spare.take().map(|spare| spare.id);
        let all = fed.map(|fed| fed.id).chain(leaving).chain(spare);
        actions.extend(all.map(Action::Kill));
    }

    /// Starts the encoder that is missing: whoever is to be fed, or its spare once it gives packets.
    fn fill(&mut self, now: Duration, actions: &mut Vec<Action>) {
        if self.spare.is_none() && self.wants_another() && now >= self.not_before {
            let id = self.next;
            self.next += 1;
            self.spare = Some(Spare { id, is_ready: false });
            actions.push(Action::Start(id));
        }
    }

    fn wants_another(&self) -> bool {
        match self.active {
            None => true,
            Some(active) => match self.policy.recovery {
                Recovery::Cold => false,
                Recovery::Spare => active.gave,
                // The sooner its twin comes, the less has to be kept for it.
                Recovery::Hot => true,
            },
        }
    }

    fn wake(&self, now: Duration) -> Option<Duration> {
        if self.state != State::Running {
            return None;
        }
        let start = (self.spare.is_none() && self.wants_another()).then_some(self.not_before);
        let renew = self.is_to_be_renewed().then_some(self.renew_at);
        self.deadlines()
            .map(|(_, at)| at)
            .chain(start)
            .chain(renew)
            .min()
            .map(|at| at.max(now))
    }
}

#[cfg(test)]
mod tests;
