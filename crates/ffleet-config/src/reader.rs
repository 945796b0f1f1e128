//! Asks for keys by name, across flags, variables and file.

mod many;

use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::{Component, Path, PathBuf};

use ffleet_base::paths::Env;

pub(crate) use self::many::Section;
use crate::nearest::nearest;
use crate::problem::{Place, Problem};
use crate::tree::{Node, Position, Value as Part};
use crate::value::Value;
use crate::{Flag, Inputs};

/// What a key says when its value is to be found out.
pub(crate) const AUTO: &str = "auto";

/// What was found for a key.
enum Found<'a> {
    Text(Place, String),
    Node(Place, &'a Node),
}

/// Answers for keys, and remembers which were asked for and what was wrong.
pub(crate) struct Reader<'a> {
    env: &'a Env,
    flags: &'a [Flag],
    /// What relative paths in flags and variables start from.
    directory: &'a Path,
    file: Option<&'a Path>,
    tree: Option<&'a Node>,
    asked: BTreeSet<&'static str>,
    problems: Vec<Problem>,
    warnings: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(
        inputs: &'a Inputs,
        file: Option<&'a Path>,
        tree: Option<&'a Node>,
        problems: Vec<Problem>,
    ) -> Self {
        let (env, flags, directory) = (&inputs.env, inputs.flags.as_slice(), &inputs.directory);
        let (asked, warnings) = (BTreeSet::new(), Vec::new());
        Self { env, flags, directory, file, tree, asked, problems, warnings }
    }

    /// The value of `key`, or its default.
    pub(crate) fn value<T: Value>(&mut self, key: &'static str, default: T) -> T {
        self.said(key, false).map_or(default, |(_, value)| value)
    }

    /// The value of `key`; nothing where it says `auto`, as it does by default.
    pub(crate) fn auto<T: Value>(&mut self, key: &'static str) -> Option<T> {
        self.said(key, true).map(|(_, value)| value)
    }

    /// The value of `key` where it lies in `range`, or its default.
    pub(crate) fn within<T>(&mut self, key: &'static str, default: T, range: RangeInclusive<T>) -> T
    where
        T: Value + PartialOrd + Display,
    {
        match self.said(key, false) {
            Some((place, value)) => self.bounded(key, place, value, &range).unwrap_or(default),
            None => default,
        }
    }

    /// As [`Self::within`], where `auto` is the default.
    pub(crate) fn auto_within<T>(
        &mut self,
        key: &'static str,
        range: RangeInclusive<T>,
    ) -> Option<T>
    where
        T: Value + PartialOrd + Display,
    {
        let (place, value) = self.said(key, true)?;
        self.bounded(key, place, value, &range)
    }

    fn bounded<T: PartialOrd + Display>(
        &mut self,
        key: &str,
        place: Place,
        value: T,
        range: &RangeInclusive<T>,
    ) -> Option<T> {
        if range.contains(&value) {
            return Some(value);
        }
        let hint = format!("choose from {} to {}", range.start(), range.end());
        self.problem(place, key, format!("{value} is out of range"), Some(hint));
        None
    }

    /// An absolute path; nothing where `key` says `auto`. A relative one starts from the file's
    /// own directory, or from the current one in flags and variables.
    pub(crate) fn path(&mut self, key: &'static str) -> Option<PathBuf> {
        let (place, text) = self.said::<String>(key, true)?;
        self.absolute(key, place, &text)
    }

    /// Absolute paths.
    pub(crate) fn paths(&mut self, key: &'static str, default: &[&str]) -> Vec<PathBuf> {
        match self.list(key) {
            Some(texts) => texts
                .into_iter()
                .filter_map(|(place, text)| self.absolute(key, place, &text))
                .collect(),
            None => default.iter().map(PathBuf::from).collect(),
        }
    }

    fn absolute(&mut self, key: &str, place: Place, text: &str) -> Option<PathBuf> {
        if text.starts_with('~') {
            let hint = "only a shell knows `~`: write the whole path".to_owned();
            self.problem(place, key, format!("{text:?} is not a path"), Some(hint));
            return None;
        }
        let base = match (&place, self.file.and_then(Path::parent)) {
            (Place::File { .. }, Some(directory)) => self.directory.join(directory),
            _ => self.directory.to_path_buf(),
        };
        let mut path = PathBuf::new();
        for part in base.join(text).components() {
            match part {
                Component::CurDir => {}
                Component::ParentDir => {
                    path.pop();
                }
                Component::RootDir | Component::Prefix(_) | Component::Normal(_) => path.push(part),
            }
        }
        Some(path)
    }

    /// Notes that something is wrong.
    pub(crate) fn problem(
        &mut self,
        place: Place,
        key: &str,
        message: String,
        hint: Option<String>,
    ) {
        self.problems
            .push(Problem { place, key: key.to_owned(), message, hint });
    }

    /// Notes everything in `problems`.
    pub(crate) fn problems(&mut self, problems: Vec<Problem>) {
        self.problems.extend(problems);
    }

    /// Notes what is odd but no error.
    pub(crate) fn warn(&mut self, warnings: Vec<String>) {
        self.warnings.extend(warnings);
    }

    /// The file that is read; an empty path where there is none.
    pub(crate) fn file(&self) -> &'a Path {
        self.file.unwrap_or_else(|| Path::new(""))
    }

    /// The environment.
    pub(crate) fn env(&self) -> &'a Env {
        self.env
    }

    /// Where `key` is said; the defaults, where it is not.
    pub(crate) fn whence(&mut self, key: &'static str) -> Place {
        match self.find(key) {
            Some(Found::Text(place, _) | Found::Node(place, _)) => place,
            None => Place::Default,
        }
    }

    /// Notes the keys that nobody asked for as problems, and answers with all warnings, among them
    /// the variables that look like misspelt keys. Those are no errors: other programs may own the
    /// name.
    pub(crate) fn finish(&mut self) -> Vec<String> {
        if let Some(tree) = self.tree {
            self.unknown("", tree);
        }
        let names: Vec<String> = self.asked.iter().map(|key| variable(key)).collect();
        let known = |name: &str| names.iter().any(|known| known == name);
        let mut warnings = std::mem::take(&mut self.warnings);
        for name in self.env.names() {
            let Some(name) = name.to_str().filter(|n| n.starts_with(PREFIX) && !known(n)) else {
                continue;
            };
            if CLIENT.contains(&name) {
                continue;
            }
            let keys = names.iter().map(|known| &known[PREFIX.len()..]);
            let spelt: Vec<String> =
                keys.map(|key| key.to_ascii_lowercase().replace('_', "-")).collect();
            if let Some(meant) = nearest(&name[PREFIX.len()..], spelt.iter().map(String::as_str)) {
                let meant = variable(meant);
                warnings.push(format!("{name} is not a variable of ffleet: is {meant} meant?"));
            }
        }
        warnings
    }

    /// Every key that was asked for, in alphabetical order.
    pub(crate) fn into_keys(self) -> Vec<&'static str> {
        self.asked.into_iter().collect()
    }

    /// Everything that was wrong.
    pub(crate) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    fn unknown(&mut self, above: &str, node: &Node) {
        let entries = match &node.value {
            Part::Map(entries) => entries,
            Part::Empty => return,
            Part::Scalar(_) | Part::List(_) => {
                let message = format!("is {}, not a section", node.value.kind());
                let hint = "put its keys below it, indented by two spaces".to_owned();
                self.problem(self.place(node.at), above, message, Some(hint));
                return;
            }
        };
        for (key, inner) in entries {
            let path = if above.is_empty() {
                key.name.clone()
            } else {
                format!("{above}.{}", key.name)
            };
            let below = format!("{path}.");
            if self.asked.contains(path.as_str()) {
                continue;
            }
            if self.asked.iter().any(|asked| asked.starts_with(&below)) {
                self.unknown(&path, inner);
                continue;
            }
            let hint = self.meant(&path);
            let message = "there is no such key".to_owned();
            self.problem(self.place(key.at), &path, message, Some(hint));
        }
    }

    /// What to do about an unknown key: the nearest in its section, the same name in another, or
    /// what there is.
    fn meant(&self, path: &str) -> String {
        let (above, name) = path.rsplit_once('.').unwrap_or(("", path));
        let prefix = if above.is_empty() {
            String::new()
        } else {
            format!("{above}.")
        };
        let siblings: BTreeSet<&str> = self
            .asked
            .iter()
            .filter_map(|key| key.strip_prefix(&prefix)?.split('.').next())
            .collect();
        if let Some(near) = nearest(name, siblings.iter().copied()) {
            return format!("is `{prefix}{near}` meant?");
        }
        let elsewhere = self.asked.iter().find(|key| key.rsplit('.').next() == Some(name));
        if let Some(key) = elsewhere {
            return format!("is `{key}` meant?");
        }
        format!("known here: {}", siblings.into_iter().collect::<Vec<_>>().join(", "))
    }

    /// What is said for a key of one value, and where; nothing where it is not there, or says
    /// `auto` and may, or is wrong, which is noted.
    fn said<T: Value>(&mut self, key: &'static str, may_be_auto: bool) -> Option<(Place, T)> {
        let (place, text) = match self.find(key)? {
            Found::Text(place, text) => (place, text),
            Found::Node(place, Node { value: Part::Scalar(text), .. }) => (place, text.clone()),
            Found::Node(place, node) => {
                let message = format!("is {}, not a single value", node.value.kind());
                let hint = format!("write `{}: VALUE`, or leave the key out", last(key));
                self.problem(place, key, message, Some(hint));
                return None;
            }
        };
        if may_be_auto && text == AUTO {
            return None;
        }
        match T::parse(&text) {
            Ok(value) => Some((place, value)),
            Err(message) => {
                let hint = may_be_auto.then(|| "or write `auto`".to_owned());
                self.problem(place, key, message, hint);
                None
            }
        }
    }

    fn find(&mut self, key: &'static str) -> Option<Found<'a>> {
        self.asked.insert(key);
        if let Some(flag) = self.flags.iter().rev().find(|flag| flag.key == key) {
            let place = Place::Flag { flag: flag.flag.clone() };
            return Some(Found::Text(place, flag.text.clone()));
        }
        let name = variable(key);
        if let Some(text) = self.env.var(&name) {
            let place = Place::Environment { variable: name };
            return Some(Found::Text(place, text.to_string_lossy().into_owned()));
        }
        let node = key.split('.').try_fold(self.tree?, |node, name| match &node.value {
            Part::Map(entries) => {
                entries.iter().find(|(key, _)| key.name == name).map(|(_, inner)| inner)
            }
            Part::Empty | Part::Scalar(_) | Part::List(_) => None,
        })?;
        Some(Found::Node(self.place(node.at), node))
    }

    fn place(&self, at: Position) -> Place {
        let path = self.file.map(Path::to_path_buf).unwrap_or_default();
        Place::File { path, line: at.line, column: at.column }
    }
}

/// What the variables of keys begin with.
const PREFIX: &str = "FFLEET_";
/// Variables that are read by the command line, not here.
const CLIENT: [&str; 5] = [
    "FFLEET_CONFIG",
    "FFLEET_SERVER",
    "FFLEET_KEY",
    "FFLEET_KEY_FILE",
    "FFLEET_STRICT",
];

/// The variable that stands for `key`.
fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.to_ascii_uppercase().replace(['.', '-'], "_"))
}

fn last(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}
