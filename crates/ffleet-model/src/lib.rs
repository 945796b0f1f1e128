//! The protocol of docs/design/lease.md as a model, to be searched through to the last state.
//!
//! Real are the decisions: the edges of a task ([`Task::apply`]), who may publish and stop it
//! ([`Custody`]), what follows a failure ([`ffleet_sched::retry`]), who plans and may take a lease
//! ([`ffleet_sched::office`]). A model are the workers' disks and processes, the network, the database's
//! clock, and whatever goes wrong. [`ffleet_sched::Fleet`] is not in it: its value is a thousand times larger than all
//! the rest, and which node it chooses makes no difference here, where every choice is tried.
//!
//! **The network** loses, repeats, delays and reorders: whatever was ever sent may be carried out at any
//! later time, any number of times, with or without an answer, also when its sender is gone. An answer
//! reaches the call that waits for it or nobody.
//!
//! **Time** passes for the database alone, in ticks. It is kept as ages that stop counting where nothing
//! depends on them any more, so that time may go on for ever and the states are still finite. A worker's own clock is
//! not in it: a worker may renew at any moment or never, whatever its clock says.
//!
//! **That a job ends** is no property of one state, and `eventually` of the checker does not see cycles. So from
//! each state that is reached [`fair`] goes on without any further fault, and must come to the end. In a finite graph that is
//! as much as to say that every run ends in which each step that stays possible is taken at some time.
//!
//! [`Task::apply`]: ffleet_types::task::Task::apply
//! [`Custody`]: ffleet_types::task::Custody

mod action;
mod controller;
mod database;
pub mod fair;
mod fault;
mod fleet;
mod rules;
mod state;
mod tell;
mod worker;

pub use action::{Action, At, Call};
pub use fleet::{Fleet, Witness, property};
pub use rules::{Break, Faults, Size};
pub use state::{Attempt, Controller, End, Job, Life, Office, Stage, State, Tree};
pub use tell::tell;
