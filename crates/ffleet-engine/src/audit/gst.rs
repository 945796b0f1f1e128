//! The audit of one `gst-launch-1.0` pipeline.
//!
//! A pipeline is elements with properties, linked by `!`. Each source and each queue drives what is behind it by a thread of its own;
//! codecs have pools besides. Bins that choose their elements by what they find (`decodebin`, `playbin`) cannot be counted without
//! the media; what is assumed of them is said.

use super::report::{By, Command, Machine, Opened, Pool, Program, Resource, Unbounded};
use super::target::Found;
use super::word::{self, Word};
use super::{Policy, touch};
use crate::threads::own;

mod known;

use known::{AGGREGATORS, BINS, ENDLESS, OPENS, POOLS, SINGLE, SOUND_SINKS};

/// An element of a pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Element<'a> {
    /// The place of its name.
    at: usize,
    name: &'a str,
    properties: Vec<(&'a str, &'a str, usize)>,
    /// The picture that the last caps before it name, or what test pictures have.
    size: (u32, u32),
}

impl<'a> Element<'a> {
    fn property(&self, name: &str) -> Option<&'a str> {
        self.properties
            .iter()
            .rfind(|(known, ..)| *known == name)
            .map(|(_, value, _)| *value)
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.property(name)?.parse().ok()
    }
}

/// What test pictures have, and what others are taken for.
const SIZE: (u32, u32) = (320, 240);
const LARGE: (u32, u32) = (1_920, 1_080);

/// A number in caps: `video/x-raw,width=(int)640`.
fn caps(text: &str, key: &str) -> Option<u32> {
    let mut fields = text.split(',').filter_map(|field| field.trim().split_once('='));
    let (_, value) = fields.find(|(name, _)| *name == key)?;
    value
        .rsplit(')')
        .next()?
        .parse()
        .ok()
        .filter(|number| (1..=32_768).contains(number))
}

/// The elements of a pipeline.
fn elements(args: &[Word]) -> Result<Vec<Element<'_>>, String> {
    let mut all: Vec<Element<'_>> = Vec::new();
    let mut wants = true;
    let mut size = SIZE;
    for (at, word) in args.iter().enumerate() {
        let text = word.text.as_str();
        if word.splits {
            return Err(format!(
                "{} may be any number of words: write them out, or quote it",
                word.shown()
            ));
        }
        if all.is_empty() && text.starts_with('-') {
            continue;
        }
        let is_link = matches!(text, "!" | ":" | "(" | ")" | "{" | "}");
        if is_link {
            wants = true;
            continue;
        }
        let before = text.split(['=', ',', '(']).next().unwrap_or(text);
        let is_caps = before.contains('/');
        if let Some((name, value)) = text.split_once('=').filter(|_| !is_caps) {
            let Some(last) = all.last_mut() else {
                return Err(format!("{text} is a property of no element"));
            };
            last.properties.push((name.trim(), value.trim_matches('"'), at));
            wants = false;
            continue;
        }
        if is_caps {
            size = (caps(text, "width").unwrap_or(size.0), caps(text, "height").unwrap_or(size.1));
        }
        // `name.` and `name.pad` are elements that are there already.
        let is_reference = text.contains('.');
        if !is_caps && !is_reference {
            if !word.is_known() {
                return Err(format!(
                    "which element {} is is not known: write its name",
                    word.shown()
                ));
            }
            let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
            if !text.chars().all(legal) {
                return Err(format!("{text} is no element, and is not read"));
            }
            if text == "filesrc" || ENDLESS.contains(&text) && text != "videotestsrc" {
                size = LARGE;
            }
            all.push(Element { at, name: text, properties: Vec::new(), size });
        }
        wants = false;
    }
    if wants || all.is_empty() {
        return Err("the pipeline ends with a link, or has no element".to_owned());
    }
    Ok(all)
}

/// Threads of an element where `cpus` are seen, and what decides on them.
fn threads(element: &Element<'_>, cpus: u32) -> Vec<(u32, By)> {
    let name = element.name;
    let mut all = Vec::new();
    let bin = BINS.iter().find(|(known, _)| *known == name);
    let drives = matches!(name, "queue" | "queue2")
        || AGGREGATORS.contains(&name)
        || SOUND_SINKS.contains(&name);
    if let Some((_, threads)) = bin {
        all.push((*threads, By::Program));
    } else if drives || name.ends_with("src") {
        all.push((1, By::Program));
    }
    let property = POOLS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, property)| *property);
    let property = property.or_else(|| name.starts_with("avdec_").then_some("max-threads"));
    if let Some(property) = property {
        let told = element.number(property).filter(|&count| count > 0);
        let told = told.map(|count| u32::try_from(count).unwrap_or(u32::MAX));
        let by = if told.is_some() { By::Option } else { By::Cpus };
        let one_by_default = SINGLE.contains(&name) && element.property(property).is_none();
        let threads = match (name, told) {
            _ if one_by_default => 0,
            ("x264enc", told) => {
                let is_sliced = element
                    .property("tune")
                    .is_some_and(|tune| tune.contains("zerolatency"));
                own::x264enc(told, element.size, cpus, is_sliced)
            }
            // It blends stripes of 200 lines at least, and two at once in any case.
            ("compositor", told) => told.unwrap_or(cpus).min(element.size.1.div_ceil(200)).max(2),
            (_, Some(1)) => 0,
            ("videoconvert" | "videoscale", told) => told.unwrap_or(cpus).saturating_sub(1),
            (_, Some(told)) => told,
            (_, None) if cpus < 2 => 0,
            (_, None) => cpus.min(16),
        };
        all.push((threads, by));
    } else if name == "x265enc" {
        let list = element.property("option-string").unwrap_or_default();
        let told = crate::threads::flow::option(list, &["pools"])
            .and_then(|text| text.parse::<u32>().ok());
        let by = if told.is_some() { By::Option } else { By::Cpus };
        all.push((own::x265enc(told, cpus), by));
    }
    all
}

fn machine(all: &[Element<'_>], cpus: u32, seen: u32) -> Machine {
    let mut pools: Vec<Pool> = Vec::new();
    for element in all {
        for (threads, by) in threads(element, seen).into_iter().filter(|(threads, _)| *threads > 0)
        {
            let of = match by {
                By::Program => format!("{} (streaming)", element.name),
                By::Cpus | By::Option => element.name.to_owned(),
            };
            pools.push(Pool { of, threads, by });
        }
    }
    let assumed_threads = all
        .iter()
        .filter_map(|element| BINS.iter().find(|(name, _)| *name == element.name))
        .map(|(_, count)| count)
        .sum();
    // GLib starts threads of pools from one of their own.
    pools.push(Pool { of: "GLib's pool".to_owned(), threads: 1, by: By::Program });
    let threads = pools.iter().map(|pool| pool.threads).fold(1, u32::saturating_add);
    Machine { cpus, threads, assumed_threads, pools, memory: None }
}

/// What of an element has no bound: why, and how it is bounded.
fn unbounded(element: &Element<'_>) -> Vec<Unbounded> {
    let mut found = Vec::new();
    let name = element.name;
    let grows = threads(element, 2)
        .iter()
        .zip(threads(element, 256))
        .any(|(small, large)| small.0 != large.0);
    if grows {
        let fix = match bound(element, 1) {
            Some((property, _)) => format!("{property}=N"),
            None => "nothing but the CPUs it sees: taskset -c 0-1".to_owned(),
        };
        let why = format!("{name}: as many threads as the machine has CPUs for");
        found.push(Unbounded { what: Resource::Threads, why, fix });
    }
    let zero = |name: &str| element.number(name) == Some(0);
    if name.starts_with("queue")
        && ["max-size-buffers", "max-size-bytes", "max-size-time"]
            .into_iter()
            .all(zero)
    {
        let why = format!("{name}: all three limits are 0, so it holds whatever comes");
        found.push(Unbounded {
            what: Resource::Memory,
            why,
            fix: "a limit above 0, such as max-size-bytes=10485760".to_owned(),
        });
    }
    let counts = element
        .property("num-buffers")
        .is_some_and(|count| !count.starts_with('-'));
    if ENDLESS.contains(&name) && !counts {
        let fix = "num-buffers=N, or timeout --signal=INT before the command".to_owned();
        found.push(Unbounded {
            what: Resource::Time,
            why: format!("{name} never ends by itself"),
            fix,
        });
    }
    found
}

/// The property that bounds an element's threads.
fn bound(element: &Element<'_>, budget: u32) -> Option<(&'static str, u32)> {
    if element.name.starts_with("avdec_") {
        return Some(("max-threads", budget));
    }
    let known = POOLS.iter().find(|(name, _)| *name == element.name);
    known.map(|(name, property)| {
        (*property, if *name == "x264enc" { budget * 3 / 2 } else { budget }.max(1))
    })
}

/// Audits a pipeline.
///
/// # Errors
///
/// Says what cannot be read.
pub(super) fn audit(found: &Found, policy: &Policy) -> Result<Command, String> {
    let all = elements(&found.args)?;
    let mut command = Command {
        text: word::line(found.before.iter().chain(&found.args)),
        program: Program::GstLaunch,
        wrappers: found.around.wrappers.clone(),
        processes: 1 + found.around.waiting,
        assumes: found.assumes.clone(),
        ..Command::default()
    };
    let seen = |cpus: u32| found.around.cpus.map_or(cpus, |own| own.min(cpus));
    command.machines = policy
        .cpus
        .iter()
        .map(|&cpus| machine(&all, cpus, seen(cpus)))
        .collect();
    command.assumes.push("memory of a pipeline is not predicted".to_owned());
    for element in &all {
        if let Some((name, threads)) = BINS.iter().find(|(name, _)| *name == element.name) {
            command.assumes.push(format!("{name} makes its elements by what it finds: {threads} streaming threads are taken, and no pool of a decoder"));
        }
        for (name, property, what, way) in OPENS.iter().filter(|(name, ..)| *name == element.name) {
            if let Some(value) = element.property(property) {
                let opened = Opened {
                    what: *what,
                    way: *way,
                    name: touch::masked(value),
                    by: (*name).to_owned(),
                };
                command.opens.push(opened);
            }
        }
        if element.name == "tee" {
            command.implies.push(
                "tee: one branch that stops holds up all others, unless each begins with a queue"
                    .to_owned(),
            );
        }
        if element
            .property("leaky")
            .is_some_and(|leaky| leaky != "0" && leaky != "no")
        {
            command
                .implies
                .push(format!("{} leaky: it drops what does not fit", element.name));
        }
    }
    let lets_end = |one: &Unbounded| !(found.around.has_time && one.what == Resource::Time);
    let grows = |one: &Unbounded| !(found.around.cpus.is_some() && one.what == Resource::Threads);
    command.unbounded = all.iter().flat_map(unbounded).filter(lets_end).filter(grows).collect();
    if !command.unbounded.is_empty() && found.around.multiplies.is_none() {
        command.rewrite = Some(rewrite(&all, found, policy, &command.unbounded));
    }
    if let Some(name) = &found.around.multiplies {
        let fix = format!("give {name} a number of processes");
        command.unbounded.push(Unbounded {
            what: Resource::Processes,
            why: format!("{name} starts it as often as its input says"),
            fix,
        });
    }
    Ok(command)
}

fn rewrite(all: &[Element<'_>], found: &Found, policy: &Policy, unbounded: &[Unbounded]) -> String {
    let has = |what: Resource| unbounded.iter().any(|one| one.what == what);
    let (mut words, mut args) = (found.before.clone(), found.args.clone());
    let mut grows = false;
    // From the last one on, so that places stay what they were.
    for element in all.iter().rev() {
        for one in self::unbounded(element) {
            match one.what {
                Resource::Threads => match bound(element, policy.budget.max(1)) {
                    Some((property, count)) => {
                        args.insert(element.at + 1, Word::known(format!("{property}={count}")));
                        // The last one counts.
                        let is_old = |at: &usize| {
                            element
                                .properties
                                .iter()
                                .any(|(name, _, place)| *name == property && place + 1 == *at)
                        };
                        args = args
                            .into_iter()
                            .enumerate()
                            .filter(|(at, _)| !is_old(at))
                            .map(|(_, word)| word)
                            .collect();
                    }
                    None => grows = true,
                },
                Resource::Memory => {
                    let old =
                        element.properties.iter().find(|(name, ..)| *name == "max-size-bytes");
                    if let Some((.., at)) = old {
                        args[*at] = Word::known("max-size-bytes=10485760");
                    }
                }
                _ => {}
            }
        }
    }
    let program = words.pop();
    if has(Resource::Time) {
        words.extend(["timeout", "--signal=INT", &policy.longest.to_string()].map(Word::known));
    }
    if grows {
        let last = policy.budget.max(1) - 1;
        words.extend(["taskset", "-c", &format!("0-{last}")].map(Word::known));
    }
    words.extend(program);
    words.extend(args);
    word::line(&words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Result<Vec<(String, usize)>, String> {
        let args: Vec<Word> = line.split(' ').map(Word::known).collect();
        let found = elements(&args)?;
        Ok(found
            .iter()
            .map(|one| (one.name.to_owned(), one.properties.len()))
            .collect())
    }

    #[test]
    fn elements_have_their_properties() {
        let line = "-e videotestsrc num-buffers=9 ! video/x-raw,width=320 ! tee name=t t. ! queue ! x264enc threads=2 ! fakesink t.src_1 ! fakesink";
        let all = of(line).unwrap();
        let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["videotestsrc", "tee", "queue", "x264enc", "fakesink", "fakesink"]);
        assert_eq!(all[3].1, 1);
        assert!(of("videotestsrc !").is_err() && of("x=1").is_err());
    }
}
