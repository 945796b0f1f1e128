//! What feeds and streams have come to, kept on disk: every ten seconds what has changed, in one small
//! transaction, and all of it at the end.
//!
//! Nobody waits for it. A server that is killed loses what was counted since the last time.

use std::sync::Arc;
use std::time::Duration;

use ffleet_base::{Clock, chain};
use ffleet_gateway::Gateway;
use ffleet_store::Store;
use ffleet_types::live::Totals;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Between two times.
const EVERY: Duration = Duration::from_secs(10);
/// Between two times that all are written, so that those that are there are known from those that are gone.
const ALL: Duration = Duration::from_secs(86_400);
/// For how long sums are kept that nothing has any more.
const KEEP: Duration = Duration::from_secs(90 * 86_400);

/// Sums that are kept, until this is finished.
#[derive(Debug)]
pub(super) struct Kept {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Kept {
    /// Begins to keep them. `known` is what the store has.
    pub(super) fn start(
        store: Store,
        gateway: Gateway,
        clock: Arc<dyn Clock>,
        known: Totals,
    ) -> Self {
        let (stop, mut stopped) = oneshot::channel();
        let mut book = Book { store, gateway, clock, written: known, all_at: None };
        // Ends when it is stopped and the last sums are written.
        let task = tokio::spawn(async move {
            while tokio::time::timeout(EVERY, &mut stopped).await.is_err() {
                book.write().await;
            }
            book.write().await;
        });
        Self { stop, task }
    }

    /// Writes them a last time.
    pub(super) async fn finish(self) {
        // It ends by itself where nobody tells it any more.
        let _ended = self.stop.send(());
        if let Err(error) = self.task.await {
            tracing::error!(%error, "sums of feeds and streams were not written to the end");
        }
    }
}

struct Book {
    store: Store,
    gateway: Gateway,
    clock: Arc<dyn Clock>,
    /// What the store has.
    written: Totals,
    /// When all were written, on the monotonic clock.
    all_at: Option<Duration>,
}

impl Book {
    async fn write(&mut self) {
        let totals = self.gateway.totals();
        let now = self.clock.monotonic();
        let is_time = self.all_at.is_none_or(|at| now.saturating_sub(at) >= ALL);
        let mut changed = totals.clone();
        let (written, gateway) = (&self.written, &self.gateway);
        changed.feeds.retain(|name, sum| {
            written.feeds.get(name) != Some(sum) || is_time && gateway.has(name)
        });
        changed.streams.retain(|name, sum| {
            written.streams.get(name) != Some(sum) || is_time && gateway.has(name)
        });
        if changed == Totals::default() {
            return;
        }
        let at = self.clock.now();
        let keep = u64::try_from(KEEP.as_micros()).unwrap_or(u64::MAX);
        let forget = ffleet_types::Timestamp::from_micros(at.as_micros().saturating_sub(keep));
        match self.store.keep_totals(changed, at, forget).await {
            Ok(()) => {
                self.written = totals;
                if is_time {
                    self.all_at = Some(now);
                }
            }
            // The next time has all of it.
            Err(error) => {
                tracing::warn!(error = chain(&error), "sums of feeds and streams are not on disk");
            }
        }
    }
}
