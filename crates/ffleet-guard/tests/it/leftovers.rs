//! A node that was killed leaves nothing to the one that comes after it.
#![expect(
    clippy::disallowed_methods,
    reason = "the victim is this test, started again to be killed"
)]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ffleet_base::chain;
use ffleet_guard::{Node, OpenError, Stdout};
use ffleet_testkit::{assert_none_left, need, processes_with, until};

use crate::fixture::{Fixture, SOON, groups, heard, nasty, options, ways};

/// The variable in which the victim finds its directory, and whether it is to use cgroups.
const ROOT: &str = "GUARD_VICTIM_ROOT";
const CGROUPS: &str = "GUARD_VICTIM_CGROUPS";

/// Not a test: the process that [`killed_node_leaves_nothing`] kills. It never ends by itself.
#[test]
fn victim() {
    let Some(root) = std::env::var_os(ROOT) else { return };
    let cgroups = std::env::var_os(CGROUPS).is_some();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let node = Node::open(options(Path::new(&root), cgroups)).unwrap();
        let mut spec = nasty("child", "ignore-term fork-away 'ignore-term hang 60' say on hang 60");
        spec.stdout = Stdout::Pipe;
        let mut child = node.spawn(spec).await.unwrap();
        let _stdout = heard(&mut child, "on").await;
        println!("\nvictim {} {}", child.pid(), node.instance());
        std::future::pending::<()>().await;
    });
}

#[test]
fn killed_node_leaves_nothing() {
    for cgroups in ways() {
        let root = tempfile::Builder::new().prefix("guard-").tempdir().unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "leftovers::victim", "--nocapture"])
            .env(ROOT, root.path());
        if cgroups {
            command.env(CGROUPS, "1");
        }
        let mut victim = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(victim.stdout.take().unwrap()).lines();
        let line = lines
            .map(Result::unwrap)
            .find(|line| line.starts_with("victim "))
            .unwrap();
        let words: Vec<_> = line.split(' ').collect();
        let mark = format!("FFLEET_INSTANCE={}", words[2]);
        // A program that has just begun is not seen for a moment.
        until(SOON, "the child and its orphan live", || processes_with(&mark).len() == 2);
        let groups = groups(root.path());

        victim.kill().unwrap();
        victim.wait().unwrap();
        let child = PathBuf::from(format!("/proc/{}", words[1]));
        until(SOON, "the child died with its node", || !is_alive(&child));
        assert_eq!(processes_with(&mark).len(), 1, "the orphan lives on");

        let node = Node::open(options(root.path(), cgroups)).unwrap();
        assert_eq!(format!("FFLEET_INSTANCE={}", node.instance()), mark, "it is the same node");
        let found = node.leftovers();
        assert_eq!((found.processes, found.stuck), (1, 0));
        assert_eq!(found.groups > 0, cgroups && !groups.is_empty(), "{found:?}");
        assert_none_left(&mark, SOON);
        drop(node);
        assert!(!groups.iter().any(|dir| dir.exists()), "{groups:?} are left");
    }
}

#[test]
fn death_while_cgroups_are_tried_lowers_no_level_and_leaves_nothing() {
    if !need::cgroups() {
        return;
    }
    let root = tempfile::Builder::new().prefix("guard-").tempdir().unwrap();
    let node = Node::open(options(root.path(), true)).unwrap();
    let (level, groups) = (node.level(), groups(root.path()));
    drop(node);
    for dir in &groups {
        std::fs::create_dir_all(dir.join("probe")).unwrap();
    }
    let node = Node::open(options(root.path(), true)).unwrap();
    assert_eq!(node.level(), level);
    drop(node);
    assert!(!groups.iter().any(|dir| dir.exists()), "{groups:?} are left");
}

/// Whoever reaps orphans here may be slow, so that a zombie counts as dead.
fn is_alive(process: &Path) -> bool {
    std::fs::read_to_string(process.join("stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn directory_has_one_node_at_a_time() {
    let fixture = Fixture::new(false);
    let error = Node::open(options(fixture.root.path(), false)).unwrap_err();
    assert!(matches!(error, OpenError::Locked { .. }), "{error:?}");
    let said = chain(&error);
    assert!(said.contains(&format!("process {}", std::process::id())), "{said}");
}

#[test]
fn damaged_instance_is_not_overwritten() {
    let root = tempfile::Builder::new().prefix("guard-").tempdir().unwrap();
    drop(Node::open(options(root.path(), false)).unwrap());
    let path = root.path().join("node/instance");
    ffleet_base::write_atomic(&path, b"scrambled", 0o600).unwrap();
    let said = chain(&Node::open(options(root.path(), false)).unwrap_err());
    assert!(said.contains("node/instance") && said.contains("26 letters"), "{said}");
    assert_eq!(std::fs::read(&path).unwrap(), b"scrambled");
}
