//! A child that has ended, and what that means.

use std::time::Duration;

use ffleet_engine::failure::{self, Scene};
use ffleet_guard as guard;
use ffleet_media::Source;
use ffleet_supervise::{Exit, Verdict};
use ffleet_types::attempt::Usage;
use ffleet_types::{Bytes, Reason};

use crate::attempt::Halt;

/// How much of a stalled child's last line is told.
const LONGEST_WORDS: usize = 200;

/// A bound that a child met, and that does not end it by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Excess {
    /// Its work directory is this large.
    Scratch(Bytes),
    /// It wanted more processes and threads than so many.
    Tasks(u32),
}

/// A child that has ended, its whole tree with it.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) verdict: Verdict,
    /// Whether the kernel killed any of it for want of memory.
    pub(crate) out_of_memory: bool,
    /// The end of its stderr.
    pub(crate) last_words: String,
    /// Which of its bounds it met, if that ended it.
    pub(crate) excess: Option<Excess>,
    pub(crate) usage: Usage,
    /// Time spent frozen.
    pub(crate) paused: Duration,
    /// Time that counts to its limits, that of an earlier life included.
    pub(crate) worked: Duration,
    /// Whether its shim ended it because nobody guarded it any more.
    pub(crate) forsaken: bool,
    /// Kept until what follows from its end is written down.
    pub(crate) trace: guard::Trace,
    /// When it began and ended, on the monotonic clock.
    pub(crate) began: Duration,
    pub(crate) ended: Duration,
}

impl Ended {
    /// What its end means for whoever read `source` into `outputs` by it, within `memory`.
    pub(crate) fn judge(
        &self,
        source: &Source,
        memory: Bytes,
        outputs: &[String],
    ) -> Result<(), Halt> {
        let exit = match self.verdict {
            Verdict::Exited { exit } if exit.is_success() => return Ok(()),
            Verdict::Exited { .. } if self.forsaken => return Err(Halt::Interrupted),
            Verdict::Exited { .. } if matches!(self.excess, Some(Excess::Tasks(_))) => {
                return Err(self.excess.map_or(Halt::Interrupted, Excess::halt));
            }
            Verdict::Exited { exit } => exit,
            Verdict::Canceled => return Err(Halt::Canceled),
            Verdict::Interrupted => {
                return Err(self.excess.map_or(Halt::Interrupted, Excess::halt));
            }
            Verdict::TimedOut { limit } => return Err(timed_out(limit)),
            Verdict::Stalled { silent } => return Err(self.stalled(silent)),
        };
        let scene = Scene { source, outputs, out_of_memory: self.out_of_memory };
        let exit = match exit {
            Exit::Code(code) => failure::Exit::Code(code),
            Exit::Signal(number) => failure::Exit::Signal(number),
        };
        let (reason, message) = failure::classify(exit, &self.last_words, &scene);
        let message = match reason {
            Reason::OutOfMemory if self.out_of_memory => {
                format!(
                    "{message} (the limit was {}; allow it more, or ask for less)",
                    memory.human()
                )
            }
            _ => message,
        };
        Err(Halt::failed(reason, message))
    }

    fn stalled(&self, silent: Duration) -> Halt {
        let words = self
            .last_words
            .lines()
            .rev()
            .map(str::trim)
            .find(|line| !line.is_empty());
        let words = words.map_or_else(String::new, |line| {
            format!("; its last words: {}", line.chars().take(LONGEST_WORDS).collect::<String>())
        });
        let text =
            format!("FFmpeg made no progress for {} s and was stopped{words}", silent.as_secs());
        Halt::failed(Reason::Stalled, text)
    }
}

impl Excess {
    fn halt(self) -> Halt {
        match self {
            Self::Scratch(size) => Halt::failed(
                Reason::UserError,
                format!(
                    "its temporary files grew to {}, beyond its limit on scratch space: allow it \
                     more, or ask for less",
                    size.human()
                ),
            ),
            Self::Tasks(limit) => Halt::failed(
                Reason::ResourceError,
                format!(
                    "it wanted more processes and threads than its limit of {limit}, which is a \
                     quarter above what was predicted for it, and was ended"
                ),
            ),
        }
    }
}

fn timed_out(limit: Duration) -> Halt {
    let text = format!(
        "it took longer than its limit of {} and was stopped: allow it more time",
        ffleet_types::Span(limit)
    );
    Halt::failed(Reason::Timeout, text)
}
