//! A group of foreign processes: made, found again, watched.

use std::collections::BTreeSet;
use std::path::PathBuf;

use ffleet_base::{Clock as _, SystemClock, chain, chance, files};
use rustix::process::{Signal, pidfd_send_signal};

use super::limits::{Limits, Outcome};
use super::process::Process;
use super::state::{About, Place, State};
use super::{Error, Used};
use crate::cgroup::{self, Controller, Mounts, shared};
use crate::node::mounts;

/// What a group is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Its name, which no other group of the place has while something is in that.
    pub name: String,
    /// What people call it.
    pub about: About,
    /// What its processes may use.
    pub limits: Limits,
    /// Whether CPU time, memory and tasks are counted where they are not limited. It costs a move in
    /// each hierarchy of version 1, some milliseconds for each process.
    pub counts: bool,
}

/// A group of processes that are not ours. When it is dropped, everything stays as it is.
#[derive(Debug)]
#[must_use = "its limits are kept when it is dropped; `release` undoes them"]
pub struct Group {
    pub(super) state: State,
    pub(super) path: PathBuf,
    pub(super) place: Place,
    /// How many members lived when the dead were last looked for.
    pub(super) living: usize,
}

impl Group {
    /// Makes an empty group with its limits. What does not hold is no error, but said by
    /// [`outcomes`](Self::outcomes). Blocks, for some milliseconds.
    ///
    /// # Errors
    ///
    /// If it is not well named, there is another of its name that something is in, or its file cannot be
    /// written.
    pub fn make(place: &Place, spec: Spec) -> Result<Self, Error> {
        Self::make_on(&mounts(), place, spec)
    }

    /// The same with the hierarchies of `mounts`.
    pub(super) fn make_on(mounts: &Mounts, place: &Place, spec: Spec) -> Result<Self, Error> {
        let Spec { name, about, limits, counts } = spec;
        if !is_well_named(&name) {
            return Err(Error::Name(name));
        }
        let path = place.file(&name);
        let wanted = controllers(&limits, counts);
        let sites = shared(mounts, &place.parent, &wanted);
        let mut state = State::new(&name, about, SystemClock.now(), limits);
        // Two runtime directories may have groups of one name.
        let dir = format!("{name}.{}", chance::name(8));
        state.group = cgroup::Group::planned(&sites, &dir);
        // Whoever dies after this leaves nothing that is not known.
        place.alone(|| {
            if let Ok(old) = State::read(&path) {
                if old.is_governed() || !old.processes().is_empty() {
                    return Err(Error::Exists { name: name.clone(), path: path.clone() });
                }
                old.remove(&path)?;
            }
            state.write(&path)
        })?;
        let troubles = state.group.make();
        (state.outcomes, state.means) = limits.set(&state.group, |controller| {
            troubles.iter().find(|(of, _)| *of == controller).map_or_else(
                || format!("no cgroup hierarchy hands us the controller '{controller}'"),
                |(_, error)| chain(error),
            )
        });
        let group = Self { state, path, place: place.clone(), living: 0 };
        group.keep()?;
        Ok(group)
    }

    /// Goes on with a group whose owner is gone.
    ///
    /// # Errors
    ///
    /// If there is none of this name, its file cannot be read, or its owner lives.
    pub fn reopen(place: &Place, name: &str) -> Result<Self, Error> {
        let path = place.file(name);
        place.alone(|| {
            if !path.exists() {
                let dir = place.states.clone();
                return Err(Error::Missing { name: name.to_owned(), dir });
            }
            let mut state = State::read(&path)?;
            if state.is_governed() && state.owner != Process::ours() {
                return Err(Error::Owned { name: name.to_owned(), owner: state.owner.pid });
            }
            state.owner = Process::ours();
            state.write(&path)?;
            Ok(Self { state, path: path.clone(), place: place.clone(), living: 0 })
        })
    }

    /// Gives it other limits; those that it had and `limits` does not name stay.
    ///
    /// # Errors
    ///
    /// If its file cannot be written.
    pub fn limit(&mut self, limits: Limits) -> Result<(), Error> {
        let old = self.state.limits;
        let limits = Limits {
            cpu: limits.cpu.or(old.cpu),
            cpu_weight: limits.cpu_weight.or(old.cpu_weight),
            memory: limits.memory.or(old.memory),
            tasks: limits.tasks.or(old.tasks),
            io_weight: limits.io_weight.or(old.io_weight),
            nice: limits.nice.or(old.nice),
        };
        self.state.limits = limits;
        (self.state.outcomes, self.state.means) = limits.set(&self.state.group, |one| {
            format!(
                "the group was made without the controller '{one}': release it and take it anew"
            )
        });
        for member in &mut self.state.members {
            // What is set from now on was not looked at when it was taken.
            let now = self.state.means.before(member.process);
            member.before.complete(now);
        }
        self.keep()
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.state.name
    }

    /// Everything that its file says.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// How far each limit holds.
    #[must_use]
    pub fn outcomes(&self) -> &[Outcome] {
        &self.state.outcomes
    }

    /// The processes in it that live.
    #[must_use]
    pub fn processes(&self) -> Vec<Process> {
        self.state.processes()
    }

    /// What its processes used.
    #[must_use]
    pub fn used(&self) -> Used {
        self.state.used()
    }

    /// Sends a signal to each process in it, for who has been told to end it: nothing here does so by
    /// itself.
    pub fn signal(&self, signal: Signal) {
        for process in self.processes() {
            // It may have died by itself.
            let _gone = process.open().map(|pidfd| pidfd_send_signal(pidfd, signal));
        }
    }

    /// Removes it if nothing is in it; whether it did.
    ///
    /// # Errors
    ///
    /// If it is empty and cannot be removed.
    pub fn remove_if_empty(&self) -> Result<bool, Error> {
        self.place.alone(|| {
            if !self.processes().is_empty() {
                return Ok(false);
            }
            self.state.remove(&self.path)?;
            Ok(true)
        })
    }

    /// Writes its file.
    pub(super) fn keep(&self) -> Result<(), Error> {
        files::create_private_dir(&self.place.states)?;
        self.state.write(&self.path)
    }
}

/// The controllers that it wants.
fn controllers(limits: &Limits, counts: bool) -> BTreeSet<Controller> {
    let wants = [
        (Controller::Cpu, limits.cpu.is_some() || limits.cpu_weight.is_some()),
        (Controller::Memory, limits.memory.is_some() || counts),
        // By this one it is known who is in it.
        (Controller::Pids, true),
        (Controller::Io, limits.io_weight.is_some()),
        (Controller::Account, counts),
    ];
    wants
        .into_iter()
        .filter(|&(_, wanted)| wanted)
        .map(|(one, _)| one)
        .collect()
}

fn is_well_named(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    (1..=100).contains(&name.len()) && name.chars().all(fits) && !name.starts_with(['.', '-'])
}
