//! `ffleet.example.yaml` against the code.

use std::collections::BTreeSet;

use ffleet_config::config::live;
use ffleet_types::live::inputs::PictureFormat;
use ffleet_types::live::{Inputs, Source};

use crate::{config, defaults, load};

const EXAMPLE: &str = include_str!("../../../../ffleet.example.yaml");

/// The example with the `#` of every key removed. Lines for people begin with `# ` and a word.
fn uncommented() -> String {
    let prose = |line: &str| {
        let rest = line.strip_prefix("# ");
        line == "#" || rest.is_some_and(|rest| !rest.starts_with(' '))
    };
    EXAMPLE
        .lines()
        .filter(|line| !prose(line))
        .map(|line| line.strip_prefix('#').unwrap_or(line))
        .map(|line| format!("{line}\n"))
        .collect()
}

#[test]
fn example_says_the_defaults() {
    assert_eq!(config(&uncommented()), defaults());
}

#[test]
fn example_as_it_is_changes_nothing() {
    assert_eq!(config(EXAMPLE), defaults());
}

/// Where a key is missing from the example, a file that has it would be the only place to learn
/// of it: each key of the code is asked for by a variable here, and must be in the example.
#[test]
fn example_has_every_key() {
    let known = ffleet_config::keys();
    let text = uncommented();
    let mut shown = Vec::new();
    let mut section = String::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').expect("a key");
        match name.strip_prefix("  ") {
            Some(inner) => shown.push(format!("{section}.{inner}")),
            None if value.trim().is_empty() => name.clone_into(&mut section),
            None => shown.push(name.to_owned()),
        }
    }
    shown.sort();
    assert_eq!(shown, known);
}

#[test]
fn every_key_of_the_example_is_explained() {
    let mut above = "";
    for line in EXAMPLE.lines() {
        let key = line.starts_with('#') && line.contains(": ") && !line.starts_with("# ")
            || line.starts_with("#  ");
        let explained = above.starts_with('#') || line.starts_with("#  ");
        assert!(!key || explained, "nothing is said about {line:?}");
        above = line;
    }
}

#[test]
fn example_is_not_read_as_empty_by_mistake() {
    let changed = uncommented().replace("jobs: 1000000", "jobs: 1000");
    assert_eq!(config(&changed).retain.jobs, 1_000);
    let broken = uncommented().replace("nice: 10", "nice: 99");
    load(&broken).1.unwrap_err();
}

/// What the example says about feeds and streams, in lines that begin with `# | `.
fn shown() -> String {
    let lines = EXAMPLE.lines().filter_map(|line| line.strip_prefix("# | "));
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn example_shows_every_word_of_feeds_and_streams() {
    let text = shown();
    let (feeds, streams) = text.split_once("streams:\n").unwrap();
    for (text, words) in [(feeds, live::FEED), (streams, live::STREAM)] {
        let said: BTreeSet<&str> = text
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'))
            .flat_map(|line| line.split(['{', ' ', ',']))
            .filter_map(|word| word.strip_suffix(':'))
            .filter(|word| words.contains(word))
            .collect();
        assert_eq!(said, words.iter().copied().collect());
    }
}

/// A feed or a stream that is silent says what the example says.
#[test]
fn example_shows_the_defaults_of_feeds_and_streams() {
    let told = config(&shown()).live;
    let silent = config(
        "feeds:\n  cam1: {command: x}\nstreams:\n  cam1: {feed: cam1, mimetype: video/mp2t}\n  \
         cam1-png: {command: x, type: shot, mimetype: image/png}\n",
    )
    .live;
    let mut feed = told.feeds["cam1"].clone();
    feed.source = silent.feeds["cam1"].source.clone();
    assert_eq!(feed, silent.feeds["cam1"]);
    let mut stream = told.streams["cam1"].clone();
    assert_eq!((stream.path.as_str(), stream.viewers), ("/yard/1.ts", Some(500)));
    "/stream/cam1".clone_into(&mut stream.path);
    stream.viewers = None;
    assert_eq!(stream, silent.streams["cam1"]);
    let mut shot = told.streams["cam1-png"].clone();
    (shot.feed, shot.command) = (None, silent.streams["cam1-png"].command.clone());
    assert_eq!(shot, silent.streams["cam1-png"]);
    assert_eq!((told.feeds.len(), told.streams.len()), (10, 7));
    let (booth, encode) = (&told.feeds["booth"], &told.streams["booth"].encode);
    let silent = config(
        "feeds:\n  a: {inputs: {video: {fifo: /v, format: rawvideo, size: 16x16, fps: 1}}}\n\
         streams:\n  a: {feed: a, encode: {preset: live-720p}}\n",
    )
    .live;
    assert_eq!(*encode, silent.streams["a"].encode);
    let (Source::Inputs(booth), Source::Inputs(least)) = (&booth.source, &silent.feeds["a"].source)
    else {
        panic!("both have inputs")
    };
    assert_eq!(booth.when_full, least.when_full);
    let format = |inputs: &Inputs| match inputs.video.as_ref().unwrap().format {
        PictureFormat::Raw { pixels, .. } => Some(pixels),
        PictureFormat::Coded(_) => None,
    };
    assert_eq!(format(booth), format(least));
    assert_eq!(told.feeds["studio"].source, Source::Push);
}
