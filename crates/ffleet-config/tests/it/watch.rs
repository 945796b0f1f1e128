//! `watch`: rules for processes that others start.

use std::path::Path;
use std::time::Duration;

use ffleet_config::config::watch::{CONDITIONS, LIMITS, Percent, Watch};
use ffleet_supervise::watch::Limits;
use ffleet_types::{Bytes, Cpu, Span};

use crate::{config, inputs, problems};

const EXAMPLE: &str = include_str!("../../../../ffleet.example.yaml");
const PAGE: &str = include_str!("../../../../docs/watch.md");

fn watch(text: &str) -> Watch {
    config(text).watch
}

#[test]
fn rule_says_whom_it_fits_and_what_it_brings() {
    let all = watch(
        "watch:\n  scan-interval: 30s\n  tries: 2\n  detach-on-stop: true\n  throttled: 75%\n  allow: [ff*]\n  \
         block: [ffprobe, sshd]\n  rules:\n  - {label: encoders, name: ffmpeg*, user: root, parent: '*sh', directory: \
         /srv/media, exe: /usr/bin, age: 10s, cpu: 400%, cpu-weight: 150, memory: 4GiB, tasks: 256, io-weight: 50, \
         nice: -5}\n  - {uid: 33, nice: 19}\n",
    );
    assert_eq!((all.scan_interval, all.tries), (Span::secs(30), 2));
    assert_eq!((all.detach_on_stop, all.throttled), (true, Percent(75)));
    assert_eq!((all.allow.len(), all.block[1].fits("sshd")), (1, true));
    let rule = &all.rules[0];
    assert_eq!((rule.label.as_str(), rule.uid), ("encoders", Some(0)));
    assert!(
        rule.name.as_ref().unwrap().fits("ffmpeg-9") && rule.parent.as_ref().unwrap().fits("bash")
    );
    assert_eq!(rule.directory.as_deref(), Some(Path::new("/srv/media")));
    assert_eq!(
        (rule.exe.as_deref(), rule.age),
        (Some(Path::new("/usr/bin")), Duration::from_secs(10))
    );
    let limits = Limits {
        cpu: Some(Cpu(4_000)),
        cpu_weight: Some(150),
        memory: Some(Bytes::gib(4)),
        tasks: Some(256),
        io_weight: Some(50),
        nice: Some(-5),
    };
    assert_eq!(rule.limits, limits);
    assert_eq!((all.rules[1].label.as_str(), all.rules[1].uid), ("rule-2", Some(33)));
}

#[test]
fn mistakes_in_rules_are_told_where_they_are() {
    for (rule, said) in [
        (
            "{nmae: ffmpeg, nice: 5}",
            "4:6: watch.rules[0].nmae: there is no such key: is `name` meant?",
        ),
        (
            "{nice: 5}",
            "4:5: watch.rules[0]: fits every process of the machine: say `name`",
        ),
        ("{age: 5s, nice: 5}", "fits every process of the machine"),
        (
            "{name: ffmpeg}",
            "4:5: watch.rules[0]: brings no limit: say cpu, cpu-weight, memory",
        ),
        (
            "{name: 'ff[mp]eg', nice: 5}",
            "4:12: watch.rules[0].name: \"ff[mp]eg\" is not a name",
        ),
        ("{name: /usr/bin/ffmpeg, nice: 5}", "is not a name"),
        (
            "{user: no-such-user, nice: 5}",
            "4:12: watch.rules[0].user: there is no user \"no-such-user\" in /etc/passwd",
        ),
        (
            "{user: root, uid: 0, nice: 5}",
            "watch.rules[0].uid: is said beside `user`: keep one of the two",
        ),
        ("{uid: -1, nice: 5}", "is not a whole number"),
        (
            "{exe: bin/ffmpeg, nice: 5}",
            "watch.rules[0].exe: \"bin/ffmpeg\" is not a whole path",
        ),
        (
            "{directory: /srv/../etc, nice: 5}",
            "is not a whole path: begin it with /, and write no ..",
        ),
        (
            "{name: a, nice: 20}",
            "watch.rules[0].nice: 20 is out of range: choose from -20 to 19",
        ),
        ("{name: a, cpu-weight: 0}", "0 is out of range: choose from 1 to 10000"),
        ("{name: a, memory: 1KiB}", "watch.rules[0].memory: 1KiB is out of range"),
        ("{name: a, tasks: 0}", "watch.rules[0].tasks: 0 is out of range"),
        ("{name: a, age: 30d, nice: 1}", "watch.rules[0].age: 30d is out of range"),
        ("{label: a b, name: a, nice: 1}", "watch.rules[0].label: \"a b\" is not a label"),
        ("ffmpeg", "watch.rules[0]: is a single value, not a section"),
        (
            "{name: a, nice: 1}\n  - {label: rule-1, name: b, nice: 1}",
            "5:13: watch.rules[1].label: another rule is called \"rule-1\"",
        ),
    ] {
        let told = problems(&format!("watch:\n  tries: 2\n  rules:\n  - {rule}\n"));
        assert!(told.iter().any(|line| line.contains(said)), "{rule}: {told:#?}");
    }
    let many = "  - {name: a, nice: 1}\n".repeat(257);
    let told = problems(&format!("watch:\n  rules:\n{many}"));
    assert_eq!(told, ["259:5: watch.rules[256]: is one too many: there may be 256 rules"]);
}

#[test]
fn mistakes_beside_rules_are_told_too() {
    for (text, said) in [
        ("rules: {name: a}", "watch.rules: is a section, not a list"),
        ("rules: ffmpeg", "watch.rules: is a single value, not a list"),
        ("detach-on-stop: yes", "watch.detach-on-stop: \"yes\" is not true or false"),
        ("throttled: 101%", "watch.throttled: \"101%\" is not a part of a whole"),
        ("throttled: 50", "watch.throttled: \"50\" is not a part of a whole"),
        (
            "scan-interval: 10ms",
            "watch.scan-interval: 10ms is out of range: choose from 1s to 1h",
        ),
        ("block: [a/b]", "watch.block: \"a/b\" is not a name"),
        (
            "scan-intervall: 1s",
            "watch.scan-intervall: there is no such key: is `watch.scan-interval` meant?",
        ),
    ] {
        let told = problems(&format!("watch:\n  {text}\n"));
        assert!(told.iter().any(|line| line.contains(said)), "{text}: {told:#?}");
    }
}

#[test]
fn variables_say_all_but_rules() {
    let vars = [("FFLEET_WATCH_BLOCK", "sshd, bash"), ("FFLEET_WATCH_DETACH_ON_STOP", "true")];
    let said = ffleet_config::load(&inputs(None, vars)).unwrap().config.watch;
    assert_eq!((said.block.len(), said.detach_on_stop), (2, true));
    let vars = [("FFLEET_WATCH_RULES", "ffmpeg")];
    let told = ffleet_config::load(&inputs(None, vars)).unwrap_err().to_string();
    assert!(
        told.contains("FFLEET_WATCH_RULES: watch.rules: cannot be said in a flag or a variable"),
        "{told}"
    );
}

#[test]
fn every_word_of_a_rule_is_explained_and_the_examples_are_ones() {
    let text = EXAMPLE.split("#watch:").nth(1).unwrap().split("\n\n").next().unwrap();
    for word in CONDITIONS.iter().chain(&LIMITS).chain(&["label"]) {
        assert!(text.contains(&format!("`{word}`")), "nothing is said about {word}");
    }
    let shown = text.split("For example: ").nth(1).unwrap().split("].").next().unwrap();
    let shown = format!("watch:\n  rules: {}]\n", shown.replace("\n#", ""))
        .replace("user: media", "user: root");
    assert_eq!(watch(&shown).rules.len(), 2, "{shown}");
    let page = PAGE.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    assert!(watch(&page.replace("user: media", "user: root")).rules.len() > 1, "{page}");
}
