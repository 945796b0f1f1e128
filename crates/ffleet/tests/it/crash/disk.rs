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
        self.fill_up_to(0)
    }

    /// Leaves room for `rest` bytes, and says by what file.
    fn fill_up_to(&self, rest: u64) -> PathBuf {
        let ballast = self.0.join("ballast");
        let file = File::create(&ballast).unwrap();
        let free = ffleet_base::files::free_space(&self.0).unwrap().0;
        let mut end = 0;
        let mut piece = free.saturating_sub(rest);
        if rest > 0 {
            fallocate(&file, FallocateFlags::empty(), 0, piece).unwrap();
            return ballast;
        }
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

#[test]
fn jobs_wait_while_the_disk_is_nearly_full_and_say_so() {
    if need::ffmpeg().is_none() || need::ffprobe().is_none() {
        return;
    }
    let room = Arc::new(Room::new());
    let Some(disk) = Disk::at(room.path("data")) else {
        return;
    };
    let server = Server::open(room, &[]);
    let node = || server.call("GET", "/v1/nodes", b"").json()["nodes"][0].clone();
    until(Duration::from_secs(60), "the node takes work", || {
        server.call("GET", "/readyz", b"").status == 200
    });
    assert_eq!(node()["closed"], Value::Null);

    // Four of a hundred: room for the store, and too little for work.
    let ballast = disk.fill_up_to(SIZE * 4 / 100);
    until(Duration::from_secs(30), "the node takes no more work", || {
        node()["closed"].is_string()
    });
    let ready = server.call("GET", "/readyz", b"");
    assert_eq!(ready.status, 503, "{ready:?}");
    for text in ["% full", "are free", "new jobs wait", disk.0.to_str().unwrap()] {
        assert!(ready.body.contains(text), "no {text:?} in {ready:?}");
        assert!(node()["closed"].as_str().unwrap().contains(text), "{}", node());
    }
    assert_eq!(server.post_job(&job(&server, "later.mp4")).status, 201);
    let waiting = || server.call("GET", "/v1/jobs/1", b"").json();
    let why = waiting()["waits"].as_str().unwrap().to_owned();
    assert!(why.contains("% full"), "{why}");
    for (words, text) in [(["jobs", "show", "1"], "waits"), (["nodes", "show", "NODE"], "closed")] {
        let name = node()["name"].as_str().unwrap().to_owned();
        let words = words.map(|word| if word == "NODE" { name.as_str() } else { word });
        let shown = server.cli(&words).ok();
        assert!(shown.contains(text) && shown.contains("% full"), "{shown}");
    }
    // Nothing is tried over and over: the history of a job that waits does not grow.
    let history = waiting()["history"].as_array().unwrap().len();
    assert_eq!((waiting()["state"].clone(), history), ("queued".into(), 1));

    fs::remove_file(ballast).unwrap();
    server.await_state(1, "completed");
    assert_eq!(node()["closed"], Value::Null);
    assert_eq!(waiting()["waits"], Value::Null);
    server.stop();
}
