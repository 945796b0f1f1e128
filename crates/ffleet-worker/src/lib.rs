//! The worker: assignments in, attempts out.
//!
//! A [`Worker`] pulls assignments from its controller and carries each out as an attempt: probe,
//! encode, verify, publish. Every child runs under `ffleet-guard`; what is wanted of an attempt
//! and what has become of it meet in the machine of `ffleet-supervise`; files go through
//! `ffleet-spool`. What the node held when it last stopped is settled before anything new is
//! taken.
//!
//! The controller's side of the contract is `ffleet_api::control`; what it may ask of a node
//! outside any job is [`ffleet_api::bench::Workbench`], which a worker implements.

mod ask;
mod attempt;
mod bench;
mod child;
mod config;
mod cpus;
mod disk;
mod engines;
mod gauges;
mod herald;
mod ledger;
mod link;
mod logs;
mod places;
mod progress;
mod pull;
mod recover;
mod renew;
mod roster;
mod sandbox;
mod shop;
mod stop;
mod worker;

pub use config::{Config, OnStop};
pub use sandbox::{Sandboxes, Use};
pub use stop::Left;
pub use worker::{OpenError, Parts, Worker};
