//! Files of voyandz run unchanged. Those here have the shape of its three samples.

use std::path::Path;

use ffleet_config::Problems;
use ffleet_config::voyandz::{self, Pages, Voyandz};
use ffleet_types::Span;
use ffleet_types::live::feed::{AtEnd, Fallback, Mode};
use ffleet_types::live::stream::{Client, Kind};
use proptest::prelude::*;

/// Two feeds that run from their first use on, two streams at addresses of their own.
const OWN_ADDRESSES: &str = "
listenaddr: '127.0.0.1'
listenport: 8090
#logdir: /var/log/there
feeds:
  one:
    command: >
      sh -re -loop -1 -i /there/one.ts
      -f mpjpeg -r 4 -boundary_tag edge -
    mode: continuous
  two:
    command: >
      sh -re -i /there/two.ts
      -f mpjpeg -
    mode: continuous
streams:
  one:
    command: cat
    type: stream
    mimetype: multipart/x-mixed-replace;boundary=edge
    feed: one
    url: /dark/wood
  two:
    command: cat
    type: stream
    mimetype: multipart/x-mixed-replace;boundary=edge
    feed: two
    url: bright/wood
pages:
  config: false
  stat: true
";

/// One feed that two others read, and streams of these.
const CHAIN: &str = "
listenaddr: '127.0.0.1'
listenport: 8090
feeds:
  feed_source: {command: sh -i /there/two.ts -codec copy -f mpegts -, mode: 5}
  feed_asked_for: {command: sh -i - -f rawvideo -, mode: on-demand, feed: feed_source}
  feed_kept: {command: sh -i - -f rawvideo -, mode: continuous, feed: feed_source}
streams:
  asked_for: {command: sh -i - -f mpjpeg -, type: stream, mimetype: multipart/x-mixed-replace;boundary=edge, feed: feed_asked_for}
  kept: {command: sh -i - -f mpjpeg -, type: stream, mimetype: multipart/x-mixed-replace;boundary=edge, feed: feed_kept}
pages: {config: false, stat: true}
";

fn with<T>(text: &str, what: impl FnOnce(&Path) -> T) -> T {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("voyandz");
    ffleet_base::write_atomic(&path, text.as_bytes(), 0o600).expect("a file");
    what(&path)
}

fn load(text: &str) -> Result<Voyandz, Problems> {
    with(text, voyandz::load)
}

fn loaded(text: &str) -> Voyandz {
    load(text).unwrap_or_else(|problems| panic!("{text}: {problems}"))
}

/// What is wrong with `text`, or odd, without the path of the file.
fn said(text: &str) -> Vec<String> {
    with(text, |path| {
        let said = match voyandz::load(path) {
            Ok(voyandz) => voyandz.warnings,
            Err(problems) => problems.iter().map(ToString::to_string).collect(),
        };
        let prefix = format!("{}:", path.display());
        said.iter().map(|line| line.replace(&prefix, "")).collect()
    })
}

fn is_one(text: &str) -> bool {
    with(text, voyandz::is_one)
}

#[test]
fn streams_have_addresses_of_their_own() {
    let voyandz = loaded(OWN_ADDRESSES);
    assert_eq!(voyandz.listen.to_string(), "127.0.0.1:8090");
    assert_eq!((voyandz.logdir, voyandz.pages), (None, Pages::default()));
    assert_eq!(voyandz.warnings, [""; 0]);
    let stream = &voyandz.live.streams["one"];
    assert_eq!((stream.path.as_str(), stream.kind), ("/dark/wood", Kind::Stream));
    assert_eq!(stream.mimetype, "multipart/x-mixed-replace;boundary=edge");
    assert_eq!((stream.client, stream.slow_after), (Client::Shared, Some(Span::secs(10))));
    assert_eq!(stream.command.as_ref().unwrap().words(), ["cat"]);
    assert_eq!(stream.feed.as_ref().unwrap().as_str(), "one");
    assert_eq!(voyandz.live.streams["two"].path, "/bright/wood");
    let feed = &voyandz.live.feeds["two"];
    assert_eq!((feed.mode, feed.at_end), (Mode::Continuous, AtEnd::End));
    assert_eq!(
        (feed.silence, &feed.fallback[..]),
        (Some(Span::secs(60)), &[Fallback::Hold(None)][..])
    );
}

#[test]
fn feeds_are_chained_and_linger() {
    let voyandz = loaded(CHAIN);
    let feeds = &voyandz.live.feeds;
    assert_eq!(feeds["feed_source"].mode, Mode::Linger(Span::secs(5)));
    assert_eq!(feeds["feed_kept"].feed.as_ref().unwrap().as_str(), "feed_source");
    assert_eq!(feeds["feed_asked_for"].mode, Mode::OnDemand);
    assert_eq!(voyandz.live.streams["kept"].path, "/stream/kept");
}

#[test]
fn empty_file_is_all_defaults() {
    for text in ["", "# Nothing.", "---\n", "{}"] {
        let voyandz = loaded(text);
        assert_eq!(voyandz.listen.to_string(), "127.0.0.1:8090");
        assert_eq!(voyandz.pages, Pages { home: true, stat: true, config: false });
        assert!(voyandz.live.feeds.is_empty() && voyandz.live.streams.is_empty());
    }
}

#[test]
fn words_mean_what_they_mean_there() {
    let feed = |mode: &str| {
        loaded(&format!("feeds: {{a: {{command: cat, mode: {mode}}}}}"))
            .live
            .feeds["a"]
            .mode
    };
    for (mode, meant) in [
        ("Autostart", Mode::Autostart),
        ("ON-DEMAND", Mode::OnDemand),
        ("5", Mode::Linger(Span::secs(5))),
        ("0", Mode::Linger(Span::secs(0))),
        ("1.5", Mode::Linger("1500ms".parse().unwrap())),
        ("'30'", Mode::Linger(Span::secs(30))),
        ("", Mode::OnDemand),
    ] {
        assert_eq!(feed(mode), meant, "{mode}");
    }
    let stream = "streams: {1: {command: 'cat #1', type: shot, mimetype: image/png, client: exclusive, url: '/ü b'}}";
    let stream = &loaded(stream).live.streams["1"];
    assert_eq!((stream.kind, stream.client), (Kind::Shot, Client::Exclusive));
    assert_eq!((stream.path.as_str(), stream.cache), ("/%C3%BC%20b", Span::secs(0)));
    assert_eq!(stream.command.as_ref().unwrap().words(), ["cat", "#1"]);
    let pages = loaded("pages: {home: no, stat: 0, config: yes}").pages;
    assert_eq!(pages, Pages { home: false, stat: false, config: true });
    let voyandz = loaded("listenaddr: '::'\nlistenport: '9000'\nlogdir: /tmp\nfeeds:\n");
    assert_eq!(voyandz.listen.to_string(), "[::]:9000");
    assert_eq!(voyandz.logdir.as_deref(), Some(Path::new("/tmp")));
}

#[test]
fn anchors_and_merged_keys_are_known() {
    let voyandz = loaded(
        "streams:\n  a: &a {command: cat, type: stream, mimetype: a/b}\n  \
         b:\n    <<: *a\n    url: /b\n  c: {type: shot, <<: *a, mimetype: c/d}\n",
    );
    assert_eq!(voyandz.live.streams["b"].mimetype, "a/b");
    assert_eq!(voyandz.live.streams["b"].path, "/b");
    let own = &voyandz.live.streams["c"];
    assert_eq!((own.mimetype.as_str(), own.kind), ("c/d", Kind::Shot));
}

#[test]
fn what_voyandz_ignores_is_warned_of() {
    let stream = "command: cat, type: stream, mimetype: a/b";
    for (text, warning) in [
        (
            "listenprt: 80",
            "1:12: listenprt: voyandz knows no such key, and it is ignored: is `listenport` meant?",
        ),
        ("pages: {hme: no}", "pages.hme: voyandz knows no such key"),
        (
            "feeds: {a: {command: cat, silence: 5s}}",
            "feeds.a.silence: voyandz knows no such key",
        ),
        (
            &format!("streams: {{a: {{{stream}, client: each}}}}"),
            "\"each\" is neither shared nor",
        ),
        (
            &format!("streams: {{a: {{{stream}, url: stat}}}}"),
            "/stat is a page of voyandz: the stream answers at /stream/a alone",
        ),
        (
            &format!("streams: {{a: {{{stream}, url: stream/b}}}}"),
            "/stream/b is a page of voyandz",
        ),
        (
            &format!("streams: {{a: {{{stream}, url: a//b}}}}"),
            "is no path that is asked for as it is",
        ),
        (
            &format!("streams: {{a: {{{stream}, url: a/../b}}}}"),
            "is no path that is asked for as it is",
        ),
        (
            &format!("streams: {{b: {{{stream}, url: /x}}, a: {{{stream}, url: x}}}}"),
            "streams.a.url: /x is where b answers: the stream answers at /stream/a alone",
        ),
        (
            "listenport: 80\nlistenport: 81",
            "2:1: the key `listenport` is there twice: what it says last counts",
        ),
        (
            "feeds: {a: {command: /nowhere/x}}",
            "feeds.a.command: \"/nowhere/x\" is not there",
        ),
    ] {
        let warnings = said(text);
        loaded(text);
        assert_eq!(warnings.len(), 1, "{text}: {warnings:#?}");
        assert!(warnings[0].contains(warning), "{text}: {warnings:#?}");
    }
    assert_eq!(loaded("listenport: 80\nlistenport: 81").listen.port(), 81);
}

#[test]
fn what_voyandz_refuses_or_fails_at_is_a_problem() {
    let stream = |words: &str| {
        format!("streams: {{a: {{command: cat, type: stream, mimetype: a/b, {words}}}}}")
    };
    for (text, problem) in [
        ("- a", "is a list, not a section"),
        ("a: [", "the file is YAML"),
        (
            "listenaddr: voyandz.lan",
            "1:13: listenaddr: \"voyandz.lan\" is not an IP address: write one",
        ),
        ("listenport: 0", "listenport: 0 is out of range: choose from 1 to 65535"),
        ("listenport: web", "listenport: \"web\" is not a whole number"),
        ("logdir: /nowhere/at-all", "logdir: /nowhere/at-all is no directory: make it"),
        ("pages: 3", "pages: is a single value, not a section"),
        ("feeds: [a]", "feeds: is a list, not a section"),
        ("feeds: {a: cat}", "feeds.a: is a single value, not a section"),
        ("feeds: {a: {}}", "feeds.a: has no command"),
        ("feeds: {a: {command: ''}}", "feeds.a.command: names no program"),
        ("feeds: {a: {command: \"cat 'x\"}}", "feeds.a.command: ends within a quote"),
        ("feeds: {a: {command: cat, mode: true}}", "feeds.a.mode: \"true\" is not a mode"),
        ("feeds: {a: {command: cat, mode: -5}}", "feeds.a.mode: \"-5\" is not a mode"),
        ("feeds: {a: {command: cat, feed: b}}", "feeds.a.feed: there is no feed b"),
        ("feeds: {a: {command: cat, feed: a}}", "feeds.a.feed: a is its own parent"),
        ("feeds: {a b: {command: cat}}", "feeds.a b: \"a b\" is not a name"),
        ("streams: {a: {type: stream, mimetype: a/b}}", "streams.a: has no command"),
        ("streams: {a: {command: cat, mimetype: a/b}}", "streams.a: has no `type`"),
        ("streams: {a: {command: cat, type: stream}}", "streams.a: has no `mimetype`"),
        (
            "streams: {a: {command: cat, type: film, mimetype: a/b}}",
            "\"film\" is not a type",
        ),
        (
            "streams: {a: {command: cat, type: stream, mimetype: mp4}}",
            "\"mp4\" is not a media type",
        ),
        (&stream("feed: b"), "streams.a.feed: there is no feed b"),
        (
            &stream("url: /metrics"),
            "/metrics is an address of ffleet's own: choose another",
        ),
    ] {
        load(text).unwrap_err();
        let problems = said(text);
        assert_eq!(problems.len(), 1, "{text}: {problems:#?}");
        assert!(problems[0].contains(problem), "{text}: {problems:#?}");
    }
    voyandz::load(Path::new("/nowhere/v")).unwrap_err();
}

#[test]
fn its_files_are_told_from_ours() {
    for text in [
        OWN_ADDRESSES,
        CHAIN,
        "listenport: 8090",
        "logdir: /tmp\nwhatever: 3",
        "pages:",
        "feeds: {a: {command: cat, mode: 5}}\nstreams: {a: {command: cat, type: stream, mimetype: a/b, feed: a}}",
    ] {
        assert!(is_one(text), "{text}");
    }
    for text in [
        "",
        "# Nothing.",
        "- a",
        "a: [",
        "listen: 127.0.0.1:80",
        "listenport: 8090\nworker: {nice: 3}",
        "feeds: {a: {command: cat}}",
        "feeds: {a: {command: cat}}\nstreams: {a: {feed: a, mimetype: a/b}}",
        "feeds: {a: {push: http}}\nstreams: {a: {command: cat, type: stream, mimetype: a/b}}",
        "streams: {a: {command: cat, type: stream, mimetype: a/b, slow: cut}}",
        "gateway: {flush: 5ms}\nstreams: {a: {command: cat, type: stream, mimetype: a/b}}",
    ] {
        assert!(!is_one(text), "{text}");
    }
    assert!(!voyandz::is_one(Path::new("/nowhere/v")));
}

proptest! {
    #[test]
    fn no_text_of_voyandz_is_a_reason_to_panic(
        words in prop::collection::vec(
            (
                prop::sample::select(vec![
                    "listenaddr", "listenport", "logdir", "pages", "feeds", "streams", " a", " b",
                    "  command", "  mode", "  feed", "  type", "  mimetype", "  client", "  url",
                    " home",
                ]),
                "[a-c0-9/.{}'\" -]{0,8}",
            ),
            0..12,
        ),
    ) {
        let text: String = words.iter().map(|(key, value)| format!("{key}: {value}\n")).collect();
        let _either = (load(&text), is_one(&text));
    }

    #[test]
    fn no_text_at_all_is_one(text in "[a-z:\\-\\[\\]{}#'\" \\n\\t0-9&*!|>%@,?~.<]{0,200}") {
        let _either = (load(&text), is_one(&text));
    }
}
