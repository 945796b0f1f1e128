//! Marks that are pushed at one instant in picture and sound, and how far apart a viewer gets them.
//!
//! The sound of [`Studio::push_marked`] is quiet in one second and loud in the next, by the numbers of the pictures that go
//! with it: with the picture whose number is an odd number of seconds it becomes loud. What a viewer has recorded is decoded,
//! and each of its pictures and samples has the time that the stream says.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use super::{LOOK, LOUD, Pusher, Studio};

/// How loud it is where it is quiet.
const QUIET: f64 = LOUD / 4.0;
/// What is louder than this is loud, and what is not louder than that is silence.
const IS_LOUD: u16 = 5_000;
const IS_QUIET: u16 = 1_000;
/// Pieces in which it is listened to, a second: each is more than two turns of the tone.
const PIECES: usize = 200;
/// For how many of them it has to be quiet before a mark and loud behind it: a quarter of a second.
const CLEAR: usize = 50;

/// What a viewer got, by the times of the stream in seconds.
#[derive(Clone, Debug)]
pub struct Marks {
    /// When each picture is shown, and its number.
    pub pictures: Vec<(f64, u64)>,
    /// Where the sound becomes loud.
    pub sounds: Vec<f64>,
    fps: u64,
}

impl Studio {
    /// Writes `count` pictures and as much sound, with marks, in time from `begin` on, the first with the number `first`.
    #[must_use]
    pub fn push_marked(
        self,
        (video, audio): (&Path, &Path),
        begin: Instant,
        first: u64,
        count: u64,
    ) -> (Pusher, Pusher) {
        (
            self.push_pictures(video, begin, first, count),
            self.push_marked_sound(audio, begin, first, count),
        )
    }

    /// The sound of it alone.
    #[must_use]
    pub fn push_marked_sound(self, path: &Path, begin: Instant, first: u64, count: u64) -> Pusher {
        let start = first * u64::from(self.rate) / u64::from(self.fps);
        self.push_pieces(path, begin, count, move |at, piece| self.marked_sound(start + at, piece))
    }

    /// So many samples of two channels, as `s16le`, from the one on that goes with picture `first * fps / rate`.
    #[must_use]
    pub fn marked_sound(&self, first: u64, count: u64) -> Vec<u8> {
        let rate = u64::from(self.rate);
        self.tone(first, count, |at| if at / rate % 2 == 1 { LOUD } else { QUIET })
    }

    /// What is in `file`.
    ///
    /// # Errors
    ///
    /// If FFmpeg cannot be run, or its programs do not agree on what is in the file.
    pub fn marks(&self, file: &Path) -> io::Result<Marks> {
        let (numbers, _) = self.numbers(file)?;
        let frames = frames(file, "v:0", "")?;
        if frames.len() != numbers.len() {
            let what = format!("{} pictures, and times of {}", numbers.len(), frames.len());
            return Err(io::Error::other(what));
        }
        let pictures = frames.into_iter().map(|(at, _)| at).zip(numbers).collect();
        Ok(Marks { pictures, sounds: self.sounds(file)?, fps: self.fps.into() })
    }

    /// Where the sound becomes loud.
    fn sounds(&self, file: &Path) -> io::Result<Vec<f64>> {
        let frames = frames(file, "a:0", ",nb_samples")?;
        let samples = self.samples(file)?;
        let all: usize = frames.iter().map(|&(_, samples)| samples).sum();
        if all != samples.len() {
            let what = format!("{} samples, and times of {all}", samples.len());
            return Err(io::Error::other(what));
        }
        let long = self.rate as usize / PIECES;
        let pieces: Vec<u16> = samples
            .chunks_exact(long)
            .map(|piece| piece.iter().map(|one| one.unsigned_abs()).max().unwrap_or(0))
            .collect();
        let is_mark = |at: &usize| {
            let (before, after) = pieces[at - CLEAR..at + CLEAR].split_at(CLEAR);
            before.iter().all(|loud| (IS_QUIET..IS_LOUD).contains(loud))
                && after.iter().all(|&loud| loud >= IS_LOUD)
        };
        let time = |sample: usize| {
            let mut passed = 0;
            let (first, at) = frames.iter().find_map(|&(at, count)| {
                passed += count;
                (sample < passed).then_some((passed - count, at))
            })?;
            Some(at + (sample - first) as f64 / f64::from(self.rate))
        };
        let marks = (CLEAR..pieces.len().saturating_sub(CLEAR)).filter(is_mark);
        Ok(marks.filter_map(|at| time(at * long)).collect())
    }
}

impl Marks {
    /// By how many seconds the sound is late at each mark of these numbers whose picture was shown with the one before it,
    /// and whose sound was heard.
    #[must_use]
    pub fn late(&self, numbers: Range<u64>) -> Vec<f64> {
        let pairs = self.pictures.iter().zip(self.pictures.iter().skip(1));
        let marked = pairs.filter(|&(&(_, before), &(_, number))| {
            number == before + 1 && number % (2 * self.fps) == self.fps && numbers.contains(&number)
        });
        let nearest = |at: f64| {
            let late = self.sounds.iter().map(|sound| sound - at);
            late.min_by(|one, other| one.abs().total_cmp(&other.abs()))
        };
        // Those of others are two seconds away.
        marked
            .filter_map(|(_, &(at, _))| nearest(at))
            .filter(|late| late.abs() < 1.0)
            .collect()
    }
}

/// When each frame of a track is shown, in seconds, and what else was asked for.
fn frames(file: &Path, track: &str, more: &str) -> io::Result<Vec<(f64, usize)>> {
    let entries = format!("frame=best_effort_timestamp_time{more}");
    let output = Command::new("ffprobe")
        .args(["-v", "error"])
        .args(LOOK)
        .args(["-select_streams", track, "-show_entries", &entries, "-of", "csv=p=0"])
        .arg(file)
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let frames = text.lines().filter(|line| !line.trim().is_empty());
    frames
        .map(|line| {
            let mut fields = line.split(',');
            let at = fields.next().and_then(|field| field.parse().ok());
            let count = fields.next().and_then(|field| field.parse().ok()).unwrap_or(0);
            Ok((at.ok_or_else(|| io::Error::other(format!("no time: {line}")))?, count))
        })
        .collect()
}
