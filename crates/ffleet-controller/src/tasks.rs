//! What goes on by itself, one file each. A task is woken by what happens and by a timer, can be
//! repeated at any time, and ends when the controller stops.

pub(crate) mod announce;
pub(crate) mod plan;
pub(crate) mod retain;
