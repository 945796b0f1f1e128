//! The units for systemd.

use std::path::Path;
use std::process::Command;

use ffleet_testkit::need;

#[test]
fn units_are_as_systemd_reads_them() {
    let Some(analyze) = need::program("systemd-analyze") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let units = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dist/systemd");
    let mut names = Vec::new();
    for unit in std::fs::read_dir(units).unwrap() {
        let unit = unit.unwrap();
        let text = std::fs::read_to_string(unit.path()).unwrap();
        for line in [
            "Type=notify",
            "KillMode=process",
            "Delegate=yes",
            "RuntimeDirectoryPreserve=yes",
        ] {
            assert!(text.lines().any(|found| found == line), "no {line} in {unit:?}");
        }
        // It looks whether there is such a program.
        let text = text.replace("/usr/local/bin/ffleet", env!("CARGO_BIN_EXE_ffleet"));
        let copy = dir.path().join(unit.file_name());
        std::fs::write(&copy, text).unwrap();
        let said = Command::new(&analyze).arg("verify").arg(&copy).output().unwrap();
        let told = String::from_utf8_lossy(&said.stderr);
        // Others' units may have faults of their own.
        let ours: Vec<_> = told.lines().filter(|line| line.contains("ffleet")).collect();
        assert!(ours.is_empty(), "{told}");
        names.push(unit.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(names, ["ffleet-watch.service", "ffleet.service"]);
}
