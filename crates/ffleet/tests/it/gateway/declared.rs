//! Feeds and streams that are declared over the API and by the command line.

mod terms;

use std::sync::Arc;

use ffleet_testkit::{binary, until};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::{SOON, Viewer, await_feed, configure, feed, serve, stream};
use crate::fixture::Server;
use crate::http::{self, Answer};

const FILE: &str = "
feeds:
  kept: { command: NASTY count 200 60 }
streams:
  kept: { feed: kept, mimetype: application/x-numbers, url: /cams/kept }
";

fn put(server: &Server, path: &str, says: &Value) -> Answer {
    server.call("PUT", path, says.to_string().as_bytes())
}

fn delete(server: &Server, path: &str) -> Answer {
    server.call("DELETE", path, b"")
}

/// `nasty count` as a command.
fn count(rate: u32) -> Value {
    json!([binary("nasty").to_str().unwrap(), "count", rate.to_string(), "60"])
}

fn watched(feed: &str) -> Value {
    json!({"feed": feed, "mimetype": "application/x-numbers"})
}

#[test]
fn what_is_declared_can_be_watched_and_is_there_after_a_restart() {
    let Some(mut server) = serve(FILE) else { return };
    let made = put(&server, "/v1/feeds/cam", &json!({"command": count(100), "mode": "1s"}));
    assert_eq!(made.status, 201, "{made:?}");
    let shown = made.json();
    assert_eq!((&shown["origin"], &shown["mode"]), (&"api".into(), &"1s".into()), "{shown:#}");
    let made = put(&server, "/v1/streams/cam", &watched("cam"));
    assert_eq!((made.status, made.json()["origin"].as_str()), (201, Some("api")), "{made:?}");
    assert_eq!(feed(&server, "kept")["origin"], "file");
    assert_eq!(stream(&server, "kept")["origin"], "file");
    for end in [Server::stop, Server::kill] {
        assert_eq!(Viewer::open(&server, "/stream/cam").numbers(20).jumps, 0);
        let room = end(server);
        server = Server::open(room, &["--config", "ffleet.yaml"]);
    }
    assert_eq!(Viewer::open(&server, "/stream/cam").numbers(20).jumps, 0);
    assert_eq!(feed(&server, "cam")["mode"], "1s");
    assert_eq!(delete(&server, "/v1/streams/cam").status, 204);
    assert_eq!(delete(&server, "/v1/feeds/cam").status, 204);
    let server = Server::open(server.stop(), &["--config", "ffleet.yaml"]);
    server
        .call("GET", "/v1/feeds/cam", b"")
        .is_problem(404, "feed-not-found");
    server
        .call("GET", "/stream/cam", b"")
        .is_problem(404, "stream-not-found");
}

#[test]
fn viewers_of_others_lose_nothing_while_streams_come_and_go() {
    let Some(server) = serve(FILE) else { return };
    assert_eq!(put(&server, "/v1/feeds/other", &json!({"command": count(200)})).status, 201);
    assert_eq!(put(&server, "/v1/streams/other", &watched("other")).status, 201);
    let mut kept = Viewer::open(&server, "/cams/kept");
    let mut other = Viewer::open(&server, "/stream/other");
    assert_eq!((kept.numbers(10).jumps, other.numbers(10).jumps), (0, 0));
    for round in 0_u32..5 {
        let says = json!({"command": count(100 + round)});
        let made = put(&server, "/v1/feeds/cam", &says);
        assert_eq!(made.status, if round == 0 { 201 } else { 200 }, "{made:?}");
        let made = put(&server, "/v1/streams/cam", &watched("cam"));
        assert_eq!(made.status, if round == 0 { 201 } else { 200 }, "{made:?}");
        let mut viewer = Viewer::open(&server, "/stream/cam");
        assert_eq!(viewer.numbers(10).jumps, 0);
        // Said again as it is, it is not touched.
        let same = put(&server, "/v1/feeds/cam", &says);
        assert_eq!(same.status, 200, "{same:?}");
        assert_eq!(viewer.numbers(20).jumps, 0);
        let other = put(&server, "/v1/feeds/cam", &json!({"command": count(500 + round)}));
        assert_eq!(other.status, 200);
        viewer.read_to_end();
    }
    assert_eq!(delete(&server, "/v1/streams/cam").status, 204);
    assert_eq!((kept.numbers(1_000).jumps, other.numbers(1_000).jumps), (0, 0));
    assert_eq!(
        (&feed(&server, "kept")["starts"], &feed(&server, "other")["starts"]),
        (&1.into(), &1.into())
    );
}

/// A server with the feeds `a`, which is pushed, and `b`, which reads it, and the stream `a`.
fn chain() -> Option<Server> {
    let server = serve(FILE)?;
    assert_eq!(put(&server, "/v1/feeds/a", &json!({"push": "http"})).status, 201);
    assert_eq!(put(&server, "/v1/streams/a", &watched("a")).status, 201);
    assert_eq!(put(&server, "/v1/feeds/b", &json!({"command": "cat", "feed": "a"})).status, 201);
    Some(server)
}

fn names(server: &Server) -> Vec<String> {
    let feeds = server.call("GET", "/v1/feeds", b"").json();
    let feeds = feeds["feeds"].as_array().unwrap().iter();
    feeds.map(|feed| feed["name"].as_str().unwrap().to_owned()).collect()
}

/// What is declared, the field that is to blame, and what is said of it.
fn mistakes() -> Vec<(&'static str, Value, Option<&'static str>, &'static str)> {
    vec![
        ("/v1/feeds/x", json!({}), None, "has no source"),
        ("/v1/feeds/x", json!({"comand": "x"}), Some("/comand"), "no such key"),
        ("/v1/feeds/x", json!({"push": "ftp"}), Some("/push"), "not a way to push"),
        (
            "/v1/feeds/x",
            json!({"command": "cat", "feed": "nope"}),
            Some("/feed"),
            "no feed nope",
        ),
        (
            "/v1/feeds/x",
            json!({"command": "cat", "feed": "x"}),
            Some("/feed"),
            "its own parent",
        ),
        (
            "/v1/feeds/x",
            json!({"push": "http", "mode": "always"}),
            Some("/mode"),
            "always",
        ),
        (
            "/v1/feeds/x",
            json!({"push": "http", "ring-bytes": "1"}),
            Some("/ring-bytes"),
            "range",
        ),
        ("/v1/feeds/a", json!({"command": "cat", "feed": "b"}), None, "read each other"),
        ("/v1/feeds/.x", json!({"push": "http"}), Some("name"), "a name"),
        ("/v1/streams/x", json!({"feed": "a"}), None, "no `mimetype`"),
        (
            "/v1/streams/x",
            json!({"feed": "a", "mimetype": "a/b", "url": "/v1/x"}),
            Some("/url"),
            "own",
        ),
        (
            "/v1/streams/x",
            json!({"feed": "a", "mimetype": "a/b", "url": "/metrics"}),
            Some("/url"),
            "own",
        ),
        (
            "/v1/streams/x",
            json!({"feed": "a", "mimetype": "a/b", "url": "/cams/kept"}),
            Some("/url"),
            "kept",
        ),
        (
            "/v1/streams/x",
            json!({"feed": "a", "mimetype": "a/b", "url": "/a/../b"}),
            Some("/url"),
            "`..`",
        ),
    ]
}

#[test]
fn mistakes_are_said_as_those_of_the_file_and_change_nothing() {
    let Some(server) = chain() else { return };
    for (path, says, field, why) in mistakes() {
        let told = put(&server, path, &says).is_problem(422, "invalid-value");
        let detail = told["detail"].as_str().unwrap();
        assert!(detail.contains(why), "{says}: {told:#}");
        if let Some(field) = field {
            assert_eq!(told["field"], field, "{says}: {told:#}");
        }
    }
    let told = put(&server, "/v1/feeds/x", &json!({"comand": "x", "mode": "?"}));
    let told = told.is_problem(422, "invalid-value");
    assert!(told["detail"].as_str().unwrap().contains("also has no source"), "{told:#}");
    server
        .call("PUT", "/v1/feeds/x", b"[1]")
        .is_problem(400, "malformed-json");
    server
        .call("PUT", "/v1/feeds/x", b"{")
        .is_problem(400, "malformed-json");
    let twice = br#"{"push": "http", "push": "http"}"#;
    let twice = server.call("PUT", "/v1/feeds/x", twice);
    assert!(twice.body.contains("there twice"), "{twice:?}");
    let nobody = http::request(server.port, "PUT", "/v1/feeds/x", &[], b"{}");
    nobody.is_problem(401, "unauthorized");
    let nobody = http::request(server.port, "DELETE", "/v1/feeds/a", &[], b"");
    nobody.is_problem(401, "unauthorized");
    assert_eq!(names(&server), ["a", "b", "kept"]);
}

#[test]
fn what_the_file_declares_and_what_is_needed_stays() {
    let Some(server) = chain() else { return };
    put(&server, "/v1/feeds/kept", &json!({"push": "http"})).is_problem(409, "declared-in-file");
    delete(&server, "/v1/feeds/kept").is_problem(409, "declared-in-file");
    delete(&server, "/v1/streams/kept").is_problem(409, "declared-in-file");
    delete(&server, "/v1/feeds/x").is_problem(404, "feed-not-found");
    delete(&server, "/v1/streams/x").is_problem(404, "stream-not-found");
    let told = delete(&server, "/v1/feeds/a").is_problem(409, "still-needed");
    let detail = told["detail"].as_str().unwrap();
    assert!(detail.contains("the feed b") && detail.contains("the stream a"), "{told:#}");
    assert_eq!(names(&server), ["a", "b", "kept"]);
}

#[test]
fn command_line_declares_and_removes() {
    let Some(server) = serve(FILE) else { return };
    let command = format!("{} count 100 60", binary("nasty").display());
    let said = server
        .cli(&["feeds", "set", "cam", "--command", &command, "--silence", "3s"])
        .ok();
    assert!(said.contains("feed cam is declared\n"), "{said}");
    std::fs::write(server.room.path("cam.yaml"), "feed: cam\nmimetype: video/mp2t\nviewers: 2\n")
        .unwrap();
    let set = [
        "streams",
        "set",
        "cam",
        "--file",
        "cam.yaml",
        "--mimetype",
        "application/x-numbers",
    ];
    assert!(server.cli(&set).ok().contains("is declared\n"));
    assert!(server.cli(&set).ok().contains("is declared anew\n"));
    let shown = server.cli(&["streams", "show", "cam"]).ok();
    assert!(
        shown.contains("over the API") && shown.contains("application/x-numbers"),
        "{shown}"
    );
    let shown = server.cli(&["feeds", "show", "kept"]).ok();
    assert!(shown.contains("in the server's configuration"), "{shown}");
    let again = server
        .cli(&["feeds", "set", "cam", "--pull", "http://u:geheim@h/x", "--json"])
        .json();
    assert_eq!((&again["origin"], &again["source"]), (&"api".into(), &"pull".into()));
    assert!(!again.to_string().contains("geheim"), "{again:#}");
    server
        .cli(&["feeds", "set", "cam"])
        .failed(2, &["nothing is said of the feed cam"]);
    server
        .cli(&["feeds", "set", "cam", "--mode", "x"])
        .failed(4, &["has no source"]);
    server
        .cli(&["feeds", "set", "cam", "--push", "http", "--mode", "x"])
        .failed(4, &["mode: ", "on-demand"]);
    server
        .cli(&["feeds", "set", "cam", "--file", "gone.yaml"])
        .failed(2, &["gone.yaml"]);
    std::fs::write(server.room.path("bad.yaml"), "push: http\npush: http\n").unwrap();
    server
        .cli(&["feeds", "set", "cam", "--file", "bad.yaml"])
        .failed(2, &["bad.yaml:2:1"]);
    server.cli(&["feeds", "remove", "cam"]).failed(4, &["the stream cam"]);
    assert!(
        server
            .cli(&["streams", "remove", "cam"])
            .ok()
            .contains("stream cam is no longer declared")
    );
    assert_eq!(
        server.cli(&["feeds", "remove", "cam", "--json"]).json(),
        json!({"removed": "cam"})
    );
    server
        .cli(&["feeds", "remove", "cam"])
        .failed(4, &["there is no feed cam"]);
    server
        .cli(&["feeds", "remove", "kept"])
        .failed(4, &["declared in the configuration's file"]);
}

#[test]
fn file_counts_before_what_was_declared() {
    let Some(server) = serve(FILE) else { return };
    assert_eq!(put(&server, "/v1/feeds/cam", &json!({"command": count(100)})).status, 201);
    assert_eq!(put(&server, "/v1/streams/cam", &watched("cam")).status, 201);
    assert_eq!(put(&server, "/v1/streams/of-file", &watched("kept")).status, 201);
    let mut viewer = Viewer::open(&server, "/stream/cam");
    viewer.numbers(10);
    // A reload keeps them.
    configure(&server.room, &format!("{FILE}  more: {{ feed: kept, mimetype: a/b }}\n"));
    server.signal(Signal::HUP);
    until(SOON, "the new one is there", || {
        server.call("GET", "/v1/streams/more", b"").status == 200
    });
    assert_eq!(viewer.numbers(100).jumps, 0);
    // Then the file has the feed, and not what a stream is made of.
    configure(&server.room, "feeds: { cam: { command: NASTY count 300 60 } }\n");
    server.signal(Signal::HUP);
    until(SOON, "it is the file's", || feed(&server, "cam")["origin"] == "file");
    viewer.read_to_end();
    assert_eq!(stream(&server, "cam")["origin"], "api");
    assert_eq!(Viewer::open(&server, "/stream/cam").numbers(10).jumps, 0);
    server
        .call("GET", "/v1/streams/of-file", b"")
        .is_problem(404, "stream-not-found");
    let said = server.said();
    for why in [
        "the feed cam, declared over the API, is left out: there is a feed cam",
        "there is no feed kept",
    ] {
        assert!(said.contains(why), "{said}");
    }
    let server = Server::open(server.stop(), &["--config", "ffleet.yaml"]);
    assert_eq!(feed(&server, "cam")["origin"], "file");
    put(&server, "/v1/feeds/cam", &json!({"push": "http"})).is_problem(409, "declared-in-file");
    // What was left out is there again when it can be.
    configure(&server.room, FILE);
    server.signal(Signal::HUP);
    until(SOON, "it is the API's again", || feed(&server, "cam")["origin"] == "api");
    assert_eq!(stream(&server, "of-file")["origin"], "api");
    await_feed(&server, "cam", "idle");
}

#[test]
fn document_has_every_key_of_the_file() {
    let Some(server) = serve(FILE) else { return };
    let document = server.call("GET", "/v1/openapi.json", b"").json();
    for (schema, words) in [
        ("FeedDeclaration", ffleet_config::config::live::FEED),
        ("StreamDeclaration", ffleet_config::config::live::STREAM),
    ] {
        let described = document["components"]["schemas"][schema]["properties"]
            .as_object()
            .unwrap();
        let mut described: Vec<_> = described.keys().map(String::as_str).collect();
        let mut words: Vec<_> = words.iter().copied().filter(|&word| word != "for").collect();
        described.sort_unstable();
        words.sort_unstable();
        assert_eq!(described, words, "{schema}");
    }
}

#[test]
fn server_in_the_place_of_voyandz_has_the_feeds_of_its_file_alone() {
    let Some(server) = serve(FILE) else { return };
    assert_eq!(put(&server, "/v1/feeds/cam", &json!({"push": "http"})).status, 201);
    let room = server.stop();
    let text = format!("listenport: {}\n", free_port());
    std::fs::write(room.path("voyandz.yaml"), text).unwrap();
    let args = ["voyandz", "-f", "voyandz.yaml", "--data", "data"];
    let server = Server::launch(Arc::clone(&room), &args, &[]);
    let told = put(&server, "/v1/feeds/cam", &json!({"push": "http"}));
    let told = told.is_problem(409, "declared-in-file");
    assert!(told["detail"].as_str().unwrap().contains("voyandz"), "{told:#}");
    server
        .call("GET", "/v1/feeds/cam", b"")
        .is_problem(404, "feed-not-found");
    let server = Server::open(server.stop(), &["--config", "ffleet.yaml"]);
    assert_eq!(feed(&server, "cam")["origin"], "api");
}

fn free_port() -> u16 {
    let socket = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    socket.local_addr().unwrap().port()
}
