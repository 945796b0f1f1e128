//! Standard error cannot fill a disk, and a full disk cannot hurt a child.

use ffleet_guard::{Stderr, log};
use ffleet_supervise::Exit;
use ffleet_testkit::need;
use ffleet_types::Bytes;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::fixture::{Fixture, nasty};

#[tokio::test]
async fn flood_is_kept_to_its_head_and_end() {
    let fixture = Fixture::new(true);
    let path = fixture.root.path().join("child.log");
    let mut spec = nasty("child", "complain first flood-stderr 4096 complain last exit 0");
    spec.stderr = Stderr::Log { path: path.clone(), cap: Bytes(100_000) };
    let ended = fixture.spawn(spec).await.wait().await;
    assert_eq!((ended.exit, ended.log_lost), (Exit::Code(0), 0));
    assert!(ended.stderr_tail.ends_with("last\n") && ended.stderr_tail.len() <= 8 << 10);

    let head = log::read(&path, 0, 20).unwrap();
    assert!(head.bytes.starts_with(b"first\n"), "{head:?}");
    let all = 4_096 * 1_024 + "first\nlast\n".len() as u64;
    assert_eq!(log::read(&path, all - 5, 20).unwrap().bytes, b"last\n");
    let on_disk: u64 = std::fs::read_dir(fixture.root.path())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_file())
        .map(|entry| entry.metadata().unwrap().len())
        .sum();
    assert!(on_disk <= 300_000, "{on_disk} bytes are kept");
}

#[tokio::test]
async fn full_disk_costs_the_log_and_not_the_child() {
    if !need::root() {
        return;
    }
    let fixture = Fixture::new(true);
    let small = fixture.root.path().join("small");
    std::fs::create_dir(&small).unwrap();
    let mounted = mount("tmpfs", &small, "tmpfs", MountFlags::empty(), Some(c"size=64k"));
    if !need::that("the right to mount a file system", mounted.is_ok()) {
        return;
    }
    let mut spec = nasty("child", "flood-stderr 1024 complain last exit 0");
    spec.stderr = Stderr::Log { path: small.join("log"), cap: Bytes::mib(1) };
    let ended = fixture.spawn(spec).await.wait().await;
    unmount(&small, UnmountFlags::DETACH).unwrap();
    assert_eq!(ended.exit, Exit::Code(0));
    assert!(ended.log_lost >= 900 << 10, "{} bytes were lost", ended.log_lost);
    assert!(ended.stderr_tail.ends_with("last\n"));
}

#[tokio::test]
async fn log_that_cannot_be_made_does_not_stop_the_child() {
    let fixture = Fixture::new(true);
    let mut spec = nasty("child", "flood-stderr 1024 complain last exit 0");
    spec.stderr = Stderr::Log { path: "/no/such/place/log".into(), cap: Bytes::mib(1) };
    let ended = fixture.spawn(spec).await.wait().await;
    assert_eq!(ended.exit, Exit::Code(0));
    assert!(ended.stderr_tail.ends_with("last\n"));
}
