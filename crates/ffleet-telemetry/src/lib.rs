//! Logs, and what must not be written in them.
//!
//! [`log::start`] sends the program's log to standard error and to a file that cannot outgrow
//! its cap; [`redact()`] takes keys out of every line on the way, and out of command lines before
//! they are shown.

mod file;
pub mod log;
pub mod redact;

pub use redact::redact;
