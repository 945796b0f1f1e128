//! What is wanted of an attempt: cancel, pause, and the end of the worker.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use ffleet_api::control::{Assignment, Command, Held, Phase};
use ffleet_types::{Outcome, Reason};
use serde_json::json;

use crate::controller::Fake;
use crate::fixture::{Bench, Unusual, clip, failure, fake, job, job_with, nothing_left, quick};

/// A job that takes long enough to be interfered with.
fn long(bench: &Bench) -> Assignment {
    let slow =
        json!({"raw": {"args": ["-c:v", "libx264", "-preset", "veryslow", "-s", "1280x720"]}});
    job(clip(60), &[(&bench.out("out.mp4"), slow)])
}

#[expect(clippy::disallowed_methods, reason = "a bound on time is what is tested")]
fn now() -> Instant {
    Instant::now()
}

#[tokio::test(flavor = "multi_thread")]
async fn canceled_encode_is_gone_within_two_seconds() {
    let Some(bench) = Bench::start().await else { return };
    let attempt = bench.begin(long(&bench));
    bench.controller.in_phase(attempt, Phase::Encode, 1).await;
    let asked = now();
    bench.controller.command(Command::Cancel { attempt });
    let finished = bench.controller.end(attempt).await;
    assert!(asked.elapsed() < Duration::from_secs(2), "it took {:?}", asked.elapsed());
    assert_eq!(finished.outcome, Outcome::Canceled);
    nothing_left(&bench.node, bench.dir.path(), &[]).await;
    bench.end(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancel_in_any_phase_leaves_nothing() {
    use ffleet_spool::Step;
    for at in [Step::WorkMade, Step::Probed, Step::Encoded, Step::Verified, Step::Synced] {
        let controller = Fake::default();
        let (commanded, attempt) =
            (controller.clone(), std::sync::Arc::new(std::sync::OnceLock::new()));
        let of = std::sync::Arc::clone(&attempt);
        let observer = move |step: Step| {
            if step == at {
                let cancel = Command::Cancel { attempt: *of.wait() };
                tokio::task::block_in_place(|| commanded.obeyed(cancel));
            }
        };
        let unusual = Unusual {
            controller,
            observer: Some(std::sync::Arc::new(observer)),
            ..Unusual::default()
        };
        let Some(bench) = Bench::start_with(unusual).await else {
            return;
        };
        let job = job(clip(1), &[(&bench.out("out.mp4"), quick())]);
        attempt.set(job.attempt).unwrap();
        assert_eq!(bench.finish(job).await.outcome, Outcome::Canceled, "at {at}");
        bench.end(&[]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cancel_before_anything_is_known_here_is_settled() {
    let Some(bench) = Bench::start().await else { return };
    let attempt = job(clip(1), &[(&bench.out("x.mp4"), quick())]).attempt;
    bench.controller.command(Command::Cancel { attempt });
    assert_eq!(bench.controller.end(attempt).await.outcome, Outcome::Canceled);
    bench.end(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn canceled_child_that_ignores_sigterm_is_killed() {
    let stubborn = fake(
        "ignores-term",
        "exec $NASTY ignore-term say frame=1 say progress=continue hang 60",
    );
    let unusual = Unusual { ffmpeg: Some(stubborn), ..Unusual::default() };
    let Some(bench) = Bench::start_with(unusual).await else {
        return;
    };
    let attempt = bench.begin(long(&bench));
    bench.controller.in_phase(attempt, Phase::Encode, 1).await;
    let asked = now();
    bench.controller.command(Command::Cancel { attempt });
    assert_eq!(bench.controller.end(attempt).await.outcome, Outcome::Canceled);
    let took = asked.elapsed();
    assert!(
        (Duration::from_secs(1)..Duration::from_secs(3)).contains(&took),
        "it took {took:?}"
    );
    bench.end(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn paused_time_counts_to_no_timeout() {
    let steady = "n=0; while [ $n -lt 30 ]; do n=$((n+1)); \
        printf 'frame=%d\\nprogress=continue\\n' $n; $NASTY hang 0.1; done; exec ffmpeg \"$@\"";
    let unusual = Unusual { ffmpeg: Some(fake("steady", steady)), ..Unusual::default() };
    let Some(bench) = Bench::start_with(unusual).await else {
        return;
    };
    let more = json!({"terms": {"limits": {"timeout": "30s", "stall": "2s"}}, "verify": "packets"});
    let attempt = bench.begin(job_with(clip(1), &[(&bench.out("out.mp4"), quick())], more));
    bench.controller.in_phase(attempt, Phase::Encode, 1).await;
    bench.controller.command(Command::Pause { attempt });
    bench.controller.heard(attempt, "paused").await;
    // Longer than the term of a stall; a frozen child may not count as one.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert!(!bench.controller.kinds(attempt).contains(&"finished"));
    bench.controller.command(Command::Resume { attempt });
    let finished = bench.controller.end(attempt).await;
    assert_eq!(finished.outcome, Outcome::Completed);
    let kinds = bench.controller.kinds(attempt);
    assert_eq!(kinds, ["started", "paused", "resumed", "sealed", "finished"]);
    assert!(finished.usage.paused_micros > 2_000_000, "{:?}", finished.usage);
    bench.end(&["out.mp4"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn paused_attempt_can_be_canceled() {
    let Some(bench) = Bench::start().await else { return };
    let attempt = bench.begin(long(&bench));
    bench.controller.in_phase(attempt, Phase::Encode, 1).await;
    bench.controller.command(Command::Pause { attempt });
    bench.controller.heard(attempt, "paused").await;
    bench.controller.command(Command::Cancel { attempt });
    assert_eq!(bench.controller.end(attempt).await.outcome, Outcome::Canceled);
    assert!(!bench.controller.kinds(attempt).contains(&"resumed"), "it did not run again");
    bench.end(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_worker_interrupts_what_it_does_not_wait_for() {
    let Some(bench) = Bench::start().await else { return };
    let attempt = bench.begin(long(&bench));
    bench.controller.in_phase(attempt, Phase::Encode, 1).await;
    bench.worker.stop().await;
    let finished = bench.controller.end(attempt).await;
    assert_eq!(failure(&finished).0, Reason::Interrupted);
    bench.end(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn end_that_cannot_be_reported_is_settled_by_the_next_life() {
    let Some(bench) = Bench::start().await else { return };
    let job = long(&bench);
    let attempt = bench.begin(job.clone());
    bench.controller.in_phase(attempt, Phase::Encode, 1).await;
    bench.controller.fail(usize::MAX);
    let asked = now();
    bench.worker.stop().await;
    assert!(asked.elapsed() < Duration::from_secs(15), "it took {:?}", asked.elapsed());
    assert_eq!(bench.controller.kinds(attempt), ["started"]);
    let Bench { dir, node, worker, .. } = bench;
    drop((worker, node));

    let held = Held { assignment: job, sealed: None, paused: false };
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
async fn stopping_worker_waits_for_work_and_takes_no_more() {
    let unusual = Unusual { drain: Duration::from_secs(40), ..Unusual::default() };
    let Some(bench) = Bench::start_with(unusual).await else {
        return;
    };
    let attempt = bench.begin(job(clip(30), &[(&bench.out("out.mp4"), quick())]));
    bench.controller.heard(attempt, "started").await;
    let (worker, controller) = (bench.worker.clone(), bench.controller.clone());
    let late = job(clip(1), &[(&bench.out("late.mp4"), quick())]);
    let late_attempt = late.attempt;
    let stopping = tokio::spawn(async move { worker.stop().await });
    {
        use ffleet_api::bench::Workbench as _;
        ffleet_testkit::until_async(Duration::from_secs(5), "it is stopping", || {
            bench.worker.ready().is_err()
        })
        .await;
    }
    bench.begin(late);
    controller.heard(late_attempt, "declined").await;
    stopping.await.unwrap();
    assert_eq!(bench.controller.end(attempt).await.outcome, Outcome::Completed);
    bench.end(&["out.mp4"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_attempt_is_stopped_and_undone() {
    let Some(bench) = Bench::start().await else { return };
    let attempt = bench.begin(long(&bench));
    bench.controller.in_phase(attempt, Phase::Encode, 1).await;
    bench.controller.lose(attempt);
    assert_eq!(bench.controller.end(attempt).await.outcome, Outcome::Canceled);
    bench.end(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_seal_undoes_everything() {
    let controller = Fake::default().refusing("sealed");
    let unusual = Unusual { controller, ..Unusual::default() };
    let Some(bench) = Bench::start_with(unusual).await else {
        return;
    };
    let finished = bench.finish(job(clip(1), &[(&bench.out("out.mp4"), quick())])).await;
    assert_eq!(finished.outcome, Outcome::Canceled);
    bench.end(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_are_repeated_until_they_are_taken() {
    let Some(bench) = Bench::start().await else { return };
    bench.ready().await;
    bench.controller.fail(4);
    let job = job(clip(1), &[(&bench.out("out.mp4"), quick())]);
    let attempt = job.attempt;
    assert_eq!(bench.finish(job).await.outcome, Outcome::Completed);
    assert_eq!(bench.controller.kinds(attempt), ["started", "sealed", "finished"]);
    bench.end(&["out.mp4"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn assignment_beyond_the_room_is_declined_and_one_twice_is_done_once() {
    let unusual = Unusual { tasks: Some(1), ..Unusual::default() };
    let Some(bench) = Bench::start_with(unusual).await else {
        return;
    };
    let first = job(clip(4), &[(&bench.out("out.mp4"), quick())]);
    let second = job(clip(4), &[(&bench.out("other.mp4"), quick())]);
    let refused = second.attempt;
    bench.begin(first.clone());
    bench.begin(first.clone());
    bench.begin(second);
    bench.controller.heard(refused, "declined").await;
    assert_eq!(bench.controller.end(first.attempt).await.outcome, Outcome::Completed);
    assert_eq!(bench.controller.kinds(first.attempt), ["started", "sealed", "finished"]);
    bench.end(&["out.mp4"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn node_without_an_engine_says_what_to_do() {
    use ffleet_api::bench::Workbench as _;
    let unusual = Unusual { ffmpeg: Some(PathBuf::from("/nowhere/ffmpeg")), ..Unusual::default() };
    let Some(bench) = Bench::start_with(unusual).await else {
        return;
    };
    let said = |bench: &Bench| bench.worker.ready().unwrap_err().join(" ");
    ffleet_testkit::until_async(Duration::from_secs(5), "it says so", || {
        said(&bench).contains("engine.ffmpeg")
    })
    .await;
    assert!(bench.controller.node().is_none(), "it does not register");
    bench.end(&[]).await;
}
