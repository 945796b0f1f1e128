//! A live sender and its successors: when the next one starts, and what all their deaths mean.
//!
//! What can never work is not tried for ever: a sender that fails for a reason that will not pass
//! before anything was sent is the end. Nor does a duration wait for its destination: it runs from
//! the first start of a sender, whether anybody takes what is sent or not.
//!
//! Times are of a clock that stands still while the attempt is paused.

use std::time::Duration;

use ffleet_types::{Reason, Retry, Span};
use serde::{Deserialize, Serialize};

use crate::Backoff;

/// Between the death of a sender and the next one.
const BACKOFF: Backoff = Backoff { base: Duration::from_millis(500), cap: Duration::from_secs(15) };
/// A sender that lived so long was well: the next wait is a short one again.
const WELL: Duration = Duration::from_secs(30);
/// How many kinds of death in a row are told one by one.
const TOLD: usize = 10;

/// How a sender died.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Death {
    /// The class.
    pub reason: Reason,
    /// In the engine's words.
    pub message: String,
    /// Whether it had sent anything itself.
    pub sent: bool,
    /// How long it lived, pauses apart.
    pub lived: Duration,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a live attempt whose next step is dropped stands still"]
pub enum Next {
    /// Start a sender.
    Send {
        /// How much of the duration is over.
        elapsed: Duration,
        /// How much is left; nothing where there is no duration.
        left: Option<Duration>,
    },
    /// Ask again after this time.
    Wait(Duration),
    /// It is done.
    End,
    /// It has failed.
    Fail {
        /// The class.
        reason: Reason,
        /// For a person.
        message: String,
    },
}

/// All senders of a live attempt, one after the other. Written down, it goes on as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    length: Option<Duration>,
    began: Duration,
    /// Deaths since a sender was last well.
    failures: u32,
    has_sent: bool,
    told: Vec<Told>,
    /// How many deaths came after those, of which only the last is kept.
    more: u32,
    last: Option<Death>,
}

/// One death, or several in a row that were the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    /// The last of them.
    death: Death,
    times: u32,
}

impl Live {
    /// An attempt of this duration whose first sender is to start `now`.
    #[must_use]
    pub const fn new(length: Option<Duration>, now: Duration) -> Self {
        Self {
            length,
            began: now,
            failures: 0,
            has_sent: false,
            told: Vec::new(),
            more: 0,
            last: None,
        }
    }

    /// What is to be done while no sender lives.
    pub fn next(&self, now: Duration) -> Next {
        let elapsed = now.saturating_sub(self.began);
        match self.left(now) {
            Some((length, left)) if left.is_zero() => self.over(length),
            left => Next::Send { elapsed, left: left.map(|(_, left)| left) },
        }
    }

    /// A sender died, for the reason that is given; what follows. `chance` is a random number from
    /// 0 to 1.
    pub fn died(&mut self, death: Death, now: Duration, chance: f64) -> Next {
        self.has_sent |= death.sent;
        let Death { reason, lived, .. } = death;
        if reason == Reason::Timeout || (reason.retry() == Retry::Never && !self.has_sent) {
            return Next::Fail { reason, message: death.message };
        }
        self.failures = if lived >= WELL {
            1
        } else {
            self.failures.saturating_add(1)
        };
        self.keep(death);
        let wait = BACKOFF.wait(self.failures, chance);
        Next::Wait(self.left(now).map_or(wait, |(_, left)| wait.min(left)))
    }

    /// All deaths for a person, in order. `peer` is who refuses where nothing could be sent: "the
    /// destination".
    #[must_use]
    pub fn notes(&self, peer: &str) -> Vec<String> {
        let mut notes: Vec<_> = self.told.iter().map(|told| told.note(peer)).collect();
        notes.extend(self.rest());
        notes
    }

    /// The last death for a person; nothing while there was none.
    #[must_use]
    pub fn trouble(&self, peer: &str) -> Option<String> {
        self.rest().or_else(|| self.told.last().map(|told| told.note(peer)))
    }

    fn rest(&self) -> Option<String> {
        let (more, last) = (self.more, self.last.as_ref()?);
        Some(format!("the sender died {more} times more, last: {}", last.message))
    }

    /// The duration and what is left of it.
    fn left(&self, now: Duration) -> Option<(Duration, Duration)> {
        let elapsed = now.saturating_sub(self.began);
        self.length.map(|length| (length, length.saturating_sub(elapsed)))
    }

    /// What the end of the duration means if it comes while no sender lives.
    fn over(&self, length: Duration) -> Next {
        if self.has_sent {
            return Next::End;
        }
        let last = self.last.as_ref().or_else(|| self.told.last().map(|told| &told.death));
        // It is charged in any case: a reason whose retries are free would come back for ever.
        let reason = last
            .map(|death| death.reason)
            .filter(|reason| reason.retry() == Retry::Charged)
            .unwrap_or(Reason::NetworkError);
        let words = last.map_or("no sender was started", |death| &death.message);
        let message = format!("nothing was sent in its duration of {}: {words}", Span(length));
        Next::Fail { reason, message }
    }

    fn keep(&mut self, death: Death) {
        let full = self.told.len() >= TOLD;
        match self.told.last_mut() {
            Some(last) if self.more == 0 && last.death.is_like(&death) => {
                last.times = last.times.saturating_add(1);
                last.death = death;
            }
            _ if full => {
                self.more = self.more.saturating_add(1);
                self.last = Some(death);
            }
            _ => self.told.push(Told { death, times: 1 }),
        }
    }
}

impl Death {
    fn is_like(&self, other: &Self) -> bool {
        self.reason == other.reason && self.sent == other.sent && self.message == other.message
    }
}

impl Told {
    fn note(&self, peer: &str) -> String {
        let Death { reason, message, sent, lived } = &self.death;
        let times = match self.times {
            1 => "once".to_owned(),
            times => format!("{times} times"),
        };
        if *reason == Reason::NetworkError && !sent {
            return format!("{peer} refused {times}, last: {message}");
        }
        format!("the sender died {times}, last after {} s: {message}", lived.as_secs())
    }
}

#[cfg(test)]
mod tests;
