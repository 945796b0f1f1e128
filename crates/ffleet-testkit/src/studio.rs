//! A program that pushes raw pictures and sound, and what is to be seen of them at the other end.
//!
//! Each picture has its number in it, as sixteen bright or dark blocks, and the sound is one pure tone: a picture that is
//! lost, doubled or out of place is seen, and a piece of sound that is missing is a click.

mod marks;

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Bits of a number that a picture shows.
const BITS: usize = 16;
/// The tone in Hz. No packet of a codec holds whole periods of it.
const TONE: f64 = 441.0;
/// How loud it is.
const LOUD: f64 = 8_000.0;

/// A track may begin late in a file.
const LOOK: [&str; 4] = ["-probesize", "100M", "-analyzeduration", "60M"];

pub use marks::Marks;

/// What is pushed. `width` is a multiple of 32, `height` one of 4.
#[derive(Clone, Copy, Debug)]
pub struct Studio {
    /// Columns of a picture.
    pub width: usize,
    /// Its lines.
    pub height: usize,
    /// Pictures a second.
    pub fps: u32,
    /// Samples of each of two channels a second.
    pub rate: u32,
}

/// A thread that pushes, until this is dropped.
#[derive(Debug)]
pub struct Pusher {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<io::Result<u64>>>,
}

impl Studio {
    /// The picture with this number, as `yuv420p`.
    #[must_use]
    pub fn picture(&self, number: u64) -> Vec<u8> {
        let Self { width, height, .. } = *self;
        let mut picture = vec![0x50; width * height];
        let block = width / BITS;
        for line in picture.chunks_mut(width).skip(height / 4).take(height / 2) {
            for (bit, block) in line.chunks_mut(block).enumerate() {
                block.fill(if number >> bit & 1 == 1 { 0xeb } else { 0x10 });
            }
        }
        picture.resize(width * height * 3 / 2, 0x80);
        picture
    }

    /// So many samples of two channels of the tone, as `s16le`.
    #[must_use]
    pub fn sound(&self, first: u64, count: u64) -> Vec<u8> {
        self.tone(first, count, |_| LOUD)
    }

    /// So many samples of the tone, as loud as `loud` says of each.
    fn tone(&self, first: u64, count: u64, loud: impl Fn(u64) -> f64) -> Vec<u8> {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a sample is smaller than 16 bits hold"
        )]
        let sample = |at: u64| {
            let turn = (at as f64 * TONE / f64::from(self.rate)).fract();
            (loud(at) * (turn * std::f64::consts::TAU).sin()).round() as i16
        };
        let both = (first..first + count).flat_map(|at| [sample(at); 2]);
        both.flat_map(i16::to_le_bytes).collect()
    }

    /// Writes `count` pictures into the FIFO at `path`, in time from `begin` on, the first with the number `first`.
    #[must_use]
    pub fn push_pictures(self, path: &Path, begin: Instant, first: u64, count: u64) -> Pusher {
        let every = move |number: u64| Duration::from_secs(number) / self.fps;
        Pusher::start(path, begin, count, move |number| {
            (every(number), self.picture(first + number))
        })
    }

    /// Writes sound into the FIFO at `path` for as long as `count` pictures take, in time from `begin` on.
    #[must_use]
    pub fn push_sound(self, path: &Path, begin: Instant, count: u64) -> Pusher {
        self.push_pieces(path, begin, count, move |first, count| self.sound(first, count))
    }

    /// Writes what `sound` makes of so many samples from one on.
    fn push_pieces(
        self,
        path: &Path,
        begin: Instant,
        count: u64,
        sound: impl Fn(u64, u64) -> Vec<u8> + Send + 'static,
    ) -> Pusher {
        // As a sound card gives it, some hundredths of a second at once.
        let piece = u64::from(self.rate / 50);
        let pieces = count * 50 / u64::from(self.fps);
        Pusher::start(path, begin, pieces, move |number| {
            (Duration::from_millis(20 * number), sound(number * piece, piece))
        })
    }

    /// The numbers of the pictures in `file`, in the order in which they are shown, and what FFmpeg had to say.
    ///
    /// # Errors
    ///
    /// If FFmpeg cannot be run.
    pub fn numbers(&self, file: &Path) -> io::Result<(Vec<u64>, String)> {
        self.numbers_by(Path::new("ffmpeg"), file)
    }

    /// The same as another FFmpeg sees them.
    ///
    /// # Errors
    ///
    /// If it cannot be run.
    pub fn numbers_by(&self, ffmpeg: &Path, file: &Path) -> io::Result<(Vec<u64>, String)> {
        let size = format!("scale={}:{},format=gray", self.width, self.height);
        let file = file.display().to_string();
        let output = Command::new(ffmpeg)
            .args(["-v", "warning"])
            .args(LOOK)
            .args(["-i", &file, "-map", "0:v", "-vf", &size, "-fps_mode", "passthrough"])
            .args(["-f", "rawvideo", "-"])
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Ok((self.numbers_of(&output.stdout), said))
    }

    /// The numbers of pictures of this size in `gray`, one byte a pixel.
    #[must_use]
    pub fn numbers_of(&self, gray: &[u8]) -> Vec<u64> {
        let number = |picture: &[u8]| {
            let line = picture.chunks(self.width).nth(self.height / 2).unwrap_or_default();
            let block = self.width / BITS;
            let bits = (0..BITS)
                .filter(|bit| line.get(bit * block + block / 2).is_some_and(|&luma| luma > 0x80));
            bits.map(|bit| 1_u64 << bit).sum()
        };
        gray.chunks_exact(self.width * self.height).map(number).collect()
    }

    /// Where the sound of `file` is not the tone, in seconds from its beginning: the first and the last tenth of a second
    /// are not looked at.
    ///
    /// # Errors
    ///
    /// If FFmpeg cannot be run.
    pub fn clicks(&self, file: &Path) -> io::Result<Vec<f64>> {
        let samples: Vec<f64> = self.samples(file)?.into_iter().map(f64::from).collect();
        let edge = self.rate as usize / 10;
        let inner = samples
            .get(edge..samples.len().saturating_sub(edge))
            .unwrap_or_default();
        // Of a sine, each sample follows from the two before it.
        let twice = 2.0 * (std::f64::consts::TAU * TONE / f64::from(self.rate)).cos();
        let odd = inner
            .windows(3)
            .enumerate()
            .filter(|(_, three)| twice.mul_add(-three[1], three[0] + three[2]).abs() > LOUD / 20.0);
        let mut clicks: Vec<f64> =
            odd.map(|(at, _)| (at + edge) as f64 / f64::from(self.rate)).collect();
        clicks.dedup_by(|next, before| *next - *before < 0.02);
        Ok(clicks)
    }
}

impl Studio {
    /// The samples of one channel of the sound of `file`.
    fn samples(&self, file: &Path) -> io::Result<Vec<i16>> {
        let (rate, file) = (self.rate.to_string(), file.display().to_string());
        let output = Command::new("ffmpeg")
            .args(["-v", "error"])
            .args(LOOK)
            .args(["-i", &file, "-map", "0:a", "-ac", "1", "-ar", &rate, "-f", "s16le", "-"])
            .output()?;
        let (pairs, _rest) = output.stdout.as_chunks::<2>();
        Ok(pairs.iter().map(|&pair| i16::from_le_bytes(pair)).collect())
    }
}

impl Pusher {
    /// Writes what `piece` makes of each number below `count`, when it says, from `begin` on.
    fn start(
        path: &Path,
        begin: Instant,
        count: u64,
        piece: impl Fn(u64) -> (Duration, Vec<u8>) + Send + 'static,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, path): (_, PathBuf) = (Arc::clone(&stop), path.to_owned());
        // Ends with the last piece, when it is dropped, or when nobody reads any more.
        let thread = std::thread::spawn(move || {
            let mut fifo = OpenOptions::new().write(true).open(path)?;
            for number in 0..count {
                let (at, bytes) = piece(number);
                std::thread::sleep((begin + at).saturating_duration_since(Instant::now()));
                if stopped.load(Ordering::Relaxed) {
                    return Ok(number);
                }
                fifo.write_all(&bytes)?;
            }
            Ok(count)
        });
        Self { stop, thread: Some(thread) }
    }

    /// Waits for it to have written everything: how many pieces that were.
    ///
    /// # Errors
    ///
    /// If it cannot be written, such as because nobody reads.
    ///
    /// # Panics
    ///
    /// If the thread did.
    pub fn finish(mut self) -> io::Result<u64> {
        let thread = self.thread.take().expect("it is joined once");
        thread.join().expect("a pusher does not panic")
    }

    /// Whether it has written everything.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl Drop for Pusher {
    fn drop(&mut self) {
        // It ends with its next piece, or with the reader.
        self.stop.store(true, Ordering::Relaxed);
    }
}
