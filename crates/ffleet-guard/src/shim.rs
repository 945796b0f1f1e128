//! The shim: the parent of one child, which outlives whoever asked for it.
//!
//! A worker that dies or is replaced must not take hours of encoding with it. So a child that is
//! worth keeping has a parent of its own: this program, one thread, a few MB. It starts the child,
//! writes what it says to its log, holds the other ends of its descriptors, sees it to its end with
//! everything that came of it, and writes down how it ended. It never carries media: what flows between
//! a child and whoever feeds or reads it passes the shim by.
//!
//! Whoever guards the child speaks to its shim over a *line*, a socket of whole messages
//! (`SOCK_SEQPACKET`): `wire` has the words. When the first line breaks, the shim listens on a socket of
//! its own (`<root>/shims/*.line`) for somebody who takes the child over (`Attach`), and who gets what it
//! holds (`SCM_RIGHTS`). A shim that nobody comes back to within the orphan grace kills its own tree. The child dies with its
//! shim (parent-death signal), so nothing is ever left without a guard.
//!
//! Descriptors that belong to no child are held by a *keeper*, which is a shim without one (`keep`, `keeper`).
//!
//! All shims of a guard are copies of one process, the `nursery`. `serve` and `hold` are the shim's own
//! side, `line` and `held` are the guard's.

pub(crate) mod held;
mod hold;
mod keep;
pub(crate) mod keeper;
mod line;
pub(crate) mod nursery;
mod pour;
mod serve;
pub(crate) mod wire;

pub(crate) use line::{Line, Orphan, Place, State, orphans};
pub use serve::main;

/// What the socket of a shim is called, after the name of its own.
const SOCKET: &str = ".line";
/// What the file is called that says how a child ended which nobody came for.
const EXIT: &str = ".exit";
