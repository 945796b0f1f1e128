//! Tenants, their quotas and their files, over HTTP.

use serde_json::json;

use crate::fixture::{Fixture, bench_node};
use crate::hand::Hand;

#[tokio::test]
async fn tenant_is_created_changed_shown_and_removed() {
    let fixture = Fixture::start().await;
    let body = r#"{"weight":7,"queued":3,"running":2,"cpu":"200%","memory":"2GiB"}"#;
    let made = fixture.post("/v1/tenants/acme", body).await;
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    let quotas = json!({"queued": 3, "running": 2, "cpu": "200%", "memory": "2GiB"});
    assert_eq!((&made["weight"], &made["quotas"]), (&7.into(), &quotas));
    assert_eq!(fixture.post("/v1/tenants/acme", "{}").await.code(), "name-taken");
    let headers = [&*fixture.bearer(), "content-type: application/json"];
    let patch = async |name: &str, body: &str| {
        fixture
            .request(&format!("PATCH /v1/tenants/{name}"), &headers, body)
            .await
    };
    let changed = patch("acme", r#"{"queued":null,"weight":9}"#).await.json();
    let quotas = json!({"running": 2, "cpu": "200%", "memory": "2GiB"});
    assert_eq!((&changed["weight"], &changed["quotas"]), (&9.into(), &quotas), "the rest stays");
    for (name, body, status, code) in [
        ("acme", r#"{"weight":0}"#, 422, "invalid-value"),
        ("acme", r#"{"weight":1001}"#, 422, "invalid-value"),
        ("acme", r#"{"cpu":"0%"}"#, 422, "invalid-value"),
        ("acme", r#"{"memory":"0"}"#, 422, "invalid-value"),
        ("acme", r#"{"queued":-1}"#, 422, "invalid-value"),
        ("acme", r#"{"roots":["media"]}"#, 422, "invalid-value"),
        ("acme", r#"{"roots":["/media/../etc"]}"#, 422, "invalid-value"),
        ("acme", r#"{"quota":3}"#, 400, "unknown-field"),
        ("other", "{}", 404, "tenant-not-found"),
        ("A", "{}", 404, "tenant-not-found"),
    ] {
        let answer = patch(name, body).await;
        assert_eq!((answer.status, &*answer.code()), (status, code), "{name} {body}");
    }
    assert_eq!(fixture.post("/v1/tenants/Acme", "{}").await.code(), "invalid-value");
    let list = fixture.get("/v1/tenants").await.json();
    let names: Vec<_> = list["tenants"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["name"])
        .collect();
    assert_eq!(names, ["acme", "default"]);
    assert_eq!(patch("default", r#"{"weight":50}"#).await.status, 200, "it is always there");
    // What was said outlives the server.
    let fixture = Fixture::on(fixture.stop().await, |_| {}).await;
    assert_eq!(fixture.get("/v1/tenants/acme").await.json()["weight"], 9);
    assert_eq!(fixture.get("/v1/tenants/default").await.json()["weight"], 50);
    let bearer = fixture.bearer();
    let remove = async |name: &str| {
        fixture
            .request(&format!("DELETE /v1/tenants/{name}"), &[&bearer], "")
            .await
    };
    let robot = fixture
        .caller(json!({"role": "tenant", "tenant": "acme", "name": "robot"}))
        .await;
    assert_eq!(robot.call("GET /v1/tenants/default", "").await.code(), "tenant-not-found");
    assert_eq!(robot.call("GET /v1/tenants/acme", "").await.status, 200);
    assert_eq!(remove("acme").await.code(), "tenant-in-use");
    fixture.request("DELETE /v1/keys/robot", &[&bearer], "").await;
    assert_eq!(remove("acme").await.status, 200);
    assert_eq!(remove("acme").await.code(), "tenant-not-found");
    assert_eq!(remove("default").await.code(), "tenant-in-use");
    fixture.stop().await;
}

#[tokio::test]
async fn quota_of_waiting_jobs_is_held_and_says_what_is_used_of_it() {
    let fixture = Fixture::start().await;
    fixture.tenant("acme").await;
    let headers = [&*fixture.bearer(), "content-type: application/json"];
    fixture
        .request("PATCH /v1/tenants/acme", &headers, r#"{"queued":2}"#)
        .await;
    let acme = fixture.caller(json!({"role": "tenant", "tenant": "acme"})).await;
    acme.submit("a.mp4").await;
    acme.submit("b.mp4").await;
    let body = serde_json::to_string(&fixture.job("c.mp4")).unwrap();
    let full = acme.call("POST /v1/jobs", &body).await;
    assert_eq!((full.status, &*full.code()), (429, "quota-exceeded"));
    assert_eq!(full.json()["field"], "quotas.queued");
    assert!(
        full.body.contains("has 2 jobs that wait, and its quota of them is 2"),
        "{full:?}"
    );
    fixture.submit("d.mp4").await;
    let shown = acme.call("GET /v1/tenants/acme", "").await.json();
    assert_eq!((&shown["waiting"], &shown["running"]), (&2.into(), &0.into()));
    let default = fixture.get("/v1/tenants/default").await.json();
    assert_eq!(default["waiting"], 1);
    let hand = Hand::back(&fixture.controller, bench_node(), "one", 1).await;
    hand.begin().await;
    acme.submit("c.mp4").await;
    fixture.stop().await;
}

#[tokio::test]
async fn tenant_reaches_no_files_but_its_own() {
    let fixture = Fixture::start().await;
    fixture.post("/v1/tenants/poor", "{}").await;
    let poor = fixture.caller(json!({"role": "tenant", "tenant": "poor"})).await;
    let body = serde_json::to_string(&fixture.job("a.mp4")).unwrap();
    for dry in ["", "?dry-run=true"] {
        let answer = poor.call(&format!("POST /v1/jobs{dry}"), &body).await;
        assert_eq!(answer.code(), "outside-roots");
        assert!(answer.body.contains("ffleet tenants set poor --root DIR"), "{answer:?}");
    }
    ffleet_base::write_atomic(&fixture.media("in.mp4"), b"media", 0o644).unwrap();
    let probe = json!({"input": fixture.media("in.mp4")}).to_string();
    assert_eq!(poor.call("POST /v1/probe", &probe).await.code(), "outside-roots");
    assert_eq!(fixture.post("/v1/probe", &probe).await.status, 200);
    fixture.stop().await;
}
