//! Why a node could not be opened, or a child not be started.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use ffleet_base::files::{self, LockError};
use ffleet_sched::roles::Refusal;

use crate::cgroup;
use crate::sandbox::SandboxError;
use crate::spawner::Gone;

/// A node could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the directory.
    #[error("cannot use {}: another ffleet may be running there; stop it, or choose another directory", root.display())]
    Locked {
        /// The node's directory.
        root: PathBuf,
        /// Who has it.
        source: LockError,
    },
    /// A file in the directory cannot be used.
    #[error(transparent)]
    File(#[from] files::Error),
    /// The file that keeps the node's instance says something else.
    #[error("{} does not hold a node's id: put it back, or remove it if no child of this node is alive", path.display())]
    Instance {
        /// That file.
        path: PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
    /// The thread that starts processes could not be started.
    #[error("cannot start the thread that starts processes")]
    Spawner(#[source] io::Error),
}

/// A child could not be started.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// Its name cannot be a cgroup's.
    #[error("{0:?} cannot be a child's name: it is up to 200 letters, digits, '.', '-' and '_'")]
    Name(String),
    /// There is no such program.
    #[error("the program {} was not found: install it, or say where it is", .0.display())]
    NotFound(PathBuf),
    /// A text holds a zero byte, which no argument can.
    #[error("{0:?} holds a zero byte, and cannot be handed to a program")]
    ZeroByte(OsString),
    /// Its descriptors cannot be given to it or held as it was said.
    #[error("the descriptors of {0:?} cannot be passed on: {1}")]
    Descriptors(String, &'static str),
    /// Nobody would read the pipe once we are gone.
    #[error("the standard error of {0:?} cannot be piped out of a shim: keep it in a log")]
    PipedFromShim(String),
    /// The shim that was to hold it did not do so.
    #[error("cannot put {program} into the hands of a shim", program = .0.display())]
    Shim(PathBuf, #[source] io::Error),
    /// Its role group has no room for it.
    #[error("{program} may not be started: {1}", program = .0.display())]
    NoSeat(PathBuf, Refusal),
    /// Its pipes could not be made.
    #[error("cannot make the pipes of {program}", program = .0.display())]
    Pipes(PathBuf, #[source] io::Error),
    /// Its cgroup could not be made, or a limit did not hold.
    #[error("cannot bound {program}", program = .0.display())]
    Cgroup(PathBuf, #[source] cgroup::Error),
    /// It could not be shut off.
    #[error("cannot shut {program} off from the rest of the machine", program = .0.display())]
    Sandbox(PathBuf, #[source] SandboxError),
    /// The kernel refused a step.
    #[error("cannot start {}: cannot {step}", program.display())]
    Refused {
        /// What was to be started.
        program: PathBuf,
        /// What could not be done.
        step: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// The thread that starts processes is gone.
    #[error(transparent)]
    Gone(#[from] Gone),
}

/// A child could not be made to stand still or to run again, or its shim did not let go of something.
#[derive(Debug, thiserror::Error)]
pub enum StillError {
    /// There is nothing left of it to be frozen or thawed.
    #[error("the child has ended")]
    Ended,
    /// Its cgroup did not do it.
    #[error(transparent)]
    Cgroup(#[from] cgroup::Error),
    /// Its shim could not do it.
    #[error("the child's shim could not do it: {0}")]
    Shim(String),
    /// Its shim does not answer; whether it was done is not known.
    #[error("the child's shim has not answered for {} s", .0.as_secs())]
    Silent(Duration),
}
