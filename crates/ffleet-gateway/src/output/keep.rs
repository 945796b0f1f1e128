//! The task of one destination: connects, sends, waits, and connects again.

use std::time::Duration;

use ffleet_base::chance;
use ffleet_supervise::Backoff;
use ffleet_types::live::output::To;
use tokio::time::Instant;

use super::line::State;
use super::{Parts, child, rtmp};

/// The waits between two tries.
const BACKOFF: Backoff = Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(5) };
/// A connection that lasted so long, and over which something arrived, was well.
const WELL: Duration = Duration::from_secs(5);
/// How often what is left is tried to be recorded when its stream has ended.
const LAST_TRIES: u32 = 3;

/// How a connection ended.
#[derive(Debug)]
pub(super) enum End {
    /// All that was to come has arrived.
    Over,
    /// It is to be followed by another one at once: a recording is split, or tracks are others.
    Next,
    /// It failed.
    Failed {
        why: String,
        /// Whether something has arrived.
        has_given: bool,
    },
    /// It can never be.
    Never(String),
}

impl End {
    pub(super) fn failed(why: impl Into<String>) -> Self {
        Self::Failed { why: why.into(), has_given: false }
    }
}

/// Sends what comes to the destination until nothing more does.
pub(super) async fn keep(parts: Parts) {
    let line = &parts.line;
    let (mut failures, mut is_again, mut last_tries) = (0_u32, true, 0);
    loop {
        while line.peek().is_none() {
            if line.is_over() {
                line.set(State::Waiting);
                return;
            }
            line.news().await;
        }
        let begun = Instant::now();
        if is_again {
            line.set(State::Connecting);
        }
        let end = match &line.spec.to {
            To::Rtmp(url) => rtmp::send(&parts, &url.0, is_again).await,
            To::Srt(_) | To::Record(_) => child::send(&parts, is_again).await,
        };
        line.queue().rewind();
        let (why, has_given) = match end {
            End::Over => break,
            End::Next => {
                is_again = false;
                continue;
            }
            End::Failed { why, has_given } => (why, has_given),
            End::Never(why) => {
                tracing::error!(output = parts.label, why, "a destination cannot be sent to");
                line.failed(&why);
                line.set(State::Failed);
                while !line.is_over() {
                    line.news().await;
                }
                return;
            }
        };
        is_again = true;
        if has_given && begun.elapsed() >= WELL {
            failures = 0;
        }
        failures = failures.saturating_add(1);
        tracing::warn!(
            output = parts.label,
            why,
            failures,
            "a destination has failed, and is tried again"
        );
        line.failed(&why);
        line.set(State::Waiting);
        let wait = BACKOFF.wait(failures, chance::unit());
        if line.is_over() {
            last_tries += 1;
            if !matches!(line.spec.to, To::Record(_)) || last_tries >= LAST_TRIES {
                break;
            }
        }
        pause(&parts, wait).await;
    }
    line.set(State::Waiting);
}

/// Waits, or until the stream ends.
async fn pause(parts: &Parts, wait: Duration) {
    let until = Instant::now() + wait;
    let was_over = parts.line.is_over();
    while Instant::now() < until && parts.line.is_over() == was_over {
        // What comes meanwhile is held.
        let _or_time = tokio::time::timeout_at(until, parts.line.news()).await;
    }
}
