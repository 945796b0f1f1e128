//! Lets finished jobs go when they are older, or more, than the operator wants to keep.

use std::time::Duration;

use ffleet_base::chain;
use ffleet_sched::retain;
use ffleet_store::{Prune, Pruned};

use crate::controller::Controller;

/// How often there is a look.
const EVERY: Duration = Duration::from_secs(60);
/// Jobs that go at once: a commit of some milliseconds, so that nobody waits behind it.
const SLICE: usize = 200;

/// Runs until the controller stops.
pub(crate) async fn run(controller: Controller) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = controller.stop.cancelled() => return,
        }
        if let Err(error) = prune(&controller).await {
            tracing::warn!(error = chain(&error), "cannot prune finished jobs; tried again later");
        }
    }
}

/// Lets everything go that is due, and says how much that was.
pub(crate) async fn prune(controller: &Controller) -> Result<usize, ffleet_store::Error> {
    let policy = retain::Policy { keep: controller.policy.retain_for, ..Default::default() };
    let mut gone = 0;
    loop {
        let pruned = controller
            .store
            .prune(Prune {
                before: Some(policy.cutoff(controller.clock.now())),
                keep: Some(controller.policy.retain_jobs),
                limit: SLICE,
            })
            .await?;
        gone += pruned.len();
        let last = pruned.len() < SLICE || controller.stop.is_cancelled();
        remove_logs(controller, pruned).await;
        if last {
            break;
        }
    }
    if gone > 0 {
        tracing::info!(jobs = gone, "finished jobs were pruned");
    }
    Ok(gone)
}

/// Removes the logs of jobs that are gone, where they lie on this machine.
async fn remove_logs(controller: &Controller, pruned: Vec<Pruned>) {
    let logs = controller.policy.data.join("logs");
    let removal = tokio::task::spawn_blocking(move || {
        for job in pruned {
            let dir = logs.join(job.id.to_string());
            match std::fs::remove_dir_all(&dir) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => {
                    tracing::warn!(dir = %dir.display(), %error, "cannot remove a pruned job's logs");
                }
            }
        }
    });
    if let Err(error) = removal.await {
        tracing::warn!(%error, "the removal of pruned jobs' logs broke off");
    }
}
