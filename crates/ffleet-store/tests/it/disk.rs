//! The disk is full.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use ffleet_base::chain;
use ffleet_store::Error;
use ffleet_testkit::need;
use ffleet_types::JobRef;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::kit::{id, job, open, submit};

/// A file system of 2 MiB, for as long as this lives.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn at(path: &Path) -> Option<Self> {
        fs::create_dir(path).unwrap();
        let size = c"size=2m,mode=700";
        let mounted = mount("none", path, "tmpfs", MountFlags::empty(), size).is_ok();
        need::that("root that may mount", mounted).then(|| Self(path.to_owned()))
    }

    /// Leaves no room, and says by what file.
    fn fill(&self) -> PathBuf {
        let path = self.0.join("ballast");
        let mut file = File::create(&path).unwrap();
        while file.write_all(&[0; 4_096]).is_ok() {}
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _unmounted = unmount(&self.0, UnmountFlags::DETACH);
    }
}

#[tokio::test]
async fn full_disk_is_said_nothing_is_acknowledged_and_work_goes_on_with_new_room() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::at(&dir.path().join("disk")) else {
        return;
    };
    let store = open(&disk.0);
    for name in 1..=10 {
        submit(&store, job(name)).await;
    }
    let ballast = disk.fill();
    let mut acknowledged = 10;
    let error = loop {
        match store.submit(vec![job(acknowledged + 1)]).await {
            Ok(_) => acknowledged += 1,
            Err(error) => break error,
        }
        assert!(acknowledged < 10_000, "the disk is never full");
    };
    assert!(matches!(error, Error::Full { .. }), "{error:?}");
    let text = chain(&error);
    assert!(text.contains("full") && text.contains(disk.0.to_str().unwrap()), "{text}");
    assert!(matches!(store.writable().await, Err(Error::Full { .. })));
    let calls = [job(20_001), job(20_002), job(20_003)].map(|new| store.submit(vec![new]));
    for call in calls {
        assert!(matches!(call.await, Err(Error::Full { .. })), "everybody in a group is told");
    }
    assert!(store.vitals().failures > 0);
    assert_eq!(store.counts().iter().map(|(_, count)| count).sum::<u64>(), acknowledged);
    let read = store.job(JobRef::Id(id(1))).await.unwrap();
    assert!(read.is_some(), "what is there can still be read");
    let missing = store.job(JobRef::Id(id(20_001))).await.unwrap();
    assert_eq!(missing, None, "nothing is there that was not acknowledged");

    fs::remove_file(ballast).unwrap();
    store.writable().await.unwrap();
    let next = submit(&store, job(30_000)).await;
    assert_eq!(next.number.0, acknowledged + 1, "a call that failed used up no number");
    store.close().await.unwrap();
    let store = open(&disk.0);
    for name in (1..=acknowledged).chain([30_000]) {
        assert!(store.job(JobRef::Id(id(name))).await.unwrap().is_some(), "job {name}");
    }
    store.close().await.unwrap();
}
