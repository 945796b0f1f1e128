//! Configuration files of voyandz 0.3.1, which run unchanged.
//!
//! What voyandz accepts and runs is accepted, and means what it means there, except where this page
//! or that of a field says otherwise. What it accepts and fails at later, when somebody watches (a feed
//! that is not there, an unfinished quote, an unknown `type`), is a problem here and now. Keys that it
//! does not know it ignores; here they are warned of.

mod feeds;
mod streams;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use ffleet_types::live::Name;

use crate::block::{Block, Trouble};
use crate::config::live::{Gateway, Live, Section, declare, links, program};
use crate::problem::{Place, Problem, Problems};
use crate::tree::{Node, Value as Part};
use crate::{file, tree};

/// What such a file can say at its top.
const WORDS: [&str; 6] = ["listenaddr", "listenport", "logdir", "pages", "feeds", "streams"];
/// Those that no other configuration has.
const MARKS: [&str; 4] = ["listenaddr", "listenport", "logdir", "pages"];
/// What `pages` can say.
const PAGES: [&str; 3] = ["home", "stat", "config"];

/// A configuration of voyandz.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voyandz {
    /// `listenaddr`, `listenport`: any address, 127.0.0.1:8090 by default. Whether one that others can
    /// reach may be listened on is for those to decide who listen.
    pub listen: SocketAddr,
    /// `logdir`: a directory, for what commands say on their standard error; nothing: it is not kept.
    /// A relative one starts from the current directory.
    pub logdir: Option<PathBuf>,
    /// `pages`.
    pub pages: Pages,
    /// `feeds`, `streams`.
    pub live: Live,
    /// What is odd but no error.
    pub warnings: Vec<String>,
}

/// Which pages are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each page is there or is not")]
pub struct Pages {
    /// `pages.home`: the list of streams at `/`. Where it is not, 403.
    pub home: bool,
    /// `pages.stat`: numbers at `/stat`. Where it is not, 403.
    pub stat: bool,
    /// `pages.config`: the configuration as JSON at `/config`. Where it is not, 403.
    pub config: bool,
}

impl Default for Pages {
    fn default() -> Self {
        Self { home: true, stat: true, config: false }
    }
}

/// Reads a file of voyandz. An empty one is all defaults.
///
/// # Errors
///
/// Everything that is wrong, at once.
pub fn load(path: &Path) -> Result<Voyandz, Problems> {
    let mut problems = Vec::new();
    let mut warnings = Vec::new();
    let node = read(path, &mut problems, &mut warnings);
    let mut root = Block::root(path, &node);
    strange(&root, &WORDS, &mut warnings);
    let listen = listen(&mut root);
    let logdir = logdir(&mut root);
    let pages = pages(path, &root, &mut problems, &mut warnings);
    let mut feeds = section(path, &mut root, "feeds", feeds::read);
    let mut streams = section(path, &mut root, "streams", streams::read);
    for one in &feeds.all {
        strange(&one.block, &feeds::WORDS, &mut warnings);
    }
    for one in &streams.all {
        strange(&one.block, &streams::WORDS, &mut warnings);
        streams::warn(&one.block, &mut warnings);
    }
    links::check(&mut feeds, &mut streams);
    streams::settle_paths(&mut streams, &mut warnings);
    warnings.extend(program::missing(&feeds, &streams, &crate::environment()));
    let (feeds, of_feeds) = feeds.settle();
    let (streams, of_streams) = streams.settle();
    problems.extend(root.problems().into_iter().chain(of_feeds).chain(of_streams));
    let live = Live { feeds, streams, gateway: Gateway::default() };
    match Problems::new(problems) {
        None => Ok(Voyandz { listen, logdir, pages, live, warnings }),
        Some(problems) => Err(problems),
    }
}

/// Whether the file at `path` is one of voyandz, not of ffleet.
///
/// It is, if it has no key at its top that is ffleet's alone, and either one that is voyandz's alone
/// (`listenaddr`, `listenport`, `logdir`, `pages`), or streams all of which say what voyandz cannot be
/// without and ffleet can (`command`, `type` and `mimetype`), no feed but of a `command`, and in both
/// nothing that voyandz does not know. An empty file, which both take, does not say whose it is, and counts
/// as ffleet's; so does one that cannot be read.
#[must_use]
pub fn is_one(path: &Path) -> bool {
    let node = file::text(path).ok().and_then(|text| tree::parse_last(&text).0);
    node.is_some_and(|node| is(path, &node))
}

fn is(path: &Path, node: &Node) -> bool {
    let Part::Map(entries) = &node.value else {
        return false;
    };
    let says = |word: &str| entries.iter().any(|(key, _)| key.name == word);
    let own = |key: &&str| {
        let top = key.split('.').next().unwrap_or_default();
        !WORDS.contains(&top) && says(top)
    };
    if crate::keys().iter().any(own) {
        return false;
    }
    if MARKS.iter().any(|mark| says(mark)) {
        return true;
    }
    let root = Block::root(path, node);
    let all = |section: &str, words: &[&'static str], needed: &[&str]| match root.node(section) {
        Some(Node { value: Part::Map(inner), .. }) => inner.iter().all(|(key, node)| {
            let block = Block::new(path, section, key, node);
            block.strange(words).is_empty() && needed.iter().all(|word| block.says(word))
        }),
        _ => section == "feeds",
    };
    let some = matches!(root.node("streams"), Some(Node { value: Part::Map(inner), .. }) if !inner.is_empty());
    some && all("feeds", &feeds::WORDS, &["command"])
        && all("streams", &streams::WORDS, &streams::NEEDED)
}

/// What is in the file; what is not YAML is a problem, and a key that is there twice a warning.
fn read(path: &Path, problems: &mut Vec<Problem>, warnings: &mut Vec<String>) -> Node {
    let place = |line, column| Place::File { path: path.to_path_buf(), line, column };
    let mut wrong = |place, message, hint: Option<&str>| {
        let hint = hint.map(str::to_owned);
        problems.push(Problem { place, key: String::new(), message, hint });
    };
    let nothing = Node { at: tree::Position::default(), value: Part::Empty };
    let text = match file::text(path) {
        Ok(text) => text,
        Err(message) => {
            wrong(place(0, 0), message, None);
            return nothing;
        }
    };
    let (node, fault) = tree::parse_last(&text);
    if let Some(tree::Fault { at, message }) = fault {
        let place = place(at.line, at.column);
        if node.is_some() {
            warnings.push(format!("{place}: {message}: what it says last counts"));
        } else {
            wrong(place, message, Some(file::YAML));
        }
    }
    node.unwrap_or(nothing)
}

/// Warns of every word that voyandz does not know.
fn strange(block: &Block<'_>, words: &[&'static str], warnings: &mut Vec<String>) {
    for (key, hint) in block.strange(words) {
        let text = format!("voyandz knows no such key, and it is ignored: {hint}");
        warnings.push(block.warning(&key.name, &text));
    }
}

/// The part behind `word`; nothing where nothing is said, or no more than `''`.
fn said<'a>(block: &Block<'a>, word: &str) -> Option<&'a Node> {
    block.node(word).filter(|node| match &node.value {
        Part::Empty => false,
        Part::Scalar(text) => !text.is_empty(),
        Part::List(_) | Part::Map(_) => true,
    })
}

/// The one text behind `word`; nothing where nothing is said.
fn text(block: &mut Block<'_>, word: &str) -> Option<String> {
    said(block, word)?;
    block.text(word)
}

fn listen(root: &mut Block<'_>) -> SocketAddr {
    let address = text(root, "listenaddr").unwrap_or_else(|| "127.0.0.1".to_owned());
    let ip = match address.as_str() {
        "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
        _ => address.parse().unwrap_or_else(|_name| {
            let message = format!("{address:?} is not an IP address");
            root.wrong("listenaddr", Trouble::new(message, "write one, such as 127.0.0.1"));
            IpAddr::V4(Ipv4Addr::LOCALHOST)
        }),
    };
    let port = match root.node("listenport") {
        Some(_) => root.within("listenport", &(1..=65_535)),
        None => None,
    };
    SocketAddr::new(ip, port.unwrap_or(8_090))
}

fn logdir(root: &mut Block<'_>) -> Option<PathBuf> {
    let path = PathBuf::from(text(root, "logdir")?);
    if !path.is_dir() {
        let hint = "make it, or leave the key out";
        root.wrong("logdir", Trouble::new(format!("{} is no directory", path.display()), hint));
    }
    Some(path)
}

fn pages(
    path: &Path,
    root: &Block<'_>,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<String>,
) -> Pages {
    let usual = Pages::default();
    let Some(node) = root.node("pages") else {
        return usual;
    };
    let key = tree::Key { at: node.at, name: "pages".to_owned() };
    let block = Block::new(path, "", &key, node);
    strange(&block, &PAGES, warnings);
    let page =
        |word: &str, usual: bool| block.node(word).map_or(usual, |node| is_true(&node.value));
    let pages = Pages {
        home: page("home", usual.home),
        stat: page("stat", usual.stat),
        config: page("config", usual.config),
    };
    problems.extend(block.problems());
    pages
}

/// The feeds or the streams, in the order of the file.
fn section<'a, T>(
    path: &'a Path,
    root: &mut Block<'a>,
    name: &str,
    read: fn(&Name, &mut Block<'a>) -> Option<T>,
) -> Section<'a, T> {
    let entries = match root.node(name).map(|node| &node.value) {
        Some(Part::Map(entries)) => entries.as_slice(),
        None | Some(Part::Empty) => &[],
        Some(other) => {
            let message = format!("is {}, not a section", other.kind());
            root.wrong(name, Trouble::new(message, "write `name: {key: value}` below it"));
            &[]
        }
    };
    let one = |(of, (key, node)): (usize, &'a (tree::Key, Node))| {
        declare(Block::new(path, name, key, node), &key.name, of, read)
    };
    let all: Vec<_> = entries.iter().enumerate().map(one).collect();
    let whole = all.iter().all(|one| one.name.is_some());
    Section { all, whole, problems: Vec::new(), wrong: BTreeMap::new() }
}

/// Whether Python takes for true what PyYAML makes of it.
fn is_true(value: &Part) -> bool {
    match value {
        Part::Empty => false,
        Part::List(items) => !items.is_empty(),
        Part::Map(entries) => !entries.is_empty(),
        Part::Scalar(text) => {
            let no = ["", "false", "no", "off"].contains(&text.to_ascii_lowercase().as_str());
            !no && text.parse::<f64>() != Ok(0.0)
        }
    }
}
