//! What a child finds itself in.

use std::collections::BTreeSet;
use std::path::Path;

use ffleet_base::chain;
use ffleet_guard::{ChildSpec, SpawnError, Stdout};
use ffleet_supervise::Exit;
use ffleet_testkit::need;
use ffleet_types::node::GuardLevel;

use crate::fixture::{Fixture, groups, in_another_kernel, nasty, said};

#[tokio::test]
async fn environment_is_clean() {
    for fixture in Fixture::each() {
        let mut spec = nasty("one.1-encode", "env");
        spec.env.insert("GIVEN".into(), "yes".into());
        spec.env.insert("LANG".into(), "de".into());
        spec.env.insert("FFLEET_CHILD".into(), "somebody else".into());
        spec.stdout = Stdout::Pipe;
        let mut child = fixture.spawn(spec).await;
        let said = said(&mut child).await;
        let found: BTreeSet<_> = said.lines().map(str::to_owned).collect();
        let wanted = BTreeSet::from([
            "FFLEET_CHILD=one.1-encode".to_owned(),
            format!("FFLEET_INSTANCE={}", fixture.node().instance()),
            "GIVEN=yes".to_owned(),
            "HOME=/nonexistent".to_owned(),
            "LANG=de".to_owned(),
            "PATH=/usr/bin:/bin".to_owned(),
        ]);
        assert_eq!(found, wanted);
        child.wait().await;
    }
}

#[tokio::test]
async fn child_leads_a_session_of_its_own() {
    for fixture in Fixture::each() {
        let mut spec = nasty("child", "tree");
        spec.stdout = Stdout::Pipe;
        let mut child = fixture.spawn(spec).await;
        let pid = child.pid();
        assert_eq!(said(&mut child).await, format!("{pid} {pid} {pid}\n"));
        child.wait().await;
    }
}

#[tokio::test]
async fn child_has_its_streams_and_no_other_descriptor() {
    let fixture = Fixture::new(true);
    let (_, said) = fixture.run("files").await;
    let numbers: Vec<_> = said.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(numbers, ["0", "1", "2"], "{said}");
    assert!(said.starts_with("0 /dev/null\n"), "{said}");
    let (_, said) = fixture.run("read-stdin").await;
    assert_eq!(said, "0\n");
}

#[tokio::test]
async fn signals_niceness_and_core_limit_are_as_promised() {
    let fixture = Fixture::new(true);
    let (_, said) = fixture.run("status").await;
    // A Rust program ignores SIGPIPE (bit 12) itself, by its own start-up code.
    for line in ["SigBlk:\t0000000000000000", "SigIgn:\t0000000000001000"] {
        assert!(said.contains(line), "no {line:?} in {said}");
    }
    let core = said
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
}

#[tokio::test]
async fn child_runs_where_and_as_nicely_as_told() {
    let fixture = Fixture::new(true);
    let mut spec = ChildSpec::new("child", "sh");
    spec.args = vec!["-c".into(), "trap '' PIPE; pwd; nice; cat /proc/self/cpuset".into()];
    spec.cwd = fixture.root.path().to_owned();
    spec.stdout = Stdout::Pipe;
    let mut child = fixture.spawn(spec).await;
    let said = said(&mut child).await;
    assert!(said.starts_with(&format!("{}\n10\n", fixture.root.path().display())), "{said}");
    child.wait().await;
}

#[tokio::test]
async fn child_is_in_its_own_cgroup_from_its_first_instruction() {
    if !need::cgroups() {
        return;
    }
    let fixture = Fixture::new(true);
    let (_, said) = fixture.run("status").await;
    let own = format!("/ffleet-{}/child", fixture.node().instance());
    let named = said.lines().filter(|line| line.ends_with(&own)).count();
    let groups = groups(fixture.root.path());
    assert_eq!(named, groups.iter().filter(|dir| !is_for_limits(dir)).count(), "{said}");
}

/// In version 1 these are used for children alone that have such a limit.
fn is_for_limits(dir: &Path) -> bool {
    let names = ["cpu", "cpuset", "blkio"];
    dir.components()
        .any(|part| names.iter().any(|name| part.as_os_str() == *name))
}

#[tokio::test]
async fn child_is_frozen_by_version_2_where_there_is_any_of_it() {
    let trees = ["/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/unified/cgroup.procs"];
    let there = trees.into_iter().any(|tree| Path::new(tree).exists());
    if !(need::root() && need::that("a mounted tree of version 2", there)) {
        return;
    }
    let fixture = Fixture::new(true);
    let child = fixture.spawn(nasty("child", "spin 60")).await;
    child.freeze().await.unwrap();
    let frozen = groups(fixture.root.path()).into_iter().filter(|dir| {
        let state = std::fs::read_to_string(dir.join("child/cgroup.freeze"));
        state.is_ok_and(|state| state == "1\n")
    });
    assert_eq!(frozen.count(), 1, "whatever bounds it");
    child.kill_tree();
    assert_eq!(child.wait().await.exit, Exit::Signal(9), "and killed there");
}

#[tokio::test]
async fn guard_level_says_what_there_is() {
    assert_eq!(Fixture::new(false).node().level(), GuardLevel::Monitor);
    if need::cgroups() && need::root() {
        let fixture = Fixture::new(true);
        let lacks = match fixture.node().level() {
            GuardLevel::Full => Vec::new(),
            GuardLevel::Partial { missing } => missing,
            GuardLevel::Monitor => panic!("nothing holds"),
        };
        // The kernel that is booted for a test knows one CPU, and nothing of more.
        let walls = fixture.node().missing_walls();
        let is_known = |what: &String| {
            walls.contains(what) || (in_another_kernel() && what.starts_with("holding programs"))
        };
        assert!(lacks.iter().all(is_known), "{lacks:?}");
    }
}

#[tokio::test]
async fn missing_program_is_named() {
    for fixture in Fixture::each() {
        for program in ["no-such-program", "/no/such/program"] {
            let error = fixture
                .node()
                .spawn(ChildSpec::new("child", program))
                .await
                .unwrap_err();
            assert!(matches!(error, SpawnError::NotFound(_)), "{error:?}");
            let said = chain(&error);
            assert!(said.contains(program) && said.contains("install it"), "{said}");
        }
        assert_eq!(fixture.node().children(), 0);
    }
}

#[tokio::test]
async fn what_cannot_be_had_is_an_error_that_names_it() {
    let fixture = Fixture::new(true);
    let node = fixture.node();
    let mut nowhere = nasty("child", "exit 0");
    nowhere.cwd = "/no/such/place".into();
    let said = chain(&node.spawn(nowhere).await.unwrap_err());
    assert!(said.contains("enter its directory") && said.contains("No such file"), "{said}");

    let said = chain(&node.spawn(ChildSpec::new("child", "/etc/passwd")).await.unwrap_err());
    assert!(said.contains("/etc/passwd") && said.contains("Permission denied"), "{said}");

    let said = chain(&node.spawn(ChildSpec::new("a/b", "true")).await.unwrap_err());
    assert!(said.contains("\"a/b\""), "{said}");

    let mut zero = nasty("child", "exit 0");
    zero.args.push("a\0b".into());
    let error = node.spawn(zero).await.unwrap_err();
    assert!(matches!(error, SpawnError::ZeroByte(_)), "{error:?}");
}

#[tokio::test]
async fn name_is_taken_as_long_as_its_child_lives() {
    if !need::cgroups() {
        return;
    }
    let fixture = Fixture::new(true);
    let first = fixture.spawn(nasty("child", "hang 60")).await;
    let error = fixture.node().spawn(nasty("child", "hang 60")).await.unwrap_err();
    assert!(chain(&error).contains("exists"), "{}", chain(&error));
    first.kill_tree();
    first.wait().await;
    fixture.spawn(nasty("child", "exit 0")).await.wait().await;
}
