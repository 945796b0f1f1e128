//! Starting, stopping, and what is in the way of both.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use rustix::process::Signal;

use crate::fixture::{Room, Server};
use crate::http;

#[test]
fn second_server_on_the_same_directory_is_told_who_has_it() {
    let Some(server) = Server::start() else { return };
    let told = server.cli(&["serve", "--data", "data", "--listen", "127.0.0.1:0"]);
    let process = format!("process {}", server.pid());
    told.failed(7, &["is in use by", &process, &server.address(), "--data DIR"]);
}

#[test]
fn port_in_use_is_told_with_its_holder() {
    let Some(server) = Server::start() else { return };
    let listen = format!("127.0.0.1:{}", server.port);
    let process = format!("process {}", server.pid());
    server
        .cli(&["serve", "--data", "other", "--listen", &listen])
        .failed(7, &["is in use by the ffleet server of", &process, "--listen"]);
}

#[test]
fn configuration_that_is_wrong_is_bad_usage() {
    let room = Room::new();
    fs::write(room.path("c.yaml"), "listne: 127.0.0.1:1\nworker: {nice: 77}\n").unwrap();
    let told = room.run(&["serve", "--data", "data", "--config", "c.yaml"]);
    told.failed(2, &["c.yaml:1", "listen", "c.yaml:2", "nice"]);
    room.run(&["serve", "--data", "data", "--listen", "0.0.0.0:8420"])
        .failed(2, &["--listen", "TLS"]);
    room.run(&["serve", "--data", "data", "--config", "missing.yaml"])
        .failed(2, &["missing.yaml"]);
    fs::write(room.path("file"), "").unwrap();
    room.run(&["serve", "--data", "file/data"]).failed(7, &["file/data"]);
}

#[test]
fn one_time_link_opens_the_dashboard_once() {
    let Some(server) = Server::start() else { return };
    let printed = server.printed();
    let link = printed
        .split_whitespace()
        .find(|word| word.contains("/login?once="))
        .unwrap();
    let path = link.strip_prefix(&server.address()).unwrap();
    let first = http::request(server.port, "GET", path, &[], b"");
    assert!((302..=303).contains(&first.status), "{first:?}");
    assert!(
        first.head.contains("HttpOnly") && first.head.contains("SameSite=Strict"),
        "{first:?}"
    );
    let second = http::request(server.port, "GET", path, &[], b"");
    assert_eq!(second.status, 403, "{second:?}");
}

#[test]
fn server_answers_after_a_restart_and_knows_its_jobs() {
    let Some(server) = Server::start() else { return };
    server
        .cli(&["submit", "test:240p30", "--duration", "1", "-o", "out.mp4", "--wait"])
        .ok();
    let (key, before) = (server.key.clone(), server.call("GET", "/v1/jobs/1", b"").body);
    let server = Server::open(server.stop(), &[]);
    assert_eq!(server.key, key);
    assert_eq!(server.call("GET", "/v1/jobs/1", b"").body, before);
}

#[test]
fn stop_interrupts_what_does_not_end_and_the_next_start_goes_on() {
    let Some(server) = Server::start_with(&["--config", "/dev/null"]) else {
        return;
    };
    let job = server.submit(&["test:1080p60", "--duration", "30m", "-o", "long.mp4"]);
    server.await_state(job, "running");
    let server = Server::open(server.stop(), &[]);
    server.await_state(job, "running");
    let attempts = server.call("GET", "/v1/jobs/1", b"").json()["attempts"].clone();
    assert_eq!(attempts[0]["reason"], "interrupted", "{attempts:#}");
    server.cli(&["jobs", "cancel", "1"]).ok();
}

#[test]
fn second_signal_does_not_wait() {
    let Some(mut server) = Server::start() else { return };
    let job = server.submit(&["test:1080p60", "--duration", "30m", "-o", "long.mp4"]);
    server.await_state(job, "running");
    server.signal(Signal::INT);
    ffleet_testkit::until(Duration::from_secs(10), "it has heard the first", || {
        server.said().contains("SIGINT")
    });
    server.signal(Signal::INT);
    assert_eq!(server.await_end(), Some(130), "{}", server.said());
    // What it left behind is its successor's to remove.
    let next = Server::open(server.kill(), &[]);
    next.cli(&["jobs", "cancel", "1"]).ok();
}

#[test]
fn service_manager_is_told() {
    let room = Room::new();
    let socket = UnixDatagram::bind(room.path("notify")).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    if ffleet_testkit::need::ffmpeg().is_none() {
        return;
    }
    let mut child = room
        .command(&["serve", "--data", "data", "--listen", "127.0.0.1:0"])
        .env("NOTIFY_SOCKET", room.path("notify"))
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut buffer = [0; 64];
    let length = socket.recv(&mut buffer).unwrap();
    assert_eq!(&buffer[..length], b"READY=1");
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, Signal::TERM).unwrap();
    let length = socket.recv(&mut buffer).unwrap();
    assert_eq!(&buffer[..length], b"STOPPING=1");
    assert!(child.wait().unwrap().success());
}

#[test]
fn health_is_told_to_anybody_and_reasons_to_those_with_the_key() {
    let Some(server) = Server::start() else { return };
    assert_eq!(http::request(server.port, "GET", "/healthz", &[], b"").body.trim(), "ok");
    let ready = server.call("GET", "/readyz", b"");
    assert_eq!(ready.status, 200, "{ready:?}");
    assert_eq!(http::request(server.port, "GET", "/metrics", &[], b"").status, 401);
    let metrics = server.call("GET", "/metrics", b"").body;
    assert!(metrics.contains("ffleet_process_resident_memory_bytes"), "{metrics}");
    let openapi = server.call("GET", "/v1/openapi.json", b"").json();
    assert!(openapi["paths"]["/v1/jobs"].is_object(), "{openapi}");
}

#[test]
fn serial_idle_server_is_small_and_quiet() {
    let Some(server) = Server::start() else { return };
    server
        .cli(&["submit", "test:240p30", "--duration", "1", "-o", "out.mp4", "--wait"])
        .ok();
    // Ticks of 10 ms: 0.2 % of a core, times three, over 5 s is 3 ticks.
    let ticks = || -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", server.pid())).unwrap();
        let fields = stat.rsplit_once(')').unwrap().1.to_owned();
        fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .map(|n| n.parse::<u64>().unwrap())
            .sum()
    };
    let window = Duration::from_secs(5);
    let (start, before) = (std::time::Instant::now(), ticks());
    ffleet_testkit::until(window * 2, "the window has passed", || start.elapsed() >= window);
    let spent = ticks() - before;
    assert!(spent <= 3, "{spent} ticks of CPU in {window:?} of doing nothing");
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kib: u64 = rss.split_whitespace().next().unwrap().parse().unwrap();
    assert!(kib <= 3 * 50 * 1_024, "{kib} KiB of memory");
}

#[test]
fn server_without_an_engine_says_so_and_takes_jobs() {
    let room = Room::new();
    let mut child = room
        .command(&["serve", "--data", "data", "--listen", "127.0.0.1:0"])
        .env("PATH", "/nonexistent")
        .stdout(fs::File::create(room.path("out")).unwrap())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    ffleet_testkit::until(Duration::from_secs(30), "it says what is missing", || {
        fs::read_to_string(room.path("out"))
            .unwrap()
            .contains("ffmpeg was not found")
    });
    room.run(&["submit", "test:240p30", "-o", "out.mp4"]).ok();
    let list = room.run(&["jobs", "list"]).ok();
    assert!(list.contains("queued"), "{list}");
    let entry = fs::read_dir(room.path("run/ffleet")).unwrap().next().unwrap().unwrap();
    let port = entry.path().file_stem().unwrap().to_str().unwrap().parse().unwrap();
    assert_eq!(http::request(port, "GET", "/readyz", &[], b"").status, 503);
    assert_eq!(http::request(port, "GET", "/healthz", &[], b"").status, 200);
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn backup_of_a_running_server_brings_its_jobs_back() {
    let Some(server) = Server::start() else { return };
    let job = server.submit(&["test:240p10", "--duration", "1", "-o", "a.mp4"]);
    server.await_state(job, "completed");
    let copy = server.cli(&["--json", "backup", "copy.db"]).json();
    let path = server.room.path("copy.db");
    assert_eq!(copy["size-bytes"], fs::metadata(&path).unwrap().len());
    server
        .cli(&["backup", "copy.db"])
        .failed(4, &["copy.db exists already"]);
    server
        .cli(&["backup", "nowhere/copy.db"])
        .failed(4, &["no directory", "nowhere"]);
    server
        .cli(&["backup", "data/copy.db"])
        .failed(4, &["the server's own directory"]);

    let after = server.submit(&["test:240p10", "--duration", "1", "-o", "b.mp4"]);
    let room = server.stop();
    fs::remove_dir_all(room.path("data/store")).unwrap();
    fs::create_dir(room.path("data/store")).unwrap();
    fs::rename(path, room.path("data/store/ffleet.db")).unwrap();
    let server = Server::open(room, &[]);
    let known = server.cli(&["--json", "jobs", "show", &job.to_string()]).json();
    assert_eq!(known["state"], "completed");
    server.cli(&["jobs", "show", &after.to_string()]).failed(4, &["no job"]);
}
