//! Role groups in the worker: jobs wait for room, say so, and are held to what their group has.

use std::collections::BTreeMap;

use ffleet_api::bench::Workbench as _;
use ffleet_api::control::{Command, Phase};
use ffleet_sched::roles::{Bounds, Rules};
use ffleet_types::{AttemptId, Bytes, Cpu, Outcome, Reason, RoleGroup, Span};
use serde_json::{Value, json};

use crate::fixture::{Bench, Unusual, clip, failure, job_with, quick};

/// Every group as usual but these.
fn roles(special: &[(&str, Rules)]) -> Option<BTreeMap<RoleGroup, Rules>> {
    let usual = RoleGroup::ALL
        .iter()
        .map(|name| (RoleGroup::named(name), Rules::default()));
    let special = special.iter().map(|&(name, rules)| (RoleGroup::named(name), rules));
    Some(usual.chain(special).collect())
}

fn at_most(processes: u32) -> Rules {
    let most = Bounds { processes: Some(processes), ..Bounds::default() };
    Rules { most, ..Rules::default() }
}

/// A node whose group `drafts` has no room while `first` encodes, and what puts a job into that group.
async fn with_a_full_group() -> Option<(Bench, AttemptId, Value)> {
    let unusual = Unusual { roles: roles(&[("drafts", at_most(1))]), ..Unusual::default() };
    let bench = Bench::start_with(unusual).await?;
    let draft = json!({"terms": {"role-group": "drafts", "limits": {"cpu": "50%"}}});
    let slow =
        json!({"raw": {"args": ["-c:v", "libx264", "-preset", "veryslow", "-s", "1280x720"]}});
    let first = bench.begin(job_with(clip(60), &[(&bench.out("first.mp4"), slow)], draft.clone()));
    bench.controller.in_phase(first, Phase::Encode, 1).await;
    Some((bench, first, draft))
}

#[tokio::test(flavor = "multi_thread")]
async fn job_waits_for_room_in_its_group_and_says_so() {
    let Some((bench, first, draft)) = with_a_full_group().await else {
        return;
    };
    let second =
        bench.begin(job_with(clip(1), &[(&bench.out("second.mp4"), quick())], draft.clone()));
    let third = bench.begin(job_with(clip(1), &[(&bench.out("third.mp4"), quick())], draft));
    for waiting in [second, third] {
        let shown = bench.controller.shows(waiting, |shown| shown.trouble.is_some()).await;
        assert_eq!(shown.trouble.unwrap(), "waits for room in the role group drafts");
    }
    let half = json!({"terms": {"limits": {"cpu": "50%"}}});
    // Another group has room, and one that waits can be canceled.
    let other = job_with(clip(1), &[(&bench.out("other.mp4"), quick())], half);
    assert_eq!(bench.finish(other).await.outcome, Outcome::Completed);
    bench.controller.command(Command::Cancel { attempt: second });
    assert_eq!(bench.controller.end(second).await.outcome, Outcome::Canceled);
    bench.controller.command(Command::Cancel { attempt: first });
    assert_eq!(bench.controller.end(first).await.outcome, Outcome::Canceled);
    assert_eq!(bench.controller.end(third).await.outcome, Outcome::Completed);
    bench.end(&["other.mp4", "third.mp4"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn job_that_was_paused_while_it_waited_stands_still_when_there_is_room() {
    let Some((bench, first, draft)) = with_a_full_group().await else {
        return;
    };
    let second = bench.begin(job_with(clip(1), &[(&bench.out("second.mp4"), quick())], draft));
    let waits = |shown: &ffleet_api::control::Progress| shown.trouble.is_some();
    let _waits = bench.controller.shows(second, waits).await;
    bench.controller.command(Command::Pause { attempt: second });
    bench.controller.command(Command::Cancel { attempt: first });
    assert_eq!(bench.controller.end(first).await.outcome, Outcome::Canceled);
    bench.controller.heard(second, "paused").await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert!(!bench.controller.kinds(second).contains(&"finished"));
    bench.controller.command(Command::Resume { attempt: second });
    assert_eq!(bench.controller.end(second).await.outcome, Outcome::Completed);
    bench.end(&["second.mp4"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn job_that_finds_no_room_fails_with_the_reason_and_is_tried_again() {
    let rules = Rules { queue: 0, patience: Span::secs(0), ..at_most(1) };
    let unusual = Unusual { roles: roles(&[("encode", rules)]), ..Unusual::default() };
    let Some(bench) = Bench::start_with(unusual).await else {
        return;
    };
    let slow = json!({"raw": {"args": ["-c:v", "libx264", "-preset", "veryslow"]}});
    let first = bench.begin(job_with(clip(60), &[(&bench.out("first.mp4"), slow)], json!({})));
    bench.controller.in_phase(first, Phase::Encode, 1).await;
    let second = job_with(clip(1), &[(&bench.out("second.mp4"), quick())], json!({}));
    let finished = bench.finish(second).await;
    let (reason, message) = failure(&finished);
    assert_eq!(reason, Reason::ResourceError, "which is tried again");
    assert!(message.contains("role group encode is at its limit"), "{message}");
    bench.controller.command(Command::Cancel { attempt: first });
    let _canceled = bench.controller.end(first).await;
    bench.end(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_job_does_not_say_is_its_share_of_its_group() {
    let most = Bounds {
        processes: Some(2),
        cpu: Some(Cpu(500)),
        memory: Some(Bytes::mib(512)),
        ..Bounds::default()
    };
    let rules = Rules { most, ..Rules::default() };
    let unusual = Unusual { roles: roles(&[("thumbnail", rules)]), ..Unusual::default() };
    let Some(bench) = Bench::start_with(unusual).await else {
        return;
    };
    bench.ready().await;
    let picture = || json!({"raw": {"args": ["-frames:v", "1", "-update", "1"]}});
    let out = bench.out("picture.jpg");
    let mut more = json!({"terms": {"role-group": "thumbnail"}});
    let job = job_with(clip(1), &[(&out, picture())], more.clone());
    let limits = bench.worker.rehearse(job.spec.clone()).await.unwrap().limits;
    assert_eq!((limits.cpu, limits.memory), (Some(Cpu(250)), Some(Bytes::mib(256))));
    assert_eq!(bench.finish(job).await.outcome, Outcome::Completed);
    more["terms"]["limits"] = json!({"memory": "600MiB"});
    more["overwrite"] = json!(true);
    let finished = bench.finish(job_with(clip(1), &[(&out, picture())], more)).await;
    let (_, message) = failure(&finished);
    assert!(message.contains("the role group thumbnail never has room for it"), "{message}");
    bench.end(&["picture.jpg"]).await;
}
