//! What feeds and streams say of each other.

mod raw;

use std::collections::{BTreeMap, BTreeSet};

use ffleet_types::live::{Feed, Name, Stream};

use super::{Declared, Section, path};
use crate::block::{Block, Trouble};
use crate::nearest::nearest_name;

/// The most searches for the nearest name, each among all feeds: a file of 10,000 slips is answered too.
const SEARCHES: usize = 5;

/// Notes every name that is there twice or leads nowhere, and every cycle.
pub(crate) fn check(feeds: &mut Section<'_, Feed>, streams: &mut Section<'_, Stream>) {
    twice("feed", &mut feeds.all);
    twice("stream", &mut streams.all);
    let mut known = Known { names: feeds.names(), whole: feeds.whole, searches: SEARCHES };
    for Declared { name, item, block, .. } in &mut feeds.all {
        match item.as_ref().and_then(|feed| feed.feed.as_ref()) {
            Some(parent) if Some(parent) == name.as_ref() => {
                let message = format!("{parent} is its own parent");
                block.wrong("feed", Trouble::new(message, "name another, or leave `feed` out"));
            }
            Some(parent) => known.look(block, parent),
            None => {}
        }
    }
    cycles(&mut feeds.all);
    raw::check(feeds, streams);
    for Declared { item, block, .. } in &mut streams.all {
        if let Some(feed) = item.as_ref().and_then(|stream| stream.feed.as_ref()) {
            known.look(block, feed);
        }
    }
}

/// Notes names that something has already.
fn twice<T>(what: &str, all: &mut [Declared<'_, T>]) {
    let mut first: BTreeMap<Name, (String, usize)> = BTreeMap::new();
    for Declared { name, block, of, .. } in all {
        let Some(name) = name else { continue };
        match first.get(name) {
            Some((_, same)) if same == of => {
                let hint = "put every variable of its `for` into the name";
                let message = format!("stands for {name} more than once");
                block.wrong("", Trouble::new(message, hint));
            }
            Some((place, _)) => {
                let message = format!("there is a {what} {name} already, at {place}");
                block.wrong("", Trouble::new(message, "keep one, or rename one"));
            }
            None => {
                first.insert(name.clone(), (block.place().to_string(), *of));
            }
        }
    }
}

/// The feeds that there are.
struct Known {
    names: BTreeSet<Name>,
    /// Whether all names were understood; else none is said to be missing.
    whole: bool,
    /// How many times the nearest name may still be looked for.
    searches: usize,
}

impl Known {
    /// Notes a feed that is not there.
    fn look(&mut self, block: &mut Block<'_>, feed: &Name) {
        if !self.whole || self.names.contains(feed) {
            return;
        }
        let names = self.names.iter().map(Name::as_str);
        let near = match self.searches {
            0 => None,
            _ => nearest_name(feed.as_str(), names),
        };
        self.searches = self.searches.saturating_sub(1);
        let hint = match near {
            Some(near) => format!("is `{near}` meant?"),
            None => format!("declare it: `feeds: {{{feed}: {{command: …}}}}`"),
        };
        block.wrong("feed", Trouble::new(format!("there is no feed {feed}"), hint));
    }
}

/// Notes each cycle of feeds, of more than one, where its first name is.
fn cycles(all: &mut [Declared<'_, Feed>]) {
    let parents: BTreeMap<Name, Name> = all
        .iter()
        .filter_map(|one| Some((one.name.clone()?, one.item.as_ref()?.feed.clone()?)))
        .filter(|(name, parent)| name != parent)
        .collect();
    let mut done: BTreeSet<&Name> = BTreeSet::new();
    let mut found: BTreeMap<Name, String> = BTreeMap::new();
    for start in parents.keys() {
        let mut way: Vec<&Name> = Vec::new();
        let mut on_way: BTreeMap<&Name, usize> = BTreeMap::new();
        let mut at = Some(start);
        while let Some(name) = at.filter(|name| !done.contains(name)) {
            if let Some(&from) = on_way.get(name) {
                let shown: Vec<&str> =
                    way[from..].iter().copied().chain([name]).map(Name::as_str).collect();
                found.insert(name.clone(), shown.join(" → "));
                break;
            }
            on_way.insert(name, way.len());
            way.push(name);
            at = parents.get(name);
        }
        done.extend(way);
    }
    for Declared { name, block, .. } in all {
        if let Some(cycle) = name.as_ref().and_then(|name| found.remove(name)) {
            let message = format!("these feeds read each other: {cycle}");
            block.wrong("feed", Trouble::new(message, "one of them needs a source of its own"));
        }
    }
}

/// Notes paths that something else answers at. What the API declares gives way to what was there before.
pub(crate) fn paths(streams: &mut Section<'_, Stream>) {
    let names = streams.names();
    let mut later = of_api(streams);
    let mut taken: BTreeMap<String, (Name, String)> = BTreeMap::new();
    let mut held: BTreeMap<Name, (Name, String)> = BTreeMap::new();
    for Declared { item, block, .. } in &mut streams.all {
        let Some(Stream { name, path, .. }) = item else {
            continue;
        };
        later.remove(name);
        if let Some((first, path)) = held.get(name) {
            let message = format!("the stream {first} answers at {path}, which would be its own");
            block.wrong("", Trouble::new(message, "choose another name"));
        }
        if !block.says("url") {
            continue;
        }
        let other = path::usual_of(path).filter(|of| of != name && names.contains(of));
        if path::is_own(path) {
            let message = format!("{path} is an address of ffleet's own");
            block.wrong("url", Trouble::new(message, "choose another"));
        } else if let Some(other) = other {
            if later.contains(&other) {
                held.insert(other, (name.clone(), path.clone()));
                continue;
            }
            let message = format!("{path} is where the stream {other} answers");
            block.wrong("url", Trouble::new(message, "choose another"));
        } else if let Some((first, place)) = taken.get(path.as_str()) {
            let message = format!("the stream {first} answers at {path} already, at {place}");
            block.wrong("url", Trouble::new(message, "choose another for one of them"));
        } else {
            taken.insert(path.clone(), (name.clone(), block.place_of("url").to_string()));
        }
    }
}

/// The names of those that were declared over the API.
fn of_api(streams: &Section<'_, Stream>) -> BTreeSet<Name> {
    let ours = streams.all.iter().filter(|one| one.block.is_of_api());
    ours.filter_map(|one| one.name.clone()).collect()
}
