use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;

use ffleet_spool::{Copying, Published, Step};
use ffleet_types::{Bytes, Reason};
use rustix::mount::MountFlags;

use crate::disk::Disk;
use crate::{delivery, ignore, names, result};

/// Stages and publishes `content` at `target`, and checks that it is all that is there.
fn deliver(from: &Path, target: &Path, content: &[u8]) {
    let work = result(from, content);
    let delivery = delivery(target);
    let copying = Copying::default();
    let size = delivery.stage(&work, &copying, &ignore).unwrap();
    assert_eq!((size, copying.copied()), (Bytes(content.len() as u64), content.len() as u64));
    assert!(delivery.sibling().exists() && !target.exists(), "staged, and not yet published");
    delivery.publish(false, &ignore).unwrap();
    assert!(fs::read(target).unwrap() == content, "{} differs", target.display());
    assert_eq!(
        fs::metadata(target).unwrap().mode() & 0o777,
        plain_mode(target.parent().unwrap())
    );
    let name = target.file_name().unwrap().to_str().unwrap();
    assert_eq!(names(target.parent().unwrap()), [name]);
}

/// The permissions that a new file gets there.
fn plain_mode(dir: &Path) -> u32 {
    let path = dir.join("plain");
    let mode = fs::File::create(&path).unwrap().metadata().unwrap().mode() & 0o777;
    fs::remove_file(path).unwrap();
    mode
}

#[test]
fn result_arrives_whole_on_the_same_file_system() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["a.mp4", "-i.mp4", "a b'\"\n%d:é.mp4", ".hidden", &"x".repeat(255)] {
        let out = tempfile::tempdir_in(dir.path()).unwrap();
        deliver(dir.path(), &out.path().join(name), b"content");
    }
}

#[test]
fn result_arrives_whole_on_another_file_system() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::new(dir.path(), "32m", MountFlags::empty()) else {
        return;
    };
    let content: Vec<u8> = (0..9_000_000_u32).map(|n| (n % 253) as u8).collect();
    deliver(dir.path(), &disk.path().join("out.mp4"), &content);
}

#[test]
fn full_disk_is_said_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::new(dir.path(), "1m", MountFlags::empty()) else {
        return;
    };
    let work = result(dir.path(), &vec![7; 3 << 20]);
    let target = disk.path().join("out.mp4");
    let error = delivery(&target)
        .stage(&work, &Copying::default(), &ignore)
        .unwrap_err();
    assert_eq!(error.reason(), Reason::ResourceError);
    assert!(
        error.to_string().contains("out.mp4") && error.to_string().contains("room"),
        "{error}"
    );
    assert!(names(disk.path()).is_empty(), "{:?}", names(disk.path()));
    assert!(work.exists(), "the result can be delivered once there is room");
}

#[test]
fn read_only_place_is_refused_before_any_work() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::new(dir.path(), "1m", MountFlags::RDONLY) else {
        return;
    };
    let error = delivery(&disk.path().join("out.mp4")).check(None, false).unwrap_err();
    assert_eq!(error.reason(), Reason::UserError);
    assert!(error.to_string().contains("Read-only"), "{error}");
}

#[test]
fn stopped_copy_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::new(dir.path(), "32m", MountFlags::empty()) else {
        return;
    };
    let work = result(dir.path(), &vec![7; 9 << 20]);
    let copying = Copying::default();
    copying.stop();
    let target = disk.path().join("out.mp4");
    let error = delivery(&target).stage(&work, &copying, &ignore).unwrap_err();
    assert_eq!(error.reason(), Reason::Interrupted);
    assert!(names(disk.path()).is_empty());
}

#[test]
fn what_cannot_be_a_target_is_refused_before_any_work() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let input = result(dir.path(), b"input");
    fs::hard_link(&input, at("hard")).unwrap();
    symlink(&input, at("soft")).unwrap();
    symlink("nowhere", at("dangling")).unwrap();
    fs::create_dir(at("directory")).unwrap();
    fs::File::create(at("taken")).unwrap();
    for (target, said) in [
        (at("missing/out.mp4"), "make the directory first"),
        (at("taken/out.mp4"), "part of that path is a file"),
        (at("directory"), "a directory"),
        (at("dangling"), "a symbolic link"),
        (at("hard"), "the input itself"),
        (at("soft"), "the input itself"),
        (input.clone(), "the input itself"),
        ("/dev/null".into(), "a device"),
        ("/proc/out.mp4".into(), "cannot write to the directory /proc"),
    ] {
        for overwrite in [false, true] {
            let error = delivery(&target).check(Some(&input), overwrite).unwrap_err();
            assert_eq!(error.reason(), Reason::UserError, "{error}");
            assert!(error.to_string().contains(said), "{error}");
        }
    }
    let taken = delivery(&at("taken"));
    assert!(taken.check(None, false).unwrap_err().to_string().contains("already"));
    taken.check(None, true).unwrap();
    delivery(&at("new.mp4")).check(Some(&input), false).unwrap();
}

#[test]
fn file_that_appears_meanwhile_is_left_untouched() {
    let dir = tempfile::tempdir().unwrap();
    let out = tempfile::tempdir_in(dir.path()).unwrap();
    let target = out.path().join("out.mp4");
    let delivery = delivery(&target);
    delivery
        .stage(&result(dir.path(), b"ours"), &Copying::default(), &ignore)
        .unwrap();
    ffleet_base::write_atomic(&target, b"theirs", 0o600).unwrap();
    let error = delivery.publish(false, &ignore).unwrap_err();
    assert!(error.to_string().contains("appeared"), "{error}");
    assert!(delivery.undo().unwrap() && !delivery.undo().unwrap());
    assert_eq!(fs::read(&target).unwrap(), b"theirs");
    assert_eq!(names(out.path()), ["out.mp4"]);
}

#[test]
fn overwriting_replaces_a_file_whole_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let out = tempfile::tempdir_in(dir.path()).unwrap();
    let target = out.path().join("out.mp4");
    ffleet_base::write_atomic(&target, b"theirs, and longer", 0o600).unwrap();
    let delivery = delivery(&target);
    delivery
        .stage(&result(dir.path(), b"ours"), &Copying::default(), &ignore)
        .unwrap();
    delivery.publish(true, &ignore).unwrap();
    assert_eq!(fs::read(&target).unwrap(), b"ours");
    delivery
        .stage(&result(dir.path(), b"more"), &Copying::default(), &ignore)
        .unwrap();
    fs::remove_file(&target).unwrap();
    symlink("/etc/hostname", &target).unwrap();
    delivery.publish(true, &ignore).unwrap_err();
    assert!(target.is_symlink(), "a link is not replaced, nor followed");
}

#[test]
fn publication_that_was_cut_off_between_link_and_unlink_is_finished() {
    let dir = tempfile::tempdir().unwrap();
    for overwrite in [false, true] {
        let out = tempfile::tempdir_in(dir.path()).unwrap();
        let target = out.path().join("out.mp4");
        let delivery = delivery(&target);
        delivery
            .stage(&result(dir.path(), b"ours"), &Copying::default(), &ignore)
            .unwrap();
        fs::hard_link(delivery.sibling(), &target).unwrap();
        let size = Bytes(4);
        assert_eq!(delivery.settle(overwrite, size, &ignore).unwrap(), Published::Now);
        assert_eq!(delivery.settle(overwrite, size, &ignore).unwrap(), Published::Before);
        assert_eq!(names(out.path()), ["out.mp4"]);
    }
}

#[test]
fn sibling_that_somebody_removed_is_no_publication() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("out.mp4");
    let error = delivery(&target).publish(false, &ignore).unwrap_err();
    assert!(error.to_string().contains("somebody removed"), "{error}");
}

#[test]
fn only_a_plain_file_of_the_sealed_size_was_published_before() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("out.mp4");
    let delivery = delivery(&target);
    let refusal = || {
        let error = delivery.settle(true, Bytes(4), &ignore).unwrap_err();
        assert_eq!(error.reason(), Reason::PlatformError);
        error.to_string()
    };
    assert!(refusal().contains("nothing is there"));
    let other = result(dir.path(), b"somebody's");
    symlink(&other, &target).unwrap();
    assert!(refusal().contains("a symbolic link is there"));
    fs::remove_file(&target).unwrap();
    fs::rename(&other, &target).unwrap();
    assert!(refusal().contains("has 10 bytes and not 4"));
    assert_eq!(fs::read(&target).unwrap(), b"somebody's", "it is left alone");
}

#[test]
fn group_of_a_shared_directory_is_kept() {
    if !ffleet_testkit::need::root() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let out = tempfile::tempdir_in(dir.path()).unwrap();
    std::os::unix::fs::chown(out.path(), None, Some(12_345)).unwrap();
    fs::set_permissions(out.path(), fs::Permissions::from_mode(0o2775)).unwrap();
    let target = out.path().join("out.mp4");
    deliver(dir.path(), &target, b"content");
    assert_eq!(fs::metadata(&target).unwrap().gid(), 12_345);
}

#[test]
fn steps_come_in_their_order() {
    let dir = tempfile::tempdir().unwrap();
    let delivery = delivery(&dir.path().join("out.mp4"));
    let seen = std::sync::Mutex::new(Vec::new());
    let observer = |step: Step| seen.lock().unwrap().push(step);
    delivery
        .stage(&result(dir.path(), b"x"), &Copying::default(), &observer)
        .unwrap();
    delivery.publish(false, &observer).unwrap();
    let order = [
        Step::Staging,
        Step::Staged,
        Step::Synced,
        Step::Renaming,
        Step::Renamed,
        Step::DirSynced,
    ];
    assert_eq!(*seen.lock().unwrap(), order);
}

#[test]
fn staging_that_was_cut_off_is_taken_back_whether_it_moved_or_copied() {
    let dir = tempfile::tempdir().unwrap();
    let out = tempfile::tempdir_in(dir.path()).unwrap();
    let delivery = delivery(&out.path().join("out.mp4"));
    let work = result(dir.path(), b"content");
    delivery.take_back(&work).unwrap();
    delivery.stage(&work, &Copying::default(), &ignore).unwrap();
    assert!(!work.exists(), "it was moved");
    delivery.take_back(&work).unwrap();
    assert_eq!(fs::read(&work).unwrap(), b"content");
    // Half of a copy.
    fs::copy(result(dir.path(), b"con"), delivery.sibling()).unwrap();
    let work = result(dir.path(), b"content");
    delivery.take_back(&work).unwrap();
    assert_eq!(fs::read(&work).unwrap(), b"content");
    assert!(names(out.path()).is_empty());
    fs::remove_file(&work).unwrap();
    delivery.take_back(&work).unwrap_err();
}
