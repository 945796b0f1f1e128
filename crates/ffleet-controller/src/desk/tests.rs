use std::sync::Arc;

use ffleet_api::control::Command;
use ffleet_media::Spec;
use ffleet_types::node::{Capacity, Description, GuardLevel};
use ffleet_types::task::State;
use ffleet_types::{AttemptId, Bytes, Fence, JobId, JobNumber, NodeId, TaskId, Timestamp};

use super::{Desk, Holding, Waiting};

const NODE: NodeId = NodeId::from_parts(1, 1);
const NOW: Timestamp = Timestamp::from_micros(1);

fn attempt(fence: u64) -> AttemptId {
    let task = TaskId::whole(JobId::from_parts(1, 1));
    AttemptId { task, fence: Fence::from_u64(fence) }
}

fn spec() -> Spec {
    let text =
        r#"{"input":"test:720p30","outputs":[{"target":"/tmp/x.mp4","make":{"raw":{"args":[]}}}]}"#;
    serde_json::from_str(text).expect("a specification")
}

fn holding() -> Holding {
    let work = Waiting {
        number: JobNumber(1),
        spec: Arc::new(spec()),
        input: Bytes(0),
        accepted: NOW,
        charged: 0,
        failures: Vec::new(),
    };
    Holding {
        node: NODE,
        work,
        need: Capacity::default(),
        state: State::Assigned,
        started: None,
        sealed: None,
        canceled: false,
        progress: None,
    }
}

/// A desk with one node that listens.
fn desk() -> Desk {
    let desk = Desk::default();
    let description = Description {
        name: "one".into(),
        version: "0".into(),
        capacity: Capacity::default(),
        guard: GuardLevel::Full,
        thread_peaks: ffleet_types::attempt::Tally::Counted,
        labels: [].into(),
        engines: Vec::new(),
    };
    desk.seat(NODE, description, NOW);
    desk
}

fn next(desk: &Desk) -> Option<Command> {
    desk.take(NODE).expect("it is registered").ok()
}

#[test]
fn cancel_between_the_claim_and_the_node_follows_the_task() {
    let desk = desk();
    assert!(!desk.cancel(attempt(1)), "nobody holds it");
    assert!(next(&desk).is_none());
    assert!(desk.give(attempt(1), holding()));
    assert!(matches!(next(&desk), Some(Command::Begin(work)) if work.attempt == attempt(1)));
    assert!(
        matches!(next(&desk), Some(Command::Cancel { attempt: told }) if told == attempt(1)),
        "the cancel comes after the task"
    );
    assert!(next(&desk).is_none());
}

#[test]
fn cancel_of_what_is_held_is_told_at_once_and_of_no_later_attempt() {
    let desk = desk();
    assert!(desk.give(attempt(1), holding()));
    assert!(desk.cancel(attempt(1)));
    assert!(matches!(next(&desk), Some(Command::Begin(_))));
    assert!(matches!(next(&desk), Some(Command::Cancel { .. })));
    desk.release(attempt(1));
    assert!(desk.give(attempt(2), holding()));
    assert!(matches!(next(&desk), Some(Command::Begin(_))));
    assert!(next(&desk).is_none());
}

#[test]
fn cancel_that_came_after_the_end_is_forgotten() {
    let desk = desk();
    assert!(!desk.cancel(attempt(1)));
    desk.forget_cancel(attempt(1));
    assert!(desk.lock().canceled.is_empty());
    assert!(!desk.cancel(attempt(1)));
    desk.release(attempt(1));
    assert!(desk.lock().canceled.is_empty());
}
