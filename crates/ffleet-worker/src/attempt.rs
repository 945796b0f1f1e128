//! One attempt, from its assignment to its end.
//!
//! A phase a file: `probe` finds out what the input is, `encode` makes the results (`live` sends
//! them), `verify` checks them, `publish` brings them where they belong. What is wanted of the
//! attempt is looked at between the phases and while a child or a copy runs; whatever ends it
//! early, everything it made is undone before the end is reported.

mod child;
mod costs;
mod encode;
mod halt;
pub(crate) mod limits;
mod live;
mod probe;
mod publish;
pub(crate) mod record;
pub(crate) mod resume;
mod verify;

use std::sync::Arc;

use ffleet_api::control::{Assignment, Finished, Held, Report};
use ffleet_guard::Pinned;
use ffleet_spool::{Dir, Step};
use ffleet_supervise::Order;
use ffleet_types::attempt::Artifact;
use ffleet_types::{Outcome, RoleGroup};

use crate::cpus::Share;
use crate::herald::Herald;
use crate::link::Receipt;
use crate::places::{Input, Places};
use crate::recover;
use crate::roster::{Place, Rest, Roster};
use crate::shop::Shop;

pub(crate) use child::Job;
pub(crate) use costs::Costs;
pub(crate) use halt::Halt;
pub(crate) use publish::note_failure;
pub(crate) use resume::{Resume, Stage};

/// The parts of children that outlive the worker, for their names.
const ENCODE: &str = "encode";
const VERIFY: &str = "verify";
const LIVE: &str = "live";

/// An attempt under way.
#[derive(Debug)]
pub(crate) struct Attempt {
    shop: Arc<Shop>,
    job: Assignment,
    place: Place,
    herald: Herald,
    costs: Costs,
    commands: Vec<Vec<String>>,
    notes: Vec<String>,
    /// What was published of a sealed attempt that failed.
    artifacts: Vec<Artifact>,
    /// Whether it has the seal.
    sealed: bool,
    /// How many children it has had.
    children: u32,
    /// What the next life of this node would go on with.
    resume: Option<Resume>,
    /// Where an earlier life left it.
    from: Option<Stage>,
    /// The child that it left, which may have ended by now. Dropping it kills it.
    adopted: Option<ffleet_guard::Child>,
    /// The CPUs its children run on; all where there is none.
    share: Option<Share>,
    /// Its input, where that is a file.
    input: Option<Pinned>,
    /// The role group of its last child.
    role: RoleGroup,
}

impl Attempt {
    pub(crate) fn new(shop: Arc<Shop>, roster: Arc<Roster>, job: Assignment, place: Place) -> Self {
        let herald = Herald::start(shop.link.clone(), roster, job.attempt);
        Self {
            shop,
            job,
            place,
            herald,
            costs: Costs::default(),
            commands: Vec::new(),
            notes: Vec::new(),
            artifacts: Vec::new(),
            sealed: false,
            children: 0,
            resume: None,
            from: None,
            adopted: None,
            share: None,
            input: None,
            role: RoleGroup::named(RoleGroup::PROBE),
        }
    }

    /// The same attempt as an earlier life began it, to go on where `resume` says.
    pub(crate) fn resumed(self, resume: Resume, adopted: Option<ffleet_guard::Child>) -> Self {
        let mut attempt = self;
        attempt.adopted = adopted;
        attempt.costs = resume.costs;
        attempt.commands.clone_from(&resume.commands);
        attempt.notes.clone_from(&resume.notes);
        attempt.children = resume.children;
        attempt.from = Some(resume.stage.clone());
        attempt.resume = Some(resume);
        attempt
    }

    /// Carries it out and reports its end. When this returns nothing of it is left but what it
    /// published, unless the controller could not be told: then it is settled at the next start.
    /// One that was sealed and cannot be ended, for want of disk, is tried until it can.
    pub(crate) async fn run(mut self) {
        let id = self.job.attempt;
        let worked = Box::pin(self.work()).await;
        // It did not come to the child that it was to go on with.
        if let Some(child) = self.adopted.take() {
            child.kill_tree();
            child.wait().await;
        }
        let (outcome, artifacts) = match worked {
            Ok(artifacts) => (Outcome::Completed, artifacts),
            Err(Halt::Left) => return self.leave(Rest::Child).await,
            Err(Halt::Interrupted) if self.goes_on_without_child() => {
                return self.leave(Rest::Files).await;
            }
            Err(halt) => {
                tracing::info!(attempt = %id, ?halt, "the attempt did not complete");
                let adrift = halt == Halt::Adrift;
                let Some(outcome) = halt.outcome() else {
                    debug_assert!(adrift, "every other end is reported");
                    if self.sealed {
                        self.persist().await;
                    }
                    return;
                };
                self.undo().await;
                (outcome, std::mem::take(&mut self.artifacts))
            }
        };
        if self.finish(outcome, artifacts).await != Receipt::Undelivered {
            self.step(Step::Finished);
            self.sweep().await;
        }
    }

    /// Whether it is to be gone on with by the next life from where it is, although nothing of it runs: it is
    /// past its encode, or sends, and that is written down.
    fn goes_on_without_child(&self) -> bool {
        let stage = self.resume.as_ref().map(|resume| &resume.stage);
        self.shop.leaving.is_cancelled()
            && !self.sealed
            && stage.is_some_and(|stage| !matches!(stage, Stage::Encode))
    }

    /// Leaves everything as the death of this process would.
    async fn leave(self, rest: Rest) {
        // What was said of it is to be written down; where it cannot be, the next life says it again.
        let _receipt = self.herald.flush().await;
        tracing::info!(attempt = %self.job.attempt, job = self.job.number.0, ?rest, "left to the next start");
        self.place.leave(self.job.number, rest);
    }

    /// Settles what was sealed and could be neither published nor written down as failed. It keeps
    /// its place meanwhile, and with that its lease.
    async fn persist(&mut self) {
        self.place.release();
        let sealed = Some(std::mem::take(&mut self.artifacts));
        let held = Held { assignment: self.job.clone(), sealed, paused: false };
        recover::persist(&self.shop, held, Some(self.record())).await;
    }

    /// Everything up to the last result's final name.
    async fn work(&mut self) -> Result<Vec<Artifact>, Halt> {
        let dir = self.shop.work.dir(self.job.attempt);
        let (places, probe) = match self.resume.clone() {
            Some(resume) => {
                let places = self.look_back(&resume).await?;
                self.input = places.input.as_ref().map(Input::pinned);
                (places, resume.probe)
            }
            None => {
                let places = self.prepare().await?;
                self.input = places.input.as_ref().map(Input::pinned);
                self.step(Step::WorkMade);
                let probe = self.probe(places.input.as_ref()).await?;
                self.step(Step::Probed);
                (places, probe)
            }
        };
        self.resume
            .get_or_insert_with(|| Resume::begin(places.input.clone(), probe.clone()));
        self.between().await?;
        if self.job.spec.is_live() {
            self.live(&dir, &probe).await?;
            self.keep_recordings(&dir, &places).await
        } else {
            let made = self.encode(&dir, &places, &probe).await?;
            self.step(Step::Encoded);
            self.between().await?;
            self.verify(&dir, &made).await?;
            self.step(Step::Verified);
            self.publish(&dir, &places, |output| encode::result(&dir, output)).await
        }
    }

    /// What a live job recorded into files beside sending it; nothing for one that only sends.
    async fn keep_recordings(&mut self, dir: &Dir, places: &Places) -> Result<Vec<Artifact>, Halt> {
        if places.deliveries.is_empty() {
            return Ok(Vec::new());
        }
        self.publish(dir, places, |output| encode::result(dir, output)).await
    }

    /// Looks at the places and makes the work directory.
    async fn prepare(&self) -> Result<Places, Halt> {
        let (shop, spec, attempt) =
            (Arc::clone(&self.shop), self.job.spec.clone(), self.job.attempt);
        blocking(move || {
            let places = Places::look(&spec, attempt, &shop.bounds)?;
            shop.work.make(attempt)?;
            Ok(places)
        })
        .await
    }

    /// Looks at the places again, for an attempt that goes on. Its input is held to what it was.
    async fn look_back(&self, resume: &Resume) -> Result<Places, Halt> {
        self.herald.say(Report::Started { at: self.shop.clock.now() });
        let (shop, spec, attempt) =
            (Arc::clone(&self.shop), self.job.spec.clone(), self.job.attempt);
        let mut places = blocking(move || Places::look(&spec, attempt, &shop.bounds)).await?;
        places.input.clone_from(&resume.input);
        Ok(places)
    }

    /// A checkpoint, unless a child of an earlier life comes next: that one is paused or ended itself.
    async fn between(&mut self) -> Result<(), Halt> {
        match self.adopted {
            Some(_) => Ok(()),
            None => self.checkpoint().await,
        }
    }

    /// Goes on if that is wanted, waits while a pause is, and ends if an end is.
    async fn checkpoint(&mut self) -> Result<(), Halt> {
        let mut paused_at = self.resume.as_ref().and_then(|resume| resume.paused_since);
        loop {
            let order = *self.place.orders.borrow_and_update();
            match order {
                Order::Stop(stop) | Order::Kill(stop) => return Err(stop.into()),
                Order::Run => {
                    if let Some(since) = paused_at {
                        self.costs.pause(self.shop.clock.monotonic().saturating_sub(since));
                        self.note_pause(None).await;
                        self.herald.say(Report::Resumed { at: self.shop.clock.now() });
                    }
                    return Ok(());
                }
                Order::Pause if paused_at.is_none() => {
                    let since = self.shop.clock.monotonic();
                    paused_at = Some(since);
                    self.note_pause(Some(since)).await;
                    self.herald.say(Report::Paused { at: self.shop.clock.now() });
                }
                Order::Pause => {}
            }
            if self.place.orders.changed().await.is_err() {
                return Err(Halt::platform("the attempt was forgotten by its own worker"));
            }
        }
    }

    /// Removes what was staged, and the work directory unless the record in it is still needed.
    async fn undo(&self) {
        let (shop, job, sealed) = (Arc::clone(&self.shop), self.job.clone(), self.sealed);
        let undone = blocking(move || {
            undo(&job)?;
            if !sealed {
                shop.work.dir(job.attempt).remove()?;
            }
            Ok(())
        })
        .await;
        if let Err(halt) = undone {
            tracing::warn!(attempt = %self.job.attempt, ?halt, "something was left behind");
        }
    }

    async fn finish(&mut self, outcome: Outcome, artifacts: Vec<Artifact>) -> Receipt {
        let attempt = self.job.attempt;
        // What was said before comes before; that it was refused, the last report will be told.
        if self.herald.flush().await == Receipt::Undelivered {
            return Receipt::Undelivered;
        }
        // Whoever hears of the end may send the next at once.
        self.place.release();
        let finished = Finished {
            at: self.shop.clock.now(),
            outcome,
            usage: self.costs.usage(),
            artifacts,
            commands: std::mem::take(&mut self.commands),
            notes: std::mem::take(&mut self.notes),
        };
        self.shop
            .link
            .report(attempt, Report::Finished(Box::new(finished)))
            .await
    }

    /// Removes the work directory, the last trace.
    async fn sweep(&self) {
        let (shop, attempt) = (Arc::clone(&self.shop), self.job.attempt);
        if let Err(halt) = blocking(move || Ok(shop.work.dir(attempt).remove()?)).await {
            tracing::warn!(%attempt, ?halt, "the work directory was left behind");
        }
        self.step(Step::Swept);
    }

    fn step(&self, step: Step) {
        (self.shop.observer)(step);
    }
}

/// Removes the siblings of all targets of a job. Blocks.
pub(crate) fn undo(job: &Assignment) -> Result<(), Halt> {
    let mut first = Ok(());
    // Targets that can be no file's never got a sibling.
    for (_, delivery) in crate::places::deliveries(&job.spec, job.attempt).unwrap_or_default() {
        if let Err(error) = delivery.undo() {
            first = first.and_then(|()| Err(Halt::from(error)));
        }
    }
    first
}

/// Does what blocks on a thread that may.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Halt> + Send + 'static,
) -> Result<T, Halt> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Halt::platform(format!("a step broke off: {error}")))?
}
