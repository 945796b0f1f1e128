//! `role-groups`: how many processes of which class this machine may have.

use std::collections::BTreeMap;

use ffleet_sched::roles::{Bounds, Rules};
use ffleet_types::{Bytes, Cpu, RoleGroup, Span};

use crate::nearest::nearest;
use crate::problem::Place;
use crate::reader::{Reader, Section};
use crate::value::Value;

/// The key.
const KEY: &str = "role-groups";
/// What a group can say.
const WORDS: [&str; 10] = [
    "max-processes",
    "max-threads",
    "cpu",
    "memory",
    "io-weight",
    "spawn-rate",
    "queue",
    "queue-timeout",
    "breaker",
    "breaker-pause",
];
/// Groups that can be told apart in metrics and pages.
const MOST: usize = 32;
/// The largest share of a disk.
const MOST_WEIGHT: u16 = 10_000;

/// Every group there is: those that are always there, and those of the operator.
pub(super) fn read(reader: &mut Reader<'_>) -> BTreeMap<RoleGroup, Rules> {
    let own = RoleGroup::ALL
        .iter()
        .map(|name| (RoleGroup::named(name), Rules::default()));
    let mut groups: BTreeMap<_, _> = own.collect();
    for (name, Section { place, entries }) in reader.sections(KEY) {
        let path = format!("{KEY}.{name}");
        match name.parse::<RoleGroup>() {
            Ok(group) if groups.len() < MOST || groups.contains_key(&group) => {
                groups.insert(group, rules(reader, &path, entries));
            }
            Ok(_) => {
                let message = format!("is one group too many: there may be {MOST}");
                reader.problem(place, &path, message, None);
            }
            Err(error) => reader.problem(place, &path, error.to_string(), None),
        }
    }
    groups
}

fn rules(reader: &mut Reader<'_>, path: &str, entries: BTreeMap<String, (Place, String)>) -> Rules {
    let mut rules = Rules::default();
    let Bounds { processes, threads, cpu, memory } = &mut rules.most;
    for (word, (place, text)) in entries {
        let done = match word.as_str() {
            "max-processes" => at_least(&text, &1).map(|count| *processes = Some(count)),
            "max-threads" => at_least(&text, &1).map(|count| *threads = Some(count)),
            "cpu" => at_least(&text, &Cpu(10)).map(|most| *cpu = Some(most)),
            "memory" => at_least(&text, &Bytes::mib(16)).map(|most| *memory = Some(most)),
            "io-weight" => weight(&text).map(|weight| rules.io_weight = Some(weight)),
            "spawn-rate" => Value::parse(&text).map(|rate| rules.spawn_rate = rate),
            "queue" => Value::parse(&text).map(|queue| rules.queue = queue),
            "queue-timeout" => at_least(&text, &Span::secs(0)).map(|span| rules.patience = span),
            "breaker" => Value::parse(&text).map(|fuse| rules.fuse = fuse),
            "breaker-pause" => at_least(&text, &Span::secs(1)).map(|span| rules.cool_down = span),
            _ => {
                let hint = nearest(&word, WORDS).map_or_else(
                    || format!("a group can say {}", WORDS.join(", ")),
                    |meant| format!("is {meant} meant?"),
                );
                let message = "is not a key of ffleet".to_owned();
                reader.problem(place, &format!("{path}.{word}"), message, Some(hint));
                continue;
            }
        };
        if let Err(message) = done {
            reader.problem(place, &format!("{path}.{word}"), message, None);
        }
    }
    rules
}

/// A share of a disk on the kernel's own scale.
fn weight(text: &str) -> Result<u16, String> {
    let weight = at_least(text, &1)?;
    if weight > MOST_WEIGHT {
        return Err(format!("{weight} is too much: {MOST_WEIGHT} is the most"));
    }
    Ok(weight)
}

fn at_least<T: Value + PartialOrd + std::fmt::Display>(text: &str, least: &T) -> Result<T, String> {
    let value = T::parse(text)?;
    if value < *least {
        return Err(format!("{value} is too little: {least} is the least"));
    }
    Ok(value)
}
