//! Targets that cannot be written, or must not be.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use ffleet_base::write_atomic;
use ffleet_testkit::need;
use ffleet_types::{Outcome, Reason};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use serde_json::json;

use crate::fixture::{Bench, Unusual, clip, failure, job, job_with, look, names, quick};

/// A small file system, until it is dropped.
struct Disk(PathBuf);

impl Disk {
    fn new(at: PathBuf, size: &str, flags: MountFlags) -> Option<Self> {
        if !need::root() {
            return None;
        }
        fs::create_dir(&at).unwrap();
        let options = std::ffi::CString::new(format!("size={size}")).unwrap();
        let mounted = mount("ffleet-test", &at, "tmpfs", flags, Some(options.as_c_str()));
        need::that("a tmpfs to be mounted", mounted.is_ok()).then_some(Self(at))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        unmount(&self.0, UnmountFlags::DETACH).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn target_that_cannot_be_is_refused_before_any_child() {
    let Some(bench) = Bench::start().await else { return };
    let input = bench.dir.path().join("in.mp4");
    fs::copy(clip(1), &input).unwrap();
    let at = |name: &str| bench.dir.path().join(name);
    fs::hard_link(&input, at("hard.mp4")).unwrap();
    symlink(&input, at("soft.mp4")).unwrap();
    fs::create_dir(at("directory.mp4")).unwrap();
    write_atomic(&at("taken.mp4"), b"theirs", 0o644).unwrap();
    for (target, said) in [
        (input.clone(), "the input itself"),
        (at("hard.mp4"), "the input itself"),
        (at("soft.mp4"), "the input itself"),
        (at("directory.mp4"), "a directory"),
        (at("taken.mp4"), "already"),
        (at("missing/out.mp4"), "make the directory first"),
        (at("home/work/out.mp4"), "data directory"),
        ("/dev/null".into(), "a device"),
        ("/proc/out.mp4".into(), "/proc"),
    ] {
        let finished = bench.finish(job(&input, &[(&target, quick())])).await;
        let (reason, message) = failure(&finished);
        assert_eq!(reason, Reason::UserError, "{message}");
        assert!(message.contains(said), "{message}");
        assert!(finished.commands.is_empty(), "no child was started: {:?}", finished.commands);
    }
    assert_eq!(fs::read(at("taken.mp4")).unwrap(), b"theirs");
    assert_eq!(fs::read(&input).unwrap(), fs::read(clip(1)).unwrap(), "the source is untouched");
    bench.end(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn read_only_and_full_disks_are_said_and_leave_nothing() {
    let Some(bench) = Bench::start().await else { return };
    let dir = bench.dir.path();
    let Some(locked) = Disk::new(dir.join("locked"), "1m", MountFlags::RDONLY) else {
        return;
    };
    let Some(full) = Disk::new(dir.join("full"), "64k", MountFlags::empty()) else {
        return;
    };
    let finished = bench
        .finish(job(clip(4), &[(&locked.0.join("out.mp4"), quick())]))
        .await;
    let (reason, message) = failure(&finished);
    assert_eq!(reason, Reason::UserError);
    assert!(message.contains("Read-only"), "{message}");

    let finished = bench.finish(job(clip(4), &[(&full.0.join("out.mp4"), quick())])).await;
    let (reason, message) = failure(&finished);
    assert_eq!(reason, Reason::ResourceError, "{message}");
    assert!(message.contains("full/") && message.contains("room"), "{message}");
    assert_eq!(names(&full.0), Vec::<String>::new());
    bench.end(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn result_crosses_file_systems() {
    let Some(bench) = Bench::start().await else { return };
    let Some(disk) = Disk::new(bench.dir.path().join("disk"), "32m", MountFlags::empty()) else {
        return;
    };
    let target = disk.0.join("out.mp4");
    let finished = bench.finish(job(clip(4), &[(&target, quick())])).await;
    assert_eq!(finished.outcome, Outcome::Completed);
    assert!(look(&target).contains("h264"));
    assert_eq!(names(&disk.0), ["out.mp4"]);
    bench.end(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn file_that_appears_during_the_work_is_left_untouched() {
    let appears = |path: PathBuf| {
        move |step: ffleet_spool::Step| {
            if step == ffleet_spool::Step::Verified {
                write_atomic(&path, b"theirs", 0o644).unwrap();
            }
        }
    };
    let dir = tempfile::Builder::new().prefix("worker-").tempdir().unwrap();
    let target = dir.path().join("out/out.mp4");
    let unusual = Unusual {
        observer: Some(std::sync::Arc::new(appears(target.clone()))),
        dir: Some(dir),
        ..Unusual::default()
    };
    let Some(bench) = Bench::start_with(unusual).await else {
        return;
    };
    let finished = bench.finish(job(clip(1), &[(&target, quick())])).await;
    let (reason, message) = failure(&finished);
    assert_eq!(reason, Reason::UserError);
    assert!(message.contains("appeared"), "{message}");
    assert_eq!(fs::read(&target).unwrap(), b"theirs");
    assert!(finished.artifacts.iter().all(|artifact| !artifact.published));
    fs::remove_file(&target).unwrap();

    let job = job_with(clip(1), &[(&target, quick())], json!({"overwrite": true}));
    assert_eq!(bench.finish(job).await.outcome, Outcome::Completed);
    assert!(look(&target).contains("h264"), "with leave to overwrite, theirs is replaced");
    bench.end(&["out.mp4"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn place_outside_of_the_roots_is_refused() {
    let dir = tempfile::Builder::new().prefix("worker-").tempdir().unwrap();
    let roots = Some(vec![dir.path().join("out"), clip(1).parent().unwrap().to_owned()]);
    symlink("/tmp", dir.path().join("way-out")).unwrap();
    let unusual = Unusual { roots, dir: Some(dir), ..Unusual::default() };
    let Some(bench) = Bench::start_with(unusual).await else {
        return;
    };
    let inside = job(clip(1), &[(&bench.out("out.mp4"), quick())]);
    assert_eq!(bench.finish(inside).await.outcome, Outcome::Completed);
    for (input, target) in [
        (Path::new("/etc/passwd").to_owned(), bench.out("a.mp4")),
        (clip(1), bench.dir.path().join("a.mp4")),
        (clip(1), bench.dir.path().join("way-out/a.mp4")),
    ] {
        let finished = bench.finish(job(input, &[(&target, quick())])).await;
        assert_eq!(failure(&finished).0, Reason::UserError, "{:?}", finished.outcome);
    }
    bench.end(&["out.mp4"]).await;
}
