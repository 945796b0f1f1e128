//! What two FIFOs can do to each other: nothing. Either is written, stalls, fills, is closed and opened again in every order,
//! frames are left half done in both, and encoders stand still meanwhile.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use super::*;

/// Longer than anything here takes unless it is stuck, on a machine that has much else to do.
const LONG: Duration = Duration::from_secs(90);
/// By how many seconds picture and sound may be apart: one picture.
const STEP: f64 = 0.04;

/// A server, and the numbers of the pictures that were pushed to it whole.
struct Stage {
    server: Server,
    pushed: Vec<u64>,
}

/// Which of the two FIFOs.
const VIDEO: usize = 0;
const AUDIO: usize = 1;

impl Stage {
    fn open(&self, number: usize) -> File {
        let path = self.server.room.path(["video", "audio"][number]);
        OpenOptions::new().write(true).open(path).unwrap()
    }

    /// Writes pictures at once.
    fn pictures(&mut self, file: &mut File, numbers: Range<u64>) {
        for number in numbers {
            file.write_all(&STUDIO.picture(number)).unwrap();
            self.pushed.push(number);
        }
    }

    /// Pushes picture and sound with marks, in time; one of them is opened half a second before the other.
    fn in_time(&mut self, first: u64, count: u64, sooner: usize) {
        let now = Instant::now();
        let begin = |number| now + Duration::from_millis(if number == sooner { 0 } else { 500 });
        let (video, audio) = (self.server.room.path("video"), self.server.room.path("audio"));
        let pictures = STUDIO.push_pictures(&video, begin(VIDEO), first, count);
        let sound = STUDIO.push_marked_sound(&audio, begin(AUDIO), first, count);
        pictures.finish().unwrap();
        sound.finish().unwrap();
        self.pushed.extend(first..first + count);
        self.gone(&[VIDEO, AUDIO]);
    }

    /// Waits until the writers of these are seen to have gone, and what they wrote has come out.
    fn gone(&self, numbers: &[usize]) {
        let feed = || self.server.call("GET", "/v1/feeds/studio", b"").json();
        until(LONG, "the writer's end is seen", || {
            numbers
                .iter()
                .all(|&number| feed()["inputs"][number]["written"] == false)
        });
        let pushed = self.pushed.len() as u64;
        until(LONG, "all pictures have come out", || self.out(VIDEO) == pushed);
    }

    fn out(&self, number: usize) -> u64 {
        track(&self.server, number)["frames-out"].as_u64().unwrap()
    }

    /// Waits until `more` packets of a track have come out.
    fn comes(&self, number: usize, before: u64, more: u64) {
        until(LONG, "it comes out", || self.out(number) >= before + more);
    }

    /// Has an encoder stand still, or go on.
    fn signal(&self, number: usize, signal: Signal) {
        kill_process(pid(&self.server, number, "pid").unwrap(), signal).unwrap();
    }
}

/// A thread that writes as fast as it can, and how many pieces it has written.
struct Flood {
    written: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

impl Flood {
    fn start(mut file: File, count: u64, piece: impl Fn(u64) -> Vec<u8> + Send + 'static) -> Self {
        let written = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&written);
        // Ends with its last piece.
        let thread = std::thread::spawn(move || {
            for number in 0..count {
                file.write_all(&piece(number)).unwrap();
                counted.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self { written, thread }
    }

    /// Waits until nothing more can be written.
    fn is_full(&self) {
        let mut last = (0, Instant::now());
        until(LONG, "nothing more can be written", || {
            let written = self.written.load(Ordering::Relaxed);
            if written != last.0 {
                last = (written, Instant::now());
            }
            written > 0 && last.1.elapsed() > Duration::from_secs(1)
        });
        assert!(!self.thread.is_finished(), "all of it had room");
    }
}

/// Sound alone for seconds, then the picture as well.
fn sound_comes_before_the_picture(stage: &mut Stage) {
    let (video, audio) = (stage.server.room.path("video"), stage.server.room.path("audio"));
    let begin = Instant::now();
    let sound = STUDIO.push_marked_sound(&audio, begin, 0, 150);
    stage.comes(AUDIO, 0, 100);
    assert_eq!(stage.out(VIDEO), 0);
    let pictures = STUDIO.push_pictures(&video, begin + Duration::from_secs(4), 100, 50);
    stage.pushed.extend(100..150);
    pictures.finish().unwrap();
    sound.finish().unwrap();
    stage.gone(&[VIDEO, AUDIO]);
}

/// Pictures alone until no more can be written, then sound, which comes out although no picture does.
fn picture_is_full_when_the_sound_comes(stage: &mut Stage) {
    stage.signal(VIDEO, Signal::STOP);
    let pictures = Flood::start(stage.open(VIDEO), 60, |at| STUDIO.picture(200 + at));
    stage.pushed.extend(200..260);
    pictures.is_full();
    let (before, shown) = (stage.out(AUDIO), stage.out(VIDEO));
    let sound = STUDIO.push_sound(&stage.server.room.path("audio"), Instant::now(), 75);
    stage.comes(AUDIO, before, 100);
    sound.finish().unwrap();
    assert_eq!(stage.out(VIDEO), shown, "no picture has come out meanwhile");
    assert!(!pictures.thread.is_finished());
    stage.signal(VIDEO, Signal::CONT);
    pictures.thread.join().unwrap();
    stage.gone(&[VIDEO, AUDIO]);
}

/// Both are full, and go on one after the other.
fn both_are_full(stage: &mut Stage, first: usize) {
    let number = 300 + 100 * first as u64;
    let encoders = [VIDEO, AUDIO].map(|track| pid(&stage.server, track, "pid").unwrap());
    for encoder in encoders {
        kill_process(encoder, Signal::STOP).unwrap();
    }
    let pictures = Flood::start(stage.open(VIDEO), 60, move |at| STUDIO.picture(number + at));
    // 8 MB of it: 4 are held, and one lies in each pipe.
    let sound = Flood::start(stage.open(AUDIO), 450, |at| STUDIO.sound(at * 4_410, 4_410));
    stage.pushed.extend(number..number + 60);
    pictures.is_full();
    sound.is_full();
    let before = stage.out(first);
    kill_process(encoders[first], Signal::CONT).unwrap();
    let (one, other) = if first == VIDEO {
        (pictures, sound)
    } else {
        (sound, pictures)
    };
    one.thread.join().unwrap();
    stage.comes(first, before, 30);
    assert!(!other.thread.is_finished(), "the other stands as it stood");
    kill_process(encoders[1 - first], Signal::CONT).unwrap();
    other.thread.join().unwrap();
    stage.gone(&[VIDEO, AUDIO]);
}

/// The writer of one goes in the middle of a frame and another comes, while that of the other has stopped in the middle of
/// one; then that goes on.
fn one_comes_again_while_the_other_stalls(stage: &mut Stage, one: usize) {
    let first = 500 + 100 * one as u64;
    let (mut video, mut audio) = (stage.open(VIDEO), stage.open(AUDIO));
    stage.pictures(&mut video, first..first + 10);
    video.write_all(&STUDIO.picture(first + 10)[..200_000]).unwrap();
    let sound = STUDIO.sound(0, 44_100);
    audio.write_all(&sound[..100_001]).unwrap();
    let before = [VIDEO, AUDIO].map(|track| stage.out(track));
    if one == VIDEO {
        drop(video);
        stage.gone(&[VIDEO]);
        let mut again = stage.open(VIDEO);
        stage.pictures(&mut again, first + 11..first + 30);
        stage.comes(VIDEO, before[VIDEO], 19);
        audio.write_all(&sound[100_001..]).unwrap();
        stage.comes(AUDIO, before[AUDIO], 15);
        drop(audio);
    } else {
        drop(audio);
        let feed = || stage.server.call("GET", "/v1/feeds/studio", b"").json();
        until(LONG, "the writer's end is seen", || feed()["inputs"][AUDIO]["written"] == false);
        let mut again = stage.open(AUDIO);
        again.write_all(&sound).unwrap();
        stage.comes(AUDIO, before[AUDIO], 30);
        video.write_all(&STUDIO.picture(first + 10)[200_000..]).unwrap();
        stage.pushed.push(first + 10);
        stage.comes(VIDEO, before[VIDEO], 1);
        drop((again, video));
    }
    stage.gone(&[VIDEO, AUDIO]);
}

#[test]
fn fifos_that_stall_fill_close_and_come_again_in_any_order_never_stand_still_and_end_in_step() {
    let encode = "{ preset: live-480p, backlog: 4MiB, silence: 1m }";
    let Some(server) = serve(encode, "") else { return };
    let viewer = Recorder::open(&server, "got.ts");
    let mut stage = Stage { server, pushed: Vec::new() };
    sound_comes_before_the_picture(&mut stage);
    stage.in_time(2_000, 100, AUDIO);
    picture_is_full_when_the_sound_comes(&mut stage);
    stage.in_time(3_000, 100, VIDEO);
    for first in [VIDEO, AUDIO] {
        both_are_full(&mut stage, first);
    }
    stage.in_time(4_000, 100, AUDIO);
    for one in [VIDEO, AUDIO] {
        one_comes_again_while_the_other_stalls(&mut stage, one);
    }
    stage.in_time(5_000, 100, VIDEO);
    stage.in_time(6_000, 100, AUDIO);
    std::thread::sleep(Duration::from_millis(300));
    let got = viewer.leave();
    let (numbers, said) = STUDIO.numbers(&got).unwrap();
    assert_eq!((numbers, said.as_str()), (stage.pushed.clone(), ""), "each once, and in order");
    let marks = STUDIO.marks(&got).unwrap();
    // Nobody said what of one goes with what of the other, but that they came at one time.
    let late = marks.late(100..150);
    assert!(late.len() == 1 && late[0].abs() < 0.5, "{late:?}");
    for first in (2_000..7_000).step_by(1_000) {
        let late = marks.late(first..first + 100);
        assert!(
            late.len() == 2 && late.iter().all(|late| late.abs() < STEP),
            "{first}: {late:?}"
        );
    }
    assert_times_of(&got, "v");
    assert_times_of(&got, "a");
}
