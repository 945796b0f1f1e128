//! Descriptors that a child is given, and those that its shim holds for whoever comes next.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io::{PipeReader, Read as _, Write as _};
use std::os::fd::OwnedFd;

use ffleet_guard::{ChildSpec, SpawnError, Stdin, Stdout, StillError, Tie};
use ffleet_supervise::Exit;
use ffleet_testkit::until;
use rustix::process::{Signal, kill_process};
use tokio::io::AsyncReadExt as _;

use crate::fixture::{Fixture, SOON, heard, nasty, said, ways};
use crate::sandbox::{Place, files_are_hidden};
use crate::shim::{FED, killed_with, parent};

/// What a child reads of its standard input is counted by it once all other ends are closed.
const READS: &str = "say on read-stdin";

/// The numbers of a process's descriptors.
fn descriptors(pid: u32) -> Vec<u32> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let mut all: Vec<u32> = entries
        .map(|entry| entry.unwrap().file_name().to_str().unwrap().parse().unwrap())
        .collect();
    all.sort_unstable();
    all
}

/// A child that says `on` and hangs.
fn hanging() -> ChildSpec {
    let mut spec = nasty("child", "say on hang 60");
    spec.stdout = Stdout::Pipe;
    spec
}

#[tokio::test]
async fn pipe_that_a_shim_holds_outlives_the_node_and_is_handed_to_the_next_life() {
    for cgroups in ways() {
        let killed = killed_with(READS, cgroups, &[(FED, "1")]);
        let node = killed.next_life(cgroups);
        let mut child = node.adopt("child").unwrap().unwrap();
        assert_eq!(child.pid(), killed.pid, "it has met no end of its input");
        let shim = parent(child.pid()).as_raw_nonzero().get().cast_unsigned();
        let before = descriptors(shim);
        let mut writer = fs::File::from(child.take_held("feed").unwrap());
        assert!(child.take_held("feed").is_none() && child.take_held("another").is_none());
        writer.write_all(b"second").unwrap();
        drop(writer);
        let error = child.release("another").await.unwrap_err();
        assert!(matches!(error, StillError::Shim(_)), "{error:?}");
        assert_eq!(descriptors(shim), before, "that was nothing");
        child.release("feed").await.unwrap();
        let mut stdout = child.take_stdout().unwrap();
        let mut counted = String::new();
        stdout.read_to_string(&mut counted).await.unwrap();
        let all = "first second".len();
        assert!(counted.contains(&all.to_string()), "all of it arrived: {counted:?}");
        let exit = tokio::time::timeout(SOON, child.wait()).await.unwrap();
        assert_eq!(exit.exit, Exit::Code(0));
        let error = child.release("feed").await.unwrap_err();
        assert!(matches!(error, StillError::Ended), "{error:?}");
        drop(child);
        node.idle().await;
        killed.nothing_is_left(node);
    }
}

#[tokio::test]
async fn shim_closes_what_it_lets_go_of_and_has_no_more_than_it_was_given() {
    let fixture = Fixture::tied(true, Tie::Shim);
    let mut plain = fixture.spawn(hanging()).await;
    let _stdout = heard(&mut plain, "on").await;
    let shim = |pid| parent(pid).as_raw_nonzero().get().cast_unsigned();
    // A shim that answers has done everything that belongs to the start.
    plain.thaw().await.unwrap();
    let usual = descriptors(shim(plain.pid())).len();
    let mut spec = hanging();
    "other".clone_into(&mut spec.name);
    let ((reader, writer), (given, far)) = (std::io::pipe().unwrap(), std::io::pipe().unwrap());
    spec.stdin = Stdin::From(reader.into());
    spec.given.insert(9, given.into());
    spec.held = [("near", writer.try_clone().unwrap().into()), ("far", OwnedFd::from(far))]
        .map(|(name, fd)| (name.to_owned(), fd))
        .into();
    let mut child = fixture.spawn(spec).await;
    let _stdout = heard(&mut child, "on").await;
    child.thaw().await.unwrap();
    let held = || descriptors(shim(child.pid())).len();
    assert_eq!(held(), usual + 2, "what the child has is the child's alone");
    assert_eq!(descriptors(child.pid()), [0, 1, 2, 9]);
    assert_eq!(descriptors(plain.pid()), [0, 1, 2]);
    child.release("near").await.unwrap();
    assert_eq!(held(), usual + 1);
    child.release("far").await.unwrap();
    assert_eq!(held(), usual);
    for child in [&plain, &child] {
        child.kill_tree();
        tokio::time::timeout(SOON, child.wait()).await.unwrap();
    }
    drop(writer);
}

#[tokio::test]
async fn child_is_given_its_descriptors_under_their_numbers_and_no_others() {
    for fixture in Fixture::each() {
        // What is opened once is open from here on.
        fixture.run("say on exit 0").await;
        let before = descriptors(std::process::id());
        let mut readers = Vec::new();
        let mut spec = nasty("child", "files");
        spec.stdout = Stdout::Pipe;
        let numbers = [ChildSpec::FIRST_GIVEN, 4, 5, ChildSpec::LAST_GIVEN];
        for number in numbers {
            let (reader, writer) = std::io::pipe().unwrap();
            readers.push(reader);
            spec.given.insert(number, writer.into());
        }
        let ends = readers.iter().map(target).collect::<Vec<_>>();
        let mut child = fixture.spawn(spec).await;
        let listed = said(&mut child).await;
        for (number, end) in numbers.iter().zip(ends) {
            let expected = format!("{number} {end}");
            assert!(listed.lines().any(|line| line == expected), "no {expected} in {listed}");
        }
        assert_eq!(listed.lines().count(), 3 + numbers.len(), "{listed}");
        child.wait().await;
        for mut reader in readers {
            let mut rest = Vec::new();
            // Nobody else has the other end, or this would wait for ever.
            reader.read_to_end(&mut rest).unwrap();
        }
        drop(child);
        fixture.node().idle().await;
        until(SOON, "nothing of it is open here", || {
            descriptors(std::process::id()).len() <= before.len()
        });
    }
}

/// The pipe that this is an end of.
fn target(pipe: &PipeReader) -> String {
    use std::os::fd::AsRawFd as _;
    let path = format!("/proc/self/fd/{}", pipe.as_raw_fd());
    fs::read_link(path).unwrap().to_str().unwrap().to_owned()
}

#[tokio::test]
async fn descriptors_are_closed_when_the_shim_is_gone() {
    let fixture = Fixture::tied(true, Tie::Shim);
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut spec = hanging();
    spec.held.insert("end".to_owned(), writer.into());
    let mut child = fixture.spawn(spec).await;
    let _stdout = heard(&mut child, "on").await;
    kill_process(parent(child.pid()), Signal::KILL).unwrap();
    let exit = tokio::time::timeout(SOON, child.wait()).await.unwrap();
    assert_eq!(exit.exit, Exit::Signal(9));
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest).unwrap();
}

#[tokio::test]
async fn descriptors_that_cannot_be_passed_on_are_refused() {
    let fixture = Fixture::tied(true, Tie::Node);
    let end = || OwnedFd::from(std::io::pipe().unwrap().0);
    let low: Box<dyn Fn(&mut ChildSpec)> = Box::new(|spec| drop(spec.given.insert(2, end())));
    let high: Box<dyn Fn(&mut ChildSpec)> = Box::new(|spec| drop(spec.given.insert(16, end())));
    let alone: Box<dyn Fn(&mut ChildSpec)> = Box::new(|spec| {
        spec.held.insert("end".to_owned(), end());
    });
    let many: Box<dyn Fn(&mut ChildSpec)> = Box::new(|spec| {
        spec.tie = Tie::Shim;
        spec.held = (0..17).map(|number| (number.to_string(), end())).collect();
    });
    for (set, said) in [
        (low, "3 to 15"),
        (high, "3 to 15"),
        (alone, "without a shim"),
        (many, "16 at most"),
    ] {
        let mut spec = nasty("child", "say on");
        set(&mut spec);
        let error = fixture.node().spawn(spec).await.unwrap_err();
        assert!(matches!(error, SpawnError::Descriptors(..)), "{error:?}");
        assert!(error.to_string().contains(said), "{error}");
    }
    let child = fixture.spawn(nasty("child", "hang 60")).await;
    let error = child.release("end").await.unwrap_err();
    assert!(matches!(error, StillError::Shim(_)), "{error:?}");
    child.kill_tree();
    child.wait().await;
}

#[tokio::test]
async fn child_in_a_sandbox_has_its_descriptors_too() {
    for fixture in Fixture::each().into_iter().filter(files_are_hidden) {
        let place = Place::new();
        let (reader, mut writer) = std::io::pipe().unwrap();
        let ((_far, given), (_kept, end)) = (std::io::pipe().unwrap(), std::io::pipe().unwrap());
        let secret = place.path("secret");
        let mut spec = nasty("child", &format!("say on read-stdin read {}", secret.display()));
        spec.sandbox = Some(place.sandbox());
        spec.stdin = Stdin::From(reader.into());
        spec.stdout = Stdout::Pipe;
        spec.given.insert(7, given.into());
        if fixture.tie == Tie::Shim {
            spec.held.insert("end".to_owned(), end.into());
        }
        let mut child = fixture.spawn(spec).await;
        let mut stdout = heard(&mut child, "on").await;
        assert_eq!(descriptors(child.pid()), [0, 1, 2, 7]);
        writer.write_all(b"twelve bytes").unwrap();
        drop(writer);
        let mut told = String::new();
        stdout.read_to_string(&mut told).await.unwrap();
        assert!(told.contains("12") && !told.contains("keys"), "{told}");
        child.wait().await;
    }
}
