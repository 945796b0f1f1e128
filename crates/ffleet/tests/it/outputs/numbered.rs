//! Raw pictures of which each says its number, with a tone beside them, pushed as a program would; and the numbers of
//! what comes out.

use std::f64::consts::TAU;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ffleet_testkit::until;

use crate::fixture::Server;

pub(super) const WIDTH: usize = 640;
pub(super) const HEIGHT: usize = 360;
/// Pictures a second.
const RATE: u32 = 25;
/// Of a number, one block each.
const BITS: usize = 16;
const BLOCK: usize = WIDTH / BITS;
/// The rows that the blocks are in.
const ROWS: std::ops::Range<usize> = 64..128;
/// Samples a second.
const SAMPLES: u32 = 44_100;

/// Pushes so many pictures, with sound, at their pace.
pub(super) fn push(server: &Server, count: usize) -> Vec<JoinHandle<()>> {
    push_with(server, count, false)
}

/// The same, of pictures that are hard to code.
pub(super) fn push_noise(server: &Server, count: usize) -> Vec<JoinHandle<()>> {
    push_with(server, count, true)
}

fn push_with(server: &Server, count: usize, is_noise: bool) -> Vec<JoinHandle<()>> {
    let (video, audio) = (server.room.path("studio.video"), server.room.path("studio.audio"));
    for path in [&video, &audio] {
        until(super::SOON, "the FIFO is there", || path.exists());
    }
    let begun = Instant::now() + Duration::from_millis(200);
    let pictures = std::thread::spawn(move || {
        let mut pipe = OpenOptions::new().write(true).open(video).unwrap();
        for number in 0..count {
            wait(begun + Duration::from_secs(1) * u32::try_from(number).unwrap() / RATE);
            pipe.write_all(&picture(number, is_noise)).unwrap();
        }
    });
    let sound = std::thread::spawn(move || {
        let mut pipe = OpenOptions::new().write(true).open(audio).unwrap();
        let all = u32::try_from(count).unwrap() * SAMPLES / RATE;
        for from in (0..all).step_by(441) {
            wait(begun + Duration::from_secs(1) * (from / 441) / 100);
            let piece: Vec<u8> =
                (from..from + 441).flat_map(|at| sample(at).to_le_bytes()).collect();
            pipe.write_all(&piece).unwrap();
        }
    });
    vec![pictures, sound]
}

fn wait(until: Instant) {
    std::thread::sleep(until.saturating_duration_since(Instant::now()));
}

#[expect(clippy::cast_possible_truncation, reason = "a quarter of the range of i16")]
fn sample(at: u32) -> i16 {
    ((TAU * 441.0 * f64::from(at) / f64::from(SAMPLES)).sin() * 8_000.0) as i16
}

fn picture(number: usize, is_noise: bool) -> Vec<u8> {
    let mut luma = vec![80; WIDTH * HEIGHT];
    if is_noise {
        let mut state = u32::try_from(number).unwrap() + 1;
        for sample in &mut luma[ROWS.end * WIDTH..] {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *sample = 64 + (state >> 25) as u8;
        }
    }
    for row in ROWS {
        for bit in 0..BITS {
            let from = row * WIDTH + bit * BLOCK;
            luma[from..from + BLOCK].fill(if number >> bit & 1 == 1 { 235 } else { 16 });
        }
    }
    luma.resize(WIDTH * HEIGHT * 3 / 2, 128);
    luma
}

/// The numbers of the pictures in a file, in the order in which they are shown. A decoder complains of nothing, unless
/// the end of the file may be missing.
#[track_caller]
pub(super) fn numbers(path: &Path, may_be_cut: bool) -> Vec<usize> {
    let scale = format!("scale={WIDTH}:{HEIGHT}");
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-i"])
        .arg(path)
        .args([
            "-map",
            "0:v",
            "-vf",
            &scale,
            "-fps_mode",
            "passthrough",
            "-pix_fmt",
            "gray",
            "-f",
            "rawvideo",
            "-",
        ])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(may_be_cut || said.is_empty(), "{}: {said}", path.display());
    let of = |picture: &[u8]| {
        let middle = (ROWS.start + ROWS.end) / 2 * WIDTH + BLOCK / 2;
        (0..BITS)
            .map(|bit| usize::from(picture[middle + bit * BLOCK] > 125) << bit)
            .sum()
    };
    output.stdout.chunks_exact(WIDTH * HEIGHT).map(of).collect()
}

/// No time of decoding goes back in any track of a file; how many packets each has.
#[track_caller]
pub(super) fn times_only_grow(path: &Path) -> [usize; 2] {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-show_entries", "packet=stream_index,dts", "-of", "csv=p=0"])
        .arg(path)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let mut last = [i64::MIN; 2];
    let mut counts = [0; 2];
    for line in text.lines() {
        // What belongs to a packet has lines too.
        let Some((Ok(track), Ok(time))) = line.split_once(',').map(|(track, time)| {
            (track.parse::<usize>(), time.trim_end_matches(',').parse::<i64>())
        }) else {
            continue;
        };
        assert!(time >= last[track], "{}: {time} after {}", path.display(), last[track]);
        last[track] = time;
        counts[track] += 1;
    }
    counts
}

/// Whether the first picture of a file needs no other.
pub(super) fn begins_with_a_keyframe(path: &Path) -> bool {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "v", "-show_entries", "packet=flags"])
        .args(["-of", "csv=p=0"])
        .arg(path)
        .output()
        .unwrap();
    output.stdout.first() == Some(&b'K')
}
