//! Acknowledged means on disk, seen from outside: the order of system calls of one submission.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use ffleet_testkit::{need, until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::crash::client;
use crate::fixture::Room;

/// What the job is called, to be seen again in what is written.
const KEY: &str = "on-disk-before-201";
/// What is traced. Both reading and writing of sockets has several calls.
const CALLS: &str =
    "trace=read,recvfrom,recvmsg,pwrite64,write,writev,sendto,sendmsg,fsync,fdatasync";

/// What matters of a trace, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// The request has been read.
    Asked,
    /// The job is being written to the store's log.
    Logged,
    /// The store's log is on disk.
    Synced,
    /// The answer is about to be written.
    Answered,
}

#[test]
fn job_is_on_disk_before_its_201() {
    if need::ffmpeg().is_none() || need::program("strace").is_none() {
        return;
    }
    let room = Room::new();
    let trace = room.path("trace");
    let server = room.command(&["serve", "--data", "data", "--listen", "127.0.0.1:0"]);
    // The tracer is the server's child, not its parent: it ends when the server does.
    let mut command = Command::new("strace");
    command
        .args(["-D", "-f", "-y", "-s", "16384", "-e", CALLS, "-o"])
        .arg(&trace)
        .arg(server.get_program())
        .args(server.get_args())
        .env_clear()
        .envs(server.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .current_dir(server.get_current_dir().unwrap())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(room.path("strace.err")).unwrap())
        .process_group(0);
    let mut server = command.spawn().unwrap();
    let target = room.path("out.mp4");
    let body = json!({
        "input": "test:240p30", "duration": "1s", "labels": {"name": KEY},
        "outputs": [{"target": target, "preset": "480p-h264"}],
    });
    client::submit(&room, KEY, &body);
    let pid = Pid::from_raw(i32::try_from(server.id()).unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    assert!(server.wait().unwrap().success(), "{}", said(&room));
    let mut text = String::new();
    until(std::time::Duration::from_secs(10), "the trace is whole", || {
        text = fs::read_to_string(&trace).unwrap();
        // The process id is padded.
        let ours = |line: &str| line.starts_with(&server.id().to_string());
        text.lines().any(|line| ours(line) && line.contains("+++ exited"))
    });
    let seen = seen(&text);
    let at = |wanted| seen.iter().position(|&call| call == wanted);
    let asked = at(Seen::Asked).unwrap_or_else(|| panic!("no request: {}", said(&room)));
    let answered = at(Seen::Answered).expect("an answer");
    let logged = seen[asked..answered].iter().rposition(|&call| call == Seen::Logged);
    let synced = seen[asked..answered].iter().rposition(|&call| call == Seen::Synced);
    assert!(logged.is_some(), "nothing was written before the answer: {seen:?}");
    assert!(synced > logged, "the answer came before the sync: {seen:?}");
}

fn said(room: &Room) -> String {
    fs::read_to_string(room.path("strace.err")).unwrap_or_default()
}

/// Reads a trace of `strace -f -y`. A call that another thread interrupts is in two lines: a sync
/// counts where it returns, everything else where it begins.
fn seen(trace: &str) -> Vec<Seen> {
    let mut syncing = Vec::new();
    let mut seen = Vec::new();
    for line in trace.lines() {
        let (thread, call) = line.split_once(' ').unwrap_or_default();
        let call = call.trim_start();
        let is_log = call.contains("ffleet.db-wal>");
        let is_sync = call.starts_with("fdatasync(") || call.starts_with("fsync(");
        if call.contains("\"POST /v1/jobs ") {
            seen.push(Seen::Asked);
        } else if call.starts_with("pwrite64(") && is_log && call.contains(KEY) {
            seen.push(Seen::Logged);
        } else if is_sync && is_log && call.contains("<unfinished") {
            syncing.push(thread);
        } else if is_sync && is_log {
            assert!(call.ends_with("= 0"), "{line}");
            seen.push(Seen::Synced);
        } else if call.contains("sync resumed") && syncing.contains(&thread) {
            assert!(call.ends_with("= 0"), "{line}");
            syncing.retain(|other| *other != thread);
            seen.push(Seen::Synced);
        } else if call.contains("\"HTTP/1.0 201 ") || call.contains("\"HTTP/1.1 201 ") {
            seen.push(Seen::Answered);
        }
    }
    seen
}
