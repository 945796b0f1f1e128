//! Every way in which a child misbehaves: how it is judged, how long that may take, and that nothing
//! of it is left afterwards. With cgroups, as far as there are any, and without; in the hands of
//! the node, and of a shim. What the one tree of cgroups makes of it is tried by `v2`.
#![expect(clippy::unwrap_used, reason = "what cannot be read here has failed the test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use ffleet_base::{Clock as _, SystemClock};
use ffleet_guard::{ChildSpec, Report, Stderr, Stdout, supervise};
use ffleet_supervise::{Exit, Order, Policy, Verdict};
use ffleet_testkit::{descendants_of, until};
use ffleet_types::{Bytes, Cpu};
use tokio::io::AsyncReadExt as _;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::fixture::{Fixture, SOON, groups, heard, nasty, slowness};

const POLICY: Policy = Policy { timeout: None, stall: None, grace: Duration::from_millis(300) };
const TERM: Duration = Duration::from_millis(400);

/// One row. What it says may hold `FILE`, a file in a directory of the test's own.
struct Row {
    name: &'static str,
    script: &'static str,
    /// Stalled, or out of time, after [`TERM`]; it then has said `on`.
    watched: Option<Watch>,
    judged: Judged,
    /// How long all of it may take, on a machine that has nothing else to do.
    within: Duration,
}

#[derive(Clone, Copy)]
enum Watch {
    Stall,
    Timeout,
}

/// What its end is to be.
enum Judged {
    /// It ended by itself, so, with as many left behind.
    Exited(Exit, usize),
    /// It ended by itself where nobody bounds it, and so where somebody does.
    Bounded { free: Exit, bound: Exit },
    /// It was stopped for its silence, by this signal.
    Stalled(i32),
    /// It was stopped for the time it took, by this signal.
    TimedOut(i32),
}

const fn row(name: &'static str, script: &'static str, judged: Judged) -> Row {
    Row { name, script, watched: None, judged, within: Duration::from_secs(2) }
}

const fn watched(name: &'static str, script: &'static str, watch: Watch, judged: Judged) -> Row {
    Row { watched: Some(watch), ..row(name, script, judged) }
}

const DONE: Exit = Exit::Code(0);

const ROWS: &[Row] = &[
    row("exits without a word", "exit 0", Judged::Exited(DONE, 0)),
    row("fails", "complain broken exit 3", Judged::Exited(Exit::Code(3), 0)),
    row("crashes", "signal 11", Judged::Exited(Exit::Signal(11), 0)),
    row(
        "forks away and closes what it had",
        "fork-away 'close-stdout ignore-term hang 60' exit 0",
        Judged::Exited(DONE, 1),
    ),
    row(
        "leaves a descendant that holds the pipe",
        "fork-away 'ignore-term hang 60' say done exit 0",
        Judged::Exited(DONE, 1),
    ),
    row(
        "closes its output and goes on",
        "close-stdout hang 0.5 exit 0",
        Judged::Exited(DONE, 0),
    ),
    row("floods standard error", "flood-stderr 512 exit 0", Judged::Exited(DONE, 0)),
    row("floods standard output", "flood-stdout 512 exit 0", Judged::Exited(DONE, 0)),
    row("fills the disk", "write FILE 1024 exit 0", Judged::Exited(Exit::Signal(25), 0)),
    row(
        "eats memory",
        "glutton 100 exit 0",
        Judged::Bounded { free: DONE, bound: Exit::Signal(9) },
    ),
    row(
        "starts threads",
        "threads 60 1 exit 0",
        Judged::Bounded { free: DONE, bound: DONE },
    ),
    row(
        "starts processes",
        "forks 60 1 exit 0",
        Judged::Bounded { free: DONE, bound: DONE },
    ),
    watched("stalls, alive", "say on hang 60", Watch::Stall, Judged::Stalled(15)),
    watched("stalls, busy", "say on spin 60", Watch::Stall, Judged::Stalled(15)),
    watched(
        "stalls, deaf, with a family",
        "ignore-term fork-away 'ignore-term hang 60' say on hang 60",
        Watch::Stall,
        Judged::Stalled(9),
    ),
    watched("takes too long", "say on hang 60", Watch::Timeout, Judged::TimedOut(15)),
    watched(
        "takes too long and ignores SIGTERM",
        "ignore-term say on spin 60",
        Watch::Timeout,
        Judged::TimedOut(9),
    ),
];

#[tokio::test]
async fn every_nasty_child_ends_as_it_is_to_and_leaves_nothing() {
    for fixture in Fixture::each() {
        // What the runtime and the node open once is open from here on, and what shims come from runs.
        fixture.run("complain warm say on exit 0").await;
        let started = descendants_of(std::process::id());
        let open = descriptors();
        for row in ROWS {
            let files = files(&fixture);
            let bounded = fixture.bounds();
            let began = Instant::now();
            let report = carry_out(&fixture, row).await;
            let took = began.elapsed();
            let what =
                format!("{}, bounded: {bounded}, by {:?}: {report:?}", row.name, fixture.tie);
            row.judged.compare(&report, bounded, &what);
            assert!(took < row.within * slowness(), "{took:?}: {what}");
            nothing_is_left(&fixture, &started, &files, &open, &what);
        }
    }
}

async fn carry_out(fixture: &Fixture, row: &Row) -> Report {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("out");
    let mut spec = nasty("child", &row.script.replace("FILE", &file.display().to_string()));
    bound(&mut spec);
    spec.stdout = Stdout::Pipe;
    let log = dir.path().join("log");
    spec.stderr = Stderr::Log { path: log, cap: Bytes(100_000) };
    let mut child = fixture.spawn(spec).await;
    let mut stdout = match row.watched {
        Some(_) => heard(&mut child, "on").await,
        None => child.take_stdout().unwrap(),
    };
    let policy = match row.watched {
        Some(Watch::Stall) => Policy { stall: Some(TERM), ..POLICY },
        Some(Watch::Timeout) => {
            let lived = SystemClock.monotonic().saturating_sub(child.exec_at().monotonic);
            Policy { timeout: Some(lived + TERM), ..POLICY }
        }
        None => POLICY,
    };
    let (_sender, orders) = watch::channel(Order::Run);
    let (_position, progress) = watch::channel(0);
    let end = supervise(&child, policy, &SystemClock, orders, progress);
    let mut said = Vec::new();
    let all = async { tokio::join!(end, stdout.read_to_end(&mut said)) };
    let (report, heard) = tokio::time::timeout(SOON * 3, all).await.expect(row.name);
    heard.unwrap();
    let kept: u64 = fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();
    assert!(kept <= 300_000 + (64 << 10), "{}: {kept} bytes are kept", row.name);
    report
}

/// Small enough for every row that is to run into it, and for no other.
fn bound(spec: &mut ChildSpec) {
    spec.limits.memory = Some(Bytes::mib(48));
    spec.limits.tasks = Some(20);
    spec.limits.cpu = Some(Cpu(1_000));
    spec.limits.file_size = Some(Bytes(64 << 10));
}

impl Judged {
    fn compare(&self, report: &Report, bounded: bool, what: &str) {
        let exit = &report.exit;
        match *self {
            Self::Exited(as_said, strays) => {
                assert_eq!(report.verdict, Verdict::Exited { exit: as_said }, "{what}");
                assert_eq!(exit.strays, strays, "{what}");
                assert_eq!((exit.memory_kills, exit.tasks_refused), (0, 0), "{what}");
            }
            Self::Bounded { free, bound } => {
                let wanted = if bounded { bound } else { free };
                assert_eq!(report.verdict, Verdict::Exited { exit: wanted }, "{what}");
                assert_eq!(exit.is_out_of_memory() || exit.tasks_refused > 0, bounded, "{what}");
            }
            Self::Stalled(signal) => {
                assert!(
                    matches!(report.verdict, Verdict::Stalled { silent } if silent >= TERM),
                    "{what}"
                );
                assert_eq!(exit.exit, Exit::Signal(signal), "{what}");
            }
            Self::TimedOut(signal) => {
                assert!(matches!(report.verdict, Verdict::TimedOut { .. }), "{what}");
                assert_eq!(exit.exit, Exit::Signal(signal), "{what}");
            }
        }
    }
}

fn nothing_is_left(
    fixture: &Fixture,
    started: &[u32],
    files_before: &BTreeSet<PathBuf>,
    open: &BTreeSet<String>,
    what: &str,
) {
    let mark = format!("FFLEET_INSTANCE={}", fixture.node().instance());
    // A shim goes when it has heard that its child's end was heard.
    until(SOON, &format!("no process and no zombie is left: {what}"), || {
        ffleet_testkit::processes_with(&mark).is_empty()
            && descendants_of(std::process::id()) == started
    });
    for dir in groups(fixture.root.path()) {
        let below = fs::read_dir(&dir)
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().path().is_dir());
        assert_eq!(below.count(), 0, "cgroups are left in {}: {what}", dir.display());
    }
    assert_eq!(&files(fixture), files_before, "{what}");
    until(SOON, &format!("no descriptor is left: {:?}, {what}", descriptors()), || {
        &descriptors() == open
    });
}

/// All files and directories of a node.
fn files(fixture: &Fixture) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut dirs = vec![fixture.root.path().to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                dirs.push(entry.path());
            }
            found.insert(entry.path());
        }
    }
    found
}

/// What this process has open: numbers, and what they lead to.
fn descriptors() -> BTreeSet<String> {
    let entries: Vec<_> = fs::read_dir("/proc/self/fd").unwrap().map(Result::unwrap).collect();
    entries
        .into_iter()
        .filter_map(|entry| {
            let to = fs::read_link(entry.path()).ok()?;
            Some(format!("{} {}", entry.file_name().display(), to.display()))
        })
        .collect()
}
