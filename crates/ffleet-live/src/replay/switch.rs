//! Who encodes a track: the encoder that is fed, the spare behind it, and what happens when one dies.

use std::time::Duration;

use ffleet_supervise::Backoff;
use ffleet_types::live::stream::Recovery;

/// An encoder: they are counted from 1.
pub type Id = u64;

/// Encoders that died one after another without a packet before the frame that they began with is given up.
const POISONED: u32 = 3;
/// An encoder that takes frames and gives nothing is taken for dead only if it holds so many more than it ever held
/// when it gave a packet: with fewer, it may be the input that pauses.
const BEHIND: u64 = 2;
/// What it held at most is forgotten by a frame after so many packets: it held more while it was fed again.
const FORGETS: u32 = 32;

/// What a switch goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What is ready for the death of an encoder.
    pub recovery: Recovery,
    /// An encoder that does not take a frame for so long, or that takes more than it can hold and gives nothing for so
    /// long, is dead.
    pub silence: Duration,
    /// The same before its first packet.
    pub start: Duration,
    /// Frames that it may hold before its first packet.
    pub ahead: u64,
    /// The waits between starts in vain.
    pub backoff: Backoff,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The track is to be encoded.
    Begin,
    /// An encoder waits for its first frame.
    Ready(Id),
    /// It gave a packet.
    Gave(Id),
    /// It has ended, or could not be started.
    Ended(Id),
    /// It is given a frame.
    Offered(Id),
    /// It has taken that.
    Took(Id),
    /// Time has passed.
    Tick,
    /// It is to be encoded no more.
    Close,
}

/// What is to be done, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start an encoder.
    Start(Id),
    /// Feed it, from [`super::Backlog::resume`] on. Until now it has had nothing.
    Feed(Id),
    /// Kill it: nothing of it is wanted any more.
    Kill(Id),
    /// Give up the first frame that has not come out: it kills whoever gets it.
    GiveUp,
}

/// What is to be done, and when to ask again if nothing happens before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// To be done in this order.
    pub actions: Vec<Action>,
    /// When to say [`Event::Tick`].
    pub wake: Option<Duration>,
}

/// See the module. Times are of a clock that only goes forward.
#[derive(Clone, Debug)]
pub struct Switch {
    policy: Policy,
    next: Id,
    state: State,
    active: Option<Active>,
    spare: Option<Spare>,
    /// When the next encoder may be started.
    not_before: Duration,
    /// Encoders that ended without a packet, one after another.
    in_vain: u32,
    /// Of these, those that had been fed.
    poisoned: u32,
    /// How often another encoder went on.
    recoveries: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    Running,
    Closed,
}

#[derive(Clone, Copy, Debug)]
struct Active {
    id: Id,
    /// Whether it has given a packet.
    gave: bool,
    /// Since when there is a frame that it has not taken.
    offered: Option<Duration>,
    /// Since when it holds more than it may, without having given a packet.
    full: Option<Duration>,
    /// How many frames it has taken that no packet has come of, and how many it had at most when it gave one.
    holds: u64,
    held: u64,
    /// Packets until the latter is less by one.
    forgets: u32,
}

impl Active {
    const fn new(id: Id, policy: Policy) -> Self {
        Self {
            id,
            gave: false,
            offered: None,
            full: None,
            holds: 0,
            held: policy.ahead,
            forgets: FORGETS,
        }
    }

    fn gave(&mut self) {
        if !std::mem::replace(&mut self.gave, true) {
            self.held = self.holds;
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
            spare: None,
            not_before: Duration::ZERO,
            in_vain: 0,
            poisoned: 0,
            recoveries: 0,
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
            Event::Gave(id) => self.gave(id),
            Event::Ended(id) => self.ended(id, now, chance, &mut actions),
            Event::Offered(id) => self.offered(id, now),
            Event::Took(id) => self.took(id, now),
            Event::Tick => self.look(now, chance, &mut actions),
            Event::Close => self.close(&mut actions),
        }
        if self.state == State::Running {
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
            self.active = Some(Active::new(id, self.policy));
            actions.push(Action::Feed(id));
        }
    }

    fn gave(&mut self, id: Id) {
        let Some(active) = self.active.as_mut().filter(|active| active.id == id) else {
            return;
        };
        active.gave();
        // Whoever gives packets moves on, however soon it dies.
        (self.poisoned, self.in_vain) = (0, 0);
    }

    fn ended(&mut self, id: Id, now: Duration, chance: f64, actions: &mut Vec<Action>) {
        if self.spare.take_if(|spare| spare.id == id).is_some() {
            self.failed(now, chance);
        } else if let Some(active) = self.active.take_if(|active| active.id == id) {
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
        if let Some(active) = self.active.as_mut().filter(|active| active.id == id) {
            active.offered.get_or_insert(now);
        }
    }

    fn took(&mut self, id: Id, now: Duration) {
        if let Some(active) = self.active.as_mut().filter(|active| active.id == id) {
            active.offered = None;
            active.holds += 1;
            if active.holds >= active.held + BEHIND {
                active.full.get_or_insert(now);
            }
        }
    }

    fn look(&mut self, now: Duration, chance: f64, actions: &mut Vec<Action>) {
        let Some((active, deadline)) = self.active.zip(self.deadline()) else {
            return;
        };
        if now >= deadline {
            actions.push(Action::Kill(active.id));
            self.ended(active.id, now, chance, actions);
        }
    }

    /// When the encoder that is fed is taken for dead, if it gives nothing before; nothing while it may be the input
    /// that pauses.
    fn deadline(&self) -> Option<Duration> {
        let active = self.active?;
        let patience = if active.gave {
            self.policy.silence
        } else {
            self.policy.start
        };
        let since = active.offered.into_iter().chain(active.full);
        since.min().map(|since| since + patience)
    }

    fn close(&mut self, actions: &mut Vec<Action>) {
        self.state = State::Closed;
        let active = self.active.take().map(|active| active.id);
        let spare = self.spare.take().map(|spare| spare.id);
        actions.extend(active.into_iter().chain(spare).map(Action::Kill));
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
            Some(active) => self.policy.recovery != Recovery::Cold && active.gave,
        }
    }

    fn wake(&self, now: Duration) -> Option<Duration> {
        if self.state != State::Running {
            return None;
        }
        let start = (self.spare.is_none() && self.wants_another()).then_some(self.not_before);
        [self.deadline(), start]
            .into_iter()
            .flatten()
            .min()
            .map(|at| at.max(now))
    }
}

#[cfg(test)]
mod tests;
