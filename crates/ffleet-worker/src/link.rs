//! The line to the controller: every call of a worker goes through here.
//!
//! The controller is a generic of its trait at the edge and a `dyn` behind it, so that an attempt
//! is not compiled once for every kind of controller. Reports are repeated until they are
//! acknowledged; whether one is still wanted is the controller's to say.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ffleet_api::bench::Boxed;
use ffleet_api::control::{Command, Controller, Error, Progress, Report, Standing, Welcome};
use ffleet_base::chance;
use ffleet_supervise::Backoff;
use ffleet_types::node::Description;
use ffleet_types::{AttemptId, NodeId};
use tokio_util::sync::CancellationToken;

/// Between two tries to reach a controller that is unavailable.
pub(crate) const BACKOFF: Backoff =
    Backoff { base: Duration::from_millis(200), cap: Duration::from_secs(10) };

/// [`Controller`], held behind `dyn`.
trait Calls: Send + Sync {
    fn register(&self, node: NodeId, description: Description)
    -> Boxed<'_, Result<Welcome, Error>>;
    fn next(&self, node: NodeId, wait: Duration) -> Boxed<'_, Result<Command, Error>>;
    fn renew(
        &self,
        node: NodeId,
        progress: Vec<(AttemptId, Progress)>,
        standing: Standing,
    ) -> Boxed<'_, Result<Vec<AttemptId>, Error>>;
    fn report(
        &self,
        node: NodeId,
        attempt: AttemptId,
        report: Report,
    ) -> Boxed<'_, Result<(), Error>>;
}

impl<C: Controller> Calls for C {
    fn register(
        &self,
        node: NodeId,
        description: Description,
    ) -> Boxed<'_, Result<Welcome, Error>> {
        Box::pin(Controller::register(self, node, description))
    }

    fn next(&self, node: NodeId, wait: Duration) -> Boxed<'_, Result<Command, Error>> {
        Box::pin(Controller::next(self, node, wait))
    }

    fn renew(
        &self,
        node: NodeId,
        progress: Vec<(AttemptId, Progress)>,
        standing: Standing,
    ) -> Boxed<'_, Result<Vec<AttemptId>, Error>> {
        Box::pin(Controller::renew(self, node, progress, standing))
    }

    fn report(
        &self,
        node: NodeId,
        attempt: AttemptId,
        report: Report,
    ) -> Boxed<'_, Result<(), Error>> {
        Box::pin(Controller::report(self, node, attempt, report))
    }
}

/// The line of one node to its controller.
#[derive(Clone)]
pub(crate) struct Link {
    calls: Arc<dyn Calls>,
    node: NodeId,
    /// When this goes off, nothing is repeated any more.
    cut: CancellationToken,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("node", &self.node).finish_non_exhaustive()
    }
}

/// What came of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a report that was refused means that the attempt is not ours any more"]
pub(crate) enum Receipt {
    /// The controller has it.
    Taken,
    /// The attempt is superseded or has ended: stop it and undo it.
    Stale,
    /// We are going down and could not deliver it. The controller asks when we come back.
    Undelivered,
}

/// How a wait before another try ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "once the line is cut nothing is tried again"]
pub(crate) enum Pause {
    /// It is time.
    Over,
    /// Nothing is repeated any more.
    Cut,
}

impl Link {
    pub(crate) fn new(controller: impl Controller, node: NodeId, cut: CancellationToken) -> Self {
        Self { calls: Arc::new(controller), node, cut }
    }

    pub(crate) async fn register(&self, description: Description) -> Result<Welcome, Error> {
        self.calls.register(self.node, description).await
    }

    pub(crate) async fn next(&self, wait: Duration) -> Result<Command, Error> {
        self.calls.next(self.node, wait).await
    }

    pub(crate) async fn renew(
        &self,
        progress: Vec<(AttemptId, Progress)>,
        standing: Standing,
    ) -> Result<Vec<AttemptId>, Error> {
        self.calls.renew(self.node, progress, standing).await
    }

    /// Reports, and repeats it until it is answered or the line is cut.
    pub(crate) async fn report(&self, attempt: AttemptId, report: Report) -> Receipt {
        let mut failures = 0;
        loop {
            match self.calls.report(self.node, attempt, report.clone()).await {
                Ok(()) => return Receipt::Taken,
                Err(Error::Stale(why)) => {
                    tracing::info!(%attempt, %why, "a report came too late");
                    return Receipt::Stale;
                }
                // Another loop registers again; the report follows.
                Err(error @ (Error::Unknown | Error::Unavailable(_))) => {
                    tracing::warn!(%attempt, %error, failures, "a report was not taken; repeating it");
                }
            }
            failures += 1;
            if self.pause(failures).await == Pause::Cut {
                return Receipt::Undelivered;
            }
        }
    }

    /// Waits before another try.
    pub(crate) async fn pause(&self, failures: u32) -> Pause {
        tokio::select! {
            () = self.cut.cancelled() => Pause::Cut,
            () = tokio::time::sleep(BACKOFF.wait(failures, chance::unit())) => Pause::Over,
        }
    }
}
