//! `feeds`, `streams`, `gateway`: what can be watched, and how it is handed out.
//!
//! A block of the file may stand for many things (`for:`), so that fifty cameras are one block; each
//! of them is checked as if it had been written out, and what is wrong with several of them in the
//! same way is said once.

mod each;
mod encode;
pub(crate) mod feed;
mod gateway;
mod inputs;
pub(crate) mod links;
mod outputs;
pub(crate) mod path;
pub(crate) mod program;
pub(crate) mod stream;
mod written;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ffleet_types::live::{Feed, Name, Stream};

pub use self::gateway::Gateway;
pub use self::written::{Declaration, Merged, Written, declaration};
use crate::block::{Block, Trouble};
use crate::problem::{Place, Problem};
use crate::reader::Reader;
use crate::tree::{Key, Node};

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
    /// What `reader` has, and how it is written.
    pub(super) fn read(reader: &mut Reader<'_>) -> (Self, Written) {
        let gateway = Gateway::read(reader);
        let written = Written::read(reader, gateway.access);
        let (feeds, streams, problems) = written.settle(reader);
        reader.problems(problems);
        (Self { feeds, streams, gateway }, written)
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
    /// Why, of each block that is wrong as it is written.
    pub(crate) wrong: BTreeMap<usize, String>,
}

/// Where blocks are from.
#[derive(Clone, Copy)]
struct Blocks<'a> {
    /// Nothing: they were declared over the API.
    file: Option<&'a Path>,
    entries: &'a [(Key, Node)],
}

impl<'a, T> Section<'a, T> {
    /// The blocks of `all`, one after another.
    fn read(
        all: &[Blocks<'a>],
        section: &'static str,
        words: &[&'static str],
        read: impl Fn(&Name, &mut Block<'a>) -> Option<T>,
    ) -> Self {
        let (problems, wrong) = (Vec::new(), BTreeMap::new());
        let mut made = Self { all: Vec::new(), whole: true, problems, wrong };
        let entries = all
            .iter()
            .flat_map(|from| from.entries.iter().map(|entry| (from.file, entry)));
        for (of, (file, (key, node))) in entries.enumerate() {
            let mut written = Block::of(file, section, key, node);
            written.only(words);
            made.block((of, &key.name), written, section, &read);
        }
        made
    }

    /// Adds what a block stands for: which of its section it is, and its name.
    fn block(
        &mut self,
        (of, name): (usize, &str),
        mut written: Block<'a>,
        section: &str,
        read: &impl Fn(&Name, &mut Block<'a>) -> Option<T>,
    ) {
        let before = self.all.len();
        if written.is_of_api() && written.says("for") {
            let message = "stands for several, and what is declared over the API is one";
            written.wrong("for", Trouble::new(message, "declare each of them"));
        }
        match each::read(&mut written) {
            Some(each) if before + each.count() > MOST => {
                let message = format!("there are more than {MOST} {section} with this one");
                let hint = match written.is_of_api() {
                    true => "remove some of them",
                    false => "name fewer in its `for`",
                };
                written.wrong("", Trouble::new(message, hint));
            }
            Some(each) => {
                let one = |values| declare(written.with(values), name, of, read);
                self.all.extend(each.values().map(one));
            }
            None => {}
        }
        self.whole &=
            self.all.len() > before && self.all[before..].iter().all(|one| one.name.is_some());
        if let Some(why) = written.why() {
            self.wrong.insert(of, why);
        }
        self.problems.extend(written.problems());
    }

    /// Why, of each block that is wrong.
    fn wrong(&self) -> BTreeMap<usize, String> {
        let of_each = self.all.iter().filter_map(|one| Some((one.of, one.block.why()?)));
        of_each.chain(self.wrong.clone()).collect()
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
