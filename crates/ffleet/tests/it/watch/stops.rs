//! What a stop leaves, what it puts back, and what a start goes on with.

use ffleet_testkit::{need, until};

use super::fixture::{SOON, Watching, Work, cgroups_of, governed_by, nice};

#[test]
fn stop_leaves_limits_and_the_next_start_goes_on_with_them() {
    if !need::root() || !need::cgroups() {
        return;
    }
    let work = Work::new("stay");
    let watching = Watching::start(&work, &[("tasks", "50"), ("nice", "5")]);
    let one = work.start(&["hang", "60"]);
    watching.wait_for("governed", &one);
    let group = governed_by(one.pid());
    let lines = watching.stop();
    assert_eq!(lines.last().unwrap()["kept"], 1, "{lines:#?}");
    assert_eq!((governed_by(one.pid()), nice(one.pid())), (group.clone(), 5));

    let watching = Watching::start(&work, &[("tasks", "50"), ("nice", "5")]);
    let line = watching.wait_for("resumed", &one);
    assert_eq!((&line["processes"], &line["rule"]), (&1.into(), &"ours".into()));
    assert_eq!(governed_by(one.pid()), group);
    // Other limits in the configuration are had by a start as well.
    watching.stop();
    let watching = Watching::start(&work, &[("tasks", "70"), ("nice", "5")]);
    watching.wait_for("changed", &one);
    assert!(super::fixture::bound(one.pid(), "pids", "pids.max").is_none_or(|most| most == "70"));
    let lines = watching.stop();
    assert!(lines.iter().all(|line| line["event"] != "governed"), "{lines:#?}");
}

#[test]
fn stop_puts_everybody_back_where_that_is_wanted() {
    if !need::root() || !need::cgroups() {
        return;
    }
    let work = Work::new("back");
    work.configure(&[("tasks", "50"), ("cpu", "100%"), ("nice", "5")], "  detach-on-stop: true\n");
    let mut one = work.start(&["threads", "3", "60", "hang", "60"]);
    let before = cgroups_of(one.pid());
    let watching = Watching::open(&work);
    watching.wait_for("governed", &one);
    assert_ne!(cgroups_of(one.pid()), before);
    let lines = watching.stop();
    assert_eq!(lines.last().unwrap()["kept"], 0, "{lines:#?}");
    assert_eq!((cgroups_of(one.pid()), nice(one.pid())), (before, nice(std::process::id())));
    assert!(one.is_alive());
    let left: Vec<_> = std::fs::read_dir(work.room.path("run/ffleet/governed"))
        .unwrap()
        .filter(|file| {
            file.as_ref()
                .unwrap()
                .path()
                .extension()
                .is_some_and(|kind| kind == "json")
        })
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn group_that_ended_meanwhile_is_cleared_away_by_the_next_start() {
    if !need::root() || !need::cgroups() {
        return;
    }
    let work = Work::new("gone");
    let watching = Watching::start(&work, &[("tasks", "50")]);
    let one = work.start(&["hang", "60"]);
    watching.wait_for("governed", &one);
    let dir = super::fixture::directory(one.pid(), "pids");
    watching.kill();
    drop(one);
    let watching = Watching::start(&work, &[("tasks", "50")]);
    until(SOON, "nothing is left of it", || dir.as_ref().is_none_or(|dir| !dir.exists()));
    let lines = watching.stop();
    assert!(lines.iter().all(|line| line["event"] != "resumed"), "{lines:#?}");
}
