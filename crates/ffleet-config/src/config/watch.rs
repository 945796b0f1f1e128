//! `watch`: which processes that others start are governed, by `ffleet watch`.

mod users;

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use ffleet_supervise::watch::{Glob, Limits, Rule};
use ffleet_types::{Bytes, Cpu, ParseError, Span};

use crate::block::{Block, Trouble};
use crate::reader::Reader;

/// The most rules there may be.
const MOST: usize = 256;
/// The longest label.
const LONGEST: usize = 63;
/// The largest share of CPUs and disks.
const MOST_WEIGHT: u16 = 10_000;
/// The most processes and threads that Linux has numbers for.
const MOST_TASKS: u32 = 1 << 22;

/// What a rule can say of the processes that it fits, and then of what they may use.
pub const CONDITIONS: [&str; 7] = ["name", "user", "uid", "parent", "directory", "exe", "age"];
/// The limits that a rule can bring.
pub const LIMITS: [&str; 6] = ["cpu", "cpu-weight", "memory", "tasks", "io-weight", "nice"];
/// Everything that a rule can say.
const WORDS: [&str; 14] = [
    "label",
    "name",
    "user",
    "uid",
    "parent",
    "directory",
    "exe",
    "age",
    "cpu",
    "cpu-weight",
    "memory",
    "tasks",
    "io-weight",
    "nice",
];

/// A part of something, in percent: `50%`; 1 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(pub u8);

impl FromStr for Percent {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        text.strip_suffix('%')
            .and_then(|number| number.trim_end().parse().ok())
            .filter(|number| (1..=100).contains(number))
            .map(Self)
            .ok_or_else(|| ParseError::new(text, "a part of a whole, from 1% to 100%"))
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

/// Which processes that others start are governed, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// `watch.scan-interval`: how often all processes and groups are looked at. 1 s to 1 h.
    pub scan_interval: Span,
    /// `watch.tries`: how often an attachment is tried before it is given up. 1 to 100.
    pub tries: u32,
    /// `watch.detach-on-stop`: whether a stop lets go of everything.
    pub detach_on_stop: bool,
    /// `watch.thread-burst`: so many more processes and threads of a group between two looks are a
    /// violation. 1 to 1,000,000.
    pub thread_burst: u32,
    /// `watch.throttled`: being held up by the limit on CPU time for so much of the time is one.
    pub throttled: Percent,
    /// `watch.allow`: if it says anything, only processes of these names are governed.
    pub allow: Vec<Glob>,
    /// `watch.block`: processes of these names are not.
    pub block: Vec<Glob>,
    /// `watch.rules`: the first that fits counts. At most 256, no two with one label.
    pub rules: Vec<Arc<Rule>>,
}

impl Watch {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let hour = Span::secs(3_600);
        Self {
            scan_interval: reader.within(
                "watch.scan-interval",
                Span::secs(10),
                Span::secs(1)..=hour,
            ),
            tries: reader.within("watch.tries", 5, 1..=100),
            detach_on_stop: reader.value("watch.detach-on-stop", false),
            thread_burst: reader.within("watch.thread-burst", 64, 1..=1_000_000),
            throttled: reader.value("watch.throttled", Percent(50)),
            allow: names(reader, "watch.allow"),
            block: names(reader, "watch.block"),
            rules: rules(reader),
        }
    }
}

fn names(reader: &mut Reader<'_>, key: &'static str) -> Vec<Glob> {
    let mut names = Vec::new();
    for (place, text) in reader.list(key).unwrap_or_default() {
        match text.parse::<Glob>() {
            Ok(glob) => names.push(glob),
            Err(error) => reader.problem(place, key, error.to_string(), None),
        }
    }
    names
}

fn rules(reader: &mut Reader<'_>) -> Vec<Arc<Rule>> {
    let mut labels = BTreeSet::new();
    let mut rules = Vec::new();
    for (number, mut block) in reader.blocks("watch.rules").into_iter().enumerate() {
        if number == MOST {
            block.wrong("", Trouble::new("is one too many", format!("there may be {MOST} rules")));
        }
        if !block.is_broken() && number <= MOST {
            let rule = rule(&mut block, number + 1);
            if !labels.insert(rule.label.clone()) {
                let message = format!("another rule is called {:?}", rule.label);
                block.wrong(
                    "label",
                    Trouble::new(message, "choose another `label` for one of the two"),
                );
            }
            rules.push(Arc::new(rule));
        }
        reader.problems(block.problems());
    }
    rules
}

fn rule(block: &mut Block<'_>, number: usize) -> Rule {
    block.only(&WORDS);
    let says = |words: &[&str]| words.iter().any(|word| block.says(word));
    let (is_meant, is_bounded) = (says(&CONDITIONS[..6]), says(&LIMITS));
    if !is_meant {
        let hint = "say `name`, `user`, `uid`, `parent`, `directory` or `exe`";
        block.wrong("", Trouble::new("fits every process of the machine", hint));
    }
    if !is_bounded {
        let hint = format!("say {}", LIMITS.join(", "));
        block.wrong("", Trouble::new("brings no limit", hint));
    }
    Rule {
        label: label(block).unwrap_or_else(|| format!("rule-{number}")),
        name: block.read("name"),
        uid: uid(block),
        parent: block.read("parent"),
        directory: path(block, "directory"),
        exe: path(block, "exe"),
        age: block
            .within("age", &(Span::secs(0)..=Span::secs(7 * 86_400)))
            .map_or(Duration::ZERO, |age| age.0),
        limits: Limits {
            cpu: block.within("cpu", &(Cpu(10)..=Cpu::whole(4_096))),
            cpu_weight: block.within("cpu-weight", &(1..=MOST_WEIGHT)),
            memory: block.within("memory", &(Bytes::mib(1)..=Bytes(1 << 60))),
            tasks: block.within("tasks", &(1..=MOST_TASKS)),
            io_weight: block.within("io-weight", &(1..=MOST_WEIGHT)),
            nice: block.within("nice", &(-20..=19)),
        },
    }
}

/// A word of its own: it is a label of metrics as well.
fn label(block: &mut Block<'_>) -> Option<String> {
    let text = block.text("label")?;
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if (1..=LONGEST).contains(&text.len()) && text.chars().all(legal) {
        return Some(text);
    }
    let message = format!("{text:?} is not a label");
    let hint = "up to 63 letters, digits, `.`, `-` and `_`";
    block.wrong("label", Trouble::new(message, hint));
    None
}

/// A user, by name or number.
fn uid(block: &mut Block<'_>) -> Option<u32> {
    if block.says("user") && block.says("uid") {
        block.wrong("uid", Trouble::new("is said beside `user`", "keep one of the two"));
        return None;
    }
    if let Some(uid) = block.read("uid") {
        return Some(uid);
    }
    let name = block.text("user")?;
    let found = users::uid(&name);
    if found.is_none() {
        let message = format!("there is no user {name:?} in /etc/passwd");
        let hint =
            "where users are known otherwise, write `uid: NUMBER`, as `id -u NAME` prints it";
        block.wrong("user", Trouble::new(message, hint));
    }
    found
}

fn path(block: &mut Block<'_>, word: &str) -> Option<PathBuf> {
    let text: String = block.read(word)?;
    let path = PathBuf::from(&text);
    let is_plain = path.components().all(|part| {
        matches!(part, std::path::Component::RootDir | std::path::Component::Normal(_))
    });
    if path.is_absolute() && is_plain {
        return Some(path);
    }
    let message = format!("{text:?} is not a whole path");
    block.wrong(word, Trouble::new(message, "begin it with /, and write no .. in it"));
    None
}
