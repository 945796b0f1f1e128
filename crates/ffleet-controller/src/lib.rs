//! The controller: admission, scheduling, the API and the dashboard.
//!
//! [`Controller`] is one value that everything shares: the API ([`http`]) accepts work into the
//! store, the tasks plan and carry out what `ffleet-sched` decides, workers pull through
//! `ffleet_api::control::Controller`. What is on disk is the truth; what is in memory (who is
//! there, what each holds, how it gets on) is read from it at the start and kept beside it.
//!
//! The planner alone changes the fleet's value; everybody else tells it what has happened, after
//! it is on disk. So there is one order of events, and a plan is never made from half of one.

mod admission;
mod awaited;
mod controller;
pub mod dashboard;
mod deeds;
mod desk;
mod error;
mod feed;
pub mod http;
mod keyring;
mod look;
mod metrics;
mod policy;
mod presets;
mod signal;
mod tasks;
mod tenants;
mod verbs;
mod view;
mod worker;

pub use controller::{Controller, Parts};
pub use http::Server;
pub use policy::{Http, Key, Policy, STREAM_SECRET};
pub use presets::Presets;
