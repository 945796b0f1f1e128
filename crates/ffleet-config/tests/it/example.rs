//! `ffleet.example.yaml` against the code.

use crate::{config, defaults, load};

const EXAMPLE: &str = include_str!("../../../../ffleet.example.yaml");

/// The example with the `#` of every key removed. Lines for people begin with `# ` and a word.
fn uncommented() -> String {
    let prose = |line: &str| {
        let rest = line.strip_prefix("# ");
        line == "#" || rest.is_some_and(|rest| !rest.starts_with(' '))
    };
    EXAMPLE
        .lines()
        .filter(|line| !prose(line))
        .map(|line| line.strip_prefix('#').unwrap_or(line))
        .map(|line| format!("{line}\n"))
        .collect()
}

#[test]
fn example_says_the_defaults() {
    assert_eq!(config(&uncommented()), defaults());
}

#[test]
fn example_as_it_is_changes_nothing() {
    assert_eq!(config(EXAMPLE), defaults());
}

/// Where a key is missing from the example, a file that has it would be the only place to learn
/// of it: each key of the code is asked for by a variable here, and must be in the example.
#[test]
fn example_has_every_key() {
    let known = ffleet_config::keys();
    let text = uncommented();
    let mut shown = Vec::new();
    let mut section = String::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').expect("a key");
        match name.strip_prefix("  ") {
            Some(inner) => shown.push(format!("{section}.{inner}")),
            None if value.trim().is_empty() => name.clone_into(&mut section),
            None => shown.push(name.to_owned()),
        }
    }
    shown.sort();
    assert_eq!(shown, known);
}

#[test]
fn every_key_of_the_example_is_explained() {
    let mut above = "";
    for line in EXAMPLE.lines() {
        let key = line.starts_with('#') && line.contains(": ") && !line.starts_with("# ")
            || line.starts_with("#  ");
        let explained = above.starts_with('#') || line.starts_with("#  ");
        assert!(!key || explained, "nothing is said about {line:?}");
        above = line;
    }
}

#[test]
fn example_is_not_read_as_empty_by_mistake() {
    let changed = uncommented().replace("jobs: 1000000", "jobs: 1000");
    assert_eq!(config(&changed).retain.jobs, 1_000);
    let broken = uncommented().replace("nice: 10", "nice: 99");
    load(&broken).1.unwrap_err();
}
