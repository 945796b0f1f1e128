use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};

use ffleet_spool::Work;
use ffleet_types::{AttemptId, Bytes};

use crate::{attempt, names};

fn later() -> AttemptId {
    AttemptId { fence: attempt().fence.next(), ..attempt() }
}

#[test]
fn work_directory_is_ours_alone_and_empty() {
    let home = tempfile::tempdir().unwrap();
    let work = Work::open(home.path()).unwrap();
    let dir = work.make(attempt()).unwrap();
    assert_eq!(fs::metadata(dir.path()).unwrap().mode() & 0o777, 0o700);
    ffleet_base::write_atomic(&dir.file("old"), b"x", 0o600).unwrap();
    assert_eq!(work.make(attempt()).unwrap(), dir, "the same assignment, come twice");
    assert!(names(dir.path()).is_empty(), "{:?}", names(dir.path()));
    assert_eq!(work.list().unwrap(), [attempt()]);
}

#[test]
fn removing_follows_no_link_out() {
    let home = tempfile::tempdir().unwrap();
    let theirs = home.path().join("theirs");
    fs::create_dir(&theirs).unwrap();
    ffleet_base::write_atomic(&theirs.join("precious"), b"x", 0o600).unwrap();
    let work = Work::open(home.path()).unwrap();
    let dir = work.make(attempt()).unwrap();
    symlink(&theirs, dir.file("way-out")).unwrap();
    dir.remove().unwrap();
    dir.remove().unwrap();
    assert_eq!(names(&theirs), ["precious"]);
    assert!(names(work.root()).is_empty());
}

#[test]
fn sweep_leaves_the_living_and_nothing_else() {
    let home = tempfile::tempdir().unwrap();
    let work = Work::open(home.path()).unwrap();
    work.make(attempt()).unwrap();
    work.make(later()).unwrap();
    fs::create_dir(work.root().join("not an attempt")).unwrap();
    symlink(home.path(), work.root().join("link")).unwrap();
    assert_eq!(work.sweep(&BTreeSet::from([later()])).unwrap(), 3);
    assert_eq!(work.list().unwrap(), [later()]);
    assert!(home.path().exists());
}

#[test]
fn size_counts_what_is_really_there() {
    let home = tempfile::tempdir().unwrap();
    let dir = Work::open(home.path()).unwrap().make(attempt()).unwrap();
    assert_eq!(dir.size().unwrap(), Bytes(0));
    ffleet_base::write_atomic(&dir.file("a"), &[1; 100_000], 0o600).unwrap();
    fs::File::create(dir.file("sparse")).unwrap().set_len(1 << 40).unwrap();
    let size = dir.size().unwrap();
    assert!((Bytes(100_000)..Bytes(300_000)).contains(&size), "{size}");
}
