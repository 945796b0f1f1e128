//! One child: its machine, watchdog, escalation and backoff; one live sender after another; and which
//! processes of others are governed ([`watch`]).
//!
//! A [`Child`] is a value. It is told what happened and what time it is, and answers what to do
//! and when to ask again; `ffleet-guard` does it. Nothing here reads a clock or sends a signal,
//! so that every order in which a timeout, a cancellation and an exit can meet is a test.
//!
//! Times are [`Duration`](std::time::Duration)s of a clock that only goes forward
//! (`Clock::monotonic`), not points of the wall clock, which anybody may set back.

pub mod backoff;
pub mod budget;
pub mod child;
mod exit;
pub mod live;
mod stopwatch;
pub mod watch;

pub use backoff::Backoff;
pub use budget::Budget;
pub use child::{Action, Child, Event, Order, Plan, Policy, State};
pub use exit::{Exit, Stop, Verdict};
