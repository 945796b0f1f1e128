//! Destinations of a stream that die, refuse, hang and come back, and recordings, on the real program: nginx with its
//! RTMP module, FFmpeg as a receiver of SRT, raw pictures of which each says its number.

mod declared;
mod nginx;
mod numbered;
mod record;
mod rtmp;
mod rtmps;

use std::io::Read as _;
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use ffleet_testkit::until;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::fixture::{Room, Server};

/// Longer than anything here takes unless it is broken.
const SOON: Duration = Duration::from_secs(40);
/// Pictures of a group, as the preset makes them.
const GOP: usize = 50;

/// A server with a stream that has these outputs; nothing where there is no FFmpeg.
fn serve(outputs: &str) -> Option<Server> {
    serve_with(outputs, &[])
}

fn serve_with(outputs: &str, vars: &[(&str, &str)]) -> Option<Server> {
    if ffleet_testkit::need::ffmpeg().is_none() || ffleet_testkit::need::ffprobe().is_none() {
        return None;
    }
    let room = Arc::new(Room::new());
    let text = format!(
        "
feeds:
  studio:
    inputs:
      video: {{ fifo: ROOM/studio.video, format: rawvideo, size: {}x{}, fps: 25 }}
      audio: {{ fifo: ROOM/studio.audio, format: s16le, rate: 44100, channels: 1 }}
streams:
  studio:
    feed: studio
    encode: {{ preset: live-480p }}
    outputs: [{outputs}]
",
        numbered::WIDTH,
        numbered::HEIGHT,
    );
    std::fs::write(room.path("ffleet.yaml"), text.replace("ROOM/", &room.text(""))).unwrap();
    Some(Server::open_with(room, &["--config", "ffleet.yaml"], vars))
}

/// The stream, as the API shows it.
fn stream(server: &Server) -> Value {
    server.call("GET", "/v1/streams/studio", b"").json()
}

/// One of its outputs, from 1.
fn output(server: &Server, number: usize) -> Value {
    stream(server)["outputs"][number - 1].clone()
}

fn number(value: &Value, key: &str) -> u64 {
    value[key].as_u64().unwrap_or_else(|| panic!("no {key} in {value:#}"))
}

/// Kills the process that the API shows under `key` of `value`.
fn kill(value: &Value, key: &str) {
    let pid = i32::try_from(number(value, key)).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
}

/// Waits until the encoder of pictures is another process than before its death, which this is.
fn kill_encoder(server: &Server) {
    let encoder = || stream(server)["encode"]["tracks"][0].clone();
    let before = encoder()["recoveries"].clone();
    kill(&encoder(), "pid");
    until(SOON, "another encoder goes on", || encoder()["recoveries"] != before);
}

/// Waits until so many pictures have come out of encoders.
fn await_encoded(server: &Server, count: usize) {
    until(SOON, "all is encoded", || {
        let track = stream(server)["encode"]["tracks"][0].clone();
        number(&track, "frames-out") == count as u64
    });
}

/// Waits until what comes to an output has arrived to the last packet.
fn await_arrived(server: &Server, number_of: usize) {
    until(SOON, "all has arrived", || {
        let output = output(server, number_of);
        output["state"] == "sending" && number(&output, "behind-ms") == 0
    });
}

/// Somebody who watches the stream over HTTP from now on, into a file, until the server ends it.
fn watch(server: &Server) -> (JoinHandle<()>, PathBuf) {
    let path = server.room.path("viewer.ts");
    let mut socket = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    let request = format!("GET /stream/studio HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n", server.port);
    std::io::Write::write_all(&mut socket, request.as_bytes()).unwrap();
    let file = path.clone();
    let watching = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // The end of the server is an end too.
        let _or_reset = socket.read_to_end(&mut bytes);
        let head = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
        std::fs::write(file, &bytes[head..]).unwrap();
    });
    (watching, path)
}

/// Each picture is the one after the one before.
#[track_caller]
fn assert_unbroken(numbers: &[usize], what: &str) {
    let jump = numbers.windows(2).find(|two| two[1] != two[0] + 1);
    assert!(jump.is_none() && !numbers.is_empty(), "{what}: {jump:?} of {numbers:?}");
}

/// What came in several parts is all there, from the first picture to the last, and at each joint at most `doubled`
/// pictures came twice.
#[track_caller]
fn assert_whole(parts: &[Vec<usize>], count: usize, doubled: usize) {
    let ends: Vec<_> = parts
        .iter()
        .map(|part| (part.first().copied(), part.last().copied()))
        .collect();
    for part in parts {
        assert_unbroken(part, &format!("a part of {ends:?}"));
    }
    assert_eq!(parts[0][0], 0, "{ends:?}");
    assert_eq!(parts.last().unwrap().last(), Some(&(count - 1)), "{ends:?}");
    for two in parts.windows(2) {
        let (last, first) = (two[0].last().unwrap() + 1, two[1][0]);
        assert!(first <= last && last - first <= doubled, "{ends:?}");
    }
}
