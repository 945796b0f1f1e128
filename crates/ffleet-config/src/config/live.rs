//! `feeds`, `streams`, `gateway`: what can be watched, and how it is handed out.
//!
//! A block of the file may stand for many things (`for:`), so that fifty cameras are one block; each
//! of them is checked as if it had been written out, and what is wrong with several of them in the
//! same way is said once.

mod each;
pub(crate) mod feed;
mod gateway;
pub(crate) mod links;
pub(crate) mod path;
pub(crate) mod program;
pub(crate) mod stream;

use std::collections::{BTreeMap, BTreeSet};

use ffleet_types::live::{Feed, Name, Stream};

pub use self::gateway::Gateway;
use crate::block::{Block, Trouble};
use crate::problem::{Place, Problem};
use crate::reader::Reader;

/// The most feeds there may be, and the most streams.
pub const MOST: usize = 10_000;
/// What a feed can say.
pub const FEED: &[&str] = &feed::WORDS;
/// What a stream can say.
pub const STREAM: &[&str] = &stream::WORDS;

/// What can be watched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Live {
    /// `feeds`, at most [`MOST`]. Each that names another names one of these, and none is in a cycle.
    pub feeds: BTreeMap<Name, Feed>,
    /// `streams`, at most [`MOST`]. Each that names a feed names one of these; no two answer at one
    /// path, and none at a page of the server's own.
    pub streams: BTreeMap<Name, Stream>,
    /// `gateway`: how it is handed out.
    pub gateway: Gateway,
}

impl Live {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let gateway = Gateway::read(reader);
        let usual = gateway.access;
        let mut feeds = Section::read(reader, "feeds", feed::WORDS, |name, block| {
            feed::read(name, block, usual)
        });
        let mut streams = Section::read(reader, "streams", stream::WORDS, |name, block| {
            stream::read(name, block, usual)
        });
        links::check(&mut feeds, &mut streams);
        links::paths(&mut streams);
        reader.warn(program::missing(&feeds, &streams, reader.env()));
        let (feeds, problems) = feeds.settle();
        reader.problems(problems);
        let (streams, problems) = streams.settle();
        reader.problems(problems);
        Self { feeds, streams, gateway }
    }
}

/// One thing that was declared: what is known of it.
pub(crate) struct Declared<'a, T> {
    /// Nothing where it has no name that can be one.
    pub(crate) name: Option<Name>,
    /// Nothing where it lacks what it cannot be without.
    pub(crate) item: Option<T>,
    pub(crate) block: Block<'a>,
    /// Which block of its section it is of.
    pub(crate) of: usize,
}

/// All of a section, in the order of the file.
pub(crate) struct Section<'a, T> {
    pub(crate) all: Vec<Declared<'a, T>>,
    /// Whether every name is known; else what is missing may just not have been understood.
    pub(crate) whole: bool,
    /// What is wrong with blocks as they are written.
    pub(crate) problems: Vec<Problem>,
}

impl<'a, T> Section<'a, T> {
    fn read<const N: usize>(
        reader: &mut Reader<'a>,
        section: &'static str,
        words: [&'static str; N],
        read: impl Fn(&Name, &mut Block<'a>) -> Option<T>,
    ) -> Self {
        let (entries, file) = (reader.entries(section), reader.file());
        let mut all: Vec<Declared<'_, T>> = Vec::new();
        let (mut whole, mut problems) = (true, Vec::new());
        for (of, (key, node)) in entries.iter().enumerate() {
            let mut written = Block::new(file, section, key, node);
            written.only(&words);
            let before = all.len();
            match each::read(&mut written) {
                Some(each) if before + each.count() > MOST => {
                    let message = format!("there are more than {MOST} {section} with this one");
                    written.wrong("", Trouble::new(message, "name fewer in its `for`"));
                }
                Some(each) => {
                    let one = |values| declare(written.with(values), &key.name, of, &read);
                    all.extend(each.values().map(one));
                }
                None => {}
            }
            whole &= all.len() > before && all[before..].iter().all(|one| one.name.is_some());
            problems.extend(written.problems());
        }
        Self { all, whole, problems }
    }

    /// The names that there are.
    pub(crate) fn names(&self) -> BTreeSet<Name> {
        self.all.iter().filter_map(|one| one.name.clone()).collect()
    }

    /// What was declared by name, and all that is wrong.
    pub(crate) fn settle(self) -> (BTreeMap<Name, T>, Vec<Problem>) {
        let mut items = BTreeMap::new();
        let mut problems = Problems::default();
        for Declared { name, item, block, of } in self.all {
            problems.take(of, block.problems());
            if let (Some(name), Some(item)) = (name, item) {
                items.entry(name).or_insert(item);
            }
        }
        let mut all = self.problems;
        all.extend(problems.said());
        (items, all)
    }
}

/// One of the things that a block stands for.
pub(crate) fn declare<'a, T>(
    mut block: Block<'a>,
    written: &str,
    of: usize,
    read: impl Fn(&Name, &mut Block<'a>) -> Option<T>,
) -> Declared<'a, T> {
    let name = block.fill(written).and_then(|name| {
        name.parse()
            .map_err(|error: ffleet_types::ParseError| Trouble::from(error.to_string()))
    });
    match name {
        Ok(name) => {
            let item = if block.is_broken() {
                None
            } else {
                read(&name, &mut block)
            };
            Declared { name: Some(name), item, block, of }
        }
        Err(trouble) => {
            block.wrong("", trouble);
            Declared { name: None, item: None, block, of }
        }
    }
}

/// What is wrong with each of those that blocks stand for: what is wrong in the same place with
/// several of one block is said of the first, with how many more there are.
#[derive(Default)]
struct Problems {
    all: Vec<(Problem, usize)>,
    of: usize,
    /// Where those of the present block are in `all`, by place and key.
    known: BTreeMap<(u64, u64, String), usize>,
}

impl Problems {
    fn take(&mut self, of: usize, problems: Vec<Problem>) {
        if self.of != of {
            self.known.clear();
            self.of = of;
        }
        let mut fresh = Vec::new();
        for problem in problems {
            let Place::File { line, column, .. } = problem.place else {
                self.all.push((problem, 0));
                continue;
            };
            let like = (line, column, problem.key.clone());
            match self.known.get(&like) {
                Some(&first) if self.all[first].0.message == problem.message => {}
                Some(&first) => self.all[first].1 += 1,
                None => {
                    fresh.push((like, self.all.len()));
                    self.all.push((problem, 0));
                }
            }
        }
        // Not before: two different things may be wrong with one of them in one place.
        self.known.extend(fresh);
    }

    fn said(self) -> impl Iterator<Item = Problem> {
        self.all.into_iter().map(|(mut problem, more)| {
            if more > 0 {
                problem.message = format!("{} (and so on, {more} more)", problem.message);
            }
            problem
        })
    }
}
