//! Why an attempt does not get to its end.

use ffleet_engine::Refused;
use ffleet_supervise::Stop;
use ffleet_types::{Outcome, Reason};

use crate::link::Receipt;

/// What ends an attempt before it has completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Halt {
    /// It failed.
    Failed {
        /// The class.
        reason: Reason,
        /// For a person.
        message: String,
    },
    /// Somebody asked for it.
    Canceled,
    /// The worker stops.
    Interrupted,
    /// The worker stops, and leaves its child to the shim of that.
    Left,
    /// A report of it was refused: it is superseded, has ended, or somebody wants it to stop.
    Disowned,
    /// The controller could not be asked for the seal before we had to go. What is staged stays
    /// where it is: it may have heard us, and will say so when we come back.
    Adrift,
}

impl Halt {
    pub(crate) fn failed(reason: Reason, message: impl Into<String>) -> Self {
        Self::Failed { reason, message: message.into() }
    }

    /// A failure of ours.
    pub(crate) fn platform(message: impl Into<String>) -> Self {
        Self::failed(Reason::PlatformError, message)
    }

    /// How it is reported; not at all where nobody can hear of it. One that was refused is
    /// reported as canceled: if that is what was wanted it settles the matter, and if it is
    /// superseded it is refused once more and changes nothing.
    pub(crate) fn outcome(self) -> Option<Outcome> {
        match self {
            Self::Failed { reason, message } => Some(Outcome::failed(reason, message)),
            Self::Canceled | Self::Disowned => Some(Outcome::Canceled),
            Self::Interrupted => {
                let message = "the worker stopped before the work was done; it is done again";
                Some(Outcome::failed(Reason::Interrupted, message))
            }
            Self::Adrift | Self::Left => None,
        }
    }
}

impl From<Stop> for Halt {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Canceled => Self::Canceled,
            Stop::Interrupted => Self::Interrupted,
        }
    }
}

impl From<ffleet_spool::Error> for Halt {
    fn from(error: ffleet_spool::Error) -> Self {
        Self::failed(error.reason(), error.to_string())
    }
}

impl From<Refused> for Halt {
    fn from(refused: Refused) -> Self {
        Self::failed(refused.reason, refused.message)
    }
}

/// Goes on where a report was taken.
pub(crate) const fn taken(receipt: Receipt) -> Result<(), Halt> {
    match receipt {
        Receipt::Taken => Ok(()),
        Receipt::Stale => Err(Halt::Disowned),
        Receipt::Undelivered => Err(Halt::Interrupted),
    }
}
