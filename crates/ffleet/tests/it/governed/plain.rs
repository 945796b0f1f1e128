//! The same as a user who may make no cgroups: less holds, and that is said.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use ffleet_testkit::{binary, need};

/// Nobody.
const USER: u32 = 65_534;

#[test]
fn promises_are_kept_to_a_plain_user_too() {
    if !need::root() {
        return;
    }
    let _built = binary("nasty");
    let home = tempfile::Builder::new().prefix("governed-user-").tempdir().unwrap();
    std::os::unix::fs::chown(home.path(), Some(USER), Some(USER)).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["governed::run", "governed::attach", "governed::deaths"])
        // What takes its time is the same for everybody.
        .args(["--skip", "run::time", "--test-threads=2", "--nocapture"])
        .env("TMPDIR", home.path())
        // A directory that it may not look into would count as a program that it may not run.
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env_remove("FFLEET_STRICT")
        .stdin(Stdio::null())
        .current_dir("/")
        .uid(USER)
        .gid(USER);
    let ran = command.output();
    let denied = |error: &std::io::Error| error.kind() == std::io::ErrorKind::PermissionDenied;
    if !need::that("a build that every user may run", !ran.as_ref().is_err_and(denied)) {
        return;
    }
    let ran = ran.unwrap();
    let said = [ran.stdout, ran.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let said = said.concat();
    assert!(ran.status.success(), "{said}");
    assert!(
        said.contains("run::limits_hold_and_what_does_not_is_said_before_the_start ... ok"),
        "{said}"
    );
}
