//! `ffleet attach`: what runs is bounded where it runs, and put back to where it was.

use std::fs::File;
use std::process::{Child, Command, Stdio};

use ffleet_testkit::{binary, until};
use rustix::process::{Pid, Signal, kill_process};

use super::workload::{SOON, Workload};
use super::{bounds, cgroups, held, is_in, nicer, report, state, states};
use crate::fixture::{Printed, Room};

/// An `ffleet attach` at work.
pub(super) struct Attached {
    child: Child,
    err: std::path::PathBuf,
}

impl Attached {
    /// Begins; what it says goes into a file.
    pub(super) fn begin(room: &Room, pid: i32, options: &[&str]) -> Self {
        let pid = pid.to_string();
        let words = [&["attach", "--pid", pid.as_str()], options].concat();
        let err = room.path(&format!("attach-{}.err", ffleet_base::chance::name(6)));
        let mut command = room.command(&words);
        let child = command.stdout(Stdio::null()).stderr(File::create(&err).unwrap());
        Self { child: child.spawn().unwrap(), err }
    }

    /// Waits until it has said that it is attached.
    pub(super) fn is_attached(&mut self) {
        until(SOON, "it is attached", || {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?}: {}", self.said());
            self.said().contains("attached to process")
        });
    }

    pub(super) fn said(&self) -> String {
        std::fs::read_to_string(&self.err).unwrap()
    }

    pub(super) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    pub(super) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    pub(super) fn end(mut self) -> Printed {
        let code = self.child.wait().unwrap().code().unwrap_or(-1);
        Printed { code, out: String::new(), err: self.said() }
    }
}

#[test]
fn process_is_taken_with_its_family_and_put_back() {
    let room = Room::new();
    let workload = Workload::start(&room);
    let before = workload.standing();
    let options = ["--json", "--id", "it", "--cpu", "150%", "--tasks", "100", "--nice", nicer()];
    let mut attached = Attached::begin(&room, workload.pid(), &options);
    attached.is_attached();
    for (pid, standing) in workload.standing() {
        assert!(
            standing.nice.iter().all(|&nice| nice.to_string() == nicer()),
            "{pid}: {standing:?}"
        );
        assert_eq!(is_in(pid, "it"), bounds(), "{pid}: {standing:?}");
    }
    assert_eq!(state(&room)["about"]["command"][0], "sh");
    let second = Attached::begin(&room, workload.pid(), &["--nice", "13"]).end();
    second.failed(7, &["the group \"it\" is governed by process"]);
    attached.signal(Signal::TERM);
    let printed = attached.end();
    let told = report(&printed);
    assert_eq!((printed.code, &told["why"]), (0, &"detached".into()), "{printed:?}");
    assert_eq!(held(&told, "nice"), "whole");
    assert_eq!(held(&told, "tasks"), if bounds() { "whole" } else { "not" }, "{told}");
    let after = workload.standing();
    if rustix::process::geteuid().is_root() {
        assert_eq!(after, before);
    } else {
        // Who is no root may make nothing less nice again, and is told so.
        let changed = before.values().any(|one| one.nice.iter().any(|&nice| nice < 19));
        assert!(!changed || printed.err.contains("nice of process"), "{printed:?}");
        assert!(after.iter().all(|(pid, one)| one.cgroups == before[pid].cgroups));
    }
    assert!(states(&room).is_empty());
    workload.goes_on();
    workload.has_missed_nothing();
}

#[test]
fn limit_on_tasks_holds_for_what_runs() {
    if !bounds() {
        return;
    }
    let room = Room::new();
    let go = room.path("go");
    let nasty = binary("nasty");
    let mut child = Command::new(nasty);
    child.args(["await", &room.text("go"), "forks", "60", "0.5"]);
    let child = child.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let pid = i32::try_from(child.id()).unwrap();
    let mut attached =
        Attached::begin(&room, pid, &["--json", "--tasks", "20", "--memory", "1GiB"]);
    attached.is_attached();
    File::create(go).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "19\n", "it is one of them itself");
    let printed = attached.end();
    let told = report(&printed);
    assert_eq!((printed.code, held(&told, "tasks")), (0, "whole"), "{printed:?}");
    assert_eq!(
        held(&told, "memory"),
        "partly",
        "what it held before is charged elsewhere: {told}"
    );
    assert!(told["tasks-refused"].as_u64() > Some(0), "{told}");
}

/// Whether the kernel tells how a process ended that is not one's child.
fn kernel_tells() -> bool {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let mut numbers = release.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    (numbers.next(), numbers.next()) >= (Some(6), Some(15))
}

#[test]
fn end_is_told_where_the_kernel_tells_it_and_else_not_guessed() {
    let room = Room::new();
    for (script, key, value) in [("exit 3", "code", 3), ("signal 15", "signal", 15)] {
        let go = room.path("go");
        let mut child = Command::new(binary("nasty"));
        let words = ["await", &room.text("go")].map(str::to_owned).into_iter();
        child
            .args(words.chain(script.split(' ').map(str::to_owned)))
            .stdin(Stdio::null());
        let mut child = child.spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let mut attached = Attached::begin(&room, pid, &["--json"]);
        attached.is_attached();
        File::create(&go).unwrap();
        child.wait().unwrap();
        let printed = attached.end();
        let told = report(&printed);
        assert_eq!(printed.code, 0, "{printed:?}");
        if kernel_tells() {
            assert_eq!(told[key], value, "{told}");
        } else {
            assert_eq!((&told[key], &told["why"]), (&serde_json::Value::Null, &"unknown".into()));
        }
        std::fs::remove_file(go).unwrap();
        assert!(states(&room).is_empty());
    }
}

#[test]
fn what_descends_from_it_keeps_its_limits_unless_it_is_to_be_put_back() {
    let room = Room::new();
    for (options, stays) in [(&["--id", "it"][..], true), (&["--detach-on-exit"], false)] {
        let script = format!("{} hang 60 & echo $!; wait", binary("nasty").display());
        let mut shell = Command::new("sh");
        let shell = shell.args(["-c", &script]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut shell = shell.spawn().unwrap();
        let pid = i32::try_from(shell.id()).unwrap();
        let mut line = String::new();
        let stdout = shell.stdout.as_mut().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).unwrap();
        let orphan: i32 = line.trim().parse().unwrap();
        let before = cgroups(orphan);
        let options: Vec<_> = ["--json", "--cpu", "90%"].iter().chain(options).copied().collect();
        let mut attached = Attached::begin(&room, pid, &options);
        attached.is_attached();
        shell.kill().unwrap();
        shell.wait().unwrap();
        let printed = attached.end();
        let told = report(&printed);
        assert_eq!(printed.code, 0, "{printed:?}");
        if stays {
            assert_eq!(told["left"], serde_json::json!([orphan]), "{told}");
            assert!(!bounds() || is_in(orphan, "it"), "{}", cgroups(orphan));
            assert!(
                printed.err.contains("goes on within the limits of the group it"),
                "{printed:?}"
            );
        } else {
            assert_eq!(cgroups(orphan), before);
            assert!(states(&room).is_empty());
        }
        kill_process(Pid::from_raw(orphan).unwrap(), Signal::KILL).unwrap();
        until(SOON, "it has ended", || cgroups(orphan).is_empty());
    }
    room.run(&["run", "--", "true"]).ok();
    assert!(states(&room).is_empty());
}

#[test]
fn what_cannot_be_taken_is_refused() {
    let room = Room::new();
    let ours = std::process::id().to_string();
    room.run(&["attach", "--pid", "4194304"])
        .failed(7, &["there is no process 4194304"]);
    room.run(&["attach", "--pid", &ours])
        .failed(2, &["this ffleet descends from process"]);
    room.run(&["attach", "--pid", "1"]).failed(2, &["1 is not in 2.."]);
    room.run(&["attach"]).failed(2, &["--pid"]);
    assert!(states(&room).is_empty());
}
