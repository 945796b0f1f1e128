//! Every preset on real media, by the worker's own path: probed, planned, encoded, verified,
//! published, and then looked at from outside.
//!
//! `facts` asks ffprobe what a file is and shares no code with the engine, so that it cannot make
//! the engine's mistakes. `promise` reads from a preset's name what its result must be.
//! `differences` lists everything in which a result is not what its input was. A difference that
//! was not asked for must be said in the job's notes; nothing may be lost in silence.

use std::path::{Path, PathBuf};

use ffleet_media::preset;
use ffleet_testkit::media::Clip;
use ffleet_types::Outcome;
use serde_json::json;

use crate::fixture::{Bench, job, shared};

mod differences;
mod facts;
mod inputs;
mod names;
mod promise;
mod reach;
mod table;
mod tails;

use facts::Facts;

/// What came of a preset.
#[derive(Debug)]
struct Made {
    outcome: Outcome,
    notes: Vec<String>,
    path: PathBuf,
}

/// The file of a clip.
fn clip(clip: Clip) -> PathBuf {
    let dir = shared().join("clips");
    std::fs::create_dir_all(&dir).unwrap();
    clip.file(&dir)
}

/// Makes `name` of `input`; `ending` is the result's, nothing lets the preset choose.
async fn make(bench: &Bench, input: &Path, name: &str, ending: &str) -> Made {
    let recipe = preset::builtin(name).unwrap_or_else(|| panic!("{name} is a preset"));
    let make = json!({"recipe": {"preset": name, "recipe": recipe}});
    let path = bench.out(&format!("{name}{ending}"));
    let finished = bench.finish(job(input, &[(&path, make)])).await;
    Made { outcome: finished.outcome, notes: finished.notes, path }
}

impl Made {
    /// What it is, if it is.
    fn facts(&self) -> Facts {
        assert_eq!(self.outcome, Outcome::Completed, "{}: {:?}", self.path.display(), self.notes);
        Facts::of(&self.path)
    }

    /// Removes it, so that results do not pile up.
    fn remove(self) {
        if self.outcome == Outcome::Completed {
            std::fs::remove_file(self.path).unwrap();
        }
    }
}
