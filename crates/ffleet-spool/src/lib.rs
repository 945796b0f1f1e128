//! Where media lies: work directories, and publishing without loss.
//!
//! An attempt works in a directory of its own ([`Work`]). What it made is brought to a hidden
//! sibling of its target ([`Delivery::stage`]), and from there under its final name
//! ([`Delivery::publish`]), each step on disk before the next begins. The sibling's name follows
//! from the target and the attempt alone, so that whoever comes after a crash can finish or undo
//! an attempt without having read anything that the crash may have swallowed.
//!
//! Everything here blocks: callers with a runtime use its blocking threads. Each step is announced
//! to an [`Observer`] before the next one begins, which is how tests stop the world between two.

mod copy;
mod delivery;
mod error;
mod step;
mod work;

pub use copy::Copying;
pub use delivery::{Delivery, Published};
pub use error::Error;
pub use step::{Death, Observer, Step};
pub use work::{Dir, Work};
