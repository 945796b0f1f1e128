//! The loop that keeps leases alive and says how attempts get on.

use std::sync::Arc;
use std::time::Duration;

use ffleet_api::control::Standing;
use ffleet_supervise::{Order, Stop};
use tokio_util::sync::CancellationToken;

use crate::disk::Disk;
use crate::link::Link;
use crate::roster::Roster;

/// How often progress is told while anything is at work: somebody may be watching.
const SHOW: Duration = Duration::from_secs(1);

/// Renews every `every`, more often while something is at work, until the end comes.
pub(crate) async fn run(
    link: Link,
    roster: Arc<Roster>,
    disk: Arc<Disk>,
    every: Duration,
    ended: CancellationToken,
) {
    loop {
        let pause = if roster.is_empty() { every } else { every.min(SHOW) };
        tokio::select! {
            () = ended.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        let standing = Standing { closed: disk.full(), rings: roster.rings() };
        match link.renew(roster.progress(), standing).await {
            Ok(lost) => {
                for attempt in lost {
                    // Lost or canceled: in both cases it is undone, and its end settles which.
                    if roster.order(attempt, Order::Stop(Stop::Canceled)) {
                        tracing::warn!(%attempt, "an attempt is not wanted any more; stopping it");
                    }
                }
            }
            // The loop that pulls tells, and registers again where that is what is wrong.
            Err(error) => tracing::debug!(%error, "leases were not renewed"),
        }
    }
}
