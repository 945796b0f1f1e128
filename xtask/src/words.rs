//! Words that the tree does without: unfinished work, this machine's paths, names that say
//! nothing, calls that belong to one crate, and links and proofs that lead nowhere.

use std::path::Path;

use crate::tree::Tree;
use crate::{Finding, links, names, proofs};

/// Marks of unfinished work. Put together here, so that this file passes its own check.
const UNFINISHED: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("HA", "CK"),
];
/// Macros that are a promise instead of code.
const PROMISES: &[&str] = &[concat!("todo", "!("), concat!("unimplemented", "!(")];

/// What Rust code says only in some crates, and what to do elsewhere. Clippy bans what it can
/// see (clippy.toml); these it cannot.
const CONFINED: &[(&str, &[&str], &str)] = &[
    (
        concat!("tokio::", "process"),
        &["ffleet-guard"],
        "processes are started by ffleet-guard alone, so that each is limited and reaped",
    ),
    (
        concat!("unsafe", "_code"),
        &["ffleet-guard"],
        "unsafe code is ffleet-guard's alone",
    ),
    (
        concat!("jiff::Timestamp::", "now"),
        &["ffleet-base"],
        "ask the Clock that was passed in",
    ),
    (concat!("Zoned::", "now"), &["ffleet-base"], "ask the Clock that was passed in"),
];

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let machine = machine_paths(&tree.root);
    let mut findings = Vec::new();
    for file in &tree.files {
        for (number, line) in (1..).zip(file.text.lines()) {
            for text in wrong(line, &machine) {
                findings.push(Finding::at(&file.path, number, text));
            }
            if file.is_rust() && !is_test(&file.path) {
                let texts = confined(line, file.crate_name());
                findings.extend(texts.map(|text| Finding::at(&file.path, number, text)));
            }
        }
        if file.is_rust() {
            findings.extend(names::check(file));
        }
        if Path::new(&file.path).extension().is_some_and(|ending| ending == "md") {
            findings.extend(links::check(tree, file));
            findings.extend(proofs::check(tree, file));
        }
    }
    findings
}

/// Paths that are true on this machine alone: the workspace's own, and its parent's unless that
/// is a directory that every system has.
fn machine_paths(root: &Path) -> Vec<String> {
    const EVERYWHERE: &[&str] =
        &["/", "/tmp", "/root", "/home", "/opt", "/srv", "/usr/src", "/mnt"];
    [Some(root), root.parent()]
        .into_iter()
        .flatten()
        .filter_map(Path::to_str)
        .filter(|path| !EVERYWHERE.contains(path))
        .map(|path| format!("{path}/"))
        .collect()
}

fn wrong(line: &str, machine: &[String]) -> Vec<String> {
    let mut texts = Vec::new();
    if let Some(word) = UNFINISHED.iter().find(|word| has_word(line, word)) {
        texts.push(format!("{word}: finish it, or say in ARCHITECTURE.md what is not there"));
    }
    if let Some(promise) = PROMISES.iter().find(|promise| line.contains(*promise)) {
        texts.push(format!("{promise}…) is a promise; write the code"));
    }
    if let Some(path) = machine.iter().find(|path| has_path(line, path)) {
        texts.push(format!("{path} is a path of this machine; a clone lies elsewhere"));
    }
    texts
}

/// Whether a file holds tests alone: they start browsers and servers of their own.
fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("/tests.rs")
}

fn confined(line: &str, crate_name: Option<&str>) -> impl Iterator<Item = String> {
    CONFINED
        .iter()
        .filter(move |(word, crates, _)| {
            line.contains(word) && !crate_name.is_some_and(|name| crates.contains(&name))
        })
        .map(|(word, crates, why)| format!("{word} is for {} alone: {why}", crates.join(" and ")))
}

/// Whether `word` stands in `line` by itself.
fn has_word(line: &str, word: &str) -> bool {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        !line[..at].ends_with(part_of_word) && !line[at + word.len()..].starts_with(part_of_word)
    })
}

/// Whether `path` stands in `line`, and not as the end of a longer one.
fn has_path(line: &str, path: &str) -> bool {
    let longer = |c: char| c.is_alphanumeric() || "._-}>)…*".contains(c);
    line.match_indices(path).any(|(at, _)| !line[..at].ends_with(longer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfinished_work_is_found() {
        for word in UNFINISHED {
            assert_eq!(wrong(&format!("// {word}: later"), &[]).len(), 1, "{word}");
            assert_eq!(wrong(&format!("mktemp /tmp/a.{word}{word}"), &[]).len(), 0, "{word}");
        }
        assert_eq!(wrong(&format!("{}\"x\")", PROMISES[0]), &[]).len(), 1);
    }

    #[test]
    fn paths_of_this_machine_are_found() {
        let machine = machine_paths(Path::new("/build/place/ffleet"));
        assert_eq!(machine, ["/build/place/ffleet/", "/build/place/"]);
        assert_eq!(wrong("see /build/place/notes.md", &machine).len(), 1);
        assert_eq!(wrong("see /tmp/notes.md", &machine).len(), 0);
        assert_eq!(wrong("see DIR/build/place/a and {root}/build/place/a", &machine).len(), 0);
        assert_eq!(machine_paths(Path::new("/tmp/ffleet")), ["/tmp/ffleet/"]);
    }

    #[test]
    fn processes_are_started_by_the_guard_alone() {
        let line = format!("use {}::Command;", CONFINED[0].0);
        assert_eq!(confined(&line, Some("ffleet-guard")).count(), 0);
        let texts: Vec<_> = confined(&line, Some("ffleet-worker")).collect();
        assert!(texts[0].contains("ffleet-guard"), "{texts:?}");
        assert!(is_test("crates/a/src/b/tests.rs") && is_test("crates/a/tests/it/main.rs"));
        assert!(!is_test("crates/a/src/latests.rs"));
    }
}
