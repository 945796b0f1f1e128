//! The guard of an ordinary user: fewer limits, and every other promise.
#![expect(clippy::disallowed_methods, reason = "these tests are started again as another user")]

use std::net::{TcpListener, UdpSocket};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use ffleet_guard::{Sandbox, Stdout};
use ffleet_testkit::{binary, need};
use ffleet_types::node::GuardLevel;

use crate::fixture::{Fixture, in_another_kernel, nasty, said};
use crate::sandbox::{Place, files_are_hidden, tried};

/// Nobody.
const USER: u32 = 65_534;
/// What is tried again as that user.
const AGAIN: [&str; 5] = [
    "unprivileged::",
    "sandbox::",
    "ends::orphan_that",
    "ends::whole",
    "leftovers::killed",
];

#[test]
fn heavy_promises_are_kept_to_an_ordinary_user_too() {
    if !need::root() {
        return;
    }
    let _built = binary("nasty");
    let tests = std::env::current_exe().unwrap();
    let home = tempfile::Builder::new().prefix("guard-user-").tempdir().unwrap();
    std::os::unix::fs::chown(home.path(), Some(USER), Some(USER)).unwrap();
    let mut command = Command::new(&tests);
    command
        .args(AGAIN)
        .args(["--skip", "heavy_", "--test-threads=2", "--nocapture"])
        .env("TMPDIR", home.path())
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
    assert!(said.contains("unprivileged::network_is_kept_away_by_a_filter ... ok"), "{said}");
    let skipped = said.lines().filter(|line| line.contains("skipped: "));
    assert_eq!(skipped.count(), 0, "{said}");
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[tokio::test]
async fn level_says_what_an_ordinary_user_lacks() {
    if is_root() {
        return;
    }
    let fixture = Fixture::new(true);
    match fixture.node().level() {
        // It was handed a group with everything, and only walls may be missing.
        level if in_another_kernel() => {
            assert!(fixture.bounds(), "{level:?}");
        }
        GuardLevel::Monitor => {}
        GuardLevel::Partial { missing } => {
            assert!(missing.iter().any(|what| what.contains("limits")), "{missing:?}");
        }
        GuardLevel::Full => panic!("an ordinary user has no limits on this machine"),
    }
}

#[tokio::test]
async fn limits_hold_in_a_group_that_was_handed_over() {
    if !in_another_kernel() {
        return;
    }
    let fixture = Fixture::new(true);
    let mut spec = nasty("child", "forks 100 2");
    spec.limits.tasks = Some(20);
    spec.stdout = Stdout::Pipe;
    let mut child = fixture.spawn(spec).await;
    assert_eq!(said(&mut child).await, "19\n", "the first one counts too");
    assert!(child.wait().await.tasks_refused > 0);
}

#[tokio::test]
async fn network_is_kept_away_by_a_filter() {
    if is_root() {
        return;
    }
    for fixture in Fixture::each() {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let script = format!("tcp {} udp {}", tcp.local_addr().unwrap(), udp.local_addr().unwrap());
        let said = tried(&fixture, &script, Some(Sandbox::default())).await;
        let no = "no: Permission denied (os error 13)";
        assert_eq!(said, [no, no], "not even a socket");
        let sandbox = Sandbox { network: true, ..Sandbox::default() };
        assert_eq!(tried(&fixture, &script, Some(sandbox)).await, ["connected", "sent"]);
    }
}

#[tokio::test]
async fn files_are_hidden_by_the_same_rules() {
    let fixture = Fixture::new(true);
    if is_root() || !files_are_hidden(&fixture) {
        return;
    }
    let place = Place::new();
    let script = format!("read {} read /etc/passwd", place.path("film").display());
    let said = tried(&fixture, &script, Some(place.sandbox())).await;
    assert_eq!(said, ["pictures", "no: Permission denied (os error 13)"]);
}
