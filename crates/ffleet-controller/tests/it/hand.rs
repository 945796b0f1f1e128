//! A worker that does what a test tells it to: the other side of `control::Controller`.

use std::time::Duration;

use ffleet_api::control::{
    Assignment, Command, Controller as _, Error, Finished, Held, Progress, Report, Standing,
};
use ffleet_base::{Clock as _, SystemClock, chance};
use ffleet_controller::Controller;
use ffleet_types::attempt::{Artifact, Usage};
use ffleet_types::node::{Capacity, Description, Engine, GuardLevel};
use ffleet_types::{AttemptId, Bytes, Cpu, NodeId, Outcome, Reason, Timestamp};

use crate::fixture::DEADLINE;

/// A node in a test's hand.
pub(crate) struct Hand {
    pub(crate) node: NodeId,
    pub(crate) held: Vec<Held>,
    controller: Controller,
}

pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}

pub(crate) fn capacity(tasks: u32) -> Capacity {
    Capacity {
        cpu: Cpu::whole(4 * tasks),
        memory: Bytes::gib(8),
        scratch: Bytes::gib(100),
        tasks,
    }
}

fn description(name: &str, tasks: u32) -> Description {
    Description {
        name: name.into(),
        version: "0".into(),
        capacity: capacity(tasks),
        guard: GuardLevel::Full,
        thread_peaks: ffleet_types::attempt::Tally::Counted,
        labels: [].into(),
        engines: Vec::new(),
    }
}

impl Hand {
    /// Registers a node that holds so many tasks.
    pub(crate) async fn join(controller: &Controller, name: &str, tasks: u32) -> Self {
        Self::back(controller, chance::node_id(now()), name, tasks).await
    }

    /// Registers a node `one` whose FFmpeg has proven these encoders and no others.
    pub(crate) async fn equipped(controller: &Controller, encoders: &[&str]) -> Self {
        Self::equipped_as(controller, "one", encoders).await
    }

    /// The same of this name.
    pub(crate) async fn equipped_as(
        controller: &Controller,
        name: &str,
        encoders: &[&str],
    ) -> Self {
        let description = Description {
            engines: vec![Engine {
                name: "ffmpeg".into(),
                path: "/usr/bin/ffmpeg".into(),
                version: "7.1".into(),
                hash: String::new(),
                encoders: encoders.iter().map(|&name| name.to_owned()).collect(),
                decoders: Vec::new(),
                filters: vec!["scale".into()],
                muxers: Vec::new(),
                listed: encoders.iter().map(|&name| name.to_owned()).collect(),
                unproven: [].into(),
                threads: [].into(),
                memory: [].into(),
            }],
            ..description(name, 1)
        };
        Self::register(controller, chance::node_id(now()), description).await
    }

    /// Registers a node that was there before.
    pub(crate) async fn back(
        controller: &Controller,
        node: NodeId,
        name: &str,
        tasks: u32,
    ) -> Self {
        Self::register(controller, node, description(name, tasks)).await
    }

    async fn register(controller: &Controller, node: NodeId, description: Description) -> Self {
        let welcome = controller.register(node, description).await.unwrap();
        Self { node, held: welcome.held, controller: controller.clone() }
    }

    /// The next command; fails the test if there is none in time.
    pub(crate) async fn command(&self) -> Command {
        let wait = async {
            loop {
                match self.controller.next(self.node, DEADLINE).await.unwrap() {
                    Command::Nothing => {}
                    command => return command,
                }
            }
        };
        tokio::time::timeout(DEADLINE, wait).await.expect("a command in time")
    }

    /// Whether nothing comes for a while.
    pub(crate) async fn is_idle(&self) -> bool {
        let wait = Duration::from_millis(100);
        matches!(self.controller.next(self.node, wait).await, Ok(Command::Nothing))
    }

    /// The next assignment.
    pub(crate) async fn assignment(&self) -> Assignment {
        match self.command().await {
            Command::Begin(assignment) => *assignment,
            other => panic!("{other:?} instead of an assignment"),
        }
    }

    /// The next assignment, begun.
    pub(crate) async fn begin(&self) -> Assignment {
        let assignment = self.assignment().await;
        self.report(assignment.attempt, Report::Started { at: now() })
            .await
            .unwrap();
        assignment
    }

    pub(crate) async fn report(&self, attempt: AttemptId, report: Report) -> Result<(), Error> {
        self.controller.report(self.node, attempt, report).await
    }

    pub(crate) async fn progress(&self, attempt: AttemptId, percent: f64) -> Vec<AttemptId> {
        self.tell(attempt, Progress { percent: Some(percent), ..Progress::default() })
            .await
    }

    /// Says what of its memory the rings of its streams have.
    pub(crate) async fn say_rings(&self, rings: Bytes) {
        let standing = Standing { rings, ..Standing::default() };
        self.controller.renew(self.node, Vec::new(), standing).await.unwrap();
    }

    /// Renews a lease, and answers whether it is one that is to be stopped.
    pub(crate) async fn tell(&self, attempt: AttemptId, progress: Progress) -> Vec<AttemptId> {
        self.controller
            .renew(self.node, vec![(attempt, progress)], Standing::default())
            .await
            .unwrap()
    }

    /// Ends an attempt.
    pub(crate) async fn end(&self, attempt: AttemptId, outcome: Outcome) -> Result<(), Error> {
        self.report(attempt, Report::Finished(Box::new(finished(outcome, Vec::new()))))
            .await
    }

    pub(crate) async fn fail(&self, attempt: AttemptId, reason: Reason) -> Result<(), Error> {
        self.end(attempt, Outcome::failed(reason, format!("on purpose: {reason}")))
            .await
    }

    /// Seals, publishes and completes an assignment.
    pub(crate) async fn complete(&self, assignment: &Assignment) -> Result<(), Error> {
        let attempt = assignment.attempt;
        let artifacts = artifacts(assignment, false);
        self.report(attempt, Report::Sealed { artifacts }).await?;
        let end = finished(Outcome::Completed, artifacts_published(assignment));
        self.report(attempt, Report::Finished(Box::new(end))).await
    }
}

pub(crate) fn artifacts(assignment: &Assignment, published: bool) -> Vec<Artifact> {
    let outputs = assignment.spec.outputs.iter().enumerate();
    outputs
        .map(|(index, output)| Artifact {
            output: u32::try_from(index).unwrap(),
            staged: format!("{}.part", output.target),
            target: output.target.to_string(),
            size: Bytes(4_096),
            published,
        })
        .collect()
}

fn artifacts_published(assignment: &Assignment) -> Vec<Artifact> {
    artifacts(assignment, true)
}

pub(crate) fn finished(outcome: Outcome, artifacts: Vec<Artifact>) -> Finished {
    Finished {
        at: now(),
        outcome,
        usage: Usage {
            wall_micros: 2_000_000,
            user_micros: 1_500_000,
            system_micros: 250_000,
            peak_memory: Bytes::mib(64),
            ..Usage::default()
        },
        artifacts,
        commands: vec![vec!["ffmpeg".into(), "-version".into()]],
        notes: vec!["upscaled".into()],
    }
}
