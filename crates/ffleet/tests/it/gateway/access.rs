//! Who may watch, and who may push.

use std::os::unix::fs::PermissionsExt as _;

use ffleet_testkit::until;
use serde_json::{Value, json};

use super::{SOON, Viewer, serve, stream};
use crate::fixture::{Printed, Server};
use crate::http::{self, Answer};

const CAMS: &str = "
gateway: { access: token }
feeds:
  cam1: { command: NASTY count 200 60 }
  cam2: { command: NASTY count 200 60 }
  studio: { push: http }
  desk: { push: http, access: key }
streams:
  cam1: { feed: cam1, mimetype: application/x-numbers }
  cam2: { feed: cam2, mimetype: application/x-numbers, url: /yard/2 }
  cam1-shot: { feed: cam1, type: shot, mimetype: image/x-none, command: head -c 16 }
  locked: { feed: cam1, mimetype: application/x-numbers, access: key }
  open: { feed: cam1, mimetype: application/x-numbers, access: open }
";

fn get(server: &Server, path: &str, headers: &[(&str, &str)]) -> Answer {
    http::request(server.port, "GET", path, headers, b"")
}

/// A token, as the API makes it.
fn mint(server: &Server, address: &str, wanted: &Value) -> Value {
    let answer =
        server.call("POST", &format!("/v1/{address}/tokens"), wanted.to_string().as_bytes());
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()
}

/// The path of the first address that it opens.
fn path(token: &Value) -> String {
    let url = token["urls"][0].as_str().unwrap();
    let (_, path) = url.split_once("://").unwrap().1.split_once('/').unwrap();
    format!("/{path}")
}

/// The addresses that the command line prints.
fn printed(printed: Printed) -> Vec<String> {
    printed
        .ok()
        .lines()
        .filter(|line| line.starts_with("http"))
        .map(str::to_owned)
        .collect()
}

/// The cookie of a session that a one-time link begins.
fn session(server: &Server) -> String {
    let made = server.call("POST", "/v1/login-links", b"").json();
    let (_, once) = made["url"].as_str().unwrap().split_once("/login").unwrap();
    let begun = get(server, &format!("/login{once}"), &[]);
    let cookie = begun.head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("set-cookie")
            .then(|| value.split(';').next())?
    });
    cookie.unwrap_or_else(|| panic!("{begun:?}")).to_owned()
}

#[test]
fn page_makes_a_link_for_its_own_session_alone() {
    let Some(server) = serve(CAMS) else { return };
    let (cookie, ours) = (session(&server), server.address());
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let ask = |headers: &[(&str, &str)], stream: &str, body: &[u8]| {
        let headers = [&[form], headers].concat();
        let path = format!("/streams/{stream}/token");
        http::request(server.port, "POST", &path, &headers, body)
    };
    let page = get(&server, "/streams/cam2", &[("Cookie", &cookie)]).body;
    assert!(
        page.contains("action=\"/streams/cam2/token#player\"") && !page.contains("id=\"link\""),
        "{page}"
    );
    // Nobody, another site, and a request that does not say where it is from: as for all that changes something.
    assert_eq!(ask(&[("Origin", &ours)], "cam2", b"expires=1h").status, 401);
    let evil = [("Cookie", &*cookie), ("Origin", "http://evil.example")];
    assert_eq!(ask(&evil, "cam2", b"expires=1h").status, 403);
    assert_eq!(ask(&[("Cookie", &cookie)], "cam2", b"expires=1h").status, 403);
    let session = [("Cookie", &*cookie), ("Origin", &*ours)];
    let answer = ask(&session, "cam2", b"expires=10m");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.head.to_lowercase().contains("cache-control: no-store"), "{answer:?}");
    let (_, rest) = answer.body.split_once("<pre class=\"block\" id=\"link\">").unwrap();
    let link = rest.split('<').next().unwrap();
    let path = link.strip_prefix(&ours).unwrap_or_else(|| panic!("{link}"));
    assert!(
        path.starts_with("/yard/2?token=") && answer.body.contains("whoever has it until"),
        "{}",
        answer.body
    );
    assert_eq!(Viewer::open(&server, path).numbers(100).jumps, 0);
    get(&server, &path.replace("/yard/2", "/stream/cam1"), &[]).is_problem(403, "token-refused");
    // What has no use for a token gets none, and what makes no sense neither.
    for (stream, body, status) in [
        ("open", "expires=1h", 422),
        ("locked", "expires=1h", 422),
        ("nope", "expires=1h", 404),
        ("cam*", "expires=1h", 404),
        ("cam2", "expires=9999d", 422),
        ("cam2", "expires=soon", 422),
        ("cam2", "", 422),
        ("cam2", "expires=1h&also=cam1", 400),
    ] {
        let answer = ask(&session, stream, body.as_bytes());
        assert_eq!(answer.status, status, "{stream} {body}: {answer:?}");
        assert!(!answer.body.contains("?token="), "{answer:?}");
    }
    assert!(!server.said().contains("?token="), "{}", server.said());
}

#[test]
fn token_opens_its_stream_to_whoever_has_it_and_nothing_else() {
    let Some(server) = serve(CAMS) else { return };
    get(&server, "/stream/cam1", &[]).is_problem(401, "unauthorized");
    let token = mint(&server, "streams/cam1", &json!({ "expires": "10m" }));
    let text = token["token"].as_str().unwrap();
    let mut viewer = Viewer::open(&server, &path(&token));
    assert_eq!(viewer.numbers(500).jumps, 0);
    // Also where the connection stays the server's, as a header, and with a key besides.
    assert_eq!(Viewer::second_request(&server, &path(&token)).numbers(500).jumps, 0);
    let bearer = [("Authorization", &*format!("Bearer {text}"))];
    let shot = mint(&server, "streams/cam1-shot", &json!({}));
    assert_eq!(get(&server, &path(&shot), &[]).body.len(), 16);
    assert_eq!(Viewer::with_key(&server, "/stream/cam1").numbers(10).jumps, 0);
    drop(viewer);
    // A page of another site may show what its token opens.
    let site = [("Origin", "https://example.org")];
    let answer = get(&server, &path(&shot), &site);
    assert!(
        answer.head.to_lowercase().contains("access-control-allow-origin: *"),
        "{answer:?}"
    );
    get(&server, "/stream/cam1-shot", &site).is_problem(403, "cross-origin");

    for other in ["/stream/cam2", "/yard/2"] {
        get(&server, &format!("{other}?token={text}"), &[]).is_problem(403, "token-refused");
        get(&server, other, &bearer).is_problem(403, "token-refused");
    }
    for other in ["/stream/locked", "/v1/streams", "/streams"] {
        get(&server, &format!("{other}?token={text}"), &[]).is_problem(401, "unauthorized");
        get(&server, other, &bearer).is_problem(401, "unauthorized");
    }
    let told = server.said() + &server.printed();
    assert!(!told.contains(text), "the token is in what the server said");
}

#[test]
fn dashboard_plays_what_its_session_opens() {
    let Some(server) = serve(CAMS) else { return };
    let link = server.cli(&["dashboard"]).ok();
    let once = link.lines().next().unwrap().split_once("/login").unwrap().1;
    let begun = get(&server, &format!("/login{once}"), &[]);
    let cookie = begun.head.lines().find_map(|line| line.strip_prefix("set-cookie: "));
    let session = [("Cookie", cookie.unwrap().split(';').next().unwrap())];
    assert_eq!(get(&server, "/stream/cam1-shot", &session).body.len(), 16);
    let shown = get(&server, "/streams/cam1-shot?watch", &session);
    assert!(shown.body.contains("src=\"/stream/cam1-shot\""), "{shown:?}");
    let shot = stream(&server, "cam1-shot");
    assert_eq!(
        (&shot["viewers-total"], &shot["delivered-bytes"]),
        (&1.into(), &16.into()),
        "{shot}"
    );
}

#[test]
fn token_that_is_over_changed_or_of_another_address_opens_nothing() {
    let Some(server) = serve(CAMS) else { return };
    let brief = mint(&server, "streams/cam1", &json!({ "expires": "1s" }));
    let mut viewer = Viewer::open(&server, &path(&brief));
    until(SOON, "it has expired", || {
        http::request(server.port, "HEAD", &path(&brief), &[], b"").status == 401
    });
    let told = get(&server, &path(&brief), &[]).is_problem(401, "token-invalid");
    assert!(told["detail"].as_str().unwrap().contains("expired"), "{told}");
    assert_eq!(viewer.numbers(2_000).jumps, 0, "who watches goes on");

    let good = path(&mint(&server, "streams/cam1", &json!({})));
    let last = good.len() - 9;
    let swapped = if &good[last..=last] == "A" { "B" } else { "A" };
    let mut changed = good.clone();
    changed.replace_range(last..=last, swapped);
    for text in [
        changed.as_str(),
        "/stream/cam1?token=",
        "/stream/cam1?token=fft_",
        "/stream/cam1?token=%00",
    ] {
        let told = get(&server, text, &[]).is_problem(401, "token-invalid");
        assert!(told["hint"].as_str().unwrap().contains("ffleet streams token cam1"), "{told}");
    }
    let theirs = path(&mint(&server, "streams/cam1", &json!({ "address": "192.0.2.7" })));
    let told = get(&server, &theirs, &[]).is_problem(403, "token-refused");
    assert!(told["detail"].as_str().unwrap().contains("127.0.0.1"), "{told}");
    let ours = path(&mint(&server, "streams/cam1", &json!({ "address": "127.0.0.1" })));
    assert_eq!(Viewer::open(&server, &ours).numbers(10).jumps, 0);
}

#[test]
fn command_line_prints_what_to_open_and_can_void_all_of_it() {
    let Some(server) = serve(CAMS) else { return };
    let secret = server.room.path("data/stream-secret");
    assert!(!secret.exists(), "no token was asked for");
    let urls = printed(server.cli(&["streams", "token", "cam*", "--expires", "2h"]));
    assert_eq!(urls.len(), 3, "{urls:?}");
    let paths = ["/stream/cam1?token=fft_", "/stream/cam1-shot?token=fft_", "/yard/2?token=fft_"];
    for part in paths {
        assert!(urls.iter().any(|url| url.contains(part)), "{part}: {urls:?}");
    }
    assert_eq!(std::fs::metadata(&secret).unwrap().permissions().mode() & 0o777, 0o600);
    let watch = |server: &Server| {
        let path = urls[2].split_once("127.0.0.1").unwrap().1.split_once('/').unwrap().1;
        http::request(server.port, "HEAD", &format!("/{path}"), &[], b"").status
    };
    assert_eq!(watch(&server), 200);
    let room = server.stop();
    let server = Server::open(room, &["--config", "ffleet.yaml"]);
    assert_eq!(watch(&server), 200, "it outlives the server");
    server.cli(&["streams", "revoke-tokens"]).ok();
    assert_eq!(watch(&server), 401);
    let again = printed(server.cli(&["streams", "token", "cam1", "cam2", "--json"]));
    assert!(again.is_empty());

    for (args, said) in [
        (&["streams", "token", "nope"][..], "there is no stream \"nope\""),
        (&["streams", "token", "cam1", "zz*"], "there is no stream \"zz*\""),
        (&["streams", "token", "locked"], "locked opens to keys alone"),
        (&["streams", "token", "open"], "open is open"),
        (&["feeds", "token", "cam1"], "nobody pushes to cam1"),
        (&["feeds", "token", "desk"], "desk opens to keys alone"),
        (
            &["streams", "token", "cam1", "--expires", "367d"],
            "expires: 367d is out of range",
        ),
    ] {
        let told = server.cli(args);
        assert!(told.code != 0 && told.err.contains(said), "{told:?}");
    }
    for wanted in [json!({ "expires": "soon" }), json!({ "address": "here" }), json!({ "for": 1 })]
    {
        let answer = server.call("POST", "/v1/streams/cam1/tokens", wanted.to_string().as_bytes());
        assert!((400..500).contains(&answer.status), "{answer:?}");
    }
}

#[test]
fn feed_takes_who_pushes_with_its_token_or_a_key() {
    let Some(server) = serve(CAMS) else { return };
    let put = |path: &str, headers: &[(&str, &str)]| {
        http::request(server.port, "PUT", path, headers, b"000000000000000\n")
    };
    put("/ingest/studio", &[]).is_problem(401, "unauthorized");
    let token = mint(&server, "feeds/studio", &json!({}));
    assert_eq!(put(&path(&token), &[]).status, 204);
    let watch = mint(&server, "streams/cam1", &json!({}));
    let watch = watch["token"].as_str().unwrap();
    put(&format!("/ingest/studio?token={watch}"), &[]).is_problem(403, "token-refused");
    let key = format!("Bearer {}", server.key);
    assert_eq!(put("/ingest/studio", &[("Authorization", &key)]).status, 204);
    put("/ingest/desk", &[]).is_problem(401, "unauthorized");
    assert_eq!(put("/ingest/desk", &[("Authorization", &key)]).status, 204);
}

#[test]
fn whole_gateway_has_a_limit_on_viewers_too() {
    let text = CAMS.replace("access: token }\nfeeds", "access: open, viewers: 2 }\nfeeds");
    let Some(server) = serve(&text) else { return };
    let mut one = Viewer::open(&server, "/stream/cam1");
    let two = Viewer::open(&server, "/yard/2");
    let full = get(&server, "/stream/open", &[]);
    full.is_problem(503, "too-many-viewers");
    assert!(full.head.to_lowercase().contains("retry-after: 1"), "{full:?}");
    drop(two);
    until(SOON, "there is room", || stream(&server, "cam2")["viewers"] == 0);
    assert_eq!(Viewer::open(&server, "/stream/open").numbers(10).jumps, 0);
    assert_eq!(one.numbers(100).jumps, 0);
}
