//! Feeds and streams as they were written: those of the file, and those that were declared over the API.
//!
//! What the API declares is read by the same code as the file, together with it, so that each can name the
//! other's feeds and none takes the other's place. Where the two do not go together the file counts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use ffleet_base::paths::Env;
use ffleet_types::live::stream::Access;
use ffleet_types::live::{Feed, Name, Sort, Stream};
use serde_json::{Map, Value as Json};

use super::{Blocks, Section, feed, links, program, stream};
use crate::file;
use crate::problem::{Place, Problem, Problems};
use crate::reader::Reader;
use crate::tree::{self, Key, Node, Position, Value as Part};

/// What a file says of feeds and streams, before it is checked.
#[derive(Clone, Debug, Default)]
pub struct Written {
    file: PathBuf,
    feeds: Vec<(Key, Node)>,
    streams: Vec<(Key, Node)>,
    /// Who may watch streams, and push to feeds, that do not say.
    usual: Access,
    env: Env,
}

/// A feed or a stream that was declared over the API, before it is checked.
#[derive(Clone, Debug)]
pub struct Declaration {
    sort: Sort,
    name: Name,
    entry: (Key, Node),
}

/// What a file and the API declare together.
#[derive(Clone, Debug, Default)]
pub struct Merged {
    /// The feeds.
    pub feeds: BTreeMap<Name, Feed>,
    /// The streams.
    pub streams: BTreeMap<Name, Stream>,
    /// What the API declares and cannot be, as things are, with why.
    pub left_out: BTreeMap<(Sort, Name), String>,
    /// What is odd but no error.
    pub warnings: Vec<String>,
}

impl Declaration {
    /// What `says` says of `name`, with the keys of the file.
    #[must_use]
    pub fn new(sort: Sort, name: Name, says: &Map<String, Json>) -> Self {
        let key = Key { at: Position::default(), name: name.to_string() };
        let entry = (key, Node { at: Position::default(), value: section(says) });
        Self { sort, name, entry }
    }

    /// Which of the two it declares.
    #[must_use]
    pub const fn sort(&self) -> Sort {
        self.sort
    }

    /// What it is called.
    #[must_use]
    pub const fn name(&self) -> &Name {
        &self.name
    }
}

/// What is read of feeds and streams.
struct Sections<'a> {
    feeds: Section<'a, Feed>,
    streams: Section<'a, Stream>,
}

impl Written {
    pub(super) fn read(reader: &mut Reader<'_>, usual: Access) -> Self {
        Self {
            usual,
            feeds: reader.entries("feeds").to_vec(),
            streams: reader.entries("streams").to_vec(),
            file: reader.file().to_path_buf(),
            env: reader.env().clone(),
        }
    }

    /// What the file says alone, and what is wrong with it.
    pub(super) fn settle(
        &self,
        reader: &mut Reader<'_>,
    ) -> (BTreeMap<Name, Feed>, BTreeMap<Name, Stream>, Vec<Problem>) {
        let Sections { feeds, streams } = self.sections(&[], &[]);
        reader.warn(program::missing(&feeds, &streams, &self.env));
        let (feeds, mut problems) = feeds.settle();
        let (streams, more) = streams.settle();
        problems.extend(more);
        (feeds, streams, problems)
    }

    fn sections<'a>(
        &'a self,
        feeds: &'a [(Key, Node)],
        streams: &'a [(Key, Node)],
    ) -> Sections<'a> {
        let file = Some(self.file.as_path());
        let both = |ours: &'a [(Key, Node)], theirs| {
            [Blocks { file, entries: ours }, Blocks { file: None, entries: theirs }]
        };
        let (feeds, streams) = (both(&self.feeds, feeds), both(&self.streams, streams));
        let mut feeds = Section::read(&feeds, "feeds", &feed::WORDS, |name, block| {
            feed::read(name, block, self.usual)
        });
        let mut streams = Section::read(&streams, "streams", &stream::WORDS, |name, block| {
            stream::read(name, block, self.usual)
        });
        links::check(&mut feeds, &mut streams);
        links::paths(&mut streams);
        Sections { feeds, streams }
    }

    /// The file and all of `declared` together.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, at once.
    pub fn with(&self, declared: &[Declaration]) -> Result<Merged, Problems> {
        let (of_feeds, of_streams) =
            (entries(declared, Sort::Feed), entries(declared, Sort::Stream));
        let Sections { feeds, streams } = self.sections(&of_feeds, &of_streams);
        let warnings = program::missing(&feeds, &streams, &self.env);
        let (feeds, mut problems) = feeds.settle();
        let (streams, more) = streams.settle();
        problems.extend(more);
        match Problems::new(problems) {
            None => Ok(Merged { feeds, streams, left_out: BTreeMap::new(), warnings }),
            Some(problems) => Err(problems),
        }
    }

    /// The file, and of `declared` what can be beside it; of two that cannot both be, the first.
    #[must_use]
    pub fn merge(&self, mut declared: Vec<Declaration>) -> Merged {
        let mut left_out = BTreeMap::new();
        loop {
            match self.with(&declared) {
                Ok(merged) => return Merged { left_out, ..merged },
                // A file that is wrong by itself has been refused before.
                Err(_) if declared.is_empty() => return Merged { left_out, ..Merged::default() },
                Err(_) => {}
            }
            let wrong = self.wrong(&declared);
            if wrong.is_empty() {
                let why = "it cannot be beside what the file declares".to_owned();
                left_out.extend(declared.drain(..).map(|one| ((one.sort, one.name), why.clone())));
            }
            declared.retain(|one| !wrong.contains_key(&(one.sort, one.name.clone())));
            left_out.extend(wrong);
        }
    }

    /// Those of `declared` that are wrong, with why.
    fn wrong(&self, declared: &[Declaration]) -> BTreeMap<(Sort, Name), String> {
        let (of_feeds, of_streams) =
            (entries(declared, Sort::Feed), entries(declared, Sort::Stream));
        let Sections { feeds, streams } = self.sections(&of_feeds, &of_streams);
        let ours = [self.feeds.len(), self.streams.len()];
        let sorts = [Sort::Feed, Sort::Stream]
            .into_iter()
            .zip([feeds.wrong(), streams.wrong()]);
        let mut found = BTreeMap::new();
        for ((sort, wrong), ours) in sorts.zip(ours) {
            let names: Vec<&Name> = declared
                .iter()
                .filter(|one| one.sort == sort)
                .map(|one| &one.name)
                .collect();
            for (of, why) in wrong {
                if let Some(name) = of.checked_sub(ours).and_then(|at| names.get(at)) {
                    found.insert((sort, (*name).clone()), why);
                }
            }
        }
        found
    }

    /// The names of the feeds that the file declares, and those of its streams.
    #[must_use]
    pub fn names(&self) -> BTreeSet<(Sort, Name)> {
        let Sections { feeds, streams } = self.sections(&[], &[]);
        let feeds = feeds.names().into_iter().map(|name| (Sort::Feed, name));
        feeds
            .chain(streams.names().into_iter().map(|name| (Sort::Stream, name)))
            .collect()
    }
}

fn entries(declared: &[Declaration], sort: Sort) -> Vec<(Key, Node)> {
    let of_sort = declared.iter().filter(|one| one.sort == sort);
    of_sort.map(|one| one.entry.clone()).collect()
}

fn section(says: &Map<String, Json>) -> Part {
    let entry = |(name, value): (&String, &Json)| {
        let key = Key { at: Position::default(), name: name.clone() };
        (key, node(value))
    };
    Part::Map(says.iter().map(entry).collect())
}

fn node(value: &Json) -> Node {
    let value = match value {
        Json::Null => Part::Empty,
        Json::Bool(_) | Json::Number(_) => Part::Scalar(value.to_string()),
        Json::String(text) => Part::Scalar(text.clone()),
        Json::Array(items) => Part::List(items.iter().map(node).collect()),
        Json::Object(inner) => section(inner),
    };
    Node { at: Position::default(), value }
}

/// What a YAML text says of one feed or stream, to be sent to the API: its keys, all texts as they were
/// written. `from` is where the text comes from.
///
/// # Errors
///
/// If it is no YAML, or no section.
pub fn declaration(text: &str, from: &Path) -> Result<Map<String, Json>, Problems> {
    let wrong = |at: Position, message: String, hint: &str| {
        let place = Place::File { path: from.to_path_buf(), line: at.line, column: at.column };
        let hint = Some(hint.to_owned());
        Problems::one(Problem { place, key: String::new(), message, hint })
    };
    let (node, fault) = tree::parse(text);
    if let Some(fault) = fault {
        let hint = if node.is_some() {
            "keep one of the two"
        } else {
            file::YAML
        };
        return Err(wrong(fault.at, fault.message, hint));
    }
    match node.map(|node| (node.at, json(&node.value))) {
        Some((_, Json::Object(says))) => Ok(says),
        Some((at, _)) => {
            let message = "holds no keys of a feed or a stream".to_owned();
            Err(wrong(at, message, "write `key: value`, without the name above it"))
        }
        None => Err(wrong(Position::default(), "holds nothing".to_owned(), file::YAML)),
    }
}

fn json(part: &Part) -> Json {
    match part {
        Part::Empty => Json::Null,
        Part::Scalar(text) => Json::String(text.clone()),
        Part::List(items) => Json::Array(items.iter().map(|item| json(&item.value)).collect()),
        Part::Map(entries) => {
            let entry = |(key, node): &(Key, Node)| (key.name.clone(), json(&node.value));
            Json::Object(entries.iter().map(entry).collect())
        }
    }
}
