//! Frames that are pushed otherwise than as raw bytes into FIFOs: coded, over a socket, in bodies of requests.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::process::Stdio;

use super::*;

/// A server whose feed `studio` has these inputs, and a stream of it that this makes.
pub(super) fn serve_with(inputs: &str, preset: &str, more: &str) -> Option<Server> {
    if need::ffmpeg().is_none() || need::ffprobe().is_none() {
        return None;
    }
    let room = Arc::new(Room::new());
    let text = format!(
        "feeds:\n  studio:\n    inputs:\n{inputs}{more}\
         streams:\n  studio: {{ feed: studio, encode: {{ preset: {preset} }} }}\n"
    );
    let text = text.replace("ROOM/", &room.text(""));
    std::fs::write(room.path("ffleet.yaml"), text).unwrap();
    Some(Server::open(room, &["--config", "ffleet.yaml"]))
}

/// `count` pictures from the number `first` on, as x264 makes them, with B pictures between others.
pub(super) fn coded(first: u64, count: u64) -> Vec<u8> {
    let size = format!("{}x{}", STUDIO.width, STUDIO.height);
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg
        .args([
            "-v", "error", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", &size, "-r", "25", "-i",
            "-",
        ])
        .args([
            "-c:v",
            "libx264",
            "-x264-params",
            "keyint=25:bframes=3:b-adapt=0:scenecut=0:threads=1",
        ])
        .args(["-f", "h264", "-"]);
    made_of(&mut ffmpeg, first, count)
}

/// What a command makes of `count` pictures from the number `first` on, which it reads as they are.
pub(super) fn made_of(command: &mut Command, first: u64, count: u64) -> Vec<u8> {
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = pipes.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // Ends with the last picture.
    let writer = std::thread::spawn(move || {
        for number in first..first + count {
            stdin.write_all(&STUDIO.picture(number)).unwrap();
        }
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    output.stdout
}

/// Writes bytes into the FIFO at `path` in as many pieces as there are pictures, in time.
pub(super) fn write_paced(mut fifo: impl std::io::Write, bytes: &[u8], pieces: u64) {
    let begin = Instant::now();
    let long = bytes.len().div_ceil(usize::try_from(pieces).unwrap());
    for (number, piece) in (0_u32..).zip(bytes.chunks(long)) {
        let due = begin + Duration::from_millis(40) * number;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        fifo.write_all(piece).unwrap();
    }
}

pub(super) fn input(server: &Server, number: usize) -> Value {
    server.call("GET", "/v1/feeds/studio", b"").json()["inputs"][number].clone()
}

const CODED: &str = "      video: { fifo: ROOM/video, format: h264, fps: 25 }\n      \
                     audio: { fifo: ROOM/audio, format: s16le, rate: 44100, channels: 2 }\n";

#[test]
fn coded_pictures_are_copied_beside_sound_whose_encoder_is_killed() {
    let Some(server) = serve_with(CODED, "copy", "") else {
        return;
    };
    until(SOON, "an encoder of sound", || pid(&server, 1, "pid").is_some());
    assert!(pid(&server, 0, "pid").is_none(), "no process for the picture");
    let viewer = Recorder::open(&server, "got.ts");
    let bytes = coded(0, 150);
    let audio = STUDIO.push_sound(&server.room.path("audio"), Instant::now(), 150);
    let fifo = OpenOptions::new().write(true).open(server.room.path("video")).unwrap();
    let writer = std::thread::spawn(move || write_paced(fifo, &bytes, 150));
    until(SOON, "pictures come", || track(&server, 0)["frames-out"].as_u64() > Some(40));
    strike(&server, 1, Signal::KILL, None);
    writer.join().unwrap();
    audio.finish().unwrap();
    until(SOON, "all pictures have come out", || track(&server, 0)["frames-out"] == 150);
    // The last block waits for what comes behind it.
    until(SOON, "all sound has come out", || {
        track(&server, 1)["frames-waiting"].as_u64() < Some(4)
    });
    std::thread::sleep(Duration::from_millis(300));
    assert_unbroken(&viewer.leave(), 150);
    assert_eq!(input(&server, 0)["received"], 150);
}

#[test]
fn coded_writer_that_dies_within_a_picture_is_followed_by_the_next_one() {
    let inputs = "      video: { fifo: ROOM/video, format: h264, fps: 25 }\n";
    let Some(server) = serve_with(inputs, "copy", "") else {
        return;
    };
    let viewer = Recorder::open(&server, "got.ts");
    until(SOON, "somebody reads", || server.room.path("video").exists());
    let open = || OpenOptions::new().write(true).open(server.room.path("video")).unwrap();
    let (first, second) = (coded(0, 25), coded(100, 25));
    write_paced(open(), &first[..first.len() / 2], 10);
    until(SOON, "its end is noticed", || input(&server, 0)["written"] == false);
    let early = input(&server, 0)["received"].as_u64().unwrap();
    assert!((2..25).contains(&early), "{early}");
    // Behind the last picture it pauses, and stays: that one comes out as well.
    let mut fifo = open();
    write_paced(&mut fifo, &second, 25);
    until(SOON, "all have come out", || track(&server, 0)["frames-out"] == early + 25);
    assert_eq!(input(&server, 0)["writers"], 2);
    std::thread::sleep(Duration::from_millis(300));
    drop(fifo);
    let (numbers, _said) = STUDIO.numbers(&viewer.leave()).unwrap();
    let (from, back) = numbers.split_at(numbers.len() - 25);
    assert!(back.iter().copied().eq(100..125), "{numbers:?}");
    assert!(from.iter().all(|&number| number < 25), "{numbers:?}");
}

#[test]
fn preset_that_cannot_make_what_is_pushed_is_refused_when_the_file_is_checked() {
    let Some(_) = need::ffmpeg() else { return };
    let room = Room::new();
    let check = |preset: &str, format: &str| {
        let text = format!(
            "feeds: {{ a: {{ inputs: {{ video: {{ fifo: /run/a, format: {format}, fps: 25 }} }} }} }}\n\
             streams: {{ a: {{ feed: a, encode: {{ preset: {preset} }} }} }}\n"
        );
        std::fs::write(room.path("ffleet.yaml"), text).unwrap();
        room.run(&["config", "check", "ffleet.yaml"])
    };
    check("copy", "h264").ok();
    check("copy", "hevc").ok();
    check("live-720p", "h265").ok();
    let printed = check("copy", "rawvideo, size: 640x360");
    assert_ne!(printed.code, 0);
    assert!(printed.out.contains("raw ones have to be encoded"), "{printed:?}");
}
