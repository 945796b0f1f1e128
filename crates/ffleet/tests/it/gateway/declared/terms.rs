//! Who may come to what is declared over the API, and the memory of its rings.

use ffleet_testkit::until;
use serde_json::{Value, json};

use super::{count, delete, put, watched};
use crate::fixture::Server;
use crate::gateway::{SOON, Viewer, configure, feed, said, serve, stream};
use crate::http;

const TOKENS: &str = "
gateway: { access: token }
feeds:
  kept: { command: NASTY count 200 60 }
streams:
  kept: { feed: kept, mimetype: application/x-numbers }
";

/// A ring of 600 MiB, where there is room for one such. Its name is the last of all.
const RINGS: &str = "
worker: { memory: 1GiB }
feeds:
  z: { command: NASTY count 200 60, ring-bytes: 600MiB }
streams:
  z: { feed: z, mimetype: application/x-numbers }
";

/// The path that a new token opens.
fn mint(server: &Server, of: &str) -> String {
    let made = server.call("POST", &format!("/v1/{of}/tokens"), b"{}");
    assert_eq!(made.status, 201, "{made:?}");
    let url = made.json()["urls"][0].as_str().unwrap().to_owned();
    let (_, path) = url.split_once("://").unwrap().1.split_once('/').unwrap();
    format!("/{path}")
}

fn come(server: &Server, method: &str, path: &str) -> http::Answer {
    http::request(server.port, method, path, &[], b"000000000000000\n")
}

fn reload(server: &Server, text: &str) {
    configure(&server.room, text);
    server.cli(&["config", "reload"]).ok();
}

/// The memory that rings have, as the controller knows it.
fn await_rings(server: &Server, mebibytes: u64) {
    until(SOON, &format!("rings have {mebibytes} MiB"), || {
        let nodes = server.call("GET", "/v1/nodes", b"").json();
        nodes["nodes"][0]["ring-bytes"] == mebibytes << 20
    });
}

fn declare(server: &Server, name: &str, ring: &str) -> Value {
    let says = json!({ "command": count(200), "ring-bytes": ring });
    let made = put(server, &format!("/v1/feeds/{name}"), &says);
    assert!([200, 201].contains(&made.status), "{made:?}");
    made.json()
}

#[test]
fn what_is_declared_opens_to_whom_the_file_lets_in_where_it_does_not_say() {
    let Some(server) = serve(TOKENS) else { return };
    assert_eq!(put(&server, "/v1/feeds/cam", &json!({"command": count(200)})).status, 201);
    let made = put(&server, "/v1/streams/cam", &watched("cam")).json();
    assert_eq!(made["access"], "token", "{made:#}");
    let made = put(&server, "/v1/feeds/studio", &json!({"push": "http"})).json();
    assert_eq!(made["access"], "token", "{made:#}");
    let made = put(&server, "/v1/feeds/desk", &json!({"push": "http", "access": "open"})).json();
    assert_eq!(made["access"], "open", "{made:#}");
    for (path, says, why) in [
        ("/v1/feeds/x", json!({"push": "http", "access": "all"}), "open, key or token"),
        (
            "/v1/feeds/x",
            json!({"command": "cat", "access": "open"}),
            "nobody pushes to it",
        ),
        (
            "/v1/streams/x",
            json!({"feed": "cam", "mimetype": "a/b", "access": "all"}),
            "open, key or token",
        ),
    ] {
        let told = put(&server, path, &says).is_problem(422, "invalid-value");
        assert_eq!(told["field"], "/access", "{told:#}");
        assert!(told["detail"].as_str().unwrap().contains(why), "{told:#}");
    }

    come(&server, "GET", "/stream/cam").is_problem(401, "unauthorized");
    let (cam, studio) = (mint(&server, "streams/cam"), mint(&server, "feeds/studio"));
    assert_eq!(Viewer::open(&server, &cam).numbers(100).jumps, 0);
    come(&server, "PUT", "/ingest/studio").is_problem(401, "unauthorized");
    assert_eq!(come(&server, "PUT", &studio).status, 204);
    assert_eq!(come(&server, "PUT", "/ingest/desk").status, 204);
    // The command line says it too.
    let set = ["feeds", "set", "studio", "--push", "http", "--access", "key"];
    server.cli(&set).ok();
    come(&server, "PUT", &studio).is_problem(401, "unauthorized");

    let server = Server::open(server.stop(), &["--config", "ffleet.yaml"]);
    let mut viewer = Viewer::open(&server, &cam);
    assert_eq!(viewer.numbers(100).jumps, 0, "the token is good over restarts");
    reload(&server, TOKENS);
    assert_eq!(viewer.numbers(100).jumps, 0, "nothing has changed");
    reload(&server, &TOKENS.replace("token", "key"));
    assert_eq!(stream(&server, "cam")["access"], "key");
    come(&server, "GET", &cam).is_problem(401, "unauthorized");
    assert_eq!(feed(&server, "desk")["access"], "open");
    let config = server.call("GET", "/v1/config", b"").json();
    assert_eq!(config["gateway"]["access"], "key", "{config:#}");
}

#[test]
fn ring_of_what_is_declared_waits_until_it_fits() {
    let Some(server) = serve(RINGS) else { return };
    let made = declare(&server, "a", "600MiB");
    assert_eq!((&made["state"], &made["origin"]), (&"failed".into(), &"api".into()), "{made:#}");
    assert!(made["last-end"].as_str().unwrap().contains("ring of 600 MiB"), "{made:#}");
    assert_eq!(put(&server, "/v1/streams/a", &watched("a")).status, 201);
    come(&server, "GET", "/stream/a").is_problem(503, "unavailable");
    await_rings(&server, 600);

    // The file's is the first, whatever it is called.
    let server = Server::open(server.stop(), &["--config", "ffleet.yaml"]);
    assert_eq!(Viewer::open(&server, "/stream/z").numbers(10).jumps, 0);
    assert!(said(&server, "a").contains("ring of 600 MiB"), "{:#}", feed(&server, "a"));
    let told = server.call("POST", "/v1/config/reload", b"").json();
    for what in ["feeds", "streams"] {
        let (changed, unchanged) = (&told[what]["changed"], &told[what]["unchanged"]);
        assert_eq!((changed, unchanged), (&json!([]), &2.into()), "tried in vain: {told:#}");
    }

    let made = declare(&server, "a", "300MiB");
    assert_ne!(made["state"], "failed", "{made:#}");
    let mut viewer = Viewer::open(&server, "/stream/a");
    assert_eq!(viewer.numbers(10).jumps, 0);
    await_rings(&server, 900);
    assert_eq!(declare(&server, "b", "200MiB")["state"], "failed");
    assert_eq!(viewer.numbers(100).jumps, 0, "who is there stays");
    assert_eq!(delete(&server, "/v1/streams/a").status, 204);
    assert_eq!(delete(&server, "/v1/feeds/a").status, 204);
    assert_ne!(feed(&server, "b")["state"], "failed", "what went left room");
    await_rings(&server, 800);
    reload(&server, "worker: { memory: 1GiB }\n");
    await_rings(&server, 200);
}
