//! A server of its own for each test, and the command line that speaks to it.
//!
//! Each has its own directory for data, runtime files and media. When it is dropped it is asked
//! to stop, must do so with exit code 0, and must leave nothing: no process, no cgroup, no
//! temporary file, no registration.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ffleet_testkit::{assert_none_left, need, until};
use serde_json::Value;

use crate::http::{self, Answer};

/// How long a server may take to be ready: the first one proves the engine.
const START: Duration = Duration::from_secs(90);
/// How long it may take to stop.
const STOP: Duration = Duration::from_secs(30);

/// What a command printed, and how it ended.
#[derive(Clone, Debug)]
pub(crate) struct Printed {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Printed {
    /// Standard output of a command that went well.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    /// Standard output of a command that went well, as JSON.
    #[track_caller]
    pub(crate) fn json(self) -> Value {
        let out = self.ok();
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error} in {out}"))
    }

    /// Standard error of a command that ended so, which says each of these things.
    #[track_caller]
    pub(crate) fn failed(self, code: i32, said: &[&str]) -> String {
        assert_eq!(self.code, code, "{self:?}");
        for text in said {
            assert!(self.err.contains(text), "no {text:?} in {self:?}");
        }
        self.err
    }
}

/// Directories of a test, and the environment that goes with them.
#[derive(Debug)]
pub(crate) struct Room {
    dir: tempfile::TempDir,
    /// The user, and the group of the same number, whose it is, if not ours.
    user: Option<u32>,
    /// Whether a stop may leave work running.
    leaves: bool,
}

impl Room {
    pub(crate) fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("cli-it-").tempdir().unwrap();
        fs::DirBuilder::new()
            .mode(0o700)
            .create(dir.path().join("run"))
            .unwrap();
        Self { dir, user: None, leaves: false }
    }

    /// One whose servers leave work running when they are stopped, as they do where nothing else is said.
    pub(crate) fn leaving() -> Self {
        Self { leaves: true, ..Self::new() }
    }

    /// One of another user, as whom everything is run in it. Needs root.
    pub(crate) fn of(user: u32) -> Self {
        let room = Self { user: Some(user), ..Self::new() };
        for path in [room.dir.path().to_owned(), room.path("run")] {
            std::os::unix::fs::chown(path, Some(user), Some(user)).unwrap();
        }
        room
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The same as text, for arguments and JSON.
    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).into_os_string().into_string().unwrap()
    }

    /// The program, in this environment and with this directory as the current one.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, args: &[S]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ffleet"));
        command
            .args(args)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.dir.path())
            .env("XDG_RUNTIME_DIR", self.path("run"))
            .current_dir(self.dir.path())
            .stdin(Stdio::null());
        if let Some(user) = self.user {
            // Without any other group: `std` drops them along with the user.
            command.uid(user).gid(user);
        }
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> Printed {
        run(&mut self.command(args))
    }
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Printed {
    let output = command.output().unwrap();
    Printed {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A server that runs.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) room: Arc<Room>,
    pub(crate) port: u16,
    pub(crate) key: String,
    process: Child,
    /// Whether it has been stopped or killed already.
    over: bool,
}

impl Server {
    /// Starts one, or nothing where this machine has no FFmpeg.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// Starts one with more arguments.
    pub(crate) fn start_with(more: &[&str]) -> Option<Self> {
        (need::ffmpeg().is_some() && need::ffprobe().is_some())
            .then(|| Self::open(Arc::new(Room::new()), more))
    }

    /// Starts one in a room that is there.
    pub(crate) fn open(room: Arc<Room>, more: &[&str]) -> Self {
        Self::open_with(room, more, &[])
    }

    /// Starts one in a room that is there, with these variables.
    pub(crate) fn open_with(room: Arc<Room>, more: &[&str], vars: &[(&str, &str)]) -> Self {
        let mut args = vec!["serve", "--data", "data", "--listen", "127.0.0.1:0"];
        if more.contains(&"--listen") {
            args.truncate(3);
        }
        args.extend(more);
        Self::launch(room, &args, vars)
    }

    /// Starts one by such a command line, which names `data` as its directory.
    pub(crate) fn launch(room: Arc<Room>, args: &[&str], vars: &[(&str, &str)]) -> Self {
        let mut command = room.command(args);
        if !room.leaves {
            // A test that ends with work under way leaves nothing, unless that is what it is about.
            command.env("FFLEET_WORKER_ON_STOP", "interrupt");
        }
        let process = command
            .envs(vars.iter().copied())
            .stdout(File::create(room.path("serve.out")).unwrap())
            .stderr(File::create(room.path("serve.err")).unwrap())
            .spawn()
            .unwrap();
        let mut server = Self { room, port: 0, key: String::new(), process, over: false };
        server.await_ready();
        server
    }

    fn await_ready(&mut self) {
        let deadline = Instant::now() + START;
        until(START + Duration::from_secs(1), "the server is ready", || {
            let ended = self.process.try_wait().unwrap();
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "the server is not ready: {ended:?}\n{}",
                self.said()
            );
            let out = fs::read_to_string(self.room.path("serve.out")).unwrap();
            let address = out.lines().find_map(|line| line.strip_prefix("ffleet is ready at "));
            if let Some((_, port)) = address.and_then(|address| address.rsplit_once(':')) {
                self.port = port.trim().parse().unwrap();
            }
            self.port != 0
        });
        let page = fs::read_to_string(self.registration()).unwrap();
        let page: Value = serde_json::from_str(&page).unwrap();
        page["key"].as_str().unwrap().clone_into(&mut self.key);
    }

    /// What it wrote to standard error.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(self.room.path("serve.err")).unwrap_or_default()
    }

    /// What it wrote to standard output.
    pub(crate) fn printed(&self) -> String {
        fs::read_to_string(self.room.path("serve.out")).unwrap()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn registration(&self) -> PathBuf {
        self.room.path(&format!("run/ffleet/{}.json", self.port))
    }

    /// Runs the command line.
    pub(crate) fn cli<S: AsRef<OsStr>>(&self, args: &[S]) -> Printed {
        self.room.run(args)
    }

    /// Calls the API with the key.
    pub(crate) fn call(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        let key = format!("Bearer {}", self.key);
        let headers = [("Authorization", key.as_str()), ("Content-Type", "application/json")];
        http::request(self.port, method, path, &headers, body)
    }

    /// Submits JSON to the API.
    pub(crate) fn post_job(&self, body: &Value) -> Answer {
        self.call("POST", "/v1/jobs", body.to_string().as_bytes())
    }

    /// Hands in a job by the command line, and says its number.
    #[track_caller]
    pub(crate) fn submit(&self, args: &[&str]) -> u64 {
        let args: Vec<_> = ["submit", "--json"].iter().chain(args).collect();
        self.cli(&args).json()["number"].as_u64().unwrap()
    }

    /// Waits until the job is in a state.
    #[track_caller]
    pub(crate) fn await_state(&self, job: u64, state: &str) -> Value {
        let mut last = Value::Null;
        until(Duration::from_secs(60), &format!("job {job} is {state}"), || {
            last = self.call("GET", &format!("/v1/jobs/{job}"), b"").json();
            let ended = ["completed", "failed", "timed_out", "canceled", "rejected", "quarantined"];
            let is = last["state"].as_str().unwrap();
            assert!(is == state || !ended.contains(&is), "it is {is}, not {state}: {last:#}");
            is == state
        });
        last
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.pid()).unwrap()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Waits for its end, and says its exit code.
    pub(crate) fn await_end(&mut self) -> Option<i32> {
        let mut ended = None;
        until(STOP, "the server has stopped", || {
            ended = self.process.try_wait().unwrap();
            ended.is_some()
        });
        ended.unwrap().code()
    }

    /// Stops it without a chance to clean up. Nothing is asserted: its successor cleans up.
    pub(crate) fn kill(mut self) -> Arc<Room> {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.over = true;
        Arc::clone(&self.room)
    }

    /// Stops it as an operator would while work is under way that it may leave, and keeps its room for the next
    /// one; nothing is asserted but that it ends well.
    pub(crate) fn leave(mut self) -> Arc<Room> {
        self.over = true;
        self.signal(rustix::process::Signal::TERM);
        assert_eq!(self.await_end(), Some(0), "{}", self.said());
        Arc::clone(&self.room)
    }

    /// Stops it as an operator would, and keeps its room for the next one.
    pub(crate) fn stop(mut self) -> Arc<Room> {
        self.end();
        Arc::clone(&self.room)
    }

    fn end(&mut self) {
        self.over = true;
        if self.process.try_wait().unwrap().is_none() {
            self.signal(rustix::process::Signal::TERM);
        }
        let code = self.await_end();
        assert_eq!(code, Some(0), "{}", self.said());
        self.assert_nothing_left();
    }

    fn assert_nothing_left(&self) {
        let home = self.room.path("data");
        let instance = fs::read_to_string(home.join("instance")).unwrap();
        let instance = instance.trim();
        assert_none_left(&format!("FFLEET_INSTANCE={instance}"), Duration::from_secs(5));
        let mut groups = Vec::new();
        find(Path::new("/sys/fs/cgroup"), 6, &|name| name.contains(instance), &mut groups);
        assert!(groups.is_empty(), "cgroups are left: {groups:?}");
        assert_no_temporary_files(self.room.dir.path());
        let mut work = Vec::new();
        find(&home.join("work"), 1, &|_| true, &mut work);
        assert!(work.is_empty(), "work directories are left: {work:?}");
        assert!(!self.registration().exists(), "the registration is left");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // The test has failed already; what it says is what matters.
            let _gone = self.process.kill();
            let _reaped = self.process.wait();
            eprintln!("the server said:\n{}", self.said());
        } else if !self.over {
            self.end();
        }
    }
}

/// Asserts that nothing that was on its way to a final name is left below `dir`.
pub(crate) fn assert_no_temporary_files(dir: &Path) {
    let mut files = Vec::new();
    let temporary = |name: &str| name.starts_with('.') && name.ends_with("part");
    find(dir, 8, &temporary, &mut files);
    assert!(files.is_empty(), "temporary files are left: {files:?}");
}

/// Everything below `dir` whose name is `wanted`.
fn find(dir: &Path, depth: u32, wanted: &dyn Fn(&str) -> bool, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(dir) else {
        return;
    };
    for entry in entries.filter_map(Result::ok) {
        if wanted(&entry.file_name().to_string_lossy()) {
            found.push(entry.path());
        } else if depth > 1 && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            find(&entry.path(), depth - 1, wanted, found);
        }
    }
}

/// Makes a small clip with sound: `seconds` of 320x240.
pub(crate) fn clip(path: &Path, seconds: u32) {
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25"])
        .args(["-f", "lavfi", "-i", "sine=frequency=440", "-t", &seconds.to_string()])
        .args(["-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "-y"])
        .arg(format!("file:{}", path.display()))
        .status()
        .unwrap();
    assert!(made.success());
}

/// What ffprobe says of a file.
pub(crate) fn ffprobe(path: &Path) -> Value {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-of", "json", "-show_format", "-show_streams"])
        .arg(format!("file:{}", path.display()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{} is no media: {output:?}", path.display());
    serde_json::from_slice(&output.stdout).unwrap()
}
