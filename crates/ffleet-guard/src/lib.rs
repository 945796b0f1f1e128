//! Linux: children in cgroups, limits that are read back, and nothing left behind.
//!
//! A [`Node`] is what one ffleet process has of a machine: a lock on its directory, the cgroups
//! it may make, the one thread that starts processes. A [`Child`] is a started process with
//! everything that comes of it; its [`Exit`] is known only when all of that is gone. [`supervise`]
//! carries out what the machine of `ffleet-supervise` decides about one.
//!
//! This is the only place where a process is started, and the only one with `unsafe` code, all of
//! which is in `launch` and `outq`.

mod cgroup;
mod child;
mod error;
pub mod events;
mod exit;
pub mod foreign;
pub mod holdings;
#[expect(unsafe_code, reason = "clone, exec and wait4 have no safe form")]
mod launch;
mod leftovers;
pub mod log;
pub mod machine;
mod node;
#[expect(unsafe_code, reason = "no safe form of this question is known")]
mod outq;
mod process;
pub mod ring;
mod sample;
mod sandbox;
mod seats;
pub mod shim;
mod spawner;
mod spec;
mod stderr;
mod still;
mod supervise;
mod tree;

pub use cgroup::Error as CgroupError;
pub use child::{Child, Moment};
pub use error::{OpenError, SpawnError, StillError};
pub use exit::Exit;
pub use holdings::Holdings;
pub use leftovers::Leftovers;
pub use node::{Node, Options};
pub use outq::unacknowledged;
pub use sample::Sampler;
pub use sandbox::{Pinned, Sandbox, SandboxError};
pub use seats::Seat;
pub use shim::held::Trace;
pub use shim::keeper::Kept;
pub use spawner::Gone;
pub use spec::{ChildSpec, Limits, Stderr, Stdin, Stdout, Tie};
pub use supervise::{Report, supervise};

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::time::Timespec;
use tokio::io::unix::AsyncFd;

/// Has the runtime that this is called in say when there is something to read.
///
/// # Errors
///
/// If the kernel does not tell that of such a descriptor.
pub fn readable(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    launch::watch(fd)
}

fn timespec(span: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(span.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(span.subsec_nanos()),
    }
}

/// Waits between two looks at something that the kernel is about to do, in code that may block.
fn pause(span: Duration) {
    // Woken early, its caller looks earlier.
    let _or_woken = rustix::thread::nanosleep(&timespec(span));
}
