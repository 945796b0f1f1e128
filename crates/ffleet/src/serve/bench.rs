//! The worker as the controller's workbench, until it stops.
//!
//! The controller would hold the worker, which holds the controller: neither would ever go, and
//! with them the node, whose end removes its cgroups. So the controller gets this, and this lets
//! go.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use ffleet_api::bench::{Boxed, Found, Rehearsal, Search, Trouble, Workbench};
use ffleet_media::{Probe, Source, Spec};
use ffleet_types::sample::{Load, Point};
use ffleet_types::{AttemptId, NodeId, Reason};
use ffleet_worker::Worker;

/// A workbench that can be let go of.
#[derive(Debug)]
pub(super) struct Bench(Mutex<Option<Worker>>);

impl Bench {
    /// The bench of this worker.
    pub(super) const fn new(worker: Worker) -> Self {
        Self(Mutex::new(Some(worker)))
    }

    /// Lets go of the worker. What is under way goes on.
    pub(super) fn close(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn worker(&self) -> Option<Worker> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Workbench for Bench {
    fn probe(&self, source: Source) -> Boxed<'_, Result<Probe, Trouble>> {
        let worker = self.worker();
        Box::pin(async move { worker.ok_or_else(closed)?.probe(source).await })
    }

    fn rehearse(&self, spec: Spec) -> Boxed<'_, Result<Rehearsal, Trouble>> {
        let worker = self.worker();
        Box::pin(async move { worker.ok_or_else(closed)?.rehearse(spec).await })
    }

    fn logs(&self, attempt: AttemptId) -> Vec<PathBuf> {
        self.worker().map(|worker| worker.logs(attempt)).unwrap_or_default()
    }

    fn search(&self, search: Search) -> Boxed<'_, Result<Found, Trouble>> {
        let worker = self.worker();
        Box::pin(async move { worker.ok_or_else(closed)?.search(search).await })
    }

    fn samples(&self, attempt: AttemptId) -> Vec<Point> {
        self.worker().map(|worker| worker.samples(attempt)).unwrap_or_default()
    }

    fn loads(&self) -> Option<(NodeId, Vec<Load>)> {
        self.worker().and_then(|worker| worker.loads())
    }

    fn ready(&self) -> Result<(), Vec<String>> {
        match self.worker() {
            Some(worker) => worker.ready(),
            None => Err(vec![closed().message]),
        }
    }
}

fn closed() -> Trouble {
    Trouble {
        reason: Reason::Interrupted,
        message: "the server is stopping".to_owned(),
    }
}
