//! How an attempt ended, and what that means for its task.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::units::ParseError;

/// Whether another attempt may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a failure is either tried again or final"]
pub enum Retry {
    /// The same work would fail in the same way: final at once.
    Never,
    /// It may pass by itself. Each such attempt is charged to the job's retries.
    Charged,
    /// It was not the job's doing: tried again, and costs it nothing.
    Free,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $name:literal => $retry:ident,)*) => {
        /// Why an attempt failed, in the words of the API.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Reason { $($(#[$doc])* $variant,)* }

        impl Reason {
            /// All of them, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name on the wire, in the store and in metrics.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The one table that says which failures are transient.
            pub const fn retry(self) -> Retry {
                match self { $(Self::$variant => Retry::$retry,)* }
            }
        }
    };
}

reasons! {
    /// What was asked for cannot be done, whoever does it: a bad option, an unwritable target.
    UserError = "user_error" => Never,
    /// The input is missing, unreadable, empty or damaged.
    InputError = "input_error" => Never,
    /// The node lacks a proven encoder, decoder or filter that the work needs.
    CapabilityMismatch = "capability_mismatch" => Never,
    /// The engine failed at its work: a codec error, a result that is not what was planned.
    RuntimeError = "runtime_error" => Never,
    /// The wall-clock limit passed.
    Timeout = "timeout" => Never,
    /// No progress within the watchdog's term while the child lived.
    Stalled = "stalled" => Charged,
    /// The child went over its memory limit, or the machine had none left.
    OutOfMemory = "out_of_memory" => Charged,
    /// A connection was refused, reset or timed out.
    NetworkError = "network_error" => Charged,
    /// The node ran short: disk full, no descriptors, no processes.
    ResourceError = "resource_error" => Charged,
    /// The node was not heard from for its lease's term.
    NodeLost = "node_lost" => Free,
    /// The worker stopped, restarted or was killed.
    Interrupted = "interrupted" => Free,
    /// ffleet itself failed: a bug, a store that cannot be written.
    PlatformError = "platform_error" => Charged,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Reason {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::ALL
            .iter()
            .copied()
            .find(|reason| reason.name() == text)
            .ok_or_else(|| ParseError::new(text, "a reason, such as 'input_error'"))
    }
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Outcome {
    /// Its artifacts are verified and published.
    Completed,
    /// It failed.
    Failed {
        /// Why, as a class.
        reason: Reason,
        /// Why, for a person: what was wrong, where, and FFmpeg's own last words.
        message: String,
    },
    /// Somebody asked for it to stop, and its process tree is gone.
    Canceled,
}

impl Outcome {
    /// A failure.
    pub fn failed(reason: Reason, message: impl Into<String>) -> Self {
        Self::Failed { reason, message: message.into() }
    }

    /// The reason, where there is one.
    #[must_use]
    pub const fn reason(&self) -> Option<Reason> {
        match self {
            Self::Failed { reason, .. } => Some(*reason),
            Self::Completed | Self::Canceled => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reason_survives_its_text_form() {
        for &reason in Reason::ALL {
            assert_eq!(reason.name().parse(), Ok(reason));
            let json = serde_json::to_string(&reason).unwrap();
            assert_eq!(json, format!("\"{reason}\""), "wire and store agree");
        }
    }

    #[test]
    fn codec_error_is_final_and_interruption_costs_nothing() {
        assert_eq!(Reason::RuntimeError.retry(), Retry::Never);
        assert_eq!(Reason::Interrupted.retry(), Retry::Free);
        assert_eq!(Reason::NetworkError.retry(), Retry::Charged);
    }
}
