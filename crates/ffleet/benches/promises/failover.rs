//! What a viewer sees of encoders that are killed: raw 720p and PCM, 25 pictures a second, `live-720p`.
//!
//! A picture is late by the time from when it was pushed (or, if that was before, from when its encoder was killed) to
//! when its first byte is with a viewer.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ffleet_testkit::measure::{Bound, Row, cpu_time, millis, quantile, resident};
use ffleet_testkit::studio::Studio;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::Extent;
use crate::room::Room;
use crate::server::Server;

const STUDIO: Studio = Studio { width: 1_280, height: 720, fps: 25, rate: 44_100 };
/// A picture in ticks of a transport stream.
const TICKS: u64 = 3_600;
/// The time of the first picture in the stream.
const FIRST: u64 = 90_000;
/// How long an encoder is left alone before the next is killed.
const BETWEEN: Duration = Duration::from_millis(400);

/// What a viewer saw of some kills.
struct Seen {
    /// How late the latest picture was after each of them.
    late: Vec<Duration>,
    /// How late pictures were before the first.
    usual: Duration,
    missing: u64,
}

pub(crate) fn rows(room: &Room, extent: Extent) -> Vec<Row> {
    let kills = extent.pick(5, 70);
    let mut rows = Vec::new();
    for (recovery, signal, what, bound) in [
        ("spare", Signal::KILL, "killed, a spare ready", 40.0),
        ("cold", Signal::KILL, "killed, none ready", 150.0),
        ("spare", Signal::STOP, "stopped, a spare ready", 540.0),
    ] {
        let (mut medians, mut p99s, mut missing, mut usual) = (vec![], vec![], vec![], vec![]);
        for round in 0..3 {
            let seen = watch(room, (recovery, signal), kills, &format!("{recovery}-{round}"));
            let mut late = seen.late;
            late.sort_unstable();
            medians.push(millis(quantile(&late, 0.5)));
            p99s.push(millis(quantile(&late, 0.99)));
            missing.push(seen.missing as f64);
            usual.push(millis(seen.usual));
        }
        let of = format!("the picture's encoder is {what}, {kills} times");
        rows.push(Row::new(
            format!("{of}: the latest picture, median"),
            "ms",
            Bound::Open,
            &medians,
        ));
        rows.push(Row::new(
            format!("{of}: the latest picture, p99"),
            "ms",
            Bound::AtMost(bound),
            &p99s,
        ));
        rows.push(Row::new(
            format!("{of}: pictures lost or doubled"),
            "",
            Bound::AtMost(0.0),
            &missing,
        ));
        if signal == Signal::KILL && recovery == "spare" {
            let what = "from the push of a picture to a viewer, nothing wrong, median";
            rows.push(Row::new(what, "ms", Bound::AtMost(40.0), &usual));
        }
    }
    rows.extend(spare(room));
    rows
}

fn serve(room: &Room, recovery: &str, name: &str) -> Server {
    let (video, audio) = (room.text(&format!("{name}.video")), room.text(&format!("{name}.audio")));
    let config = format!(
        "feeds:\n  studio:\n    inputs:\n      \
         video: {{ fifo: {video}, format: rawvideo, size: 1280x720, fps: 25 }}\n      \
         audio: {{ fifo: {audio}, format: s16le, rate: 44100, channels: 2 }}\n\
         streams:\n  studio: {{ feed: studio, encode: {{ preset: live-720p, recovery: {recovery} }} }}\n"
    );
    fs::write(room.file("ffleet.yaml"), config).unwrap();
    let mut server = Server::start(room, &[("FFLEET_CONFIG", room.text("ffleet.yaml"))]);
    while process(&mut server, "pid").is_none() {
        std::thread::sleep(Duration::from_millis(10));
    }
    server
}

/// The picture's track.
fn track(server: &mut Server) -> Value {
    server.call("GET", "/v1/streams/studio", "")["encode"]["tracks"][0].clone()
}

/// A process of a track.
fn of(track: &Value, which: &str) -> Option<Pid> {
    Pid::from_raw(i32::try_from(track[which].as_i64()?).unwrap())
}

/// A process of the picture's track.
fn process(server: &mut Server, which: &str) -> Option<Pid> {
    of(&track(server), which)
}

fn watch(room: &Room, (recovery, signal): (&str, Signal), kills: u64, name: &str) -> Seen {
    let mut server = serve(room, recovery, name);
    let viewer = Viewer::open(server.address);
    let begin = Instant::now() + Duration::from_millis(200);
    // A kill, what follows it and the wait for the next spare take less than a second and a half.
    let count = 75 + kills * 40;
    let video = STUDIO.push_pictures(&room.file(&format!("{name}.video")), begin, 0, count);
    let audio = STUDIO.push_sound(&room.file(&format!("{name}.audio")), begin, count);
    std::thread::sleep(Duration::from_secs(2));
    let mut struck = Vec::new();
    let mut before = None;
    while (struck.len() as u64) < kills && !video.is_done() {
        // Not always at the same moment of a picture.
        let phase = Duration::from_millis(struck.len() as u64 * 7 % 40);
        std::thread::sleep(BETWEEN + phase);
        let encoder = loop {
            let track = track(&mut server);
            let is_ready = recovery == "cold" || !track["spare-pid"].is_null();
            let has_caught_up = track["frames-waiting"].as_u64() < Some(3);
            let encoder = of(&track, "pid").filter(|&pid| Some(pid) != before);
            if let Some(encoder) = encoder.filter(|_| is_ready && has_caught_up) {
                break encoder;
            }
            assert!(!video.is_done(), "no other encoder after {} kills: {track}", struck.len());
            std::thread::sleep(Duration::from_millis(5));
        };
        struck.push(Instant::now());
        kill_process(encoder, signal).unwrap();
        before = Some(encoder);
    }
    std::thread::sleep(Duration::from_secs(1));
    drop((video, audio));
    let arrivals = viewer.leave();
    drop(server);
    judge(begin, &struck, &arrivals)
}

/// What the arrivals of pictures, by their time in the stream, say.
fn judge(begin: Instant, struck: &[Instant], arrivals: &[(u64, Instant)]) -> Seen {
    let due = |pts: u64| {
        begin + Duration::from_millis(40) * u32::try_from((pts - FIRST) / TICKS).unwrap()
    };
    let delay = |&(pts, at): &(u64, Instant), from: Instant| {
        at.saturating_duration_since(due(pts).max(from))
    };
    let mut usual: Vec<Duration> = arrivals
        .iter()
        .filter(|(_, at)| struck.first().is_none_or(|first| at < first))
        .map(|arrival| delay(arrival, begin))
        .collect();
    usual.sort_unstable();
    let late = struck.iter().map(|&kill| {
        let touched = arrivals
            .iter()
            .filter(|&&(pts, at)| at >= kill && due(pts) <= kill + Duration::from_millis(200));
        touched.map(|arrival| delay(arrival, kill)).max().unwrap_or_default()
    });
    let missing = arrivals
        .windows(2)
        .map(|two| (two[1].0.saturating_sub(two[0].0) / TICKS).abs_diff(1))
        .sum();
    Seen { late: late.collect(), usual: quantile(&usual, 0.5), missing }
}

/// What it costs to have a spare ready.
fn spare(room: &Room) -> Vec<Row> {
    let mut server = serve(room, "spare", "cost");
    let begin = Instant::now();
    let video = STUDIO.push_pictures(&room.file("cost.video"), begin, 0, 200);
    let audio = STUDIO.push_sound(&room.file("cost.audio"), begin, 200);
    let waits = loop {
        if let Some(spare) = process(&mut server, "spare-pid") {
            break u32::try_from(spare.as_raw_nonzero().get()).unwrap();
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    std::thread::sleep(Duration::from_secs(1));
    let used = cpu_time(waits).unwrap();
    std::thread::sleep(Duration::from_secs(3));
    let used = cpu_time(waits).unwrap().saturating_sub(used);
    let memory = resident(waits).unwrap() as f64 / 1e6;
    drop((video, audio));
    drop(server);
    vec![
        Row::new(
            "a spare of the picture's encoder: resident memory",
            "MB",
            Bound::AtMost(60.0),
            &[memory],
        ),
        Row::new(
            "the same: CPU over 3 s, of one core",
            "%",
            Bound::AtMost(0.4),
            &[used.as_secs_f64() / 3.0 * 100.0],
        ),
    ]
}

/// Somebody who notes when pictures come.
struct Viewer {
    socket: TcpStream,
    thread: JoinHandle<Vec<(u64, Instant)>>,
}

impl Viewer {
    fn open(server: SocketAddr) -> Self {
        let mut socket = TcpStream::connect(server).unwrap();
        // In one piece, as a client sends it.
        let request = format!("GET /stream/studio HTTP/1.1\r\nHost: {server}\r\n\r\n");
        socket.write_all(request.as_bytes()).unwrap();
        let mut from = socket.try_clone().unwrap();
        // Ends with the connection.
        let thread = std::thread::spawn(move || {
            let (mut bytes, mut piece, mut arrivals) = (Vec::new(), vec![0; 64 << 10], Vec::new());
            let mut is_body = false;
            while let Ok(count @ 1..) = from.read(&mut piece) {
                let now = Instant::now();
                bytes.extend_from_slice(&piece[..count]);
                if !is_body {
                    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
                        continue;
                    };
                    bytes.drain(..end + 4);
                    is_body = true;
                }
                let whole = bytes.len() / 188 * 188;
                for packet in bytes[..whole].chunks(188) {
                    assert_eq!(packet[0], 0x47, "a packet begins here");
                    arrivals.extend(picture(packet).map(|pts| (pts, now)));
                }
                bytes.drain(..whole);
            }
            arrivals
        });
        Self { socket, thread }
    }

    fn leave(self) -> Vec<(u64, Instant)> {
        self.socket.shutdown(Shutdown::Both).unwrap();
        self.thread.join().unwrap()
    }
}

/// The time of the picture that begins in a packet of a transport stream (ISO/IEC 13818-1, 2.4.3), if one does.
fn picture(packet: &[u8]) -> Option<u64> {
    let is_start = packet[1] & 0x40 != 0;
    let adapted = if packet[3] & 0x20 == 0 {
        0
    } else {
        1 + usize::from(packet[4])
    };
    let pes = packet
        .get(4 + adapted..)
        .filter(|pes| is_start && pes.starts_with(&[0, 0, 1, 0xe0]))?;
    let stamp: Vec<u64> = pes.get(9..14)?.iter().map(|&byte| u64::from(byte)).collect();
    Some(
        (stamp[0] >> 1 & 7) << 30
            | stamp[1] << 22
            | (stamp[2] >> 1) << 15
            | stamp[3] << 7
            | stamp[4] >> 1,
    )
}
