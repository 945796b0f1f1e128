//! Jobs, as the API shows them.

use std::collections::BTreeMap;

use ffleet_media::job::{EngineChoice, Make, Verify};
use ffleet_media::{Recipe, Spec, job as media};
use ffleet_types::job::{Class, Limits, Priority, Queue};
use ffleet_types::task::State;
use ffleet_types::{JobId, JobNumber, Reason, RoleGroup, Span};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::attempt::{Attempt, Progress};
use crate::moment::Moment;
use crate::schema;

/// A job with everything about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Job {
    /// What lists show, and the recipes of its outputs.
    #[serde(flatten)]
    pub summary: Summary,
    /// Every try at it, oldest first.
    pub attempts: Vec<Attempt>,
    /// Every change of its state, oldest first.
    pub history: Vec<Change>,
}

/// A job as lists show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = JobSummary)]
pub struct Summary {
    /// For machines.
    #[schema(value_type = String, example = "01k2f3s4t5v6w7x8y9zabcdefg")]
    pub id: JobId,
    /// For people.
    #[schema(value_type = u64)]
    pub number: JobNumber,
    /// Where it is in its life.
    #[schema(schema_with = schema::state)]
    pub state: State,
    /// Why it is there, as a class, where there is one.
    #[schema(schema_with = schema::reason)]
    pub reason: Option<Reason>,
    /// Why it is there, for a person.
    pub message: Option<String>,
    /// Why no node takes it, while it waits and that is known: each that could has closed itself. Of a job that is asked for
    /// by itself, also what each node has too little room for, and who has it, or cannot do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<String>,
    /// Where its media comes from.
    pub input: String,
    /// What is made of it.
    pub outputs: Vec<Output>,
    /// The kind of hurry.
    #[schema(schema_with = schema::queue)]
    pub queue: Queue,
    /// Which of the jobs of one queue goes first.
    #[schema(schema_with = schema::priority)]
    pub priority: Priority,
    /// The scheduling class that both make.
    #[schema(schema_with = schema::class)]
    pub class: Class,
    /// The role group that makes its results.
    #[schema(schema_with = schema::role_group)]
    pub role_group: RoleGroup,
    /// Who owns it.
    pub tenant: String,
    /// Free words.
    pub labels: BTreeMap<String, String>,
    /// What it may use at most, as far as it was said.
    #[schema(schema_with = schema::limits)]
    pub limits: Limits,
    /// How many failed attempts are tried again.
    pub retries: u32,
    /// Which engine.
    #[schema(schema_with = schema::engine)]
    pub engine: EngineChoice,
    /// Whether files that are in the way are replaced.
    pub overwrite: bool,
    /// How results are checked; nothing where it goes by the recipe.
    #[schema(schema_with = schema::verify)]
    pub verify: Option<Verify>,
    /// No more than this much of the input.
    #[schema(schema_with = schema::span)]
    pub duration: Option<Span>,
    /// The job that this one tries again.
    #[schema(value_type = Option<u64>)]
    pub retry_of: Option<JobNumber>,
    /// Whether somebody has asked for it to stop and its processes are not gone yet.
    #[serde(default)]
    pub cancel_requested: bool,
    /// When it was accepted, on disk.
    pub accepted_at: Moment,
    /// When its latest attempt began.
    pub started_at: Option<Moment>,
    /// When it ended.
    pub finished_at: Option<Moment>,
    /// How it gets on, while it runs.
    pub progress: Option<Progress>,
}

/// What only the store knows about a job, beside its specification.
#[derive(Clone, Debug)]
pub struct Facts {
    /// For machines.
    pub id: JobId,
    /// For people.
    pub number: JobNumber,
    /// Where it is.
    pub state: State,
    /// Why, as a class.
    pub reason: Option<Reason>,
    /// Why, for a person.
    pub message: Option<String>,
    /// The job that it tries again.
    pub retry_of: Option<JobNumber>,
    /// Whether it was asked to stop.
    pub cancel_requested: bool,
    /// When it was accepted.
    pub accepted_at: Moment,
    /// When its latest attempt began.
    pub started_at: Option<Moment>,
    /// When it ended.
    pub finished_at: Option<Moment>,
}

impl Summary {
    /// The summary of a job with this specification.
    #[must_use]
    pub fn new(facts: Facts, spec: &Spec, detail: Detail) -> Self {
        let terms = &spec.terms;
        Self {
            id: facts.id,
            number: facts.number,
            state: facts.state,
            reason: facts.reason,
            message: facts.message,
            waits: None,
            input: spec.input.to_string(),
            outputs: spec.outputs.iter().map(|output| Output::new(output, detail)).collect(),
            queue: terms.queue,
            priority: terms.priority,
            class: terms.class(),
            role_group: spec.role_group(),
            tenant: terms.tenant.to_string(),
            labels: terms.labels.clone(),
            limits: terms.limits,
            retries: terms.retries,
            engine: spec.engine,
            overwrite: spec.overwrite,
            verify: spec.verify,
            duration: spec.duration,
            retry_of: facts.retry_of,
            cancel_requested: facts.cancel_requested,
            accepted_at: facts.accepted_at,
            started_at: facts.started_at,
            finished_at: facts.finished_at,
            progress: None,
        }
    }
}

/// How much of each output is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Its target and its preset's name.
    Brief,
    /// Its recipe or its raw options as well.
    Full,
}

/// One result of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = JobOutput)]
pub struct Output {
    /// Where it goes.
    pub target: String,
    /// The preset it is made by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// The recipe it is made by, also where that came from a preset. Not in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::recipe)]
    pub recipe: Option<Recipe>,
    /// The engine options it is made by. Not in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Vec<String>>,
    /// Whether it is in its place.
    pub state: OutputState,
    /// Its size once it is there.
    pub size_bytes: Option<u64>,
}

impl Output {
    fn new(output: &media::Output, detail: Detail) -> Self {
        let full = detail == Detail::Full;
        let (preset, recipe, raw) = match &output.make {
            Make::Recipe { preset, recipe } => (preset.clone(), full.then(|| recipe.clone()), None),
            Make::Raw { args } => (None, None, full.then(|| args.clone())),
        };
        Self {
            target: output.target.to_string(),
            preset,
            recipe,
            raw,
            state: OutputState::Pending,
            size_bytes: None,
        }
    }

    /// Says that it is in its place.
    pub fn publish(&mut self, size_bytes: u64) {
        self.state = OutputState::Published;
        self.size_bytes = Some(size_bytes);
    }
}

/// Whether a result is in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutputState {
    /// Not yet.
    Pending,
    /// Verified and in its place.
    Published,
}

/// A change of a job's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = JobChange)]
pub struct Change {
    /// When.
    pub at: Moment,
    /// From where; nothing for its acceptance.
    #[schema(schema_with = schema::state)]
    pub from: Option<State>,
    /// To where.
    #[schema(schema_with = schema::state)]
    pub to: State,
    /// Who did it: `user:NAME`, `node:NAME` or `controller`.
    pub actor: String,
    /// Why, as a class.
    #[schema(schema_with = schema::reason)]
    pub reason: Option<Reason>,
    /// Why, for a person.
    pub message: Option<String>,
    /// Which attempt it concerns.
    pub attempt: Option<u64>,
}

/// A page of a list of jobs, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = JobPage)]
pub struct Page {
    /// The jobs.
    pub jobs: Vec<Summary>,
    /// What to give as `after` for the next page; nothing on the last one.
    #[schema(value_type = Option<u64>)]
    pub next: Option<JobNumber>,
}

/// A job's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = JobHistory)]
pub struct History {
    /// Every change of its state, oldest first.
    pub history: Vec<Change>,
}
