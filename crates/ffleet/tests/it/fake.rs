//! A server that says what a test wants it to say, for answers that the real one does not give
//! on demand.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What to answer a request line such as `GET /v1/jobs/7`; nothing closes the connection.
type Script = dyn FnMut(&str) -> Option<String> + Send;

/// The fake. Its threads end with the test's process.
#[derive(Debug)]
pub(crate) struct Fake {
    pub(crate) address: String,
}

impl Fake {
    /// Answers by `script`.
    pub(crate) fn start(script: impl FnMut(&str) -> Option<String> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let script: Arc<Mutex<Script>> = Arc::new(Mutex::new(script));
        thread::spawn(move || {
            for stream in listener.incoming().filter_map(Result::ok) {
                let script = Arc::clone(&script);
                thread::spawn(move || serve(&stream, &script));
            }
        });
        Self { address }
    }
}

/// One request, one answer.
fn serve(stream: &TcpStream, script: &Mutex<Script>) {
    let mut reader = BufReader::new(stream);
    let (mut first, mut length) = (String::new(), 0);
    if reader.read_line(&mut first).is_err() {
        return;
    }
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        line.clear();
    }
    let mut body = vec![0; length];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    let request = first.rsplit_once(' ').map_or(first.as_str(), |(request, _)| request);
    let answer = script.lock().unwrap()(request);
    if let Some(answer) = answer {
        // A client that has gone has its reasons.
        let _gone = (&*stream).write_all(answer.as_bytes());
    }
}

/// An answer with a body.
pub(crate) fn answer(status: u16, kind: &str, body: &str) -> Option<String> {
    Some(format!(
        "HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    ))
}

/// A problem.
pub(crate) fn problem(status: u16, code: &str) -> Option<String> {
    let body = serde_json::json!({
        "type": format!("urn:ffleet:error:{code}"), "title": "A title", "status": status,
        "detail": "what was wrong", "code": code, "hint": "what to do",
    });
    answer(status, "application/problem+json", &body.to_string())
}

/// A job in this state.
pub(crate) fn job(state: &str) -> String {
    let time = "2026-01-31T12:00:00.000Z";
    serde_json::json!({
        "id": "01k2f3s4t5v6w7x8y9zabcdefg", "number": 7, "state": state, "reason": null,
        "message": null, "input": "/in.mp4",
        "outputs": [{"target": "/out.mp4", "preset": "copy", "state": "pending", "size-bytes": null}],
        "queue": "default", "priority": "medium", "class": "medium", "role-group": "encode", "tenant": "default",
        "labels": {}, "limits": {}, "retries": 3, "engine": "auto", "overwrite": false,
        "verify": null, "duration": null, "retry-of": null, "cancel-requested": false,
        "accepted-at": time, "started-at": time, "finished-at": null, "progress": null,
        "attempts": [], "history": [],
        "a-key-of-a-later-version": 1,
    })
    .to_string()
}

/// The head of a stream of events, and these of them.
pub(crate) fn events(text: &str) -> Option<String> {
    Some(format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n{text}"
    ))
}
