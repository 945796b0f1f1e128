//! How a worker ends, and what it leaves.
//!
//! What is under way gets the drain time first. What then goes on in the hands of a shim would outlive the death of
//! this process, so a stop need not cost it anything either: its shim is let go of, its attempt stays held,
//! and the next start takes both over exactly as after a `kill -9`. Whatever cannot be taken over is interrupted, and
//! done again free of charge.

use std::time::Duration;

use ffleet_supervise::Stop;
use ffleet_types::live::Sort;
use ffleet_types::{JobNumber, Timestamp};

use crate::config::OnStop;
use crate::worker::{Inner, Worker};

/// How long attempts may take to end when they are interrupted, beyond the grace of a child.
const LAST_REPORTS: Duration = Duration::from_secs(3);
/// How long attempts may take to be let go of, or to be killed, when nobody waits for more.
const HASTE: Duration = Duration::from_secs(2);

/// What a worker that has stopped left running.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// The jobs whose children go on in the hands of their shims, in order.
    pub jobs: Vec<JobNumber>,
    /// Until when those wait for a start of the node; nothing for as long as it takes.
    pub until: Option<Timestamp>,
}

impl Worker {
    /// Takes no more work, lets what is under way go on for the drain time, leaves or interrupts what
    /// goes on longer, as the configuration says, and ends. What had to be left is settled at the next
    /// start.
    pub async fn stop(&self) -> Left {
        let inner = &self.inner;
        inner.draining.cancel();
        inner.attempts.close();
        let mut until = None;
        let drained = tokio::time::timeout(inner.config.drain, inner.attempts.wait()).await;
        if drained.is_err() {
            until = inner.part();
            inner.roster.stop_all(Stop::Interrupted);
            let patience = inner.config.grace + LAST_REPORTS;
            if tokio::time::timeout(patience, inner.attempts.wait()).await.is_err() {
                tracing::warn!("attempts are left to be settled at the next start");
            }
            inner.cut.cancel();
            // Every report gives up now. A child that cannot be killed is the guard's to wait for.
            let last = tokio::time::timeout(patience, inner.attempts.wait()).await;
            if last.is_err() {
                tracing::error!("an attempt does not end");
            }
        }
        inner.cut.cancel();
        inner.ended.cancel();
        inner.loops.close();
        inner.loops.wait().await;
        if inner.leave_for().is_none() {
            // Those of an earlier life, if the stop came before they were taken over.
            inner.node.abandon_orphans(|child| !Sort::is_label(child));
        }
        Left { jobs: inner.roster.left(), until }
    }

    /// As [`stop`](Self::stop), within two seconds: nothing is drained, and what is to be interrupted is
    /// killed. May come in the middle of a stop that is not waited for any more.
    pub async fn stop_at_once(&self) -> Left {
        let inner = &self.inner;
        inner.draining.cancel();
        inner.attempts.close();
        let until = inner.part();
        inner.roster.kill_all(Stop::Interrupted);
        if tokio::time::timeout(HASTE, inner.attempts.wait()).await.is_err() {
            tracing::warn!("attempts are left to be settled at the next start");
        }
        inner.cut.cancel();
        Left { jobs: inner.roster.left(), until }
    }
}

impl Inner {
    /// For how long children are left to their shims, if they are: the outer nothing says that they are not,
    /// the inner that it is for ever.
    fn leave_for(&self) -> Option<Option<Duration>> {
        let grace = self.node.orphan_grace();
        match self.config.on_stop {
            OnStop::Leave if grace != Some(Duration::ZERO) => Some(grace),
            OnStop::Leave | OnStop::Interrupt => None,
        }
    }

    /// Has children left to their shims, if they are to be, and says until when those wait. Before anything is
    /// stopped: whoever is told both is left.
    fn part(&self) -> Option<Timestamp> {
        let Some(grace) = self.leave_for() else {
            tracing::info!("interrupting what is under way");
            return None;
        };
        let now = self.clock.now();
        self.leaving.cancel();
        tracing::info!("leaving what is under way to its shims");
        grace.map(|grace| now.after(grace))
    }
}
