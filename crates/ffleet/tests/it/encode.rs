//! Pictures and sound that are pushed, encoded by processes that are killed, and watched by somebody who does not
//! notice.

mod away;
mod container;
mod deaths;
mod decoded;
mod framed;
mod gstreamer;
mod hot;
mod orders;
mod pushed;
mod python;
pub(crate) mod recorder;
mod writers;

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ffleet_testkit::studio::{Pusher, Studio};
use ffleet_testkit::{need, until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use self::recorder::Recorder;
use crate::fixture::{Room, Server};

/// Longer than anything here takes unless it is broken.
const SOON: Duration = Duration::from_secs(30);
/// What is pushed.
const STUDIO: Studio = Studio { width: 640, height: 360, fps: 25, rate: 44_100 };

/// A server whose stream `studio` is encoded as `encode` says, with `more` of the feed.
fn serve(encode: &str, more: &str) -> Option<Server> {
    serve_in(&Arc::new(Room::new()), encode, more, "[hold]")
}

/// The same, without waiting for encoders.
fn serve_idle(encode: &str) -> Option<Server> {
    serve_in(&Arc::new(Room::new()), encode, "", IDLE)
}

/// A `fallback` of streams that are not waited for.
const IDLE: &str = "hold";

/// The same of pictures and sound as `studio` has them.
fn serve_of(studio: &Studio, encode: &str) -> Option<Server> {
    serve_all(studio, &Arc::new(Room::new()), encode, "", "[hold]")
}

/// The same in a room that there is already, with this `fallback`.
fn serve_in(room: &Arc<Room>, encode: &str, more: &str, fallback: &str) -> Option<Server> {
    serve_all(&STUDIO, room, encode, more, fallback)
}

fn serve_all(
    studio: &Studio,
    room: &Arc<Room>,
    encode: &str,
    more: &str,
    fallback: &str,
) -> Option<Server> {
    if need::ffmpeg().is_none() || need::ffprobe().is_none() {
        return None;
    }
    let (video, audio) = (room.text("video"), room.text("audio"));
    let Studio { width, height, fps, rate } = studio;
    let text = format!(
        "feeds:\n  studio:\n    inputs:\n      \
         video: {{ fifo: {video}, format: rawvideo, size: {width}x{height}, fps: {fps} }}\n      \
         audio: {{ fifo: {audio}, format: s16le, rate: {rate}, channels: 2 }}\n{more}\
         streams:\n  studio: {{ feed: studio, encode: {encode}, fallback: {fallback} }}\n"
    );
    std::fs::write(room.path("ffleet.yaml"), text).unwrap();
    let server = Server::open(Arc::clone(room), &["--config", "ffleet.yaml"]);
    if fallback == IDLE {
        return Some(server);
    }
    // Its readers are there, and so are the encoders.
    until(SOON, "encoders", || {
        pid(&server, 0, "pid").is_some() && pid(&server, 1, "pid").is_some()
    });
    Some(server)
}

/// Pushes `count` pictures and as much sound.
fn push(server: &Server, count: u64) -> (Pusher, Pusher) {
    let begin = Instant::now() + Duration::from_millis(100);
    let (video, audio) = (server.room.path("video"), server.room.path("audio"));
    (
        STUDIO.push_pictures(&video, begin, 0, count),
        STUDIO.push_sound(&audio, begin, count),
    )
}

fn stream(server: &Server) -> Value {
    server.call("GET", "/v1/streams/studio", b"").json()
}

/// Track 0 is the picture, 1 the sound.
fn track(server: &Server, number: usize) -> Value {
    stream(server)["encode"]["tracks"][number].clone()
}

fn pid(server: &Server, number: usize, what: &str) -> Option<Pid> {
    let pid = track(server, number)[what].as_i64()?;
    Pid::from_raw(i32::try_from(pid).unwrap())
}

/// Sends a signal to the encoder of a track, once it is another one than before and has a spare: which it was.
fn strike(server: &Server, number: usize, signal: Signal, before: Option<Pid>) -> Pid {
    let mut struck = None;
    until(2 * SOON, "another encoder, and a spare", || {
        let encoder = pid(server, number, "pid").filter(|&one| Some(one) != before);
        struck = encoder.filter(|_| pid(server, number, "spare-pid").is_some());
        struck.is_some()
    });
    let struck = struck.unwrap();
    kill_process(struck, signal).unwrap();
    struck
}

/// Waits until everything that was pushed has come out.
fn await_end(server: &Server, pushers: (Pusher, Pusher)) {
    pushers.0.finish().unwrap();
    pushers.1.finish().unwrap();
    until(SOON, "all frames have come out", || track(server, 0)["frames-waiting"] == 0);
    // The last of it is on its way to the viewer.
    std::thread::sleep(Duration::from_millis(300));
}

/// Whether what was recorded is all pictures from the first to the last, once each, and a tone without a click.
#[track_caller]
fn assert_unbroken(file: &Path, pictures: u64) {
    let (numbers, said) = STUDIO.numbers(file).unwrap();
    assert_eq!(said, "", "the decoder has nothing to say");
    let first = numbers.first().copied().unwrap_or(u64::MAX);
    let all: Vec<u64> = (first..pictures).collect();
    assert!(first <= 1 && numbers == all, "{numbers:?}");
    assert_eq!(STUDIO.clicks(file).unwrap(), Vec::<f64>::new());
    assert_times_grow(file);
}

/// Whether what was recorded is all of fifty pictures, a slate, and of a hundred others those from one of `back` on, from
/// which on the source had been there for long enough.
#[track_caller]
fn assert_slate_between(file: &Path, back: Range<u64>) {
    let (numbers, said) = STUDIO.numbers(file).unwrap();
    assert_eq!(said, "");
    let slates = numbers.iter().filter(|&&number| number == 0xffff).count();
    assert!(slates > 50, "{numbers:?}");
    let shown: Vec<u64> = numbers.iter().copied().filter(|&number| number != 0xffff).collect();
    assert_eq!(shown[..50], (0..50).collect::<Vec<_>>(), "{numbers:?}");
    let first = shown[50];
    assert!(back.contains(&first), "{numbers:?}");
    assert_eq!(shown[50..], (first..100).collect::<Vec<_>>(), "{numbers:?}");
    assert_times_grow(file);
}

/// Whether the times of each track only grow, and picture and sound end together.
#[track_caller]
fn assert_times_grow(file: &Path) {
    let ends = ["v", "a"].map(|track| assert_times_of(file, track));
    assert!((ends[0] - ends[1]).abs() < 90_000 / 5, "picture and sound end apart: {ends:?}");
}

/// Whether the times of decoding of one track only grow: the last.
#[track_caller]
fn assert_times_of(file: &Path, track: &str) -> i64 {
    let entries = ["-show_entries", "packet=dts", "-of", "csv=p=0"];
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", track])
        .args(entries)
        .arg(file)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let times: Vec<i64> = text
        .lines()
        .filter_map(|line| line.trim_end_matches(',').parse().ok())
        .collect();
    assert!(times.len() > 10, "{track}: {text}");
    assert!(times.is_sorted_by(|one, next| one < next), "{track}: {times:?}");
    times[times.len() - 1]
}

/// What happened to the encoders, by their words.
fn events(server: &Server) -> BTreeSet<String> {
    let stream = stream(server);
    let events = stream["encode"]["events"].as_array().cloned().unwrap_or_default();
    events
        .iter()
        .filter_map(|event| Some(event["what"].as_str()?.to_owned()))
        .collect()
}
