//! The API over HTTP: one file per resource.
//!
//! Every request passes `gate` before a route sees it: host, origin, key or session, rate,
//! size. Routes answer with a value or a problem; both become responses in `reply`. The
//! connection loop is our own (`server`) because `axum::serve` exposes neither limits on
//! headers nor timeouts for a peer that sends them one byte a minute.

mod access;
mod actions;
mod audit;
mod audit_log;
mod backups;
mod body;
mod config;
mod dashboard;
mod declare;
mod document;
mod enrol;
mod events;
mod feeds;
mod gate;
mod health;
mod jobs;
mod keys;
mod lines;
mod login;
mod logs;
mod nodes;
mod peer;
mod presets;
mod probe;
pub(crate) mod rate;
mod reply;
mod rights;
mod router;
mod samples;
mod server;
mod takeover;
mod tenants;
mod tls;
mod tokens;
mod voyandz;

pub use access::{Access, By};
pub(crate) use gate::Gate;
pub use peer::Peer;
pub(crate) use server::Secured;
pub use server::{ListenError, Server};
pub use tls::{Files, Tls, TlsError};
