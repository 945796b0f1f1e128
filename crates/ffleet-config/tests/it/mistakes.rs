//! What is said about a configuration that is wrong.

use std::path::Path;

use proptest::prelude::*;

use crate::{inputs, load, problems};

#[test]
fn unknown_key_names_the_nearest() {
    assert_eq!(
        problems("listne: 127.0.0.1:1\nworker:\n  max-taks: 3\n  max_tasks: 4\n"),
        [
            "1:1: listne: there is no such key: is `listen` meant?",
            "3:3: worker.max-taks: there is no such key: is `worker.max-tasks` meant?",
            "4:3: worker.max_tasks: there is no such key: is `worker.max-tasks` meant?",
        ]
    );
}

#[test]
fn key_in_the_wrong_section_names_the_right_one() {
    let found = problems("nice: 3\nretain:\n  colour: red\n");
    assert_eq!(found[0], "1:1: nice: there is no such key: is `worker.nice` meant?");
    assert_eq!(found[1], "3:3: retain.colour: there is no such key: known here: finished, jobs");
}

#[test]
fn all_problems_are_said_at_once_in_the_order_of_the_file() {
    let found = problems(
        "listen: 0.0.0.0:8420\nlease-term: 1s\nlog:\n  level: loud\n  areas: {stroe: debug}\n\
         limits: 5\nretain: {jobs: -1, finished: 30}\nroots: []\n",
    );
    let lines: Vec<&str> = found.iter().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(lines, ["1", "2", "4", "5", "6", "7", "7", "8"], "{found:#?}");
    assert_eq!(
        found[0],
        "1:9: listen: 0.0.0.0 can be reached from other machines, which needs TLS: listen on \
         127.0.0.1 or [::1], and say under `tls` where other machines come"
    );
    assert_eq!(found[1], "2:13: lease-term: 1s is out of range: choose from 3s to 10m");
    assert!(found[2].contains("\"loud\" is not a level: error, warn, info"), "{}", found[2]);
    assert!(
        found[3].ends_with("there is no area \"stroe\": is `store` meant?"),
        "{}",
        found[3]
    );
    assert!(found[4].contains("limits: is a single value, not a section"), "{}", found[4]);
    assert!(found[5].contains("\"-1\" is not a whole number"), "{}", found[5]);
    assert!(found[6].contains("30s is out of range"), "{}", found[6]);
}

#[test]
fn key_said_twice_is_an_error_and_hides_no_other() {
    let found = problems("listen: 127.0.0.1:1\nlisten: 127.0.0.1:2\nlease-term: 0\n");
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(found[0], "2:1: the key `listen` is there twice: keep one of the two");
    assert!(found[1].starts_with("3:13: lease-term: "), "{found:?}");
}

#[test]
fn value_of_the_wrong_shape_is_said() {
    for (text, what) in [
        ("listen: [a]", "is a list, not a single value"),
        ("listen:", "is nothing, not a single value"),
        ("names: a.lan", "is a single value, not a list"),
        ("roots: [{}]", "holds something that is not a single value"),
        ("worker: {labels: [a]}", "is a list, not a mapping"),
        ("worker: {labels: {a: [b]}}", "a is a list, not a single value"),
        ("- a", "is a list, not a section"),
        ("names: [http://x]", "is not a host name"),
        ("data: ~/x", "only a shell knows `~`"),
        ("limits: {body: 99999999999TiB}", "is not an amount of bytes"),
        ("worker: {nice: 20}", "20 is out of range: choose from 0 to 19"),
    ] {
        let found = problems(text);
        assert!(found[0].contains(what), "{text}: {found:?}");
    }
}

#[test]
fn variable_and_flag_are_named_where_they_are_wrong() {
    let inputs =
        inputs(None, [("FFLEET_LEASE_TERM", "soon")]).with_flag("listen", "--listen", "8420");
    let found = ffleet_config::load(&inputs).unwrap_err().to_string();
    let lines: Vec<&str> = found.lines().collect();
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("FFLEET_LEASE_TERM: lease-term: \"soon\""))
    );
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("--listen: listen: \"8420\" is not"))
    );
}

#[test]
fn file_that_cannot_be_read_is_said() {
    for (path, what) in [("/nowhere/c.yaml", "cannot be read"), ("/tmp", "is a directory")] {
        let found = ffleet_config::load(&inputs(Some(Path::new(path)), [])).unwrap_err();
        let found = found.to_string();
        assert!(found.starts_with(path) && found.contains(what), "{found}");
    }
}

#[test]
fn file_that_is_no_yaml_is_said_with_its_line() {
    let found = problems("listen: 127.0.0.1:1\nlog: {level: info\n");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].ends_with("indented by spaces, not tabs"), "{found:?}");
}

#[test]
fn problem_is_an_object_for_programs() {
    let (_directory, loaded) = load("lsten: 1");
    let json = serde_json::to_value(loaded.unwrap_err()).unwrap();
    assert_eq!(json[0]["place"]["in"], "file");
    assert_eq!((&json[0]["place"]["line"], &json[0]["key"]), (&1.into(), &"lsten".into()));
    assert_eq!(json[0]["hint"], "is `listen` meant?");
}

#[test]
fn no_home_is_said() {
    let inputs = ffleet_config::Inputs { uid: 7, ..ffleet_config::Inputs::default() };
    let found = ffleet_config::load(&inputs).unwrap_err().to_string();
    assert!(found.contains("--data DIR"), "{found}");
}

proptest! {
    #[test]
    fn no_text_is_a_reason_to_panic(text in "[a-z:\\-\\[\\]{}#'\" \\n\\t0-9&*!|>%@,?~.]{0,200}") {
        let _either = load(&text).1;
    }
}

#[test]
fn role_groups_say_what_is_wrong_with_each() {
    let found = problems(
        "role-groups:\n  encode: {max-procesess: 4, cpu: fast, memory: 1MiB, spawn-rate: 20}\n  \
         Thumb: {}\n  probe: 3\n  live: {breaker: 0/m, io-weight: 0}\n  verify: {io-weight: 10001}\n",
    );
    assert_eq!(found.len(), 9, "{found:#?}");
    for (line, part) in found.iter().zip([
        "role-groups.encode.cpu: \"fast\" is not",
        "role-groups.encode.max-procesess: is not a key of ffleet: is max-processes meant?",
        "role-groups.encode.memory: 1MiB is too little: 16MiB is the least",
        "role-groups.encode.spawn-rate: \"20\" is not a rate, such as 20/s or 30/10m",
        "role-groups.Thumb: \"Thumb\" is not a role group",
        "role-groups.probe: is a single value, not a section",
        "role-groups.live.breaker: \"0/m\" is not a rate",
        "role-groups.live.io-weight: 0 is too little: 1 is the least",
        "role-groups.verify.io-weight: 10001 is too much: 10000 is the most",
    ]) {
        assert!(found.iter().any(|line| line.contains(part)), "{part}: {line} of {found:#?}");
    }
}
