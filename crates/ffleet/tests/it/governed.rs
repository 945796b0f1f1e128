//! Processes that are not ours, within limits: `ffleet run` and `ffleet attach` on real kernels.
//!
//! With cgroups of version 1 or both, as far as this machine has them; `v2` tries the same again on a
//! kernel that has the one tree alone, and `plain` as a user who may make no cgroups at all.

mod attach;
mod deaths;
mod plain;
mod run;
mod terminal;
mod v2;
mod workload;

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::fixture::{Printed, Room};

/// Where groups are made, below whatever this runs in.
const PARENT: &str = "ffleet-governed-";

/// Whether this user may bound others by cgroups.
fn bounds() -> bool {
    rustix::process::geteuid().is_root()
}

/// A nice that this user may give to everybody, whatever theirs is.
fn nicer() -> &'static str {
    if bounds() { "7" } else { "19" }
}

/// The report that `--json` says, which is the last line.
#[track_caller]
fn report(printed: &Printed) -> Value {
    let line = printed.err.lines().last().unwrap_or_default();
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {printed:?}"))
}

/// How far a limit held, as a report says.
fn held<'a>(report: &'a Value, limit: &str) -> &'a str {
    let outcomes = report["outcomes"].as_array().unwrap();
    let found = outcomes.iter().find(|outcome| outcome["limit"] == limit);
    found
        .and_then(|outcome| outcome["held"].as_str())
        .unwrap_or("not asked")
}

/// The files of groups.
fn states(room: &Room) -> Vec<PathBuf> {
    let entries = fs::read_dir(room.path("run/ffleet/governed"));
    let paths = entries.into_iter().flatten().map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|kind| kind == "json"))
        .collect()
}

/// The one group of a room.
#[track_caller]
fn state(room: &Room) -> Value {
    let states = states(room);
    assert_eq!(states.len(), 1, "{states:?}");
    serde_json::from_slice(&fs::read(&states[0]).unwrap()).unwrap()
}

/// Whether the process is in a group of the name, by each hierarchy that has one.
fn is_in(pid: i32, name: &str) -> bool {
    cgroups(pid)
        .lines()
        .any(|line| line.contains(PARENT) && line.contains(&format!("/{name}.")))
}

fn cgroups(pid: i32) -> String {
    fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default()
}
