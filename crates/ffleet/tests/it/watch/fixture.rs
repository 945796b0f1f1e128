//! Programs under names of their own, a watch over them, and what it tells.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ffleet_testkit::{binary, descendants_of};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::fixture::Room;

/// How it is called.
pub(super) const WATCH: [&str; 6] =
    ["watch", "--json", "--config", "watch.yaml", "--metrics", "watch.prom"];
/// Longer than anything here takes unless it is broken.
pub(super) const SOON: Duration = Duration::from_secs(30);

/// A room with copies of a program that misbehaves on purpose, under names that no other process has.
pub(super) struct Work {
    pub(super) room: Room,
    mark: String,
    pub(super) user: Option<u32>,
}

impl Work {
    pub(super) fn new(what: &str) -> Self {
        Self::in_room(Room::new(), what, None)
    }

    pub(super) fn of(user: u32, what: &str) -> Self {
        Self::in_room(Room::of(user), what, Some(user))
    }

    fn in_room(room: Room, what: &str, user: Option<u32>) -> Self {
        // The kernel keeps 15 bytes of a name.
        let mark = format!("{}{what}", std::process::id() % 100_000);
        let work = Self { room, mark, user };
        for name in ["enc", "other", "young"] {
            fs::copy(binary("nasty"), work.room.path(&work.named(name))).unwrap();
        }
        work
    }

    pub(super) fn named(&self, name: &str) -> String {
        format!("{name}{}", self.mark)
    }

    /// What the rule of [`Watching`] fits.
    pub(super) fn name(&self) -> String {
        self.named("enc")
    }

    pub(super) fn start(&self, script: &[&str]) -> Worker {
        self.start_as("enc", script)
    }

    pub(super) fn start_as(&self, name: &str, script: &[&str]) -> Worker {
        self.command(name, script, &[])
    }

    pub(super) fn start_with(&self, script: &[&str], env: &[(&str, &str)]) -> Worker {
        self.command("enc", script, env)
    }

    fn command(&self, name: &str, script: &[&str], env: &[(&str, &str)]) -> Worker {
        let mut command = Command::new(self.room.path(&self.named(name)));
        command
            .args(script)
            .env_remove("FFLEET_INSTANCE")
            .envs(env.iter().copied())
            .current_dir(self.room.path(""))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if let Some(user) = self.user {
            use std::os::unix::process::CommandExt as _;
            command.uid(user).gid(user);
        }
        Worker(command.spawn().unwrap())
    }

    /// Puts a configuration with one rule for [`name`](Self::name) where [`Watching`] reads it.
    pub(super) fn configure(&self, limits: &[(&str, &str)], more: &str) {
        let limits: Vec<_> = limits.iter().map(|(key, value)| format!("{key}: {value}")).collect();
        let text = format!(
            "watch:\n  scan-interval: 1s\n{more}  rules:\n  - {{label: ours, name: {}, {}}}\n",
            self.name(),
            limits.join(", ")
        );
        fs::write(self.room.path("watch.yaml"), text).unwrap();
    }
}

/// Nothing is left of the groups either, whose processes are gone by now.
impl Drop for Work {
    fn drop(&mut self) {
        let Ok(files) = fs::read_dir(self.room.path("run/ffleet/governed")) else {
            return;
        };
        for file in files.filter_map(Result::ok) {
            let state = fs::read(file.path()).unwrap_or_default();
            let state: Value = serde_json::from_slice(&state).unwrap_or_default();
            let dirs = state["group"]["dirs"].as_array().cloned().unwrap_or_default();
            for dir in dirs.iter().filter_map(|dir| dir.as_str().map(Path::new)) {
                let begun = Instant::now();
                while dir.exists() && begun.elapsed() < SOON && fs::remove_dir(dir).is_err() {
                    std::thread::sleep(Duration::from_millis(5));
                }
                // Others may have groups there.
                drop(dir.parent().map(fs::remove_dir));
            }
        }
    }
}

/// A process of somebody else's; it is killed, with its descendants, when this is dropped.
pub(super) struct Worker(pub(super) Child);

impl Worker {
    pub(super) fn pid(&self) -> u32 {
        self.0.id()
    }

    pub(super) fn is_alive(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let below = descendants_of(self.pid());
        drop(self.0.kill());
        drop(self.0.wait());
        for pid in below {
            let _or_gone = kill_process(id(pid), Signal::KILL);
        }
    }
}

/// A watch that runs, and every line that it told.
pub(super) struct Watching {
    child: Child,
    lines: Arc<Mutex<Vec<Value>>>,
    reader: Option<std::thread::JoinHandle<()>>,
}

impl Watching {
    /// Over one rule with these limits, looking at everybody each second; ready.
    pub(super) fn start(work: &Work, limits: &[(&str, &str)]) -> Self {
        work.configure(limits, "");
        let watching = Self::open(work);
        watching.until("it is ready", |line| line["event"] == "ready");
        watching
    }

    /// With what is configured.
    pub(super) fn open(work: &Work) -> Self {
        Self::of(&mut work.room.command(&WATCH))
    }

    /// One that `command` becomes.
    pub(super) fn of(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (stdout, theirs) = (child.stdout.take().unwrap(), Arc::clone(&lines));
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let line = serde_json::from_str(&line).expect("each line is an object");
                theirs.lock().unwrap().push(line);
            }
        });
        Self { child, lines, reader: Some(reader) }
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn told(&self) -> Vec<Value> {
        self.lines.lock().unwrap().clone()
    }

    pub(super) fn until(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let told = self.told();
            if let Some(line) = told.iter().find(|line| holds(line)) {
                return line.clone();
            }
            assert!(begun.elapsed() < SOON, "waited in vain: {what}: {told:#?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(super) fn wait_for(&self, event: &str, of: &Worker) -> Value {
        let pid = of.pid();
        self.until(&format!("{event} of {pid}"), |line| {
            line["event"] == event && line["pid"] == pid
        })
    }

    pub(super) fn signal(&self, signal: Signal) {
        kill_process(id(self.child.id()), signal).unwrap();
    }

    pub(super) fn kill(mut self) -> Vec<Value> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.end()
    }

    /// Waits for its end, which somebody else has brought about; everything that it told.
    pub(super) fn ended(mut self) -> Vec<Value> {
        self.child.wait().unwrap();
        self.end()
    }

    /// Stops it as a service is stopped; everything that it told.
    pub(super) fn stop(mut self) -> Vec<Value> {
        self.signal(Signal::TERM);
        let ended = self.child.wait().unwrap();
        let lines = self.end();
        assert!(ended.success(), "{ended:?}: {lines:#?}");
        lines
    }

    fn end(&mut self) -> Vec<Value> {
        self.reader.take().unwrap().join().unwrap();
        self.told()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub(super) fn id(pid: u32) -> Pid {
    Pid::from_raw(pid.try_into().unwrap()).unwrap()
}

/// The cgroups that a process is in.
pub(super) fn cgroups_of(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default()
}

/// The name of the group that it is governed in.
pub(super) fn governed_by(pid: u32) -> Option<String> {
    let text = cgroups_of(pid);
    let (_, rest) = text.split_once("/ffleet-governed-")?;
    Some(rest.split('/').nth(1)?.split('\n').next()?.to_owned())
}

/// Where its group is in the hierarchy of a controller of version 1; nothing where there is none.
pub(super) fn directory(pid: u32, controller: &str) -> Option<PathBuf> {
    let text = cgroups_of(pid);
    let line = text.lines().find(|line| line.split(':').nth(1) == Some(controller))?;
    let path = line.splitn(3, ':').nth(2)?;
    let dir = Path::new("/sys/fs/cgroup")
        .join(controller)
        .join(path.trim_start_matches('/'));
    dir.exists().then_some(dir)
}

pub(super) fn bound(pid: u32, controller: &str, file: &str) -> Option<String> {
    let text = fs::read_to_string(directory(pid, controller)?.join(file)).ok()?;
    Some(text.trim().to_owned())
}

pub(super) fn nice(pid: u32) -> i32 {
    rustix::process::getpriority_process(Some(id(pid))).unwrap()
}

/// Whether every limit holds. Version 1 has memory that was there before counted where it was.
pub(super) fn holds(line: &Value) -> bool {
    let lacks = line["lacks"].as_array().unwrap();
    lacks.iter().all(|lack| {
        lack.as_str()
            .unwrap()
            .starts_with("memory holds in part: what they held before")
    })
}
