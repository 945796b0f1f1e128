//! How a child ended, and how that is judged.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// By itself, with this code: 0 to 255.
    Code(i32),
    /// By a signal with this number.
    Signal(i32),
}

impl Exit {
    /// By itself, and well.
    #[must_use]
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Code(0))
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(number) => match name(*number) {
                Some(name) => write!(f, "signal {number} ({name})"),
                None => write!(f, "signal {number}"),
            },
        }
    }
}

/// The signals that end media programs, as Linux numbers them on x86 and ARM.
const fn name(number: i32) -> Option<&'static str> {
    Some(match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        31 => "SIGSYS",
        _ => return None,
    })
}

/// Why a child that did nothing wrong is to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// Somebody no longer wants its result.
    Canceled,
    /// ffleet is going down, or lost its lease: the work is done again elsewhere.
    Interrupted,
}

/// What became of a child, once nothing of it is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// It ended by its own doing, or by that of somebody who is not ffleet.
    Exited {
        /// How.
        exit: Exit,
    },
    /// It was stopped because its wall-clock limit had passed.
    TimedOut {
        /// The limit, pauses not counted.
        limit: Duration,
    },
    /// It was stopped because it lived without progress.
    Stalled {
        /// For how long, pauses not counted.
        silent: Duration,
    },
    /// It was stopped because somebody asked for it.
    Canceled,
    /// It was stopped because ffleet had to.
    Interrupted,
}

impl From<Stop> for Verdict {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Canceled => Self::Canceled,
            Stop::Interrupted => Self::Interrupted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_is_said_in_words() {
        assert_eq!(Exit::Code(1).to_string(), "exit code 1");
        assert_eq!(Exit::Signal(11).to_string(), "signal 11 (SIGSEGV)");
        assert_eq!(Exit::Signal(40).to_string(), "signal 40");
        assert!(Exit::Code(0).is_success() && !Exit::Signal(0).is_success());
    }
}
