use std::os::unix::fs::symlink;

use super::*;
use crate::chain;

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn file_is_replaced_whole_with_its_mode_and_nothing_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    write_atomic(&path, b"a longer first text", 0o644).unwrap();
    write_atomic(&path, b"second", 0o600).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"second");
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    assert_eq!(names(dir.path()), ["key"]);
}

#[test]
fn failed_write_leaves_the_old_file_and_no_sibling() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("taken");
    fs::create_dir(&path).unwrap();
    let error = write_atomic(&path, b"x", 0o600).unwrap_err();
    assert!(chain(&error).contains("cannot write"), "{}", chain(&error));
    assert!(chain(&error).contains("taken"), "{}", chain(&error));
    assert_eq!(names(dir.path()), ["taken"]);
    let missing = dir.path().join("no/such/dir");
    assert_eq!(write_atomic(&missing, b"x", 0o600).unwrap_err().kind(), io::ErrorKind::NotFound);
}

#[test]
fn sweep_removes_what_a_crash_left_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    for name in [".key.abc.ffleet-part", "key", ".hidden", "x.ffleet-part"] {
        File::create(dir.path().join(name)).unwrap();
    }
    assert_eq!(sweep(dir.path()).unwrap(), 1);
    assert_eq!(names(dir.path()), [".hidden", "key", "x.ffleet-part"]);
}

#[test]
fn private_directory_is_closed_to_others() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a/b");
    create_private_dir(&path).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    create_private_dir(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
    symlink(&path, dir.path().join("link")).unwrap();
    create_private_dir(&dir.path().join("link")).unwrap();
}

#[test]
fn private_directory_of_someone_else_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    File::create(&file).unwrap();
    create_private_dir(&file).unwrap_err();

    // Only root can give a directory away; everybody else finds `/` to be someone else's.
    let theirs = if rustix::process::geteuid().is_root() {
        let theirs = dir.path().join("theirs");
        fs::create_dir(&theirs).unwrap();
        std::os::unix::fs::chown(&theirs, Some(12_345), None).unwrap();
        theirs
    } else {
        PathBuf::from("/")
    };
    let error = create_private_dir(&theirs).unwrap_err();
    assert!(chain(&error).contains("belongs to user"), "{}", chain(&error));
}

#[test]
fn free_space_is_part_of_the_total() {
    let dir = tempfile::tempdir().unwrap();
    let space = space(dir.path()).unwrap();
    assert!(space.free <= space.total && space.total > Bytes(0), "{space:?}");
    free_space(&dir.path().join("missing")).unwrap_err();
}

#[test]
fn disk_is_as_full_as_df_says() {
    for (used, free, percent) in [
        (0, 0, 0),
        (0, 9, 0),
        (9, 0, 100),
        (95, 5, 95),
        (94_001, 5_999, 95),
        (1, 9_999, 1),
    ] {
        let space = Space { used: Bytes(used), free: Bytes(free), total: Bytes(1 << 40) };
        assert_eq!(space.percent(), percent, "{space:?}");
    }
}

#[test]
fn second_holder_is_told_who_has_the_lock() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lock");
    let held = FileLock::acquire(&path).unwrap();
    let error = FileLock::acquire(&path).unwrap_err();
    let LockError::Held { holder, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(*holder, Some(std::process::id()));
    // As a process that is just being started has it.
    let copy = held.file.try_clone().unwrap();
    drop(held);
    let _again = FileLock::acquire(&path).unwrap();
    drop(copy);
}
