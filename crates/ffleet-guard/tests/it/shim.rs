//! A child in the hands of a shim outlives the node that started it, and nothing else does.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "the victim is this test, started again to be killed; one that cannot go on has failed"
)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use ffleet_base::{Clock as _, SystemClock};
use ffleet_guard::{ChildSpec, Node, SpawnError, Stderr, Stdin, Stdout, StillError, Tie, log};
use ffleet_supervise::Exit;
use ffleet_testkit::{assert_none_left, processes_with, until};
use ffleet_types::Bytes;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::AsyncReadExt as _;

use crate::fixture::{Fixture, GRACE, SOON, groups, heard, nasty, options, ways};

/// The variables in which the victim finds its directory, its child's script, and whether it is to
/// use cgroups, and to leave its child frozen.
const ROOT: &str = "SHIM_VICTIM_ROOT";
const SCRIPT: &str = "SHIM_VICTIM_SCRIPT";
const CGROUPS: &str = "SHIM_VICTIM_CGROUPS";
const FROZEN: &str = "SHIM_VICTIM_FROZEN";
/// Whether its child reads what a pipe holds that its shim keeps open.
pub(crate) const FED: &str = "SHIM_VICTIM_FED";

/// Not a test: the process whose death others survive. It never ends by itself.
#[test]
fn victim() {
    let Some(root) = std::env::var_os(ROOT) else { return };
    let script = std::env::var(SCRIPT).unwrap();
    let cgroups = std::env::var_os(CGROUPS).is_some();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let node = Node::open(options(Path::new(&root), cgroups)).unwrap();
        let mut spec = nasty("child", &script);
        spec.tie = Tie::Shim;
        spec.stdout = Stdout::Pipe;
        let path = Path::new(&root).join("child.log");
        spec.stderr = Stderr::Log { path, cap: Bytes(64 << 10) };
        let writer = std::env::var_os(FED).map(|_| fed(&mut spec));
        let mut child = node.spawn(spec).await.unwrap();
        let _stdout = heard(&mut child, "on").await;
        if let Some(mut writer) = writer {
            writer.write_all(b"first ").unwrap();
        }
        if std::env::var_os(FROZEN).is_some() {
            child.freeze().await.unwrap();
        }
        println!("\nvictim {} {}", child.pid(), node.instance());
        std::future::pending::<()>().await;
    });
}

/// Has a child read a pipe that its shim holds the other end of, and answers one more of those.
fn fed(spec: &mut ChildSpec) -> std::io::PipeWriter {
    let (reader, writer) = std::io::pipe().unwrap();
    spec.stdin = Stdin::From(reader.into());
    spec.held.insert("feed".to_owned(), writer.try_clone().unwrap().into());
    writer
}

/// A directory whose node was killed with a child in it: the child's id and mark.
pub(crate) struct Killed {
    pub(crate) root: tempfile::TempDir,
    pub(crate) pid: u32,
    mark: String,
}

/// Kills a node whose child does as `script` says, after it said `on`. `DEATH` in it is a file that
/// is there from then on.
fn killed(script: &str, cgroups: bool) -> Killed {
    killed_with(script, cgroups, &[])
}

/// The same, with more that the victim finds.
pub(crate) fn killed_with(script: &str, cgroups: bool, more: &[(&str, &str)]) -> Killed {
    let root = tempfile::Builder::new().prefix("guard-").tempdir().unwrap();
    let death = root.path().join("death");
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "shim::victim", "--nocapture"])
        .env(ROOT, root.path())
        .env(SCRIPT, script.replace("DEATH", death.to_str().unwrap()));
    command.envs(more.iter().copied());
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
    victim.kill().unwrap();
    victim.wait().unwrap();
    std::fs::write(&death, "").unwrap();
    Killed { pid: words[1].parse().unwrap(), mark, root }
}

impl Killed {
    pub(crate) fn next_life(&self, cgroups: bool) -> Node {
        Node::open(options(self.root.path(), cgroups)).unwrap()
    }

    pub(crate) fn nothing_is_left(&self, node: Node) {
        assert_none_left(&self.mark, SOON);
        let groups = groups(self.root.path());
        drop(node);
        assert!(!groups.iter().any(|dir| dir.exists()), "{groups:?} are left");
        let shims = self.root.path().join("node/shims");
        let left: Vec<_> = shims.read_dir().unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[tokio::test]
async fn child_is_taken_over_by_the_next_life_of_its_node() {
    for cgroups in ways() {
        let script = "say on complain early hang 3 say later complain late exit 5";
        let killed = killed(script, cgroups);
        assert_eq!(processes_with(&killed.mark).len(), 2, "the shim and the child live");
        let node = killed.next_life(cgroups);
        assert_eq!(node.leftovers().processes, 0, "they are spared");
        assert_eq!(node.orphans(), ["child"]);
        let seats = || node.roles().iter().map(|(_, found)| found.used.processes).sum::<u32>();
        assert_eq!(seats(), 1, "what it was promised is known");
        assert!(node.adopt("another").unwrap().is_none());
        let mut child = node.adopt("child").unwrap().unwrap();
        assert_eq!(child.pid(), killed.pid, "it is the same process");
        let mut said = String::new();
        let mut stdout = child.take_stdout().unwrap();
        stdout.read_to_string(&mut said).await.unwrap();
        assert_eq!(said, "later\n", "what it says from now on is heard");
        let exit = child.wait().await;
        assert_eq!((exit.exit, exit.strays), (Exit::Code(5), 0));
        assert_eq!(exit.stderr_tail, "early\nlate\n");
        assert_eq!(exit.stdout_tail, "on\nlater\n", "what it said before is not lost");
        // It is counted from when its shim gets the CPU again after it has begun to run.
        assert!(exit.usage.wall_micros >= 2_900_000, "its whole life counts: {:?}", exit.usage);
        let chunk = log::read(&killed.root.path().join("child.log"), 0, 100).unwrap();
        assert_eq!(chunk.bytes, b"early\nlate\n");
        drop(child);
        node.idle().await;
        assert_eq!(seats(), 0);
        killed.nothing_is_left(node);
    }
}

#[tokio::test]
async fn end_that_nobody_saw_is_told_to_the_next_life() {
    let killed = killed("say on await DEATH complain alone exit 7", true);
    let shims = killed.root.path().join("node/shims");
    until(SOON, "the end is written down", || is_written_down(&shims));
    // Once with the shim still there, which waits for somebody to hear of it.
    let node = killed.next_life(true);
    let child = node.adopt("child").unwrap().unwrap();
    let exit = child.wait().await;
    assert_eq!((exit.exit, &*exit.stderr_tail), (Exit::Code(7), "alone\n"));
    assert!(!exit.forsaken && exit.stdout_tail == "on\n", "{exit:?}");
    let life = Duration::from_micros(exit.usage.wall_micros);
    assert_eq!(child.ran_before(Duration::MAX), life, "what came after its end is not its time");
    drop(child);
    node.idle().await;
    killed.nothing_is_left(node);
}

#[tokio::test]
async fn record_of_an_end_outlives_the_shim() {
    let killed = killed("say on await DEATH exit 7", true);
    until(SOON + GRACE, "the shim gave up waiting", || {
        processes_with(&killed.mark).is_empty()
    });
    let node = killed.next_life(true);
    let child = node.adopt("child").unwrap().unwrap();
    assert_eq!(child.wait().await.exit, Exit::Code(7));
    drop(child);
    killed.nothing_is_left(node);
}

#[tokio::test]
async fn orphan_that_nobody_comes_back_to_ends_with_its_tree() {
    for cgroups in ways() {
        let script = "ignore-term fork-away 'ignore-term hang 60' say on hang 60";
        let killed = killed(script, cgroups);
        until(SOON, "shim, child and orphan live", || processes_with(&killed.mark).len() == 3);
        assert_none_left(&killed.mark, SOON + GRACE);
        let node = killed.next_life(cgroups);
        let child = node.adopt("child").unwrap().unwrap();
        let exit = child.wait().await;
        assert_eq!(exit.exit, Exit::Signal(9));
        assert!(exit.forsaken, "it is not taken for a crash");
        drop(child);
        killed.nothing_is_left(node);
    }
}

#[tokio::test]
async fn time_that_a_child_stood_still_is_known_to_the_next_life() {
    for cgroups in ways() {
        let script = "say on await DEATH exit 0";
        let killed = killed_with(script, cgroups, &[(FROZEN, "1")]);
        let still = Duration::from_secs(1);
        std::thread::sleep(still);
        let node = killed.next_life(cgroups);
        let child = node.adopt("child").unwrap().unwrap();
        let now = SystemClock.monotonic();
        let lived = now - child.exec_at().monotonic;
        assert!(
            child.ran_before(now) + still <= lived,
            "{:?} of {lived:?}",
            child.ran_before(now)
        );
        // Frozen once more it has stood still all the while.
        child.freeze().await.unwrap();
        child.thaw().await.unwrap();
        let exit = child.wait().await;
        assert_eq!(exit.exit, Exit::Code(0));
        let paused = Duration::from_micros(exit.usage.paused_micros);
        assert!(paused >= still && paused <= lived + SOON, "{paused:?}");
        drop(child);
        node.idle().await;
        killed.nothing_is_left(node);
    }
}

#[tokio::test]
async fn how_a_child_ended_is_kept_until_it_is_let_go_of() {
    let fixture = Fixture::tied(true, Tie::Shim);
    let record = || is_written_down(&fixture.root.path().join("node/shims"));
    for keeps in [true, false] {
        let child = fixture.spawn(nasty("child", "exit 4")).await;
        let trace = keeps.then(|| child.trace());
        assert_eq!(child.wait().await.exit, Exit::Code(4));
        fixture.node().idle().await;
        assert_eq!(record(), keeps, "somebody still has to act on it");
        drop(child);
        assert_eq!(record(), keeps);
        drop(trace);
        assert!(!record());
    }
}

#[tokio::test]
async fn orphan_that_is_not_wanted_is_killed() {
    let killed = killed("ignore-term say on hang 60", true);
    let node = killed.next_life(true);
    node.abandon_orphans(|name| name != "child");
    assert_eq!(node.orphans(), ["child"], "it is somebody else's");
    node.abandon_orphans(|_| true);
    assert_eq!(node.orphans(), Vec::<String>::new());
    node.idle().await;
    killed.nothing_is_left(node);
}

#[tokio::test]
async fn child_dies_with_its_shim_and_nothing_is_left() {
    let fixture = Fixture::tied(true, Tie::Shim);
    let mut spec = nasty("child", "fork-away 'ignore-term hang 60' say on hang 60");
    spec.stdout = Stdout::Pipe;
    let mut child = fixture.spawn(spec).await;
    let _stdout = heard(&mut child, "on").await;
    let shim = parent(child.pid());
    kill_process(shim, Signal::KILL).unwrap();
    let exit = tokio::time::timeout(SOON, child.wait()).await.unwrap();
    // The child itself may still be on its way out when the others are looked for.
    assert!(exit.exit == Exit::Signal(9) && exit.strays >= 1, "{exit:?}");
}

#[tokio::test]
async fn shim_that_does_not_answer_is_said_and_its_late_answer_is_no_other() {
    let fixture = Fixture::tied(true, Tie::Shim);
    let child = fixture.spawn(nasty("child", "spin 60")).await;
    let shim = parent(child.pid());
    kill_process(shim, Signal::STOP).unwrap();
    let error = child.freeze().await.unwrap_err();
    assert!(matches!(error, StillError::Silent(_)), "{error:?}");
    kill_process(shim, Signal::CONT).unwrap();
    child.thaw().await.unwrap();
    let cpu = || ffleet_testkit::measure::cpu_time(child.pid()).unwrap();
    let before = cpu();
    until(SOON, "it runs: the thaw came after the freeze", || cpu() > before);
    child.freeze().await.unwrap();
    child.kill_tree();
    let exit = tokio::time::timeout(SOON, child.wait()).await.unwrap();
    assert_eq!(exit.exit, Exit::Signal(9));
}

/// Of a child, one that waits for its end; of a shim, one that waits for whoever comes for that.
#[tokio::test]
async fn shim_that_waits_does_nothing() {
    let killed = killed("say on await DEATH exit 0", true);
    let shims = || processes_with(&killed.mark);
    until(SOON, "only the shim is left", || shims().len() == 1 && shims() != [killed.pid]);
    let shim = shims()[0];
    let cpu = || ffleet_testkit::measure::cpu_time(shim).unwrap_or_default();
    let before = cpu();
    std::thread::sleep(Duration::from_secs(1));
    let used = cpu().saturating_sub(before);
    assert!(
        used <= Duration::from_millis(50),
        "{used:?} of a second in which nothing happened"
    );
    let node = killed.next_life(true);
    drop(node.adopt("child").unwrap().unwrap());
    node.idle().await;
    killed.nothing_is_left(node);
}

/// Whether there is a record of an end among what shims are found by.
fn is_written_down(shims: &Path) -> bool {
    let mut all = shims.read_dir().unwrap().map(|entry| entry.unwrap().path());
    all.any(|path| path.extension().is_some_and(|kind| kind == "exit"))
}

pub(crate) fn parent(pid: u32) -> Pid {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    Pid::from_raw(fields.split(' ').nth(1).unwrap().parse().unwrap()).unwrap()
}

#[tokio::test]
async fn program_that_is_not_there_is_said_through_a_shim_too() {
    let fixture = Fixture::tied(true, Tie::Shim);
    let mut spec = ChildSpec::new("child", "/no/such/program");
    spec.tie = Tie::Shim;
    let error = fixture.node().spawn(spec).await.unwrap_err();
    assert!(matches!(error, SpawnError::NotFound(_)), "{error:?}");
    let mut spec = ChildSpec::new("child", "true");
    spec.tie = Tie::Shim;
    spec.stderr = Stderr::Pipe;
    let error = fixture.node().spawn(spec).await.unwrap_err();
    assert!(matches!(error, SpawnError::PipedFromShim(_)), "{error:?}");
}

#[tokio::test]
async fn shim_takes_a_few_megabytes() {
    let fixture = Fixture::tied(true, Tie::Shim);
    let mut spec = nasty("child", "say on hang 60");
    spec.stdout = Stdout::Pipe;
    let mut child = fixture.spawn(spec).await;
    let _stdout = heard(&mut child, "on").await;
    let shim = parent(child.pid()).as_raw_nonzero().get().cast_unsigned();
    let resident = ffleet_testkit::measure::resident(shim).unwrap();
    println!("{resident} bytes");
    assert!(resident < 8 << 20, "{resident} bytes");
    child.kill_tree();
    tokio::time::timeout(Duration::from_secs(5), child.wait())
        .await
        .unwrap();
}

/// What has to be escaped most, as much of it as is kept.
#[tokio::test]
async fn end_is_told_whatever_the_child_has_said() {
    let fixture = Fixture::tied(true, Tie::Shim);
    let (exit, said) = fixture.run("flood-stderr 64 flood-stdout 64").await;
    assert_eq!((exit.exit, said.len()), (Exit::Code(0), 64 << 10));
    assert_eq!(exit.stdout_tail, "\0".repeat(8 << 10));
    assert!(exit.stderr_tail.len() > 4 << 10, "{}", exit.stderr_tail.len());
}
