//! `ffleet watch`: what it costs where nothing happens, and how soon it governs what is started.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use ffleet_testkit::binary;
use ffleet_testkit::measure::{Bound, Row, cpu_time, millis, quantile, resident};
use serde_json::Value;

use crate::Extent;
use crate::mark::now;
use crate::room::Room;

/// Processes that do nothing.
const IDLE: usize = 2_000;
/// Processes that are started within a second.
const STARTED: usize = 500;
/// Longer than anything here takes unless it is broken.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) fn rows(room: &Room, extent: Extent) -> Vec<Row> {
    let mut rows = idle(room, extent);
    rows.extend(started(room, extent));
    rows
}

/// Memory and CPU time beside many processes that do nothing, and that no rule fits.
fn idle(room: &Room, extent: Extent) -> Vec<Row> {
    let count = extent.pick(IDLE / 10, IDLE);
    let _crowd: Vec<Crowd> = (0..count).map(|_| Crowd::start("idle", room)).collect();
    let watch = Watching::start(room, "nobody-has-this-name");
    let window = Duration::from_secs(extent.pick(5, 30));
    let (mut cpu, mut memory) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let (begun, before) = (Instant::now(), cpu_time(watch.pid()).unwrap());
        std::thread::sleep(window);
        let spent = cpu_time(watch.pid()).unwrap().saturating_sub(before);
        cpu.push(100.0 * spent.as_secs_f64() / begun.elapsed().as_secs_f64());
        let resident = resident(watch.pid()).unwrap() / 1_000;
        memory.push(f64::from(u32::try_from(resident).unwrap()) / 1_000.0);
    }
    let what = format!("`watch` beside {count} idle processes");
    let seconds = window.as_secs();
    vec![
        Row::new(
            format!("{what}: CPU over {seconds} s, of one core"),
            "%",
            Bound::AtMost(1.0),
            &cpu,
        ),
        Row::new(format!("{what}: memory"), "MB", Bound::Open, &memory),
    ]
}

/// From a process's exec until it is told that it is governed, of many that are started evenly within a second.
fn started(room: &Room, extent: Extent) -> Vec<Row> {
    let count = extent.pick(STARTED / 10, STARTED);
    let (mut p50, mut p99) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let watch = Watching::start(room, "crowd");
        let mut begun = BTreeMap::new();
        let mut crowd = Vec::new();
        let first = Instant::now();
        let between = Duration::from_secs(1) / u32::try_from(count).unwrap();
        for number in 0..u32::try_from(count).unwrap() {
            std::thread::sleep(
                (first + between * number).saturating_duration_since(Instant::now()),
            );
            let child = Crowd::start("crowd", room);
            // It comes back when the exec is done.
            begun.insert(child.0.id(), now());
            crowd.push(child);
        }
        let mut waits = watch.governed(&begun);
        assert_eq!(waits.len(), crowd.len(), "each is governed once");
        waits.sort_unstable();
        p50.push(millis(quantile(&waits, 0.5)));
        p99.push(millis(quantile(&waits, 0.99)));
        drop(crowd);
    }
    let what = format!("{count} processes started within a second, from exec to governed");
    vec![
        Row::new(format!("{what}, median"), "ms", Bound::Open, &p50),
        Row::new(format!("{what}, p99"), "ms", Bound::AtMost(100.0), &p99),
    ]
}

/// One of many processes that do nothing.
struct Crowd(Child);

impl Crowd {
    fn start(name: &str, room: &Room) -> Self {
        let path = room.file(name);
        if !path.exists() {
            std::os::unix::fs::symlink(binary("nasty"), &path).unwrap();
        }
        let mut command = Command::new(path);
        command.args(["hang", "600"]).stdin(Stdio::null()).stdout(Stdio::null());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A watch that is ready, and what it tells with the time at which that was read.
struct Watching {
    child: Child,
    lines: Receiver<(Duration, Value)>,
}

impl Watching {
    fn start(room: &Room, name: &str) -> Self {
        let file = room.file("watch.yaml");
        let text =
            format!("watch: {{rules: [{{name: {name}, memory: 256MiB, tasks: 64, cpu: 100%}}]}}\n");
        std::fs::write(&file, text).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_ffleet"))
            .args(["watch", "--json", "--config"])
            .arg(&file)
            .env("XDG_RUNTIME_DIR", room.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().unwrap();
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let line = serde_json::from_str(&line).unwrap();
                if sender.send((now(), line)).is_err() {
                    return;
                }
            }
        });
        let watching = Self { child, lines };
        watching.until(|line| line["event"] == "ready");
        watching
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }

    fn until(&self, holds: impl Fn(&Value) -> bool) -> Duration {
        loop {
            let (at, line) = self.lines.recv_timeout(PATIENCE).unwrap();
            if line["event"] == "watching" {
                eprintln!("{line}");
            }
            if holds(&line) {
                return at;
            }
        }
    }

    /// How long each took from its start until it was told that it is governed, all of it.
    fn governed(&self, begun: &BTreeMap<u32, Duration>) -> Vec<Duration> {
        let mut waits = BTreeMap::new();
        while waits.len() < begun.len() {
            let (at, line) = self.lines.recv_timeout(PATIENCE).unwrap();
            let pid = line["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok());
            if let (Some(pid), true) = (pid, line["event"] == "governed") {
                let lacks = line["lacks"].to_string();
                assert!(!lacks.contains("does not hold"), "{line}");
                if let Some(begun) = begun.get(&pid) {
                    waits.insert(pid, at.saturating_sub(*begun));
                }
            }
        }
        waits.into_values().collect()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        let _or_gone = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        drop(self.child.wait());
    }
}
