//! What people send, good and bad.

use ffleet_api::client::Action;
use ffleet_api::job::Job;
use ffleet_api::{Problem, query, submit};
use ffleet_types::JobRef;
use ffleet_types::task::State;

use crate::fixture::Fixture;
use crate::hand::Hand;
use crate::lives::wait_for;

fn code(error: &ffleet_api::client::Error) -> &'static str {
    error.problem().map_or("no problem", |problem| problem.code.name())
}

#[tokio::test]
async fn garbage_is_answered_with_what_is_wrong_and_where() {
    let fixture = Fixture::start().await;
    let target = fixture.media("a.mp4").display().to_string();
    let with = |rest: &str| {
        format!(r#"{{"input":"test:720p30","outputs":[{{"target":"{target}"}}]{rest}}}"#)
    };
    for (body, status, code, field) in [
        (String::new(), 400, "malformed-json", None),
        ("{".to_owned(), 400, "malformed-json", None),
        ("[]".to_owned(), 400, "malformed-json", None),
        ("\u{1}\u{2}".to_owned(), 400, "malformed-json", None),
        ("[".repeat(100_000), 400, "malformed-json", None),
        (with(r#","outptus":[]"#), 400, "unknown-field", Some("/outptus")),
        (r#"{"outputs":[]}"#.to_owned(), 400, "missing-field", Some("/input")),
        (with(r#","retries":-1"#), 422, "invalid-value", Some("/retries")),
        (with(r#","retries":1e99"#), 422, "invalid-value", Some("/retries")),
        (
            with(r#","limits":{"memory":"-2GiB"}"#),
            422,
            "invalid-value",
            Some("/limits/memory"),
        ),
        (
            with(r#","limits":{"memory":"99999TiB"}"#),
            422,
            "invalid-value",
            Some("/limits/memory"),
        ),
        (with(r#","limits":{"cpu":"0%"}"#), 422, "invalid-value", Some("/limits/cpu")),
        (with(r#","duration":"1000y""#), 422, "invalid-value", Some("/duration")),
        (with(r#","role-group":"encoed""#), 422, "invalid-value", Some("/role-group")),
        (with(r#","role-group":"No Name""#), 422, "invalid-value", Some("/role-group")),
        (with(r#","queue":"fast""#), 422, "invalid-value", Some("/queue")),
        (with(r#","input":"/again""#), 422, "invalid-value", None),
    ] {
        let answer = fixture.post("/v1/jobs", &body).await;
        let shown = body.chars().take(120).collect::<String>();
        assert_eq!((answer.status, &*answer.code()), (status, code), "{shown}: {answer:?}");
        if let Some(field) = field {
            assert_eq!(answer.json()["field"], field, "{shown}: {answer:?}");
        }
    }
    assert!(
        fixture
            .client()
            .jobs(&query::Jobs::default())
            .await
            .unwrap()
            .jobs
            .is_empty()
    );
    fixture.stop().await;
}

#[tokio::test]
async fn body_must_be_json_and_of_a_sane_size() {
    let fixture = Fixture::start().await;
    let bearer = fixture.bearer();
    let plain = [&*bearer, "content-type: text/plain"];
    let answer = fixture.request("POST /v1/jobs", &plain, "{}").await;
    assert_eq!((answer.status, &*answer.code()), (415, "unsupported-media-type"));
    let answer = fixture.post("/v1/jobs", &" ".repeat(2 << 20)).await;
    assert_eq!((answer.status, &*answer.code()), (413, "body-too-large"));
    fixture.stop().await;
}

#[tokio::test]
async fn unknown_addresses_and_methods_are_problems_too() {
    let fixture = Fixture::start().await;
    for (line, status, code) in [
        ("GET /v1/nothing", 404, "not-found"),
        ("GET /v1/jobs/7", 404, "job-not-found"),
        ("GET /v1/jobs/not-a-job", 404, "job-not-found"),
        ("GET /v1/jobs/7/logs", 404, "job-not-found"),
        ("POST /v1/jobs/7/cancel", 404, "job-not-found"),
        ("GET /v1/nodes/nobody", 404, "node-not-found"),
        ("GET /v1/presets/720p-h246", 404, "preset-not-found"),
        ("DELETE /v1/jobs", 405, "method-not-allowed"),
        ("PUT /healthz", 405, "method-not-allowed"),
        ("GET /v1/jobs?limit=9999", 400, "invalid-query"),
        ("GET /v1/jobs?stat=queued", 400, "invalid-query"),
        ("GET /v1/events?x=1", 400, "invalid-query"),
        ("POST /v1/jobs?dry-run=perhaps", 400, "invalid-query"),
    ] {
        let answer = fixture.request(line, &[&fixture.bearer()], "").await;
        assert_eq!((answer.status, &*answer.code()), (status, code), "{line}: {answer:?}");
    }
    fixture.stop().await;
}

#[tokio::test]
async fn same_idempotency_key_is_the_same_job_even_when_its_result_is_there() {
    let fixture = Fixture::start().await;
    let client = fixture.client();
    let request = fixture.job("a.mp4");
    let first = client.submit(&request, Some("once")).await.unwrap();
    let again = client.submit(&request, Some("once")).await.unwrap();
    assert!(!first.existing && again.existing);
    assert_eq!(first.number(), again.number());

    ffleet_base::write_atomic(&fixture.media("a.mp4"), b"result", 0o644).unwrap();
    let later = client.submit(&request, Some("once")).await.unwrap();
    assert_eq!((later.number(), later.existing), (first.number(), true));
    let error = client.submit(&request, Some("other")).await.unwrap_err();
    assert_eq!(code(&error), "target-exists");

    let other = fixture.job("b.mp4");
    let error = client.submit(&other, Some("once")).await.unwrap_err();
    assert_eq!(code(&error), "idempotency-key-reused");
    let answer = fixture
        .request("POST /v1/jobs", &[&fixture.bearer(), "idempotency-key: \u{7f}"], "{}")
        .await;
    assert!(answer.status == 422 || answer.status == 400, "{answer:?}");
    fixture.stop().await;
}

#[tokio::test]
async fn many_at_once_with_one_key_are_one_job() {
    let fixture = Fixture::start().await;
    let request = fixture.job("a.mp4");
    let submits = (0..16).map(|_| {
        let (client, request) = (fixture.client(), request.clone());
        tokio::spawn(async move { client.submit(&request, Some("k")).await.unwrap().number() })
    });
    let mut numbers = Vec::new();
    for submit in submits.collect::<Vec<_>>() {
        numbers.push(submit.await.unwrap());
    }
    numbers.dedup();
    assert_eq!(numbers.len(), 1);
    fixture.stop().await;
}

#[tokio::test]
async fn created_job_has_an_address_that_shows_it() {
    let fixture = Fixture::start().await;
    let body = serde_json::to_string(&fixture.job("a b.mp4")).unwrap();
    let answer = fixture.post("/v1/jobs", &body).await;
    assert_eq!(answer.status, 201);
    let shown = fixture.get(answer.header("location").unwrap()).await;
    assert_eq!(shown.json(), answer.json(), "what is answered is what is on disk");
    fixture.stop().await;
}

#[tokio::test]
async fn dry_run_says_what_would_be_done_and_does_nothing() {
    let fixture = Fixture::start().await;
    let rehearsal = fixture.client().rehearse(&fixture.job("a.mp4")).await.unwrap();
    assert_eq!(rehearsal.commands, [["ffmpeg", "test:720p30"]]);
    assert!(
        fixture
            .client()
            .jobs(&query::Jobs::default())
            .await
            .unwrap()
            .jobs
            .is_empty()
    );
    fixture.stop().await;
}

#[tokio::test]
async fn lists_are_paged_and_filtered() {
    let fixture = Fixture::start().await;
    let client = fixture.client();
    for n in 0..25_u32 {
        let mut request = fixture.job(&format!("{n}.mp4"));
        request.labels = [("parity".to_owned(), (n % 2).to_string())].into();
        client.submit(&request, None).await.unwrap();
    }
    client.act::<Job>("3".parse().unwrap(), Action::Cancel).await.unwrap();

    let mut query = query::Jobs { limit: 10, ..query::Jobs::default() };
    let mut seen = Vec::new();
    loop {
        let page = client.jobs(&query).await.unwrap();
        seen.extend(page.jobs.iter().map(|job| job.number.0));
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    assert_eq!(seen, (1..=25).rev().collect::<Vec<_>>());

    let canceled = query::Jobs { states: vec![State::Canceled], ..query::Jobs::default() };
    assert_eq!(client.jobs(&canceled).await.unwrap().jobs.len(), 1);
    let label = Some(("parity".to_owned(), "1".to_owned()));
    let odd = client
        .jobs(&query::Jobs { label, ..query::Jobs::default() })
        .await
        .unwrap();
    assert_eq!(odd.jobs.len(), 12);
    let brief = serde_json::to_value(&odd.jobs[0]).unwrap();
    assert!(brief["outputs"][0].get("recipe").is_none(), "lists leave recipes out: {brief}");
    fixture.stop().await;
}

#[tokio::test]
async fn presets_nodes_and_probes_are_shown() {
    let fixture = Fixture::start().await;
    let client = fixture.client();
    let presets = client.presets().await.unwrap().presets;
    assert!(presets.iter().any(|preset| preset.name == "ours"));
    assert_eq!(client.preset("1080p60-h264").await.unwrap().name, "1080p60-h264");
    let hand = Hand::join(&fixture.controller, "one", 2).await;
    let node = client.node("one").await.unwrap();
    assert_eq!((node.id, node.jobs), (hand.node, 0));
    assert_eq!(client.probe("test:720p30").await.unwrap().format, "mp4");
    let error = client.probe("http://127.0.0.1:1/x").await.unwrap_err();
    assert_eq!(code(&error), "input-unusable");
    let error = client.probe("/no/such/file").await.unwrap_err();
    assert_eq!(code(&error), "input-unusable");
    fixture.stop().await;
}

#[tokio::test]
async fn readiness_tells_the_truth_and_why_only_to_holders_of_a_key() {
    let fixture = Fixture::start().await;
    let bare = async |path: &str| fixture.request(&format!("GET {path}"), &[], "").await;
    assert_eq!(bare("/healthz").await.body, "ok\n");
    assert_eq!(bare("/readyz").await.status, 200);
    ffleet_base::write_atomic(&fixture.media("broken"), b"", 0o644).unwrap();
    let answer = bare("/readyz").await;
    assert_eq!((answer.status, answer.body.contains("engine")), (503, false));
    let answer = fixture.get("/readyz").await;
    assert_eq!((answer.status, answer.body.contains("engine is not proven")), (503, true));
    fixture.stop().await;
}

#[tokio::test]
async fn metrics_count_what_happens() {
    let fixture = Fixture::start().await;
    let hand = Hand::join(&fixture.controller, "one", 1).await;
    let number = fixture.submit("a.mp4").await;
    let work = hand.begin().await;
    hand.complete(&work).await.unwrap();
    wait_for(&fixture, number, State::Completed).await;
    let text = fixture.client().text("/metrics").await.unwrap();
    for line in [
        "ffleet_jobs{state=\"completed\"} 1",
        "ffleet_nodes{state=\"active\"} 1",
        "ffleet_job_submits_total{result=\"accepted\"} 1",
        "ffleet_attempt_ends_total{outcome=\"completed\",reason=\"\"} 1",
        "ffleet_job_wait_seconds_count 1",
        "ffleet_http_requests_total{method=\"post\",route=\"/v1/jobs\",status=\"201\"} 1",
        "# EOF",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    fixture.stop().await;
}

#[tokio::test]
async fn every_problem_of_a_job_names_its_field() {
    let fixture = Fixture::start().await;
    let refused = async |change: &dyn Fn(&mut submit::Request)| {
        let mut request = fixture.job("a.mp4");
        change(&mut request);
        let error = fixture.client().submit(&request, None).await.unwrap_err();
        Problem::clone(error.problem().unwrap())
    };
    let dir = fixture.media("").display().to_string();
    let problem = refused(&|request| request.input.clone_from(&dir)).await;
    assert_eq!(
        (problem.code.name(), problem.field.as_deref()),
        ("input-unusable", Some("/input"))
    );
    let problem = refused(&|request| request.outputs[0].target.clone_from(&dir)).await;
    assert_eq!(problem.code.name(), "target-unusable");
    let problem = refused(&|request| request.outputs.push(request.outputs[0].clone())).await;
    assert_eq!(problem.field.as_deref(), Some("/outputs/1/target"));
    fixture.stop().await;
}

#[tokio::test]
async fn number_and_id_both_name_a_job() {
    let fixture = Fixture::start().await;
    let number = fixture.submit("a.mp4").await;
    let client = fixture.client();
    let by_number = client.job(number).await.unwrap();
    let by_id = client.job(JobRef::Id(by_number.summary.id)).await.unwrap();
    assert_eq!(by_number, by_id);
    assert_eq!(client.history(number).await.unwrap().history, by_id.history);
    fixture.stop().await;
}
