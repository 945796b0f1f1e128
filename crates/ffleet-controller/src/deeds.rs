//! The audit log on its way to the store: who changed what, when, from where, and what they were answered.
//!
//! A call is answered before it is written here, so that what it costs is not waited for: many are written by
//! one commit. Nothing is dropped to make room: where the store is slow, calls wait. What a crash may take is
//! the log of its last moment; who submitted, canceled or tried a job again is in that job's history as well,
//! which is written with what it tells of.

use std::net::IpAddr;

use axum::extract::Request;
use ffleet_base::chain;
use ffleet_store::Deed;
use ffleet_types::access::Grant;
use ffleet_types::job::Actor;
use hyper::StatusCode;
use tokio::sync::{Mutex, mpsc};

use crate::controller::Controller;
use crate::http::Access;

/// Deeds that may be on their way. Whoever comes then waits.
const WAITING: usize = 1_024;
/// The longest path that is written down, in characters.
const LONGEST: usize = 200;

/// A call that is under way.
#[derive(Debug)]
pub(crate) struct Entry {
    access: Access,
    method: String,
    path: String,
}

impl Entry {
    /// The call that `request` makes.
    pub(crate) fn of(request: &Request, access: Access) -> Self {
        let path = request.uri().path().chars().take(LONGEST).collect();
        Self { access, method: request.method().to_string(), path }
    }

    /// What a machine does that has just joined.
    pub(crate) fn of_node(name: String, from: IpAddr, path: &str) -> Self {
        let access = Access {
            actor: Actor::Node(name),
            by: crate::http::By::Certificate,
            grant: None,
            from,
            key: None,
        };
        Self { access, method: "POST".to_owned(), path: path.to_owned() }
    }
}

/// The way to the log.
#[derive(Debug)]
pub(crate) struct Deeds {
    inbox: mpsc::Sender<(Entry, StatusCode)>,
    /// Until the task that writes has taken it.
    outlet: Mutex<Option<mpsc::Receiver<(Entry, StatusCode)>>>,
}

impl Default for Deeds {
    fn default() -> Self {
        let (inbox, outlet) = mpsc::channel(WAITING);
        Self { inbox, outlet: Mutex::new(Some(outlet)) }
    }
}

impl Deeds {
    /// A call was answered.
    pub(crate) async fn note(&self, entry: Entry, status: StatusCode) {
        if let Err(mpsc::error::SendError((entry, status))) = self.inbox.send((entry, status)).await
        {
            let Entry { access, method, path } = entry;
            let (who, from) = (access.actor, access.from);
            let status = status.as_u16();
            tracing::warn!(%who, method, path, %from, status, "answered too late for the audit log");
        }
    }
}

/// Writes deeds down until the controller stops, and then those that are on their way.
pub(crate) async fn run(controller: Controller) {
    let Some(mut outlet) = controller.deeds.outlet.lock().await.take() else {
        return;
    };
    let mut arrived = Vec::new();
    loop {
        tokio::select! {
            count = outlet.recv_many(&mut arrived, WAITING) => {
                if count == 0 {
                    return;
                }
            }
            () = controller.stop.cancelled(), if !outlet.is_closed() => outlet.close(),
        }
        if arrived.is_empty() {
            continue;
        }
        let deeds: Vec<_> = arrived.drain(..).map(|said| deed(&controller, said)).collect();
        let count = deeds.len();
        if let Err(error) = controller.store.note(deeds).await {
            tracing::error!(count, error = chain(&error), "the audit log cannot be written");
        }
    }
}

fn deed(controller: &Controller, (entry, status): (Entry, StatusCode)) -> Deed {
    let Entry { access, method, path } = entry;
    Deed {
        at: controller.clock.now(),
        who: access.actor,
        role: access.grant.as_ref().map(Grant::role),
        tenant: access.grant.as_ref().and_then(Grant::tenant).cloned(),
        method,
        path,
        from: access.from.to_string(),
        status: status.as_u16(),
    }
}
