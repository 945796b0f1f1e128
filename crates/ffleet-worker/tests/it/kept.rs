//! Results of the long forms, kept in files, so that a long form can be run in parts.
//!
//! With `FFLEET_RESULTS=DIR` a long form appends each result to `DIR/NAME.jsonl`, a line each, and
//! does not run again what is there and was fine. So one that was interrupted goes on where it was, what failed is
//! run again, and the verdict is over the results of all parts. A result counts for the very command that
//! it was found of, by the same FFmpeg: where a plan has changed since, the command is run again.
//!
//! `FFLEET_ONLY=TEXT` takes only the commands in whose description the text is; the verdict is over these.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The results of one long form, the last one of each command.
#[derive(Debug)]
pub(crate) struct Kept<R> {
    file: Option<PathBuf>,
    results: BTreeMap<String, R>,
}

/// A line of the file.
#[derive(Serialize, Deserialize)]
struct Line<R> {
    /// The FFmpeg, where it runs, and its arguments.
    command: String,
    result: R,
}

impl<R: Serialize + DeserializeOwned + Clone> Kept<R> {
    /// The results of this long form; none, and none will be kept, where nobody says where.
    pub(crate) fn of(name: &str) -> Self {
        let dir = std::env::var_os("FFLEET_RESULTS").map(PathBuf::from);
        dir.map_or_else(Self::nowhere, |dir| {
            fs::create_dir_all(&dir).unwrap();
            Self::open(&dir.join(format!("{name}.jsonl")))
        })
    }

    /// Nothing is kept.
    pub(crate) const fn nowhere() -> Self {
        Self { file: None, results: BTreeMap::new() }
    }

    fn open(file: &Path) -> Self {
        let text = fs::read_to_string(file).unwrap_or_default();
        // One that was killed as it wrote leaves a torn line, which counts for nothing.
        let lines = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Line<R>>(line).ok());
        let results = lines.map(|line| (line.command, line.result)).collect();
        if !text.is_empty() && !text.ends_with('\n') {
            append(file, "\n");
        }
        Self { file: Some(file.to_owned()), results }
    }

    /// What was found of this command the last time.
    pub(crate) fn find(&self, command: &str) -> Option<R> {
        self.results.get(command).cloned()
    }

    /// Keeps what was found of this command.
    pub(crate) fn add(&mut self, command: String, result: R) {
        if let Some(file) = &self.file {
            let line = Line { command, result };
            append(file, &format!("{}\n", serde_json::to_string(&line).unwrap()));
            self.results.insert(line.command, line.result);
        }
    }
}

/// Whether this run is to have the command that is described so.
pub(crate) fn is_asked_for(what: &str) -> bool {
    std::env::var_os("FFLEET_ONLY")
        .is_none_or(|text| what.contains(text.to_str().expect("FFLEET_ONLY is a text")))
}

fn append(file: &Path, text: &str) {
    let mut open = OpenOptions::new().append(true).create(true).open(file).unwrap();
    open.write_all(text.as_bytes()).unwrap();
}

#[test]
fn results_are_there_for_the_next_part_of_a_run() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("some.jsonl");
    let mut first = Kept::open(&file);
    first.add("one".to_owned(), 1);
    first.add("two\n\"".to_owned(), 2);
    first.add("one".to_owned(), 3);
    let next = Kept::<i32>::open(&file);
    assert_eq!(next.find("one"), Some(3), "the last one counts");
    assert_eq!(next.find("two\n\""), Some(2));
    assert_eq!(next.find("three"), None);
}

#[test]
fn torn_result_is_none_and_the_next_has_a_line_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("some.jsonl");
    let mut whole = Kept::open(&file);
    whole.add("one".to_owned(), 1);
    whole.add("two".to_owned(), 2);
    let text = fs::read_to_string(&file).unwrap();
    let second = text.find('\n').unwrap() + 1;
    for cut in second..text.len() - 1 {
        fs::remove_file(&file).unwrap();
        append(&file, &text[..cut]);
        let mut torn = Kept::<i32>::open(&file);
        assert_eq!((torn.find("one"), torn.find("two")), (Some(1), None), "cut at {cut}");
        torn.add("three".to_owned(), 3);
        let next = Kept::<i32>::open(&file);
        let found = ["one", "two", "three"].map(|command| next.find(command));
        assert_eq!(found, [Some(1), None, Some(3)], "cut at {cut}");
    }
}
