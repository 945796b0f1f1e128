//! What shims are copied from may be killed or stopped as anything may, and so may a shim that has not
//! spoken yet: starts go on, and nothing of those that came to nothing is left.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "files of cgroups are written at once; a test that cannot go on has failed"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ffleet_guard::{SpawnError, Stdout, Tie};
use ffleet_supervise::Exit;
use ffleet_testkit::{assert_none_left, need, processes_with, until};
use rustix::process::{Pid, Signal, kill_process};

use crate::fixture::{Fixture, GRACE, SOON, groups, heard, many, nasty, ways};
use crate::shim::parent;

/// What shims are copied from may be killed as anything may: its shims live, and there is another.
#[tokio::test]
async fn shims_outlive_what_they_are_copied_from() {
    let fixture = Fixture::tied(true, Tie::Shim);
    let first = fixture.spawn(nasty("first", "hang 60")).await;
    let nursery = parent(number(parent(first.pid())));
    assert_eq!(parent(number(nursery)), rustix::process::getpid());
    kill_process(nursery, Signal::KILL).unwrap();
    let mut second = nasty("second", "say here exit 3");
    second.stdout = Stdout::Pipe;
    let mut second = fixture.spawn(second).await;
    let _stdout = heard(&mut second, "here").await;
    assert_eq!(second.wait().await.exit, Exit::Code(3));
    first.kill_tree();
    assert_eq!(first.wait().await.exit, Exit::Signal(9));
    assert!(kill_process(nursery, Signal::KILL).is_err(), "it was reaped");
}

/// Stopped, what shims are copied from holds a start up for a while, and then makes way for another.
#[tokio::test]
async fn start_outlasts_what_shims_are_copied_from_being_stopped() {
    for cgroups in ways() {
        let fixture = Fixture::tied(cgroups, Tie::Shim);
        let nursery = nursery(&fixture).await;
        kill_process(nursery, Signal::STOP).unwrap();
        let spawn = |name| {
            let mut spec = nasty(name, "say here exit 3");
            spec.stdout = Stdout::Pipe;
            tokio::time::timeout(SOON, fixture.spawn(spec))
        };
        let (first, second) = tokio::join!(spawn("first"), spawn("second"));
        for child in [first, second] {
            let mut child = child.expect("it is started by another");
            let _stdout = heard(&mut child, "here").await;
            assert_eq!(child.wait().await.exit, Exit::Code(3));
        }
        assert!(kill_process(nursery, Signal::CONT).is_err(), "it was reaped");
        fixture.node().idle().await;
        assert_eq!(seats(&fixture), 0);
    }
}

/// It goes on in time: what waited is started by it, once.
#[tokio::test]
async fn start_goes_on_with_what_shims_are_copied_from() {
    let fixture = Fixture::tied(true, Tie::Shim);
    let nursery = nursery(&fixture).await;
    kill_process(nursery, Signal::STOP).unwrap();
    let mut starts = std::pin::pin!(fixture.spawn(nasty("child", "hang 60")));
    let early = tokio::time::timeout(Duration::from_millis(500), &mut starts).await;
    assert!(early.is_err(), "it waits");
    kill_process(nursery, Signal::CONT).unwrap();
    let child = tokio::time::timeout(SOON, starts).await.unwrap();
    assert_eq!(parent(number(parent(child.pid()))), nursery);
    assert_eq!(processes_with(&fixture.mark).len(), 2, "a shim and its child");
    child.kill_tree();
    child.wait().await;
}

/// Whoever wants a child may go away at any moment of its start. One that runs by then, and whose shim has
/// said so to nobody, is not left to wait for somebody who comes back.
#[tokio::test]
async fn start_that_nobody_waits_for_any_more_leaves_nothing() {
    for fixture in Fixture::each() {
        fixture.spawn(nasty("first", "hang 0")).await.wait().await;
        for round in 0..many(40).cast_unsigned() {
            let name = format!("child-{round}");
            let mut start = Box::pin(fixture.spawn(nasty(&name, "hang 60")));
            let given_up = Duration::from_micros(250) * round;
            let started = tokio::time::timeout(given_up, &mut start).await;
            // The shim has its say, and this thread, which runs everything here, does not hear it.
            std::thread::sleep(Duration::from_millis(20));
            drop((start, started));
        }
        // Many at once wait for the one thread that starts them.
        for number in 0..many(40) {
            let name = format!("one-of-many-{number}");
            let start = fixture.spawn(nasty(&name, "hang 60"));
            let _none = tokio::time::timeout(Duration::ZERO, start).await;
        }
        let idle = tokio::time::timeout(GRACE / 2, fixture.node().idle()).await;
        idle.expect("the node waits for what it no longer wants");
        assert_none_left(&fixture.mark, Duration::ZERO);
        assert_eq!(seats(&fixture), 0);
    }
}

/// A shim that cannot say that its child runs, as that never comes to run its program: both are killed, and
/// the child is started again.
#[tokio::test]
async fn shim_without_a_word_is_killed_with_its_child() {
    if !need::that("version 2 of cgroups", Path::new("/sys/fs/cgroup/unified").exists()) {
        return;
    }
    let fixture = Fixture::tied(true, Tie::Shim);
    let nursery = nursery(&fixture).await;
    kill_process(nursery, Signal::STOP).unwrap();
    let mut spec = nasty("child", "say here hang 60");
    spec.stdout = Stdout::Pipe;
    let starts = tokio::time::timeout(SOON * 2, fixture.spawn(spec));
    let (started, first) = tokio::join!(starts, stuck(&fixture, nursery));
    let mut child = started.expect("it does not wait for ever");
    assert_ne!(number(parent(child.pid())), first, "it has another shim");
    let _stdout = heard(&mut child, "here").await;
    assert_eq!(processes_with(&fixture.mark).len(), 2, "a shim and its child");
    child.kill_tree();
    child.wait().await;
    fixture.node().idle().await;
    assert_eq!(seats(&fixture), 0);
}

/// Frozen by version 1 of cgroups, neither what shims are copied from nor a shim can be killed. What such a
/// shim was promised stays taken until it is gone, and its child does not run then either.
#[tokio::test]
async fn shim_that_cannot_be_killed_keeps_its_seat() {
    let Some(freezer) = Freezer::make() else { return };
    for freezes_nursery in [true, false] {
        let fixture = Fixture::tied(true, Tie::Shim);
        let nursery = nursery(&fixture).await;
        let mut spec = nasty("child", "ignore-term hang 60");
        spec.tie = Tie::Shim;
        let starts = tokio::time::timeout(SOON * 2, fixture.node().spawn(spec));
        let error = if freezes_nursery {
            freezer.take(nursery);
            starts.await
        } else {
            kill_process(nursery, Signal::STOP).unwrap();
            let frozen = async {
                let shim = stuck(&fixture, nursery).await;
                freezer.take(Pid::from_raw(shim.cast_signed()).unwrap());
            };
            tokio::join!(starts, frozen).0
        };
        let error = error.expect("it does not wait for ever").unwrap_err();
        assert!(matches!(error, SpawnError::Shim(..)), "{error:?}");
        let left = processes_with(&fixture.mark).len();
        assert_eq!(left, usize::from(!freezes_nursery), "there may be a shim, and no child");
        assert_eq!(seats(&fixture), 1, "who had the line is there still");
        let other = fixture.spawn(nasty("other", "exit 3")).await;
        assert_eq!(other.wait().await.exit, Exit::Code(3), "nobody else waits for it");
        drop(other);
        freezer.thaw();
        let idle = tokio::time::timeout(SOON, fixture.node().idle()).await;
        idle.expect("it is gone when it can be");
        assert_eq!(seats(&fixture), 0);
        assert_none_left(&fixture.mark, Duration::ZERO);
    }
}

fn number(pid: Pid) -> u32 {
    pid.as_raw_nonzero().get().cast_unsigned()
}

/// What the shims of this node are copied from, which is there once there was one.
async fn nursery(fixture: &Fixture) -> Pid {
    let child = fixture.spawn(nasty("before", "hang 60")).await;
    let nursery = parent(number(parent(child.pid())));
    assert_eq!(parent(number(nursery)), rustix::process::getpid());
    child.kill_tree();
    child.wait().await;
    nursery
}

/// What the node's ledger has promised.
fn seats(fixture: &Fixture) -> u32 {
    let roles = fixture.node().roles();
    roles.iter().map(|(_, found)| found.used.processes).sum()
}

/// Has the nursery, which was stopped, go on as soon as the next child has its group, and freezes the child
/// in it from its birth on: its shim waits for it to run its program. That shim.
async fn stuck(fixture: &Fixture, nursery: Pid) -> u32 {
    let all = groups(fixture.root.path()).into_iter();
    let freezes: Vec<_> = all.map(|dir| dir.join("child/cgroup.freeze")).collect();
    let freeze = || freezes.iter().find(|file| file.exists());
    soon("it has its group", || freeze().is_some()).await;
    fs::write(freeze().unwrap(), "1").unwrap();
    kill_process(nursery, Signal::CONT).unwrap();
    // Where it shares its memory with its shim, it carries the same mark.
    soon("the child is born", || processes_with(&fixture.mark).len() == 2).await;
    let all = processes_with(&fixture.mark);
    let is_parent = |&pid: &u32| all.iter().any(|&other| number(parent(other)) == pid);
    all.iter().copied().find(is_parent).unwrap()
}

async fn soon(what: &str, condition: impl Fn() -> bool) {
    let met = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(SOON, met).await.is_ok(), "not in time: {what}");
}

/// A group of the freezer of version 1, whose processes do not even hear SIGKILL while it is frozen.
struct Freezer(PathBuf);

impl Freezer {
    fn make() -> Option<Self> {
        let all = Path::new("/sys/fs/cgroup/freezer");
        let name = format!("ffleet-test-{}", std::process::id());
        let made = Self(all.join(name));
        let there = fs::create_dir(&made.0).is_ok() && made.0.join("freezer.state").exists();
        need::that("the freezer of version 1", there).then_some(made)
    }

    fn take(&self, pid: Pid) {
        fs::write(self.0.join("cgroup.procs"), number(pid).to_string()).unwrap();
        let is_frozen = || {
            // Whoever was just going to sleep in the kernel is passed over, and has to be told again.
            fs::write(self.0.join("freezer.state"), "FROZEN").unwrap();
            let state = fs::read_to_string(self.0.join("freezer.state"));
            state.is_ok_and(|state| state == "FROZEN\n")
        };
        until(SOON, "it is frozen", is_frozen);
    }

    fn thaw(&self) {
        fs::write(self.0.join("freezer.state"), "THAWED").unwrap();
    }
}

impl Drop for Freezer {
    fn drop(&mut self) {
        // A test that has failed may have left it frozen, with somebody in it.
        let _thawed = fs::write(self.0.join("freezer.state"), "THAWED");
        let removed = || fs::remove_dir(&self.0).is_ok();
        if !std::thread::panicking() {
            until(SOON, "nobody is in the group any more", removed);
        }
    }
}
