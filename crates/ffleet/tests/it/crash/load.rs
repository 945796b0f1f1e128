//! Small jobs of every kind, and what must come of each.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::fixture::{Room, clip};

/// The clip that is copied and looked at: seconds, and frames of each.
const SECONDS: u32 = 2;
const FPS: u32 = 25;

/// Numbers that look random and follow from a seed (SplitMix64).
#[derive(Clone, Debug)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    /// A number below `end`.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// Where results go: beside the data directory, and on another file system.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) room: Arc<Room>,
    near: PathBuf,
    far: tempfile::TempDir,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A test picture, encoded.
    Encode,
    /// A file, copied.
    Copy,
    /// A picture of a file.
    Thumbnail,
    /// A copy and a picture, to two file systems.
    Pair,
    /// A copy in the place of another file.
    Replace,
    /// A test picture, encoded, to another file system.
    Far,
    /// A copy to another file system.
    FarCopy,
}

/// A job that somebody wants.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    pub(super) index: usize,
    pub(super) kind: Kind,
}

/// What a result must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// Of so many frames.
    Film(u32),
    Picture,
}

impl Places {
    pub(super) fn new(room: Arc<Room>) -> Self {
        let (near, far) = (room.path("out"), tempfile::Builder::new());
        fs::create_dir(&near).unwrap();
        clip(&room.path("clip.mp4"), SECONDS);
        let far = { far }.prefix("ffleet-crash-").tempdir_in("/dev/shm").unwrap();
        Self { room, near, far }
    }

    pub(super) fn dirs(&self) -> [&Path; 2] {
        [&self.near, self.far.path()]
    }
}

impl Order {
    /// Orders of every kind in a chance mixture.
    pub(super) fn many(dice: &mut Dice, count: usize) -> Vec<Self> {
        let kinds = [
            Kind::Encode,
            Kind::Copy,
            Kind::Thumbnail,
            Kind::Pair,
            Kind::Replace,
            Kind::Far,
            Kind::FarCopy,
        ];
        let mut kind = || kinds[usize::try_from(dice.below(kinds.len() as u64)).unwrap()];
        (0..count).map(|index| Self { index, kind: kind() }).collect()
    }

    /// The files that it makes.
    pub(super) fn targets(self, places: &Places) -> Vec<PathBuf> {
        let (near, far) = (&places.near, places.far.path());
        let at = |dir: &Path, ending: &str| dir.join(format!("{}.{ending}", self.index));
        match self.kind {
            Kind::Encode => vec![at(near, "mp4")],
            Kind::Copy | Kind::Replace => vec![at(near, "mkv")],
            Kind::Thumbnail => vec![at(near, "jpg")],
            Kind::Pair => vec![at(near, "mkv"), at(far, "jpg")],
            Kind::Far => vec![at(far, "mp4")],
            Kind::FarCopy => vec![at(far, "mkv")],
        }
    }

    /// Puts there what is to be replaced.
    pub(super) fn prepare(self, places: &Places) {
        if self.kind == Kind::Replace {
            fs::write(&self.targets(places)[0], "an older file").unwrap();
        }
    }

    /// The request.
    pub(super) fn body(self, places: &Places) -> Value {
        let quick = json!(["-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac"]);
        let outputs: Vec<_> = self
            .targets(places)
            .iter()
            .map(|target| match target.extension().and_then(|ending| ending.to_str()) {
                Some("mkv") => json!({"target": target, "preset": "copy"}),
                Some("jpg") => json!({"target": target, "preset": "thumbnail"}),
                _ => json!({"target": target, "raw": quick}),
            })
            .collect();
        let mut body = json!({
            "outputs": outputs,
            "overwrite": self.kind == Kind::Replace,
            // Nothing but the crashes may make it fail.
            "retries": 0,
            "labels": {"order": self.index.to_string()},
        });
        let made = matches!(self.kind, Kind::Encode | Kind::Far);
        body["input"] = match made {
            true => json!("test:240p25"),
            false => json!(places.room.text("clip.mp4")),
        };
        if made {
            body["duration"] = json!("1s");
        }
        body
    }

    /// Decodes every result to its end.
    pub(super) fn check(self, places: &Places) {
        for target in self.targets(places) {
            let ending = target.extension().and_then(|ending| ending.to_str());
            let expected = match ending {
                Some("jpg") => Shape::Picture,
                Some("mkv") => Shape::Film(SECONDS * FPS),
                _ => Shape::Film(FPS),
            };
            assert_eq!(decoded(&target), expected, "{self:?}: {}", target.display());
        }
    }
}

/// What a file holds, decoded to its end without a complaint.
fn decoded(path: &Path) -> Shape {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-count_frames", "-of", "json"])
        .args(["-show_entries", "stream=codec_type,codec_name,nb_read_frames"])
        .arg(path)
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && complaint.is_empty(),
        "{}: {complaint}",
        path.display()
    );
    let page: Value = serde_json::from_slice(&output.stdout).unwrap();
    let video = &page["streams"][0];
    assert_eq!(video["codec_type"], "video", "{}: {page}", path.display());
    match video["codec_name"].as_str() {
        Some("mjpeg") => Shape::Picture,
        _ => Shape::Film(video["nb_read_frames"].as_str().unwrap().parse().unwrap()),
    }
}
