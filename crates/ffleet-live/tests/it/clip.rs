//! Clips as live producers send them, and what a decoder makes of them.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use ffleet_live::join::{Format, Join, Rewrite, Scanner};
use ffleet_testkit::need;

/// Eight seconds of pictures, of 25 a second.
pub(crate) const PICTURE: &str = "testsrc2=size=160x120:rate=25:duration=8";
/// Eight seconds of something to hear.
pub(crate) const SOUND: &str =
    "anoisesrc=color=pink:amplitude=0.3:seed=7:sample_rate=48000:duration=8";
/// A keyframe each second, and as few threads as may be.
pub(crate) const GOP: &str = "-g 25 -keyint_min 25 -threads 1 -pix_fmt yuv420p";

/// What a producer sent, and what was found in it.
#[derive(Debug)]
pub(crate) struct Clip {
    ffmpeg: PathBuf,
    pub(crate) bytes: Vec<u8>,
    pub(crate) joins: Vec<Join>,
    /// Every place where a viewer may be left, as they were told.
    pub(crate) wholes: Vec<u64>,
    /// Of every picture, or of every frame of sound where there is no picture, what it looks like.
    pub(crate) frames: Vec<String>,
    is_video: bool,
}

/// What a decoder made of something.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) frames: Vec<String>,
    /// What it complained of.
    pub(crate) said: String,
}

/// Whether a decoder ends at the first thing that it does not like.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Strict {
    Yes,
    No,
}

/// What FFmpeg with `args` sends of [`PICTURE`] and [`SOUND`], if it can.
pub(crate) fn clip(format: Format, args: &str) -> Option<Clip> {
    changed_clip(format, args, |bytes| bytes)
}

/// The same, as another producer would send it.
pub(crate) fn changed_clip(
    format: Format,
    args: &str,
    change: impl FnOnce(Vec<u8>) -> Vec<u8>,
) -> Option<Clip> {
    let ffmpeg = need::ffmpeg()?;
    let mut bytes = change(sent(&ffmpeg, args)?);
    let mut scanner = Scanner::new(None);
    let (mut joins, mut wholes, mut rewrites) = (Vec::new(), Vec::new(), Vec::new());
    for piece in bytes.chunks(1_000) {
        scanner.scan(piece);
        rewrites.extend(scanner.rewrites());
        assert!(wholes.last().is_none_or(|&last| last <= scanner.whole()), "it never goes back");
        wholes.push(scanner.whole());
        joins.extend(scanner.joins());
    }
    wholes.dedup();
    assert_eq!(scanner.format(), Some(format), "{args}");
    assert!(joins.is_sorted_by(|one, next| one.at < next.at), "{args}");
    assert!(!joins.is_empty(), "{args}");
    let shared =
        |pair: &[Join]| pair[0].head != pair[1].head || Arc::ptr_eq(&pair[0].head, &pair[1].head);
    assert!(joins.windows(2).all(shared), "{args}: heads");
    let is_video = args.contains("-c:v");
    for Rewrite { at, bytes: better } in rewrites {
        let at = usize::try_from(at).unwrap();
        bytes[at..at + better.len()].copy_from_slice(&better);
    }
    let mut clip = Clip { ffmpeg, bytes, joins, wholes, frames: Vec::new(), is_video };
    let decoded = clip.decoded(Strict::Yes, &[&clip.bytes]);
    assert_eq!(decoded.said, "", "{args}: the whole of it");
    clip.frames = decoded.frames;
    assert!(!clip.frames.is_empty(), "{args}");
    for chunk in [1, 13, 188, 4_096, clip.bytes.len()] {
        assert_eq!(clip.joins, clip.joins_by(chunk), "{args}: by {chunk}");
    }
    Some(clip)
}

/// The bytes alone.
pub(crate) fn bytes(args: &str) -> Option<Vec<u8>> {
    sent(&need::ffmpeg()?, args)
}

/// The same of another FFmpeg.
pub(crate) fn sent(ffmpeg: &PathBuf, args: &str) -> Option<Vec<u8>> {
    let mut command = Command::new(ffmpeg);
    command.args("-v error -nostdin".split_whitespace());
    let mut words: Vec<_> = args.split_whitespace().collect();
    let encoders = Command::new(ffmpeg)
        .args(["-v", "error", "-encoders"])
        .output()
        .unwrap();
    let encoders = String::from_utf8(encoders.stdout).unwrap();
    for pair in words.windows(2).filter(|pair| ["-c:v", "-c:a"].contains(&pair[0])) {
        let there = encoders
            .lines()
            .any(|line| line.split_whitespace().nth(1) == Some(pair[1]));
        if !need::that(&format!("FFmpeg's encoder {}", pair[1]), there) {
            return None;
        }
    }
    if words.contains(&"-c:v") {
        command.args(["-f", "lavfi", "-i", PICTURE]);
    }
    if words.contains(&"-c:a") {
        command.args(["-f", "lavfi", "-i", SOUND]);
    }
    words.push("pipe:1");
    let output = command.args(words).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args}: {said}");
    Some(output.stdout)
}

impl Clip {
    fn joins_by(&self, chunk: usize) -> Vec<Join> {
        let mut scanner = Scanner::new(None);
        let mut joins = Vec::new();
        for piece in self.bytes.chunks(chunk) {
            scanner.scan(piece);
            joins.extend(scanner.joins());
        }
        assert_eq!(Some(&scanner.whole()), self.wholes.last(), "by {chunk}");
        joins
    }

    /// What a viewer gets that begins at `join`.
    pub(crate) fn from(&self, join: &Join) -> &[u8] {
        &self.bytes[usize::try_from(join.at).unwrap()..]
    }

    /// What a decoder makes of `parts`, read one after another from a pipe.
    pub(crate) fn decoded(&self, strict: Strict, parts: &[&[u8]]) -> Decoded {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("parts");
        let mut file = File::create(&path).unwrap();
        for part in parts {
            file.write_all(part).unwrap();
        }
        let mut command = Command::new(&self.ffmpeg);
        let begin = "-v error -nostdin -threads 1 -i pipe:0";
        command.args(matches!(strict, Strict::Yes).then_some("-xerror"));
        command.args(begin.split_whitespace());
        if self.is_video {
            command.args("-map 0:v -fps_mode passthrough -f framemd5 pipe:1".split_whitespace());
            command.args("-map 0:a? -map 0:v -f null -".split_whitespace());
        } else {
            command.args("-map 0:a -f framemd5 pipe:1".split_whitespace());
        }
        let output = command.stdin(Stdio::from(File::open(&path).unwrap())).output().unwrap();
        let frames = String::from_utf8(output.stdout).unwrap();
        let frames = frames.lines().filter(|line| !line.starts_with('#'));
        let frames = frames.map(|line| line.rsplit(',').next().unwrap().trim().to_owned());
        let mut said = String::from_utf8_lossy(&output.stderr).into_owned();
        if !output.status.success() {
            said.push_str("it failed");
        }
        Decoded { frames: frames.collect(), said }
    }

    /// Whoever begins at any of these join points sees the rest of the pictures, the first of
    /// them at a place that is a multiple of `every`, and the decoder complains of nothing.
    pub(crate) fn newcomers_see_the_rest(&self, every: usize) {
        for join in &self.joins {
            let decoded = self.decoded(Strict::Yes, &[&join.head, self.from(join)]);
            assert_eq!(decoded.said, "", "at {}", join.at);
            assert!(self.frames.ends_with(&decoded.frames), "at {}", join.at);
            let first = self.frames.len() - decoded.frames.len();
            assert!(first.is_multiple_of(every), "at {}: picture {first}", join.at);
            assert!(!decoded.frames.is_empty());
        }
        let decoded = self.decoded(Strict::Yes, &[&self.joins[0].head, self.from(&self.joins[0])]);
        assert_eq!(decoded.frames.len(), self.frames.len(), "the first is at the beginning");
        if self.is_video {
            assert_eq!(self.joins.len(), self.frames.len() / every);
        }
    }

    /// Who listens from any of these join points (the first, some in the middle, the last) hears
    /// the rest, but for `lost` frames at most that the decoder needs to begin.
    pub(crate) fn newcomers_hear_the_rest(&self, lost: usize) {
        let joins = self.joins.iter().step_by((self.joins.len() / 6).max(1));
        for join in joins.chain(self.joins.last()) {
            let decoded = self.decoded(Strict::Yes, &[&join.head, self.from(join)]);
            assert_eq!(decoded.said, "", "at {}", join.at);
            let rest = decoded.frames.get(lost..).unwrap_or_default();
            assert!(self.frames.ends_with(rest), "at {}", join.at);
        }
    }

    /// A viewer that was left between the second and the third join point goes on at the fifth.
    pub(crate) fn skipped(&self, strict: Strict) -> Decoded {
        let join = &self.joins[4];
        self.decoded(strict, &[&self.joins[0].head, self.left(), &join.bridge, self.from(join)])
    }

    /// The same at the fifth join point of `other`, another run of the producer.
    pub(crate) fn reopened(&self, strict: Strict, other: &Self) -> Decoded {
        let join = &other.joins[4];
        let head = &self.joins[0].head;
        self.decoded(strict, &[head, self.left(), &join.reopen, other.from(join)])
    }

    /// What a viewer got from the first join point that was left between the second and third.
    fn left(&self) -> &[u8] {
        let middle = u64::midpoint(self.joins[1].at, self.joins[2].at);
        let whole = self.wholes.iter().rev().find(|&&whole| whole <= middle).unwrap();
        let from = usize::try_from(self.joins[0].at).unwrap();
        &self.bytes[from..usize::try_from(*whole).unwrap()]
    }

    /// What a viewer sees that is moved on is all there is from the fifth second on, behind what
    /// it saw before; it complains of nothing.
    pub(crate) fn moved_on_without_a_word(&self, every: usize) {
        let rest = &self.frames[4 * every..];
        for decoded in [self.skipped(Strict::Yes), self.reopened(Strict::Yes, self)] {
            assert_eq!(decoded.said, "");
            let before = decoded.frames.strip_suffix(rest).unwrap();
            assert!(self.frames.starts_with(before) && before.len() >= every);
        }
    }
}
