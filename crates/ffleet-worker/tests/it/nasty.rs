//! FFmpegs that misbehave.

use ffleet_api::control::Finished;
use ffleet_types::Reason;
use serde_json::{Value, json};

use crate::fixture::{Bench, Unusual, clip, failure, fake, job_with, quick};

/// How a job ends whose FFmpeg does `instead`.
async fn end_of(name: &str, instead: &str, more: Value) -> Option<Finished> {
    let unusual = Unusual { ffmpeg: Some(fake(name, instead)), ..Unusual::default() };
    let bench = Bench::start_with(unusual).await?;
    let finished = bench
        .finish(job_with(clip(1), &[(&bench.out("out.mp4"), quick())], more))
        .await;
    bench.end(&[]).await;
    Some(finished)
}

fn limits(limits: &Value) -> Value {
    json!({"terms": {"limits": limits}})
}

/// Asserts how it failed and what was said.
fn assert_failed(finished: Option<Finished>, reason: Reason, said: &str) {
    let Some(finished) = finished else { return };
    let (found, message) = failure(&finished);
    assert_eq!(found, reason, "{message}");
    assert!(message.contains(said), "{message:?} does not say {said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_ffmpeg_is_stalled() {
    let instead = "exec $NASTY say frame=1 say progress=continue complain 'last words' hang 60";
    let finished = end_of("stalls", instead, limits(&json!({"stall": "1s"}))).await;
    assert_failed(finished, Reason::Stalled, "last words");
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_that_repeats_itself_is_stalled() {
    let instead = "while true; do printf 'frame=1\\nout_time_us=5\\nprogress=continue\\n'; $NASTY hang 0.1; done";
    let finished = end_of("repeats", instead, limits(&json!({"stall": "1s"}))).await;
    assert_failed(finished, Reason::Stalled, "no progress");
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_without_an_end_times_out() {
    let instead = "exec $NASTY spin 60";
    let finished = end_of("spins", instead, limits(&json!({"timeout": "1s"}))).await;
    assert_failed(finished, Reason::Timeout, "limit of 1s");
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_that_leaves_orphans_leaves_none() {
    let instead = "exec $NASTY fork-away 'ignore-term hang 60' exit 1";
    assert_failed(end_of("forks-away", instead, json!({})).await, Reason::RuntimeError, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn flood_of_complaints_fills_no_disk() {
    let instead = "exec $NASTY flood-stderr 30000 exit 1";
    assert_failed(end_of("floods", instead, json!({})).await, Reason::RuntimeError, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn crash_is_said_by_its_signal() {
    let finished = end_of("crashes", "exec $NASTY signal 11", json!({})).await;
    assert_failed(finished, Reason::RuntimeError, "SIGSEGV");
}

#[tokio::test(flavor = "multi_thread")]
async fn success_without_a_result_is_none() {
    let instead = "exec $NASTY say progress=end exit 0";
    assert_failed(
        end_of("makes-nothing", instead, json!({})).await,
        Reason::RuntimeError,
        "left nothing",
    );
    let instead = ": > output-0; exec $NASTY say progress=end exit 0";
    assert_failed(
        end_of("makes-empty", instead, json!({})).await,
        Reason::RuntimeError,
        "left nothing",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn result_that_is_not_what_was_planned_is_thrown_away() {
    let instead = "ffmpeg \"$@\" && truncate -s -6000 output-0";
    let finished = end_of("truncates", instead, json!({})).await;
    assert_failed(finished, Reason::RuntimeError, "did not pass verification");
    let instead = "echo 'no film' > output-0; exec $NASTY say frame=25 say out_time_us=1000000 say progress=end exit 0";
    let finished = end_of("lies", instead, json!({})).await;
    assert_failed(finished, Reason::RuntimeError, "did not pass verification");
}

#[tokio::test(flavor = "multi_thread")]
async fn glutton_meets_its_memory_limit() {
    if !ffleet_testkit::need::cgroups() {
        return;
    }
    let instead = "exec $NASTY glutton 600";
    let finished = end_of("eats", instead, limits(&json!({"memory": "128MiB"}))).await;
    assert_failed(finished, Reason::OutOfMemory, "128 MiB");
}

#[tokio::test(flavor = "multi_thread")]
async fn scratch_space_is_bounded() {
    let instead = "for n in 1 2 3 4 5 6; do $NASTY write more-$n 1024; done; exec $NASTY spin 60";
    let finished =
        end_of("hoards", instead, limits(&json!({"scratch": "2MiB", "timeout": "20s"}))).await;
    assert_failed(finished, Reason::UserError, "scratch");
    let instead = "exec $NASTY write huge 4096 spin 5";
    let more = limits(&json!({"scratch": "2MiB", "stall": "10s"}));
    let Some(finished) = end_of("hoards-one", instead, more).await else {
        return;
    };
    let (reason, message) = failure(&finished);
    assert_ne!(reason, Reason::Timeout, "{message}");
    assert!(finished.usage.wall_micros < 10_000_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn thread_that_is_refused_ends_the_attempt_and_does_not_hang_it() {
    if !ffleet_testkit::need::cgroups() {
        return;
    }
    // One that waits for ever for the thread it did not get, and one that gives up.
    for (name, instead) in [
        ("waits-for-threads", "$NASTY threads 400 60; exec $NASTY hang 60"),
        ("gives-up-on-threads", "$NASTY threads 400 60; exit 1"),
    ] {
        let begun = tokio::time::Instant::now();
        let Some(finished) = end_of(name, instead, json!({})).await else {
            return;
        };
        assert_failed(Some(finished), Reason::ResourceError, "processes and threads");
        assert!(begun.elapsed() < std::time::Duration::from_secs(30), "{:?}", begun.elapsed());
    }
}
