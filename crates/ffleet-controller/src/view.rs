//! Rows of the store as the API shows them.

use std::borrow::Cow;

use ffleet_api::attempt::{Attempt, Progress};
use ffleet_api::job::{Change, Detail, Facts, Job, OutputState, Summary};
use ffleet_api::node::Node;
use ffleet_store::{Edge, JobRow, JobSummary};
use ffleet_telemetry::redact;
use ffleet_types::node::Capacity;
use ffleet_types::task::State;
use ffleet_types::{Fence, Timestamp};

use crate::desk::Desk;

/// A job with everything about it.
pub(crate) fn job(row: &JobRow, desk: &Desk) -> Job {
    let mut summary = summarise(&row.summary, desk, Detail::Full);
    for artifact in row.artifacts().iter().filter(|artifact| artifact.published) {
        let index = usize::try_from(artifact.output).unwrap_or(usize::MAX);
        if let Some(output) = summary.outputs.get_mut(index) {
            output.publish(artifact.size.0);
        }
    }
    Job {
        attempts: row
            .attempts
            .iter()
            .map(|attempt| Attempt::new(attempt, desk.name(attempt.node)))
            .collect(),
        history: row.history.iter().map(change).collect(),
        summary,
    }
}

/// A job as lists show it.
pub(crate) fn summary(row: &JobSummary, desk: &Desk) -> Summary {
    summarise(row, desk, Detail::Brief)
}

/// Takes passwords and stream keys out of the places of a job: who may see the job need not know
/// them, and a retry reads them from the store.
pub(crate) fn conceal(summary: &mut Summary) {
    let targets = summary.outputs.iter_mut().map(|output| &mut output.target);
    for place in [&mut summary.input].into_iter().chain(targets) {
        // Only addresses hold any, and most places are paths.
        if place.contains("://")
            && let Cow::Owned(clean) = redact(place)
        {
            *place = clean;
        }
    }
}

fn summarise(row: &JobSummary, desk: &Desk, detail: Detail) -> Summary {
    let facts = Facts {
        id: row.id,
        number: row.number,
        state: row.state,
        reason: row.reason,
        message: row.message.clone(),
        retry_of: row.retry_of,
        cancel_requested: row.cancel_requested.is_some() && !row.state.is_terminal(),
        accepted_at: row.accepted.into(),
        started_at: row.started.map(Into::into),
        finished_at: row.finished.map(Into::into),
    };
    let mut summary = Summary::new(facts, &row.spec, detail);
    conceal(&mut summary);
    if row.state.is_held() {
        summary.progress = desk.progress(row.id).as_ref().map(Progress::from);
    }
    if row.state == State::Queued {
        summary.waits = desk.closed();
    }
    if row.state == State::Completed && !row.spec.is_live() {
        for output in &mut summary.outputs {
            output.state = OutputState::Published;
        }
    }
    summary
}

/// A change of state.
pub(crate) fn change(edge: &Edge) -> Change {
    Change {
        at: edge.at.into(),
        from: edge.from,
        to: edge.to,
        actor: edge.actor.to_string(),
        reason: edge.reason,
        message: edge.message.clone(),
        attempt: (edge.fence != Fence::NONE).then(|| edge.fence.as_u64()),
    }
}

/// All nodes, by name.
pub(crate) fn nodes(desk: &Desk, now: Timestamp, term: std::time::Duration) -> Vec<Node> {
    let mut nodes: Vec<_> = desk
        .stations()
        .into_iter()
        .map(|(id, station, promised, jobs)| Node {
            order: station.order,
            state: station.state(now, term),
            closed: station.closed.clone(),
            promised: promised.plus(&Capacity { memory: station.rings, ..Capacity::default() }),
            ring_bytes: station.rings.0,
            jobs,
            ..Node::new(id, &station.description, station.heard.into())
        })
        .collect();
    nodes.sort_by(|one, other| (&one.name, one.id).cmp(&(&other.name, other.id)));
    nodes
}
