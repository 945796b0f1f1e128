//! `ffleet watch`: processes that somebody else started come under limits, and notice nothing of it.

mod deaths;
mod fixture;
mod nasty;
mod rules;
mod stops;
mod units;

use std::time::Duration;

use ffleet_testkit::{need, until};
use rustix::process::{Signal, kill_process};
use serde_json::json;

use self::fixture::{SOON, Watching, Work, bound, cgroups_of, governed_by};
use crate::fixture::Room;

#[test]
fn process_that_a_rule_fits_is_governed_and_nobody_else() {
    if !need::root() || !need::cgroups() {
        return;
    }
    let work = Work::new("a");
    let before = work.start(&["hang", "60"]);
    let other = work.start_as("other", &["hang", "60"]);
    let watching = Watching::start(&work, &[("memory", "64MiB"), ("tasks", "20"), ("nice", "7")]);
    watching.wait_for("governed", &before);
    let after = work.start(&["hang", "60"]);
    let line = watching.wait_for("governed", &after);
    assert_eq!(line["limits"], json!({"memory": "64MiB", "tasks": 20, "nice": 7}));
    assert!(fixture::holds(&line), "{line}");
    assert_eq!((&line["rule"], &line["name"]), (&json!("ours"), &json!(work.name())));
    for child in [&before, &after] {
        assert!(
            governed_by(child.pid()).is_some_and(|name| name.contains(&child.pid().to_string()))
        );
        assert_eq!(bound(child.pid(), "pids", "pids.max").unwrap_or_default(), "20");
        let memory = bound(child.pid(), "memory", "memory.limit_in_bytes");
        assert!(memory.is_none_or(|memory| memory == (64 << 20).to_string()));
        let nice = fixture::nice(child.pid());
        assert_eq!(nice, 7);
    }
    assert_eq!(governed_by(other.pid()), None);
    let dir = fixture::directory(after.pid(), "pids");
    let pid = after.pid();
    drop(after);
    watching.until("the end is told", |line| line["event"] == "ended" && line["pid"] == pid);
    until(SOON, "its cgroup is gone", || dir.as_ref().is_none_or(|dir| !dir.exists()));
    until(SOON, "it is counted", || {
        let metrics = std::fs::read_to_string(work.room.path("watch.prom")).unwrap();
        metrics.contains("ffleet_watch_taken_total{rule=\"ours\"} 2\n")
    });
    let lines = watching.stop();
    assert!(lines.iter().all(|line| line["pid"] != other.pid()), "{lines:#?}");
}

/// In a container the kernel takes the request for events, and tells none.
#[test]
fn without_events_processes_are_found_by_looks() {
    let Some(unshare) = need::program("unshare").filter(|_| need::root() && need::cgroups()) else {
        return;
    };
    let work = Work::new("look");
    work.configure(&[("tasks", "50")], "  detach-on-stop: true\n");
    let script = format!(
        "./{} hang 60 & exec {} {}",
        work.name(),
        env!("CARGO_BIN_EXE_ffleet"),
        fixture::WATCH.join(" ")
    );
    let mut command = std::process::Command::new(unshare);
    command
        .args(["--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", &script])
        .current_dir(work.room.path(""))
        .env("HOME", work.room.path(""))
        .env("XDG_RUNTIME_DIR", work.room.path("run"));
    let watching = Watching::of(&mut command);
    let how = watching.until("how it watches", |line| line["event"] == "watching");
    assert_eq!(how["events"], false, "{how}");
    assert!(how["why"].as_str().unwrap().contains("outside of containers"), "{how}");
    let line = watching.until("it is governed", |line| line["event"] == "governed");
    assert_eq!((&line["name"], &line["after-ms"]), (&json!(work.name()), &json!(null)));
    // The first process of a container has the signals that it asked for.
    let inside = ffleet_testkit::descendants_of(watching.pid());
    kill_process(fixture::id(inside[0]), Signal::TERM).unwrap();
    assert_eq!(watching.ended().last().unwrap()["kept"], 0);
}

#[test]
fn once_says_what_would_be_done_and_does_nothing() {
    let work = Work::new("once");
    let one = work.start(&["hang", "60"]);
    let kept = work.start_with(&["hang", "60"], &[("FFLEET_INSTANCE", "someone")]);
    let young = work.start_as("young", &["hang", "60"]);
    let before = cgroups_of(one.pid());
    let config = format!(
        "watch:\n  rules:\n  - {{name: {}, memory: 64MiB}}\n  - {{name: {}, age: 1h, memory: 64MiB}}\n",
        work.name(),
        work.named("young")
    );
    std::fs::write(work.room.path("once.yaml"), config).unwrap();
    let args = ["watch", "--once", "--config", "once.yaml"];
    let said = work.room.run(&args).ok();
    assert!(said.contains("govern by rule-1: memory 64MiB"), "{said}");
    assert!(said.contains("pass by rule-1: it is governed by another ffleet"), "{said}");
    assert!(
        said.contains("too young yet") && said.contains("1 of them to be governed"),
        "{said}"
    );
    let json = work.room.run(&[&args[..], &["--json"]].concat()).json();
    let of = |pid: u32| {
        let all = json["processes"].as_array().unwrap().iter();
        all.clone().find(|process| process["pid"] == pid).unwrap().clone()
    };
    assert_eq!(of(one.pid())["would"], "govern");
    assert_eq!(of(one.pid())["command"][1], "hang");
    assert_eq!(
        (&of(kept.pid())["would"], &of(young.pid())["would"]),
        (&json!("pass"), &json!("wait"))
    );
    assert_eq!(cgroups_of(one.pid()), before);
}

#[test]
fn children_of_a_server_are_not_touched() {
    if !need::root() || !need::cgroups() {
        return;
    }
    let work = Work::new("srv");
    let watching = Watching::start(&work, &[("memory", "64MiB")]);
    let theirs = work.start_with(&["hang", "60"], &[("FFLEET_INSTANCE", "someone")]);
    let ours = work.start(&["hang", "60"]);
    watching.wait_for("governed", &ours);
    // Both were met by now, by events or by the look that comes within a second.
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(governed_by(theirs.pid()), None);
    watching.stop();
}

#[test]
fn nothing_to_govern_and_mistakes_are_told_before_anything_is_done() {
    let room = Room::new();
    room.run(&["watch"])
        .failed(2, &["nothing is to be governed", "there is no configuration file", "rules:"]);
    std::fs::write(room.path("bad.yaml"), "watch:\n  rules:\n  - {nmae: ffmpeg, tasks: 5}\n")
        .unwrap();
    room.run(&["watch", "--config", "bad.yaml"]).failed(
        2,
        &["bad.yaml:3:6: watch.rules[0].nmae: there is no such key: is `name` meant?"],
    );
    room.run(&["watch", "--once", "--metrics", "x"])
        .failed(2, &["--once", "--metrics"]);
    room.run(&["watch", "--scan-interval", "1ms"])
        .failed(2, &["--scan-interval", "out of range"]);
}

#[test]
fn one_watch_of_a_user_at_a_time() {
    let work = Work::new("two");
    let watching = Watching::start(&work, &[("nice", "5")]);
    let told = work.room.run(&["watch", "--config", "watch.yaml"]);
    told.failed(7, &[&format!("process {} watches already", watching.pid()), "SIGHUP"]);
    watching.stop();
}
