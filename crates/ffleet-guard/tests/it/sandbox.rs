//! A child in a sandbox has what it was given, and nothing else.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests lay out the files that children look for, and fail if they cannot"
)]

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::PathBuf;
use std::time::Duration;

use ffleet_guard::{Pinned, Sandbox, SandboxError, SpawnError, Stdout, Tie};
use ffleet_testkit::need;

use crate::fixture::{Fixture, SOON, heard, nasty, said};

/// A file that a child is given, one that it is not, and a directory of its own.
pub(crate) struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("sandbox-").tempdir().unwrap();
        fs::write(dir.path().join("film"), "pictures").unwrap();
        fs::write(dir.path().join("secret"), "keys").unwrap();
        fs::create_dir(dir.path().join("work")).unwrap();
        Self { dir }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn sandbox(&self) -> Sandbox {
        Sandbox {
            inputs: vec![Pinned::look(&self.path("film")).unwrap()],
            write: vec![self.path("work")],
            ..Sandbox::default()
        }
    }
}

/// What a child says that does as `script` says.
pub(crate) async fn tried(
    fixture: &Fixture,
    script: &str,
    sandbox: Option<Sandbox>,
) -> Vec<String> {
    let mut spec = nasty("child", script);
    spec.stdout = Stdout::Pipe;
    spec.sandbox = sandbox;
    let mut child = fixture.spawn(spec).await;
    let said = said(&mut child).await;
    assert!(child.wait().await.exit.is_success());
    said.lines().map(str::to_owned).collect()
}

/// Whether files can be hidden here.
pub(crate) fn files_are_hidden(fixture: &Fixture) -> bool {
    let missing = fixture.node().missing_walls();
    need::that("Landlock", !missing.iter().any(|what| what.starts_with("hiding files")))
}

/// Whether the network can be kept away here.
pub(crate) fn network_is_kept_away(fixture: &Fixture) -> bool {
    let missing = fixture.node().missing_walls();
    need::that("network namespaces", !missing.iter().any(|what| what.contains("network")))
}

#[tokio::test]
async fn files_that_were_not_given_cannot_be_read_or_made() {
    for fixture in Fixture::each().into_iter().filter(files_are_hidden) {
        let place = Place::new();
        let at = |name| place.path(name).display().to_string();
        std::os::unix::fs::symlink(place.path("secret"), place.path("work/link")).unwrap();
        let script = format!(
            "read {} read {} read {} read /etc/passwd read /proc/self/environ make {} make {} make /tmp/x",
            at("film"),
            at("secret"),
            at("work/link"),
            at("work/made"),
            at("made"),
        );
        let free = tried(&fixture, &script.replace(" make /tmp/x", ""), None).await;
        assert!(!free.iter().any(|line| line.starts_with("no:")), "without it: {free:?}");
        let held = tried(&fixture, &script, Some(place.sandbox())).await;
        let no = "no: Permission denied (os error 13)";
        assert_eq!(held, ["pictures", no, no, no, no, "made", no, no]);
    }
}

#[tokio::test]
async fn network_is_out_of_reach_unless_it_was_given() {
    for fixture in Fixture::each().into_iter().filter(network_is_kept_away) {
        let place = Place::new();
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        udp.set_nonblocking(true).unwrap();
        let script = format!("tcp {} udp {}", tcp.local_addr().unwrap(), udp.local_addr().unwrap());
        let shut = tried(&fixture, &script, Some(place.sandbox())).await;
        assert!(shut.len() == 2 && shut.iter().all(|line| line.starts_with("no:")), "{shut:?}");
        let mut byte = [0];
        udp.recv(&mut byte).expect_err("nothing was sent");
        let sandbox = Sandbox { network: true, ..place.sandbox() };
        assert_eq!(tried(&fixture, &script, Some(sandbox)).await, ["connected", "sent"]);
    }
}

#[tokio::test]
async fn processes_outside_cannot_be_spoken_to() {
    for fixture in Fixture::each().into_iter().filter(files_are_hidden) {
        let name = format!("ffleet-sandbox-{}", std::process::id());
        let _listener =
            UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        let script = format!("hail {name} prod {}", std::process::id());
        assert_eq!(tried(&fixture, &script, None).await, ["hailed", "prodded"]);
        let held = tried(&fixture, &script, Some(Sandbox::default())).await;
        // A kernel before 6.12 has no such rules; an empty network has no abstract sockets either.
        let scoped = held.iter().all(|line| line.starts_with("no:"));
        let old = held.get(1).is_some_and(|line| line == "prodded") && !has_scopes();
        assert!(scoped || old, "{held:?}");
    }
}

/// Whether the kernel is as new as Landlock's scopes.
fn has_scopes() -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(6), Some(12))
}

#[tokio::test]
async fn whatever_comes_of_a_child_is_held_as_well_and_gains_no_rights() {
    for fixture in Fixture::each().into_iter().filter(files_are_hidden) {
        let place = Place::new();
        let away = place.path("work/away");
        let script =
            format!("fork-away 'close-stdout make {} hang 60' say on hang 60", away.display());
        let mut spec = nasty("child", &script);
        spec.stdout = Stdout::Pipe;
        spec.sandbox = Some(place.sandbox());
        let mut child = fixture.spawn(spec).await;
        let _stdout = heard(&mut child, "on").await;
        ffleet_testkit::until(SOON, "the descendant has made its file", || away.exists());
        let status = fs::read_to_string(format!("/proc/{}/status", child.pid())).unwrap();
        assert!(status.contains("NoNewPrivs:\t1"), "{status}");
        child.kill_tree();
        tokio::time::timeout(Duration::from_secs(5), child.wait())
            .await
            .unwrap();
        let script =
            format!("fork-away 'close-stdout make {}' hang 1", place.path("made").display());
        let _silent = tried(&fixture, &script, Some(place.sandbox())).await;
        assert!(!place.path("made").exists());
    }
}

#[tokio::test]
async fn path_that_leads_elsewhere_by_now_is_refused() {
    let fixture = Fixture::tied(true, Tie::Node);
    if !files_are_hidden(&fixture) {
        return;
    }
    let place = Place::new();
    let sandbox = place.sandbox();
    fs::remove_file(place.path("film")).unwrap();
    std::os::unix::fs::symlink(place.path("secret"), place.path("film")).unwrap();
    let mut spec = nasty("child", "say on");
    spec.sandbox = Some(sandbox.clone());
    let error = fixture.node().spawn(spec).await.unwrap_err();
    assert!(matches!(error, SpawnError::Sandbox(_, SandboxError::Changed(_))), "{error:?}");
    fs::remove_file(place.path("film")).unwrap();
    let mut spec = nasty("child", "say on");
    spec.sandbox = Some(sandbox);
    let error = fixture.node().spawn(spec).await.unwrap_err();
    assert!(
        matches!(error, SpawnError::Sandbox(_, SandboxError::Unreachable(..))),
        "{error:?}"
    );
}
