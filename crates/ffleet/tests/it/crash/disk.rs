//! The disk below the data directory is full, or what is on it is damaged.

use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ffleet_testkit::{need, until};
use rustix::fs::{FallocateFlags, fallocate};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use serde_json::{Value, json};

use crate::fixture::{Room, Server};

/// A file system of its own below the data directory, for as long as this lives.
struct Disk(PathBuf);

/// More than the least that a node wants to be free.
const SIZE: u64 = 400 << 20;

impl Disk {
    fn at(path: PathBuf) -> Option<Self> {
        fs::create_dir(&path).unwrap();
        let size = std::ffi::CString::new(format!("size={SIZE},mode=700")).unwrap();
        let mounted =
            mount("ffleet-test", &path, "tmpfs", MountFlags::empty(), Some(size.as_c_str()));
        need::that("root that may mount", mounted.is_ok()).then_some(Self(path))
    }

    /// Leaves no room, and says by what file.
    fn fill(&self) -> PathBuf {
        let ballast = self.0.join("ballast");
        let file = File::create(&ballast).unwrap();
        let mut end = 0;
        let mut piece = SIZE;
        while piece >= 1 {
            match fallocate(&file, FallocateFlags::empty(), end, piece) {
                Ok(()) => end += piece,
                Err(_full) => piece /= 2,
            }
        }
        ballast
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _unmounted = unmount(&self.0, UnmountFlags::DETACH);
    }
}

fn job(server: &Server, name: &str) -> Value {
    json!({
        "input": "test:240p30", "duration": "1s",
        "outputs": [{"target": server.room.path(name), "preset": "480p-h264"}],
    })
}

#[test]
fn full_disk_refuses_jobs_says_why_and_is_got_over() {
    if need::ffmpeg().is_none() || need::ffprobe().is_none() {
        return;
    }
    let room = Arc::new(Room::new());
    let Some(disk) = Disk::at(room.path("data")) else {
        return;
    };
    let server = Server::open(room, &[]);
    assert_eq!(server.post_job(&job(&server, "before.mp4")).status, 201);
    server.await_state(1, "completed");

    let ballast = disk.fill();
    let mut accepted = 1;
    let refused = loop {
        // The store's log has blocks of its own that are written again; they are soon used up.
        let answer = server.post_job(&job(&server, &format!("{}.mp4", accepted + 1)));
        if answer.status != 201 {
            break answer;
        }
        accepted += 1;
        assert!(accepted < 2_000, "the disk is never full");
    };
    let problem = refused.is_problem(503, "store-unavailable");
    let told = format!("{} {}", problem["detail"], problem["hint"]);
    for text in ["full", disk.0.to_str().unwrap(), "nothing was accepted", "make room"] {
        assert!(told.contains(text), "no {text:?} in {told}");
    }
    let ready = server.call("GET", "/readyz", b"");
    assert_eq!(ready.status, 503, "{ready:?}");
    assert!(ready.body.contains("store cannot be written"), "{ready:?}");
    assert!(ready.body.contains("full") && ready.body.contains("free"), "{ready:?}");
    assert_eq!(server.call("GET", "/v1/jobs/1", b"").json()["state"], "completed");

    fs::remove_file(ballast).unwrap();
    until(Duration::from_secs(30), "it is ready again", || {
        server.call("GET", "/readyz", b"").status == 200
    });
    let answer = server.post_job(&job(&server, "after.mp4"));
    assert_eq!(answer.status, 201, "{answer:?}");
    let after = answer.json()["number"].as_u64().unwrap();
    assert_eq!(after, accepted + 1, "a job that was refused is there");
    for number in 1..=after {
        until(Duration::from_secs(60), &format!("job {number} has ended"), || {
            let job = server.call("GET", &format!("/v1/jobs/{number}"), b"").json();
            ["completed", "failed"].contains(&job["state"].as_str().unwrap())
        });
    }
    server.await_state(after, "completed");
    server.stop();
}

#[test]
fn store_that_is_damaged_or_unreadable_is_told_at_the_start_and_left_alone() {
    if need::ffmpeg().is_none() || need::ffprobe().is_none() {
        return;
    }
    let server = Server::open(Arc::new(Room::new()), &[]);
    assert_eq!(server.post_job(&job(&server, "out.mp4")).status, 201);
    server.await_state(1, "completed");
    let room = server.stop();
    let path = room.path("data/store/ffleet.db");
    let whole = fs::read(&path).unwrap();
    let store = room.text("data/store");
    let refused = |said: &[&str]| {
        let told = room.run(&["serve", "--data", "data", "--listen", "127.0.0.1:0"]);
        told.failed(7, &[&[store.as_str()], said].concat());
    };

    let garbage = b"no database at all. ".repeat(1_000);
    fs::write(&path, &garbage).unwrap();
    refused(&["damaged", "not a database", "backup"]);
    assert_eq!(fs::read(&path).unwrap(), garbage, "it was changed");

    let half = &whole[..whole.len() / 2];
    fs::write(&path, half).unwrap();
    refused(&["damaged", "backup"]);
    assert_eq!(fs::read(&path).unwrap(), half, "it was changed");

    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    refused(&["directory"]);
    fs::remove_dir(&path).unwrap();

    fs::write(&path, &whole).unwrap();
    let server = Server::open(Arc::clone(&room), &[]);
    assert_eq!(server.call("GET", "/v1/jobs/1", b"").json()["state"], "completed");
}
