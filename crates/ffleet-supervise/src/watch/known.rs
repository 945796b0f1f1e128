//! Every process that was met, and what is known of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::{Failing, Id, Rule};

/// What a process is to a watch, beside whether it is the first of a group.
#[derive(Clone, Debug)]
pub(super) enum State {
    /// Nothing is to be done about it, as long as it stays as it is.
    Passed,
    /// A rule fits it but for its age, which it has then.
    Young(Duration),
    /// Somebody is about to make a group of it; it was tried so often before.
    Taking { rule: Arc<Rule>, tries: u32 },
    /// That failed, and is tried again then.
    Waiting { rule: Arc<Rule>, tries: u32, at: Duration, why: String },
    /// That failed too often.
    GivenUp { rule: Arc<Rule>, tries: u32, why: String },
}

impl State {
    const fn at(&self) -> Option<Duration> {
        match self {
            Self::Young(at) | Self::Waiting { at, .. } => Some(*at),
            Self::Passed | Self::Taking { .. } | Self::GivenUp { .. } => None,
        }
    }

    /// How often it was tried.
    pub(super) const fn tries(&self) -> u32 {
        match self {
            Self::Taking { tries, .. }
            | Self::Waiting { tries, .. }
            | Self::GivenUp { tries, .. } => *tries,
            Self::Passed | Self::Young(_) => 0,
        }
    }
}

/// A process that was met.
#[derive(Clone, Debug)]
pub(super) struct Known {
    id: Id,
    /// When it was met last.
    met: Duration,
    /// What it looked like then; nothing, if the next look is to be new.
    print: Option<u64>,
    /// How often it left a group.
    strayed: u32,
    state: State,
}

impl Known {
    /// It, if it could not be governed.
    pub(super) fn failing(&self) -> Option<Failing> {
        let (rule, tries, why, is_given_up) = match &self.state {
            State::Waiting { rule, tries, why, .. } => (rule, *tries, why, false),
            State::GivenUp { rule, tries, why } => (rule, *tries, why, true),
            State::Passed | State::Young(_) | State::Taking { .. } => return None,
        };
        let (rule, why) = (Arc::clone(rule), why.clone());
        Some(Failing { id: self.id, rule, tries, why, is_given_up })
    }
}

/// All of them. As many as processes live, and those that somebody is about to make a group of.
#[derive(Clone, Debug, Default)]
pub(super) struct Roll {
    known: BTreeMap<Id, Known>,
    /// Whose state is to be looked at then.
    timers: BTreeSet<(Duration, Id)>,
}

impl Roll {
    pub(super) const fn new() -> Self {
        Self { known: BTreeMap::new(), timers: BTreeSet::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Known> {
        self.known.values()
    }

    pub(super) fn state(&self, id: Id) -> Option<&State> {
        self.known.get(&id).map(|known| &known.state)
    }

    /// The newest process of this number.
    pub(super) fn by_pid(&self, pid: u32) -> Option<Id> {
        let all = Id { pid, started: 0 }..=Id { pid, started: u64::MAX };
        self.known.range(all).next_back().map(|(id, _)| *id)
    }

    /// The process that had the number of `id` before it.
    pub(super) fn reused(&self, id: Id) -> Option<Id> {
        self.known
            .range(Id { started: 0, ..id }..id)
            .next_back()
            .map(|(id, _)| *id)
    }

    /// Takes note that it was met; whether it is new, or looks other than before.
    pub(super) fn meet(&mut self, now: Duration, id: Id, print: u64) -> bool {
        let Some(known) = self.known.get_mut(&id) else {
            return true;
        };
        known.met = now;
        known.print != Some(print)
    }

    /// Takes note of what it is now.
    pub(super) fn set(&mut self, id: Id, now: Duration, print: u64, state: State) {
        let strayed = self.remove(id).map_or(0, |before| before.strayed);
        self.insert(Known { id, met: now, print: Some(print), strayed, state });
    }

    /// The same of one that is known.
    pub(super) fn change(&mut self, id: Id, state: State) {
        if let Some(known) = self.remove(id) {
            self.insert(Known { state, ..known });
        }
    }

    /// Takes note that it left its group: it is judged again, but not for ever.
    pub(super) fn stray(&mut self, id: Id, rule: &Arc<Rule>, tries: u32) {
        let Some(known) = self.remove(id) else { return };
        let strayed = known.strayed.saturating_add(1);
        let state = match known.state {
            State::Passed if strayed >= tries => {
                let why = "it is taken out of its group again and again".to_owned();
                State::GivenUp { rule: Arc::clone(rule), tries: strayed, why }
            }
            other => other,
        };
        self.insert(Known { print: None, strayed, state, ..known });
    }

    fn insert(&mut self, known: Known) {
        if let Some(at) = known.state.at() {
            self.timers.insert((at, known.id));
        }
        self.known.insert(known.id, known);
    }

    pub(super) fn remove(&mut self, id: Id) -> Option<Known> {
        let known = self.known.remove(&id)?;
        if let Some(at) = known.state.at() {
            self.timers.remove(&(at, id));
        }
        Some(known)
    }

    /// Those whose time has come; each is said once.
    pub(super) fn due(&mut self, now: Duration) -> Vec<Id> {
        let mut come = Vec::new();
        while let Some(&first) = self.timers.first().filter(|(at, _)| *at <= now) {
            self.timers.remove(&first);
            come.push(first.1);
        }
        come
    }

    /// When the next one's will.
    pub(super) fn next(&self) -> Option<Duration> {
        self.timers.first().map(|&(at, _)| at)
    }

    /// Those who are not `there` and were not met since `begun`. Whom somebody is about to make a group of is not
    /// among them.
    pub(super) fn missing(&self, begun: Duration, there: &BTreeSet<Id>) -> Vec<Id> {
        let is_missing = |known: &&Known| {
            known.met < begun
                && !there.contains(&known.id)
                && !matches!(known.state, State::Taking { .. })
        };
        self.known.values().filter(is_missing).map(|known| known.id).collect()
    }

    /// Forgets what everybody looks like, so that the next look at each is new.
    pub(super) fn blur(&mut self) {
        for known in self.known.values_mut() {
            known.print = None;
        }
    }

    /// Forgets everything but whom somebody is about to make a group of.
    pub(super) fn renew(&mut self) {
        self.known
            .retain(|_, known| matches!(known.state, State::Taking { .. }));
        self.timers.clear();
    }
}
