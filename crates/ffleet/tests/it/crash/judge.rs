//! What must hold of every job, whatever has happened to the server.

use std::fs;
use std::time::{Duration, Instant};

use ffleet_testkit::until;
use ffleet_types::task::{Change, Event, Next, State, Task};
use ffleet_types::{Fence, Outcome, Reason};
use serde_json::Value;

use crate::crash::client::Ticket;
use crate::crash::load::{Order, Places};
use crate::crash::watch::Watch;
use crate::fixture::Server;

/// All jobs there are, each with everything about it, by number.
pub(super) fn jobs(server: &Server) -> Vec<Value> {
    let mut jobs = Vec::new();
    let mut page = "/v1/jobs?limit=200".to_owned();
    loop {
        let list = server.call("GET", &page, b"").json();
        let numbers = list["jobs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|job| job["number"].to_string());
        jobs.extend(numbers.map(|n| server.call("GET", &format!("/v1/jobs/{n}"), b"").json()));
        if list["next"].is_null() {
            jobs.sort_by_key(|job| job["number"].as_u64());
            return jobs;
        }
        page = format!("/v1/jobs?limit=200&after={}", list["next"]);
    }
}

/// Waits until nothing is under way.
pub(super) fn await_all_ended(server: &Server, deadline: Duration) {
    let begun = Instant::now();
    until(deadline, "every job has ended", || {
        let states = "queued,assigned,running,paused,retrying";
        let open = server
            .call("GET", &format!("/v1/jobs?limit=500&state={states}"), b"")
            .json();
        let open = open["jobs"].as_array().unwrap();
        let last = Duration::from_secs(1) > deadline.saturating_sub(begun.elapsed());
        assert!(!last || open.is_empty(), "these never ended: {open:#?}");
        open.is_empty()
    });
}

/// Asserts that there is one job for each order, the one that was acknowledged, and that each is
/// completed once and its results are whole. Answers how many assignments were cut off.
pub(super) fn each_is_done_once(
    server: &Server,
    places: &Places,
    orders: &[(Order, Ticket)],
    watch: &mut Watch,
) -> usize {
    let jobs = jobs(server);
    let mut cut_off = 0;
    for (order, ticket) in orders {
        let label = order.index.to_string();
        let ours: Vec<_> = jobs.iter().filter(|job| job["labels"]["order"] == label).collect();
        let [job] = ours[..] else {
            panic!("{} jobs for {order:?}: {ours:#?}", ours.len());
        };
        assert_eq!(job["id"], ticket.id, "{order:?}");
        assert_eq!(job["number"], ticket.number, "{order:?}");
        cut_off += completed_once(job);
        order.check(places);
        for (output, target) in job["outputs"].as_array().unwrap().iter().zip(order.targets(places))
        {
            assert_eq!(output["state"], "published", "{job:#}");
            assert_eq!(output["size-bytes"], fs::metadata(&target).unwrap().len(), "{job:#}");
        }
    }
    assert_eq!(jobs.len(), orders.len(), "there are jobs that nobody asked for");
    let seen = watch.visible();
    let targets = orders.iter().flat_map(|(order, _)| order.targets(places));
    let mut names: Vec<_> = targets
        .map(|target| target.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    for name in &names {
        let events = seen.get(name).copied().unwrap_or_default();
        assert_eq!((events.named, events.written), (1, 0), "{name} was not published once");
    }
    cut_off
}

/// Asserts that a job's history is one that the table allows and ends in `completed`, and that
/// its attempts agree. Answers how many assignments were cut off: interrupted, or given back
/// because the crash came before the start was written down.
pub(super) fn completed_once(job: &Value) -> usize {
    assert_eq!(job["state"], "completed", "{job:#}");
    replay(job);
    let history = job["history"].as_array().unwrap();
    let moves = |to: &str| history.iter().filter(|change| change["to"] == to).count();
    assert_eq!(moves("completed"), 1, "{job:#}");
    let (last, before) = job["attempts"].as_array().unwrap().split_last().unwrap();
    assert_eq!(last["outcome"], "completed", "{job:#}");
    let interrupted = before
        .iter()
        .filter(|attempt| attempt["reason"] == "interrupted")
        .count();
    assert_eq!(interrupted, moves("retrying"), "{job:#}");
    assert!(before.iter().all(|attempt| attempt["outcome"] != "completed"), "{job:#}");
    moves("assigned") - 1
}

/// Applies a job's history, change for change.
fn replay(job: &Value) {
    let history = job["history"].as_array().unwrap();
    let (first, rest) = history.split_first().unwrap();
    assert!(first["from"].is_null() && first["to"] == "queued", "{job:#}");
    let mut task = Task::default();
    let mut at = first["at"].as_str().unwrap();
    for change in rest {
        let state = |key: &str| -> State { change[key].as_str().unwrap().parse().unwrap() };
        let (from, to) = (state("from"), state("to"));
        let moved = task.apply(&event(change, from, to));
        assert_eq!(moved, Ok(Change::Moved { from, to }), "{change:#} of {job:#}");
        let next = change["at"].as_str().unwrap();
        assert!(next >= at, "time runs backwards at {change:#} of {job:#}");
        at = next;
    }
    assert_eq!(Some(task.state.name()), job["state"].as_str(), "{job:#}");
    assert_eq!(task.charged, 0, "an interruption was charged: {job:#}");
}

/// The event that made a change.
fn event(change: &Value, from: State, to: State) -> Event {
    let fence = change["attempt"].as_u64().map(Fence::from_u64);
    let fence = || fence.unwrap_or_else(|| panic!("no attempt in {change:#}"));
    let reason = || -> Reason { change["reason"].as_str().unwrap().parse().unwrap() };
    let finish = |outcome, next| Event::Finish { fence: fence(), outcome, next };
    match (from, to) {
        (_, State::Assigned) => Event::Assign { fence: fence() },
        (State::Assigned, State::Queued) => Event::Decline { fence: fence() },
        (State::Assigned, State::Running) => Event::Start { fence: fence() },
        (_, State::Completed) => finish(Outcome::Completed, Next::End),
        (_, State::Retrying) => finish(Outcome::failed(reason(), ""), Next::RetryFree),
        (State::Retrying, State::Queued) => Event::Requeue,
        _ => panic!("nothing here leads from {from} to {to}: {change:#}"),
    }
}
