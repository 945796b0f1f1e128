//! A controller that does what a test says, and remembers what it heard.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ffleet_api::control::{
    Command, Controller, Error, Finished, Held, Phase, Progress, Report, Standing, Welcome,
};
use ffleet_types::node::Description;
use ffleet_types::{AttemptId, NodeId};
use tokio::sync::Notify;

/// How long anything may take in a test.
pub(crate) const LONG: Duration = Duration::from_secs(50);

/// The controller; clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fake(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
    /// Something was commanded.
    commanded: Notify,
    /// Something was heard.
    heard: Notify,
}

#[derive(Debug, Default)]
struct State {
    commands: VecDeque<Command>,
    /// How often the node has asked for something to do.
    asked: usize,
    held: Vec<Held>,
    node: Option<Description>,
    reports: Vec<(AttemptId, Report)>,
    progress: Vec<(AttemptId, Progress)>,
    lost: Vec<AttemptId>,
    /// Why the node takes no more work, as it last said.
    closed: Option<String>,
    /// Reports that are refused as stale, by kind.
    refused: Vec<&'static str>,
    /// So many calls fail first.
    unavailable: usize,
}

/// A report's kind.
pub(crate) const fn kind(report: &Report) -> &'static str {
    match report {
        Report::Started { .. } => "started",
        Report::Declined { .. } => "declined",
        Report::Paused { .. } => "paused",
        Report::Resumed { .. } => "resumed",
        Report::Sealed { .. } => "sealed",
        Report::Finished(_) => "finished",
    }
}

impl Fake {
    fn with<T>(&self, with: impl FnOnce(&mut State) -> T) -> T {
        with(&mut self.0.state.lock().unwrap())
    }

    /// What the node held before.
    pub(crate) fn holding(self, held: Vec<Held>) -> Self {
        self.with(|state| state.held = held);
        self
    }

    /// Refuses reports of this kind as stale.
    pub(crate) fn refusing(self, kind: &'static str) -> Self {
        self.with(|state| state.refused.push(kind));
        self
    }

    /// Fails the next calls that could change something.
    pub(crate) fn fail(&self, calls: usize) {
        self.with(|state| state.unavailable = calls);
    }

    pub(crate) fn command(&self, command: Command) {
        self.with(|state| state.commands.push_back(command));
        self.0.commanded.notify_one();
    }

    /// Commands, and blocks until the node has obeyed: it asks for the next.
    pub(crate) fn obeyed(&self, command: Command) {
        let before = self.with(|state| state.asked);
        self.command(command);
        ffleet_testkit::until(LONG, "the node obeys", || self.with(|state| state.asked > before));
    }

    /// Lets an attempt's lease lapse.
    pub(crate) fn lose(&self, attempt: AttemptId) {
        self.with(|state| state.lost.push(attempt));
    }

    /// The reports about an attempt that were taken, in order.
    pub(crate) fn reports(&self, attempt: AttemptId) -> Vec<Report> {
        self.with(|state| {
            let of = state.reports.iter().filter(|(id, _)| *id == attempt);
            of.map(|(_, report)| report.clone()).collect()
        })
    }

    /// The kinds of reports about an attempt that were taken, in order.
    pub(crate) fn kinds(&self, attempt: AttemptId) -> Vec<&'static str> {
        self.reports(attempt).iter().map(kind).collect()
    }

    /// The node as it described itself.
    pub(crate) fn node(&self) -> Option<Description> {
        self.with(|state| state.node.clone())
    }

    /// Waits until `find` finds something in what was heard.
    pub(crate) async fn until<T>(
        &self,
        what: &str,
        find: impl Fn(&[(AttemptId, Report)]) -> Option<T>,
    ) -> T {
        let waiting = async {
            loop {
                let heard = self.0.heard.notified();
                if let Some(found) = self.with(|state| find(&state.reports)) {
                    return found;
                }
                heard.await;
            }
        };
        match tokio::time::timeout(LONG, waiting).await {
            Ok(found) => found,
            Err(_late) => panic!(
                "waited in vain for {what}; heard {:#?}",
                self.with(|state| state.reports.clone())
            ),
        }
    }

    /// Waits for a report of this kind about an attempt.
    pub(crate) async fn heard(&self, attempt: AttemptId, wanted: &'static str) -> Report {
        self.until(wanted, |reports| {
            let mut of = reports.iter().filter(|(id, _)| *id == attempt);
            of.find(|(_, report)| kind(report) == wanted)
                .map(|(_, report)| report.clone())
        })
        .await
    }

    /// Waits for an attempt's end.
    pub(crate) async fn end(&self, attempt: AttemptId) -> Finished {
        match self.heard(attempt, "finished").await {
            Report::Finished(finished) => *finished,
            other => panic!("{other:?}"),
        }
    }

    /// Waits until an attempt says that it is in this phase and, where `frames` is more than
    /// nothing, has encoded some.
    pub(crate) async fn in_phase(&self, attempt: AttemptId, phase: Phase, frames: u64) {
        self.shows(attempt, |shown| shown.phase == phase && shown.frames >= frames)
            .await;
    }

    /// Waits until an attempt shows what is `wanted`.
    pub(crate) async fn shows(
        &self,
        attempt: AttemptId,
        wanted: impl Fn(&Progress) -> bool,
    ) -> Progress {
        let waiting = async {
            loop {
                let heard = self.0.heard.notified();
                let found = self.with(|state| {
                    let mut of = state.progress.iter().filter(|(id, _)| *id == attempt);
                    of.find(|(_, progress)| wanted(progress))
                        .map(|(_, progress)| progress.clone())
                });
                if let Some(found) = found {
                    return found;
                }
                heard.await;
            }
        };
        match tokio::time::timeout(LONG, waiting).await {
            Ok(found) => found,
            Err(_late) => panic!(
                "never shown; last {:?}; heard {:#?}",
                self.with(|state| state.progress.clone()),
                self.reports(attempt)
            ),
        }
    }

    fn may_fail(&self) -> Result<(), Error> {
        self.with(|state| match state.unavailable {
            0 => Ok(()),
            _ => {
                state.unavailable -= 1;
                Err(Error::Unavailable("the test says so".to_owned()))
            }
        })
    }
}

impl Controller for Fake {
    async fn register(&self, _: NodeId, description: Description) -> Result<Welcome, Error> {
        self.may_fail()?;
        let held = self.with(|state| {
            state.node = Some(description);
            std::mem::take(&mut state.held)
        });
        self.0.heard.notify_waiters();
        Ok(Welcome { renew_every: Duration::from_millis(100), held })
    }

    async fn next(&self, _: NodeId, wait: Duration) -> Result<Command, Error> {
        self.with(|state| state.asked += 1);
        let waiting = async {
            loop {
                let commanded = self.0.commanded.notified();
                if let Some(command) = self.with(|state| state.commands.pop_front()) {
                    return command;
                }
                commanded.await;
            }
        };
        Ok(tokio::time::timeout(wait, waiting).await.unwrap_or(Command::Nothing))
    }

    async fn renew(
        &self,
        _: NodeId,
        progress: Vec<(AttemptId, Progress)>,
        standing: Standing,
    ) -> Result<Vec<AttemptId>, Error> {
        let lost = self.with(|state| {
            state.closed = standing.closed;
            state.progress = progress;
            state.lost.clone()
        });
        self.0.heard.notify_waiters();
        Ok(lost)
    }

    async fn report(&self, _: NodeId, attempt: AttemptId, report: Report) -> Result<(), Error> {
        self.may_fail()?;
        let taken = self.with(|state| {
            if state.refused.contains(&kind(&report)) {
                return Err(Error::Stale("the test says so".to_owned()));
            }
            state.reports.push((attempt, report));
            Ok(())
        });
        self.0.heard.notify_waiters();
        taken
    }
}
