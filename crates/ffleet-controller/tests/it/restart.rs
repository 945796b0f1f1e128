//! What is taken up when the server starts again.

use std::sync::Arc;
use std::time::Duration;

use ffleet_api::control::{Controller as _, Error, Report};
use ffleet_types::task::State;
use ffleet_types::{JobRef, Outcome, Reason};

use crate::fixture::Fixture;
use crate::hand::{Hand, artifacts};
use crate::lives::wait_for;

#[tokio::test]
async fn queued_jobs_are_there_after_a_restart_in_their_order() {
    let fixture = Fixture::start().await;
    let (first, second) = (fixture.submit("a.mp4").await, fixture.submit("b.mp4").await);
    let fixture = Fixture::on(fixture.stop().await, |_| {}).await;
    let hand = Hand::join(&fixture.controller, "one", 1).await;
    for expected in [first, second] {
        let work = hand.begin().await;
        assert_eq!(JobRef::Number(work.number), expected);
        hand.complete(&work).await.unwrap();
    }
    fixture.stop().await;
}

#[tokio::test]
async fn node_that_comes_back_is_told_what_it_held_and_sealed() {
    let fixture = Fixture::start().await;
    let hand = Hand::join(&fixture.controller, "one", 3).await;
    let sealed = fixture.submit("a.mp4").await;
    let running = fixture.submit("b.mp4").await;
    let assigned = fixture.submit("c.mp4").await;
    let (first, _second, _third) =
        (hand.begin().await, hand.begin().await, hand.assignment().await);
    let staged = artifacts(&first, false);
    hand.report(first.attempt, Report::Sealed { artifacts: staged.clone() })
        .await
        .unwrap();
    let node = hand.node;

    let fixture = Fixture::on(fixture.stop().await, |_| {}).await;
    let hand = Hand::back(&fixture.controller, node, "one", 3).await;
    assert_eq!(hand.held.len(), 3);
    let held = |job: JobRef| {
        let number = |job: JobRef| matches!(job, JobRef::Number(_)).then_some(job);
        let of = |held: &&ffleet_api::control::Held| {
            Some(JobRef::Number(held.assignment.number)) == number(job)
        };
        hand.held.iter().find(of).unwrap()
    };
    assert_eq!(held(sealed).sealed.as_deref(), Some(&*staged));
    assert_eq!(held(running).sealed, None);

    hand.end(held(sealed).assignment.attempt, Outcome::Completed)
        .await
        .unwrap();
    hand.fail(held(running).assignment.attempt, Reason::Interrupted)
        .await
        .unwrap();
    hand.fail(held(assigned).assignment.attempt, Reason::Interrupted)
        .await
        .unwrap();
    wait_for(&fixture, sealed, State::Completed).await;
    for _ in 0..2 {
        let work = hand.begin().await;
        hand.complete(&work).await.unwrap();
    }
    let job = wait_for(&fixture, running, State::Completed).await;
    assert_eq!(job.attempts.len(), 2);
    let job = wait_for(&fixture, assigned, State::Completed).await;
    assert_eq!(job.attempts.len(), 1, "what had not begun was no attempt");
    fixture.stop().await;
}

#[tokio::test]
async fn work_of_a_node_that_does_not_come_back_goes_to_another_after_a_term() {
    let fixture = Fixture::start().await;
    let hand = Hand::join(&fixture.controller, "gone", 1).await;
    let number = fixture.submit("a.mp4").await;
    hand.begin().await;
    let short = |policy: &mut ffleet_controller::Policy| {
        policy.lease_term = Duration::from_millis(500);
    };
    let fixture = Fixture::on(fixture.stop().await, short).await;
    let other = Hand::join(&fixture.controller, "other", 1).await;
    let work = other.begin().await;
    other.complete(&work).await.unwrap();
    let job = wait_for(&fixture, number, State::Completed).await;
    assert_eq!(job.attempts[0].reason, Some(Reason::NodeLost));
    let nodes = fixture.client().nodes().await.unwrap().nodes;
    let states: Vec<_> = nodes.iter().map(|node| (node.name.as_str(), node.state)).collect();
    assert_eq!(states[0], ("gone", ffleet_types::node::State::Gone));
    fixture.stop().await;
}

#[tokio::test]
async fn node_must_register_with_a_controller_that_started_anew() {
    let fixture = Fixture::start().await;
    let hand = Hand::join(&fixture.controller, "one", 1).await;
    let fixture = Fixture::on(fixture.stop().await, |_| {}).await;
    let next = fixture.controller.next(hand.node, Duration::from_secs(1)).await;
    assert_eq!(next.unwrap_err(), Error::Unknown);
    fixture.stop().await;
}

#[tokio::test]
async fn stop_ends_a_call_that_is_held_open() {
    let fixture = Fixture::start().await;
    let hand = Arc::new(Hand::join(&fixture.controller, "one", 1).await);
    let (controller, node) = (fixture.controller.clone(), hand.node);
    let call = tokio::spawn(async move { controller.next(node, Duration::from_secs(60)).await });
    fixture.stop().await;
    let answer = tokio::time::timeout(Duration::from_secs(5), call)
        .await
        .unwrap()
        .unwrap();
    assert!(matches!(answer, Err(Error::Unavailable(_) | Error::Unknown)), "{answer:?}");
}
