//! The file: who may read it, who may open it, and what is said of one that is not as it was.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use ffleet_base::chain;
use ffleet_store::{Error, MOST_EDGES, OpenError, Options, Prune, Refusal, Store};
use ffleet_types::task::State;
use ffleet_types::{JobNumber, JobRef};

use crate::kit::{claim, completed, id, job, open, submit};

fn refused(dir: &Path) -> OpenError {
    Store::open(dir, Options::default()).map(drop).unwrap_err()
}

/// Changes the database of a closed store with SQL.
fn alter(dir: &Path, sql: &str) {
    rusqlite::Connection::open(dir.join("ffleet.db"))
        .unwrap()
        .execute_batch(sql)
        .unwrap();
}

#[tokio::test]
async fn only_the_owner_may_read_the_files() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("new/data");
    let store = open(&dir);
    submit(&store, job(1)).await;
    for name in ["ffleet.db", "ffleet.db-wal", "ffleet.db-shm", "store.lock"] {
        let mode = fs::metadata(dir.join(name)).unwrap().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name} has mode {mode:o}");
    }
    assert_eq!(fs::metadata(&dir).unwrap().mode() & 0o777, 0o700);
    store.close().await.unwrap();

    fs::set_permissions(dir.join("ffleet.db"), Permissions::from_mode(0o644)).unwrap();
    open(&dir).close().await.unwrap();
    assert_eq!(fs::metadata(dir.join("ffleet.db")).unwrap().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn everything_is_there_when_it_is_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.submit((1..=3).map(job).collect()).await.unwrap();
    store.claim(vec![claim(id(1), 1)]).await.unwrap();
    store.finish(vec![completed(id(1), 1)]).await.unwrap();
    let (row, counts) = (store.job(JobRef::Id(id(1))).await.unwrap(), store.counts());
    store.close().await.unwrap();
    assert!(!dir.path().join("ffleet.db-wal").exists(), "closing folds the log in");

    let store = Store::open(dir.path(), Options { check: true, ..Options::default() }).unwrap();
    assert_eq!(store.job(JobRef::Id(id(1))).await.unwrap(), row);
    assert_eq!(store.counts(), counts);
    assert_eq!(submit(&store, job(4)).await.number, JobNumber(4));
    store.close().await.unwrap();
}

#[tokio::test]
async fn pruned_number_is_not_used_again_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    submit(&store, job(1)).await;
    store.claim(vec![claim(id(1), 1)]).await.unwrap();
    store.finish(vec![completed(id(1), 1)]).await.unwrap();
    let pruned = store
        .prune(Prune { before: None, keep: Some(0), limit: 9 })
        .await
        .unwrap();
    assert_eq!(pruned.len(), 1);
    store.close().await.unwrap();
    let store = open(dir.path());
    assert_eq!(store.counts().of(State::Completed), 0);
    assert_eq!(submit(&store, job(2)).await.number, JobNumber(2));
    store.close().await.unwrap();
}

#[tokio::test]
async fn second_server_is_told_who_has_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let error = chain(&refused(dir.path()));
    assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
    store.close().await.unwrap();
    open(dir.path()).close().await.unwrap();
}

#[tokio::test]
async fn closed_store_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let clone = store.clone();
    store.close().await.unwrap();
    assert!(matches!(clone.submit(vec![job(1)]).await, Err(Error::Closed)));
    assert!(matches!(clone.job(JobRef::Id(id(1))).await, Err(Error::Closed)));
    clone.close().await.unwrap();
}

#[tokio::test]
async fn newer_schema_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).close().await.unwrap();
    alter(dir.path(), "PRAGMA user_version = 9");
    let error = refused(dir.path());
    assert!(matches!(error, OpenError::Newer { found: 9, known: 4, .. }), "{error:?}");
    assert!(error.to_string().contains("has schema 9"), "{error}");
    alter(dir.path(), "PRAGMA user_version = 4");
    open(dir.path()).close().await.unwrap();
}

#[tokio::test]
async fn first_schema_is_brought_up_to_date_with_what_it_holds() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    submit(&store, job(1)).await;
    store.close().await.unwrap();
    let new = ["keys", "tenants", "deeds", "invitations", "members"];
    for table in new.iter().chain(&["declared", "feed_totals", "stream_totals"]) {
        alter(dir.path(), &format!("DROP TABLE {table}"));
    }
    for index in ["jobs_waiting", "jobs_living", "jobs_ended"] {
        alter(dir.path(), &format!("DROP INDEX {index}"));
    }
    alter(dir.path(), "ALTER TABLE jobs DROP COLUMN owner");
    alter(dir.path(), "CREATE INDEX jobs_by_state ON jobs (state, number)");
    alter(dir.path(), "PRAGMA user_version = 1");
    let store = open(dir.path());
    assert!(store.job(JobRef::Id(id(1))).await.unwrap().is_some());
    assert_eq!(store.counts().of(State::Queued), 1);
    assert_eq!(store.declared().await.unwrap(), []);
    store.close().await.unwrap();
}

#[tokio::test]
async fn database_of_another_program_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    alter(dir.path(), "CREATE TABLE theirs (x)");
    let before = fs::read(dir.path().join("ffleet.db")).unwrap();
    let error = refused(dir.path());
    assert!(matches!(error, OpenError::Foreign { .. }), "{error:?}");
    assert_eq!(fs::read(dir.path().join("ffleet.db")).unwrap(), before);
}

#[tokio::test]
async fn file_that_is_no_database_gives_a_clear_error() {
    let dir = tempfile::tempdir().unwrap();
    File::create(dir.path().join("ffleet.db"))
        .and_then(|mut file| file.write_all(&[0x5a; 8_192]))
        .unwrap();
    let error = refused(dir.path());
    let damaged = matches!(error, OpenError::Store(Error::Damaged { .. }));
    assert!(damaged, "{error:?}");
    let text = chain(&error);
    assert!(text.contains("damaged") && text.contains("restore a backup"), "{text}");
}

#[tokio::test]
async fn damaged_page_is_found_by_the_check_and_by_reading() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for batch in 0..20 {
        store
            .submit((1..=50).map(|at| job(batch * 50 + at)).collect())
            .await
            .unwrap();
    }
    store.close().await.unwrap();
    let path = dir.path().join("ffleet.db");
    let mut file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
    // All pages but the first, which holds the schema, and the next few, which hold the roots.
    let size = file.metadata().unwrap().len();
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    file.seek(SeekFrom::Start(30 * 4_096)).unwrap();
    let garbage = vec![0xa5; usize::try_from(size).unwrap() - 30 * 4_096];
    file.write_all(&garbage).unwrap();
    drop(file);

    let options = Options { check: true, ..Options::default() };
    let error = Store::open(dir.path(), options).map(drop).unwrap_err();
    let found =
        matches!(error, OpenError::Unsound { .. } | OpenError::Store(Error::Damaged { .. }));
    assert!(found, "{error:?}");
    assert!(chain(&error).contains("damaged"), "{}", chain(&error));

    // Without the check it may open; what cannot be read is then an error, and no panic.
    if let Ok(store) = Store::open(dir.path(), Options::default()) {
        let mut errors = 0;
        for number in 1..=1_000 {
            match store.job(JobRef::Number(JobNumber(number))).await {
                Ok(_) => {}
                Err(error) => {
                    assert!(matches!(error, Error::Damaged { .. }), "{error:?}");
                    errors += 1;
                }
            }
        }
        assert!(errors > 0, "nobody noticed");
        let _unsure = store.close().await;
    }
}

#[tokio::test]
async fn full_history_refuses_further_entries_and_keeps_those_it_has() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.submit(vec![job(1), job(2)]).await.unwrap();
    store.close().await.unwrap();
    alter(dir.path(), &format!("UPDATE jobs SET edges = {MOST_EDGES} WHERE number = 1"));
    let store = open(dir.path());
    let answers = store.claim(vec![claim(id(1), 1), claim(id(2), 1)]).await.unwrap();
    assert_eq!(answers[0], Err(Refusal::Exhausted(JobNumber(1))));
    answers[1].as_ref().map(drop).unwrap();
    store.close().await.unwrap();
}
