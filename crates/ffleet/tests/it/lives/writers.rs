//! Programs that write into FIFOs and sockets.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use ffleet_testkit::studio::Studio;

use super::*;
use crate::encode::recorder::Recorder;

const STUDIO: Studio = Studio { width: 640, height: 360, fps: 25, rate: 44_100 };
const RAW: &str = "lease-term: 60s\nfeeds:\n  studio:\n    inputs:\n      \
                   video: { fifo: ROOM/video, format: rawvideo, size: 640x360, fps: 25 }\n\
                   streams:\n  studio: { feed: studio, encode: { preset: live-480p } }\n";

fn frames_out(server: &Server) -> u64 {
    let shown = server.call("GET", "/v1/streams/studio", b"").json();
    shown["encode"]["tracks"][0]["frames-out"].as_u64().unwrap_or(0)
}

/// The numbers of the pictures that somebody saw whose server was killed: the last one may be torn.
fn seen(watcher: Recorder) -> Vec<u64> {
    let (mut numbers, _torn) = STUDIO.numbers(&watcher.end()).unwrap();
    numbers.pop();
    numbers
}

/// How many pictures are written over several lives.
const COUNT: u64 = 800;

/// A process that writes pictures into a FIFO, a hundred a second where they are read, to the last or until its pipe is
/// broken.
struct Writer {
    process: Child,
    feeding: std::thread::JoinHandle<u64>,
}

impl Writer {
    fn start(path: &Path, first: u64, count: u64) -> Self {
        let fifo = OpenOptions::new().write(true).open(path).unwrap();
        let mut process = Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::from(fifo))
            .spawn()
            .unwrap();
        let mut to = process.stdin.take().unwrap();
        // Ends with the last picture, or with the process.
        let feeding = std::thread::spawn(move || {
            for number in first..first + count {
                std::thread::sleep(Duration::from_millis(10));
                if to.write_all(&STUDIO.picture(number)).is_err() {
                    return number - first;
                }
            }
            count
        });
        Self { process, feeding }
    }

    /// Waits for its end: how many pictures it has written, and whether it ended well.
    fn finish(mut self) -> (u64, bool) {
        let written = self.feeding.join().unwrap();
        (written, self.process.wait().unwrap().success())
    }
}

#[test]
fn writer_of_a_fifo_notices_nothing_and_its_frames_are_whole() {
    let Some(mut server) = serve(RAW) else { return };
    let writer = Writer::start(&server.room.path("video"), 0, COUNT);
    let mut all = Vec::new();
    for life in 0..4_u64 {
        let watcher = Recorder::open(&server, &format!("life-{life}.ts"));
        until(SOON, "pictures come", || frames_out(&server) > 40);
        // Not always at the same moment of a frame.
        std::thread::sleep(Duration::from_millis(13 * life));
        let room = server.kill();
        std::thread::sleep(Duration::from_millis(300));
        all.push(seen(watcher));
        server = Server::open(room, &MORE);
    }
    let watcher = Recorder::open(&server, "last.ts");
    assert_eq!(writer.finish(), (COUNT, true), "it met no broken pipe");
    until(SOON, "all have come out", || {
        let shown = server.call("GET", "/v1/streams/studio", b"").json();
        let track = &shown["encode"]["tracks"][0];
        track["frames-waiting"] == 0 && track["frames-in"].as_u64() != Some(0)
    });
    std::thread::sleep(Duration::from_millis(500));
    let (numbers, said) = STUDIO.numbers(&watcher.leave()).unwrap();
    assert_eq!(said, "", "the decoder has nothing to say");
    all.push(numbers);
    for numbers in &all {
        // A frame that is cut at the wrong place shows any number.
        assert!(numbers.len() > 10, "{all:?}");
        assert!(numbers.windows(2).all(|two| two[1] == two[0] + 1), "{numbers:?}");
    }
    assert!(all.windows(2).all(|two| two[0].last() < two[1].first()), "each is shown once");
    assert_eq!(all.last().unwrap().last(), Some(&(COUNT - 1)), "the last is there");
}

#[test]
fn writer_that_is_replaced_while_no_server_is_there_leaves_a_frame_and_not_a_shift() {
    let Some(server) = serve(RAW) else { return };
    let path = server.room.path("video");
    let watcher = Recorder::open(&server, "first.ts");
    let writer = Writer::start(&path, 0, 50);
    assert_eq!(writer.finish(), (50, true));
    until(SOON, "they come out", || frames_out(&server) >= 49);
    let mut half: File = OpenOptions::new().write(true).open(&path).unwrap();
    half.write_all(&STUDIO.picture(50)[..100_000]).unwrap();
    // It is read by then, or waits in the pipe.
    std::thread::sleep(Duration::from_millis(200));
    let room = server.kill();
    assert_eq!(seen(watcher).last(), Some(&48));
    half.write_all(&STUDIO.picture(50)[100_000..120_000]).unwrap();
    drop(half);
    // Longer than it takes to notice that.
    std::thread::sleep(Duration::from_secs(1));
    let writer = Writer::start(&path, 100, 100);
    let server = Server::open(room, &MORE);
    let watcher = Recorder::open(&server, "second.ts");
    assert_eq!(writer.finish(), (100, true));
    until(SOON, "they come out", || frames_out(&server) >= 99);
    std::thread::sleep(Duration::from_millis(500));
    let (numbers, said) = STUDIO.numbers(&watcher.leave()).unwrap();
    assert_eq!(said, "");
    assert!(numbers.windows(2).all(|two| two[1] == two[0] + 1), "{numbers:?}");
    assert_eq!(numbers.last(), Some(&199), "{numbers:?}");
    assert!(numbers[0] >= 100);
}

#[test]
fn who_connects_to_a_socket_while_no_server_is_there_is_read_by_the_next() {
    let text = RAW.replace(
        "      video: { fifo: ROOM/video, format",
        "      socket: ROOM/sock\n      video: { format",
    );
    let Some(server) = serve(&text) else { return };
    let path = server.room.path("sock");
    until(SOON, "it is there", || path.exists());
    let old = UnixStream::connect(&path).unwrap();
    let room = server.kill();
    // Whether it was accepted or not, it is gone.
    drop(old);
    assert!(path.exists());
    let mut waiting = UnixStream::connect(&path).expect("somebody listens");
    let sending = std::thread::spawn(move || {
        waiting.write_all(b"ffleet-frames 1\npicture yuv420p 640x360 25\n\n")?;
        for number in 0..50 {
            let picture = STUDIO.picture(number);
            let long = u32::try_from(picture.len()).unwrap().to_le_bytes();
            let micros = (i64::try_from(number).unwrap() * 40_000).to_le_bytes();
            waiting.write_all(&[&b"FR\0\0"[..], &long, &micros, &picture].concat())?;
        }
        waiting.write_all(b"FR\0\x80\0\0\0\0\0\0\0\0\0\0\0\0")
    });
    let server = Server::open(room, &MORE);
    sending.join().unwrap().expect("it is read to its end");
    until(SOON, "they come out", || frames_out(&server) == 50);
    let room = server.stop();
    assert!(!path.exists(), "nothing is left of it");
    drop(room);
}

#[test]
fn writer_of_a_fifo_feed_goes_on_where_it_can_be_begun_anywhere() {
    let coded = "-v error -re -f lavfi -i testsrc2=size=320x240:rate=25 -c:v libx264 -preset ultrafast -g 10";
    for (format, rest, goes_on) in [("mpegts", "-f mpegts", true), ("flv", "-f flv", false)] {
        let text = "lease-term: 60s\nfeeds:\n  cam: { fifo: ROOM/cam }\n\
                    streams:\n  cam: { feed: cam, mimetype: video/x }\n";
        let Some(server) = serve(text) else { return };
        let path = server.room.path("cam");
        until(SOON, "it is there", || path.exists());
        let write = || {
            let mut ffmpeg = Command::new("ffmpeg");
            ffmpeg.args(coded.split(' ')).args(rest.split(' ')).arg("-y").arg(&path);
            ffmpeg.stderr(Stdio::null()).spawn().unwrap()
        };
        let mut writer = write();
        await_feed(&server, "cam", "live");
        assert_decodes(&server, "cam");
        let begun = Instant::now();
        let server = again(server);
        if goes_on {
            await_feed(&server, "cam", "live");
            assert_decodes(&server, "cam");
            assert!(writer.try_wait().unwrap().is_none(), "{format}: it is the same process");
        } else {
            // Nobody could make anything of the rest.
            until(SOON, "it has met a broken pipe", || writer.try_wait().unwrap().is_some());
            let mut next = write();
            await_feed(&server, "cam", "live");
            assert_decodes(&server, "cam");
            next.kill().unwrap();
            next.wait().unwrap();
        }
        assert!(begun.elapsed() < SOON * 3);
        let _gone = writer.kill();
        writer.wait().unwrap();
        server.stop();
    }
}
