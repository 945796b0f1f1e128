//! The worker on real files, with real FFmpeg and with ones that misbehave, against a controller
//! that does what the test says.
#![expect(clippy::unwrap_used, reason = "a test that cannot prepare fails, and says where")]

mod controller;
mod crash;
mod fixture;
mod heavy;
mod inputs;
mod kept;
mod live;
mod memory;
mod nasty;
mod presets;
mod roles;
mod samples;
mod sandbox;
mod serial;
mod targets;
mod threads;
mod wanted;
