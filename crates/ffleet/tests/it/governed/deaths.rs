//! Killed at any moment: what is governed never notices.

use std::os::unix::process::CommandExt as _;
use std::time::{Duration, Instant};

use ffleet_testkit::until;
use rustix::process::{Pid, Signal, kill_process};

use super::attach::Attached;
use super::workload::{SOON, Workload};
use super::{PARENT, bounds, cgroups, is_in, state, states};
use crate::fixture::Room;

/// How often it is killed.
const DEATHS: u32 = 30;

#[test]
fn death_at_any_moment_of_attach_and_detach_is_not_noticed() {
    let room = Room::new();
    let workload = Workload::start(&room);
    let before = workload.standing();
    let options = [
        "--id", "it", "--cpu", "150%", "--tasks", "100", "--memory", "1GiB", "--nice", "9",
    ];
    let mut seen = [0; 3];
    for round in 0..DEATHS {
        let mut attached = Attached::begin(&room, workload.pid(), &options);
        let detaches = round % 2 == 1;
        if detaches {
            attached.is_attached();
            attached.signal(Signal::TERM);
        }
        wait(Duration::from_micros(u64::from(random(if detaches { 20_000 } else { 60_000 }))));
        if !attached.has_ended() {
            attached.signal(Signal::KILL);
        }
        attached.end();
        workload.goes_on();
        let ours = |pid: &i32| cgroups(*pid).contains(PARENT);
        let all = workload.pids();
        let inside = all.iter().filter(|pid| ours(pid)).count();
        // Where it may be: inside, outside, or some here and some there; never in anything that no file knows.
        seen[usize::from(inside > 0) + usize::from(inside == all.len())] += 1;
        if inside > 0 {
            assert_eq!(state(&room)["name"], "it", "round {round}");
            assert!(all.iter().filter(|pid| ours(pid)).all(|&pid| is_in(pid, "it")));
        }
    }
    eprintln!("outside, between, inside: {seen:?}");
    assert!(!bounds() || seen[2] > 0, "it was never killed too late: {seen:?}");
    let mut attached = Attached::begin(&room, workload.pid(), &options);
    attached.is_attached();
    assert!(workload.pids().into_iter().all(|pid| is_in(pid, "it") || !bounds()));
    attached.signal(Signal::INT);
    assert_eq!(attached.end().code, 0);
    if rustix::process::geteuid().is_root() {
        assert_eq!(workload.standing(), before, "all is as it was");
    }
    workload.goes_on();
    workload.has_missed_nothing();
    room.run(&["run", "--", "true"]).ok();
    assert!(states(&room).is_empty());
}

#[test]
fn command_goes_on_within_its_limits_when_we_are_killed() {
    let room = Room::new();
    let out = room.path("out");
    let nasty = ffleet_testkit::binary("nasty").display().to_string();
    let words = ["run", "--id", "it", "--tasks", "30", "--", nasty.as_str(), "count", "2", "60"];
    let mut child = room.command(&words);
    let child = child.process_group(0).stdout(std::fs::File::create(&out).unwrap());
    let mut child = child.stderr(std::process::Stdio::null()).spawn().unwrap();
    let count = || std::fs::metadata(&out).unwrap().len();
    until(SOON, "it counts", || count() > 0);
    let pid = state(&room)["members"][0]["pid"].as_i64().unwrap();
    let pid = i32::try_from(pid).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let before = count();
    until(SOON, "it counts on", || count() > before);
    assert_eq!(is_in(pid, "it"), bounds(), "{}", cgroups(pid));
    // What comes later neither removes the group nor takes its name.
    room.run(&["run", "--", "true"]).ok();
    assert_eq!(state(&room)["name"], "it");
    assert_eq!(is_in(pid, "it"), bounds());

    let mut attached = Attached::begin(&room, pid, &["--nice", "15"]);
    attached.is_attached();
    assert!(attached.said().contains("is in the group it already"), "{}", attached.said());
    attached.signal(Signal::TERM);
    assert_eq!(attached.end().code, 0);
    assert!(!cgroups(pid).contains(PARENT), "{}", cgroups(pid));
    let before = count();
    until(SOON, "it counts on", || count() > before);
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    until(SOON, "it has ended", || cgroups(pid).is_empty());
    assert!(states(&room).is_empty());
}

/// A number below `below`.
fn random(below: u32) -> u32 {
    let mut bytes = [0; 4];
    ffleet_base::chance::fill(&mut bytes);
    u32::from_ne_bytes(bytes) % below
}

/// Lets so much time pass, to the microsecond.
fn wait(span: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < span {
        std::thread::yield_now();
    }
}
