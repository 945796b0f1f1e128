//! How a server and its key are found, and by whom not.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::sync::Arc;

use ffleet_testkit::need;

use crate::fixture::{Room, Server, run};
use crate::http;

#[test]
fn server_alone_on_the_machine_is_found() {
    let Some(server) = Server::start() else { return };
    server.cli(&["jobs", "list"]).ok();
    server.cli(&["--server", &server.address(), "jobs", "list"]).ok();
    server
        .cli(&["--server", &format!("http://localhost:{}", server.port), "jobs", "list"])
        .ok();
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(server.registration()), 0o600);
    assert_eq!(mode(server.room.path("run/ffleet")), 0o700);
    assert_eq!(mode(server.room.path("data")), 0o700);
    assert_eq!(mode(server.room.path("data/key")), 0o600);
}

#[test]
fn of_two_servers_one_must_be_named() {
    let Some(server) = Server::start() else { return };
    let room = Room::new();
    let mut other = room.command(&["serve", "--data", "data", "--listen", "127.0.0.1:0"]);
    other.env("XDG_RUNTIME_DIR", server.room.path("run"));
    let out = fs::File::create(room.path("out")).unwrap();
    let mut other = other.stdout(out).stderr(std::process::Stdio::null()).spawn().unwrap();
    ffleet_testkit::until(std::time::Duration::from_secs(60), "the other one is ready", || {
        fs::read_to_string(room.path("out"))
            .unwrap()
            .contains("ffleet is ready at ")
    });
    let told = server
        .cli(&["jobs", "list"])
        .failed(2, &["2 ffleet servers", &server.address()]);
    assert_eq!(told.matches("--server http://127.0.0.1:").count(), 2, "{told}");
    server.cli(&["--server", &server.address(), "jobs", "list"]).ok();

    // A server that is killed is not found any more, and what it left behind goes.
    other.kill().unwrap();
    other.wait().unwrap();
    server.cli(&["jobs", "list"]).ok();
    assert_eq!(fs::read_dir(server.room.path("run/ffleet")).unwrap().count(), 1);
    // Its children and cgroups are its successor's to remove.
    let next = Server::open(Arc::new(room), &[]);
    drop(next);
}

#[test]
fn key_can_be_given_in_a_file_or_the_environment() {
    let Some(server) = Server::start() else { return };
    let stranger = Room::new();
    let at = server.address();
    let line = ["--server", at.as_str(), "jobs", "list"];
    stranger.run(&line).failed(4, &["--key-file", "FFLEET_KEY"]);
    run(stranger.command(&line).env("FFLEET_KEY", &server.key)).ok();
    run(stranger
        .command(&["jobs", "list"])
        .env("FFLEET_KEY", &server.key)
        .env("FFLEET_SERVER", &at))
    .ok();
    fs::write(stranger.path("key"), format!("{}\n", server.key)).unwrap();
    stranger.run(&[&line[..], &["--key-file", "key"]].concat()).ok();
    run(stranger.command(&line).env("FFLEET_KEY", "ffk_wrong")).failed(4, &["key"]);
}

#[test]
fn another_user_can_neither_read_the_key_nor_call() {
    let Some(server) = Server::start() else { return };
    let root = need::root();
    let (Some(setpriv), true) = (need::program("setpriv"), root) else {
        return;
    };
    // Everything up to the runtime directory is open: the file itself must be closed.
    let open = fs::Permissions::from_mode(0o755);
    fs::set_permissions(server.room.path(""), open).unwrap();
    let as_nobody = |program: &str, args: &[&str]| {
        let mut command = Command::new(&setpriv);
        command
            .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--", program])
            .args(args);
        run(&mut command)
    };
    let file = server.registration();
    let read = as_nobody("cat", &[file.to_str().unwrap()]);
    assert!(read.code != 0 && !read.out.contains("ffk_"), "{read:?}");
    let read = as_nobody("cat", &[server.room.path("data/key").to_str().unwrap()]);
    assert!(read.code != 0 && !read.out.contains("ffk_"), "{read:?}");
    http::request(server.port, "GET", "/v1/jobs", &[], b"").is_problem(401, "unauthorized");
    let guess = [("Authorization", "Bearer ffk_guess")];
    http::request(server.port, "GET", "/v1/jobs", &guess, b"").is_problem(401, "unauthorized");
}
