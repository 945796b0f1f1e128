//! The worker's process is killed at a step; the next life settles what it held.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use ffleet_api::control::{Assignment, Held, Report};
use ffleet_spool::Step;
use ffleet_types::{Outcome, Reason};
use rustix::process::{Signal, getpid, kill_process};

use crate::controller::Fake;
use crate::fixture::{Bench, Unusual, clip, failure, job, look, quick};

/// The directory, the job and the step at which a child of these tests dies.
const ORDER: &str = "FFLEET_TEST_CRASH";

/// Not a test of its own: what the test below starts as a process to be killed.
#[tokio::test(flavor = "multi_thread")]
async fn worker_that_dies_where_it_is_told() {
    #[expect(clippy::disallowed_methods, reason = "how a test speaks to its own child")]
    let Ok(order) = std::env::var(ORDER) else { return };
    let (dir, job, step): (String, Assignment, String) = serde_json::from_str(&order).unwrap();
    let step: Step = step.parse().unwrap();
    let (controller, path) = (Fake::default(), Path::new(&dir).join("sealed"));
    let (heard, attempt) = (controller.clone(), job.attempt);
    let observer = move |reached: Step| {
        if reached == step {
            // What the controller knows outlives this process.
            if heard.kinds(attempt).contains(&"sealed") {
                let artifacts = heard.sealed(attempt);
                let text = serde_json::to_vec(&artifacts).unwrap();
                ffleet_base::write_atomic(&path, &text, 0o600).unwrap();
            }
            kill_process(getpid(), Signal::KILL).unwrap();
        }
    };
    let unusual = Unusual {
        controller,
        observer: Some(Arc::new(observer)),
        at: Some(dir.into()),
        ..Unusual::default()
    };
    let bench = Bench::start_with(unusual).await.unwrap();
    bench.finish(job).await;
    std::future::pending::<()>().await;
}

/// A life that ends at `step`; what the controller knows then.
fn die_at(step: Step, dir: &Path, job: &Assignment) -> Held {
    let order = serde_json::to_string(&(dir, job, step.name())).unwrap();
    #[expect(clippy::disallowed_methods, reason = "a test kills itself as a child")]
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::worker_that_dies_where_it_is_told"])
        .env(ORDER, order)
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.signal(), Some(9), "the child did not get to {step}: {status}");
    let sealed = std::fs::read(dir.join("sealed")).ok();
    Held {
        assignment: job.clone(),
        sealed: sealed.map(|text| serde_json::from_slice(&text).unwrap()),
        paused: false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn death_at_any_step_is_settled_by_the_next_life() {
    if ffleet_testkit::need::ffmpeg().is_none() {
        return;
    }
    for &step in Step::ALL {
        let dir = tempfile::Builder::new().prefix("worker-").tempdir().unwrap();
        let target = dir.path().join("out/out.mp4");
        let held = die_at(step, dir.path(), &job(clip(1), &[(&target, quick())]));
        let (attempt, sealed) = (held.assignment.attempt, held.sealed.is_some());
        assert_eq!(sealed, step >= Step::Sealed, "{step}");
        let known = step >= Step::Finished;
        let held = if known { Vec::new() } else { vec![held] };
        let unusual = Unusual {
            controller: Fake::default().holding(held),
            dir: Some(dir),
            ..Unusual::default()
        };
        let bench = Bench::start_with(unusual).await.unwrap();
        bench.ready().await;
        if !known {
            let finished = bench.controller.end(attempt).await;
            // From the end of the encode on nothing of it is lost.
            if step >= Step::Encoded {
                assert_eq!(finished.outcome, Outcome::Completed, "{step}");
                assert!(finished.artifacts.iter().all(|artifact| artifact.published));
                assert!(finished.usage.user_micros > 0, "its costs are remembered: {step}");
                assert!(finished.commands.len() >= 3, "{step}: {:?}", finished.commands);
            } else {
                assert_eq!(failure(&finished).0, Reason::Interrupted, "{step}");
            }
        }
        let made = step >= Step::Encoded;
        if made {
            assert!(look(&target).contains("h264"), "{step}");
        }
        bench.end(if made { &["out.mp4"] } else { &[] }).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn result_from_before_a_restart_of_the_machine_is_not_trusted() {
    if ffleet_testkit::need::ffmpeg().is_none() {
        return;
    }
    let dir = tempfile::Builder::new().prefix("worker-").tempdir().unwrap();
    let target = dir.path().join("out/out.mp4");
    let held = die_at(Step::Encoded, dir.path(), &job(clip(1), &[(&target, quick())]));
    let attempt = held.assignment.attempt;
    let path = dir.path().join(format!("home/work/{attempt}/resume.jsonl"));
    let text = std::fs::read_to_string(&path).unwrap();
    let last = text.lines().last().unwrap();
    let mut resume: serde_json::Value = serde_json::from_str(last).unwrap();
    resume["boot"] = "another".into();
    ffleet_base::write_atomic(&path, resume.to_string().as_bytes(), 0o600).unwrap();
    let unusual = Unusual {
        controller: Fake::default().holding(vec![held]),
        dir: Some(dir),
        ..Unusual::default()
    };
    let bench = Bench::start_with(unusual).await.unwrap();
    let finished = bench.controller.end(attempt).await;
    assert_eq!(failure(&finished).0, Reason::Interrupted);
    bench.end(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sealed_result_that_cannot_be_published_fails_and_stays_failed() {
    if ffleet_testkit::need::ffmpeg().is_none() {
        return;
    }
    let dir = tempfile::Builder::new().prefix("worker-").tempdir().unwrap();
    let target = dir.path().join("out/out.mp4");
    let held = die_at(Step::Sealed, dir.path(), &job(clip(1), &[(&target, quick())]));
    let attempt = held.assignment.attempt;
    ffleet_base::write_atomic(&target, b"theirs", 0o644).unwrap();
    let unusual = Unusual {
        controller: Fake::default().holding(vec![held]),
        dir: Some(dir),
        ..Unusual::default()
    };
    let bench = Bench::start_with(unusual).await.unwrap();
    let finished = bench.controller.end(attempt).await;
    assert!(failure(&finished).1.contains("appeared"), "{:?}", finished.outcome);
    assert_eq!(std::fs::read(&target).unwrap(), b"theirs");
    bench.end(&["out.mp4"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sealed_attempt_whose_failure_cannot_be_written_down_is_settled_once_it_can() {
    let dir = tempfile::Builder::new().prefix("worker-").tempdir().unwrap();
    let target = dir.path().join("out/out.mp4");
    let (work, aside) = (dir.path().join("home/work"), dir.path().join("home/aside"));
    let (theirs, tries) = (target.clone(), AtomicU32::new(0));
    // Another file takes the name, and the disk that would be told so is gone for two tries.
    let observer = move |step: Step| match step {
        Step::Sealed => {
            ffleet_base::write_atomic(&theirs, b"theirs", 0o644).unwrap();
            std::fs::rename(&work, &aside).unwrap();
        }
        Step::Renaming if tries.fetch_add(1, Ordering::Relaxed) == 2 => {
            std::fs::rename(&aside, &work).unwrap();
        }
        _ => {}
    };
    let unusual =
        Unusual { observer: Some(Arc::new(observer)), dir: Some(dir), ..Unusual::default() };
    let Some(bench) = Bench::start_with(unusual).await else {
        return;
    };
    let attempt = bench.begin(job(clip(1), &[(&target, quick())]));
    let finished = bench.controller.end(attempt).await;
    assert!(failure(&finished).1.contains("appeared"), "{:?}", finished.outcome);
    assert!(
        finished.commands.len() >= 3,
        "what it ran is not forgotten: {:?}",
        finished.commands
    );
    assert_eq!(std::fs::read(&target).unwrap(), b"theirs");
    bench.end(&["out.mp4"]).await;
}

impl Fake {
    /// What an attempt was sealed with.
    fn sealed(&self, attempt: ffleet_types::AttemptId) -> Vec<ffleet_types::attempt::Artifact> {
        self.reports(attempt)
            .into_iter()
            .find_map(|report| match report {
                Report::Sealed { artifacts } => Some(artifacts),
                _ => None,
            })
            .unwrap_or_default()
    }
}
