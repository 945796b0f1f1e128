//! Publishing on real file systems, whole ones and full ones, and through crashes at each step.

#![expect(clippy::unwrap_used, reason = "a test that cannot prepare fails, and says where")]

mod crash;
mod deliver;
mod disk;
mod work;

use std::fs;
use std::path::{Path, PathBuf};

use ffleet_spool::{Delivery, Step};
use ffleet_types::{AttemptId, Fence, JobId, TaskId};

/// Some attempt.
fn attempt() -> AttemptId {
    let task = TaskId::whole(JobId::from_parts(1_700_000_000_000, 7));
    AttemptId { task, fence: Fence::FIRST }
}

fn delivery(target: &Path) -> Delivery {
    Delivery::new(target, attempt(), 0).unwrap()
}

fn ignore(_: Step) {}

/// A result in a work directory.
fn result(dir: &Path, content: &[u8]) -> PathBuf {
    let work = dir.join("work-file");
    ffleet_base::write_atomic(&work, content, 0o600).unwrap();
    work
}

/// The names in a directory, hidden ones too.
fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
