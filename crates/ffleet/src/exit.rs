//! Exit codes: what a script can tell apart.
//!
//! One enum, so that the help text, the program and its tests cannot disagree.

use crate::show::text::push;
use std::process::ExitCode;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// Done; a job that was waited for is completed.
    Done = 0,
    /// The job that was waited for failed, timed out, was rejected or quarantined; or what was audited
    /// is not bounded.
    JobFailed = 1,
    /// The command line or a file named on it makes no sense.
    Usage = 2,
    /// There is no server, or it does not answer.
    Unreachable = 3,
    /// The server refuses: bad request, wrong key, not found, conflict, too many requests.
    Refused = 4,
    /// The server failed, or answered with what is no answer.
    ServerFailed = 5,
    /// The job that was waited for was canceled.
    JobCanceled = 6,
    /// Something on this machine is in the way: a port in use, a directory that is locked.
    Local = 7,
    /// Stopped by Ctrl-C before it was done; 128 + SIGINT, as shells have it.
    Interrupted = 130,
}

impl Exit {
    /// What was audited is not bounded.
    pub(crate) const UNBOUNDED: Self = Self::JobFailed;

    /// All of them, with what `--help` says.
    pub(crate) const ALL: [(Self, &'static str); 9] = [
        (Self::Done, "done; a job that was waited for is completed"),
        (
            Self::JobFailed,
            "the job that was waited for failed, timed out, was rejected or quarantined; `audit` found \
             something unbounded",
        ),
        (Self::Usage, "bad usage: the command line or a file named on it makes no sense"),
        (Self::Unreachable, "no server was found, or it does not answer"),
        (
            Self::Refused,
            "the server refuses: bad request, wrong key, not found, conflict, too many requests",
        ),
        (Self::ServerFailed, "the server failed"),
        (Self::JobCanceled, "the job that was waited for was canceled"),
        (
            Self::Local,
            "something on this machine is in the way: a port in use, a locked directory",
        ),
        (
            Self::Interrupted,
            "stopped by Ctrl-C before it was done; a job that was waited for goes on",
        ),
    ];

    /// Its number.
    pub(crate) const fn code(self) -> u8 {
        self as u8
    }

    /// The section of the help text.
    pub(crate) fn help() -> String {
        let mut text = "Exit codes:".to_owned();
        for (exit, meaning) in Self::ALL {
            push!(text, "\n  {:>3}  {meaning}", exit.code());
        }
        text
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
