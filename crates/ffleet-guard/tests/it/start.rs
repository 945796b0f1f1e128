//! What a child finds itself in.

use std::collections::BTreeSet;

use ffleet_base::chain;
use ffleet_guard::{ChildSpec, SpawnError, Stdout};
use ffleet_types::node::GuardLevel;

use crate::fixture::{Fixture, groups, nasty, said};

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
    if !ffleet_testkit::need::cgroups() {
        return;
    }
    let fixture = Fixture::new(true);
    let (_, said) = fixture.run("status").await;
    let own = format!("/ffleet-{}/child", fixture.node().instance());
    let named = said.lines().filter(|line| line.ends_with(&own)).count();
    assert_eq!(named, groups(fixture.root.path()).len() - usize::from(has_own_cpu()), "{said}");
}

/// In version 1 the controller `cpu` is used for children with a CPU limit alone.
fn has_own_cpu() -> bool {
    std::fs::read_to_string("/proc/self/cgroup")
        .expect("proc")
        .lines()
        .any(|line| line.split(':').nth(1) == Some("cpu"))
}

#[tokio::test]
async fn guard_level_says_what_there_is() {
    assert_eq!(Fixture::new(false).node().level(), GuardLevel::Monitor);
    if ffleet_testkit::need::cgroups() && ffleet_testkit::need::root() {
        let fixture = Fixture::new(true);
        let level = match fixture.node().missing_walls() {
            walls if walls.is_empty() => GuardLevel::Full,
            missing => GuardLevel::Partial { missing },
        };
        assert_eq!(fixture.node().level(), level, "every limit holds");
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
    if !ffleet_testkit::need::cgroups() {
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
