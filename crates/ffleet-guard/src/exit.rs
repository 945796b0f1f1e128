//! How a child ended and what it used, once nothing of it is alive.

use ffleet_types::attempt::Usage;

/// How a child ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// How its first process ended.
    pub exit: ffleet_supervise::Exit,
    /// What it and its descendants used. Where there are no cgroups, only what was waited for
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
    /// Bytes of its standard error that could not be written to its log.
    pub log_lost: u64,
}

impl Exit {
    /// Whether it went over its memory limit.
    #[must_use]
    pub const fn is_out_of_memory(&self) -> bool {
        self.memory_kills > 0
    }
}
