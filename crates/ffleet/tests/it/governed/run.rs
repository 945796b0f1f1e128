//! `ffleet run`: the command is what it would be without us, but for its limits.

use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, Stdio};

use ffleet_testkit::{binary, need, until};
use rustix::process::{Pid, Signal, kill_process};

use super::workload::SOON;
use super::{bounds, cgroups, held, is_in, nicer, report, state, states};
use crate::fixture::{Printed, Room, run};

fn nasty() -> String {
    binary("nasty").display().to_string()
}

/// Runs `ffleet run` with these options and a command of [`nasty`].
fn ran(room: &Room, options: &[&str], script: &[&str]) -> Printed {
    let nasty = nasty();
    room.run(&[&["run", "--json"], options, &["--", nasty.as_str()], script].concat())
}

#[test]
fn exit_codes_are_the_commands_own_and_few_are_ours() {
    let room = Room::new();
    for code in [0, 1, 2, 7, 130, 255] {
        let printed = ran(&room, &[], &["exit", &code.to_string()]);
        assert_eq!(printed.code, code, "{printed:?}");
        let report = report(&printed);
        assert_eq!((&report["code"], &report["why"]), (&code.into(), &"exited".into()), "{report}");
    }
    room.run(&["run", "--", "no-such-program"])
        .failed(127, &["cannot run no-such-program"]);
    File::create(room.path("plain")).unwrap();
    fs::set_permissions(room.path("plain"), Permissions::from_mode(0o644)).unwrap();
    room.run(&["run", "--", "./plain"])
        .failed(126, &["cannot run ./plain: Permission denied"]);
    room.run(&["run", "--id", "a/b", "--", "true"])
        .failed(125, &["\"a/b\" cannot name a group"]);
    room.run(&["run", "--memory", "10KiB", "--", "true"])
        .failed(2, &["no program starts"]);
    room.run(&["run"]).failed(2, &["COMMAND"]);
    assert!(states(&room).is_empty(), "nothing is left of any of them");
}

#[test]
fn signal_that_kills_the_command_kills_us_too() {
    let room = Room::new();
    for signal in [1, 2, 6, 9, 11, 15] {
        let signaled = signal.to_string();
        let words = ["run", "--json", "--", &nasty(), "signal", &signaled];
        let output = room.command(&words).output().unwrap();
        assert_eq!(output.status.signal(), Some(signal), "{output:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(&format!("\"signal\":{signal},\"why\":\"killed\"")), "{said}");
    }
}

#[test]
fn streams_and_descriptors_are_the_very_same() {
    let room = Room::new();
    let mut child = room
        .command(&["run", "--", "sh", "-c", "cat; echo beside >&2"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let text = "pictures\0\n".repeat(100_000);
    let mut stdin = child.stdin.take().unwrap();
    let sent = text.clone();
    let feeder = std::thread::spawn(move || stdin.write_all(sent.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    assert!(
        output.stdout == text.as_bytes(),
        "{} bytes of {}",
        output.stdout.len(),
        text.len()
    );
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("beside\nffleet: exit code 0, "), "{said}");
    assert_eq!(said.lines().count(), 2, "one line of ours, at the end: {said}");

    // What a shell opens is open in the command, and nothing else is.
    let list = "ls -l /proc/self/fd | sed -n 's/.* \\([0-9]*\\) -> \\([a-z/].*\\)/\\1 \\2/p'";
    let script = |with: &str| format!("exec 7<{}; {with} sh -c \"$list\" 2>&1", room.text("run"));
    let listed = |with: &str| {
        let mut command = room.command(&["--version"]);
        let program = command.get_program().to_owned();
        command = Command::new("sh");
        command
            .args(["-c", &script(with)])
            .env("list", list)
            .env("ffleet", program);
        command.env("XDG_RUNTIME_DIR", room.path("run")).stdin(Stdio::null());
        let said = run(&mut command).ok();
        let plain = |line: &&str| !line.contains("/proc/") && !line.contains("ffleet:");
        // Each time there are other pipes.
        let kind = |line: &str| line.split(":[").next().unwrap_or_default().to_owned();
        said.lines().filter(plain).map(kind).collect::<Vec<_>>()
    };
    let without = listed("");
    assert!(without.iter().any(|line| line.starts_with("7 ")), "{without:?}");
    assert_eq!(listed("$ffleet run --"), without);
}

#[test]
fn command_has_the_signals_group_and_session_that_it_would_have() {
    let room = Room::new();
    let look = "grep ^Sig /proc/self/status; cut -d' ' -f5,6 /proc/self/stat; env | sort";
    for ignored in ["", "trap '' HUP PIPE USR1; "] {
        // What the shell ignores, its children do; it is the leader of its group.
        let said = |with: &str| {
            let script = format!("{ignored}{with} sh -c \"$look\"");
            let mut command = Command::new("setsid");
            command.args(["-w", "sh", "-c", &script]).env("look", look).env("_", "");
            let program = room.command(&["--version"]).get_program().to_owned();
            command.env("ffleet", program).env("XDG_RUNTIME_DIR", room.path("run"));
            let said = run(command.stdin(Stdio::null())).ok();
            let (signals, rest) = said.split_once("SigCgt").unwrap();
            let (_, rest) = rest.split_once('\n').unwrap();
            let (ids, env) = rest.split_once('\n').unwrap();
            let (group, session) = ids.split_once(' ').unwrap();
            let env: Vec<_> = env.lines().filter(|line| !line.starts_with("_=")).collect();
            (signals.to_owned(), group == session, env.join("\n"))
        };
        let (with, without) = (said("$ffleet run --"), said(""));
        // Rust programs ignore this one, and do not say whether they did before.
        if ignored.is_empty() {
            assert_eq!(with, without);
        } else {
            assert_eq!((&with.1, &with.2), (&without.1, &without.2));
        }
    }
}

#[test]
fn what_is_sent_to_us_comes_to_the_command_and_once() {
    let room = Room::new();
    let trap = "for s in HUP INT QUIT USR1 USR2 TERM WINCH CONT; do trap \"echo $s\" $s; done; \
                trap 'echo TERM; exit 9' TERM; echo on; while :; do sleep 0.02; done";
    let out = room.path("out");
    let mut child = room.command(&["run", "--", "sh", "-c", trap]);
    let child = child.process_group(0).stdout(File::create(&out).unwrap());
    let mut child = child.stderr(Stdio::null()).spawn().unwrap();
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    let said = || {
        fs::read_to_string(&out)
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    until(SOON, "it is on", || said() == ["on"]);
    let mut expected = vec!["on".to_owned()];
    for (signal, name) in [(Signal::USR1, "USR1"), (Signal::INT, "INT"), (Signal::HUP, "HUP")] {
        kill_process(pid, signal).unwrap();
        expected.push(name.to_owned());
        until(SOON, name, || said() == expected);
        // To the process group, as a shell does it: once again.
        rustix::process::kill_process_group(pid, signal).unwrap();
        expected.push(name.to_owned());
        until(SOON, name, || said() == expected);
    }
    kill_process(pid, Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(9));
    expected.push("TERM".to_owned());
    assert_eq!(said(), expected);
}

#[test]
fn limits_hold_and_what_does_not_is_said_before_the_start() {
    let room = Room::new();
    let printed = ran(&room, &["--tasks", "20"], &["forks", "60", "0.5"]);
    let told = report(&printed);
    if bounds() {
        assert_eq!((held(&told, "tasks"), printed.out.as_str()), ("whole", "19\n"), "{printed:?}");
        assert!(told["tasks-refused"].as_u64() > Some(0), "{told}");
        assert_eq!(told["peak-tasks"], 20, "{told}");
    } else {
        assert_eq!((held(&told, "tasks"), printed.out.as_str()), ("not", "60\n"), "{printed:?}");
        assert!(printed.err.starts_with("ffleet: --tasks does not hold: "), "{printed:?}");
    }

    let printed = ran(&room, &["--memory", "48MiB"], &["glutton", "200", "exit", "0"]);
    let told = report(&printed);
    assert_ne!(printed.code, 0, "{printed:?}");
    if bounds() {
        assert_eq!((held(&told, "memory"), &told["why"]), ("whole", &"out-of-memory".into()));
        assert!(told["memory-kills"].as_u64() > Some(0), "{told}");
        assert!(told["peak-memory-bytes"].as_u64() <= Some(48 << 20), "{told}");
    } else {
        assert_eq!(held(&told, "memory"), "partly", "{told}");
    }

    let options = ["--cpu", "20%", "--nice", nicer(), "--cpu-weight", "50"];
    let printed = ran(&room, &options, &["burn", "0.2"]);
    let told = report(&printed);
    assert_eq!((printed.code, held(&told, "nice")), (0, "whole"), "{printed:?}");
    let cpu = told["user-micros"].as_u64().unwrap() + told["system-micros"].as_u64().unwrap();
    assert!(cpu >= 190_000, "{told}");
    if bounds() {
        assert_eq!((held(&told, "cpu"), held(&told, "cpu-weight")), ("whole", "whole"));
        assert!(told["throttled-micros"].as_u64() > Some(0), "{told}");
        assert!(told["wall-micros"].as_u64() > Some(600_000), "a fifth of a CPU: {told}");
    } else {
        assert_eq!((held(&told, "cpu"), held(&told, "cpu-weight")), ("partly", "not"), "{told}");
    }
    assert!(states(&room).is_empty());
}

#[test]
fn nice_is_the_commands_from_its_first_step() {
    let room = Room::new();
    let ours = rustix::process::getpriority_process(None).unwrap();
    let wanted = (ours + 3).min(19).to_string();
    let words = [
        "run",
        "--nice",
        wanted.as_str(),
        "--",
        "sh",
        "-c",
        "cut -d' ' -f19 /proc/self/stat",
    ];
    assert_eq!(room.run(&words).ok().trim(), wanted);
    if !bounds() {
        let printed = room.run(&["run", "--nice", "-20", "--", "true"]);
        assert!(printed.err.contains("--nice does not hold: "), "{printed:?}");
    }
}

#[test]
fn report_is_written_into_a_file_and_says_what_it_was_called() {
    let room = Room::new();
    let words = ["run", "--report", "went.json", "--id", "nightly", "--label", "team=news"];
    let rest = ["--role-group", "encode", "--", "sh", "-c", "exit 4"];
    let printed = room.run(&[&words[..], &rest].concat());
    assert_eq!(printed.code, 4, "{printed:?}");
    let went = fs::read(room.path("went.json")).unwrap();
    let went: serde_json::Value = serde_json::from_slice(&went).unwrap();
    for (key, value) in [
        ("name", "nightly".into()),
        ("id", "nightly".into()),
        ("kind", "run".into()),
        ("role-group", "encode".into()),
        ("labels", serde_json::json!({"team": "news"})),
        ("command", serde_json::json!(["sh", "-c", "exit 4"])),
        ("code", 4.into()),
        ("left", serde_json::json!([])),
    ] {
        assert_eq!(went[key], value, "{key} in {went}");
    }
    assert!(
        went["wall-micros"].as_u64() > Some(0) && went["pid"].as_u64() > Some(1),
        "{went}"
    );
}

#[test]
fn time_that_is_over_ends_all_of_it() {
    let room = Room::new();
    let begun = format!("{} hang 60 & echo $!; exec {} hang 60", nasty(), nasty());
    let words = ["run", "--json", "--timeout", "300ms", "--", "sh", "-c", &begun];
    let printed = room.run(&words);
    assert_eq!(
        (printed.code, &report(&printed)["why"]),
        (124, &"timed-out".into()),
        "{printed:?}"
    );
    assert!(printed.err.contains("its time is over"), "{printed:?}");
    let pid: i32 = printed.out.trim().parse().unwrap();
    until(SOON, "what it started has ended", || cgroups(pid).is_empty());

    let deaf = ran(&room, &["--timeout", "300ms"], &["ignore-term", "say", "on", "hang", "60"]);
    assert_eq!((deaf.code, deaf.out.as_str()), (124, "on\n"), "{deaf:?}");
    assert_eq!(report(&deaf)["signal"], 9);
    assert!(states(&room).is_empty());
}

#[test]
fn what_it_leaves_behind_keeps_its_limits_and_is_said() {
    if !bounds() {
        return;
    }
    let room = Room::new();
    let options = ["--id", "parent", "--tasks", "50", "--nice", "3"];
    // Whoever stays must not hold our pipes.
    let script = format!("{} fork-away 'close-stdout hang 60' 2>/dev/null", nasty());
    let words = [&["run", "--json"], &options[..], &["--", "sh", "-c", &script]].concat();
    let printed = room.run(&words);
    assert_eq!(printed.code, 0, "{printed:?}");
    let left = report(&printed)["left"].clone();
    assert_eq!(left.as_array().unwrap().len(), 1, "{printed:?}");
    let pid = i32::try_from(left[0].as_i64().unwrap()).unwrap();
    assert!(
        printed
            .err
            .contains(&format!("go on within the limits of the group parent: {pid}\n"))
    );
    assert!(is_in(pid, "parent"), "{}", cgroups(pid));
    room.run(&["run", "--id", "parent", "--", "true"])
        .failed(125, &["there is a group \"parent\""]);
    room.run(&["run", "--", "true"]).ok();
    assert_eq!(state(&room)["name"], "parent", "it stays while something is in it");
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    until(SOON, "it has ended", || cgroups(pid).is_empty());
    room.run(&["run", "--", "true"]).ok();
    assert!(states(&room).is_empty(), "and goes then");
}

#[test]
fn script_of_ten_ffmpegs_is_governed_as_a_whole() {
    if need::ffmpeg().is_none() || !bounds() {
        return;
    }
    let room = Room::new();
    let script = "for n in 1 2 3 4 5 6 7 8 9 10; do \
                  ffmpeg -v error -nostdin -threads 1 -f lavfi -i testsrc2=size=160x90:rate=10 \
                  -threads 1 -t 5 -y $n.mp4 & cat /proc/$!/cgroup; echo =; done; wait";
    let words = ["run", "--json", "--id", "ten", "--cpu", "150%", "--memory", "2GiB"];
    let rest = ["--tasks", "300", "--", "sh", "-c", script];
    let printed = room.run(&[&words[..], &rest].concat());
    let all: Vec<_> = printed.out.split("=\n").filter(|text| !text.is_empty()).collect();
    assert_eq!((printed.code, all.len()), (0, 10), "{printed:?}");
    assert!(all.iter().all(|text| text.contains("/ten.")), "{printed:?}");
    let told = report(&printed);
    assert!(told["peak-tasks"].as_u64() >= Some(11), "{told}");
    assert_eq!(
        (&told["left"], &told["memory-kills"]),
        (&serde_json::json!([]), &0.into()),
        "{told}"
    );
    for number in 1..=10 {
        assert!(room.path(&format!("{number}.mp4")).metadata().unwrap().len() > 1_000);
    }
}
