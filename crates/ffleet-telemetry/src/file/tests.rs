use super::*;

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |meta| meta.len())
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn file_never_outgrows_its_cap_and_three_old_ones_are_kept() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ffleet.log");
    let mut log = Rotated::open(path.clone(), 100).unwrap();
    for number in 0..100 {
        log.line(format!("line {number:>4}\n").as_bytes());
        assert!(size(&path) <= 100);
    }
    let mut names: Vec<_> = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["ffleet.log", "ffleet.log.1", "ffleet.log.2", "ffleet.log.3"]);
    let newest = text(&path);
    assert!(newest.ends_with("line   99\n"), "{newest}");
    assert!(text(&directory.path().join("ffleet.log.1")).lines().count() == 10);
}

#[test]
fn log_goes_on_where_it_ended() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ffleet.log");
    for word in ["one\n", "two\n"] {
        Rotated::open(path.clone(), 6).unwrap().line(word.as_bytes());
    }
    assert_eq!(text(&path), "two\n", "the size of the old file counts");
    assert_eq!(text(&directory.path().join("ffleet.log.1")), "one\n");
}

#[test]
fn full_disk_loses_lines_and_says_how_many() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ffleet.log");
    // Every write to it fails with ENOSPC, as on a full disk.
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    let mut log = Rotated::open(path.clone(), 1_000).unwrap();
    log.line(b"one\n");
    log.line(b"two\n");
    std::fs::remove_file(&path).unwrap();
    log.line(b"three\n");
    assert_eq!(text(&path), "2 lines of this log are missing: it could not be written\nthree\n");
}

#[test]
fn directory_that_went_away_and_came_back_is_used_again() {
    let directory = tempfile::tempdir().unwrap();
    let inner = directory.path().join("logs");
    std::fs::create_dir(&inner).unwrap();
    let path = inner.join("ffleet.log");
    let mut log = Rotated::open(path.clone(), 8).unwrap();
    log.line(b"before\n");
    std::fs::remove_dir_all(&inner).unwrap();
    log.line(b"nowhere\n");
    std::fs::create_dir(&inner).unwrap();
    log.line(b"again\n");
    assert!(text(&path).ends_with("again\n"));
}

#[test]
fn runaway_line_is_cut() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ffleet.log");
    let mut log = Rotated::open(path.clone(), 1 << 20).unwrap();
    log.line(&vec![b'x'; LONGEST_LINE * 2]);
    assert!(size(&path) < 70_000 && text(&path).ends_with("… (cut)\n"));
}
