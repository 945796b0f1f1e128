//! Lets finished jobs go when they are older, or more, than the operator wants to keep; and with them, by the
//! same measure, entries of the audit log, and keys that are good no more.

use std::time::Duration;

use ffleet_base::chain;
use ffleet_sched::retain;
use ffleet_store::{Prune, Pruned};

use crate::controller::Controller;

/// How often there is a look.
const EVERY: Duration = Duration::from_secs(60);
/// Jobs that go at once: a commit of some milliseconds, so that nobody waits behind it.
const SLICE: usize = 200;
/// Entries of the audit log that go at once.
const ENTRIES: u64 = 1_000;

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
        if let Err(error) = forget(&controller).await {
            tracing::warn!(error = chain(&error), "cannot prune the audit log; tried again later");
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

/// Lets entries of the audit log go that are older, or more, than finished jobs may be, and keys that have not
/// been good for as long.
pub(crate) async fn forget(controller: &Controller) -> Result<(), ffleet_store::Error> {
    let policy = retain::Policy { keep: controller.policy.retain_for, ..Default::default() };
    let before = policy.cutoff(controller.clock.now());
    let keep = controller.policy.retain_jobs;
    while controller.store.forget_deeds(before, keep, ENTRIES).await? == ENTRIES {
        if controller.stop.is_cancelled() {
            return Ok(());
        }
    }
    if controller.store.forget_keys(before).await? > 0 {
        let kept = controller.store.keys().await?;
        controller.gate.keys.keep(&kept, controller.clock.now());
    }
    Ok(())
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
