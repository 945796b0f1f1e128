//! Backups.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ffleet_store::{BackupError, Options, Store};
use ffleet_types::JobRef;

use crate::kit::{claim, completed, id, job, open, submit};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backup_under_load_holds_everything_acknowledged_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let stop = Arc::new(AtomicBool::new(false));
    for number in 1..=100 {
        submit(&store, job(number)).await;
    }
    let load = tokio::spawn({
        let (store, stop) = (store.clone(), Arc::clone(&stop));
        async move {
            let mut number = 1_000;
            while !stop.load(Ordering::Relaxed) {
                number += 1;
                submit(&store, job(number)).await;
                store.claim(vec![claim(id(number), 1)]).await.unwrap();
                store.finish(vec![completed(id(number), 1)]).await.unwrap();
            }
            number
        }
    });
    let copies = tempfile::tempdir().unwrap();
    let mut last = None;
    for round in 0..5 {
        let to = copies.path().join(format!("{round}/ffleet.db"));
        fs::create_dir(to.parent().unwrap()).unwrap();
        store.backup(&to).await.unwrap();
        assert_eq!(fs::metadata(&to).unwrap().mode() & 0o777, 0o600);
        last = to.parent().map(ToOwned::to_owned);
        submit(&store, job(200 + round)).await;
    }
    stop.store(true, Ordering::Relaxed);
    assert!(load.await.unwrap() > 1_001, "there was no load");

    let restored = last.unwrap();
    let names = fs::read_dir(&restored).unwrap().count();
    assert_eq!(names, 1, "the copy is one file, and nothing is left beside it");
    let copy = Store::open(&restored, Options { check: true, ..Options::default() }).unwrap();
    for number in (1..=100).chain(200..204) {
        let (kept, there) =
            tokio::join!(copy.job(JobRef::Id(id(number))), store.job(JobRef::Id(id(number))));
        assert_eq!(kept.unwrap(), there.unwrap(), "job {number}");
    }
    assert_eq!(copy.job(JobRef::Id(id(204))).await.unwrap(), None, "it came later");
    submit(&copy, job(9_000_000)).await;
    copy.close().await.unwrap();
    store.close().await.unwrap();
}

#[tokio::test]
async fn backup_overwrites_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let to = dir.path().join("backup");
    fs::create_dir(&to).unwrap();
    let error = store.backup(&to).await.unwrap_err();
    assert!(matches!(error, BackupError::Exists { .. }), "{error:?}");
    let to = dir.path().join("file");
    store.backup(&to).await.unwrap();
    let before = fs::read(&to).unwrap();
    submit(&store, job(1)).await;
    let error = store.backup(&to).await.unwrap_err();
    assert!(error.to_string().contains("exists already"), "{error}");
    assert_eq!(fs::read(&to).unwrap(), before);
    store.close().await.unwrap();
}

#[tokio::test]
async fn backup_into_a_missing_directory_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let error = store.backup(&dir.path().join("no/such/place")).await.unwrap_err();
    assert!(matches!(error, BackupError::Write { .. }), "{error:?}");
    assert!(!dir.path().join("no").exists());
    store.close().await.unwrap();
}
