//! Lives of jobs: from acceptance to each of their ends.

use std::time::Duration;

use ffleet_api::client::Action;
use ffleet_api::control::{Command, Error, Progress, Report};
use ffleet_api::job::{Job, OutputState};
use ffleet_types::task::State;
use ffleet_types::{Outcome, Reason};

use crate::fixture::{DEADLINE, Fixture};
use crate::hand::{Hand, now};

/// Waits until a job is in a state.
pub(crate) async fn wait_for(fixture: &Fixture, job: ffleet_types::JobRef, state: State) -> Job {
    let client = fixture.client();
    let wait = async {
        loop {
            let job = client.job(job).await.unwrap();
            if job.summary.state == state {
                return job;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    match tokio::time::timeout(DEADLINE, wait).await {
        Ok(job) => job,
        Err(_elapsed) => panic!("{state} in time; it is {:?}", client.job(job).await),
    }
}

fn steps(job: &Job) -> Vec<&'static str> {
    job.history.iter().map(|change| change.to.name()).collect()
}

#[tokio::test]
async fn job_goes_to_a_node_and_comes_back_completed_with_its_costs() {
    let fixture = Fixture::start().await;
    let hand = Hand::join(&fixture.controller, "one", 1).await;
    let number = fixture.submit("a.mp4").await;
    let work = hand.begin().await;
    assert!(hand.progress(work.attempt, 40.0).await.is_empty());
    let running = fixture.client().job(number).await.unwrap();
    assert_eq!(running.summary.state, State::Running);
    assert_eq!(running.summary.progress.unwrap().percent, Some(40.0));
    hand.complete(&work).await.unwrap();

    let job = wait_for(&fixture, number, State::Completed).await;
    assert_eq!(steps(&job), ["queued", "assigned", "running", "completed"]);
    assert_eq!(job.history[0].actor, "user:local");
    assert_eq!(job.history[2].actor, "node:one");
    assert_eq!(job.summary.outputs[0].state, OutputState::Published);
    assert_eq!(job.summary.outputs[0].size_bytes, Some(4_096));
    let attempt = &job.attempts[0];
    assert_eq!(attempt.node_name.as_deref(), Some("one"));
    assert!((attempt.usage.cpu_seconds - 1.75).abs() < 1e-9);
    assert_eq!(attempt.notes, ["upscaled"]);
    fixture.stop().await;
}

#[tokio::test]
async fn trouble_of_a_live_sender_is_shown_while_it_goes_on_without_its_key() {
    let fixture = Fixture::start().await;
    let hand = Hand::join(&fixture.controller, "one", 1).await;
    let number = fixture.submit("a.mp4").await;
    let work = hand.begin().await;
    let trouble = Some("rtmp://example.com/live/stream-key: Broken pipe".to_owned());
    hand.tell(work.attempt, Progress { trouble, ..Progress::default() })
        .await;
    let shown = fixture.client().job(number).await.unwrap().summary.progress.unwrap();
    let trouble = shown.trouble.unwrap();
    assert!(trouble.contains("Broken pipe") && !trouble.contains("stream-key"), "{trouble}");
    fixture.stop().await;
}

#[tokio::test]
async fn what_does_not_fit_waits_for_its_turn() {
    let fixture = Fixture::start().await;
    let hand = Hand::join(&fixture.controller, "one", 1).await;
    let first = fixture.submit("a.mp4").await;
    let second = fixture.submit("b.mp4").await;
    let work = hand.begin().await;
    assert!(hand.is_idle().await);
    hand.complete(&work).await.unwrap();
    let next = hand.begin().await;
    assert_eq!(ffleet_types::JobRef::Number(next.number), second);
    hand.complete(&next).await.unwrap();
    wait_for(&fixture, first, State::Completed).await;
    wait_for(&fixture, second, State::Completed).await;
    fixture.stop().await;
}

#[tokio::test]
async fn transient_failure_is_tried_again_under_a_higher_fence_and_codec_error_is_final() {
    let fixture = Fixture::start().await;
    let hand = Hand::join(&fixture.controller, "one", 1).await;
    let number = fixture.submit("a.mp4").await;
    let first = hand.begin().await;
    hand.fail(first.attempt, Reason::Interrupted).await.unwrap();
    let second = hand.begin().await;
    assert!(second.attempt.fence > first.attempt.fence);
    hand.fail(second.attempt, Reason::RuntimeError).await.unwrap();
    let job = wait_for(&fixture, number, State::Failed).await;
    assert_eq!(job.summary.reason, Some(Reason::RuntimeError));
    assert_eq!(job.summary.message.as_deref(), Some("on purpose: runtime_error"));
    assert_eq!(job.attempts.len(), 2);
    assert_eq!(
        steps(&job),
        [
            "queued", "assigned", "running", "retrying", "queued", "assigned", "running", "failed"
        ]
    );
    fixture.stop().await;
}

#[tokio::test]
async fn failure_after_the_seal_is_not_tried_again() {
    let fixture = Fixture::start().await;
    let hand = Hand::join(&fixture.controller, "one", 1).await;
    let number = fixture.submit("a.mp4").await;
    let work = hand.begin().await;
    let artifacts = crate::hand::artifacts(&work, false);
    hand.report(work.attempt, Report::Sealed { artifacts }).await.unwrap();
    // Without the seal it would cost nothing and be tried again at once; now it may have published.
    hand.fail(work.attempt, Reason::Interrupted).await.unwrap();
    let job = wait_for(&fixture, number, State::Failed).await;
    assert_eq!(steps(&job), ["queued", "assigned", "running", "failed"]);
    assert_eq!(job.attempts.len(), 1);
    fixture.stop().await;
}

#[tokio::test]
async fn declined_job_is_offered_again_and_charged_nothing() {
    let fixture = Fixture::start().await;
    let hand = Hand::join(&fixture.controller, "one", 1).await;
    let number = fixture.submit("a.mp4").await;
    let first = hand.assignment().await;
    hand.report(first.attempt, Report::Declined { why: "no room".into() })
        .await
        .unwrap();
    let second = hand.begin().await;
    assert!(second.attempt.fence > first.attempt.fence);
    hand.complete(&second).await.unwrap();
    let job = wait_for(&fixture, number, State::Completed).await;
    assert_eq!(job.attempts.len(), 1);
    fixture.stop().await;
}

#[tokio::test]
async fn silent_nodes_work_is_given_to_another_and_its_own_report_is_refused() {
    let fixture = Fixture::with(|policy| policy.lease_term = Duration::from_millis(600)).await;
    let silent = Hand::join(&fixture.controller, "silent", 1).await;
    let number = fixture.submit("a.mp4").await;
    let lost = silent.begin().await;
    let other = Hand::join(&fixture.controller, "other", 1).await;
    let taken = other.begin().await;
    assert!(taken.attempt.fence > lost.attempt.fence);

    for report in [
        silent.end(lost.attempt, Outcome::Completed).await,
        silent
            .report(lost.attempt, Report::Sealed { artifacts: Vec::new() })
            .await,
        silent.report(lost.attempt, Report::Started { at: now() }).await,
    ] {
        assert!(matches!(report, Err(Error::Stale(_))), "{report:?}");
    }
    other.complete(&taken).await.unwrap();
    let job = wait_for(&fixture, number, State::Completed).await;
    assert_eq!(job.attempts[0].reason, Some(Reason::NodeLost));
    assert_eq!(job.attempts[1].node_name.as_deref(), Some("other"));
    fixture.stop().await;
}

#[tokio::test]
async fn silent_nodes_renewal_says_what_it_has_lost() {
    let fixture = Fixture::with(|policy| policy.lease_term = Duration::from_millis(600)).await;
    let silent = Hand::join(&fixture.controller, "silent", 1).await;
    fixture.submit("a.mp4").await;
    let lost = silent.begin().await;
    let other = Hand::join(&fixture.controller, "other", 1).await;
    other.begin().await;
    assert_eq!(silent.progress(lost.attempt, 50.0).await, [lost.attempt]);
    fixture.stop().await;
}

#[tokio::test]
async fn sealed_attempt_is_waited_for_however_silent_its_node() {
    let fixture = Fixture::with(|policy| policy.lease_term = Duration::from_millis(300)).await;
    let silent = Hand::join(&fixture.controller, "silent", 1).await;
    let number = fixture.submit("a.mp4").await;
    let work = silent.begin().await;
    let artifacts = crate::hand::artifacts(&work, false);
    silent.report(work.attempt, Report::Sealed { artifacts }).await.unwrap();
    let other = Hand::join(&fixture.controller, "other", 1).await;
    for _ in 0..10 {
        assert!(other.is_idle().await);
    }
    silent.end(work.attempt, Outcome::Completed).await.unwrap();
    wait_for(&fixture, number, State::Completed).await;
    fixture.stop().await;
}

#[tokio::test]
async fn queued_job_is_canceled_at_once_and_a_running_one_by_its_node() {
    let fixture = Fixture::start().await;
    let queued = fixture.submit("a.mp4").await;
    let client = fixture.client();
    let job: Job = client.act(queued, Action::Cancel).await.unwrap();
    assert_eq!(job.summary.state, State::Canceled);
    let again: Job = client.act(queued, Action::Cancel).await.unwrap();
    assert_eq!(again.summary.state, State::Canceled);

    let hand = Hand::join(&fixture.controller, "one", 1).await;
    assert!(hand.is_idle().await, "a canceled job goes to nobody");
    let running = fixture.submit("b.mp4").await;
    let work = hand.begin().await;
    let cancel = tokio::spawn(async move { client.act::<Job>(running, Action::Cancel).await });
    let Command::Cancel { attempt } = hand.command().await else {
        panic!("no cancel")
    };
    hand.end(attempt, Outcome::Canceled).await.unwrap();
    assert_eq!(attempt, work.attempt);
    let job = cancel.await.unwrap().unwrap();
    assert_eq!(job.summary.state, State::Canceled, "the answer waits for the node a moment");
    fixture.stop().await;
}

#[tokio::test]
async fn cancel_is_not_lost_when_the_node_registers_again() {
    let fixture = Fixture::start().await;
    let hand = Hand::join(&fixture.controller, "one", 1).await;
    let number = fixture.submit("a.mp4").await;
    let work = hand.begin().await;
    let client = fixture.client();
    let asked: Job = client.act(number, Action::Cancel).await.unwrap();
    assert!(asked.summary.cancel_requested, "its node has not obeyed");
    // What it was to be told goes with its old queue.
    let hand = Hand::back(&fixture.controller, hand.node, "one", 1).await;
    assert_eq!(hand.progress(work.attempt, 50.0).await, [work.attempt], "it is told again");

    let fixture = Fixture::on(fixture.stop().await, |_| {}).await;
    let hand = Hand::back(&fixture.controller, hand.node, "one", 1).await;
    assert_eq!(hand.progress(work.attempt, 50.0).await, [work.attempt], "also after a restart");
    hand.end(work.attempt, Outcome::Canceled).await.unwrap();
    wait_for(&fixture, number, State::Canceled).await;
    fixture.stop().await;
}

#[tokio::test]
async fn canceled_job_is_not_tried_again_whatever_its_attempt_says() {
    let fixture = Fixture::start().await;
    let hand = Hand::join(&fixture.controller, "one", 1).await;
    let number = fixture.submit("a.mp4").await;
    let work = hand.begin().await;
    let client = fixture.client();
    let cancel = tokio::spawn(async move { client.act::<Job>(number, Action::Cancel).await });
    hand.command().await;
    let sealed = hand
        .report(work.attempt, Report::Sealed { artifacts: Vec::new() })
        .await;
    assert!(matches!(sealed, Err(Error::Stale(_))), "{sealed:?}");
    hand.fail(work.attempt, Reason::Interrupted).await.unwrap();
    cancel.await.unwrap().unwrap();
    wait_for(&fixture, number, State::Canceled).await;
    assert!(hand.is_idle().await);
    fixture.stop().await;
}

#[tokio::test]
async fn running_job_is_paused_and_resumed() {
    let fixture = Fixture::start().await;
    let hand = Hand::join(&fixture.controller, "one", 1).await;
    let number = fixture.submit("a.mp4").await;
    let work = hand.begin().await;
    let (attempt, client) = (work.attempt, fixture.client());
    let pause = tokio::spawn(async move { client.act::<Job>(number, Action::Pause).await });
    assert!(matches!(hand.command().await, Command::Pause { .. }));
    hand.report(attempt, Report::Paused { at: now() }).await.unwrap();
    assert_eq!(pause.await.unwrap().unwrap().summary.state, State::Paused);

    let client = fixture.client();
    let resume = tokio::spawn(async move { client.act::<Job>(number, Action::Resume).await });
    assert!(matches!(hand.command().await, Command::Resume { .. }));
    hand.report(attempt, Report::Resumed { at: now() }).await.unwrap();
    assert_eq!(resume.await.unwrap().unwrap().summary.state, State::Running);
    hand.complete(&work).await.unwrap();
    fixture.stop().await;
}

#[tokio::test]
async fn what_the_state_does_not_allow_is_a_conflict() {
    let fixture = Fixture::start().await;
    let number = fixture.submit("a.mp4").await;
    let client = fixture.client();
    for action in [Action::Pause, Action::Resume, Action::Retry] {
        let error = client.act::<Job>(number, action).await.unwrap_err();
        assert_eq!(error.problem().unwrap().code.name(), "wrong-state", "{error}");
        assert!(error.to_string().contains("is queued"), "{error}");
    }
    let hand = Hand::join(&fixture.controller, "one", 1).await;
    let work = hand.begin().await;
    hand.complete(&work).await.unwrap();
    wait_for(&fixture, number, State::Completed).await;
    for action in [Action::Pause, Action::Resume, Action::Cancel] {
        let error = client.act::<Job>(number, action).await.unwrap_err();
        assert_eq!(error.problem().unwrap().status, 409, "{error}");
    }
    fixture.stop().await;
}

#[tokio::test]
async fn retry_is_a_new_job_that_names_the_old_one() {
    let fixture = Fixture::start().await;
    let number = fixture.submit("a.mp4").await;
    let client = fixture.client();
    let old: Job = client.act(number, Action::Cancel).await.unwrap();
    let new: Job = client.act(number, Action::Retry).await.unwrap();
    assert_eq!(new.summary.retry_of, Some(old.summary.number));
    assert_eq!(new.summary.outputs, old.summary.outputs);
    assert!(new.summary.number > old.summary.number);
    fixture.stop().await;
}

#[tokio::test]
async fn job_that_no_node_could_run_is_rejected_and_says_what_is_missing() {
    let fixture = Fixture::start().await;
    let _hand = Hand::join(&fixture.controller, "one", 1).await;
    let mut request = fixture.job("a.mp4");
    request.limits.memory = Some(ffleet_types::Bytes::gib(64));
    let accepted = fixture.client().submit(&request, None).await.unwrap();
    let number = ffleet_types::JobRef::Number(accepted.number());
    let job = wait_for(&fixture, number, State::Rejected).await;
    assert!(job.summary.message.unwrap().contains("64.0 GiB of memory"));
    fixture.stop().await;
}

#[tokio::test]
async fn job_that_no_nodes_engine_could_do_is_rejected_before_it_gets_to_one() {
    let fixture = Fixture::start().await;
    let hand = Hand::equipped(&fixture.controller, &["libx264"]).await;
    let mut preset = fixture.job("a.mp4");
    preset.outputs[0].preset = Some("480p-h265".into());
    let mut raw = fixture.job("b.mp4");
    raw.outputs[0].preset = None;
    raw.outputs[0].raw = Some(vec!["-c:v".into(), "libnonesuch".into()]);
    for (request, lacks) in [(preset, "a working encoder libx265"), (raw, "libnonesuch")] {
        let accepted = fixture.client().submit(&request, None).await.unwrap();
        let number = ffleet_types::JobRef::Number(accepted.number());
        let job = wait_for(&fixture, number, State::Rejected).await;
        assert_eq!(job.summary.reason, Some(Reason::CapabilityMismatch));
        let message = job.summary.message.unwrap();
        assert!(message.contains(lacks) && message.contains("install"), "{message}");
        assert!(job.attempts.is_empty(), "no node has seen it");
    }
    let number = fixture.submit("c.mp4").await;
    let work = hand.begin().await;
    assert_eq!(ffleet_types::JobRef::Number(work.number), number);
    fixture.stop().await;
}

#[tokio::test]
async fn report_that_comes_twice_changes_nothing() {
    let fixture = Fixture::start().await;
    let hand = Hand::join(&fixture.controller, "one", 1).await;
    let number = fixture.submit("a.mp4").await;
    let work = hand.begin().await;
    hand.report(work.attempt, Report::Started { at: now() }).await.unwrap();
    hand.complete(&work).await.unwrap();
    hand.complete(&work).await.unwrap_err();
    hand.end(work.attempt, Outcome::Completed).await.unwrap();
    let job = wait_for(&fixture, number, State::Completed).await;
    assert_eq!(steps(&job), ["queued", "assigned", "running", "completed"]);
    fixture.stop().await;
}

#[tokio::test]
async fn job_of_a_client_that_hangs_up_is_begun_all_the_same() {
    let fixture = Fixture::start().await;
    let hand = Hand::join(&fixture.controller, "one", 1).await;
    let client = fixture.client();
    for round in 0..20 {
        let target = format!("{round}.mp4");
        let body = serde_json::to_string(&fixture.job(&target)).unwrap();
        fixture.post_and_leave("/v1/jobs", &body).await;
        let work = hand.begin().await;
        assert!(work.spec.outputs[0].target.to_string().ends_with(&target));

        let cancel = format!("/v1/jobs/{}/cancel", work.number);
        fixture.post_and_leave(&cancel, "").await;
        assert!(matches!(hand.command().await, Command::Cancel { .. }), "round {round}");
        hand.end(work.attempt, Outcome::Canceled).await.unwrap();
        let job = client.job(ffleet_types::JobRef::Number(work.number)).await.unwrap();
        assert_eq!(job.summary.state, State::Canceled);
    }
    fixture.stop().await;
}
