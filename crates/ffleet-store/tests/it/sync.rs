//! Acknowledged means on disk: the order of system calls, as strace saw it.

use std::fs;

use ffleet_store::{Options, Store};
use ffleet_testkit::need;
use ffleet_types::JobRef;

use crate::child;

const JOBS: u64 = 5;

/// What matters of a trace, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    /// Something was written to the write-ahead log.
    Logged,
    /// It is on disk.
    Synced,
    /// The child said that a verb was acknowledged.
    Acknowledged,
}

/// Reads a trace of `strace -f -y`. A call that another thread interrupts is in two lines, of
/// which the second says that it has returned; the first names the file.
fn calls(trace: &str) -> Vec<Call> {
    let mut syncing = None;
    let mut calls = Vec::new();
    for line in trace.lines() {
        let thread = line.split_whitespace().next().unwrap_or_default();
        let is_log = line.contains("ffleet.db-wal>");
        if line.contains("pwrite64(") && is_log {
            calls.push(Call::Logged);
        } else if line.contains(" fdatasync(") && is_log {
            if line.contains("<unfinished") {
                syncing = Some(thread.to_owned());
            } else {
                assert!(line.ends_with("= 0"), "{line}");
                calls.push(Call::Synced);
            }
        } else if line.contains("fdatasync resumed") && syncing.as_deref() == Some(thread) {
            assert!(line.ends_with("= 0"), "{line}");
            syncing = None;
            calls.push(Call::Synced);
        } else if line.contains(" write(") && line.contains("\"acknowledged ") {
            calls.push(Call::Acknowledged);
        }
    }
    calls
}

#[test]
fn every_acknowledgement_comes_after_a_sync_of_what_it_acknowledges() {
    if need::program("strace").is_none() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let trace = dir.path().join("trace");
    let strace = [
        "strace",
        "-f",
        "-y",
        "-s",
        "64",
        "-e",
        "trace=write,pwrite64,fdatasync,fsync",
        "-o",
        trace.to_str().unwrap(),
    ];
    let output = child::command(&strace, &dir.path().join("store"), Some(JOBS))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let calls = calls(&fs::read_to_string(&trace).unwrap());
    let count = |call| calls.iter().filter(|&&seen| seen == call).count() as u64;
    assert_eq!(count(Call::Acknowledged), JOBS * 3, "{calls:?}");
    let mut from = 0;
    for (at, _) in calls
        .iter()
        .enumerate()
        .filter(|(_, call)| **call == Call::Acknowledged)
    {
        let since = &calls[from..at];
        let logged = since.iter().rposition(|&call| call == Call::Logged);
        let synced = since.iter().rposition(|&call| call == Call::Synced);
        assert!(logged.is_some(), "nothing was written for call {at}: {calls:?}");
        assert!(synced > logged, "call {at} was acknowledged before its sync: {calls:?}");
        from = at + 1;
    }
}

/// How many syncs of a thread go well, before none does any more: those of calls, and some of SQLite's own.
const GOOD: u64 = 7;

#[tokio::test]
async fn sync_that_fails_acknowledges_nothing_and_nothing_more_is_taken() {
    if need::program("strace").is_none() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    crate::kit::open(&path).close().await.unwrap();
    let trace = dir.path().join("trace");
    let inject = format!("inject=fdatasync:error=EIO:when={}+", GOOD + 1);
    let traced = ["-f", "-e", "trace=fdatasync", "-e", &inject, "-o", trace.to_str().unwrap()];
    let strace = [&["strace"], &traced[..]].concat();
    let output = child::command(&strace, &path, Some(JOBS)).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let heard: Vec<_> = said.lines().filter(|line| line.starts_with("acknowledged ")).collect();
    assert!((1..=GOOD).contains(&(heard.len() as u64)), "{said}");
    let failed = said.lines().find(|line| line.starts_with("failed: ")).expect(&said);
    assert!(
        failed.contains("takes nothing more") && failed.contains("os error 5"),
        "{failed}"
    );
    let again = said.lines().find(|line| line.starts_with("and then: ")).expect(&said);
    assert!(again.contains("Err(") && again.contains("takes nothing more"), "{again}");

    let options = Options { check: true, ..Options::default() };
    let store = Store::open(&path, options).unwrap();
    for line in heard {
        let id = line.rsplit(' ').next().unwrap().parse().unwrap();
        assert!(store.job(JobRef::Id(id)).await.unwrap().is_some(), "{line}, and is gone");
    }
    store.writable().await.unwrap();
    store.close().await.unwrap();
}
