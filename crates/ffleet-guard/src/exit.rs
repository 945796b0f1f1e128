//! How a child ended and what it used, once nothing of it is alive.

use std::time::Duration;

use ffleet_base::{Clock as _, SystemClock};
use ffleet_types::Bytes;
use ffleet_types::attempt::{Tally, Usage};
use serde::{Deserialize, Serialize};

use crate::launch::Reaped;
use crate::tree::Tree;

/// How a child ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// How its first process ended.
    pub exit: ffleet_supervise::Exit,
    /// What it and its descendants used, and how long they were frozen. Where there are no cgroups, only what was waited for
    /// counts as CPU time, the largest resident set as memory, and threads of the first process
    /// alone as threads.
    pub usage: Usage,
    /// Processes of it that were killed for want of memory.
    pub memory_kills: u64,
    /// How often it was refused a process or thread.
    pub tasks_refused: u64,
    /// Processes that it left behind, and that were killed.
    pub strays: usize,
    /// The end of what it wrote to standard error, at most 8 KiB; nothing if that was piped.
    pub stderr_tail: String,
    /// The end of what it wrote to standard output through its shim, at most 8 KiB; nothing for a child
    /// without one. Whoever takes it over may have missed that.
    #[serde(default)]
    pub stdout_tail: String,
    /// Bytes of its standard error that could not be written to its log.
    pub log_lost: u64,
    /// Whether its shim killed it because nobody came back to it.
    #[serde(default)]
    pub forsaken: bool,
}

impl Exit {
    /// Whether it went over its memory limit.
    #[must_use]
    pub const fn is_out_of_memory(&self) -> bool {
        self.memory_kills > 0
    }
}

/// What became of `tree`, nothing of which is alive: its first process as it was reaped, the most
/// `threads` that were counted, the `strays` it left behind. What it said is not in there.
pub(crate) fn of(
    tree: &Tree,
    reaped: Option<Reaped>,
    threads: u64,
    strays: usize,
    wall: Duration,
) -> Exit {
    let used = tree.group().map(crate::cgroup::Group::used).unwrap_or_default();
    let micros = |span: Duration| u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
    let waited = reaped.map_or((0, 0), |reaped| (reaped.user_micros, reaped.system_micros));
    let counted = used.cpu.map_or((0, 0), |(user, system)| (micros(user), micros(system)));
    let resident = Bytes(reaped.map_or(0, |reaped| reaped.largest_kib << 10));
    let (threads, by) = match (used.peak_tasks, threads) {
        (Some(counted), sampled) => (counted.max(sampled), Tally::Counted),
        // It was over before anybody looked.
        (None, 0) => (0, Tally::Unknown),
        (None, sampled) => (sampled, Tally::Sampled),
    };
    Exit {
        exit: reaped
            .map_or(ffleet_supervise::Exit::Signal(libc::SIGKILL), |reaped| ended(reaped.status)),
        usage: Usage {
            wall_micros: micros(wall),
            // The group counts orphans too, but by ticks on some kernels.
            user_micros: counted.0.max(waited.0),
            system_micros: counted.1.max(waited.1),
            peak_memory: used.peak_memory.unwrap_or(resident),
            peak_resident: resident,
            peak_threads: u32::try_from(threads).unwrap_or(u32::MAX),
            peak_threads_by: by,
            paused_micros: micros(tree.still().until(SystemClock.monotonic())),
            ..Usage::default()
        },
        memory_kills: used.memory_kills,
        tasks_refused: used.tasks_refused,
        strays,
        stderr_tail: String::new(),
        stdout_tail: String::new(),
        log_lost: 0,
        forsaken: false,
    }
}

/// What `wait4` says, in our words.
pub(crate) fn ended(status: i32) -> ffleet_supervise::Exit {
    if libc::WIFSIGNALED(status) {
        ffleet_supervise::Exit::Signal(libc::WTERMSIG(status))
    } else {
        ffleet_supervise::Exit::Code(libc::WEXITSTATUS(status))
    }
}
