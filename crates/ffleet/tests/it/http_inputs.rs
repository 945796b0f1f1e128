//! Inputs that are URLs, from servers that behave and servers that do not.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use crate::fixture::{Server, clip, ffprobe};

/// Connections after which a web server gives up: far more than a test makes.
const CONNECTIONS: usize = 500;

/// Serves a directory. The first part of a path says how: `/ranges/in.mp4`, `/plain/in.mp4`
/// (without ranges), `/cut/in.mp4` (half of the body), `/404/x`, `/503/x`.
struct Web {
    port: u16,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Web {
    fn start(dir: PathBuf) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let over = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().take(CONNECTIONS).map_while(Result::ok) {
                if is_over.load(Ordering::SeqCst) {
                    break;
                }
                let dir = dir.clone();
                // A client that reads slowly, or hangs up, is its own affair. The time limits end it.
                std::thread::spawn(move || answer(&stream, &dir));
            }
        });
        Self { port, over, thread: Some(thread) }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _woken = TcpStream::connect(("127.0.0.1", self.port));
        let _ended = self.thread.take().map(JoinHandle::join);
    }
}

fn answer(mut stream: &TcpStream, dir: &Path) -> Option<()> {
    let limit = Some(Duration::from_secs(30));
    stream.set_read_timeout(limit).ok()?;
    stream.set_write_timeout(limit).ok()?;
    let head: Vec<String> = BufReader::new(stream)
        .lines()
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
        .take(100)
        .collect();
    let (how, name) = head.first()?.split(' ').nth(1)?[1..].split_once('/')?;
    let file = fs::read(dir.join(name)).unwrap_or_default();
    let from = head
        .iter()
        .find_map(|line| line.strip_prefix("Range: bytes="))
        .and_then(|range| range.split('-').next()?.parse::<usize>().ok())
        .filter(|from| how == "ranges" && *from < file.len());
    let (status, body) = match (how, from) {
        ("404", _) => ("404 Not Found".to_owned(), &[][..]),
        ("503", _) => ("503 Service Unavailable".to_owned(), &[][..]),
        (_, Some(from)) => {
            let (last, all) = (file.len() - 1, file.len());
            let range = format!("206 Partial Content\r\nContent-Range: bytes {from}-{last}/{all}");
            (range, &file[from..])
        }
        _ => ("200 OK".to_owned(), &file[..]),
    };
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    let sent = if how == "cut" { length / 2 } else { length };
    stream.write_all(&body[..sent]).ok()?;
    stream.shutdown(Shutdown::Write).ok()
}

/// A server, and a web server of its directory with a film in three forms: `last.mp4` has its
/// index at the end, `fast.mp4` at the front, `film.mkv` needs none.
fn start() -> Option<(Server, Web)> {
    let server = Server::start()?;
    clip(&server.room.path("last.mp4"), 3);
    for (name, flags) in [("fast.mp4", &["-movflags", "+faststart"][..]), ("film.mkv", &[])] {
        let made = Command::new("ffmpeg")
            .args(["-v", "error", "-nostdin", "-i"])
            .arg(server.room.path("last.mp4"))
            .args(["-c", "copy"])
            .args(flags)
            .arg(server.room.path(name))
            .status();
        assert!(made.unwrap().success());
    }
    let web = Web::start(server.room.path(""));
    Some((server, web))
}

/// Hands in an input that fails, with one retry, and says what became of it.
#[track_caller]
fn fail(server: &Server, url: &str, preset: &str) -> (String, String, usize) {
    let job = server.submit(&[
        url,
        "-o",
        "failed.mp4",
        "--preset",
        preset,
        "--retries",
        "1",
        "--overwrite",
    ]);
    let job: Value = server.await_state(job, "failed");
    assert!(!server.room.path("failed.mp4").exists(), "{job:#}");
    let text = |key: &str| job[key].as_str().unwrap_or_default().to_owned();
    (text("reason"), text("message"), job["attempts"].as_array().unwrap().len())
}

#[test]
fn films_are_read_from_servers_with_and_without_ranges() {
    let Some((server, web)) = start() else { return };
    let local = format!("file://{}", server.room.text("last.mp4"));
    for (at, input) in [
        web.url("ranges/fast.mp4"),
        web.url("plain/fast.mp4"),
        web.url("ranges/film.mkv"),
        web.url("plain/film.mkv"),
        web.url("ranges/last.mp4"),
        local,
    ]
    .iter()
    .enumerate()
    {
        let out = format!("{at}.mp4");
        let told = server.cli(&["submit", input, "-o", &out, "--preset", "480p-h264", "--wait"]);
        assert_eq!(told.code, 0, "{input}: {told:?}");
        let made = ffprobe(&server.room.path(&out));
        let seconds: f64 = made["format"]["duration"].as_str().unwrap().parse().unwrap();
        assert!((2.9..3.3).contains(&seconds), "{input}: {seconds}");
    }
}

#[test]
fn index_at_the_end_without_ranges_fails_once_and_says_what_to_do() {
    let Some((server, web)) = start() else { return };
    for preset in ["480p-h264", "copy"] {
        let (reason, message, attempts) = fail(&server, &web.url("plain/last.mp4"), preset);
        assert_eq!((reason.as_str(), attempts), ("input_error", 1), "{preset}: {message}");
        assert!(message.contains("does not serve ranges"), "{preset}: {message}");
    }
}

#[test]
fn what_may_pass_is_tried_again_and_what_will_not_is_not() {
    let Some((server, web)) = start() else { return };
    fs::write(
        server.room.path("list.m3u8"),
        "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\nfilm.ts\n#EXT-X-ENDLIST\n",
    )
    .unwrap();
    // Nobody listens where somebody just did.
    let gone = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    for (url, expected, attempts, said) in [
        (web.url("404/film.mp4"), "input_error", 1, "404"),
        (web.url("plain/list.m3u8"), "input_error", 1, "playlists are not taken"),
        (web.url("503/film.mp4"), "network_error", 2, "5XX"),
        (web.url("cut/fast.mp4"), "network_error", 2, "connection broke"),
        (web.url("cut/film.mkv"), "network_error", 2, "connection broke"),
        (format!("http://{gone}/film.mp4"), "network_error", 2, "refused"),
    ] {
        let (reason, message, made) = fail(&server, &url, "480p-h264");
        assert_eq!((reason.as_str(), made), (expected, attempts), "{url}: {message}");
        assert!(message.contains(said), "{url}: {message}");
    }
}
