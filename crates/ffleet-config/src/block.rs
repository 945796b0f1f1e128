//! A section whose name is the operator's, such as one feed: asked for word by word.
//!
//! [`crate::reader::Reader`] knows the whole names of keys, which are the program's. Here the names
//! are the file's, one block of it may stand for many things (`for:`), and all of its texts may hold
//! what differs between them.

mod command;
pub(crate) mod template;

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::Path;

use ffleet_types::live::Command;

use self::template::Values;
use crate::nearest::nearest;
use crate::problem::{Place, Problem};
use crate::tree::{Key, Node, Position, Value as Part};
use crate::value::Value;

/// What is wrong with a value, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Trouble {
    pub(crate) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: Some(hint.into()) }
    }
}

impl From<String> for Trouble {
    fn from(message: String) -> Self {
        Self { message, hint: None }
    }
}

/// One section, and what was wrong with it.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    /// Nothing: it was declared over the API.
    file: Option<&'a Path>,
    /// Its whole name as it is written, such as `feeds.cam{n}`.
    key: String,
    at: Position,
    entries: &'a [(Key, Node)],
    /// Whether it is none: a text or a list.
    broken: bool,
    /// What its variables stand for; nothing: braces are braces.
    values: Option<Values>,
    problems: Vec<Problem>,
}

impl<'a> Block<'a> {
    /// The block that `node` is, under `key` in the section `above`.
    pub(crate) fn new(file: &'a Path, above: &str, key: &Key, node: &'a Node) -> Self {
        Self::of(Some(file), above, key, node)
    }

    /// As [`Self::new`]; without a file it was declared over the API.
    pub(crate) fn of(file: Option<&'a Path>, above: &str, key: &Key, node: &'a Node) -> Self {
        let dot = if above.is_empty() { "" } else { "." };
        Self::at(file, format!("{above}{dot}{}", key.name), key.at, node)
    }

    /// A whole file.
    pub(crate) fn root(file: &'a Path, node: &'a Node) -> Self {
        Self::at(Some(file), String::new(), node.at, node)
    }

    fn at(file: Option<&'a Path>, key: String, at: Position, node: &'a Node) -> Self {
        let (values, problems) = (None, Vec::new());
        let mut block = Self { file, key, at, entries: &[], broken: false, values, problems };
        match &node.value {
            Part::Map(entries) => block.entries = entries,
            Part::Empty => {}
            Part::Scalar(_) | Part::List(_) => {
                block.broken = true;
                let message = format!("is {}, not a section", node.value.kind());
                block.wrong("", Trouble::new(message, "write `name: {key: value}`"));
            }
        }
        block
    }

    /// The same, for one of the things that it stands for.
    pub(crate) fn with(&self, values: Option<Values>) -> Self {
        let Self { file, ref key, at, entries, broken, .. } = *self;
        Self {
            file,
            key: key.clone(),
            at,
            entries,
            broken,
            values,
            problems: Vec::new(),
        }
    }

    /// Whether it is no section at all, which is noted.
    pub(crate) const fn is_broken(&self) -> bool {
        self.broken
    }

    /// Where it begins.
    pub(crate) fn place(&self) -> Place {
        self.place_at(self.at)
    }

    fn place_at(&self, at: Position) -> Place {
        match self.file {
            Some(file) => {
                Place::File { path: file.to_path_buf(), line: at.line, column: at.column }
            }
            None => Place::Api,
        }
    }

    /// Whether it was declared over the API.
    pub(crate) const fn is_of_api(&self) -> bool {
        self.file.is_none()
    }

    /// What is wrong with it first, and what to do; nothing where all is well.
    pub(crate) fn why(&self) -> Option<String> {
        let Problem { message, hint, .. } = self.problems.first()?;
        Some(match hint {
            Some(hint) => format!("{message}: {hint}"),
            None => message.clone(),
        })
    }

    /// Where the value of `word` stands; where the block does, if it says none.
    pub(crate) fn place_of(&self, word: &str) -> Place {
        self.place_at(self.node(word).map_or(self.at, |node| node.at))
    }

    /// The whole name of `word`; that of the block, if it is empty.
    pub(crate) fn key_of(&self, word: &str) -> String {
        match word {
            "" => self.key.clone(),
            _ if self.key.is_empty() => word.to_owned(),
            _ => format!("{}.{word}", self.key),
        }
    }

    /// Whether `word` is there.
    pub(crate) fn says(&self, word: &str) -> bool {
        self.node(word).is_some()
    }

    /// The part behind `word`.
    pub(crate) fn node(&self, word: &str) -> Option<&'a Node> {
        let found = self.entries.iter().find(|(key, _)| key.name == word);
        found.map(|(_, node)| node)
    }

    /// Notes what is wrong with `word`; with the block itself, if it is empty.
    pub(crate) fn wrong(&mut self, word: &str, trouble: impl Into<Trouble>) {
        let at = self.node(word).map_or(self.at, |node| node.at);
        self.wrong_at(at, word, trouble);
    }

    /// As [`Self::wrong`], at another place.
    pub(crate) fn wrong_at(&mut self, at: Position, word: &str, trouble: impl Into<Trouble>) {
        let Trouble { message, hint } = trouble.into();
        let problem = Problem { place: self.place_at(at), key: self.key_of(word), message, hint };
        self.problems.push(problem);
    }

    /// A warning about `word`.
    pub(crate) fn warning(&self, word: &str, text: &str) -> String {
        format!("{}: {}: {text}", self.place_of(word), self.key_of(word))
    }

    /// Every word that is none of `words`: where it stands, and what to do about it.
    pub(crate) fn strange(&self, words: &[&'static str]) -> Vec<(&'a Key, String)> {
        let strange = self
            .entries
            .iter()
            .filter(|(key, _)| !words.contains(&key.name.as_str()));
        let hint = |key: &Key| match nearest(&key.name, words.iter().copied()) {
            Some(near) => format!("is `{near}` meant?"),
            None => format!("known here: {}", words.join(", ")),
        };
        strange.map(|(key, _)| (key, hint(key))).collect()
    }

    /// Notes every word that is none of `words`.
    pub(crate) fn only(&mut self, words: &[&'static str]) {
        for (key, hint) in self.strange(words) {
            self.wrong_at(key.at, &key.name, Trouble::new("there is no such key", hint));
        }
    }

    /// The one text behind `word`; nothing where it is not there, or wrong, which is noted.
    pub(crate) fn text(&mut self, word: &str) -> Option<String> {
        let node = self.node(word)?;
        self.scalar(word, node)
    }

    fn scalar(&mut self, word: &str, node: &Node) -> Option<String> {
        let Part::Scalar(text) = &node.value else {
            let message = format!("is {}, not a single value", node.value.kind());
            let hint = format!("write `{word}: VALUE`, or leave the key out");
            self.wrong_at(node.at, word, Trouble::new(message, hint));
            return None;
        };
        match self.fill(text) {
            Ok(text) => Some(text),
            Err(trouble) => {
                self.wrong_at(node.at, word, trouble);
                None
            }
        }
    }

    /// `text` with its variables filled in.
    pub(crate) fn fill(&self, text: &str) -> Result<String, Trouble> {
        match &self.values {
            Some(values) => template::fill(text, values),
            None => Ok(text.to_owned()),
        }
    }

    /// The value of `word`; nothing where it is not there, or wrong, which is noted.
    pub(crate) fn read<T: Value>(&mut self, word: &str) -> Option<T> {
        let text = self.text(word)?;
        T::parse(&text).map_err(|message| self.wrong(word, message)).ok()
    }

    /// As [`Self::read`], where it lies in `range`.
    pub(crate) fn within<T>(&mut self, word: &str, range: &RangeInclusive<T>) -> Option<T>
    where
        T: Value + PartialOrd + Display,
    {
        let value: T = self.read(word)?;
        if range.contains(&value) {
            return Some(value);
        }
        let hint = format!("choose from {} to {}", range.start(), range.end());
        self.wrong(word, Trouble::new(format!("{value} is out of range"), hint));
        None
    }

    /// The texts behind `word`, a list or one alone; nothing where it is not there.
    pub(crate) fn texts(&mut self, word: &str) -> Option<Vec<(Position, String)>> {
        let node = self.node(word)?;
        let items = match &node.value {
            Part::List(items) => items.as_slice(),
            Part::Scalar(_) | Part::Empty | Part::Map(_) => std::slice::from_ref(node),
        };
        let text = |item: &Node| Some((item.at, self.scalar(word, item)?));
        Some(items.iter().filter_map(text).collect())
    }

    /// The command behind `word`: a text that is split as a shell would, or a list of words.
    ///
    /// It is split before its variables are filled in, so that a value with a blank in it is a part
    /// of one argument, whatever it says.
    pub(crate) fn command(&mut self, word: &str) -> Option<Command> {
        let node = self.node(word)?;
        let command = match &node.value {
            Part::Scalar(text) => command::split(text).and_then(|words| {
                words.iter().map(|text| self.fill(text)).collect::<Result<Vec<_>, _>>()
            }),
            Part::List(_) => Ok(self.texts(word)?.into_iter().map(|(_, text)| text).collect()),
            Part::Empty => Ok(Vec::new()),
            Part::Map(_) => {
                let message = "is a section, not a command".to_owned();
                Err(Trouble::new(message, "write a program and its arguments"))
            }
        };
        match command.and_then(command::of) {
            Ok(command) => Some(command),
            Err(trouble) => {
                self.wrong(word, trouble);
                None
            }
        }
    }

    /// The section behind `word`, which is of the same thing; nothing where it is not there. What is wrong with it is
    /// noted by [`Self::absorb`].
    pub(crate) fn section(&self, word: &str) -> Option<Self> {
        let (key, node) = self.entries.iter().find(|(key, _)| key.name == word)?;
        let mut section = Self::at(self.file, self.key_of(word), key.at, node);
        section.values.clone_from(&self.values);
        Some(section)
    }

    /// The things of the list behind `word`, each as a section `word[0]` and so on, and what it is: a thing that is no
    /// section says nothing.
    pub(crate) fn items(&self, word: &str) -> Vec<(&'a Node, Self)> {
        let items = match self.node(word).map(|node| &node.value) {
            Some(Part::List(items)) => items.as_slice(),
            _ => &[],
        };
        let item = |(number, node): (usize, &'a Node)| {
            let entries: &[_] = if let Part::Map(entries) = &node.value {
                entries
            } else {
                &[]
            };
            let (key, values) = (format!("{}[{number}]", self.key_of(word)), self.values.clone());
            let (at, broken, problems) = (node.at, false, Vec::new());
            (node, Self { file: self.file, key, at, entries, broken, values, problems })
        };
        items.iter().enumerate().map(item).collect()
    }

    /// Notes what is wrong with a section of it.
    pub(crate) fn absorb(&mut self, section: Self) {
        self.problems.extend(section.problems);
    }

    /// Everything that was wrong.
    pub(crate) fn problems(self) -> Vec<Problem> {
        self.problems
    }
}
