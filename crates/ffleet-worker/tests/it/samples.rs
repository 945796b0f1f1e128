//! What children are at, second by second, with a real FFmpeg.

use ffleet_api::bench::{Search, Workbench as _};
use ffleet_api::control::{Command, Phase};
use ffleet_base::{Clock as _, SystemClock};
use ffleet_testkit::until_async;
use ffleet_types::Timestamp;
use ffleet_types::sample::{Load, Phase as Doing};
use serde_json::json;

use crate::controller::LONG;
use crate::fixture::{Bench, clip, job, job_with, quick};

fn load(bench: &Bench, group: &str) -> Load {
    let (node, loads) = bench.worker.loads().unwrap();
    assert_eq!(node, bench.node.instance());
    loads
        .into_iter()
        .find(|load| load.role_group.as_str() == group)
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn encode_is_sampled_every_second_and_its_sums_rise() {
    let Some(bench) = Bench::start().await else { return };
    bench.ready().await;
    let slow =
        json!({"raw": {"args": ["-c:v", "libx264", "-preset", "veryslow", "-s", "1280x720"]}});
    let more = json!({"terms": {"role-group": "thumbnail"}});
    let job = job_with(clip(60), &[(&bench.out("out.mp4"), slow)], more);
    let attempt = bench.begin(job);
    bench.controller.in_phase(attempt, Phase::Encode, 1).await;
    let encodes = || {
        let mut points = bench.worker.samples(attempt);
        points.retain(|point| point.phase == Doing::Encode);
        points
    };
    until_async(LONG, "four samples of the encode", || encodes().len() >= 4).await;
    let points = encodes();
    let (first, last) = (&points[0], &points[points.len() - 1]);
    assert_eq!(first.child, last.child);
    for pair in points.windows(2) {
        let (before, after) = (pair[0].sample, pair[1].sample);
        let apart = after.at.since(before.at).as_secs_f64();
        assert!((0.5..10.0).contains(&apart), "{apart} s between {before:?} and {after:?}");
        assert!(before.sums.cpu <= after.sums.cpu && before.sums.read <= after.sums.read);
    }
    let (last, more) = (last.sample, last.sample.sums.since(&first.sample.sums));
    assert!(last.processes >= 1 && last.threads >= 1, "{last:?}");
    assert!(last.resident.0 > 1 << 20, "{last:?}");
    assert!(more.cpu.unwrap() > 100_000, "{more:?}");
    assert!(last.sums.read.unwrap() > 0 && last.sums.seen >= 1, "{last:?}");

    let now = load(&bench, "thumbnail");
    assert_eq!((now.children, now.started), (1, 1));
    assert!(now.threads >= 1 && now.sums.cpu >= Some(100_000), "{now:?}");
    assert_eq!(load(&bench, "encode").started, 0, "the job names another role group");
    // A probe is over before a second is; the kernel said at its end what it used.
    let probe = load(&bench, "probe");
    assert!(probe.children == 0 && probe.started >= 1, "{probe:?}");
    assert!(probe.sums.cpu.unwrap() > 0 && probe.sums.seen >= probe.started, "{probe:?}");

    bench.controller.command(Command::Cancel { attempt });
    bench.controller.end(attempt).await;
    let over = load(&bench, "thumbnail");
    assert_eq!((over.children, over.threads, over.memory), (0, 0, None));
    assert!(over.sums.cpu >= now.sums.cpu, "{over:?}");
    bench.end(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_children_said_is_found_by_text_with_its_time() {
    let Some(bench) = Bench::start().await else { return };
    bench.ready().await;
    let began = SystemClock.now();
    let attempt = bench.begin(job(clip(2), &[(&bench.out("out.mp4"), quick())]));
    bench.controller.end(attempt).await;
    let now = SystemClock.now();
    let search = Search {
        job: None,
        attempt: None,
        since: began,
        until: now,
        text: "LIBX264".into(),
        after: None,
        limit: 100,
    };
    let found = bench.worker.search(search.clone()).await.unwrap();
    assert!(found.complete && !found.lines.is_empty(), "{found:?}");
    for line in &found.lines {
        assert_eq!((line.place.attempt, &*line.phase), (attempt, "encode"));
        assert!((began..=now).contains(&line.place.at), "{line:?} of {began:?} to {now:?}");
    }
    let before = Search { since: Timestamp::EPOCH, until: began, ..search };
    let none = bench.worker.search(before).await.unwrap();
    assert!(none.lines.is_empty(), "{none:?}");
    bench.end(&["out.mp4"]).await;
}
