//! A client that expects the server to be gone at any moment, and asks again.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::fixture::Room;
use crate::http::Answer;

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(15);
/// How long an answer may take before the connection counts as broken.
const ANSWER: Duration = Duration::from_secs(20);
/// How long a client tries before it gives the server up.
const PATIENCE: Duration = Duration::from_secs(120);

/// A job as a client knows it once it is acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) number: u64,
    pub(super) id: String,
}

/// Where the living server is, and its key: found as the command line finds it.
pub(super) fn found(room: &Room) -> Option<(u16, String)> {
    let entries = fs::read_dir(room.path("run/ffleet")).ok()?;
    entries.filter_map(Result::ok).find_map(|entry| {
        let page: Value = serde_json::from_slice(&fs::read(entry.path()).ok()?).ok()?;
        let alive = Path::new("/proc").join(page["pid"].to_string()).exists();
        let (_, port) = page["address"].as_str()?.rsplit_once(':')?;
        let key = page["key"].as_str()?.to_owned();
        alive.then_some((port.parse().ok()?, key))
    })
}

/// One try: nothing if there is no server, or it was gone before its answer was whole.
pub(super) fn ask(
    room: &Room,
    (method, path): (&str, &str),
    headers: &str,
    body: &str,
) -> Option<Answer> {
    let (port, key) = found(room)?;
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(ANSWER)).ok()?;
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let said = head.lines().find_map(|line| {
        line.to_ascii_lowercase()
            .strip_prefix("content-length:")?
            .trim()
            .parse()
            .ok()
    });
    let whole = said.is_none_or(|said: usize| said == body.len());
    whole.then_some(Answer {
        status: head.split(' ').nth(1)?.parse().ok()?,
        head: head.to_owned(),
        body: body.to_owned(),
    })
}

/// Reads a resource, as often as it takes.
pub(super) fn read(room: &Room, path: &str) -> Value {
    insist(|| ask(room, ("GET", path), "", "").filter(|answer| answer.status == 200)).json()
}

/// Submits under a key, as often as it takes, and says which job that made. A server that cannot
/// take it now (503) is asked again; any other answer is its last word.
pub(super) fn submit(room: &Room, key: &str, body: &Value) -> Ticket {
    let (header, body) = (format!("Idempotency-Key: {key}\r\n"), body.to_string());
    let answer = insist(|| {
        ask(room, ("POST", "/v1/jobs"), &header, &body).filter(|answer| answer.status != 503)
    });
    assert!(matches!(answer.status, 200 | 201), "{key}: {answer:?}");
    let job = answer.json();
    Ticket {
        number: job["number"].as_u64().unwrap(),
        id: job["id"].as_str().unwrap().to_owned(),
    }
}

/// Waits a moment before asking again.
pub(super) fn pause() {
    thread::park_timeout(PAUSE);
}

fn insist(mut ask: impl FnMut() -> Option<Answer>) -> Answer {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "no server answered within {PATIENCE:?}");
        pause();
    }
}
