//! docs/presets.md lists what there is.

use std::collections::BTreeSet;

use ffleet_media::preset;
use ffleet_media::recipe::{Audio, Video};

const PAGE: &str = include_str!("../../../../../docs/presets.md");

/// The rows below the heading `title`, as cells without the marks of code.
fn rows(title: &str) -> Vec<Vec<String>> {
    let (_, section) = PAGE.split_once(&format!("## {title}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let lines = section.lines().filter(|line| line.starts_with('|')).skip(2);
    let cells = |line: &str| {
        let cells = line.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().replace('`', "")).collect()
    };
    lines.map(cells).collect()
}

#[test]
fn page_names_every_preset_once() {
    let mut named = Vec::new();
    for row in rows("Picture and sound") {
        named.extend(row[1..].iter().cloned());
    }
    named.extend(rows("The others").into_iter().map(|row| row[0].clone()));
    let all: BTreeSet<String> = preset::names().into_iter().collect();
    assert_eq!(named.len(), all.len(), "a preset is named twice or not at all");
    assert_eq!(named.into_iter().collect::<BTreeSet<_>>(), all);
}

#[test]
fn page_says_what_is_in_each_row() {
    for row in rows("Picture and sound") {
        let [lines, rate] = row[0].split_once(", ").map(|(lines, rate)| [lines, rate]).unwrap();
        for name in &row[1..] {
            let Some(Video::Encode(video)) = preset::builtin(name).map(|recipe| recipe.video)
            else {
                panic!("{name} encodes");
            };
            let said = match video.size {
                Some(ffleet_media::recipe::Size::Lines(lines)) => format!("{lines} lines"),
                _ => "the input's size".to_owned(),
            };
            assert_eq!(lines, said, "{name}");
            let said = video
                .fps
                .map_or_else(|| "its rate".to_owned(), |fps| format!("{fps} fps"));
            assert_eq!(rate, said, "{name}");
        }
    }
}

#[test]
fn page_says_what_containers_and_sound_are() {
    for row in rows("Codecs") {
        let [codec, container, sound] = [&row[0], &row[1], &row[2]];
        let recipe = preset::builtin(&format!("720p-{codec}")).unwrap();
        assert_eq!(recipe.container.unwrap().name(), container, "{codec}");
        let Audio::Encode(audio) = &recipe.audio else {
            panic!("{codec} has sound")
        };
        assert_eq!(audio.codec.name(), sound, "{codec}");
    }
    for row in rows("The others") {
        let recipe = preset::builtin(&row[0]).unwrap();
        assert_eq!(recipe.container.unwrap().name(), row[1], "{}", row[0]);
    }
}
