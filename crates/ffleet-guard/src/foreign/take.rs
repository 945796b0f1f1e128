//! Taking a process into a group, with its threads and all that descends from it.
//!
//! What a process was in is in the group's file before it is moved. Children that it starts while it
//! is moved may be outside still, so its family is gone through again until nobody is: a child of
//! somebody who is inside is born inside. Whoever left the family before (its parent has ended)
//! cannot be told from anybody else, and is not taken.

use std::collections::BTreeSet;

use super::Error;
use super::group::Group;
use super::limits::{Held, Limit};
use super::member::Member;
use super::process::{Process, has_ended, threads};
use super::state::Kind;
use crate::cgroup::{self, Controller};

/// How often a family is gone through at most; one that grows faster is said to be outside.
const ROUNDS: u32 = 64;
/// How many dead are remembered before they are looked for.
const DEAD: usize = 32;

/// What was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// The processes that are inside and were not, in their order.
    pub processes: Vec<Process>,
    /// The threads that they have.
    pub threads: usize,
    /// What could not be done to whom, and why, in words.
    pub trouble: Vec<String>,
    /// The limits of the cgroups that they were in before and are not bounded by any more, in words.
    pub left: Vec<String>,
}

impl Group {
    /// Takes `process` in, with its threads and all that descends from it. Those that are inside already
    /// stay, and have what is set on each process set again. Blocks.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] if it has ended; [`Error::Hidden`] or [`Error::Refused`] if it could not be
    /// moved itself. What could not be done to others is in the answer.
    pub fn take(&mut self, process: Process) -> Result<Taken, Error> {
        let mut taken = Taken::default();
        let mut done = BTreeSet::new();
        for round in 0..ROUNDS {
            // The short way misses those whose parents end while it is gone.
            let mut family = process.family();
            family.retain(|one| !done.contains(one));
            if family.is_empty() {
                family = process.whole_family();
                family.retain(|one| !done.contains(one));
            }
            if family.is_empty() {
                break;
            }
            if round + 1 == ROUNDS {
                let count = family.len();
                taken.trouble.push(format!(
                    "{count} processes are outside: they start faster than they are taken"
                ));
                break;
            }
            self.bring(process, &family, &mut taken)?;
            done.extend(family);
        }
        self.settle(&mut taken)?;
        Ok(taken)
    }

    /// Takes `process` in with its threads, but without what descends from it: for who hears of each
    /// process when it starts. Blocks.
    ///
    /// # Errors
    ///
    /// As [`take`](Self::take).
    pub fn take_alone(&mut self, process: Process) -> Result<Taken, Error> {
        let mut taken = Taken::default();
        self.bring(process, &[process], &mut taken)?;
        self.settle(&mut taken)?;
        Ok(taken)
    }

    /// Brings those of a family in that are outside; what fails for `first` fails as a whole.
    fn bring(
        &mut self,
        first: Process,
        family: &[Process],
        taken: &mut Taken,
    ) -> Result<(), Error> {
        let inside = self.state.group.settled();
        let known = self.state.members.len();
        for &one in family {
            let is_over = one != first && !one.is_alive();
            if is_over || inside.contains(&one.pid) || self.member(one).is_some() {
                continue;
            }
            match Member::look(one, &self.state.group, &self.state.means) {
                Ok(member) => self.state.members.push(member),
                Err(error) if one == first => return Err(error),
                Err(Error::Gone(_)) => {}
                Err(error) => taken.trouble.push(ffleet_base::chain(&error)),
            }
        }
        if self.state.members.len() > known {
            // Before anything is done to any of them.
            self.keep()?;
        }
        for &one in family {
            let was_inside = inside.contains(&one.pid);
            match self.admit(one, was_inside, taken) {
                Err(error) if one == first => return Err(error),
                Err(Error::Gone(_)) | Ok(()) => {}
                Err(error) => taken.trouble.push(ffleet_base::chain(&error)),
            }
        }
        Ok(())
    }

    fn admit(&mut self, one: Process, was_inside: bool, taken: &mut Taken) -> Result<(), Error> {
        let (Some(id), Some(pidfd)) = (one.id(), one.open()) else {
            return Err(Error::Gone(one.pid));
        };
        let heir = || self.heir(one).filter(|_| was_inside);
        let Some(member) = self.member(one).or_else(heir) else {
            return Ok(());
        };
        if !was_inside {
            let moved = self.state.group.admit(id);
            if has_ended(&pidfd) {
                self.undo_stranger(one);
                return Err(Error::Gone(one.pid));
            }
            moved.map_err(|source| Error::Refused { pid: one.pid, source })?;
            if !self.state.group.dirs().is_empty() {
                taken.left.extend(left_behind(&member, &self.state.group));
            }
            taken.processes.push(one);
            taken.threads += threads(one.pid).len();
        }
        let refused = self.state.means.apply(one, &member.before);
        for (limit, why) in refused {
            self.lower(limit, &why);
            taken.trouble.push(format!("{limit}: {why}"));
        }
        Ok(())
    }

    /// If the id of one that has ended is another's by now, that one goes back to where its parent is,
    /// and thus was itself.
    fn undo_stranger(&self, one: Process) {
        let Some(stranger) = Process::of(one.pid).filter(|found| *found != one) else {
            return;
        };
        let parent = stranger.id().and_then(crate::process::parent).and_then(Process::of);
        let group = &self.state.group;
        let member = parent.and_then(|parent| Member::look(parent, group, &self.state.means).ok());
        if let Some(member) = member {
            let mut trouble = Vec::new();
            member.heir(stranger).go_back(&mut trouble);
            tracing::warn!(pid = one.pid, ?trouble, "its id was given away while it was moved");
        }
    }

    /// What is remembered of a process that was taken.
    pub(super) fn member(&self, one: Process) -> Option<Member> {
        self.state.members.iter().find(|member| member.process == one).cloned()
    }

    /// What one has that was born inside: the same as the nearest that it descends from, or else the first.
    pub(super) fn heir(&self, one: Process) -> Option<Member> {
        let mut above = one.id().and_then(crate::process::parent);
        for _ in 0..ROUNDS {
            let Some(parent) = above.and_then(Process::of) else {
                break;
            };
            if let Some(member) = self.member(parent) {
                return Some(member.heir(one));
            }
            above = parent.id().and_then(crate::process::parent);
        }
        Some(self.state.members.first()?.heir(one))
    }

    /// Lowers what is said of limits that hold less for those that were taken, forgets the dead, and
    /// keeps all that.
    fn settle(&mut self, taken: &mut Taken) -> Result<(), Error> {
        taken.left.sort();
        taken.left.dedup();
        let came_later = self.state.about.kind != Kind::Run || !taken.processes.is_empty();
        if came_later && self.state.group.site(Controller::Memory).is_some() {
            self.lower_to(
                Limit::Memory,
                Held::Partly,
                "what they held before counts where they were; what they take from now on is bounded",
            );
        }
        if self.state.members.len() > DEAD.max(2 * self.living) {
            let first = self.state.first();
            let keep = |one: &Member| Some(one.process) == first || one.process.is_alive();
            self.state.members.retain(keep);
            self.living = self.state.members.len();
        }
        self.keep()
    }

    fn lower(&mut self, limit: Limit, why: &str) {
        // One that another process of the group has.
        let held = if self.state.members.len() > 1 {
            Held::Partly
        } else {
            Held::Not
        };
        self.lower_to(limit, held, why);
    }

    pub(super) fn lower_to(&mut self, limit: Limit, held: Held, why: &str) {
        for outcome in self.state.outcomes.iter_mut().filter(|outcome| outcome.limit == limit) {
            outcome.lower(held, why);
        }
    }
}

/// The bounds of the cgroups that a process was in, which it has left.
fn left_behind(member: &Member, group: &cgroup::Group) -> Vec<String> {
    let mut left = Vec::new();
    for (ours, origin) in &member.origin {
        for (what, bound) in group.bounds_of(ours, origin) {
            left.push(format!("{what} {bound} of {}", origin.display()));
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use ffleet_base::chance;

    use super::super::{About, Limits, Place, Spec, Watched};
    use super::*;

    fn place(dir: &tempfile::TempDir) -> Place {
        let parent = format!("ffleet-test-{}", chance::name(8));
        Place { states: dir.path().join("governed"), parent }
    }

    fn spec(name: &str) -> Spec {
        let about = About {
            kind: Kind::Attach,
            id: None,
            labels: [].into(),
            role_group: None,
            command: Vec::new(),
        };
        let limits = Limits { nice: Some(19), tasks: Some(1_000), ..Limits::default() };
        Spec { name: name.to_owned(), about, limits, counts: false }
    }

    #[test]
    fn process_that_has_the_id_later_is_not_taken() {
        let dir = tempfile::tempdir().unwrap();
        let place = place(&dir);
        let mut group = Group::make(&place, spec("it")).unwrap();
        let parent = rustix::process::getppid().unwrap().as_raw_nonzero().get();
        let cgroups = || std::fs::read_to_string(format!("/proc/{parent}/cgroup")).unwrap();
        let before = cgroups();
        let now = Process::of(parent).unwrap();
        let earlier = Process { started: now.started - 1, ..now };
        assert!(matches!(group.take(earlier), Err(Error::Gone(pid)) if pid == parent));
        assert!(matches!(group.take_alone(earlier), Err(Error::Gone(_))));
        assert!(matches!(Watched::begin(earlier), Err(Error::Gone(_))));
        assert_eq!(cgroups(), before);
        assert_eq!(group.processes(), []);
        let released = group.release().unwrap();
        assert!(released.is_gone && released.processes.is_empty(), "{released:?}");
        assert!(super::super::all(&place).is_empty());
    }

    #[test]
    fn group_outlives_its_maker_and_is_found_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let place = place(&dir);
        assert!(matches!(Group::make(&place, spec("../x")), Err(Error::Name(_))));
        drop(Group::make(&place, spec("it")).unwrap());
        let group = Group::reopen(&place, "it").unwrap();
        assert_eq!(group.outcomes().len(), 2, "{:?}", group.outcomes());
        assert!(matches!(Group::reopen(&place, "that"), Err(Error::Missing { .. })));
        assert!(matches!(Group::make(&place, spec("it")), Err(Error::Exists { .. })), "we live");
        assert_eq!(super::super::sweep(&place).unwrap(), 0, "somebody governs it");
        assert!(group.remove_if_empty().unwrap());
        assert!(super::super::all(&place).is_empty());
    }
}
