//! A child that is left to its shim.

use ffleet_base::write_atomic;
use ffleet_guard::{Node, Stdout, Tie};
use ffleet_supervise::Exit;

use crate::fixture::{Fixture, SOON, heard, nasty, options, ways};

#[tokio::test]
async fn child_that_is_left_goes_on_and_is_taken_over_by_the_next_life() {
    for cgroups in ways() {
        let root = tempfile::Builder::new().prefix("guard-").tempdir().unwrap();
        let open = || Node::open(options(root.path(), cgroups)).unwrap();
        let node = open();
        let death = root.path().join("death");
        let mut spec = nasty("child", &format!("say on await {} exit 5", death.display()));
        (spec.tie, spec.stdout) = (Tie::Shim, Stdout::Pipe);
        let mut child = node.spawn(spec).await.unwrap();
        let stdout = heard(&mut child, "on").await;
        let pid = child.pid();
        assert_eq!(child.leave().await, None);
        drop((child, stdout));
        assert_eq!(node.children(), 0, "its node does not wait for it");
        assert_eq!(node.roles().iter().map(|(_, found)| found.used.processes).sum::<u32>(), 0);
        drop(node);
        let node = open();
        let child = node.adopt("child").unwrap().unwrap();
        assert_eq!((child.pid(), child.exit()), (pid, None), "it lives, and is the same");
        write_atomic(&death, b"", 0o600).unwrap();
        let exit = child.wait().await;
        assert_eq!((exit.exit, exit.forsaken), (Exit::Code(5), false));
        drop(child);
        node.idle().await;
    }
}

#[tokio::test]
async fn child_that_cannot_be_left_has_ended() {
    let fixture = Fixture::tied(true, Tie::Node);
    let mut child = fixture.spawn(nasty("child", "hang 60")).await;
    let exit = tokio::time::timeout(SOON, child.leave()).await.unwrap().unwrap();
    assert_eq!(exit.exit, Exit::Signal(9), "it has no shim");
    let fixture = Fixture::tied(true, Tie::Shim);
    let mut child = fixture.spawn(nasty("child", "exit 4")).await;
    child.wait().await;
    let exit = tokio::time::timeout(SOON, child.leave()).await.unwrap().unwrap();
    assert_eq!(exit.exit, Exit::Code(4));
}
