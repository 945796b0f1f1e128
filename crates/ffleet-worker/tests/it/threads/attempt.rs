//! What a worker makes of the plan: CPUs, a limit on tasks, and both numbers in the report.

use ffleet_worker::Use;
use serde_json::json;

use crate::fixture::{Bench, Unusual, clip, failure, fake, job_with, quick};

/// Says which CPUs it sees, and how many tasks it may have.
const SAY: &str = "cpus=$(nproc); \
    for dir in $(sed -n 's/.*:pids:/\\/sys\\/fs\\/cgroup\\/pids/p; s/^0::/\\/sys\\/fs\\/cgroup/p' /proc/self/cgroup); do \
    tasks=$(cat $dir/pids.max 2>/dev/null) && break; done; \
    echo \"[fatal] sees $cpus, may have $tasks\" >&2; exit 1";

#[tokio::test(flavor = "multi_thread")]
async fn child_sees_the_cpus_of_its_budget_and_has_a_limit_on_tasks() {
    let ffmpeg = Some(fake("says-what-it-sees", SAY));
    // A job in a sandbox cannot see its own limits.
    let unusual = Unusual { ffmpeg, use_them: Use::Off, ..Unusual::default() };
    let Some(bench) = Bench::start_with(unusual).await else {
        return;
    };
    let limits = json!({"terms": {"limits": {"cpu": "100%"}}});
    let spec = job_with(clip(1), &[(&bench.out("out.mp4"), quick())], limits);
    let finished = bench.finish(spec).await;
    let (_, message) = failure(&finished);
    assert!(message.contains("sees 1,"), "{message}");
    // One thread decodes and one encodes, and each is the main one.
    assert_eq!(finished.usage.predicted_threads, 1, "{:?}", finished.usage);
    if bench.node.level() == ffleet_types::node::GuardLevel::Full {
        assert!(message.contains("may have 18"), "{message}");
    }
    bench.end(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn report_has_the_threads_that_were_and_those_that_were_predicted() {
    let Some(bench) = Bench::start().await else { return };
    let args = ["-c:v", "libx264", "-preset", "ultrafast", "-threads", "0", "-c:a", "aac"];
    let make = json!({"raw": {"args": args}});
    let limits = json!({"terms": {"limits": {"cpu": "200%"}}});
    let finished = bench
        .finish(job_with(clip(2), &[(&bench.out("out.mp4"), make)], limits))
        .await;
    let usage = finished.usage;
    assert!(usage.predicted_threads > 4, "{usage:?}");
    let limit = ffleet_engine::threads::tasks_limit(usage.predicted_threads);
    assert!(usage.peak_threads <= limit, "{usage:?}");
    if ffleet_testkit::need::cgroups() {
        let off = usage.peak_threads.abs_diff(usage.predicted_threads);
        assert!(off <= (usage.peak_threads / 10).max(2), "{usage:?}");
    }
    assert!(
        finished.notes.iter().any(|note| note.contains("-threads 0 becomes")),
        "{:?}",
        finished.notes
    );
    bench.end(&["out.mp4"]).await;
}
