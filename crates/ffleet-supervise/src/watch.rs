//! Processes that others start: which of them are governed, what comes of it, and what they do then.
//!
//! A [`Watch`] is a value. It is told which processes there are, by events of the kernel and by looks at all
//! of them, and answers what to do ([`Act`]) and what there is to tell ([`Note`]). Events may be lost, come
//! late or come twice, and ids are given to other processes: nothing depends on an event that a later look at
//! all of them does not make good.
//!
//! A process that is governed is the first of a group, which holds whatever comes of it as well, outlives it,
//! and ends when nobody is left in it. Whoever is in a group is never made the first of another.

mod count;
mod glob;
mod group;
mod known;
mod rule;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

pub use self::count::{Bounds, Counts, Reading, Violation};
pub use self::glob::Glob;
pub use self::group::Group;
use self::known::{Known, Roll, State};
pub use self::rule::{Id, Limits, Owner, Rule, Rules, Sight, Verdict};
use crate::Backoff;

/// How long after it was found to be another's a process is looked at again.
const AGAIN: Duration = Duration::from_secs(60);

/// What the operator wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Who is governed, and how.
    pub rules: Rules,
    /// How often an attachment is tried before it is given up; at least once.
    pub tries: u32,
    /// How long to wait between two of them.
    pub backoff: Backoff,
    /// From where on something is a violation.
    pub bounds: Bounds,
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// To make a group of this process and its descendants. The answer goes to [`Watch::taken`].
    Take(Id, Arc<Rule>),
    /// To look at this process again, now that it is older: to tell [`Watch::see`] of it, or [`Watch::gone`].
    Look(Id),
    /// To look how this group is. The answer goes to [`Watch::measured`].
    Measure(Id),
    /// To give this group other limits. The answer goes to [`Watch::changed`].
    Change(Id, Arc<Rule>),
    /// To let go of this group: its processes go back to where they came from. The answer goes to
    /// [`Watch::released`].
    Release(Id),
    /// To clear this group away: nobody is left in it. If somebody is after all, [`Watch::adopt`] is told.
    Close(Id),
}

/// Something to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// It is governed.
    Governed(Id, Arc<Rule>),
    /// It could not be, and is tried again after a while.
    Failed(Id, Arc<Rule>, String, Duration),
    /// It is not tried again.
    GivenUp(Id, Arc<Rule>, String),
    /// It has other limits now, or why it has not.
    Changed(Id, Arc<Rule>, Option<String>),
    /// It is not governed any more, or why it still is.
    Released(Id, Option<String>),
    /// It broke its bounds so often since the last look.
    Violated(Id, Violation, u64),
    /// This process left the group that began with the first.
    Strayed(Id, Id),
    /// Nobody of it is left; what it was governed by, and what there was against it.
    Ended(Id, Arc<Rule>, Counts),
}

/// What is to be done, and to be told, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "what a watch decides is to be carried out"]
pub struct Step {
    /// To be done.
    pub acts: Vec<Act>,
    /// To be told.
    pub notes: Vec<Note>,
}

/// What came of an attachment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// There is a group of it.
    Taken,
    /// It had come into somebody's group meanwhile, with what it descends from.
    Owned,
    /// It has ended.
    Gone,
    /// Why not, which may pass.
    Failed(String),
    /// Why not, which will not pass.
    Refused(String),
}

/// A process that is tried, waits to be tried again, or was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failing {
    /// Which.
    pub id: Id,
    /// The rule that fits it.
    pub rule: Arc<Rule>,
    /// How often it was tried.
    pub tries: u32,
    /// Why that came to nothing, the last time.
    pub why: String,
    /// Whether it is not tried any more.
    pub is_given_up: bool,
}

/// All of it.
#[derive(Clone, Debug)]
pub struct Watch {
    policy: Policy,
    roll: Roll,
    groups: BTreeMap<Id, Group>,
}

impl Watch {
    /// One that knows of nobody.
    #[must_use]
    pub const fn new(policy: Policy) -> Self {
        Self { policy, roll: Roll::new(), groups: BTreeMap::new() }
    }

    /// Takes over a group of an earlier life, before anything else. When its first process is met it gets the
    /// limits that are wanted now, or is let go of if no rule fits any more; one whose first process is gone stays as
    /// it is.
    pub fn adopt(&mut self, first: Id, rule: Arc<Rule>) {
        let group = self
            .groups
            .entry(first)
            .or_insert_with(|| Group::new(Arc::clone(&rule)));
        (group.rule, group.is_unsettled) = (rule, true);
    }

    /// The groups there are, by their first processes.
    #[must_use]
    pub const fn groups(&self) -> &BTreeMap<Id, Group> {
        &self.groups
    }

    /// How many processes are known of.
    #[must_use]
    pub fn known(&self) -> usize {
        self.roll.len()
    }

    /// The processes that could not be governed yet, or were given up.
    pub fn failing(&self) -> impl Iterator<Item = Failing> {
        self.roll.all().filter_map(Known::failing)
    }

    /// Whether [`see`](Self::see) wants to be told of this process, which is there: a new one, or one whose
    /// `print` (of its name, parent and program) is another than the last time.
    pub fn wants(&mut self, now: Duration, id: Id, print: u64) -> bool {
        let is_unsettled = self.groups.get(&id).is_some_and(|group| group.is_unsettled);
        self.roll.meet(now, id, print) || is_unsettled
    }

    /// Judges a process. For each that [`wants`](Self::wants) says so of, and each that became another program,
    /// name or user.
    pub fn see(&mut self, now: Duration, print: u64, sight: &mut impl Sight) -> Step {
        let id = sight.id();
        let mut step = Step::default();
        if let Some(before) = self.roll.reused(id) {
            step.acts.extend(self.forget(before));
        }
        if self.groups.contains_key(&id) && sight.owner() != Owner::Nobody {
            self.settle(now, print, sight, &mut step);
        } else if !matches!(self.roll.state(id), Some(State::Taking { .. })) {
            // Else it is judged when that has come to an end, if it is not governed then.
            self.judge(now, print, sight, &mut step);
        }
        step
    }

    fn judge(&mut self, now: Duration, print: u64, sight: &mut impl Sight, step: &mut Step) {
        let id = sight.id();
        let state = match self.policy.rules.judge(sight) {
            Verdict::Passed | Verdict::Barred(_) => State::Passed,
            Verdict::Young(age) => State::Young(now + age.saturating_sub(sight.age())),
            // It came of one that is governed, and is so with it.
            Verdict::Owned(_, Owner::Group(first)) if self.groups.contains_key(&first) => {
                State::Passed
            }
            Verdict::Owned(_, Owner::Ours) => State::Passed,
            // Nobody tells us when others let go of it.
            Verdict::Owned(..) => State::Young(now + AGAIN),
            Verdict::Fits(rule) => match self.roll.state(id) {
                // Another program does not make what failed go well: the tries go on where they were.
                Some(State::Waiting { tries, at, why, .. }) if *at > now => {
                    State::Waiting { rule, tries: *tries, at: *at, why: why.clone() }
                }
                Some(State::GivenUp { tries, why, .. }) => {
                    State::GivenUp { rule, tries: *tries, why: why.clone() }
                }
                before => {
                    let tries = before.map_or(0, State::tries);
                    step.acts.push(Act::Take(id, Arc::clone(&rule)));
                    State::Taking { rule, tries }
                }
            },
        };
        self.roll.set(id, now, print, state);
    }

    /// Looks whether a group is as it is wanted now.
    fn settle(&mut self, now: Duration, print: u64, sight: &mut impl Sight, step: &mut Step) {
        let id = sight.id();
        self.roll.set(id, now, print, State::Passed);
        let Some(group) = self.groups.get_mut(&id).filter(|group| group.is_unsettled) else {
            return;
        };
        group.is_unsettled = false;
        match self.policy.rules.judge_held(sight) {
            Verdict::Fits(rule) if rule.limits == group.rule.limits => group.rule = rule,
            Verdict::Fits(rule) => step.acts.push(Act::Change(id, rule)),
            Verdict::Young(_) => {}
            Verdict::Passed | Verdict::Barred(_) | Verdict::Owned(..) => {
                step.acts.push(Act::Release(id));
            }
        }
    }

    /// What came of [`Act::Take`]. `chance` is a random number from 0 to 1.
    pub fn taken(&mut self, now: Duration, id: Id, outcome: Outcome, chance: f64) -> Step {
        let mut step = Step::default();
        let Some(State::Taking { rule, tries }) = self.roll.state(id) else {
            return step;
        };
        let (rule, tries) = (Arc::clone(rule), tries.saturating_add(1));
        let (why, is_lasting) = match outcome {
            Outcome::Taken => {
                step.notes.push(Note::Governed(id, Arc::clone(&rule)));
                // Rules may be others by now.
                let is_unsettled = !self.policy.rules.rules.contains(&rule);
                // It may have strayed from a group that others of it are in still.
                let group = self.groups.entry(id).or_insert_with(|| Group::new(rule));
                group.is_unsettled |= is_unsettled;
                self.roll.change(id, State::Passed);
                return step;
            }
            Outcome::Owned => {
                self.roll.change(id, State::Passed);
                return step;
            }
            Outcome::Gone => {
                self.roll.remove(id);
                return step;
            }
            Outcome::Failed(why) => (why, false),
            Outcome::Refused(why) => (why, true),
        };
        if is_lasting || tries >= self.policy.tries {
            step.notes.push(Note::GivenUp(id, Arc::clone(&rule), why.clone()));
            self.roll.change(id, State::GivenUp { rule, tries, why });
        } else {
            let wait = self.policy.backoff.wait(tries, chance);
            step.notes.push(Note::Failed(id, Arc::clone(&rule), why.clone(), wait));
            self.roll
                .change(id, State::Waiting { rule, tries, at: now + wait, why });
        }
        step
    }

    /// What came of [`Act::Change`]: why it failed, if it did. It is tried again at the next look then.
    pub fn changed(&mut self, id: Id, rule: Arc<Rule>, why: Option<String>) -> Step {
        let mut step = Step::default();
        if let Some(group) = self.groups.get_mut(&id) {
            match why {
                None => group.rule = Arc::clone(&rule),
                Some(_) => group.is_unsettled = true,
            }
            step.notes.push(Note::Changed(id, rule, why));
        }
        step
    }

    /// What came of [`Act::Release`]: why it failed, if it did. It is tried again at the next look then.
    pub fn released(&mut self, id: Id, why: Option<String>) -> Step {
        let mut step = Step::default();
        match (self.groups.get_mut(&id), &why) {
            (Some(group), Some(_)) => group.is_unsettled = true,
            (Some(_), None) => {
                self.groups.remove(&id);
                // Others that were in it may be governed for what they are themselves.
                self.roll.blur();
            }
            (None, _) => return step,
        }
        step.notes.push(Note::Released(id, why));
        step
    }

    /// What there is to do at `now` of what had to wait.
    pub fn due(&mut self, now: Duration) -> Step {
        let mut step = Step::default();
        step.acts.extend(self.roll.due(now).into_iter().map(Act::Look));
        step
    }

    /// When [`due`](Self::due) has something, if nothing happens before.
    #[must_use]
    pub fn next(&self) -> Option<Duration> {
        self.roll.next()
    }

    /// The process of this number has ended.
    pub fn gone(&mut self, pid: u32) -> Step {
        let acts = self.roll.by_pid(pid).and_then(|id| self.forget(id));
        Step { acts: acts.into_iter().collect(), notes: Vec::new() }
    }

    /// Forgets a process, but not while somebody is about to make a group of it: that has an answer.
    fn forget(&mut self, id: Id) -> Option<Act> {
        if !matches!(self.roll.state(id), Some(State::Taking { .. })) {
            self.roll.remove(id);
        }
        self.groups.contains_key(&id).then_some(Act::Measure(id))
    }

    /// All processes were looked at from `begun` on, and these were there; groups had been before that. Who was not
    /// met has ended.
    pub fn scanned(&mut self, begun: Duration, there: &BTreeSet<Id>) -> Step {
        let mut step = Step::default();
        for id in self.roll.missing(begun, there) {
            step.acts.extend(self.forget(id));
        }
        for (first, group) in &mut self.groups {
            for id in group.strays(begun, there) {
                group.counts.add(Violation::Stray, 1);
                step.notes.push(Note::Strayed(id, *first));
                // If its rule fits it still, it is taken back.
                self.roll.stray(id, &group.rule, self.policy.tries);
            }
        }
        step
    }

    /// What came of [`Act::Measure`], or of a look that nobody asked for; nothing, if the group is not there.
    pub fn measured(&mut self, now: Duration, first: Id, reading: Option<Reading>) -> Step {
        let mut step = Step::default();
        let Some(group) = self.groups.get_mut(&first) else {
            return step;
        };
        let Some(reading) = reading.filter(|reading| !reading.processes.is_empty()) else {
            let (rule, counts) = (Arc::clone(&group.rule), group.counts);
            // It may live, and have been put elsewhere.
            self.roll.stray(first, &group.rule, self.policy.tries);
            self.groups.remove(&first);
            step.acts.push(Act::Close(first));
            step.notes.push(Note::Ended(first, rule, counts));
            return step;
        };
        for (violation, count) in group.look(now, reading, &self.roll, self.policy.bounds) {
            step.notes.push(Note::Violated(first, violation, count));
        }
        step
    }

    /// Has everything judged anew by another policy, at the next look at all processes.
    pub fn renew(&mut self, policy: Policy) {
        self.policy = policy;
        self.roll.renew();
        for group in self.groups.values_mut() {
            group.is_unsettled = true;
        }
    }
}
