//! A process that publishes is killed at each step; whoever comes next finds whole or nothing.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;

use ffleet_spool::{Copying, Death, Delivery, Step};
use ffleet_testkit::need;
use ffleet_types::{AttemptId, Bytes};
use rustix::mount::MountFlags;

use crate::disk::Disk;
use crate::{attempt, delivery, names, result};

/// Where the child that is to die publishes, where it works, and at which step it dies.
const ORDER: &str = "FFLEET_TEST_CRASH";
const CONTENT: &[u8] = b"every byte of it";

/// Not a test of its own: what the tests below start as a process to be killed.
#[test]
fn publisher_that_dies_where_it_is_told() {
    #[expect(clippy::disallowed_methods, reason = "how a test speaks to its own child")]
    let Ok(order) = std::env::var(ORDER) else { return };
    let [target, work, step] = order.split('|').collect::<Vec<_>>()[..] else {
        panic!("{order}")
    };
    let death: Death = step.parse().unwrap();
    let observer = |step| death.observe(step);
    let delivery = delivery(Path::new(target));
    delivery.stage(Path::new(work), &Copying::default(), &observer).unwrap();
    observer(Step::Sealed);
    delivery.publish(false, &observer).unwrap();
    observer(Step::Finished);
}

/// Publishes in a child that dies at `step`.
fn die_at(step: Step, work: &Path, target: &Path) {
    let order = format!("{}|{}|{step}", target.display(), work.display());
    #[expect(clippy::disallowed_methods, reason = "a test kills itself as a child")]
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::publisher_that_dies_where_it_is_told"])
        .env(ORDER, order)
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.signal(), Some(9), "the child did not get to {step}: {status}");
}

/// What the next one does: a sealed attempt is finished, any other undone.
fn recover(delivery: &Delivery, sealed: bool) {
    if sealed {
        let size = Bytes(CONTENT.len() as u64);
        delivery.settle(false, size, &|_| ()).unwrap();
        delivery.settle(false, size, &|_| ()).unwrap();
    } else {
        delivery.undo().unwrap();
    }
}

fn whole_or_nothing(work: &Path, out: &Path) {
    let target = out.join("out.mp4");
    for (step, sealed) in [
        (Step::Staging, false),
        (Step::Staged, false),
        (Step::Synced, false),
        (Step::Sealed, true),
        (Step::Renaming, true),
        (Step::Renamed, true),
        (Step::DirSynced, true),
        (Step::Finished, true),
    ] {
        die_at(step, &result(work, CONTENT), &target);
        // The one that comes next makes the name anew, from what it knows.
        let attempt: AttemptId = attempt().to_string().parse().unwrap();
        recover(&Delivery::new(&target, attempt, 0).unwrap(), sealed);
        let expected: &[&str] = if sealed { &["out.mp4"] } else { &[] };
        assert_eq!(names(out), expected, "after a death at {step}");
        if sealed {
            assert_eq!(fs::read(&target).unwrap(), CONTENT, "after a death at {step}");
            fs::remove_file(&target).unwrap();
        }
    }
}

#[test]
fn death_at_any_step_leaves_whole_or_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let out = tempfile::tempdir_in(dir.path()).unwrap();
    whole_or_nothing(dir.path(), out.path());
}

#[test]
fn death_at_any_step_leaves_whole_or_nothing_across_file_systems() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::new(dir.path(), "1m", MountFlags::empty()) else {
        return;
    };
    whole_or_nothing(dir.path(), disk.path());
    assert!(need::root());
}
