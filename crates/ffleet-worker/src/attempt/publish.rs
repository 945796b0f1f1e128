//! The last phase: results beside their targets, the seal, and their final names.
//!
//! Up to the seal everything can be undone and orders to stop are obeyed. Once the seal is given
//! the attempt must publish: no order counts any more, and what fails then is written down before
//! anything is undone (see `record`).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ffleet_api::control::{Phase, Progress, Report};
use ffleet_spool::{Copying, Delivery, Dir, Step};
use ffleet_supervise::Order;
use ffleet_types::attempt::Artifact;

use crate::attempt::halt::taken;
use crate::attempt::record::Record;
use crate::attempt::{Attempt, Halt, blocking};
use crate::link::Receipt;
use crate::places::Places;
use crate::progress::share;

/// How often a copy says how far it is.
const TICK: Duration = Duration::from_millis(500);

/// A result on its way.
struct Staged {
    delivery: Delivery,
    artifact: Artifact,
}

impl Attempt {
    /// Stages, seals and publishes. `work` says where each output's result lies.
    ///
    /// Answers the artifacts, of which some may not be published if it fails after the seal; the
    /// record says so by then.
    pub(crate) async fn publish(
        &mut self,
        dir: &Dir,
        places: &Places,
        work: impl Fn(u32) -> PathBuf,
    ) -> Result<Vec<Artifact>, Halt> {
        self.place.enter_phase(Phase::Publish);
        let mut staged = Vec::new();
        let total = self.total(places, &work).await?;
        let copying = Arc::new(Copying::default());
        for (output, delivery) in &places.deliveries {
            self.checkpoint().await?;
            let size = self.stage(delivery, work(*output), &copying, total).await?;
            let artifact = Artifact {
                output: *output,
                staged: delivery.sibling().to_string_lossy().into_owned(),
                target: delivery.target().to_string_lossy().into_owned(),
                size,
                published: false,
            };
            staged.push(Staged { delivery: delivery.clone(), artifact });
        }
        self.checkpoint().await?;
        self.seal(dir, &staged).await?;
        self.name(dir, staged).await
    }

    /// Bytes of all results.
    async fn total(&self, places: &Places, work: &impl Fn(u32) -> PathBuf) -> Result<u64, Halt> {
        let paths: Vec<_> = places.deliveries.iter().map(|(output, _)| work(*output)).collect();
        blocking(move || {
            let size = |path: &PathBuf| std::fs::metadata(path).map_or(0, |file| file.len());
            Ok(paths.iter().map(size).sum())
        })
        .await
    }

    /// Stages one result, and obeys orders to stop meanwhile. A pause waits until it is done: a
    /// copy by ffleet itself cannot be frozen.
    async fn stage(
        &mut self,
        delivery: &Delivery,
        work: PathBuf,
        copying: &Arc<Copying>,
        total: u64,
    ) -> Result<ffleet_types::Bytes, Halt> {
        let observer = Arc::clone(&self.shop.observer);
        let (delivery, watched) = (delivery.clone(), Arc::clone(copying));
        let mut copy =
            tokio::task::spawn_blocking(move || delivery.stage(&work, &watched, &*observer));
        let mut tick = tokio::time::interval(TICK);
        let mut stopped = None;
        let staged = loop {
            tokio::select! {
                staged = &mut copy => break staged,
                _ = tick.tick() => self.show_copy(copying, total),
                Ok(()) = self.place.orders.changed(), if stopped.is_none() => {
                    if let Order::Stop(stop) | Order::Kill(stop) = *self.place.orders.borrow_and_update() {
                        stopped = Some(stop);
                        copying.stop();
                    }
                }
            }
        };
        let staged =
            staged.map_err(|error| Halt::platform(format!("staging broke off: {error}")))?;
        match stopped {
            Some(stop) => Err(stop.into()),
            None => Ok(staged?),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a share of a size, for people")]
    fn show_copy(&self, copying: &Copying, total: u64) {
        let (from, to) = share(Phase::Publish);
        let part = (total > 0).then(|| copying.copied() as f64 / total as f64);
        self.place.display().show(Progress {
            phase: Phase::Publish,
            percent: part.map(|part| from + (to - from) * part.min(1.0)),
            bytes: copying.copied(),
            ..Progress::default()
        });
    }

    /// Asks for the seal.
    async fn seal(&mut self, dir: &Dir, staged: &[Staged]) -> Result<(), Halt> {
        taken(self.herald.flush().await)?;
        let (record, dir) = (self.record(), dir.clone());
        blocking(move || record.write(&dir)).await?;
        self.step(Step::Sealing);
        let artifacts = staged.iter().map(|staged| staged.artifact.clone()).collect();
        match self
            .shop
            .link
            .report(self.job.attempt, Report::Sealed { artifacts })
            .await
        {
            Receipt::Taken => {}
            Receipt::Stale => return Err(Halt::Disowned),
            Receipt::Undelivered => return Err(Halt::Adrift),
        }
        self.sealed = true;
        self.step(Step::Sealed);
        Ok(())
    }

    /// Gives all results their names.
    async fn name(&mut self, dir: &Dir, staged: Vec<Staged>) -> Result<Vec<Artifact>, Halt> {
        let overwrite = self.job.spec.overwrite;
        let observer = Arc::clone(&self.shop.observer);
        let (record, dir) = (self.record(), dir.clone());
        let (artifacts, failure) = tokio::task::spawn_blocking(move || {
            let mut artifacts = Vec::new();
            let mut failure = None;
            for Staged { delivery, mut artifact } in staged {
                if failure.is_none() {
                    match delivery.publish(overwrite, &*observer) {
                        Ok(()) => artifact.published = true,
                        Err(error) => failure = Some(Halt::from(error)),
                    }
                }
                artifacts.push(artifact);
            }
            let failure = failure.map(|halt| note_failure(record, &dir, halt));
            (artifacts, failure)
        })
        .await
        .map_err(|error| Halt::platform(format!("publishing broke off: {error}")))?;
        match failure {
            None => {
                self.step(Step::Published);
                Ok(artifacts)
            }
            Some(halt) => {
                self.artifacts = artifacts;
                Err(halt)
            }
        }
    }

    /// What is known so far, to be kept over a crash.
    pub(crate) fn record(&self) -> Record {
        Record {
            usage: self.costs.usage(),
            commands: self.commands.clone(),
            notes: self.notes.clone(),
            failed: None,
        }
    }
}

/// Writes down that a sealed attempt failed after all, before anything of it is undone. If even
/// that cannot be done nothing must be undone: it is tried to publish again (see `recover`).
pub(crate) fn note_failure(mut record: Record, dir: &Dir, halt: Halt) -> Halt {
    record.failed = halt.clone().outcome();
    match record.write(dir) {
        Ok(()) => halt,
        Err(error) => {
            tracing::error!(?error, "that publishing failed could not be written down");
            Halt::Adrift
        }
    }
}
