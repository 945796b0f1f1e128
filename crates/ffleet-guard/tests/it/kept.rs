//! Descriptors that belong to no child, and outlive their node.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use ffleet_guard::Node;
use ffleet_testkit::{assert_none_left, processes_with, until};
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat, open};
use rustix::process::{Pid, Signal, kill_process};

use crate::fixture::{SOON, options};

/// A node whose lives follow each other.
struct Lives {
    root: tempfile::TempDir,
    mark: String,
}

impl Lives {
    fn begin() -> (Self, Node) {
        let root = tempfile::Builder::new().prefix("guard-").tempdir().unwrap();
        let node = Node::open(options(root.path(), false)).unwrap();
        let mark = format!("FFLEET_INSTANCE={}", node.instance());
        (Self { root, mark }, node)
    }

    /// The next one; for the keeper the end of the last is its death.
    fn next(&self, node: Node) -> Node {
        drop(node);
        Node::open(options(self.root.path(), false)).unwrap()
    }

    fn fifo(&self, name: &str) -> (PathBuf, OwnedFd) {
        let path = self.root.path().join(name);
        mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        (path.clone(), open(&path, flags, Mode::empty()).unwrap())
    }

    fn keeper(&self) -> Option<Pid> {
        let all = processes_with(&self.mark);
        assert!(all.len() <= 1, "{all:?}");
        Pid::from_raw(all.first()?.cast_signed())
    }
}

fn writer(path: &Path) -> File {
    OpenOptions::new().write(true).open(path).unwrap()
}

#[tokio::test]
async fn what_is_kept_is_open_until_the_next_life_asks_for_it() {
    let (lives, node) = Lives::begin();
    assert!(node.left("").is_empty() && lives.keeper().is_none(), "nobody is needed");
    let ((path, end), (other, unasked)) = (lives.fifo("one"), lives.fifo("two"));
    let kept = node.keep("feed/one", end, true).await.unwrap();
    let another = node.keep("other/two", unasked, true).await.unwrap();
    let keeper = lives.keeper().expect("there is one");
    let (mut writes, mut others) = (writer(&path), writer(&other));
    writes.write_all(b"first ").unwrap();
    node.leave_kept(true);
    assert!(kept.is_left());
    drop((kept, another));
    let node = lives.next(node);
    writes.write_all(b"second").expect("its pipe is whole");
    let left = node.left("feed/");
    assert_eq!((left.len(), left[0].name(), left[0].ends()), (1, "feed/one", &[][..]));
    assert!(node.left("feed/").is_empty(), "once");
    let mut read = [0; 12];
    File::from(left[0].fd().try_clone().unwrap())
        .read_exact(&mut read)
        .unwrap();
    assert_eq!(&read, b"first second");
    // Nobody asks for the other.
    drop(node.left(""));
    until(SOON, "it is closed", || others.write_all(b"x").is_err());
    assert_eq!(lives.keeper(), Some(keeper), "it is the same process");
    drop(left);
    until(SOON, "the last is closed", || writes.write_all(b"x").is_err());
    until(SOON, "and its keeper gone", || lives.keeper().is_none());
    assert_eq!(
        std::fs::read_dir(lives.root.path().join("node/keeper")).map_or(0, Iterator::count),
        0
    );
}

#[tokio::test]
async fn next_life_knows_where_writers_have_gone() {
    let (lives, node) = Lives::begin();
    let (path, end) = lives.fifo("one");
    let kept = node.keep("feed/one", end, true).await.unwrap();
    let mut first = writer(&path);
    first.write_all(b"12345").unwrap();
    let mut read = [0; 3];
    File::from(kept.fd().try_clone().unwrap())
        .read_exact(&mut read)
        .unwrap();
    node.leave_kept(true);
    drop((kept, first));
    // Longer than it takes to notice that, and nobody can ask whether it was.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    writer(&path).write_all(b"678").unwrap();
    let node = lives.next(node);
    let left = node.left("");
    assert_eq!(left[0].ends().first(), Some(&2), "two bytes of the first are left");
    node.leave_kept(false);
    drop(left);
    assert_none_left(&lives.mark, SOON);
}

#[tokio::test]
async fn keeper_that_is_killed_is_replaced_when_there_is_more_to_keep() {
    let (lives, node) = Lives::begin();
    let ((path, end), (_, more)) = (lives.fifo("one"), lives.fifo("two"));
    let kept = node.keep("feed/one", end, true).await.unwrap();
    let first = lives.keeper().unwrap();
    kill_process(first, Signal::KILL).unwrap();
    until(SOON, "it is gone", || lives.keeper() != Some(first));
    let more = node.keep("feed/two", more, true).await.unwrap();
    assert!(lives.keeper().is_some());
    node.leave_kept(true);
    drop((kept, more));
    let node = lives.next(node);
    let names: Vec<_> = node.left("").iter().map(|kept| kept.name().to_owned()).collect();
    assert_eq!(names, ["feed/one", "feed/two"], "it has what the first had");
    until(SOON, "nobody reads", || {
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        open(&path, flags, Mode::empty()).is_err()
    });
    assert_none_left(&lives.mark, SOON);
    drop(node);
}

#[tokio::test]
async fn keeper_that_nobody_comes_back_to_goes() {
    let (lives, node) = Lives::begin();
    let (path, end) = lives.fifo("one");
    let kept = node.keep("feed/one", end, true).await.unwrap();
    let mut writes = writer(&path);
    node.leave_kept(true);
    drop((kept, node));
    assert!(lives.keeper().is_some());
    assert_none_left(&lives.mark, SOON);
    writes.write_all(b"x").unwrap_err();
}
