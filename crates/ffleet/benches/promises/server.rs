//! The program under measurement.

use std::fs::{self, DirBuilder, File};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ffleet_testkit::load::{Connection, request};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::room::Room;

/// How long a start, a stop or a job may take.
const PATIENCE: Duration = Duration::from_secs(180);
/// A connection that was idle for so long may have been closed by the server.
const FRESH: Duration = Duration::from_secs(2);
/// How often something is looked for that comes at once.
const LOOK: Duration = Duration::from_millis(10);
/// How often somebody who waits for a job asks. To answer costs the server something, which is not
/// to count as the job's: a person's `--wait` is told, and does not ask at all.
const ASK: Duration = Duration::from_millis(250);

/// A server that runs, and a connection to it.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    pub(crate) address: SocketAddr,
    pub(crate) key: String,
    connection: Connection,
    used: Instant,
    is_over: bool,
}

impl Server {
    /// Starts one on the room's data directory, with one task at a time and these variables.
    pub(crate) fn start(room: &Room, env: &[(&str, String)]) -> Self {
        let run = room.file("run");
        if !run.exists() {
            DirBuilder::new().mode(0o700).create(&run).unwrap();
        }
        let said = room.file("serve.out");
        let process = Command::new(env!("CARGO_BIN_EXE_ffleet"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(room.file("data"))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", room.path())
            .env("XDG_RUNTIME_DIR", &run)
            .env("FFLEET_WORKER_MAX_TASKS", "1")
            // What is paused when the measurement is over is not worth waiting for.
            .env("FFLEET_WORKER_DRAIN_TIMEOUT", "0s")
            .env("FFLEET_WORKER_ON_STOP", "interrupt")
            .envs(env.iter().map(|(name, value)| (name, value)))
            .current_dir(room.path())
            .stdin(Stdio::null())
            .stdout(File::create(&said).unwrap())
            .stderr(File::create(room.file("serve.err")).unwrap())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        let address: SocketAddr = loop {
            let text = fs::read_to_string(&said).unwrap();
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix("ffleet is ready at http://"));
            if let Some(address) = line {
                break address.trim().parse().unwrap();
            }
            if begun.elapsed() > PATIENCE {
                let said = fs::read_to_string(room.file("serve.err")).unwrap();
                panic!("the server is not ready:\n{said}");
            }
            std::thread::sleep(LOOK);
        };
        let registration = run.join(format!("ffleet/{}.json", address.port()));
        let registration: Value =
            serde_json::from_str(&fs::read_to_string(registration).unwrap()).unwrap();
        let key = registration["key"].as_str().unwrap().to_owned();
        let connection = Connection::open(address).unwrap();
        Self { process, address, key, connection, used: Instant::now(), is_over: false }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Where it listens for other machines, which was asked for.
    pub(crate) fn outside(&self, room: &Room) -> SocketAddr {
        let said = fs::read_to_string(room.file("serve.out")).unwrap();
        let address = said.lines().find_map(|line| line.split_once("https://")).unwrap().1;
        address.trim().parse().unwrap()
    }

    /// A request as bytes.
    pub(crate) fn request(&self, method: &str, path: &str, body: &str) -> Vec<u8> {
        request(method, path, self.address, &self.key, body)
    }

    /// Sends a request, and says what was answered, which must be good.
    pub(crate) fn call(&mut self, method: &str, path: &str, body: &str) -> Value {
        let request = self.request(method, path, body);
        if self.used.elapsed() > FRESH {
            self.connection = Connection::open(self.address).unwrap();
        }
        self.used = Instant::now();
        let answer = self.connection.call(&request).unwrap();
        let said = String::from_utf8_lossy(answer.body);
        assert!((200..300).contains(&answer.status), "{path}: {} {said}", answer.status);
        serde_json::from_str(&said).unwrap()
    }

    /// Sends a prepared request and throws the answer away; how long it took.
    pub(crate) fn time(&mut self, request: &[u8]) -> Duration {
        let begun = Instant::now();
        let status = self.connection.call(request).unwrap().status;
        assert_eq!(status, 200);
        begun.elapsed()
    }

    /// Waits until a job is in a state, and shows it.
    pub(crate) fn await_state(&mut self, job: u64, state: &str) -> Value {
        let begun = Instant::now();
        loop {
            let shown = self.call("GET", &format!("/v1/jobs/{job}"), "");
            if shown["state"] == state {
                return shown;
            }
            let failed = ["failed", "timed_out", "rejected", "quarantined"];
            let is = shown["state"].as_str().unwrap();
            assert!(!failed.contains(&is) && begun.elapsed() < PATIENCE, "{shown:#}");
            std::thread::sleep(ASK);
        }
    }

    /// Takes the node's only place for a job that does nothing: whatever comes after it waits.
    /// It is one that encodes for hours, and is paused.
    pub(crate) fn block(&mut self, room: &Room) -> u64 {
        let output = json!({"target": room.text("blocked.mp4"), "preset": "480p-h264"});
        let body = json!({
            "input": "test:240p30", "duration": "10h", "verify": "none",
            "outputs": [output], "priority": "high",
        });
        let job = self.call("POST", "/v1/jobs", &body.to_string());
        let number = job["number"].as_u64().unwrap();
        self.pause(number);
        number
    }

    /// Pauses a job as soon as it runs.
    pub(crate) fn pause(&mut self, job: u64) {
        self.await_state(job, "running");
        self.call("POST", &format!("/v1/jobs/{job}/pause"), "{}");
        self.await_state(job, "paused");
    }

    /// Kills it, without a chance to clean up.
    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.is_over = true;
    }

    fn end(&mut self) {
        let pid = Pid::from_raw(i32::try_from(self.pid()).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        let begun = Instant::now();
        loop {
            if let Some(ended) = self.process.try_wait().unwrap() {
                assert!(ended.success(), "the server ended with {ended}");
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "the server does not stop");
            std::thread::sleep(LOOK);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // It would otherwise outlive us; that it is gone already is as good.
            let _gone = self.process.kill();
            let _reaped = self.process.wait();
        } else if !self.is_over {
            self.end();
        }
    }
}
