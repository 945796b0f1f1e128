//! What is live outlives the server: it is killed with SIGKILL or stopped in the middle, and started again.
//!
//! Commands of feeds go on in the hands of their shims (`commands`), writers of FIFOs and sockets notice nothing
//! (`writers`), and how long somebody who watches is without a picture is measured (`gap`).

mod commands;
mod gap;
mod writers;

use std::sync::Arc;
use std::time::Duration;

use ffleet_testkit::{binary, need, until};
use serde_json::Value;

use crate::fixture::{Room, Server};
use crate::gateway::viewer::{Viewer, assert_begins_at_once};

/// Longer than anything here takes unless it is broken.
const SOON: Duration = Duration::from_secs(60);
const MORE: [&str; 2] = ["--config", "ffleet.yaml"];

/// Writes a configuration, in which `NASTY` is the program and `ROOM/` the directory.
fn configure(room: &Room, text: &str) {
    let text = text.replace("NASTY", binary("nasty").to_str().unwrap());
    std::fs::write(room.path("ffleet.yaml"), text.replace("ROOM/", &room.text(""))).unwrap();
}

/// A server in this room, with this configuration.
fn serve_in(room: &Arc<Room>, text: &str) -> Option<Server> {
    configure(room, text);
    (need::ffmpeg().is_some() && need::ffprobe().is_some())
        .then(|| Server::open(Arc::clone(room), &MORE))
}

fn serve(text: &str) -> Option<Server> {
    serve_in(&Arc::new(Room::new()), text)
}

/// Kills it, and starts it again.
fn again(server: Server) -> Server {
    Server::open(server.kill(), &MORE)
}

fn feed(server: &Server, name: &str) -> Value {
    server.call("GET", &format!("/v1/feeds/{name}"), b"").json()
}

fn pid(server: &Server, name: &str) -> u32 {
    u32::try_from(feed(server, name)["pid"].as_u64().unwrap()).unwrap()
}

fn await_feed(server: &Server, name: &str, state: &str) {
    until(SOON, &format!("feed {name} is {state}"), || {
        feed(server, name)["state"] == state
    });
}

fn is_alive(pid: u32) -> bool {
    // One that has ended and was not waited for has none.
    std::fs::read_link(format!("/proc/{pid}/exe")).is_ok()
}

fn await_death(pid: u32) {
    until(SOON, "it is gone", || !is_alive(pid));
}

/// Whether what somebody who comes now gets is decoded without a word: its first pictures.
#[track_caller]
fn assert_decodes(server: &Server, name: &str) {
    let mut viewer = Viewer::open(server, &format!("/stream/{name}"));
    let file = server.room.path(&format!("{name}.got"));
    std::fs::write(&file, viewer.bytes(60_000)).unwrap();
    assert_begins_at_once(&file);
}
