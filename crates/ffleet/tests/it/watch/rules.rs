//! Rules that are read again while processes are governed.

use ffleet_testkit::need;
use rustix::process::Signal;

use super::fixture::{Watching, Work, bound, cgroups_of, governed_by, nice};

#[test]
fn reload_changes_and_releases_what_is_governed() {
    if !need::root() || !need::cgroups() {
        return;
    }
    let work = Work::new("load");
    let mut one = work.start(&["hang", "60"]);
    let before = cgroups_of(one.pid());
    let watching = Watching::start(&work, &[("tasks", "50"), ("nice", "5")]);
    watching.wait_for("governed", &one);

    work.configure(&[("tasks", "70"), ("nice", "5")], "");
    watching.signal(Signal::HUP);
    let line = watching.wait_for("changed", &one);
    assert_eq!(line["limits"]["tasks"], 70);
    assert!(bound(one.pid(), "pids", "pids.max").is_none_or(|most| most == "70"));

    // A mistake changes nothing.
    std::fs::write(work.room.path("watch.yaml"), "watch:\n  rules: [{name: x}]\n").unwrap();
    watching.signal(Signal::HUP);
    watching.until("the mistake is told", |line| {
        line["event"] == "warning" && line["message"].to_string().contains("brings no limit")
    });
    assert!(governed_by(one.pid()).is_some());

    // A limit that is not wanted any more is undone.
    work.configure(&[("memory", "256MiB")], "");
    watching.signal(Signal::HUP);
    watching.until("it has other limits", |line| {
        line["event"] == "changed" && line["limits"]["memory"] == "256MiB"
    });
    assert!(bound(one.pid(), "pids", "pids.max").is_none_or(|most| most == "max"));
    assert_eq!(nice(one.pid()), nice(std::process::id()));

    let blocked = format!("  block: [{}]\n", work.name());
    work.configure(&[("memory", "256MiB")], &blocked);
    watching.signal(Signal::HUP);
    watching.wait_for("released", &one);
    assert_eq!(cgroups_of(one.pid()), before);
    assert!(one.is_alive());
    watching.stop();
}
