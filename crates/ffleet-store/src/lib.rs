//! Durable state in verbs of the domain, on SQLite.
//!
//! The store keeps jobs, their attempts and their history, the nodes, of feeds and streams what was
//! declared over the API and what they have come to, who may call and join, and the audit log. It decides nothing: each verb of a job is
//! an event of [`ffleet_types::task::Task::apply`], and the store writes what that answers, with
//! time, actor and reason, in one transaction. Acknowledged means on disk.
//!
//! Writes of everybody are gathered by one thread and committed in groups: a commit costs a
//! sync of the disk whatever it holds, so that a group of 64 costs little more than one call.
//! Reads go over connections of their own and neither wait for the writer nor hold it up.
//!
//! This is the only crate with SQL in it. [`Store`] is an enum, not a trait object: PostgreSQL
//! will be its second variant, and one suite of tests holds both to the same promises.

mod access;
mod deeds;
mod error;
mod live;
mod members;
mod rows;
mod sqlite;
mod store;
mod verbs;

pub use access::{
    KeyRefusal, KeyRow, MOST_KEYS, MOST_TENANTS, TenantChange, TenantRefusal, TenantRow,
};
pub use deeds::{Deed, DeedFilter, Deeds};
pub use error::{BackupError, Error, OpenError};
pub use live::Declared;
pub use members::{InvitationRow, MOST_INVITATIONS, MemberRow};
pub use rows::{
    ActiveTask, Counts, Edge, Filter, JobRow, JobSummary, Listed, NodeRow, Page, Vitals,
};
pub use store::{Options, Store};
pub use verbs::{
    Accepted, Cancel, Canceled, Claim, Decline, Finish, Idempotency, NewJob, Prune, Pruned,
    Refusal, Reject, Report, Requeue, Seal, SubmitRefusal,
};

/// Changes of state that one job can have, and attempts.
pub const MOST_EDGES: u64 = (1 << 24) - 1;
