//! Real children on a real kernel: every test starts some that misbehave, and looks that nothing
//! of them is left.

mod bounds;
mod descriptors;
mod disk;
mod ends;
mod fixture;
mod kept;
mod leave;
mod leftovers;
mod matrix;
mod nursery;
mod roles;
mod sandbox;
mod serial_bounds;
mod shim;
mod start;
mod supervised;
mod unprivileged;
mod v2;
