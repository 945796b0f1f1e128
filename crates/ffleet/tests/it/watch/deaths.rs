//! A watch that is killed at any instant: nobody who is governed notices, and the next one goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use ffleet_testkit::{need, until};

use super::fixture::{SOON, Watching, Work, cgroups_of, governed_by};

/// How often it is killed; each time there is more to be found.
const KILLS: u64 = 20;

/// A number below `most`, by chance that is the same each time: a failure can be seen again.
fn chance(seed: &mut u64, most: u64) -> u64 {
    *seed = seed
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) % most
}

#[test]
fn crash_of_a_watch_at_any_instant_is_noticed_by_nobody() {
    if !need::root() || !need::cgroups() {
        return;
    }
    let work = Work::new("die");
    work.configure(&[("tasks", "50"), ("memory", "256MiB"), ("nice", "5")], "");
    let mut seed = 20;
    let mut workers = Vec::new();
    for _ in 0..KILLS {
        let watching = Watching::open(&work);
        for _ in 0..2 {
            workers.push(work.start(&["threads", "3", "60", "hang", "60"]));
        }
        // From before it has begun until long after it has looked at everybody.
        std::thread::sleep(Duration::from_millis(chance(&mut seed, 120)));
        watching.kill();
        assert!(workers.iter_mut().all(super::fixture::Worker::is_alive));
    }
    let watching = Watching::open(&work);
    watching.until("it is ready", |line| line["event"] == "ready");
    for worker in &workers {
        until(SOON, "each is governed", || governed_by(worker.pid()).is_some());
    }
    let begun = Instant::now();
    // Every thread of each, in one group, which is its own; with all limits.
    let mut groups = BTreeMap::new();
    for worker in &mut workers {
        assert!(worker.is_alive());
        let pid = worker.pid();
        let group = governed_by(pid).unwrap();
        assert!(group.starts_with(&format!("watch-{pid}-")), "{pid} is in {group}");
        until(SOON, "all hierarchies have it", || is_wholly_in(pid, &group));
        assert!(groups.insert(group, pid).is_none(), "nobody is governed twice");
        let bound = |controller, file| super::fixture::bound(pid, controller, file);
        assert!(bound("pids", "pids.max").is_none_or(|most| most == "50"));
        assert!(
            bound("memory", "memory.limit_in_bytes")
                .is_none_or(|most| most == (256 << 20).to_string())
        );
        until(SOON, "all threads are nice", || threads(pid).all(|thread| nice(thread) == 5));
    }
    assert!(begun.elapsed() < SOON);
    let files = std::fs::read_dir(work.room.path("run/ffleet/governed")).unwrap();
    let names: BTreeSet<String> = files
        .filter_map(|file| file.unwrap().file_name().into_string().ok())
        .filter(|name| name.ends_with(".json"))
        .collect();
    assert_eq!(names.len(), workers.len(), "a group for each, and none besides: {names:?}");
    drop(workers);
    until(SOON, "nothing is left of the groups", || {
        let files = std::fs::read_dir(work.room.path("run/ffleet/governed")).unwrap();
        files
            .filter(|file| {
                file.as_ref()
                    .unwrap()
                    .path()
                    .extension()
                    .is_some_and(|kind| kind == "json")
            })
            .count()
            == 0
    });
    watching.stop();
}

/// Whether every thread is in the group, wherever the process is in one.
fn is_wholly_in(pid: u32, group: &str) -> bool {
    let lines = cgroups_of(pid);
    let ours: Vec<&str> = lines.lines().filter(|line| line.contains("ffleet-governed-")).collect();
    !ours.is_empty()
        && ours.iter().all(|line| line.ends_with(group))
        && threads(pid).all(|thread| cgroups_of(thread) == lines)
}

fn threads(pid: u32) -> impl Iterator<Item = u32> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    tasks.filter_map(|task| task.ok()?.file_name().to_str()?.parse().ok())
}

fn nice(thread: u32) -> i32 {
    super::fixture::nice(thread)
}
