//! A kernel of its own for a test: User Mode Linux, which boots as a program, in two seconds and
//! without rights, on the files of this machine.
//!
//! It has what many a test machine lacks, the one tree of cgroups with all its controllers (`cpu io
//! memory pids`; no `cpuset`), and it lacks Landlock and PSI. Debian's package is `user-mode-linux`.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::need;
use crate::programs::target_dir;

/// The beginning of what the first process does.
const INIT: &str = include_str!("../native/uml.sh");
/// What is said at the end, before the exit code.
const END: &str = "the work ended: ";

/// The kernel, as a program.
#[must_use = "return from the test when its need is missing"]
pub fn kernel() -> Option<PathBuf> {
    need::program("linux.uml")
}

/// What came of a script.
#[derive(Debug)]
pub struct Ran {
    /// Everything that it and the kernel said.
    pub output: String,
    /// Its exit code; none if it did not end in time.
    pub code: Option<i32>,
}

/// Boots `kernel` and has a shell do `script` in it, as root, for at most `limit`. The files of
/// this machine can be read there; `/tmp` is empty and can be written to.
///
/// # Panics
///
/// If the kernel cannot be started.
#[must_use]
pub fn run(kernel: &Path, script: &str, limit: Duration) -> Ran {
    let dir = tempfile::Builder::new().prefix("uml-").tempdir().expect("a directory");
    let init = dir.path().join("init");
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    let shown = [workspace.unwrap_or_else(|| Path::new("/")), &target_dir()]
        .map(|dir| dir.display().to_string())
        .join(" ");
    let text = format!(
        "#!/bin/sh\nshown='{shown}'\n{INIT}\n{script}\n}}\n(work)\necho \"{END}$?\"\nwhile :; do sleep 9; done\n"
    );
    fs::write(&init, text).expect("a file");
    fs::set_permissions(&init, fs::Permissions::from_mode(0o755)).expect("a program");
    let booted = Command::new(kernel)
        .args(["mem=512M", "rootfstype=hostfs", "rootflags=/", "ro", "quiet"])
        .args(["con=null", "con0=null,fd:1"])
        .arg(format!("umid=ffleet-{}", std::process::id()))
        .arg(format!("init={}", init.display()))
        // Where it keeps the socket that it can be spoken to by.
        .env("HOME", dir.path())
        .env("TMPDIR", "/dev/shm")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .expect("the kernel starts");
    Booted(booted).hear(limit)
}

/// A kernel that runs. It and its processes are a process group, which dies with this.
struct Booted(Child);

impl Booted {
    /// Collects what is said until the end is.
    fn hear(mut self, limit: Duration) -> Ran {
        let (sender, lines) = mpsc::channel();
        let stdout = self.0.stdout.take().expect("a pipe");
        // It ends with the pipe, which is when the kernel is gone.
        let reader = std::thread::spawn(move || {
            let mut stdout = BufReader::new(stdout);
            let mut line = Vec::new();
            while stdout.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                let text = String::from_utf8_lossy(&line).replace('\r', "");
                if sender.send(text).is_err() {
                    return;
                }
                line.clear();
            }
        });
        let start = Instant::now();
        let mut ran = Ran { output: String::new(), code: None };
        while let Ok(line) = lines.recv_timeout(limit.saturating_sub(start.elapsed())) {
            if let Some((_, code)) = line.split_once(END) {
                ran.code = code.trim().parse().ok();
                break;
            }
            ran.output.push_str(&line);
        }
        drop(self);
        drop(lines);
        reader.join().expect("it only reads");
        ran
    }
}

impl Drop for Booted {
    fn drop(&mut self) {
        let group = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = group {
            let _gone = kill_process_group(group, Signal::KILL);
        }
        let _reaped = self.0.wait();
    }
}
