//! The log of a whole process: there is one, so there is one test.

use std::collections::BTreeMap;

use ffleet_telemetry::log::{Error, Setup, start};
use ffleet_types::Bytes;

#[test]
fn log_is_kept_in_a_file_and_hears_of_panics() {
    let directory = tempfile::tempdir().unwrap();
    let logs = directory.path().join("logs");
    let setup = Setup {
        level: "info".into(),
        areas: BTreeMap::from([("store".into(), "debug".into())]),
        json: false,
        directory: Some(logs.clone()),
        file_size: Bytes::mib(1),
    };
    start(&setup).unwrap();
    tracing::debug!(target: "ffleet_store", key = "ffk_hush", "group written");
    std::thread::spawn(|| panic!("on purpose")).join().unwrap_err();
    let text = std::fs::read_to_string(logs.join("ffleet.log")).unwrap();
    assert!(text.contains("DEBUG ffleet_store: group written key=\"ffk_***\""), "{text}");
    assert!(
        text.contains("ERROR ffleet: panic, which is a bug in ffleet: on purpose"),
        "{text}"
    );
    assert!(!text.contains('\u{1b}'), "no colours in a file");
    assert!(matches!(start(&setup), Err(Error::Twice)));
}
