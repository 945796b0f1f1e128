//! Limits hold, and who ran into one is told so.

use std::time::Duration;

use ffleet_guard::{Child, ChildSpec, Stdout, Tie};
use ffleet_sched::roles::Rules;
use ffleet_supervise::Exit;
use ffleet_testkit::need;
use ffleet_types::node::GuardLevel;
use ffleet_types::{Bytes, Cpu, RoleGroup};

use crate::fixture::{Fixture, groups, nasty, said};

#[tokio::test]
async fn glutton_is_killed_and_named() {
    if !(need::cgroups() && need::root()) {
        return;
    }
    let fixture = Fixture::new(true);
    let mut spec = nasty("child", "glutton 200 exit 0");
    spec.limits.memory = Some(Bytes::mib(64));
    let ended = fixture.spawn(spec).await.wait().await;
    assert_eq!(ended.exit, Exit::Signal(9));
    assert!(ended.is_out_of_memory(), "{ended:?}");
    assert!(ended.usage.peak_memory <= Bytes::mib(64), "{:?}", ended.usage);
}

#[tokio::test]
async fn fork_bomb_stops_at_its_limit() {
    if !(need::cgroups() && need::root()) {
        return;
    }
    let fixture = Fixture::new(true);
    for script in ["forks 100 2", "threads 100 1"] {
        let mut spec = nasty("child", script);
        spec.limits.tasks = Some(20);
        spec.stdout = Stdout::Pipe;
        let mut child: Child = fixture.spawn(spec).await;
        let many: u32 = said(&mut child).await.trim().parse().unwrap();
        let ended = child.wait().await;
        assert_eq!(many, 19, "{script}: the first one counts too");
        assert!(ended.tasks_refused > 0 && ended.usage.peak_threads <= 20, "{ended:?}");
    }
}

#[tokio::test]
async fn spinner_gets_the_cpu_time_it_may_have() {
    if !(need::cgroups() && need::root()) {
        return;
    }
    let fixture = Fixture::new(true);
    let mut spec = nasty("child", "spin 1 exit 0");
    spec.limits.cpu = Some(Cpu(200));
    let usage = fixture.spawn(spec).await.wait().await.usage;
    let used = Duration::from_micros(usage.user_micros + usage.system_micros);
    let fair = Duration::from_micros(usage.wall_micros) / 5;
    // The first period may be begun late and the last be used whole.
    assert!(used < fair + Duration::from_millis(250), "{usage:?}");
}

#[tokio::test]
async fn file_that_grows_too_large_ends_its_writer() {
    for fixture in Fixture::each() {
        let file = fixture.root.path().join("out");
        let mut spec = nasty("child", &format!("write {} 1024 exit 0", file.display()));
        spec.limits.file_size = Some(Bytes(64 << 10));
        let ended = fixture.spawn(spec).await.wait().await;
        assert_eq!(ended.exit, Exit::Signal(25), "SIGXFSZ");
        assert_eq!(std::fs::metadata(&file).unwrap().len(), 64 << 10);
    }
}

#[tokio::test]
async fn child_sees_the_cpus_it_may_use() {
    for fixture in Fixture::each() {
        let mut spec = nasty("child", "status");
        spec.limits.cpus = Some([0].into());
        spec.stdout = Stdout::Pipe;
        let mut child = fixture.spawn(spec).await;
        let said = said(&mut child).await;
        assert!(said.contains("Cpus_allowed_list:\t0\n"), "{said}");
        child.wait().await;
    }
}

#[tokio::test]
async fn program_cannot_widen_the_cpus_it_may_use() {
    let fixture = Fixture::new(true);
    let holds = match fixture.node().level() {
        GuardLevel::Full => true,
        GuardLevel::Partial { missing } => {
            !missing.iter().any(|what| what.starts_with("holding programs"))
        }
        GuardLevel::Monitor => false,
    };
    if !need::that("the controller cpuset", holds) || need::program("taskset").is_none() {
        return;
    }
    let mut spec = ChildSpec::new("child", "taskset");
    let words = ["-c", "0-1023", "grep", "Cpus_allowed_list", "/proc/self/status"];
    spec.args = words.map(Into::into).into();
    spec.limits.cpus = Some([0].into());
    spec.stdout = Stdout::Pipe;
    let mut child = fixture.spawn(spec).await;
    assert_eq!(said(&mut child).await, "Cpus_allowed_list:\t0\n");
    child.wait().await;
}

#[tokio::test]
async fn share_of_a_disk_is_given_where_there_is_one_and_is_no_hindrance() {
    for fixture in Fixture::each() {
        let mut spec = nasty("child", "exit 0");
        spec.limits.io_weight = Some(50);
        assert_eq!(fixture.spawn(spec).await.wait().await.exit, Exit::Code(0));
    }
}

#[tokio::test]
async fn children_get_their_groups_share_of_a_disk_or_the_level_says_that_there_is_none() {
    for tie in [Tie::Node, Tie::Shim] {
        let rules = Rules { io_weight: Some(50), ..Rules::default() };
        let fixture = Fixture::with_roles(tie, &[(RoleGroup::ENCODE, rules)]);
        let missing = match fixture.node().level() {
            GuardLevel::Partial { missing } => missing,
            GuardLevel::Full | GuardLevel::Monitor => Vec::new(),
        };
        let there = !missing.iter().any(|what| what.starts_with("shares of disks: "));
        let weight = |name: &str, role: &str| {
            let (name, role) = (name.to_owned(), RoleGroup::named(role));
            let fixture = &fixture;
            async move {
                let mut spec = nasty(&name, "hang 60");
                spec.role = role;
                let child = fixture.spawn(spec).await;
                let weight = weight(&fixture.root, &name);
                child.kill_tree();
                child.wait().await;
                weight
            }
        };
        let given = weight("given", RoleGroup::ENCODE).await;
        assert_eq!(given.is_some(), there, "{missing:?}");
        if !need::that("shares of disks", there) {
            return;
        }
        assert_eq!(given, Some(50));
        assert_ne!(weight("other", RoleGroup::PROBE).await, Some(50));
    }
}

/// The share of a disk that a child has, as the kernel says it, if there is such a thing.
fn weight(root: &tempfile::TempDir, child: &str) -> Option<u16> {
    let dirs = groups(root.path()).into_iter().map(|dir| dir.join(child));
    // What `blkio.weight` holds is five times that.
    let names = [
        ("io.weight", 1),
        ("io.bfq.weight", 1),
        ("blkio.bfq.weight", 1),
        ("blkio.weight", 5),
    ];
    let files = dirs.flat_map(|dir| names.map(|(name, scale)| (dir.join(name), scale)));
    let read = |(file, scale)| Some((std::fs::read_to_string(file).ok()?, scale));
    let (text, scale): (String, u16) = files.filter_map(read).next()?;
    let weight = text
        .lines()
        .next()?
        .trim_start_matches("default ")
        .parse::<u16>()
        .ok()?;
    Some(weight / scale)
}
