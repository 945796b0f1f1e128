//! What a node does with the attempts it held before it stopped, and cannot go on with.
//!
//! No process of them is alive but what the guard keeps in a shim's hands, which is given up once
//! everything is settled. What is left is files. A sealed attempt must publish and is finished; any
//! other is undone and done again from the start.
//!
//! A sealed attempt that can be neither published nor written down as failed may not be undone. It
//! is tried again and again: the controller waits for it, and nobody else may publish.

use std::sync::Arc;

use ffleet_api::control::{Finished, Held, Report};
use ffleet_spool::Step;
use ffleet_types::Outcome;
use ffleet_types::attempt::Artifact;

use crate::attempt::record::Record;
use crate::attempt::{Halt, blocking, note_failure, undo};
use crate::link::{Pause, Receipt};
use crate::places::deliveries;
use crate::shop::Shop;

/// What came of settling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "what is not settled is to be tried again"]
pub(crate) enum Settled {
    /// There is nothing left to do, or nobody to tell: then it is asked for at the next start.
    Done,
    /// Its disk does not even take that it failed.
    NotYet,
}

/// Tries until it is settled, or the line is cut: then it is settled at the next start. For what
/// was tried before. `known` is its record where that is at hand: the disk may not give it back.
pub(crate) async fn persist(shop: &Arc<Shop>, held: Held, known: Option<Record>) {
    let mut failures = 1;
    while shop.link.pause(failures).await == Pause::Over
        && settle(shop, held.clone(), known.clone()).await == Settled::NotYet
    {
        failures += 1;
    }
}

/// Settles one attempt, and reports how it ended. What cannot be reported stays as it is.
pub(crate) async fn settle(shop: &Arc<Shop>, held: Held, known: Option<Record>) -> Settled {
    let id = held.assignment.attempt;
    let at_work = Arc::clone(shop);
    let settled = blocking(move || Ok(end(&at_work, &held, known))).await;
    let finished = match settled {
        Ok(Some(finished)) => finished,
        Ok(None) => return Settled::NotYet,
        Err(halt) => {
            tracing::error!(attempt = %id, ?halt, "an attempt from before could not be settled");
            return Settled::NotYet;
        }
    };
    tracing::info!(attempt = %id, outcome = ?finished.outcome, "an attempt from before is settled");
    let report = Report::Finished(Box::new(finished));
    if shop.link.report(id, report).await != Receipt::Undelivered {
        let dir = shop.work.dir(id);
        if let Err(halt) = blocking(move || Ok(dir.remove()?)).await {
            tracing::warn!(attempt = %id, ?halt, "a work directory was left behind");
        }
    }
    Settled::Done
}

/// How it ends. Blocks. Nothing, if that could not even be written down.
fn end(shop: &Shop, held: &Held, known: Option<Record>) -> Option<Finished> {
    let dir = shop.work.dir(held.assignment.attempt);
    let record = known.unwrap_or_else(|| Record::read(&dir));
    let (outcome, artifacts) = match (&held.sealed, &record.failed) {
        (Some(artifacts), Some(failed)) => (failed.clone(), artifacts.clone()),
        (Some(artifacts), None) => match publish(shop, held, artifacts) {
            Ok(artifacts) => (Outcome::Completed, artifacts),
            Err((halt, artifacts)) => {
                // Nobody may take it for published once its siblings are gone. Its directory may
                // be gone with the crash.
                let made = dir.path().is_dir() || shop.work.make(held.assignment.attempt).is_ok();
                let halt = if made {
                    note_failure(record.clone(), &dir, halt)
                } else {
                    Halt::Adrift
                };
                (halt.outcome()?, artifacts)
            }
        },
        (None, _) => (Halt::Interrupted.outcome()?, Vec::new()),
    };
    if outcome != Outcome::Completed
        && let Err(halt) = undo(&held.assignment)
    {
        tracing::warn!(attempt = %held.assignment.attempt, ?halt, "something was left behind");
    }
    Some(Finished {
        at: shop.clock.now(),
        outcome,
        usage: record.usage,
        artifacts,
        commands: record.commands,
        notes: record.notes,
    })
}

/// Finishes publishing what is sealed.
fn publish(
    shop: &Shop,
    held: &Held,
    sealed: &[Artifact],
) -> Result<Vec<Artifact>, (Halt, Vec<Artifact>)> {
    let mut artifacts = sealed.to_vec();
    let job = &held.assignment;
    let deliveries = match deliveries(&job.spec, job.attempt) {
        Ok(deliveries) => deliveries,
        Err(error) => return Err((error.into(), artifacts)),
    };
    for (output, delivery) in deliveries {
        let Some(artifact) = artifacts.iter_mut().find(|artifact| artifact.output == output) else {
            continue;
        };
        match delivery.settle(job.spec.overwrite, artifact.size, &*shop.observer) {
            Ok(_now_or_before) => artifact.published = true,
            Err(error) => return Err((error.into(), artifacts)),
        }
    }
    (shop.observer)(Step::Published);
    Ok(artifacts)
}
