//! Processes that misbehave, users without rights, numbers that are given again.

use std::process::{Command, Stdio};
use std::time::Duration;

use ffleet_testkit::{descendants_of, need, until};
use rustix::process::{Signal, kill_process};

use super::fixture::{SOON, Watching, Work, governed_by, id};

/// `nobody`, as most systems have it.
const USER: u32 = 65_534;

#[test]
fn fork_bomb_is_bounded_and_told_of() {
    if !need::root() || !need::cgroups() {
        return;
    }
    let work = Work::new("bomb");
    let watching = Watching::start(&work, &[("tasks", "20")]);
    let go = work.room.text("go");
    let mut bomb = work.start(&["await", &go, "forks", "200", "3", "hang", "60"]);
    watching.wait_for("governed", &bomb);
    // Its group is looked at once before, so that there is something to compare with.
    std::thread::sleep(Duration::from_millis(1_500));
    std::fs::write(&go, "").unwrap();
    let pid = bomb.pid();
    let line = watching.until("it is told of", |line| {
        line["event"] == "violation" && line["pid"] == pid && line["kind"] == "task-limit"
    });
    assert!(line["count"].as_u64().unwrap() > 0, "{line}");
    assert!(descendants_of(pid).len() < 20, "{:?}", descendants_of(pid));
    assert!(bomb.is_alive(), "nobody kills it");
    drop(bomb);
    let lines = watching.stop();
    let governed = lines.iter().filter(|line| line["event"] == "governed");
    assert_eq!(governed.count(), 1, "what it starts is governed with it: {lines:#?}");
}

#[test]
fn who_flees_to_init_stays_in_the_group_which_ends_with_the_last() {
    if !need::root() || !need::cgroups() {
        return;
    }
    let work = Work::new("flee");
    let watching = Watching::start(&work, &[("tasks", "50")]);
    let go = work.room.text("go");
    let mark = format!("flee-{}", std::process::id());
    let parent =
        work.start_with(&["await", &go, "fork-away", "hang 60", "hang 1"], &[("FLEE_MARK", &mark)]);
    watching.wait_for("governed", &parent);
    let group = governed_by(parent.pid()).unwrap();
    std::fs::write(&go, "").unwrap();
    let marked = format!("FLEE_MARK={mark}");
    let orphans = || {
        let mut all = ffleet_testkit::processes_with(&marked);
        all.retain(|&pid| pid != parent.pid());
        all
    };
    until(SOON, "it has fled", || !orphans().is_empty());
    std::thread::sleep(Duration::from_millis(1_200));
    let orphan = orphans()[0];
    let first = parent.pid();
    drop(parent);
    assert_eq!(governed_by(orphan), Some(group));
    std::thread::sleep(Duration::from_millis(2_200));
    let ended = |watching: &Watching| {
        watching
            .told()
            .iter()
            .any(|line| line["event"] == "ended" && line["pid"] == first)
    };
    assert!(!ended(&watching), "somebody of it is left");
    kill_process(id(orphan), Signal::KILL).unwrap();
    until(SOON, "the group has ended", || ended(&watching));
    watching.stop();
}

#[test]
fn new_name_is_as_good_as_a_new_program_and_no_way_out() {
    if !need::root() || !need::cgroups() {
        return;
    }
    let work = Work::new("name");
    let watching = Watching::start(&work, &[("tasks", "50")]);
    // A shell that takes a name that the rule fits, and later another.
    let script = format!(
        "printf {} > /proc/$$/comm; while ! test -e go; do sleep 0.05; done; printf nobody > /proc/$$/comm; sleep 60",
        work.name()
    );
    let child = Command::new("sh")
        .args(["-c", &script])
        .current_dir(work.room.path(""))
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let shell = super::fixture::Worker(child);
    watching.wait_for("governed", &shell);
    let group = governed_by(shell.pid());
    std::fs::write(work.room.path("go"), "").unwrap();
    let comm = format!("/proc/{}/comm", shell.pid());
    until(SOON, "it has another name", || {
        std::fs::read_to_string(&comm).is_ok_and(|name| name.trim() == "nobody")
    });
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(governed_by(shell.pid()), group);
    drop(shell);
    watching.stop();
}

#[test]
fn number_that_is_given_again_is_nobody_who_was_governed() {
    if !need::root() || !need::cgroups() {
        return;
    }
    let work = Work::new("again");
    let watching = Watching::start(&work, &[("tasks", "50")]);
    let first = work.start(&["hang", "60"]);
    watching.wait_for("governed", &first);
    let number = first.pid();
    drop(first);
    // The kernel gives the numbers behind this one next, if nobody else is quicker.
    let again = (0..200).find_map(|_| {
        std::fs::write("/proc/sys/kernel/ns_last_pid", (number - 1).to_string()).ok()?;
        let other = work.start_as("other", &["hang", "60"]);
        (other.pid() == number).then_some(other)
    });
    if !need::that("a kernel that lets numbers be chosen", again.is_some()) {
        return;
    }
    let other = again.unwrap();
    watching.until("the first one's end is told", |line| {
        line["event"] == "ended" && line["pid"] == number
    });
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(governed_by(other.pid()), None, "it has the number of one who was");
    watching.stop();
}

#[test]
fn ordinary_user_is_told_what_does_not_hold() {
    if !need::root() {
        return;
    }
    let work = Work::of(USER, "user");
    // Nobody without rights can be less nice than before.
    work.configure(&[("memory", "4GiB"), ("tasks", "50"), ("nice", "19")], "");
    let starts = work.room.command(&["--version"]).output();
    if !need::that("a build that every user may run", starts.is_ok_and(|ran| ran.status.success()))
    {
        return;
    }
    let theirs = {
        let mut command = Command::new(work.room.path(&work.name()));
        super::fixture::Worker(command.args(["hang", "60"]).stdin(Stdio::null()).spawn().unwrap())
    };
    let own = work.start(&["hang", "60"]);
    let watching = Watching::open(&work);
    let how = watching.until("how it watches", |line| line["event"] == "watching");
    assert!(how["events"] == true || how["why"].is_string(), "{how}");
    let line = watching.wait_for("governed", &own);
    let lacks = line["lacks"].to_string();
    assert!(
        lacks.contains("tasks does not hold") && lacks.contains("memory holds in part"),
        "{lacks}"
    );
    assert_eq!(super::fixture::nice(own.pid()), 19);
    // One of another user is listed, and not tried for ever.
    watching.until("it is told that it cannot be", |line| {
        line["pid"] == theirs.pid() && (line["event"] == "failed" || line["event"] == "given-up")
    });
    assert_eq!(super::fixture::nice(theirs.pid()), super::fixture::nice(std::process::id()));
    watching.stop();
}

#[test]
fn who_is_moved_out_is_counted_and_taken_back() {
    if !need::root() || !need::cgroups() {
        return;
    }
    let work = Work::new("stray");
    let watching = Watching::start(&work, &[("tasks", "50")]);
    let one = work.start(&["forks", "1", "60", "hang", "60"]);
    let first = one.pid();
    watching.wait_for("governed", &one);
    until(SOON, "it has a child", || !descendants_of(first).is_empty());
    let child = descendants_of(first)[0];
    // Both are known to be in the group before one is not.
    std::thread::sleep(Duration::from_millis(2_500));
    for pid in [child, first] {
        let group = governed_by(pid);
        assert!(group.is_some());
        leave(pid);
        until(SOON, "it is taken back", || {
            governed_by(pid).is_some_and(|now| Some(now) != group)
        });
    }
    watching.until("it is counted", |line| {
        line["kind"] == "stray" && line["pid"] == child && line["group"] == first
    });
    watching.stop();
}

/// Moves a process out of the groups that it is governed in.
fn leave(pid: u32) {
    for line in super::fixture::cgroups_of(pid).lines() {
        let controller = line.split(':').nth(1).unwrap_or_default();
        let dir = if controller.is_empty() { "unified" } else { controller };
        if line.contains("ffleet-governed-") {
            let home = format!("/sys/fs/cgroup/{dir}/cgroup.procs");
            std::fs::write(home, pid.to_string()).unwrap();
        }
    }
    assert_eq!(governed_by(pid), None);
}
