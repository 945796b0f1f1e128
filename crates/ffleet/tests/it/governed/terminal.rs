//! At a terminal: what its keys do, they do to the command, and the shell that waits for us sees it.

use std::process::Command;

use ffleet_testkit::need;

use crate::fixture::{Room, run};

/// A terminal with a shell that people use, by keys.
const DRIVER: &str = include_str!("terminal.py");

#[test]
fn keys_and_job_control_are_the_commands_own() {
    let (Some(python), Some(bash)) = (need::program("python3"), need::program("bash")) else {
        return;
    };
    let room = Room::new();
    let program = room.command(&["--version"]).get_program().to_owned();
    let mut command = Command::new(python);
    command.args(["-c", DRIVER]).arg(bash).arg(program);
    command
        .env("XDG_RUNTIME_DIR", room.path("run"))
        .current_dir(room.path(""));
    let said = run(&mut command).ok();
    assert!(said.ends_with("all of it\n"), "{said}");
}
