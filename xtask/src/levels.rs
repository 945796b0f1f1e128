//! Levels: which crate may use which, and which crate may use what from outside.
//!
//! The table below is the one of ARCHITECTURE.md. A crate uses lower levels, and of its own
//! level only what its row names. Levels 0 and 1 decide and do nothing else, so from outside they
//! take what [`OUTSIDE_OF_PURE`] lists and carry the clippy.toml that bans clocks and I/O.
//! Dev-dependencies are free from outside; inside they obey the levels as well.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::Finding;
use crate::tree;

/// A row of the table.
#[derive(Debug)]
struct Room {
    name: &'static str,
    level: u8,
    /// Crates of the same level that it may use.
    beside: &'static [&'static str],
}

const fn room(name: &'static str, level: u8) -> Room {
    Room { name, level, beside: &[] }
}

/// The level of what only tests and builds use: it may use every other, and none may use it.
const DEV: u8 = 9;

/// Every crate there is or is planned to be.
const ROOMS: &[Room] = &[
    room("ffleet-types", 0),
    Room { name: "ffleet-media", level: 0, beside: &["ffleet-types"] },
    Room {
        name: "ffleet-engine",
        level: 0,
        beside: &["ffleet-types", "ffleet-media"],
    },
    room("ffleet-sched", 1),
    room("ffleet-supervise", 1),
    Room { name: "ffleet-live", level: 1, beside: &["ffleet-supervise"] },
    room("ffleet-base", 2),
    room("ffleet-guard", 3),
    room("ffleet-store", 3),
    room("ffleet-spool", 3),
    room("ffleet-api", 3),
    room("ffleet-config", 3),
    room("ffleet-telemetry", 3),
    Room { name: "ffleet-trust", level: 3, beside: &["ffleet-api"] },
    room("ffleet-controller", 4),
    room("ffleet-worker", 4),
    room("ffleet-gateway", 4),
    room("ffleet-sim", 4),
    room("ffleet", 5),
    room("ffleet-testkit", DEV),
    room("ffleet-model", DEV),
    room("xtask", DEV),
];

/// What levels 0 and 1 may use from outside, with these features at most.
const OUTSIDE_OF_PURE: &[(&str, &[&str])] = &[("serde", &["derive", "rc", "std", "alloc"])];

/// What is kept to some crates, and why.
const CONFINED: &[(&str, &[&str], &str)] = &[
    ("rusqlite", &["ffleet-store"], "the only SQL is in the store"),
    ("libc", &["ffleet-guard"], "the only unsafe code is in the guard"),
    ("procfs", &["ffleet-guard"], "processes are watched by the guard"),
    (
        "utoipa",
        &["ffleet-api", "ffleet-controller"],
        "the API is described where it is spoken",
    ),
    ("maud", &["ffleet-controller"], "pages are the dashboard's"),
    ("axum", &["ffleet-controller", "ffleet-gateway"], "routes are a role's"),
    ("clap", &["ffleet"], "the command line is the program's"),
    ("clap_complete", &["ffleet"], "the command line is the program's"),
    ("indicatif", &["ffleet"], "the terminal is the program's"),
    ("tracing-subscriber", &["ffleet-telemetry"], "logs are set up in one place"),
    ("proptest", &[], "it is for tests: a dev-dependency"),
    ("insta", &[], "it is for tests: a dev-dependency"),
];

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    manifest_path: String,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    /// `dev`, `build`, or nothing.
    kind: Option<String>,
    /// Where it lies, if it is not from a registry.
    path: Option<String>,
    features: Vec<String>,
}

impl Dependency {
    fn is_dev(&self) -> bool {
        self.kind.as_deref() == Some("dev")
    }
}

/// Holds the workspace against the table.
///
/// # Errors
///
/// A sentence, if cargo cannot be asked or a manifest cannot be read.
pub(crate) fn check() -> Result<Vec<Finding>, String> {
    let packages = ask_cargo()?.packages;
    let mut findings: Vec<Finding> = packages.iter().flat_map(dependencies).collect();
    let mut reference: Option<(String, String)> = None;
    let pure = |package: &Package| level(&package.name).is_some_and(|level| level <= 1);
    for package in &packages {
        findings.extend(lints(package)?);
        if pure(package) {
            let path = Path::new(&package.manifest_path).with_file_name("clippy.toml");
            let text = fs::read_to_string(&path).map_err(|error| {
                format!("cannot read {}, which keeps a pure crate pure: {error}", path.display())
            })?;
            match &reference {
                None => reference = Some((package.name.clone(), text)),
                Some((_, first)) if *first == text => {}
                Some((name, _)) => findings.push(Finding::new(
                    format!("crates/{}/clippy.toml", package.name),
                    format!("differs from crates/{name}/clippy.toml; make them the same"),
                )),
            }
        }
    }
    Ok(findings)
}

fn level(name: &str) -> Option<u8> {
    ROOMS.iter().find(|room| room.name == name).map(|room| room.level)
}

fn ask_cargo() -> Result<Metadata, String> {
    #[expect(clippy::disallowed_methods, reason = "a check, not a server: it starts cargo alone")]
    let answer = std::process::Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .current_dir(tree::root())
        .output()
        .map_err(|error| format!("cannot run cargo metadata: {error}"))?;
    if !answer.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&answer.stderr)));
    }
    serde_json::from_slice(&answer.stdout)
        .map_err(|error| format!("cargo metadata answered something else: {error}"))
}

/// Every crate takes the workspace's lints; cargo metadata does not say so.
fn lints(package: &Package) -> Result<Option<Finding>, String> {
    let text = fs::read_to_string(&package.manifest_path)
        .map_err(|error| format!("cannot read {}: {error}", package.manifest_path))?;
    Ok((!text.contains("[lints]\nworkspace = true")).then(|| {
        Finding::new(
            manifest(package),
            "does not take the workspace's lints; add [lints] with workspace = true",
        )
    }))
}

fn manifest(package: &Package) -> String {
    match package.name.as_str() {
        "xtask" => "xtask/Cargo.toml".to_owned(),
        name => format!("crates/{name}/Cargo.toml"),
    }
}

/// What is wrong with what `package` depends on.
fn dependencies(package: &Package) -> Vec<Finding> {
    let Some(room) = ROOMS.iter().find(|room| room.name == package.name) else {
        let text = "this crate has no level; give it a row in xtask/src/levels.rs and in the table \
                    of ARCHITECTURE.md";
        return vec![Finding::new(manifest(package), text)];
    };
    // Once per dependency, however many kinds and targets it is named for.
    let mut texts = BTreeMap::new();
    for dependency in &package.dependencies {
        let wrong = if dependency.path.is_some() {
            inside(room, dependency)
        } else {
            outside(room, dependency)
        };
        if let Some(text) = wrong {
            texts.insert(&dependency.name, text);
        }
    }
    texts
        .into_values()
        .map(|text| Finding::new(manifest(package), text))
        .collect()
}

fn inside(room: &Room, dependency: &Dependency) -> Option<String> {
    let name = dependency.name.as_str();
    let Some(other) = level(name) else {
        return Some(format!("depends on {name}, which has no level in xtask/src/levels.rs"));
    };
    let own = room.level;
    if other == DEV {
        return (!dependency.is_dev() && own != DEV)
            .then(|| format!("depends on {name}, which is for tests: a dev-dependency at most"));
    }
    if other < own || room.beside.contains(&name) {
        return None;
    }
    Some(if other == own {
        format!(
            "depends on {name}, which is on the same level {own}; what both need belongs below \
             them, and what joins them above"
        )
    } else {
        format!("depends on {name}: level {own} must not know of level {other}; turn it around")
    })
}

fn outside(room: &Room, dependency: &Dependency) -> Option<String> {
    if dependency.is_dev() {
        return None;
    }
    let name = dependency.name.as_str();
    if room.level <= 1 {
        let Some((_, features)) = OUTSIDE_OF_PURE.iter().find(|(allowed, _)| *allowed == name)
        else {
            return Some(format!(
                "depends on {name}: levels 0 and 1 decide and do nothing else, and from outside \
                 use serde alone; do this in a crate of level 2 or above"
            ));
        };
        let strange = dependency
            .features
            .iter()
            .find(|feature| !features.contains(&feature.as_str()));
        return strange.map(|feature| {
            format!(
                "uses the feature '{feature}' of {name}, which is not on the list for pure crates"
            )
        });
    }
    let (_, crates, why) = CONFINED.iter().find(|(confined, ..)| *confined == name)?;
    if crates.contains(&room.name) {
        return None;
    }
    let only = match crates {
        [] => "no crate".to_owned(),
        crates => crates.join(" and "),
    };
    Some(format!("depends on {name}, which {only} may: {why}"))
}

#[cfg(test)]
mod tests;
