//! What children are at, as the API shows it.

use crate::fixture::{Fixture, bench_node};
use crate::hand::Hand;

#[tokio::test]
async fn samples_of_the_last_attempt_are_shown_and_drawn() {
    let fixture = Fixture::start().await;
    let hand = Hand::back(&fixture.controller, bench_node(), "one", 1).await;
    fixture.submit("a.mp4").await;
    hand.begin().await;
    let list = fixture.get("/v1/jobs/1/samples").await.json();
    assert_eq!(list["attempt"], 1);
    let second = &list["samples"][2];
    assert_eq!((&second["phase"], &second["threads"]), (&"encode".into(), &14.into()));
    assert_eq!(second["cpu-seconds"], 3.0);
    assert!(second.get("throttled-seconds").is_none(), "nobody knows it: {second}");
    for (query, status) in [("attempt=1", 200), ("attempt=2", 404), ("attempt=x", 400)] {
        let answer = fixture.get(&format!("/v1/jobs/1/samples?{query}")).await;
        assert_eq!(answer.status, status, "{query}");
    }
    assert_eq!(fixture.get("/v1/jobs/1/samples?fence=1").await.code(), "invalid-query");
    assert_eq!(fixture.get("/v1/jobs/9/samples").await.code(), "job-not-found");

    let page = fixture.get("/jobs/1").await.body;
    assert!(page.contains(">CPU</span><span class=\"now\">150 %<"), "{page}");
    assert!(page.contains("Not kept by the kernel here: Charged, Read,"), "{page}");
    let part = fixture.get("/jobs/1/curves").await.body;
    assert!(
        part.starts_with("<section class=\"card\" id=\"work\"") && page.contains(&part),
        "{part}"
    );
    fixture.stop().await;
}

#[tokio::test]
async fn roles_are_shown_with_their_node_and_in_the_metrics() {
    let fixture = Fixture::start().await;
    let _one = Hand::back(&fixture.controller, bench_node(), "one", 1).await;
    let _other = Hand::join(&fixture.controller, "other", 1).await;
    let node = fixture.get("/v1/nodes/one").await.json();
    assert_eq!(node["role-groups"][1]["role-group"], "encode");
    assert_eq!(
        (&node["role-groups"][1]["started"], &node["role-groups"][1]["threads"]),
        (&7.into(), &14.into())
    );
    let other = fixture.get("/v1/nodes/other").await.json();
    assert_eq!(other["role-groups"], serde_json::json!([]), "its bench is not here");
    let text = fixture.client().text("/metrics").await.unwrap();
    for line in [
        "ffleet_child_threads{role_group=\"encode\"} 14",
        "ffleet_child_starts_total{role_group=\"probe\"} 0",
    ] {
        assert!(text.contains(line), "{line} is missing in {text}");
    }
    assert!(!text.contains("ffleet_child_cpu_seconds_total{"), "{text}");
    fixture.stop().await;
}

#[tokio::test]
async fn lines_of_logs_are_found_by_job_time_and_text() {
    let fixture = Fixture::start().await;
    let number = fixture.submit("a.mp4").await;
    let query =
        format!("job={number}&grep=moov&since=2026-01-31T12:00:00Z&until=2026-02-01T00:00:00Z");
    let page = fixture.get(&format!("/v1/logs?{query}")).await.json();
    let line = &page["lines"][0];
    assert_eq!((&line["number"], &line["attempt"]), (&1.into(), &1.into()));
    assert_eq!(line["at"], "2026-02-01T00:00:00.000Z");
    assert_eq!(
        (&line["text"], &line["phase"]),
        (&"moov since 1769860800000".into(), &"encode".into())
    );
    let next = page["next"].as_str().unwrap();
    assert_eq!(fixture.get(&format!("/v1/logs?{query}&after={next}")).await.status, 200);
    let whole = fixture.get("/v1/logs?job=1").await.json();
    assert_eq!(whole["lines"][0]["text"], " since 0", "a job is read from its start");
    let none = fixture.get("/v1/logs").await.json();
    assert_eq!((&none["lines"], &none["complete"]), (&serde_json::json!([]), &true.into()));
    for (query, code) in [
        ("after=nonsense", "invalid-query"),
        ("since=yesterday", "invalid-query"),
        ("attempt=1", "invalid-query"),
        ("job=77", "job-not-found"),
    ] {
        assert_eq!(fixture.get(&format!("/v1/logs?{query}")).await.code(), code, "{query}");
    }
    let page = fixture.get("/logs?job=1&grep=%3Cb%3E").await;
    assert!(page.body.contains("&lt;b&gt; since 0"), "{page:?}");
    assert!(page.body.contains("value=\"&lt;b&gt;\""), "{page:?}");
    fixture.stop().await;
}
