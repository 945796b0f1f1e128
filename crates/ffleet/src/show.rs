//! What people see: tables, lines, lengths of time. Values in, text out; nothing here prints.

pub(crate) mod audit;
pub(crate) mod feeds;
pub(crate) mod job;
pub(crate) mod keys;
pub(crate) mod live;
pub(crate) mod media;
pub(crate) mod node;
pub(crate) mod progress;
pub(crate) mod table;
pub(crate) mod tenants;
pub(crate) mod text;
