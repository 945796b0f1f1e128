//! Being asked to stop: once to finish what can be finished, twice to leave at once. And being asked to
//! read the configuration again: SIGHUP, unless there is a terminal, which says so that it is gone.

use std::io::{self, IsTerminal as _};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that mean stop.
#[derive(Debug)]
pub(crate) struct Stop {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    /// Whether a hang-up means what it says.
    has_terminal: bool,
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// To stop; the signal's name.
    Stop(&'static str),
    /// To read the configuration again.
    Reload,
}

impl Stop {
    /// Listens from now on, within a runtime.
    ///
    /// # Errors
    ///
    /// If the kernel does not allow it.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            has_terminal: io::stdin().is_terminal(),
        })
    }

    /// Waits for one of them.
    pub(crate) async fn asked(&mut self) -> Asked {
        tokio::select! {
            _ = self.interrupt.recv() => Asked::Stop("SIGINT"),
            _ = self.terminate.recv() => Asked::Stop("SIGTERM"),
            _ = self.hangup.recv() => match self.has_terminal {
                true => Asked::Stop("SIGHUP"),
                false => Asked::Reload,
            },
        }
    }

    /// Waits for one that means stop, and says its name.
    pub(crate) async fn stop(&mut self) -> &'static str {
        loop {
            if let Asked::Stop(name) = self.asked().await {
                return name;
            }
        }
    }
}
