//! Events and logs, as they come.

use std::time::Duration;

use ffleet_api::client::Events;
use ffleet_api::event::Event;
use ffleet_types::Outcome;
use ffleet_types::task::State;
use tokio::io::AsyncReadExt as _;

use crate::fixture::{DEADLINE, Fixture};
use crate::hand::Hand;

/// The next event that `wanted` takes.
async fn next(events: &mut Events, mut wanted: impl FnMut(&Event) -> bool) -> Event {
    let wait = async {
        loop {
            let event = events.next().await.unwrap().expect("the stream goes on");
            if wanted(&event) {
                return event;
            }
        }
    };
    tokio::time::timeout(DEADLINE, wait).await.expect("the event in time")
}

fn is(state: State) -> impl FnMut(&Event) -> bool {
    move |event| matches!(event, Event::Job(job) if job.state == state)
}

#[tokio::test]
async fn watcher_of_a_job_sees_how_it_is_and_what_becomes_of_it() {
    let fixture = Fixture::start().await;
    let hand = Hand::join(&fixture.controller, "one", 2).await;
    let number = fixture.submit("a.mp4").await;
    let work = hand.begin().await;
    let client = fixture.client();
    let mut events = client.events(Some(number)).await.unwrap();
    let first = events.next().await.unwrap().unwrap();
    assert!(matches!(first, Event::Job(job) if job.state == State::Running));

    fixture.submit("other.mp4").await;
    hand.progress(work.attempt, 50.0).await;
    let event = next(&mut events, |event| !matches!(event, Event::Job(_))).await;
    let Event::Progress(progress) = event else {
        panic!("{event:?}")
    };
    assert_eq!((progress.number, progress.progress.percent), (work.number, Some(50.0)));
    hand.complete(&work).await.unwrap();
    let Event::Job(last) = next(&mut events, is(State::Completed)).await else {
        panic!("no job")
    };
    assert_eq!(last.number, work.number);
    fixture.stop().await;
}

#[tokio::test]
async fn watcher_of_everything_sees_jobs_and_nodes() {
    let fixture = Fixture::start().await;
    let mut events = fixture.client().events(None).await.unwrap();
    let hand = Hand::join(&fixture.controller, "one", 1).await;
    next(&mut events, |event| matches!(event, Event::Node(node) if node.name == "one")).await;
    fixture.submit("a.mp4").await;
    let work = hand.begin().await;
    next(&mut events, is(State::Running)).await;
    hand.end(work.attempt, Outcome::Canceled).await.unwrap();
    next(&mut events, is(State::Canceled)).await;
    fixture.stop().await;
}

#[tokio::test]
async fn slow_watcher_is_told_that_it_missed_something() {
    let fixture = Fixture::start().await;
    let hand = Hand::join(&fixture.controller, "one", 1).await;
    let number = fixture.submit("a.mp4").await;
    let work = hand.begin().await;
    let mut events = fixture.client().events(Some(number)).await.unwrap();
    // More than the socket's buffers and the feed hold together, before anything is read.
    for _ in 0..60_000 {
        hand.progress(work.attempt, 1.0).await;
    }
    let event = next(&mut events, |event| matches!(event, Event::Lagged(_))).await;
    assert!(matches!(event, Event::Lagged(lagged) if lagged.missed > 0));
    fixture.stop().await;
}

#[tokio::test]
async fn watcher_of_one_job_hears_that_the_stream_lives_while_others_have_news() {
    let fixture = Fixture::with(|policy| policy.http.quiet = Duration::from_millis(200)).await;
    let hand = Hand::join(&fixture.controller, "one", 1).await;
    fixture.submit("busy.mp4").await;
    let busy = hand.begin().await.attempt;
    let watched = fixture.submit("waits.mp4").await;
    let mut stream = fixture.open(&format!("/v1/events?job={watched}")).await;
    let (mut heard, mut piece) = (String::new(), [0; 4_096]);
    let comment = async {
        while !heard.contains("\n:\n\n") {
            let count = stream.read(&mut piece).await.unwrap();
            assert!(count > 0, "it ended after {heard}");
            heard.push_str(&String::from_utf8_lossy(&piece[..count]));
        }
    };
    // News of another job come more often than the silence lasts.
    let news = async {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        loop {
            tick.tick().await;
            hand.progress(busy, 1.0).await;
        }
    };
    tokio::select! {
        () = comment => {}
        () = news => {}
        () = tokio::time::sleep(DEADLINE) => panic!("no comment in time"),
    }
    fixture.stop().await;
}

#[tokio::test]
async fn streams_end_when_the_server_stops() {
    let fixture = Fixture::start().await;
    let mut events = fixture.client().events(None).await.unwrap();
    let number = fixture.submit("a.mp4").await;
    let mut logs = fixture.client().logs(number, None, true).await.unwrap();
    fixture.stop().await;
    let end = async {
        while let Ok(Some(_event)) = events.next().await {}
        while let Ok(Some(_piece)) = logs.next().await {}
    };
    tokio::time::timeout(Duration::from_secs(5), end)
        .await
        .expect("both end");
}

#[tokio::test]
async fn log_is_followed_until_the_job_has_ended() {
    let fixture = Fixture::start().await;
    let hand = Hand::join(&fixture.controller, "one", 1).await;
    let number = fixture.submit("a.mp4").await;
    let client = fixture.client();
    let mut logs = client.logs(number, None, true).await.unwrap();
    let work = hand.begin().await;
    let file = fixture.media(&format!("{}.log", work.attempt));
    ffleet_base::write_atomic(&file, b"first\n", 0o600).unwrap();
    let piece = tokio::time::timeout(DEADLINE, logs.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert_eq!(&piece[..], b"first\n");
    ffleet_base::write_atomic(&file, b"first\nlast\n", 0o600).unwrap();
    hand.complete(&work).await.unwrap();
    let rest = async {
        let mut text = Vec::new();
        while let Some(piece) = logs.next().await.unwrap() {
            text.extend_from_slice(&piece);
        }
        text
    };
    let rest = tokio::time::timeout(DEADLINE, rest)
        .await
        .expect("it ends with the job");
    assert_eq!(rest, b"last\n");
    assert_eq!(client.text(&format!("/v1/jobs/{number}/logs")).await.unwrap(), "first\nlast\n");
    let answer = fixture.get(&format!("/v1/jobs/{number}/logs?attempt=9")).await;
    assert_eq!(answer.code(), "log-not-found");
    fixture.stop().await;
}
