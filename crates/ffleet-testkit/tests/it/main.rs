//! The nasty child does what it says: a test that leans on it proves nothing otherwise.
#![expect(clippy::disallowed_methods, reason = "these children are this test's own")]

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ffleet_testkit::cpus::{Cpus, End, count, count_within};
use ffleet_testkit::{binary, processes_with, until};

fn nasty(script: &str) -> Command {
    let mut command = Command::new(binary("nasty"));
    command.args(script.split_whitespace()).stdin(Stdio::null());
    command
}

fn said(script: &str) -> String {
    let output = nasty(script).output().expect("nasty starts");
    String::from_utf8(output.stdout).expect("it says text")
}

#[test]
fn nasty_ends_as_told() {
    assert_eq!(nasty("exit 3").status().unwrap().code(), Some(3));
    assert_eq!(nasty("signal 9").status().unwrap().signal(), Some(9));
    assert_eq!(nasty("dance").output().unwrap().status.code(), Some(64));
    assert_eq!(said("say one say two"), "one\ntwo\n");
    assert_eq!(nasty("flood-stderr 4").output().unwrap().stderr.len(), 4_096);
}

#[test]
fn nasty_ignores_the_signal_to_terminate() {
    let mut child = nasty("ignore-term say ready hang 0.3 exit 7")
        .stdout(Stdio::piped())
        .spawn();
    let child = child.as_mut().unwrap();
    let mut line = [0; 6];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut line).unwrap();
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(7));
}

#[test]
fn nasty_leaves_an_orphan_of_its_own_session() {
    let marker = format!("NASTY_TEST={}", std::process::id());
    let (name, value) = marker.split_once('=').unwrap();
    let mut command = Command::new(binary("nasty"));
    command.args(["fork-away", "hang 5"]).env(name, value);
    assert!(command.status().unwrap().success());
    // It may not have got as far as its own program yet.
    until(Duration::from_secs(4), "there is one orphan", || {
        processes_with(&marker).len() == 1
    });
    until(Duration::from_secs(10), "the orphan is gone", || {
        processes_with(&marker).is_empty()
    });
}

#[test]
fn counted_program_that_hangs_is_killed_with_its_group() {
    let marker = format!("COUNTED_TEST={}", std::process::id());
    let script = format!("export {marker}; LD_PRELOAD= sleep 60 & echo frame=1; wait");
    let args = ["-c".to_owned(), script];
    let cpus = Cpus { machine: 16, allowed: 2 };
    let limit = Duration::from_millis(300);
    let begun = Instant::now();
    let counted = count_within(limit, Path::new("/bin/sh"), &args, cpus, Some(2));
    assert_eq!(counted.end, End::Late(limit));
    assert_eq!(counted.complaint().as_deref(), Some("did not end within 0.3 s"));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    until(Duration::from_secs(5), "its child is gone", || {
        processes_with(&marker).is_empty()
    });
}

#[test]
fn counted_program_is_ended_when_it_has_done_enough() {
    let args = ["-c".to_owned(), "echo frame=1; echo frame=2; sleep 60".to_owned()];
    let cpus = Cpus { machine: 2, allowed: 2 };
    let counted = count(Path::new("/bin/sh"), &args, cpus, Some(2));
    assert_eq!((counted.end, counted.complaint()), (End::Fine, None));
    let args = ["-c".to_owned(), "echo '[error] no' >&2; exit 1".to_owned()];
    let counted = count(Path::new("/bin/sh"), &args, cpus, None);
    assert_eq!(counted.complaint().as_deref(), Some("[error] no"));
}
