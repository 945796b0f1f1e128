//! A child's process and everything that came of it: signals, killing, pausing, reaping.
//!
//! With cgroups the tree is whoever is in the group. Without, it is the process group, the
//! descendants, and whoever carries the child's mark in its environment, which finds those that
//! were orphaned and left the session.

use std::collections::HashSet;
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ffleet_base::{Clock as _, SystemClock, chain};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::cgroup::{Base, Error, Group};
use crate::launch::{self, Launched, Reaped};
use crate::spawner::Spawner;
use crate::still::Still;
use crate::{pause, process, timespec};

/// How long the last holder of a tree waits for it to die.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two looks at a tree that is dying.
const LOOK: Duration = Duration::from_millis(5);

/// How much of a tree there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    /// Its first process lives, or is not reaped yet: its id is its own.
    Whole,
    /// Its first process is reaped; others may live.
    Rest,
    /// Nothing lives, and its group is removed.
    Gone,
}

/// A child's process and its descendants.
#[derive(Debug)]
pub(crate) struct Tree {
    pid: Pid,
    pidfd: OwnedFd,
    group: Option<Group>,
    /// What its processes carry in their environment.
    marks: Vec<OsString>,
    /// Signals are sent under this lock, so that none goes to an id that was given away.
    life: Mutex<Life>,
    still: Mutex<Still>,
    /// The thread whose end would kill the child, and the directories that its group is in; nothing
    /// where it is the process's only one, and somebody else keeps them.
    _needs: Option<(Spawner, Arc<Base>)>,
}

impl Tree {
    pub(crate) fn new(
        launched: Launched,
        group: Option<Group>,
        marks: Vec<OsString>,
        needs: Option<(Spawner, Arc<Base>)>,
    ) -> Self {
        let Launched { pid, pidfd } = launched;
        Self {
            pid,
            pidfd,
            group,
            marks,
            life: Mutex::new(Life::Whole),
            still: Mutex::default(),
            _needs: needs,
        }
    }

    pub(crate) const fn pid(&self) -> Pid {
        self.pid
    }

    pub(crate) const fn pidfd(&self) -> &OwnedFd {
        &self.pidfd
    }

    pub(crate) const fn group(&self) -> Option<&Group> {
        self.group.as_ref()
    }

    fn life(&self) -> MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks its process group to end.
    pub(crate) fn terminate(&self) {
        self.signal_group(*self.life(), Signal::TERM);
    }

    /// Kills all of it. Returns before it is dead.
    pub(crate) fn kill(&self) {
        let life = self.life();
        if *life == Life::Gone {
            return;
        }
        // Without cgroups its own group goes first: it might see its children die, and end well.
        if self.group.is_none() {
            self.signal_group(*life, Signal::KILL);
        }
        match &self.group {
            Some(group) => group.kill(),
            None => self.signal_marked(*life, Signal::KILL),
        }
        self.signal_group(*life, Signal::KILL);
    }

    /// Makes all of it stand still.
    pub(crate) fn freeze(&self) -> Result<(), Error> {
        self.set(Signal::STOP, Group::freeze)?;
        self.lock_still().begin(SystemClock.monotonic());
        Ok(())
    }

    /// Lets it run again.
    pub(crate) fn thaw(&self) -> Result<(), Error> {
        self.set(Signal::CONT, Group::thaw)?;
        self.lock_still().end(SystemClock.monotonic());
        Ok(())
    }

    /// How long it has stood still.
    pub(crate) fn still(&self) -> Still {
        *self.lock_still()
    }

    fn lock_still(&self) -> MutexGuard<'_, Still> {
        self.still.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(
        &self,
        signal: Signal,
        set: impl FnOnce(&Group) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let life = self.life();
        match &self.group {
            _ if *life == Life::Gone => Ok(()),
            Some(group) if group.can_freeze() => set(group),
            _ => {
                self.signal_group(*life, signal);
                self.signal_marked(*life, signal);
                Ok(())
            }
        }
    }

    /// To the process group, which bears the id of the first process.
    fn signal_group(&self, life: Life, signal: Signal) {
        if life == Life::Whole {
            // Its members may have died by themselves.
            let _gone = kill_process_group(self.pid, signal);
        }
    }

    /// To everybody who is found by mark or descent.
    fn signal_marked(&self, life: Life, signal: Signal) {
        if life != Life::Gone {
            for pid in self.outside_groups(life) {
                let _gone = kill_process(pid, signal);
            }
        }
    }

    fn outside_groups(&self, life: Life) -> HashSet<Pid> {
        let mut found = process::marked(&self.marks);
        if life == Life::Whole {
            found.extend(process::descendants(self.pid));
        }
        found.remove(&rustix::process::getpid());
        found
    }

    /// Takes the remains of the first process, if it has ended.
    pub(crate) fn reap(&self) -> std::io::Result<Option<Reaped>> {
        let mut life = self.life();
        let reaped = launch::reap(self.pid)?;
        if reaped.is_some() {
            *life = Life::Rest;
        }
        Ok(reaped)
    }

    /// Processes of it that live, but for the first once that is reaped.
    pub(crate) fn living(&self) -> usize {
        let life = *self.life();
        match (&self.group, life) {
            (_, Life::Gone) => 0,
            (Some(group), _) => group.processes().len(),
            (None, _) => self.outside_groups(life).len(),
        }
    }

    /// Processes and threads at the moment, where the kernel does not keep their peak.
    pub(crate) fn tasks(&self) -> u64 {
        let group = self.group.as_ref().and_then(Group::tasks);
        group.or_else(|| process::threads(self.pid)).unwrap_or(0)
    }

    /// Removes its group; nothing may live in it.
    pub(crate) fn remove(&self) -> Result<(), Error> {
        let mut life = self.life();
        if let (Some(group), false) = (&self.group, *life == Life::Gone) {
            group.remove()?;
        }
        *life = Life::Gone;
        Ok(())
    }
}

impl Drop for Tree {
    /// For a tree that nobody saw to its end, as when the program stops in a hurry: blocks, for
    /// a bounded time, until it is gone.
    fn drop(&mut self) {
        if *self.life() == Life::Gone {
            return;
        }
        self.kill();
        let mut ended = [PollFd::new(&self.pidfd, PollFlags::IN)];
        let _or_late = poll(&mut ended, Some(&timespec(PATIENCE)));
        let _or_reaped = self.reap();
        let mut looks = PATIENCE.as_millis() / LOOK.as_millis();
        while looks > 0 && self.living() > 0 {
            self.kill();
            pause(LOOK);
            looks -= 1;
        }
        if let Err(error) = self.remove() {
            tracing::warn!(error = %chain(&error), "a child's cgroup is left for the next start");
        }
    }
}
