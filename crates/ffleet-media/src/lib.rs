//! What media is and what to do with it: codecs, recipes and presets, what a probe found, and
//! the media half of a job.
//!
//! Passive data and its rules; how a recipe becomes arguments is `ffleet-engine`'s business.

pub mod codec;
pub mod job;
pub mod nearest;
pub mod place;
pub mod preset;
pub mod probe;
pub mod recipe;

pub use job::Spec;
pub use place::{Source, Target};
pub use probe::Probe;
pub use recipe::Recipe;
