//! The named steps from an assignment to its end, for stopping the world between two of them.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};

use ffleet_types::ParseError;
use rustix::process::{Signal, getpid, kill_process};

/// Hears of each step as it is reached. A test's observer may never return.
pub type Observer<'a> = dyn Fn(Step) + Send + Sync + 'a;

macro_rules! steps {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// A point in an attempt's life at which everything before it is done, and as durable as
        /// it will get, and nothing after it has begun.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Step { $($(#[$doc])* $variant,)* }

        impl Step {
            /// All of them, in the order of an attempt's life.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

steps! {
    /// The work directory is there.
    WorkMade = "work-made",
    /// The input has been probed.
    Probed = "probed",
    /// The results are in the work directory.
    Encoded = "encoded",
    /// They are what was planned.
    Verified = "verified",
    /// A result is about to be brought beside its target.
    Staging = "staging",
    /// It lies beside its target, not yet on disk.
    Staged = "staged",
    /// It is on disk, name and content.
    Synced = "synced",
    /// The controller is about to be asked for the seal.
    Sealing = "sealing",
    /// Only this attempt may publish, and it must.
    Sealed = "sealed",
    /// A result is about to get its final name.
    Renaming = "renaming",
    /// It has it, not yet on disk.
    Renamed = "renamed",
    /// It has it for good.
    DirSynced = "dir-synced",
    /// All results are published; the end is about to be reported.
    Published = "published",
    /// The controller knows how the attempt ended.
    Finished = "finished",
    /// The work directory is gone.
    Swept = "swept",
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Step {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::ALL
            .iter()
            .copied()
            .find(|step| step.name() == text)
            .ok_or_else(|| ParseError::new(text, "a step of publishing, such as 'sealed'"))
    }
}

/// The order to die without warning when a step is reached for the n-th time: `STEP[:N]`. For
/// tests of what the next life makes of it.
#[derive(Debug)]
pub struct Death {
    step: Step,
    /// How often the step is still to be passed.
    left: AtomicU32,
}

impl Death {
    /// Takes note of a step; may not return.
    pub fn observe(&self, step: Step) {
        if step == self.step && self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            // The kernel refuses nobody to signal themselves.
            let _unreached = kill_process(getpid(), Signal::KILL);
        }
    }
}

impl FromStr for Death {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (step, count) = text.split_once(':').unwrap_or((text, "1"));
        let left =
            count.parse().ok().filter(|&count| count > 0).ok_or_else(|| {
                ParseError::new(text, "a step and how often it is reached: STEP:N")
            })?;
        Ok(Self { step: step.parse()?, left: AtomicU32::new(left) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn step_survives_its_text_form() {
        for &step in Step::ALL {
            assert_eq!(step.to_string().parse(), Ok(step));
        }
        "done".parse::<Step>().unwrap_err();
    }

    #[test]
    fn death_waits_for_its_step_and_count() {
        let death: Death = "sealed:3".parse().unwrap();
        for step in [Step::Sealed, Step::Sealing, Step::Sealed, Step::Renamed] {
            death.observe(step);
        }
        assert_eq!(death.left.into_inner(), 1, "alive, and one short of the end");
        for text in ["", "sealed:0", "sealed:", "sealed:x", "sealed:-1", "now"] {
            text.parse::<Death>().unwrap_err();
        }
    }
}
