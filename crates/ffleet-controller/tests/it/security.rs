//! Who may call, and from where.

use std::net::SocketAddr;
use std::time::Duration;

use ffleet_api::client::Error;
use ffleet_api::{Client, Code};
use ffleet_base::chance;
use ffleet_controller::Server;
use ffleet_controller::http::ListenError;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::fixture::{DEADLINE, Fixture};
use crate::wire;

#[tokio::test]
async fn every_address_but_the_open_ones_wants_a_key() {
    let fixture = Fixture::start().await;
    for line in [
        "GET /v1/jobs",
        "POST /v1/jobs",
        "GET /v1/jobs/1",
        "GET /v1/events",
        "GET /v1/openapi.json",
        "GET /metrics",
        "GET /v1/nothing",
        "POST /v1/login-links",
        "POST /healthz",
    ] {
        let answer = fixture.request(line, &[], "").await;
        assert_eq!((answer.status, &*answer.code()), (401, "unauthorized"), "{line}");
        assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer"));
    }
    fixture.stop().await;
}

#[tokio::test]
async fn wrong_keys_are_refused_and_soon_slowed_down_but_the_right_one_always_works() {
    let fixture = Fixture::start().await;
    let base = format!("http://{}", fixture.address);
    let stranger = Client::new(&base, Some(chance::key())).unwrap();
    let mut codes = Vec::new();
    for _ in 0..30 {
        let error = stranger.nodes().await.unwrap_err();
        codes.push(error.problem().unwrap().code);
    }
    assert_eq!(codes[0], Code::Unauthorized);
    assert!(codes.contains(&Code::TooManyRequests), "{codes:?}");
    fixture.client().nodes().await.unwrap();
    for header in ["authorization: Basic eDp5", "authorization: Bearer", "authorization: x"] {
        let answer = fixture.request("GET /v1/nodes", &[header], "").await;
        assert!(matches!(answer.status, 401 | 429), "{answer:?}");
    }
    fixture.stop().await;
}

#[tokio::test]
async fn page_of_another_name_that_resolves_here_is_refused() {
    let fixture = Fixture::with(|policy| policy.http.names = vec!["Media.lan".into()]).await;
    let port = fixture.address.port();
    let bearer = fixture.bearer();
    for host in ["evil.example", "127.0.0.1", "localhost", "127.0.0.1:1", "", "localhost.evil:80"] {
        let answer = fixture
            .request("GET /v1/jobs", &[&bearer, &format!("host: {host}")], "")
            .await;
        assert_eq!((answer.status, &*answer.code()), (421, "wrong-host"), "{host}");
        // Also where no key is asked for: a rebound page learns nothing.
        let answer = fixture.request("GET /healthz", &[&format!("host: {host}")], "").await;
        assert_eq!(answer.status, 421, "{host}");
    }
    for host in ["127.0.0.1", "localhost", "[::1]", "LOCALHOST", "media.lan"] {
        let header = format!("host: {host}:{port}");
        let answer = fixture.request("GET /v1/jobs", &[&bearer, &header], "").await;
        assert_eq!(answer.status, 200, "{host}: {answer:?}");
    }
    let doubled = format!("host: evil.example\r\nhost: {}", fixture.address);
    let answer = fixture.request("GET /v1/jobs", &[&bearer, &doubled], "").await;
    assert!(answer.status >= 400, "{answer:?}");
    fixture.stop().await;
}

#[tokio::test]
async fn page_of_another_site_is_refused_whatever_it_carries() {
    let fixture = Fixture::start().await;
    let bearer = fixture.bearer();
    for origin in ["http://evil.example", "null", "http://127.0.0.1:1", "https://localhost"] {
        for line in ["POST /v1/jobs", "GET /v1/jobs"] {
            let headers = [&*bearer, &format!("origin: {origin}")];
            let answer = fixture.request(line, &headers, "").await;
            assert_eq!((answer.status, &*answer.code()), (403, "cross-origin"), "{origin}");
        }
    }
    let ours = format!("origin: http://{}", fixture.address);
    assert_eq!(fixture.request("GET /v1/jobs", &[&bearer, &ours], "").await.status, 200);
    fixture.stop().await;
}

/// Opens a session; its cookie.
async fn session(fixture: &Fixture) -> String {
    let link = fixture.client().login_link().await.unwrap();
    let path = link.url.split_once(&fixture.address.to_string()).unwrap().1.to_owned();
    let answer = fixture.request(&format!("GET {path}"), &[], "").await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/")));
    let cookie = answer.header("set-cookie").unwrap().to_owned();
    for flag in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"] {
        assert!(cookie.contains(flag), "{cookie}");
    }
    let again = fixture.request(&format!("GET {path}"), &[], "").await;
    assert_eq!((again.status, &*again.code()), (403, "link-expired"), "a link works once");
    format!("cookie: other=1; {}", cookie.split(';').next().unwrap())
}

#[tokio::test]
async fn one_time_link_opens_a_session_that_only_our_own_pages_change_things_with() {
    let fixture = Fixture::start().await;
    let cookie = session(&fixture).await;
    assert_eq!(fixture.request("GET /v1/jobs", &[&cookie], "").await.status, 200);

    let number = fixture.submit("a.mp4").await;
    let line = format!("POST /v1/jobs/{number}/cancel");
    for headers in [
        vec![&*cookie],
        vec![&*cookie, "sec-fetch-site: cross-site"],
        vec![&*cookie, "sec-fetch-site: same-site"],
        vec![&*cookie, "origin: http://evil.example"],
    ] {
        let answer = fixture.request(&line, &headers, "").await;
        assert_eq!((answer.status, &*answer.code()), (403, "cross-origin"), "{headers:?}");
    }
    let same = [&*cookie, "sec-fetch-site: same-origin"];
    let answer = fixture.request(&line, &same, "").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["history"][1]["actor"], "user:dashboard");
    fixture.stop().await;
}

#[tokio::test]
async fn session_of_before_a_restart_is_over() {
    let fixture = Fixture::start().await;
    let cookie = session(&fixture).await;
    let fixture = Fixture::on(fixture.stop().await, |_| {}).await;
    let token = cookie.rsplit_once('=').unwrap().1;
    let cookie = format!("cookie: ffleet-{}={token}", fixture.address.port());
    assert_eq!(fixture.request("GET /v1/jobs", &[&cookie], "").await.status, 401);
    fixture.stop().await;
}

#[tokio::test]
async fn answers_tell_browsers_to_keep_to_themselves() {
    let fixture = Fixture::start().await;
    for path in ["/v1/jobs", "/healthz", "/v1/nothing"] {
        let answer = fixture.get(path).await;
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("x-frame-options"), Some("DENY"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert!(answer.header("content-security-policy").unwrap().contains("'none'"));
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    fixture.stop().await;
}

#[tokio::test]
async fn other_machines_are_not_listened_to() {
    let fixture = Fixture::start().await;
    let any = SocketAddr::from(([0, 0, 0, 0], 0));
    let refused = Server::bind(fixture.controller.clone(), any, None).await.unwrap_err();
    assert!(matches!(refused, ListenError::NotLoopback { .. }), "{refused}");
    let taken = Server::bind(fixture.controller.clone(), fixture.address, None)
        .await
        .unwrap_err();
    assert!(matches!(taken, ListenError::Taken { .. }), "{taken}");
    fixture.stop().await;
}

#[tokio::test]
async fn huge_body_is_answered_without_being_kept() {
    let fixture = Fixture::start().await;
    let before = resident_mib();
    let head = format!(
        "POST /v1/jobs HTTP/1.1\r\nhost: {}\r\n{}\r\ncontent-type: application/json\r\n\
         content-length: 268435456\r\n\r\n",
        fixture.address,
        fixture.bearer(),
    );
    let exchange = async {
        let mut stream = TcpStream::connect(fixture.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        // All of it is sent, as a client does that looks for the answer only afterwards.
        let piece = vec![b' '; 1 << 20];
        for _ in 0..256 {
            stream.write_all(&piece).await.unwrap();
        }
        let mut answer = vec![0; 64 << 10];
        let length = stream.read(&mut answer).await.unwrap();
        wire::parse(&answer[..length])
    };
    let answer = tokio::time::timeout(DEADLINE, exchange).await.unwrap();
    assert_eq!((answer.status, &*answer.code()), (413, "body-too-large"));
    let grown = resident_mib().saturating_sub(before);
    assert!(grown < 64, "{grown} MiB more for a body of 256 MiB");
    fixture.client().nodes().await.unwrap();
    fixture.stop().await;
}

fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().split(' ').next().unwrap().parse::<u64>().unwrap() / 1_024
}

#[tokio::test]
async fn chunked_body_without_end_is_cut_at_the_limit() {
    let fixture = Fixture::start().await;
    let mut request = format!(
        "POST /v1/jobs HTTP/1.1\r\nhost: {}\r\n{}\r\ncontent-type: application/json\r\n\
         connection: close\r\ntransfer-encoding: chunked\r\n\r\n",
        fixture.address,
        fixture.bearer(),
    );
    let piece = ["10000\r\n", &" ".repeat(0x10000), "\r\n"].concat();
    request.push_str(&piece.repeat(40));
    request.push_str("0\r\n\r\n");
    let answer = wire::raw(fixture.address, request.as_bytes()).await;
    assert_eq!((answer.status, &*answer.code()), (413, "body-too-large"));
    fixture.stop().await;
}

#[tokio::test]
async fn headers_that_trickle_in_are_not_waited_for() {
    let short = |policy: &mut ffleet_controller::Policy| {
        policy.http.arrival = Duration::from_millis(200);
    };
    let fixture = Fixture::with(short).await;
    let trickle = async {
        let mut stream = TcpStream::connect(fixture.address).await.unwrap();
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: ").await.unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.map(|_| rest)
    };
    let rest = tokio::time::timeout(DEADLINE, trickle)
        .await
        .expect("the server hangs up");
    assert!(rest.is_err() || !String::from_utf8_lossy(&rest.unwrap()).contains("200 OK"));

    let body = format!(
        "POST /v1/jobs HTTP/1.1\r\nhost: {}\r\n{}\r\ncontent-type: application/json\r\n\
         connection: close\r\ncontent-length: 100\r\n\r\n{{",
        fixture.address,
        fixture.bearer(),
    );
    let answer = wire::raw(fixture.address, body.as_bytes()).await;
    assert_eq!((answer.status, &*answer.code()), (408, "request-timeout"));
    fixture.stop().await;
}

#[tokio::test]
async fn oversized_heads_are_refused() {
    let fixture = Fixture::start().await;
    let long = format!("x-long: {}", "x".repeat(200_000));
    let answer = fixture.request("GET /healthz", &[&long], "").await;
    assert_eq!(answer.status, 431);
    let many: Vec<String> = (0..200).map(|n| format!("x-{n}: 1")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(fixture.request("GET /healthz", &many, "").await.status, 431);
    let path = format!("GET /v1/jobs?label={}", "x".repeat(10_000));
    let answer = fixture.request(&path, &[&fixture.bearer()], "").await;
    assert_eq!((answer.status, &*answer.code()), (414, "uri-too-long"));
    fixture.stop().await;
}

#[tokio::test]
async fn more_requests_than_the_rate_are_told_to_wait() {
    let fixture = Fixture::with(|policy| policy.http.requests_per_second = 5).await;
    let client = fixture.client();
    let mut refused = None;
    for _ in 0..20 {
        if let Err(Error::Refused(problem)) = client.nodes().await {
            refused = Some(problem);
        }
    }
    assert_eq!(refused.unwrap().code, Code::TooManyRequests);
    fixture.stop().await;
}
