//! What is said about feeds and streams that are wrong.

use proptest::prelude::*;

use crate::{load, problems};

/// What is wrong with one feed that says this.
fn feed(words: &str) -> Vec<String> {
    problems(&format!("feeds:\n  a: {{{words}}}\n"))
}

/// What is wrong with one stream of a feed `a` that says this.
fn stream(words: &str) -> Vec<String> {
    problems(&format!("feeds: {{a: {{push: http}}}}\nstreams:\n  x: {{{words}}}\n"))
}

fn each_has_one<const N: usize>(what: fn(&str) -> Vec<String>, cases: [(&str, &str); N]) {
    for (words, said) in cases {
        let found = what(words);
        assert_eq!(found.len(), 1, "{words}: {found:#?}");
        assert!(found[0].contains(said), "{words}: {found:#?}");
    }
}

#[test]
fn feed_has_one_source() {
    assert_eq!(
        feed("push: http, command: x"),
        ["2:7: feeds.a.push: has two sources, `command` and `push`: keep one"
            .replace("2:7", "2:13")]
    );
    each_has_one(
        feed,
        [
            ("mode: 10s", "has no source: say `command`, `push: http`"),
            ("pull: 'http://a/', fifo: /a", "has two sources, `pull` and `fifo`"),
            ("push: rtmp", "\"rtmp\" is not a way to push: write `push: http`"),
            (
                "pull: 'rtsp://me:secret@cam/x'",
                "rtsp:// is not an address that is pulled: http:// and",
            ),
            ("pull: cam.local", "is not an address: write http://HOST/PATH"),
            ("pull: 'http:///x'", "is not an address"),
            ("pull: 'http://a b/'", "is not an address"),
            ("pull: [a]", "is a list, not a single value"),
            ("fifo: run/x.ts", "\"run/x.ts\" is not the path of a FIFO: write the whole path"),
            ("fifo: /run/../x", "is not the path of a FIFO"),
            ("fifo: '~/x'", "is not the path of a FIFO"),
            ("fifo: /run/", "is not the path of a FIFO"),
        ],
    );
    assert!(!feed("pull: 'rtsp://me:secret@cam/x'")[0].contains("secret"));
}

#[test]
fn command_is_whole_and_names_a_program() {
    each_has_one(
        feed,
        [
            (
                "command: \"ffmpeg -i 'x\"",
                "feeds.a.command: ends within a quote: close the quote",
            ),
            ("command: '  '", "names no program: write a program and its arguments"),
            ("command: []", "names no program"),
            ("command: ['', x]", "names no program"),
            ("command: \"''\"", "names no program"),
            ("command: {a: b}", "is a section, not a command"),
            ("command: \"x \\0\"", "holds a NUL character"),
            ("command: [x, \"\\0\"]", "holds a NUL character"),
        ],
    );
}

#[test]
fn words_of_a_feed_are_checked() {
    assert_eq!(
        feed("push: http, sielnce: 5s"),
        ["2:19: feeds.a.sielnce: there is no such key: is `silence` meant?"]
    );
    each_has_one(
        feed,
        [
            (
                "push: http, colour: red",
                "there is no such key: known here: for, command, push",
            ),
            ("push: http, mode: always", "\"always\" is not a mode: on-demand, autostart"),
            ("push: http, mode:", "feeds.a.mode: is nothing, not a single value"),
            ("push: http, silence: 1ms", "1ms is out of range: choose from 100ms to 1d"),
            ("push: http, silence: no", "\"no\" is not a length of time"),
            ("push: http, fallback: []", "says nothing: write `[hold]`"),
            ("push: http, fallback: [hold 3s, slate]", "\"slate\" is not a fallback"),
            ("push: http, fallback: [end, hold]", "\"hold\" is never come to: `end` lasts"),
            ("push: http, fallback: [hold, end]", "\"end\" is never come to: `hold` lasts"),
            ("push: http, at-end: stop", "\"stop\" is not what an end means: restart or end"),
            ("push: http, ring-bytes: 1KiB", "1KiB is out of range: choose from 1MiB to 4GiB"),
            ("command: x, feed: a b", "\"a b\" is not a name"),
            ("command: x, access: key", "nobody pushes to it: leave it out"),
            (
                "push: http, access: all",
                "\"all\" is not who may watch or push: open, key or token",
            ),
        ],
    );
    each_has_one(
        problems,
        [
            ("feeds: 3", "feeds: is a single value, not a section"),
            ("streams: [a]", "streams: is a list, not a section"),
            ("feeds: {a: 3}", "feeds.a: is a single value, not a section"),
            (
                "feeds: {a b: {push: http}}",
                "feeds.a b: \"a b\" is not a name: up to 100 letters",
            ),
            ("feeds: {a: }", "feeds.a: has no source"),
        ],
    );
}

#[test]
fn feeds_lead_to_feeds() {
    assert_eq!(
        problems("feeds:\n  cam1: {push: http}\n  b: {command: x, feed: cma1}\n"),
        ["3:25: feeds.b.feed: there is no feed cma1: is `cam1` meant?"]
    );
    each_has_one(
        problems,
        [
            (
                "feeds: {b: {command: x, feed: b}}",
                "feeds.b.feed: b is its own parent: name another",
            ),
            (
                "feeds: {a: {push: http}, b: {push: http, feed: a}}",
                "feeds.b.feed: says `push`, and `feed`, which a command reads",
            ),
            (
                "feeds: {a: {push: http}, b: {pull: 'http://x', feed: a}}",
                "says `pull`, and `feed`",
            ),
            ("feeds: {a: {push: http}, b: {fifo: /x, feed: a}}", "says `fifo`, and `feed`"),
            (
                "feeds: {a: {command: x, feed: c}, b: {command: x, feed: a}, c: {command: x, feed: b}}",
                "feeds.a.feed: these feeds read each other: a → c → b → a",
            ),
            (
                "feeds: {d: {command: x, feed: z}, y: {command: x, feed: z}, z: {command: x, feed: y}}",
                "these feeds read each other: z → y → z",
            ),
            (
                "feeds: {b: {command: x, feed: far-away}}",
                "there is no feed far-away: declare it",
            ),
        ],
    );
}

#[test]
fn streams_lead_to_feeds() {
    each_has_one(
        stream,
        [
            ("mimetype: a/b", "streams.x: has neither a feed nor a command: say which `feed`"),
            ("feed: b, mimetype: a/b", "streams.x.feed: there is no feed b: is `a` meant?"),
            ("feed: a", "streams.x: has no `mimetype`: say what viewers get"),
            ("feed: a, mimetype: video", "\"video\" is not a media type: write TYPE/SUBTYPE"),
            ("feed: a, mimetype: /", "is not a media type"),
            ("feed: a, mimetype: 'a b/c'", "is not a media type"),
            ("feed: a, mimetype: \"a/b\\r\\nX: y\"", "is not a"),
            ("feed: a, mimetype: \"a/b;\\x7f\"", "is not a"),
            ("feed: a, mimetype: a/ü", "is not a media type"),
            (
                "feed: a, mimetype: a/b, type: shot",
                "a shot is what a command makes, and there is none",
            ),
            (
                "feed: a, mimetype: a/b, client: exclusive",
                "there is no command to have to oneself",
            ),
            ("feed: a, mimetype: a/b, timeout: 3s", "only a shot has one: write `type: shot`"),
            ("feed: a, mimetype: a/b, cache: 3s", "only a shot has one"),
            ("command: x, mimetype: a/b, type: shot, timeout: 0s", "out of range"),
            (
                "command: x, mimetype: a/b, type: shots",
                "\"shots\" is not a type: stream or shot",
            ),
            (
                "feed: a, mimetype: a/b, slow: drop",
                "\"drop\" is not what becomes of slow viewers",
            ),
            (
                "feed: a, mimetype: a/b, slow-after: 0s",
                "out of range: choose from 100ms to 1d",
            ),
            (
                "feed: a, mimetype: a/b, viewers: 0",
                "0 is out of range: choose from 1 to 1000000",
            ),
            (
                "feed: a, mimetype: a/b, access: all",
                "\"all\" is not who may watch or push: open, key or token",
            ),
            ("feed: a, mimetype: a/b, ring-bytes: 5GiB", "5GiB is out of range"),
            ("feed: a, mimetype: a/b, mime: c/d", "there is no such key: "),
        ],
    );
}

#[test]
fn address_of_a_stream_is_a_path_of_its_own() {
    let with = |url: &str| stream(&format!("feed: a, mimetype: a/b, url: '{url}'"));
    for (url, said) in [
        ("scary/vid", "does not begin with `/`"),
        ("/a/../b", "has a `.` or `..` in it"),
        ("/a//b", "has `//` in it"),
        ("/a?b", "has a query or a fragment"),
        ("/a#b", "has a query or a fragment"),
        ("/a\tb", "holds '\\t'"),
        ("/", "/ is an address of ffleet's own: choose another"),
        ("/v1", "/v1 is an address of ffleet's own"),
        ("/v1/jobs", "/v1/jobs is an address of ffleet's own"),
        ("/metrics", "an address of ffleet's own"),
        ("/ingest/a", "an address of ffleet's own"),
        ("/stream", "an address of ffleet's own"),
    ] {
        let found = with(url);
        assert_eq!(found.len(), 1, "{url}: {found:?}");
        assert!(found[0].contains(said), "{url}: {found:?}");
    }
    for fine in ["/stream/x", "/shot/x", "/stream/x/more", "/stream/nobody", "/jobs.ts"] {
        let text = format!("streams: {{x: {{command: c, mimetype: a/b, url: {fine}}}}}");
        load(&text).1.unwrap();
    }
}

#[test]
fn two_streams_at_one_address_are_both_shown() {
    let found = problems(
        "feeds: {a: {push: http}}\nstreams:\n  x: {feed: a, mimetype: a/b, url: /v}\n  \
         y: {feed: a, mimetype: a/b, url: /v}\n  z: {feed: a, mimetype: a/b, url: /stream/x}\n  \
         p: {feed: a, mimetype: a/b, url: /shot/x}\n",
    );
    assert_eq!(found.len(), 3, "{found:#?}");
    assert!(
        found[0].starts_with("4:36: streams.y.url: the stream x answers at /v already, at ")
            && found[0].ends_with("3:36: choose another for one of them"),
        "{found:#?}"
    );
    assert!(found[1].contains("/stream/x is where the stream x answers"), "{found:#?}");
    assert!(found[2].contains("/shot/x is where the stream x answers"), "{found:#?}");
}

#[test]
fn variables_are_checked() {
    let with = |what: &str| problems(&format!("feeds:\n  'a{{n}}': {{for: {what}, push: http}}\n"));
    for (what, said) in [
        ("{n: 5..1}", "feeds.a{n}.for.n: 5..1 runs backwards: write `1..5`"),
        ("{n: 1..10001}", "stands for more than 10000: name fewer values"),
        ("{n: 1..99999999999999999999}", "stands for more than 10000"),
        ("{n: 1..101, m: 1..100}", "feeds.a{n}.for: stands for more than 10000"),
        ("{n: 5}", "\"5\" is not a range: write `{n: 1..50}`"),
        ("{n: []}", "stands for nothing"),
        ("{n: [[1]]}", "holds something that is not a single value"),
        ("{n: {a: b}}", "is a section, not a range or a list"),
        ("{}", "names no variable"),
        ("[n]", "is a list, not variables and their values"),
        ("{1n: 1..2}", "\"1n\" is not a variable: a letter, then letters"),
        ("{m: 1..2}", "{n} is no variable of its `for`: known here: {m}"),
        ("{n: [a, 'b c', 'd e']}", "\"ab c\" is not a name: up to 100 letters"),
        ("{n: [1, 1, 1]}", "stands for a1 more than once: put every"),
        ("{n: 1..4, m: 1..4}", "stands for a1 more than once (and so on, 9 more)"),
    ] {
        let found = with(what);
        assert_eq!(found.len(), 1, "{what}: {found:#?}");
        assert!(found[0].contains(said), "{what}: {found:#?}");
    }
}

#[test]
fn text_with_a_wrong_variable_is_said_once_for_all() {
    let found = problems(
        "feeds:\n  'cam{n}':\n    for: {n: 1..50}\n    command: x {m} y\nstreams:\n  'cam{n}': \
         {for: {n: 1..60}, feed: 'cam{n}', mimetype: a/b, url: '/x/{'}\n",
    );
    assert_eq!(found.len(), 3, "{found:#?}");
    assert_eq!(
        found[0],
        "4:14: feeds.cam{n}.command: {m} is no variable of its `for`: known \
         here: {n}; for braces themselves write `{{` and `}}`"
    );
    assert!(found[1].contains("there is no feed cam51 (and so on, 9 more)"), "{found:#?}");
    assert!(found[2].contains("has a `{` that belongs to no other"), "{found:#?}");
}

#[test]
fn names_are_there_once() {
    let found = problems(
        "feeds:\n  'cam{n}': {for: {n: 1..3}, push: http}\n  cam2: {push: http}\nstreams:\n  \
         cam1: {feed: cam1, mimetype: a/b}\n  'cam{n}': {for: {n: 1..3}, feed: 'cam{n}', mimetype: a/b}\n",
    );
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(
        found[0].starts_with("3:3: feeds.cam2: there is a feed cam2 already, at "),
        "{found:?}"
    );
    assert!(found[0].ends_with("2:3: keep one, or rename one"), "{found:?}");
    assert!(
        found[1].starts_with("6:3: streams.cam{n}: there is a stream cam1 already"),
        "{found:?}"
    );
}

/// What could not be understood is not said to be missing as well.
#[test]
fn misspelt_feed_hides_no_other_problem_and_makes_none() {
    let found = problems(
        "feeds:\n  'cam{m}': {for: {n: 1..3}, push: http}\nstreams:\n  x: {feed: cam1, mimetype: a}\n",
    );
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].contains("{m} is no variable") && found[1].contains("media type"));
}

#[test]
fn there_are_not_too_many() {
    let block = |name: &str| format!("  '{name}{{n}}': {{for: {{n: 1..6000}}, push: http}}\n");
    let found = problems(&format!("feeds:\n{}{}", block("a"), block("b")));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].contains("feeds.b{n}: there are more than 10000 feeds with this one"),
        "{found:?}"
    );
}

#[test]
fn feeds_are_not_said_in_variables() {
    let vars = [("FFLEET_FEEDS", "a=b"), ("FFLEET_GATEWAY_FLUSH", "5ms")];
    let found = ffleet_config::load(&crate::inputs(None, vars)).unwrap_err().to_string();
    assert_eq!(
        found,
        "FFLEET_FEEDS: feeds: cannot be said in a flag or a variable: write `name: {key: value}` \
         in the configuration's file"
    );
}

prop_compose! {
    /// A word of feeds and streams and something behind it, fit or not.
    fn word()(
        key in prop::sample::select(
            [ffleet_config::config::live::FEED, ffleet_config::config::live::STREAM].concat(),
        ),
        value in prop_oneof![
            "[a-z0-9/{}'\"%.: -]{0,12}",
            Just("{n: 1..3}".to_owned()),
            Just("[hold 3s, end]".to_owned()),
            Just("'cam{n}'".to_owned()),
            Just("x".to_owned()),
        ],
    ) -> String {
        format!("    {key}: {value}\n")
    }
}

proptest! {
    #[test]
    fn no_feed_and_no_stream_is_a_reason_to_panic(
        feeds in prop::collection::vec(("[a-c{}n]{1,4}", prop::collection::vec(word(), 0..5)), 0..4),
        streams in prop::collection::vec(("[a-c{}n]{1,4}", prop::collection::vec(word(), 0..5)), 0..4),
    ) {
        let section = |of: &[(String, Vec<String>)]| -> String {
            of.iter().map(|(name, words)| format!("  '{name}':\n{}", words.concat())).collect()
        };
        let text = format!("feeds:\n{}streams:\n{}", section(&feeds), section(&streams));
        if let Ok(loaded) = load(&text).1 {
            let live = loaded.config.live;
            for feed in live.feeds.values().filter_map(|feed| feed.feed.as_ref()) {
                prop_assert!(live.feeds.contains_key(feed));
            }
            for stream in live.streams.values() {
                prop_assert!(stream.feed.is_some() || stream.command.is_some());
            }
        }
    }
}

#[test]
fn ten_thousand_slips_are_answered() {
    let text = "feeds: {'camera-{n}': {for: {n: 1..10000}, push: http}}\nstreams:\n  'camera-{n}': {for: {n: \
                1..10000}, feed: 'kamera-{n}', mimetype: a/b}\n";
    let found = problems(text);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0]
            .ends_with("there is no feed kamera-1 (and so on, 9999 more): is `camera-1` meant?"),
        "{found:?}"
    );
}
