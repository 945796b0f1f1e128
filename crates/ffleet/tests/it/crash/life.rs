//! One life of a server that is to end badly.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::Duration;

use ffleet_testkit::until;

use crate::crash::client;
use crate::fixture::{Room, Server};

/// How long a server may take to listen, or to get to where it kills itself.
const PATIENCE: Duration = Duration::from_secs(60);
/// More at once than the default on a small machine, so that a crash hits several.
const CONFIG: &str = "worker: {max-tasks: 3}\n";
/// What every life of a room is started with besides its directory and address.
const MORE: [&str; 2] = ["--config", "crash.yaml"];

/// A server that is not waited for, and does not get to clean up.
#[derive(Debug)]
pub(super) struct Life(Child);

impl Life {
    /// Starts one in `room`, whose log its lives share. It kills itself at `die_at`, if that says
    /// where.
    pub(super) fn begin(room: &Room, die_at: Option<&str>) -> Self {
        configure(room);
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(room.path("lives.log"))
            .unwrap();
        let args = ["serve", "--data", "data", "--listen", "127.0.0.1:0"];
        let mut command = room.command(&[&args[..], &MORE].concat());
        if let Some(step) = die_at {
            command.env("FFLEET_DIE_AT", step);
        }
        Self(command.stdout(Stdio::null()).stderr(log).spawn().unwrap())
    }

    /// Waits until it listens.
    pub(super) fn await_listening(&mut self, room: &Room) {
        let pid = self.0.id();
        until(PATIENCE, "the server listens", || {
            assert!(self.0.try_wait().unwrap().is_none(), "{}", said(room));
            client::found(room).is_some() && room_has(room, pid)
        });
    }

    pub(super) fn kill(mut self) {
        self.0.kill().unwrap();
        let ended = self.0.wait().unwrap();
        assert_eq!(ended.signal(), Some(9), "it had ended before: {ended}");
    }

    /// Waits until it has killed itself.
    pub(super) fn await_death(mut self, room: &Room) {
        let mut ended = None;
        until(PATIENCE, "the server has killed itself", || {
            ended = self.0.try_wait().unwrap();
            ended.is_some()
        });
        let ended = ended.unwrap();
        assert_eq!(ended.signal(), Some(9), "{ended}: {}", said(room));
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        // A failed test must not leave one; after an end of any kind this does nothing.
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// A server in `room` that is to end well, once it is ready.
pub(super) fn begin_well(room: Arc<Room>) -> Server {
    configure(&room);
    Server::open(room, &MORE)
}

/// What all lives of a room said.
pub(super) fn said(room: &Room) -> String {
    fs::read_to_string(room.path("lives.log")).unwrap_or_default()
}

fn configure(room: &Room) {
    if !room.path("crash.yaml").exists() {
        fs::write(room.path("crash.yaml"), CONFIG).unwrap();
    }
}

/// Whether the server that registered here is this one.
fn room_has(room: &Room, pid: u32) -> bool {
    let Ok(entries) = fs::read_dir(room.path("run/ffleet")) else {
        return false;
    };
    let ours = format!("\"pid\":{pid}");
    entries.filter_map(Result::ok).any(|entry| {
        let page = fs::read_to_string(entry.path()).unwrap_or_default();
        page.replace(' ', "").contains(&ours)
    })
}
