//! The machine of one child: what is wanted of it, what it is, and what to do about it.
//!
//! | state | event | becomes | actions |
//! |---|---|---|---|
//! | starting | started | running, or paused if that is wanted | –, or freeze |
//! | running | ordered to pause | paused | freeze |
//! | paused | ordered to run | running | thaw |
//! | running | its time is up, it is silent for too long, ordered to stop | stopping | terminate |
//! | paused | ordered to stop | stopping | terminate, thaw (a frozen process hears nothing) |
//! | stopping | the grace is over | stopping, killed | kill, and again until it is gone |
//! | any | exited | ended | report |
//!
//! Whoever stops first gives the reason; a later order to stop changes neither the reason nor
//! the end of the grace, and nothing leads back from stopping. Time that a child was paused, or
//! that nobody was looking (see `stopwatch`), counts against neither of its limits.

use std::time::Duration;

use crate::exit::{Exit, Stop, Verdict};
use crate::stopwatch::Stopwatch;

/// A child is looked at no less often than this, so that time asleep can be told from time spent.
const PULSE: Duration = Duration::from_secs(5);
/// How long after a kill another follows if the child is still there: its tree may have grown
/// while it was being killed.
const KILL_AGAIN: Duration = Duration::from_secs(1);

/// What a child is bounded by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Wall-clock time it may take, if that is limited.
    pub timeout: Option<Duration>,
    /// Silence after which it counts as stalled, if it reports progress at all.
    pub stall: Option<Duration>,
    /// From the request to end to the kill.
    pub grace: Duration,
}

/// What is wanted of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// To work.
    Run,
    /// To stand still, and keep what it has.
    Pause,
    /// To end: asked first, killed when the grace is over. Final.
    Stop(Stop),
    /// To end now, unasked. Final.
    Kill(Stop),
}

/// What a child is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// There is no process yet.
    Starting,
    /// It works.
    Running,
    /// It is frozen.
    Paused,
    /// It was told to end, and has not.
    Stopping {
        /// When it was told.
        since: Duration,
        /// When it was last killed, once the grace was over.
        killed: Option<Duration>,
        /// What its end will mean.
        verdict: Verdict,
    },
    /// Nothing of it is alive.
    Ended {
        /// What became of it.
        verdict: Verdict,
    },
}

/// What happened to a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Its process exists.
    Started,
    /// It said how far it is, in any unit that grows: only a value above all before is progress.
    Progress(u64),
    /// Its process has ended, and nothing of its tree is alive.
    Exited(Exit),
    /// Something is wanted of it.
    Ordered(Order),
    /// Time has passed.
    Tick,
}

/// What is to be done to a child. Each may be done twice without harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Ask its process group to end: SIGTERM.
    Terminate,
    /// Kill its whole tree.
    Kill,
    /// Stop its whole tree from running.
    Freeze,
    /// Let it run again.
    Thaw,
    /// Say what became of it. Comes once, and last.
    Report(Verdict),
}

/// What is to be done, and when to ask again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "a child whose actions are dropped is neither stopped nor reported"]
pub struct Plan {
    /// In this order.
    pub actions: Vec<Action>,
    /// When to send [`Event::Tick`] at the latest; none once it has ended.
    pub wake: Option<Duration>,
}

/// One child, as a value.
#[derive(Clone, Debug)]
pub struct Child {
    policy: Policy,
    order: Order,
    state: State,
    watch: Stopwatch,
    /// The highest position it has reported.
    position: Option<u64>,
    /// What the stopwatch said at that time.
    progressed: Duration,
}

impl Child {
    /// A child that is about to be started, to run.
    #[must_use]
    pub const fn new(policy: Policy, now: Duration) -> Self {
        Self {
            policy,
            order: Order::Run,
            state: State::Starting,
            watch: Stopwatch::start(now, PULSE),
            position: None,
            progressed: Duration::ZERO,
        }
    }

    /// What is wanted of it.
    #[must_use]
    pub const fn order(&self) -> Order {
        self.order
    }

    /// What it is.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// How long it has worked: pauses not counted, up to the last event.
    #[must_use]
    pub const fn worked(&self) -> Duration {
        self.watch.counted()
    }

    /// Takes note of `event`, and decides.
    pub fn apply(&mut self, event: Event, now: Duration) -> Plan {
        let mut actions = Vec::new();
        if !matches!(self.state, State::Ended { .. }) {
            self.watch.look(now);
            match event {
                Event::Started => self.start(&mut actions),
                Event::Progress(position) => self.progress(position),
                Event::Exited(exit) => self.end(exit, &mut actions),
                Event::Ordered(order) => self.obey(order, now, &mut actions),
                Event::Tick => {}
            }
            self.enforce(now, &mut actions);
        }
        Plan { actions, wake: self.wake(now) }
    }

    fn start(&mut self, actions: &mut Vec<Action>) {
        match self.state {
            State::Starting if self.order == Order::Pause => self.freeze(actions),
            State::Starting => self.state = State::Running,
            // It was told to end before there was anybody to tell.
            State::Stopping { killed: None, .. } => actions.push(Action::Terminate),
            State::Stopping { killed: Some(_), .. } => actions.push(Action::Kill),
            State::Running | State::Paused | State::Ended { .. } => {}
        }
    }

    fn progress(&mut self, position: u64) {
        if self.position.is_none_or(|best| position > best) {
            self.position = Some(position);
            self.progressed = self.watch.counted();
        }
    }

    fn end(&mut self, exit: Exit, actions: &mut Vec<Action>) {
        let verdict = match self.state {
            State::Stopping { verdict, .. } => verdict,
            _ => Verdict::Exited { exit },
        };
        self.state = State::Ended { verdict };
        actions.push(Action::Report(verdict));
    }

    fn obey(&mut self, order: Order, now: Duration, actions: &mut Vec<Action>) {
        match (self.state, order) {
            (State::Stopping { killed: None, since, verdict }, Order::Kill(stop)) => {
                self.order = Order::Kill(stop);
                self.state = State::Stopping { since, killed: Some(now), verdict };
                actions.push(Action::Kill);
            }
            (State::Stopping { .. } | State::Ended { .. }, _) => {}
            (_, Order::Stop(stop)) => {
                self.order = order;
                self.stop(stop.into(), now, actions);
            }
            (_, Order::Kill(stop)) => {
                self.order = order;
                self.state =
                    State::Stopping { since: now, killed: Some(now), verdict: stop.into() };
                actions.push(Action::Kill);
            }
            (State::Running, Order::Pause) => {
                self.order = order;
                self.freeze(actions);
            }
            (State::Paused, Order::Run) => {
                self.order = order;
                self.state = State::Running;
                self.watch.set_running(true);
                actions.push(Action::Thaw);
            }
            (State::Starting | State::Running | State::Paused, Order::Run | Order::Pause) => {
                self.order = order;
            }
        }
    }

    fn freeze(&mut self, actions: &mut Vec<Action>) {
        self.state = State::Paused;
        self.watch.set_running(false);
        actions.push(Action::Freeze);
    }

    fn stop(&mut self, verdict: Verdict, now: Duration, actions: &mut Vec<Action>) {
        actions.push(Action::Terminate);
        if self.state == State::Paused {
            self.watch.set_running(true);
            actions.push(Action::Thaw);
        }
        self.state = State::Stopping { since: now, killed: None, verdict };
    }

    /// Does what time asks for.
    fn enforce(&mut self, now: Duration, actions: &mut Vec<Action>) {
        match self.state {
            State::Starting | State::Running => {
                if let Some(verdict) = self.overrun() {
                    self.stop(verdict, now, actions);
                }
            }
            State::Stopping { since, killed, verdict } => {
                let due = match killed {
                    None => since + self.policy.grace,
                    Some(last) => last + KILL_AGAIN,
                };
                if now >= due {
                    self.state = State::Stopping { since, killed: Some(now), verdict };
                    actions.push(Action::Kill);
                }
            }
            State::Paused | State::Ended { .. } => {}
        }
    }

    /// What it is to be stopped for, if it has overrun a limit.
    fn overrun(&self) -> Option<Verdict> {
        let worked = self.watch.counted();
        let silent = worked.saturating_sub(self.progressed);
        match self.policy {
            Policy { timeout: Some(limit), .. } if worked >= limit => {
                Some(Verdict::TimedOut { limit })
            }
            Policy { stall: Some(term), .. } if silent >= term => Some(Verdict::Stalled { silent }),
            _ => None,
        }
    }

    fn wake(&self, now: Duration) -> Option<Duration> {
        let worked = self.watch.counted();
        match self.state {
            State::Starting | State::Running => {
                let left = |limit: Option<Duration>, from: Duration| {
                    limit.map_or(PULSE, |limit| (from + limit).saturating_sub(worked))
                };
                let timeout = left(self.policy.timeout, Duration::ZERO);
                let stall = left(self.policy.stall, self.progressed);
                Some(now + timeout.min(stall).min(PULSE))
            }
            // Nothing of a paused child changes with time; the pulse keeps its caller simple.
            State::Paused => Some(now + PULSE),
            State::Stopping { since, killed: None, .. } => Some(since + self.policy.grace),
            State::Stopping { killed: Some(last), .. } => Some(last + KILL_AGAIN),
            State::Ended { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests;
