//! The engines that a server has started, seen from outside.

use std::path::Path;

use ffleet_testkit::processes_with;
use rustix::process::{Pid, Signal, kill_process};

use crate::fixture::Server;

/// The FFmpegs of a server, dead or alive.
pub(super) fn of(server: &Server) -> Vec<u32> {
    let instance =
        std::fs::read_to_string(server.room.path("data").join("instance")).unwrap_or_default();
    let mut all = processes_with(&format!("FFLEET_INSTANCE={}", instance.trim()));
    all.retain(|pid| comm(*pid) == "ffmpeg");
    all
}

/// Those of a server that do this in their attempt.
pub(super) fn at(server: &Server, phase: &str) -> Vec<u32> {
    let mut all = of(server);
    all.retain(|pid| {
        let environ = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let environ = String::from_utf8_lossy(&environ).into_owned();
        let mut variables = environ.split('\0');
        variables.any(|var| var.starts_with("FFLEET_CHILD=") && var.ends_with(phase))
    });
    all
}

fn comm(pid: u32) -> String {
    let text = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    text.trim().to_owned()
}

pub(super) fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), signal).unwrap();
}

pub(super) fn is_alive(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}/exe")).exists() && comm(pid) == "ffmpeg"
}
