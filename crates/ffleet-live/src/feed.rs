//! A feed as a value: who needs it, whether it runs, what its end means, when it is tried again.
//!
//! | state | event | becomes | actions |
//! |---|---|---|---|
//! | idle | needed | running, or waiting if it failed lately | start |
//! | running | not needed any more | stopping | stop |
//! | running | ended, and that is its end | idle | end the viewers |
//! | running | ended or failed otherwise | waiting, or idle if nobody needs it | – |
//! | waiting | the wait is over, and the budget has room | running | start |
//! | waiting | not needed any more | idle, which remembers until when to wait | – |
//! | stopping | ended | running again if it is needed by now, else idle | start |
//! | dead for as long as its fallbacks say | | the same | end the viewers |
//!
//! A run that an earlier life of ours has started is taken over ([`Feed::take_over`]), and kept for a while for those
//! who needed it there.
//!
//! Failures are in a row until a run was well for [`Policy::healthy`]. Times are those of a clock that
//! only goes forward.

mod kept;

use std::time::Duration;

use ffleet_supervise::budget::Grant;
use ffleet_supervise::{Backoff, Budget};
use ffleet_types::live::feed::{AtEnd, Fallback, Mode};

/// What a feed goes by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// When it runs.
    pub mode: Mode,
    /// What its end without a failure means.
    pub at_end: AtEnd,
    /// What viewers get while it is dead.
    pub fallback: Vec<Fallback>,
    /// The waits between tries.
    pub backoff: Backoff,
    /// A run that gave bytes for so long was well.
    pub healthy: Duration,
    /// How many tries there may be after failures in which time.
    pub tries: (usize, Duration),
}

/// What a feed is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It does not run, and is not to.
    Idle,
    /// It was started, and has given nothing yet.
    Starting {
        /// When it was started.
        since: Duration,
    },
    /// It gives bytes.
    Live {
        /// Since when.
        since: Duration,
    },
    /// It was told to end.
    Stopping,
    /// It failed and is tried again.
    Waiting {
        /// When.
        until: Duration,
    },
}

impl State {
    /// Its name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Starting { .. } => "starting",
            Self::Live { .. } => "live",
            Self::Stopping => "stopping",
            Self::Waiting { .. } => "waiting",
        }
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// Of itself, without a failure.
    Clean,
    /// It failed, was killed, fell silent, or could not be started.
    Failed,
}

/// What happened to a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Somebody needs it.
    Enter,
    /// Somebody needs it no more.
    Leave,
    /// Its first bytes came.
    Bytes,
    /// It has ended, and nothing of it is alive.
    Ended(Over),
    /// Somebody wants it to be started anew, now.
    Restart,
    /// It is to end for good.
    Close,
    /// Time has passed.
    Tick,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start a run.
    Start,
    /// End the run.
    Stop,
    /// End the streams of all viewers.
    EndViewers,
}

/// What is to be done, and when to ask again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "a feed whose actions are dropped neither starts nor stops"]
pub struct Plan {
    /// In this order.
    pub actions: Vec<Action>,
    /// When to send [`Event::Tick`] at the latest.
    pub wake: Option<Duration>,
}

/// What it is about to do, whoever needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Will {
    /// To run when it is needed.
    Run,
    /// To wait for somebody new: it has ended.
    Rest,
    /// Never to run again.
    Close,
}

/// One feed.
#[derive(Clone, Debug)]
pub struct Feed {
    policy: Policy,
    state: State,
    budget: Budget,
    /// How many need it.
    holders: u32,
    /// When the last of them left.
    left: Option<Duration>,
    /// Whether anybody ever needed it.
    used: bool,
    will: Will,
    /// Runs in a row that were not well.
    failures: u32,
    /// Before that it is not started again.
    not_before: Duration,
    /// Since when it has failed and gives nothing to those who need it.
    dead: Option<Duration>,
    /// Whether its viewers' streams were ended since then.
    ended: bool,
    /// How often it was started.
    starts: u64,
    /// How many of those starts were an earlier life's.
    before: u64,
    /// Until when a run that was taken over goes on with nobody who needs it.
    kept: Option<Duration>,
}

impl Feed {
    /// A feed that does not run yet. Send it [`Event::Tick`] first.
    #[must_use]
    pub const fn new(policy: Policy) -> Self {
        let budget = Budget::new(policy.tries.0, policy.tries.1);
        Self {
            policy,
            state: State::Idle,
            budget,
            holders: 0,
            left: None,
            used: false,
            will: Will::Run,
            failures: 0,
            not_before: Duration::ZERO,
            dead: None,
            ended: false,
            starts: 0,
            before: 0,
            kept: None,
        }
    }

    /// What it is.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// How many need it.
    #[must_use]
    pub const fn holders(&self) -> u32 {
        self.holders
    }

    /// How often it was started, the run that was taken over and those before it included.
    #[must_use]
    pub const fn starts(&self) -> u64 {
        self.starts
    }

    /// Runs in a row that were not well.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// Tells it what happened at `now`. `chance` is a random number from 0 to 1.
    pub fn apply(&mut self, event: Event, now: Duration, chance: f64) -> Plan {
        let mut plan = Plan::default();
        match event {
            Event::Enter => {
                self.holders = self.holders.saturating_add(1);
                (self.used, self.kept) = (true, None);
                if self.will == Will::Rest {
                    self.will = Will::Run;
                }
                if self.ended {
                    // Those before are gone; the fallbacks begin anew.
                    (self.ended, self.dead) = (false, Some(now));
                }
            }
            Event::Leave => {
                self.holders = self.holders.saturating_sub(1);
                if self.holders == 0 {
                    self.left = Some(now);
                }
            }
            Event::Bytes => {
                if let State::Starting { .. } = self.state {
                    self.state = State::Live { since: now };
                    (self.dead, self.ended) = (None, false);
                }
            }
            Event::Ended(how) => self.run_ended(how, now, chance, &mut plan),
            Event::Restart => {
                (self.failures, self.not_before) = (0, Duration::ZERO);
                // Whoever asks for it has mended what was wrong, as far as we know.
                self.budget = Budget::new(self.policy.tries.0, self.policy.tries.1);
                if self.will == Will::Rest {
                    self.will = Will::Run;
                }
                match self.state {
                    State::Starting { .. } | State::Live { .. } => {
                        self.state = State::Stopping;
                        plan.actions.push(Action::Stop);
                    }
                    State::Waiting { .. } => self.state = State::Idle,
                    State::Idle | State::Stopping => {}
                }
            }
            Event::Close => self.will = Will::Close,
            Event::Tick => {}
        }
        self.settle(now, &mut plan);
        plan
    }

    fn run_ended(&mut self, how: Over, now: Duration, chance: f64, plan: &mut Plan) {
        self.note_health(now);
        let was = std::mem::replace(&mut self.state, State::Idle);
        // Nobody waits for another one in its place.
        self.kept = None;
        if was == State::Stopping {
            return;
        }
        if how == Over::Clean && self.policy.at_end == AtEnd::End {
            self.failures = 0;
            if self.will == Will::Run {
                self.will = Will::Rest;
            }
            plan.actions.push(Action::EndViewers);
            return;
        }
        self.failures = self.failures.saturating_add(1);
        self.dead.get_or_insert(now);
        self.not_before = now + self.policy.backoff.wait(self.failures, chance);
    }

    /// A run that is well makes up for failures before it.
    fn note_health(&mut self, now: Duration) {
        if let State::Live { since } = self.state
            && now.saturating_sub(since) >= self.policy.healthy
        {
            self.failures = 0;
        }
    }

    /// Whether it is to run, and until when if nothing happens.
    fn wanted(&self, now: Duration) -> (bool, Option<Duration>) {
        if self.will != Will::Run {
            return (false, None);
        }
        match self.policy.mode {
            Mode::Autostart => (true, None),
            Mode::Continuous => (self.used, None),
            Mode::OnDemand | Mode::Linger(_) if self.holders > 0 => (true, None),
            Mode::OnDemand => self.wanted_until(None, now),
            Mode::Linger(span) => self.wanted_until(self.left.map(|left| left + span.0), now),
        }
    }

    /// Brings what it is to what it should be.
    fn settle(&mut self, now: Duration, plan: &mut Plan) {
        let (wanted, until) = self.wanted(now);
        plan.wake = until;
        match self.state {
            State::Starting { .. } | State::Live { .. } if !wanted => {
                self.note_health(now);
                self.state = State::Stopping;
                plan.actions.push(Action::Stop);
            }
            State::Idle if wanted => self.try_start(now, plan),
            State::Waiting { .. } if !wanted => self.state = State::Idle,
            State::Waiting { until } if until <= now => self.try_start(now, plan),
            State::Waiting { until } => wake(plan, until),
            State::Idle | State::Starting { .. } | State::Live { .. } | State::Stopping => {}
        }
        self.mourn(now, plan);
    }

    fn try_start(&mut self, now: Duration, plan: &mut Plan) {
        let until = match self.not_before {
            before if before > now => before,
            // Viewers come and go as often as they like.
            _ if self.failures == 0 => return self.start(now, plan),
            _ => match self.budget.spend(now) {
                Grant::Try => return self.start(now, plan),
                Grant::Wait { until } => until,
            },
        };
        self.state = State::Waiting { until };
        wake(plan, until);
    }

    fn start(&mut self, now: Duration, plan: &mut Plan) {
        self.starts += 1;
        self.state = State::Starting { since: now };
        plan.actions.push(Action::Start);
    }

    /// Ends the viewers' streams when the fallbacks of a dead feed have run out.
    fn mourn(&mut self, now: Duration, plan: &mut Plan) {
        if self.holders == 0 || self.will != Will::Run || matches!(self.state, State::Live { .. }) {
            self.dead = None;
            return;
        }
        // One that starts for the first time is not dead yet.
        let Some(since) = self.dead.filter(|_| !self.ended) else {
            return;
        };
        let mut at = since;
        for fallback in &self.policy.fallback {
            match fallback {
                Fallback::Hold(None) => return,
                Fallback::Hold(Some(span)) => at += span.0,
                Fallback::End => {
                    if at <= now {
                        self.ended = true;
                        plan.actions.push(Action::EndViewers);
                    } else {
                        wake(plan, at);
                    }
                    return;
                }
            }
        }
    }
}

/// Has the plan wake no later than `at`.
fn wake(plan: &mut Plan, at: Duration) {
    plan.wake = Some(plan.wake.map_or(at, |wake| wake.min(at)));
}

#[cfg(test)]
mod tests;
