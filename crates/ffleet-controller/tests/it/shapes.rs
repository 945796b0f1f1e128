//! The shape of what is answered, which clients rely on.

use serde_json::Value;

use crate::fixture::Fixture;
use crate::hand::Hand;
use crate::lives::wait_for;

/// Replaces what differs from run to run.
fn settle(value: &mut Value, dir: &str) {
    match value {
        Value::String(text) => {
            if text.ends_with('Z') && text.len() == 24 {
                "2026-01-31T12:00:00.000Z".clone_into(text);
            } else if text.len() == 26 && text.parse::<ffleet_types::JobId>().is_ok() {
                "ID".clone_into(text);
            } else {
                *text = text.replace(dir, "/media");
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| settle(item, dir)),
        Value::Object(items) => items.values_mut().for_each(|item| settle(item, dir)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[tokio::test]
async fn job_has_the_shape_that_clients_know() {
    let fixture = Fixture::start().await;
    let hand = Hand::join(&fixture.controller, "one", 1).await;
    let mut request = fixture.job("a.mp4");
    request.limits.memory = Some(ffleet_types::Bytes::gib(2));
    request.labels = [("show".to_owned(), "news".to_owned())].into();
    let accepted = fixture.client().submit(&request, None).await.unwrap();
    let number = ffleet_types::JobRef::Number(accepted.number());
    let work = hand.begin().await;
    hand.complete(&work).await.unwrap();
    wait_for(&fixture, number, ffleet_types::task::State::Completed).await;
    let mut job = fixture.get("/v1/jobs/1").await.json();
    settle(&mut job, fixture.media("").display().to_string().trim_end_matches('/'));
    insta::assert_json_snapshot!(job);
    fixture.stop().await;
}
