//! What is declared over the API, beside what the file says.

use std::path::Path;

use ffleet_config::Loaded;
use ffleet_config::config::live::{Declaration, Merged, declaration};
use ffleet_types::live::Sort;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::names;
use crate::load;

const FILE: &str = "
feeds:
  studio: { push: http }
streams:
  studio: { feed: studio, mimetype: video/mp2t, url: /live/studio }
  front: { feed: studio, mimetype: video/mp2t, url: /stream/door }
";

fn loaded(text: &str) -> Loaded {
    load(text).1.expect("a configuration")
}

fn declared(sort: Sort, name: &str, says: &Value) -> Declaration {
    Declaration::new(sort, name.parse().expect("a name"), says.as_object().expect("an object"))
}

fn feed(name: &str, says: &Value) -> Declaration {
    declared(Sort::Feed, name, says)
}

fn stream(name: &str, says: &Value) -> Declaration {
    declared(Sort::Stream, name, says)
}

fn left_out(merged: &Merged) -> Vec<String> {
    let of = |((sort, name), why): (&(Sort, _), &String)| format!("{sort} {name}: {why}");
    merged.left_out.iter().map(of).collect()
}

#[test]
fn declaration_means_what_it_means_in_a_file() {
    let written = loaded(FILE).written;
    let says = json!({"command": "cat -u", "feed": "studio", "mode": "10s", "silence": "never",
        "fallback": ["hold 30s", "end"], "ring-bytes": "16MiB", "at-end": "end"});
    let viewed = json!({"feed": "copy", "mimetype": "video/mp2t", "viewers": 5, "access": "key"});
    let merged = written.with(&[stream("copy", &viewed), feed("copy", &says)]).unwrap();
    let file = "
feeds:
  studio: { push: http }
  copy: { command: cat -u, feed: studio, mode: 10s, silence: never, fallback: [hold 30s, end], ring-bytes: 16MiB, at-end: end }
streams:
  studio: { feed: studio, mimetype: video/mp2t, url: /live/studio }
  front: { feed: studio, mimetype: video/mp2t, url: /stream/door }
  copy: { feed: copy, mimetype: video/mp2t, viewers: 5, access: key }
";
    let same = loaded(file).config.live;
    assert_eq!((merged.feeds, merged.streams), (same.feeds, same.streams));
    assert_eq!(written.names().len(), 3);
}

#[test]
fn what_is_wrong_is_said_as_of_a_file() {
    let written = loaded(FILE).written;
    for (wrong, key, why) in [
        (feed("a", &json!({})), "feeds.a", "has no source"),
        (feed("a", &json!({"comand": "x"})), "feeds.a.comand", "is `command` meant?"),
        (
            feed("a", &json!({"push": "http", "mode": null})),
            "feeds.a.mode",
            "not a single value",
        ),
        (feed("a", &json!({"push": {"a": 1}})), "feeds.a.push", "is a section"),
        (feed("a", &json!({"command": "x 'y"})), "feeds.a.command", "ends within a quote"),
        (
            feed("a", &json!({"command": "cat", "feed": "a"})),
            "feeds.a.feed",
            "its own parent",
        ),
        (feed("a", &json!({"command": "cat", "feed": "stuio"})), "feeds.a.feed", "studio"),
        (
            feed("a", &json!({"push": "http", "for": {"n": "1..2"}})),
            "feeds.a.for",
            "declare each",
        ),
        (feed("studio", &json!({"push": "http"})), "feeds.studio", "already"),
        (stream("a", &json!({"feed": "studio"})), "streams.a", "no `mimetype`"),
        (
            stream("studio", &json!({"feed": "studio", "mimetype": "a/b"})),
            "streams.studio",
            "already",
        ),
        (
            stream("door", &json!({"feed": "studio", "mimetype": "a/b"})),
            "streams.door",
            "front",
        ),
        (
            stream("a", &json!({"feed": "studio", "mimetype": "a/b", "url": "/v1/jobs"})),
            "streams.a.url",
            "ffleet's own",
        ),
        (
            stream("a", &json!({"feed": "studio", "mimetype": "a/b", "url": "/live/studio"})),
            "streams.a.url",
            "the stream studio answers at /live/studio already",
        ),
        (
            stream("a", &json!({"feed": "studio", "mimetype": "a/b", "url": "/stream/studio"})),
            "streams.a.url",
            "where the stream studio answers",
        ),
    ] {
        let problems = written.with(std::slice::from_ref(&wrong)).unwrap_err();
        let said = problems.to_string();
        assert!(said.contains(&format!("the API: {key}: ")) && said.contains(why), "{said}");
        let merged = written.merge(vec![wrong]);
        assert_eq!((merged.left_out.len(), merged.streams.len()), (1, 2), "{said}");
    }
    let cycle = [("a", "b"), ("b", "a")]
        .map(|(name, parent)| feed(name, &json!({"command": "cat", "feed": parent})));
    let said = written.with(&cycle).unwrap_err().to_string();
    assert!(said.contains("read each other"), "{said}");
    assert_eq!(written.merge(cycle.to_vec()).feeds.len(), 1);
}

#[test]
fn file_counts_where_both_declare_something() {
    let all = vec![
        feed("studio", &json!({"pull": "http://elsewhere/"})),
        feed("desk", &json!({"push": "http"})),
        stream("desk", &json!({"feed": "desk", "mimetype": "video/mp2t"})),
        stream("gone", &json!({"feed": "gone", "mimetype": "video/mp2t"})),
    ];
    let merged = loaded(FILE).written.merge(all.clone());
    assert_eq!(names(merged.feeds.keys()), ["desk", "studio"]);
    assert_eq!(names(merged.streams.keys()), ["desk", "front", "studio"]);
    let said = left_out(&merged);
    assert!(
        said[0].starts_with("feed studio: there is a feed studio already, at "),
        "{said:?}"
    );
    assert!(said[1].starts_with("stream gone: there is no feed gone"), "{said:?}");
    // What the file does not say is the API's again.
    let merged = loaded("feeds: {}\n").written.merge(all);
    assert_eq!(names(merged.feeds.keys()), ["desk", "studio"]);
    assert_eq!(left_out(&merged).len(), 1);
}

#[test]
fn yaml_of_one_feed_becomes_what_the_api_takes() {
    let file = Path::new("cam.yaml");
    let says = declaration("command: [cat, '007']\nmode: 10s\nviewers: 5\nfeed:\n", file).unwrap();
    let wanted = json!({"command": ["cat", "007"], "mode": "10s", "viewers": "5", "feed": null});
    assert_eq!(Value::Object(says), wanted);
    for (text, why) in [
        ("", "cam.yaml"),
        ("just words", "holds no keys"),
        ("a: 1\na: 2\n", "cam.yaml:2:1"),
        ("a: [", "cam.yaml:1"),
    ] {
        let said = declaration(text, file).unwrap_err().to_string();
        assert!(said.contains(why), "{text:?}: {said}");
    }
}

/// What may be said of a feed or a stream, right or wrong.
fn says() -> impl Strategy<Value = Map<String, Value>> {
    let word = prop::sample::select(vec![
        "command", "push", "pull", "fifo", "feed", "mode", "mimetype", "url", "type", "client",
        "for", "x",
    ]);
    let text = prop::sample::select(vec![
        "http",
        "cat",
        "a",
        "b",
        "c",
        "studio",
        "10s",
        "video/mp2t",
        "/stream/a",
        "/stream/b",
        "/v1",
        "/x",
        "shot",
        "exclusive",
        "http://h/",
        "{n}",
        "'",
        "\0",
        "",
    ]);
    let text = text.prop_map(Value::from);
    let leaf =
        prop_oneof![8 => text, 1 => any::<i64>().prop_map(Value::from), 1 => Just(Value::Null)];
    let value = leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-z]", inner, 0..2)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    let any = prop::collection::btree_map(word.prop_map(str::to_owned), value, 0..4)
        .prop_map(|map| map.into_iter().collect::<Map<_, _>>());
    let of = |key: &'static str| {
        let parents = prop::sample::select(vec!["a", "b", "c", "studio"]);
        parents.prop_map(move |parent| {
            let says = json!({"feed": parent, key: if key == "mimetype" { "a/b" } else { "cat" }});
            says.as_object().cloned().unwrap_or_default()
        })
    };
    prop_oneof![2 => any, 3 => of("command"), 3 => of("mimetype")]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whatever_is_declared_the_file_stays_and_the_rest_goes_together(
        all in prop::collection::btree_map(
            (prop::bool::ANY, prop::sample::select(vec!["a", "b", "c", "studio", "door"])),
            says(),
            0..6,
        ),
    ) {
        let Loaded { written, config, .. } = loaded(FILE);
        let sort = |is_feed| if is_feed { Sort::Feed } else { Sort::Stream };
        let declared: Vec<_> = all
            .iter()
            .map(|(&(is_feed, name), says)| declared(sort(is_feed), name, &Value::Object(says.clone())))
            .collect();
        let merged = written.merge(declared.clone());
        for (name, feed) in &config.live.feeds {
            prop_assert_eq!(&merged.feeds[name], feed);
        }
        for (name, stream) in &config.live.streams {
            prop_assert_eq!(&merged.streams[name], stream);
        }
        let parents = merged.feeds.values().filter_map(|feed| feed.feed.as_ref());
        let parents = parents.chain(merged.streams.values().filter_map(|one| one.feed.as_ref()));
        for parent in parents {
            prop_assert!(merged.feeds.contains_key(parent), "{}", parent);
        }
        let there = merged.feeds.len() + merged.streams.len() - 3;
        prop_assert_eq!(there + merged.left_out.len(), declared.len());
        // What is there is what can be: said alone, nothing is wrong with it.
        let kept: Vec<_> = declared
            .into_iter()
            .filter(|one| !merged.left_out.contains_key(&(one.sort(), one.name().clone())))
            .collect();
        prop_assert!(written.with(&kept).is_ok());
    }
}
