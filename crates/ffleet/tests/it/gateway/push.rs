//! Feeds that somebody sends.

use std::io::Write as _;
use std::net::TcpStream;

use ffleet_testkit::until;

use super::{SOON, Viewer, await_feed, feed, serve};
use crate::fixture::Server;
use crate::http;

const PUSHED: &str = "
feeds:
  pushed: { push: http }
  ended: { push: http, at-end: end }
streams:
  pushed: { feed: pushed, mimetype: application/x-numbers }
  ended: { feed: ended, mimetype: application/x-numbers }
";

/// Numbers from 0 up to `end`, as they come.
fn numbers(end: u64) -> String {
    (0..end).map(|number| format!("{number:015}\n")).collect()
}

/// Begins to push.
fn begin(server: &Server, path: &str) -> TcpStream {
    let mut socket = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    let host = format!("127.0.0.1:{}", server.port);
    write!(
        socket,
        "PUT {path} HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    .unwrap();
    socket
}

fn chunk(socket: &mut TcpStream, text: &str) {
    write!(socket, "{:x}\r\n{text}\r\n", text.len()).unwrap();
}

#[test]
fn what_is_pushed_can_be_watched() {
    let Some(server) = serve(PUSHED) else { return };
    let mut viewer = Viewer::open(&server, "/stream/ended");
    let text = numbers(5_000);
    let answer = http::request(server.port, "PUT", "/ingest/ended", &[], text.as_bytes());
    assert_eq!(answer.status, 204, "{answer:?}");
    let got = viewer.numbers(4_999);
    assert_eq!((got.first, got.last, got.jumps), (0, 4_999, 0));
    viewer.read_to_end();
}

#[test]
fn what_is_over_before_it_is_known_can_be_watched_all_the_same() {
    let Some(server) = serve(PUSHED) else { return };
    for count in [1, 30, 100] {
        let mut viewer = Viewer::open(&server, "/stream/ended");
        let text = numbers(count);
        let answer = http::request(server.port, "PUT", "/ingest/ended", &[], text.as_bytes());
        assert_eq!(answer.status, 204, "{answer:?}");
        viewer.until_it_says(&format!("{:015}\n", count - 1));
        viewer.read_to_end();
    }
}

#[test]
fn one_pushes_at_a_time_and_whoever_comes_after_a_break_goes_on() {
    let Some(server) = serve(PUSHED) else { return };
    let mut viewer = Viewer::open(&server, "/stream/pushed");
    let mut first = begin(&server, "/ingest/pushed");
    chunk(&mut first, &numbers(100));
    assert_eq!(viewer.numbers(99).jumps, 0);
    let refused = http::request(server.port, "POST", "/ingest/pushed", &[], b"x");
    refused.is_problem(409, "feed-taken");
    // It is cut off in the middle of a number.
    chunk(&mut first, "0000000");
    drop(first);
    until(SOON, "the break is noticed", || {
        feed(&server, "pushed")["last-end"]
            .as_str()
            .is_some_and(|why| why.contains("read"))
    });
    let answer = http::request(server.port, "POST", "/ingest/pushed", &[], numbers(50).as_bytes());
    assert_eq!(answer.status, 204, "{answer:?}");
    await_feed(&server, "pushed", "waiting");
    viewer.until_the_next_run();
}

#[test]
fn what_is_not_pushed_to_is_not_found() {
    let Some(server) = serve(PUSHED) else { return };
    server
        .call("PUT", "/ingest/nope", b"x")
        .is_problem(404, "feed-not-found");
    server
        .call("GET", "/ingest/pushed", b"")
        .is_problem(405, "method-not-allowed");
    let other = [("Origin", "https://evil.example")];
    let refused = http::request(server.port, "POST", "/ingest/pushed", &other, b"x");
    refused.is_problem(403, "cross-origin");
}
