//! The loop that hears what is to be done, and has it done.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ffleet_api::control::{Assignment, Command, Error, Finished, Held, Phase, Report, Welcome};
use ffleet_base::chance;
use ffleet_supervise::{Order, Stop};
use ffleet_types::attempt::Usage;
use ffleet_types::live::Sort;
use ffleet_types::node::{Capacity, Description};
use ffleet_types::{AttemptId, Outcome};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::attempt::{Attempt, Resume};
use crate::disk::Disk;
use crate::link::BACKOFF;
use crate::recover::{self, Settled};
use crate::roster::{NoPlace, Roster};
use crate::shop::Shop;

/// How long a call for something to do is held open.
const HOLD: Duration = Duration::from_secs(30);

/// Pulls, and starts attempts.
#[derive(Clone, Debug)]
pub(crate) struct Puller {
    pub(crate) shop: Arc<Shop>,
    pub(crate) roster: Arc<Roster>,
    pub(crate) disk: Arc<Disk>,
    pub(crate) description: Description,
    pub(crate) attempts: TaskTracker,
    /// Goes off when no more is to be taken.
    pub(crate) draining: CancellationToken,
    /// Goes off when nobody is to be heard any more.
    pub(crate) ended: CancellationToken,
}

impl Puller {
    /// Registers and settles what was held, as often as it takes. Nothing once the end came.
    pub(crate) async fn register(&self) -> Option<Welcome> {
        let mut failures = 0;
        loop {
            let registered = tokio::select! {
                registered = self.shop.link.register(self.description.clone()) => registered,
                () = self.ended.cancelled() => return None,
            };
            match registered {
                Ok(welcome) => {
                    self.settle(&welcome).await;
                    return Some(welcome);
                }
                Err(error) => {
                    failures += 1;
                    tracing::warn!(%error, failures, "the node could not register; trying again");
                    self.pause(failures).await?;
                }
            }
        }
    }

    /// Settles what is held but not at work here, and removes what nobody holds.
    async fn settle(&self, welcome: &Welcome) {
        let gone = welcome
            .held
            .iter()
            .filter(|held| !self.roster.has(held.assignment.attempt));
        for held in gone {
            if !self.go_on(held).await
                && recover::settle(&self.shop, held.clone(), None).await == Settled::NotYet
            {
                self.settle_later(held.clone());
            }
        }
        // Whoever of an earlier life was not gone on with has no attempt any more.
        self.shop.node.abandon_orphans(|child| !Sort::is_label(child));
        let shop = Arc::clone(&self.shop);
        let mut alive: BTreeSet<AttemptId> =
            self.roster.progress().into_iter().map(|(attempt, _)| attempt).collect();
        // What could not be settled is still held.
        alive.extend(welcome.held.iter().map(|held| held.assignment.attempt));
        let swept = tokio::task::spawn_blocking(move || shop.work.sweep(&alive)).await;
        match swept {
            Ok(Ok(0)) => {}
            Ok(Ok(count)) => tracing::info!(count, "removed work directories that nobody holds"),
            Ok(Err(error)) => tracing::warn!(%error, "a work directory was left behind"),
            Err(error) => tracing::warn!(%error, "work directories were left behind"),
        }
    }

    /// Goes on trying to settle an attempt. It is on the roster meanwhile, so that its lease is
    /// renewed and the next registration does not settle it beside this.
    fn settle_later(&self, held: Held) {
        let Ok(place) = self.roster.enter(held.assignment.attempt, Capacity::default()) else {
            return;
        };
        place.enter_phase(Phase::Publish);
        let shop = Arc::clone(&self.shop);
        // The tracker owns it; it ends when it is settled or the line is cut.
        self.attempts.spawn(async move {
            recover::persist(&shop, held, None).await;
            drop(place);
        });
    }

    /// Goes on with an attempt of an earlier life, if that is possible.
    async fn go_on(&self, held: &Held) -> bool {
        let job = held.assignment.clone();
        let (shop, of) = (Arc::clone(&self.shop), held.clone());
        let looked = tokio::task::spawn_blocking(move || Resume::of(&shop.work, &shop.node, &of));
        let Ok(Some(resume)) = looked.await else { return false };
        let Ok(place) = self.roster.enter(job.attempt, job.need) else {
            return false;
        };
        tracing::info!(attempt = %job.attempt, stage = ?resume.stage, "an attempt from before goes on");
        let adopted = match self.shop.node.adopt(&resume.child(job.attempt)) {
            Ok(adopted) => adopted,
            Err(error) => {
                tracing::warn!(attempt = %job.attempt, error = %ffleet_base::chain(&error), "it cannot");
                return false;
            }
        };
        if held.paused {
            self.roster.order(job.attempt, Order::Pause);
        }
        let (shop, roster) = (Arc::clone(&self.shop), Arc::clone(&self.roster));
        let attempt = Attempt::new(shop, roster, job, place).resumed(resume, adopted);
        // The tracker owns it: stopping the worker waits for it.
        self.attempts.spawn(attempt.run());
        true
    }

    /// Takes and does until the end comes.
    pub(crate) async fn run(self) {
        let mut failures = 0;
        loop {
            let next = tokio::select! {
                biased;
                () = self.ended.cancelled() => return,
                next = self.shop.link.next(HOLD) => next,
            };
            match next {
                Ok(command) => {
                    failures = 0;
                    self.obey(command);
                }
                Err(Error::Unknown) => {
                    tracing::warn!("the controller does not know this node; registering again");
                    if self.register().await.is_none() {
                        return;
                    }
                }
                Err(error @ (Error::Unavailable(_) | Error::Stale(_))) => {
                    failures += 1;
                    if failures == 1 {
                        tracing::warn!(%error, "the controller cannot be heard; trying again");
                    }
                    if self.pause(failures).await.is_none() {
                        return;
                    }
                }
            }
        }
    }

    /// Waits before another try; nothing once the end came.
    async fn pause(&self, failures: u32) -> Option<()> {
        tokio::select! {
            () = self.ended.cancelled() => None,
            () = tokio::time::sleep(BACKOFF.wait(failures, chance::unit())) => Some(()),
        }
    }

    fn obey(&self, command: Command) {
        match command {
            Command::Nothing => {}
            Command::Begin(assignment) => self.begin(*assignment),
            Command::Cancel { attempt } => {
                if !self.roster.order(attempt, Order::Stop(Stop::Canceled)) {
                    self.settle_canceled(attempt);
                }
            }
            Command::Pause { attempt } => self.order(attempt, Order::Pause),
            Command::Resume { attempt } => self.order(attempt, Order::Run),
        }
    }

    fn order(&self, attempt: AttemptId, order: Order) {
        if !self.roster.order(attempt, order) {
            tracing::info!(%attempt, ?order, "an order came for an attempt that is not here");
        }
    }

    fn begin(&self, job: Assignment) {
        let attempt = job.attempt;
        if self.draining.is_cancelled() {
            return self.decline(attempt, "the node is stopping".to_owned());
        }
        // The controller hears of a full disk at the next renewal, and may have sent this before.
        if let Some(full) = self.disk.full() {
            return self.decline(attempt, full);
        }
        match self.roster.enter(attempt, job.need) {
            Ok(place) => {
                let (shop, roster) = (Arc::clone(&self.shop), Arc::clone(&self.roster));
                let work = Attempt::new(shop, roster, job, place).run();
                // The tracker owns it: stopping the worker waits for it.
                self.attempts.spawn(work);
            }
            Err(NoPlace::Has) => tracing::debug!(%attempt, "an assignment came twice"),
            Err(NoPlace::Full(free)) => self.decline(
                attempt,
                format!(
                    "the node has no room for it now: it needs {} CPU and {} of memory, {} and {} are free",
                    job.need.cpu,
                    job.need.memory.human(),
                    free.cpu,
                    free.memory.human()
                ),
            ),
        }
    }

    fn decline(&self, attempt: AttemptId, why: String) {
        tracing::info!(%attempt, why, "an assignment was declined");
        self.say(attempt, Report::Declined { why });
    }

    /// An attempt that is not here has no processes here: the cancellation is done. If it has
    /// ended, this is refused and changes nothing.
    fn settle_canceled(&self, attempt: AttemptId) {
        self.say(
            attempt,
            Report::Finished(Box::new(Finished {
                at: self.shop.clock.now(),
                outcome: Outcome::Canceled,
                usage: Usage::default(),
                artifacts: Vec::new(),
                commands: Vec::new(),
                notes: Vec::new(),
            })),
        );
    }

    /// Reports without being waited for.
    fn say(&self, attempt: AttemptId, report: Report) {
        let link = self.shop.link.clone();
        self.attempts.spawn(async move {
            let receipt = link.report(attempt, report).await;
            tracing::debug!(%attempt, ?receipt, "told the controller");
        });
    }
}
