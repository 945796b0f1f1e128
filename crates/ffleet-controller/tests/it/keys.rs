//! Keys and their roles, over HTTP.

use std::collections::BTreeSet;

use ffleet_base::chance;
use serde_json::{Value, json};

use crate::fixture::{DEADLINE, Fixture, bench_node};
use crate::hand::Hand;
use crate::wire::{self, Answer};

/// Somebody with a key.
pub(crate) struct Caller<'a> {
    fixture: &'a Fixture,
    bearer: String,
}

impl Caller<'_> {
    pub(crate) async fn call(&self, line: &str, body: &str) -> Answer {
        let headers = [&*self.bearer, "content-type: application/json"];
        self.fixture.request(line, &headers, body).await
    }

    /// Submits a job that makes `name` of a test picture; its number.
    pub(crate) async fn submit(&self, name: &str) -> u64 {
        let body = serde_json::to_string(&self.fixture.job(name)).unwrap();
        let answer = self.call("POST /v1/jobs", &body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()["number"].as_u64().unwrap()
    }
}

impl Fixture {
    /// Whoever shows this key.
    pub(crate) fn with_key(&self, secret: &str) -> Caller<'_> {
        Caller { fixture: self, bearer: format!("authorization: Bearer {secret}") }
    }

    /// Makes a key, which is to be made, and shows it from now on.
    pub(crate) async fn caller(&self, wanted: Value) -> Caller<'_> {
        let made = self.post("/v1/keys", &wanted.to_string()).await;
        assert_eq!(made.status, 201, "{made:?}");
        self.with_key(made.json()["secret"].as_str().unwrap())
    }

    /// Makes a tenant that may use the test's media.
    pub(crate) async fn tenant(&self, name: &str) {
        let roots = json!({"roots": [self.media("").display().to_string()]}).to_string();
        let made = self.post(&format!("/v1/tenants/{name}"), &roots).await;
        assert_eq!(made.status, 201, "{made:?}");
    }
}

#[tokio::test]
async fn key_is_shown_once_and_kept_as_a_hash_alone() {
    let fixture = Fixture::start().await;
    let made = fixture
        .post("/v1/keys", r#"{"role":"operator","name":"ci","expires":"1h"}"#)
        .await
        .json();
    let secret = made["secret"].as_str().unwrap().to_owned();
    assert!(
        secret.starts_with("ffk_") && made["name"] == "ci" && made["state"] == "good",
        "{made}"
    );
    let listed = fixture.get("/v1/keys").await;
    assert_eq!(listed.json()["keys"][0]["created-by"], "user:local");
    assert!(!listed.body.contains(&secret) && !listed.body.contains(fixture.key.expose()));
    let number = fixture.with_key(&secret).submit("a.mp4").await;
    let job = fixture.get(&format!("/v1/jobs/{number}")).await.json();
    assert_eq!(job["history"][0]["actor"], "user:ci", "history shows its name");
    for (wanted, status, code) in [
        (r#"{"role":"operator","name":"ci"}"#, 409, "name-taken"),
        (r#"{"role":"operator","name":"local"}"#, 422, "invalid-value"),
        (r#"{"role":"king"}"#, 422, "invalid-value"),
        (r#"{"role":"tenant"}"#, 422, "invalid-value"),
        (r#"{"role":"admin","tenant":"acme"}"#, 422, "invalid-value"),
        (r#"{"role":"tenant","tenant":"acme"}"#, 404, "tenant-not-found"),
        (r#"{"role":"reader","expires":"11000d"}"#, 422, "invalid-value"),
        (r#"{"role":"reader","hash":"00"}"#, 400, "unknown-field"),
        ("{}", 400, "missing-field"),
    ] {
        let answer = fixture.post("/v1/keys", wanted).await;
        assert_eq!((answer.status, &*answer.code()), (status, code), "{wanted}");
    }
    // What the store keeps of it outlives the server, and is not the key.
    let dir = fixture.stop().await;
    for file in ["ffleet.db", "ffleet.db-wal"] {
        let bytes = std::fs::read(dir.path().join("state").join(file)).unwrap_or_default();
        let found = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
        assert!(!found, "the key is in {file}");
    }
    let fixture = Fixture::on(dir, |_| {}).await;
    assert_eq!(fixture.with_key(&secret).call("GET /v1/jobs", "").await.status, 200);
    fixture.stop().await;
}

#[tokio::test]
async fn wrong_expired_and_revoked_keys_are_refused_and_say_which_they_are() {
    let fixture = Fixture::start().await;
    let refused = async |caller: &Caller<'_>, why: &str| {
        let answer = caller.call("GET /v1/jobs", "").await;
        assert_eq!((answer.status, &*answer.code()), (401, "unauthorized"), "{answer:?}");
        assert!(answer.body.contains(why), "{answer:?}");
    };
    refused(&fixture.with_key(chance::key().expose()), "not one of this server's").await;
    let short = fixture.caller(json!({"role": "reader", "expires": "1s"})).await;
    let deadline = tokio::time::Instant::now() + DEADLINE;
    while short.call("GET /v1/jobs", "").await.status == 200 {
        assert!(tokio::time::Instant::now() < deadline, "it does not expire");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    refused(&short, "expired").await;
    let caller = fixture.caller(json!({"role": "operator", "name": "gone"})).await;
    // A session and a stream of events that it began go with it.
    let link = caller.call("POST /v1/login-links", "").await.json();
    let path = link["url"].as_str().unwrap().split_once("/login").unwrap().1.to_owned();
    let login = fixture.request(&format!("GET /login{path}"), &[], "").await;
    let cookie = login
        .header("set-cookie")
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let cookie = format!("cookie: {cookie}");
    assert_eq!(fixture.request("GET /v1/jobs", &[&cookie], "").await.status, 200);
    let watching = async {
        let answer = caller.call("GET /v1/events", "").await;
        assert!(answer.status == 200 && !answer.body.contains("event:"), "{answer:?}");
    };
    let revoking = async {
        let deadline = tokio::time::Instant::now() + DEADLINE;
        while !fixture.get("/metrics").await.body.contains("ffleet_http_watchers 1") {
            assert!(tokio::time::Instant::now() < deadline, "nobody watches");
        }
        let revoked = fixture.request("DELETE /v1/keys/gone", &[&fixture.bearer()], "").await;
        assert_eq!((revoked.status, &revoked.json()["state"]), (200, &"revoked".into()));
        fixture.submit("news.mp4").await;
    };
    tokio::join!(watching, revoking);
    refused(&caller, "revoked").await;
    assert_eq!(fixture.request("GET /v1/jobs", &[&cookie], "").await.status, 401);
    for name in ["nobody-s", "local", "%22"] {
        let line = format!("DELETE /v1/keys/{name}");
        let answer = fixture.request(&line, &[&fixture.bearer()], "").await;
        assert_eq!((answer.status, &*answer.code()), (404, "key-not-found"), "{name}");
    }
    assert_eq!(fixture.get("/v1/jobs").await.status, 200, "the server's own is as good as ever");
    fixture.stop().await;
}

/// What a tenant's key may call, by hand: the table must agree with it.
const OF_TENANTS: [&str; 19] = [
    "get /v1/jobs",
    "post /v1/jobs",
    "get /v1/jobs/{job}",
    "get /v1/jobs/{job}/history",
    "get /v1/jobs/{job}/logs",
    "get /v1/jobs/{job}/samples",
    "post /v1/jobs/{job}/cancel",
    "post /v1/jobs/{job}/pause",
    "post /v1/jobs/{job}/resume",
    "post /v1/jobs/{job}/retry",
    "get /v1/logs",
    "get /v1/events",
    "get /v1/presets",
    "get /v1/presets/{preset}",
    "post /v1/probe",
    "post /v1/audit",
    "get /v1/tenants",
    "get /v1/tenants/{tenant}",
    "get /v1/openapi.json",
];

/// What changes something and an operator may not call.
const OF_ADMINS: [&str; 10] = [
    "delete /v1/nodes/{node}",
    "post /v1/invitations",
    "post /v1/backups",
    "get /v1/keys",
    "post /v1/keys",
    "delete /v1/keys/{key}",
    "get /v1/audit-log",
    "post /v1/tenants/{tenant}",
    "patch /v1/tenants/{tenant}",
    "delete /v1/tenants/{tenant}",
];

/// Every route that the API says it has: as it is written there, and as it can be called.
async fn routes(fixture: &Fixture) -> Vec<(String, String)> {
    let document = fixture.get("/v1/openapi.json").await.json();
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            // A job that is not there ends a stream of events before it begins.
            let query = if path == "/v1/events" { "?job=99" } else { "" };
            let named = path
                .split('/')
                .map(|part| if part.starts_with('{') { "99" } else { part });
            let called = named.collect::<Vec<_>>().join("/");
            let line = format!("{} {called}{query}", method.to_uppercase());
            routes.push((format!("{method} {path}"), line));
        }
    }
    routes
}

#[tokio::test]
async fn every_route_answers_the_roles_that_it_is_for_and_no_others() {
    // Every route is called without a key as well, and that is not what is slowed down here.
    let fixture = Fixture::with(|policy| policy.http.failed_logins_per_second = 10_000).await;
    fixture.tenant("acme").await;
    let admin = fixture.caller(json!({"role": "admin"})).await;
    let operator = fixture.caller(json!({"role": "operator"})).await;
    let tenant = fixture.caller(json!({"role": "tenant", "tenant": "acme"})).await;
    let reader = fixture.caller(json!({"role": "reader"})).await;
    let narrow = fixture.caller(json!({"role": "reader", "tenant": "acme"})).await;
    let routes = routes(&fixture).await;
    let open = ["get /healthz", "get /readyz", "get /login", "post /v1/enrol"];
    assert!(routes.len() > 40, "{routes:?}");
    let mut passed: [BTreeSet<String>; 5] = Default::default();
    let callers = [&admin, &operator, &tenant, &reader, &narrow];
    for (route, line) in &routes {
        let open = open.contains(&&**route);
        let nobody = fixture.request(line, &[], "").await;
        assert_eq!(nobody.status == 401, !open, "{route}: {nobody:?}");
        for (caller, passed) in callers.iter().zip(&mut passed) {
            let answer = caller.call(line, "").await;
            if answer.status == 403 && answer.code() == "forbidden" {
                continue;
            }
            assert!(!route.contains(" /v1/node/"), "{route} is for machines: {answer:?}");
            assert!(answer.status != 401, "{route}: {answer:?}");
            if !open {
                passed.insert(route.clone());
            }
        }
    }
    let all: BTreeSet<String> = routes
        .iter()
        .map(|(route, _)| route.clone())
        .filter(|route| !open.contains(&&**route) && !route.contains(" /v1/node/"))
        .collect();
    let [admins, operators, tenants, readers, narrow] = passed;
    assert_eq!(admins, all, "an admin may everything");
    let rest: BTreeSet<String> = all.difference(&operators).cloned().collect();
    assert_eq!(rest, OF_ADMINS.iter().map(|route| (*route).to_owned()).collect());
    let own: BTreeSet<String> = OF_TENANTS.iter().map(|route| (*route).to_owned()).collect();
    assert_eq!(tenants, own);
    let looks = |route: &String| {
        route.starts_with("get ") || route == "post /v1/audit" || route == "post /v1/login-links"
    };
    let hidden = ["get /v1/keys", "get /v1/audit-log"];
    let looked = all
        .iter()
        .filter(|route| looks(route) && !hidden.contains(&route.as_str()));
    assert_eq!(readers, looked.cloned().collect());
    let own_looked = own.iter().filter(|route| looks(route));
    assert_eq!(narrow, own_looked.cloned().collect());
    fixture.stop().await;
}

#[tokio::test]
async fn tenant_sees_its_own_jobs_and_of_others_not_even_that_they_are() {
    let fixture = Fixture::start().await;
    let hand = Hand::back(&fixture.controller, bench_node(), "one", 8).await;
    fixture.tenant("acme").await;
    fixture.tenant("other").await;
    let acme = fixture.caller(json!({"role": "tenant", "tenant": "acme"})).await;
    let other = fixture.caller(json!({"role": "tenant", "tenant": "other"})).await;
    let looks = fixture.caller(json!({"role": "reader", "tenant": "acme"})).await;
    let ours = acme.submit("ours.mp4").await;
    hand.begin().await;
    let theirs = other.submit("theirs.mp4").await;
    hand.begin().await;
    let shown = acme.call(&format!("GET /v1/jobs/{ours}"), "").await.json();
    assert_eq!(shown["tenant"], "acme", "submit's tenant is the key's");
    let foreign = other.call(&format!("GET /v1/jobs/{theirs}"), "").await.json();
    let id = foreign["id"].as_str().unwrap();
    let none = acme.call("GET /v1/jobs/4711", "").await;
    for name in [&*theirs.to_string(), id] {
        for line in [
            format!("GET /v1/jobs/{name}"),
            format!("GET /v1/jobs/{name}/history"),
            format!("GET /v1/jobs/{name}/logs"),
            format!("GET /v1/jobs/{name}/logs?follow=true"),
            format!("GET /v1/jobs/{name}/samples"),
            format!("POST /v1/jobs/{name}/cancel"),
            format!("POST /v1/jobs/{name}/pause"),
            format!("POST /v1/jobs/{name}/resume"),
            format!("POST /v1/jobs/{name}/retry"),
            format!("GET /v1/events?job={name}"),
            format!("GET /v1/logs?job={name}"),
        ] {
            let answer = acme.call(&line, "").await;
            assert_eq!((answer.status, &*answer.code()), (404, "job-not-found"), "{line}");
            let body = answer.body.replace(name, "4711");
            assert_eq!(body, none.body, "{line}: as of one that never was");
        }
    }
    let untouched = other.call(&format!("GET /v1/jobs/{theirs}"), "").await.json();
    assert_eq!(untouched["state"], "running");
    for (caller, numbers) in [(&acme, [ours]), (&other, [theirs]), (&looks, [ours])] {
        let list = caller.call("GET /v1/jobs", "").await.json();
        let found: Vec<_> = list["jobs"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|job| job["number"].as_u64())
            .collect();
        assert_eq!(found, numbers);
    }
    assert_eq!(fixture.get("/v1/jobs").await.json()["jobs"].as_array().unwrap().len(), 2);
    assert_eq!(acme.call("GET /v1/logs", "").await.code(), "invalid-query", "one job at a time");
    let answer = looks.call(&format!("POST /v1/jobs/{ours}/cancel"), "").await;
    assert_eq!(
        (answer.status, &*answer.code()),
        (403, "forbidden"),
        "who looks changes nothing"
    );
    assert_eq!(acme.call(&format!("POST /v1/jobs/{ours}/cancel"), "").await.status, 200);
    fixture.stop().await;
}

#[tokio::test]
async fn tenant_hears_of_its_own_work_alone() {
    let fixture = Fixture::start().await;
    fixture.tenant("acme").await;
    let key = fixture
        .post("/v1/keys", r#"{"role":"tenant","tenant":"acme"}"#)
        .await
        .json();
    let secret = key["secret"].as_str().unwrap();
    let acme = fixture.with_key(secret);
    let request = format!(
        "GET /v1/events HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {secret}\r\n\r\n",
        fixture.address
    );
    let mut watching = wire::Listening::open(fixture.address, &request).await;
    watching.until(": ffleet").await;
    let foreign = fixture.submit("foreign.mp4").await;
    let _node = Hand::back(&fixture.controller, bench_node(), "one", 1).await;
    let ours = acme.submit("ours.mp4").await;
    let heard = watching.until(&format!("\"number\":{ours},")).await;
    assert!(!heard.contains(&format!("\"number\":{foreign},")), "{heard}");
    assert!(!heard.contains("event: node"), "{heard}");
    fixture.stop().await;
}

#[tokio::test]
async fn audit_log_says_who_changed_what_from_where_and_what_they_were_answered() {
    let fixture = Fixture::start().await;
    fixture.tenant("acme").await;
    let acme = fixture
        .caller(json!({"role": "tenant", "tenant": "acme", "name": "robot"}))
        .await;
    let number = acme.submit("a.mp4").await;
    acme.call(&format!("POST /v1/jobs/{number}/cancel"), "").await;
    acme.call("DELETE /v1/keys/robot", "").await;
    acme.call("GET /v1/jobs", "").await;
    let deadline = tokio::time::Instant::now() + DEADLINE;
    let entries = loop {
        let page = fixture.get("/v1/audit-log?who=user:robot").await.json();
        let entries = page["entries"].as_array().unwrap().clone();
        if entries.len() >= 3 {
            break entries;
        }
        assert!(tokio::time::Instant::now() < deadline, "{entries:?}");
    };
    let said: Vec<_> = entries
        .iter()
        .map(|entry| format!("{} {} {}", entry["method"], entry["path"], entry["status"]))
        .collect();
    let cancel = format!("\"POST\" \"/v1/jobs/{number}/cancel\" 200");
    assert_eq!(
        said,
        ["\"DELETE\" \"/v1/keys/robot\" 403", &*cancel, "\"POST\" \"/v1/jobs\" 201"],
        "reads are not in it, refusals are"
    );
    let first = &entries[0];
    assert_eq!((&first["role"], &first["tenant"]), (&"tenant".into(), &"acme".into()));
    assert_eq!(first["from"], "127.0.0.1");
    let all = fixture.get("/v1/audit-log?limit=1").await.json();
    assert_eq!(all["entries"].as_array().unwrap().len(), 1);
    let next = fixture
        .get(&format!("/v1/audit-log?after={}", all["next"]))
        .await
        .json();
    assert!(next["entries"].as_array().unwrap().len() >= 4, "{next}");
    assert_eq!(fixture.get("/v1/audit-log?whom=x").await.code(), "invalid-query");
    // What is on its way when the server stops is not lost.
    acme.call("POST /v1/keys", "{}").await;
    let fixture = Fixture::on(fixture.stop().await, |_| {}).await;
    let page = fixture.get("/v1/audit-log?who=user:robot").await.json();
    assert_eq!(page["entries"].as_array().unwrap().len(), 4, "{page}");
    fixture.stop().await;
}
