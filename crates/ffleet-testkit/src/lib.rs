//! For tests: a clock that is set by hand, nasty children, clips of every kind, waiting for a
//! condition, finding what was left behind, and measuring against promises.
//!
//! Nothing here is shipped. Tests get their needs from [`need`], their time from
//! [`ManualClock`], wait by [`until`], and start children that misbehave on purpose: the program
//! `nasty` of this crate, found by [`binary`].
#![expect(
    clippy::disallowed_methods,
    reason = "this crate is where tests get real time, real programs and the environment from"
)]

mod clock;
pub mod cpus;
pub mod crowd;
pub mod load;
pub mod measure;
pub mod media;
pub mod need;
mod processes;
mod programs;
pub mod studio;
pub mod turns;
pub mod uml;
mod wait;

pub use clock::ManualClock;
pub use processes::{assert_none_left, descendants_of, processes_with};
pub use programs::{binary, instant, shim};
pub use wait::{until, until_async};
