//! The example programs in Python, as they are: connections that break, and encoders that take nothing.

use std::fs::{self, File};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::Child;

use super::framed::await_encoders;
use super::pushed::{input, serve_with};
use super::*;

/// The system's Python, which has numpy, whichever else comes first in PATH.
const PYTHON: &str = "/usr/bin/python3";
/// An encoder of which none takes the place, and little is held for.
const ALONE: &str = "live-480p, recovery: cold, backlog: 4MiB, silence: 60s";

/// Pictures of the clip.
const CLIP: u64 = 100;
const OPENCV_HEAD: &str = "ffleet-frames 1\npicture bgr24 640x360 25\n\n";
const OPENCV_FRAME: u64 = 16 + 640 * 360 * 3;
const OPENCV_INPUTS: &str = "      socket: ROOM/sock\n      \
     video: { format: rawvideo, pixel-format: bgr24, size: 640x360, fps: 25 }\n";

const NUMPY_HEAD: &str = "ffleet-frames 1\npicture rgb24 320x180 25\nsound s16le 48000 2\n\n";
/// A picture, and the sound that goes with it.
const NUMPY_FRAMES: u64 = 16 + 320 * 180 * 3 + 16 + 1_920 * 4;
const NUMPY_INPUTS: &str = "      socket: ROOM/sock\n      \
     video: { format: rawvideo, pixel-format: rgb24, size: 320x180, fps: 25 }\n      \
     audio: { format: s16le, rate: 48000, channels: 2 }\n";

/// A program that runs. Dropped, it is killed.
#[derive(Debug)]
struct Example {
    process: Child,
    said: PathBuf,
}

impl Example {
    /// Starts `push_NAME.py`, which writes into the socket `to`, with modules of such a directory.
    fn start(server: &Server, name: &str, modules: &Path, to: &str, more: &[&str]) -> Self {
        let said = server.room.path("said");
        let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/python/");
        let process = Command::new(PYTHON)
            .arg(format!("{examples}push_{name}.py"))
            .arg(server.room.path(to))
            .args(more)
            .env("PYTHONPATH", modules)
            .stderr(File::create(&said).unwrap())
            .spawn()
            .unwrap();
        Self { process, said }
    }

    /// Pushes the clip.
    fn opencv(server: &Server, to: &str, more: &[&str]) -> Self {
        let clip = server.room.text("clip.mp4");
        let args = [&[clip.as_str(), "--size", "640x360", "--once"], more].concat();
        Self::start(server, "opencv", &opencv().unwrap(), to, &args)
    }

    /// Pushes so many seconds of a ramp and a tone.
    fn numpy(server: &Server, to: &str, seconds: u64) -> Self {
        let seconds = seconds.to_string();
        let args = ["--size", "320x180", "--seconds", &seconds];
        Self::start(server, "numpy", Path::new(""), to, &args)
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.said).unwrap()
    }

    fn is_over(&mut self) -> bool {
        self.process.try_wait().unwrap().is_some()
    }

    /// Waits for its end, which is a good one: what it said.
    #[track_caller]
    fn finish(mut self) -> String {
        until(SOON, "the program ends", || self.is_over());
        let said = self.said();
        assert!(self.process.wait().unwrap().success(), "{said}");
        said
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// The directory with the modules of OpenCV.
fn opencv() -> Option<PathBuf> {
    need::fetched("opencv-wheel/cv2").map(|module| module.with_file_name(""))
}

/// A server that OpenCV pushes to, and the clip beside it, of which each picture has its number in it.
fn serve_opencv(preset: &str, more: &str) -> Option<Server> {
    opencv()?;
    let server = serve_with(OPENCV_INPUTS, preset, more)?;
    let raw = server.room.path("clip.yuv");
    fs::write(&raw, (0..CLIP).flat_map(|number| STUDIO.picture(number)).collect::<Vec<_>>())
        .unwrap();
    let made = Command::new("ffmpeg")
        .args([
            "-v", "error", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", "640x360", "-r", "25",
        ])
        .arg("-i")
        .arg(&raw)
        .args(["-c:v", "libx264", "-preset", "veryfast"])
        .arg(server.room.path("clip.mp4"))
        .status();
    assert!(made.unwrap().success());
    until(SOON, "an encoder", || pid(&server, 0, "pid").is_some());
    Some(server)
}

fn serve_numpy(preset: &str, more: &str) -> Option<Server> {
    let numpy = Command::new(PYTHON).args(["-c", "import numpy"]).output();
    if !need::that("numpy", numpy.is_ok_and(|it| it.status.success())) {
        return None;
    }
    let server = serve_with(NUMPY_INPUTS, preset, more)?;
    await_encoders(&server);
    Some(server)
}

/// Passes the program's connections to `server` on: the first of them to the byte `cut`, where it breaks, and the next
/// to its end.
fn break_once(server: &Server, listener: &UnixListener, cut: u64) {
    for most in [cut, u64::MAX] {
        let mut program = None;
        until(SOON, "the program connects", || {
            program = listener.accept().ok();
            program.is_some()
        });
        let (program, _) = program.unwrap();
        let mut through = UnixStream::connect(server.room.path("sock")).unwrap();
        std::io::copy(&mut std::io::Read::take(program, most), &mut through).unwrap();
        drop(through);
        if most == cut {
            until(SOON, "its end is known", || input(server, 0)["unfinished"] == 1);
        }
    }
}

fn listen(server: &Server) -> UnixListener {
    let listener = UnixListener::bind(server.room.path("between")).unwrap();
    listener.set_nonblocking(true).unwrap();
    listener
}

fn received(server: &Server, number: usize) -> u64 {
    input(server, number)["received"].as_u64().unwrap()
}

/// Waits until all that came has come out, and is with viewers.
fn await_out(server: &Server) {
    until(SOON, "pictures come out", || {
        let track = track(server, 0);
        track["frames-waiting"] == 0 && track["frames-in"].as_u64() == Some(received(server, 0))
    });
    std::thread::sleep(Duration::from_millis(300));
}

/// How many pictures a program says that it left out, all together.
fn left_out(said: &str) -> u64 {
    let lines = said.lines().filter_map(|line| line.strip_prefix("backpressure: "));
    lines
        .filter_map(|line| line.split(' ').next()?.parse::<u64>().ok())
        .sum()
}

#[test]
fn opencv_pushes_a_clip_and_comes_back_when_its_connection_breaks() {
    let Some(server) = serve_opencv("live-480p", "") else {
        return;
    };
    let viewer = Recorder::open(&server, "got.ts");
    let listener = listen(&server);
    let example = Example::opencv(&server, "between", &[]);
    // Within a picture, more than half of which is still to come: the program is not done with it.
    let cut = OPENCV_HEAD.len() as u64 + 30 * OPENCV_FRAME + OPENCV_FRAME / 3;
    break_once(&server, &listener, cut);
    let said = example.finish();
    assert_eq!(said.matches("connection lost").count(), 1, "{said}");
    await_out(&server);
    let (numbers, complaint) = STUDIO.numbers(&viewer.leave()).unwrap();
    assert_eq!((numbers, complaint.as_str()), ((0..CLIP).collect(), ""));
    assert_eq!((&input(&server, 0)["writers"], received(&server, 0)), (&2.into(), CLIP));
}

/// What comes of the clip if the encoder takes nothing for a while: what the program said, the numbers that viewers got,
/// and how many the server dropped.
fn held_up(server: &Server, more: &[&str], is_dropped: bool) -> (String, Vec<u64>, u64) {
    let viewer = Recorder::open(server, "got.ts");
    let encoder = pid(server, 0, "pid").unwrap();
    kill_process(encoder, Signal::STOP).unwrap();
    let mut example = Example::opencv(server, "sock", more);
    if is_dropped {
        until(SOON, "the program ends, whatever is encoded", || example.is_over());
    } else {
        // A second more than the whole clip takes.
        std::thread::sleep(Duration::from_secs(5));
        assert!(!example.is_over() && received(server, 0) < CLIP, "{}", example.said());
    }
    kill_process(encoder, Signal::CONT).unwrap();
    let said = example.finish();
    await_out(server);
    let (numbers, complaint) = STUDIO.numbers(&viewer.leave()).unwrap();
    assert_eq!(complaint, "");
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    assert_eq!(numbers.last(), Some(&(CLIP - 1)), "{numbers:?}");
    (said, numbers, track(server, 0)["frames-dropped"].as_u64().unwrap())
}

#[test]
fn file_that_opencv_reads_waits_for_an_encoder_that_takes_nothing() {
    let Some(server) = serve_opencv(ALONE, "    when-full: block\n") else {
        return;
    };
    let (said, numbers, dropped) = held_up(&server, &[], false);
    assert_eq!((said.as_str(), dropped), ("", 0));
    assert_eq!(numbers, (0..CLIP).collect::<Vec<_>>());
}

#[test]
fn camera_that_opencv_reads_does_not_wait_and_says_what_it_left_out() {
    let Some(server) = serve_opencv(ALONE, "    when-full: block\n") else {
        return;
    };
    let (said, numbers, dropped) = held_up(&server, &["--live"], false);
    let left_out = left_out(&said);
    assert!(left_out > 0 && dropped == 0, "{said}");
    assert_eq!(numbers.len() as u64 + left_out, CLIP, "{said} {numbers:?}");
}

#[test]
fn feed_that_drops_the_oldest_never_holds_opencv_up() {
    let Some(server) = serve_opencv(ALONE, "    when-full: drop-oldest\n") else {
        return;
    };
    let (said, numbers, dropped) = held_up(&server, &[], true);
    assert_eq!(said, "");
    assert!(dropped > 0);
    assert_eq!(numbers.len() as u64 + dropped, CLIP, "{numbers:?}");
}

/// Of so many pictures, those that the program says it left out.
fn not_sent(said: &str, pictures: u64) -> u64 {
    let last = said.lines().last().unwrap_or_default();
    let number = last.strip_prefix(&format!("{pictures} pictures, "));
    let number = number.and_then(|it| it.strip_suffix(" left out")?.parse().ok());
    number.unwrap_or_else(|| panic!("{said}"))
}

#[test]
fn numpy_pushes_pictures_and_sound() {
    let Some(server) = serve_numpy("live-480p", "") else {
        return;
    };
    let viewer = Recorder::open(&server, "got.ts");
    let said = Example::numpy(&server, "sock", 3).finish();
    await_out(&server);
    let got = viewer.leave();
    // A machine that is busy has it leave some out, which it says.
    assert_eq!(received(&server, 0) + not_sent(&said, 75), 75, "{said}");
    if received(&server, 0) == 75 {
        assert_times_grow(&got);
    }
    assert_eq!(received(&server, 1), 3 * 48_000);
}

#[test]
fn numpy_comes_back_when_its_connection_breaks() {
    let Some(server) = serve_numpy("live-480p", "") else {
        return;
    };
    let viewer = Recorder::open(&server, "got.ts");
    let listener = listen(&server);
    let example = Example::numpy(&server, "between", 4);
    let cut = NUMPY_HEAD.len() as u64 + 30 * NUMPY_FRAMES + 1_000;
    break_once(&server, &listener, cut);
    let said = example.finish();
    assert_eq!(said.matches("connection lost").count(), 1, "{said}");
    await_out(&server);
    // What the kernel had of it when it broke is lost: less than two pictures.
    let (received, left_out) = (received(&server, 0), not_sent(&said, 100));
    assert!(
        left_out > 0 && (98..=100).contains(&(received + left_out)),
        "{received}: {said}"
    );
    assert!(received > 35, "it went on: {received}");
    assert_eq!(input(&server, 0)["writers"], 2);
    let got = viewer.leave();
    for track in ["v", "a"] {
        assert_times_of(&got, track);
    }
}

#[test]
fn numpy_leaves_out_what_an_encoder_that_takes_nothing_has_no_room_for() {
    for (when_full, is_dropped) in [("block", false), ("drop-oldest", true)] {
        let Some(server) = serve_numpy(ALONE, &format!("    when-full: {when_full}\n")) else {
            return;
        };
        let encoder = pid(&server, 0, "pid").unwrap();
        kill_process(encoder, Signal::STOP).unwrap();
        let mut example = Example::numpy(&server, "sock", 4);
        if is_dropped {
            until(SOON, "the program ends, whatever is encoded", || example.is_over());
        } else {
            std::thread::sleep(Duration::from_secs(5));
            assert!(!example.is_over(), "{}", example.said());
        }
        kill_process(encoder, Signal::CONT).unwrap();
        let said = example.finish();
        await_out(&server);
        let left_out = not_sent(&said, 100);
        assert_eq!(received(&server, 0) + left_out, 100, "{when_full}: {said}");
        let dropped = track(&server, 0)["frames-dropped"].as_u64().unwrap();
        assert_eq!(dropped > 0, is_dropped, "{when_full}: {said}");
        assert!(is_dropped || left_out > 0, "{said}");
    }
}
