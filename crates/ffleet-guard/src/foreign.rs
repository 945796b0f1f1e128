//! Governing processes that are not ours: limits on what somebody else started, or is to start.
//!
//! A [`Group`] is a cgroup in each hierarchy that has something to do for it, made below one
//! directory that all our programs share ([`Place`]). [`Group::take`] moves a process into it with
//! its threads and descendants; [`Group::release`] puts each back to where it was. Nothing is ever
//! started again, stopped or killed here.
//!
//! What is needed to undo it is in a file before anything is done (`GOVERNED/NAME.json`), and a group
//! lives without us: whoever is killed leaves limits that hold, and [`Group::reopen`] goes on with
//! them. That file is also what others list ([`all`]).
//!
//! A limit that no controller is there for holds as far as a process alone can be bounded (CPU
//! affinity, `RLIMIT_DATA`, nice), or not at all; each [`Outcome`] says which, and why. Processes
//! are named by id and start ([`Process`]), and held by a pidfd while something is done to them: an
//! id that is given away meanwhile is noticed.
//!
//! Threads that a program put into cgroups of their own (version 1) come out in their process's.

mod ended;
mod group;
mod limits;
mod means;
mod member;
mod process;
mod release;
mod state;
mod strain;
mod take;
mod wrapped;

pub use ended::{Ended, Watched};
pub use group::{Group, Spec};
pub use limits::{Held, Limit, Limits, Outcome};
pub use process::Process;
pub use release::Released;
pub use state::{About, Kind, Place, State, all, find, sweep};
pub use take::Taken;
pub use wrapped::{Asked, End, Running, Waiting, die};

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use ffleet_base::files::{self, LockError};
use ffleet_types::Bytes;

use crate::cgroup;

/// What the processes of a group used so far, dead ones included; nothing is what its kernel does not
/// keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// CPU time in user mode.
    pub user: Option<Duration>,
    /// CPU time in the kernel.
    pub system: Option<Duration>,
    /// The most memory held at once, page cache included.
    pub peak_memory: Option<Bytes>,
    /// The most processes and threads at once.
    pub peak_tasks: Option<u64>,
    /// Processes and threads at the moment.
    pub tasks: Option<u64>,
    /// How long the limit on CPU time held it up.
    pub throttled: Option<Duration>,
    /// Processes killed for want of memory.
    pub memory_kills: Option<u64>,
    /// How often a process or thread was refused.
    pub tasks_refused: Option<u64>,
}

/// A group could not be made, found, or filled.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its name cannot be a file's.
    #[error("{0:?} cannot name a group: it is up to 100 letters, digits, '.', '-' and '_'")]
    Name(String),
    /// There is another of this name.
    #[error("there is a group {name:?} already, and processes are in it: {} holds it", path.display())]
    Exists {
        /// The group's name.
        name: String,
        /// Its file.
        path: PathBuf,
    },
    /// Another process of ours governs it.
    #[error("the group {name:?} is governed by process {owner}: end that one first")]
    Owned {
        /// The group's name.
        name: String,
        /// Who has it.
        owner: i32,
    },
    /// There is none of this name.
    #[error("there is no group {name:?} in {}", dir.display())]
    Missing {
        /// The group's name.
        name: String,
        /// Where it was looked for.
        dir: PathBuf,
    },
    /// Its file cannot be read or written.
    #[error(transparent)]
    File(#[from] files::Error),
    /// Other programs of ours would not let go of the directory.
    #[error("the groups of this user are locked")]
    Locked(#[source] LockError),
    /// Its file says something that is none of ours.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// That file.
        path: PathBuf,
        /// What is wrong.
        source: io::Error,
    },
    /// The process has ended.
    #[error("process {0} has ended")]
    Gone(i32),
    /// What it is in is not to be seen, so that it could not be put back.
    #[error("the cgroup of process {0} cannot be seen from here, so it could not be put back")]
    Hidden(i32),
    /// The kernel refused to move it.
    #[error("cannot move process {pid}")]
    Refused {
        /// The process.
        pid: i32,
        /// What the kernel said.
        source: cgroup::Error,
    },
    /// The kernel does not let us see to it.
    #[error("cannot watch process {pid}")]
    Watch {
        /// The process.
        pid: i32,
        /// What the kernel said.
        source: io::Error,
    },
}
