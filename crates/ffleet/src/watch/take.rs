//! What is done to processes: taken into groups, given limits, let go of.
//!
//! All of it blocks, and is done by one thread ([`super::hands`]), one thing after the other: who descends from
//! whom is asked while nobody else moves them.

use std::collections::BTreeMap;
use std::sync::Arc;

use ffleet_base::chain;
use ffleet_guard::events::{Held, Scanner, first_of, group_name};
use ffleet_guard::foreign::{
    self, About, Error, Group, Held as Holds, Kind, Limits, Place, Process, Spec,
};
use ffleet_supervise::watch::{Id, Outcome, Owner, Reading, Rule, Sight as _};
use serde::Serialize;

/// How often a family is gone through for whoever was born outside meanwhile.
const ROUNDS: u32 = 16;

/// What a process that was taken is, and how far its limits hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Taken {
    /// Its name.
    pub(super) name: String,
    /// Processes that are in its group now.
    pub(super) processes: usize,
    /// What does not hold, or not wholly, and what else went wrong, in words.
    pub(super) lacks: Vec<String>,
}

/// What an earlier life has left.
#[derive(Debug)]
pub(super) struct Adopted {
    /// Groups that were taken over: their first processes, and rules that say what they were promised.
    pub(super) groups: Vec<(Id, Arc<Rule>, Taken)>,
    /// Which could not be, and why, in words.
    pub(super) troubles: Vec<String>,
}

/// The groups of this watch, and where they are.
#[derive(Debug)]
pub(super) struct Groups {
    place: Place,
    scanner: Scanner,
    all: BTreeMap<Id, Group>,
    held: Held,
}

impl Groups {
    pub(super) fn new(place: Place, scanner: Scanner) -> Self {
        Self { place, scanner, all: BTreeMap::new(), held: Held::default() }
    }

    /// The first processes of those whose kernel does not keep them together.
    pub(super) const fn held(&self) -> &Held {
        &self.held
    }

    /// Takes over what an earlier life has left.
    pub(super) fn adopt(&mut self) -> Adopted {
        let (mut groups, mut troubles) = (Vec::new(), Vec::new());
        for state in foreign::all(&self.place) {
            let Some(first) = first_of(&state.name).filter(|_| state.about.kind == Kind::Watch)
            else {
                continue;
            };
            match self.adopt_one(first, &state.name) {
                Ok(Some((rule, taken))) => groups.push((first, rule, taken)),
                Ok(None) => {}
                Err(error) => troubles.push(format!("the group {}: {}", state.name, chain(&error))),
            }
        }
        Adopted { groups, troubles }
    }

    /// Nothing, if nobody is in it.
    fn adopt_one(&mut self, first: Id, name: &str) -> Result<Option<(Arc<Rule>, Taken)>, Error> {
        let mut group = Group::reopen(&self.place, name)?;
        if group.remove_if_empty()? {
            return Ok(None);
        }
        // The life before may have been killed before it had set and read back all of them.
        let limits = group.state().limits;
        group.limit(limits)?;
        let rule = promised(&group);
        let mut trouble = Vec::new();
        if limits.nice.is_some() || !group.state().has_cgroup() {
            for process in group.processes() {
                // What is set on each process may not have been either.
                trouble.extend(
                    group.take_alone(process).map(|taken| taken.trouble).unwrap_or_default(),
                );
            }
        }
        self.gather(&mut group, first, &mut trouble);
        let taken = self.put(first, group, trouble);
        Ok(Some((rule, taken)))
    }

    /// Makes a group of a process and what descends from it, unless it is somebody's.
    pub(super) fn take(&mut self, id: Id, rule: &Rule) -> (Outcome, Taken) {
        let nothing = Taken::default();
        let Some(mut look) = self.scanner.look(id.pid, &self.held).filter(|look| look.id() == id)
        else {
            return (Outcome::Gone, nothing);
        };
        if look.owner() != Owner::Nobody {
            return (Outcome::Owned, nothing);
        }
        let words = look.words();
        drop(look);
        match self.make(id, rule, words) {
            Ok(taken) => (Outcome::Taken, taken),
            Err(trouble) => (trouble, nothing),
        }
    }

    fn make(&mut self, id: Id, rule: &Rule, words: Vec<String>) -> Result<Taken, Outcome> {
        // Others of it may be in there still, if it was moved out.
        let strayed = self.all.remove(&id);
        let is_new = strayed.is_none();
        let mut group = match strayed {
            Some(group) => group,
            None => self.open(id, rule, words).map_err(|error| failed(&error))?,
        };
        let mut trouble = Vec::new();
        let taken = group.take_alone(id.into()).map_err(|error| failed(&error));
        let all_fail = group.outcomes().iter().all(|outcome| outcome.held == Holds::Not);
        let why = match taken {
            Ok(_) if all_fail => {
                let why: Vec<_> = group.outcomes().iter().map(ToString::to_string).collect();
                Outcome::Refused(why.join("; "))
            }
            Ok(taken) => {
                trouble.extend(
                    taken
                        .trouble
                        .into_iter()
                        .chain(taken.left.iter().map(|what| left(what))),
                );
                self.gather(&mut group, id, &mut trouble);
                return Ok(self.put(id, group, trouble));
            }
            Err(why) => why,
        };
        if is_new {
            leave(id, group);
        } else {
            let _as_it_was = self.put(id, group, Vec::new());
        }
        Err(why)
    }

    /// A group for a process, new or left by a life that was killed.
    fn open(&self, id: Id, rule: &Rule, words: Vec<String>) -> Result<Group, Error> {
        let about = About {
            kind: Kind::Watch,
            id: Some(rule.label.clone()),
            labels: BTreeMap::new(),
            role_group: None,
            command: words,
        };
        let limits = Limits::from(&rule.limits);
        let spec = Spec { name: group_name(id), about, limits, counts: true };
        match Group::make(&self.place, spec) {
            Err(Error::Exists { name, .. }) => {
                let mut group = Group::reopen(&self.place, &name)?;
                group.limit(limits)?;
                Ok(group)
            }
            made => made,
        }
    }

    /// Takes in who descends from `first` and is outside: it was born before that was inside. Whoever is somebody
    /// else's stays where it is.
    fn gather(&self, group: &mut Group, first: Id, trouble: &mut Vec<String>) {
        for _ in 0..ROUNDS {
            let inside: Vec<Id> = group.processes().into_iter().map(Id::from).collect();
            let family = self.scanner.family(first).into_iter();
            let outside: Vec<Id> =
                family.filter(|id| !inside.contains(id) && self.is_free(*id)).collect();
            if outside.is_empty() {
                return;
            }
            for id in outside {
                match group.take_alone(id.into()) {
                    Err(Error::Gone(_)) => {}
                    Ok(taken) => trouble.extend(taken.trouble),
                    Err(error) => trouble.push(chain(&error)),
                }
            }
        }
        trouble
            .push("processes of it start faster than they are taken: some are outside".to_owned());
    }

    fn is_free(&self, id: Id) -> bool {
        let look = self.scanner.look(id.pid, &self.held);
        look.is_some_and(|mut look| look.id() == id && look.owner() == Owner::Nobody)
    }

    /// Keeps a group, and says how it is.
    fn put(&mut self, first: Id, group: Group, mut lacks: Vec<String>) -> Taken {
        let short = group.outcomes().iter().filter(|outcome| outcome.held != Holds::Whole);
        lacks.splice(0..0, short.map(ToString::to_string));
        lacks.sort();
        lacks.dedup();
        if !group.state().has_cgroup() {
            self.held.0.insert(first);
        }
        let processes = group.processes().len();
        let name = self.name(first, &group);
        self.all.insert(first, group);
        Taken { name, processes, lacks }
    }

    /// What the first process is called, or was when it was taken.
    fn name(&self, first: Id, group: &Group) -> String {
        let look = self
            .scanner
            .look(first.pid, &self.held)
            .filter(|look| look.id() == first);
        look.map_or_else(
            || {
                let program = group.state().about.command.first();
                let file = program.and_then(|program| program.rsplit('/').next());
                file.unwrap_or_default().to_owned()
            },
            |look| look.name().to_owned(),
        )
    }

    /// Gives a group other limits; why not, if it failed.
    pub(super) fn change(&mut self, first: Id, rule: &Rule) -> Result<Taken, String> {
        let Some(mut group) = self.all.remove(&first) else {
            return Err("there is no such group".to_owned());
        };
        let (old, new) = (group.state().limits, Limits::from(&rule.limits));
        if covers(&old, &new) {
            if let Err(error) = group.limit(new) {
                let _as_it_was = self.put(first, group, Vec::new());
                return Err(chain(&error));
            }
            return Ok(self.put(first, group, Vec::new()));
        }
        // A limit that is not wanted any more is undone with its group.
        let inside: Vec<Process> = group.processes();
        let words = group.state().about.command.clone();
        self.release_group(first, group)?;
        let mut group = self.open(first, rule, words).map_err(|error| chain(&error))?;
        let mut trouble = Vec::new();
        for process in inside {
            match group.take_alone(process) {
                Err(Error::Gone(_)) => {}
                Ok(taken) => trouble.extend(taken.trouble),
                Err(error) => trouble.push(chain(&error)),
            }
        }
        Ok(self.put(first, group, trouble))
    }

    /// Lets go of a group; why not, if it failed.
    pub(super) fn release(&mut self, first: Id) -> Result<Vec<String>, String> {
        match self.all.remove(&first) {
            Some(group) => self.release_group(first, group),
            None => Ok(Vec::new()),
        }
    }

    fn release_group(&mut self, first: Id, group: Group) -> Result<Vec<String>, String> {
        let name = group.name().to_owned();
        let released = group.release().map_err(|error| chain(&error))?;
        if released.is_gone {
            self.held.0.remove(&first);
            return Ok(released.trouble);
        }
        if let Ok(group) = Group::reopen(&self.place, &name) {
            self.all.insert(first, group);
        }
        Err(released.trouble.join("; "))
    }

    /// How a group is; nothing, if there is none.
    pub(super) fn measure(&self, first: Id) -> Option<Reading> {
        self.all.get(&first).map(|group| group.state().reading())
    }

    /// Clears away a group that nobody is in; what it was promised, if somebody is after all.
    pub(super) fn close(&mut self, first: Id) -> Option<Arc<Rule>> {
        let group = self.all.remove(&first)?;
        match group.remove_if_empty() {
            Ok(false) => {
                let rule = promised(&group);
                self.all.insert(first, group);
                return Some(rule);
            }
            Ok(true) => {}
            Err(error) => {
                tracing::warn!(pid = first.pid, error = %chain(&error), "a group is left for the next start");
            }
        }
        self.held.0.remove(&first);
        None
    }
}

/// What a group was promised, as a rule that fits nobody else.
fn promised(group: &Group) -> Arc<Rule> {
    let state = group.state();
    Arc::new(Rule {
        label: state.about.id.clone().unwrap_or_default(),
        limits: state.limits.into(),
        ..Rule::default()
    })
}

/// Whether `new` says everything that `old` does, and nothing that needs a controller which `old` did not.
fn covers(old: &Limits, new: &Limits) -> bool {
    let cpu = |limits: &Limits| limits.cpu.is_some() || limits.cpu_weight.is_some();
    let keeps = [
        (old.cpu.is_some(), new.cpu.is_some()),
        (old.cpu_weight.is_some(), new.cpu_weight.is_some()),
        (old.memory.is_some(), new.memory.is_some()),
        (old.tasks.is_some(), new.tasks.is_some()),
        (old.io_weight.is_some(), new.io_weight.is_some()),
        (old.nice.is_some(), new.nice.is_some()),
    ];
    keeps.into_iter().all(|(old, new)| new || !old)
        && (cpu(old) || !cpu(new))
        && (old.io_weight.is_some() || new.io_weight.is_none())
        && old.nice == new.nice
}

/// Undoes what was begun: whatever is in the group goes back to where it was.
fn leave(id: Id, group: Group) {
    if let Err(error) = group.release() {
        tracing::warn!(pid = id.pid, error = %chain(&error), "a group is left for the next start");
    }
}

fn left(what: &str) -> String {
    format!("it is not bounded by {what} any more, where it was")
}

/// What an error means for another try.
fn failed(error: &Error) -> Outcome {
    match error {
        Error::Gone(_) => Outcome::Gone,
        Error::Name(_) | Error::Owned { .. } | Error::Hidden(_) | Error::Unreadable { .. } => {
            Outcome::Refused(chain(error))
        }
        Error::Exists { .. }
        | Error::Missing { .. }
        | Error::File(_)
        | Error::Locked(_)
        | Error::Refused { .. }
        | Error::Watch { .. } => Outcome::Failed(chain(error)),
    }
}

#[cfg(test)]
mod tests {
    use ffleet_types::{Bytes, Cpu};

    use super::*;

    #[test]
    fn limits_are_changed_in_place_where_nothing_has_to_be_undone() {
        let old =
            Limits { cpu: Some(Cpu(1_000)), memory: Some(Bytes::mib(64)), ..Limits::default() };
        let wider = Limits { cpu: Some(Cpu(2_000)), tasks: Some(7), cpu_weight: Some(50), ..old };
        assert!(covers(&old, &old) && covers(&old, &wider));
        assert!(!covers(&wider, &old), "tasks would stay bounded");
        assert!(!covers(&old, &Limits { io_weight: Some(50), ..old }), "another controller");
        assert!(!covers(&old, &Limits { nice: Some(5), ..old }), "it is set on each process");
    }
}
