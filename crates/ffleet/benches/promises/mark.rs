//! When a child's program begins, seen from inside the child.
//!
//! A copy of this bench, named `ffmpeg` or `ffprobe`, is what the server takes for its tools. It
//! writes down what time it is and becomes the real tool. So the figures hold everything between
//! a submission and the child's own first step, and the millisecond that this program takes to
//! be loaded on top. What the server says of itself is not relied upon.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::room::Room;

const TOOLS: [&str; 2] = ["ffmpeg", "ffprobe"];

/// The tool that this process is to be, where it goes by a tool's name.
pub(crate) fn tool() -> Option<PathBuf> {
    let path = PathBuf::from(std::env::args_os().next()?);
    let name = path.file_name()?.to_str()?;
    TOOLS.contains(&name).then(|| path.clone())
}

/// Notes the time, and becomes the real tool. Returns only if it cannot.
pub(crate) fn pass_on(tool: &Path) -> ExitCode {
    let now = now();
    let noted = File::options().append(true).open(tool.with_extension("marks"));
    let line = format!("{}\n", now.as_nanos());
    if let Err(error) = noted.and_then(|mut marks| marks.write_all(line.as_bytes())) {
        eprintln!("cannot note the time beside {}: {error}", tool.display());
        return ExitCode::FAILURE;
    }
    become_real(tool)
}

fn become_real(tool: &Path) -> ExitCode {
    let real = tool.with_extension("real");
    let error = Command::new(&real).args(std::env::args_os().skip(1)).exec();
    eprintln!("cannot become {}: {error}", real.display());
    ExitCode::FAILURE
}

/// The time, as both sides read it.
pub(crate) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

/// The tools that say when they begin.
#[derive(Debug)]
pub(crate) struct Marks {
    dir: PathBuf,
}

impl Marks {
    /// Tools that make a result at once when they are to encode.
    pub(crate) fn instant(room: &Room) -> Self {
        let tools = Self::new(room);
        let ffmpeg = tools.dir.join("ffmpeg");
        fs::remove_file(&ffmpeg).unwrap();
        ffleet_testkit::instant(&ffmpeg);
        tools
    }

    /// Puts them into the room.
    pub(crate) fn new(room: &Room) -> Self {
        let dir = room.file("tools");
        fs::create_dir(&dir).unwrap();
        for tool in TOOLS {
            let real = ffleet_testkit::need::program(tool);
            let real = real.unwrap_or_else(|| panic!("{tool} is not in PATH"));
            let ours = dir.join(tool);
            fs::copy(std::env::current_exe().unwrap(), &ours).unwrap();
            std::os::unix::fs::symlink(real, ours.with_extension("real")).unwrap();
            File::create(ours.with_extension("marks")).unwrap();
        }
        Self { dir }
    }

    /// What makes a server take them.
    pub(crate) fn env(&self) -> Vec<(&'static str, String)> {
        let path = |tool| self.dir.join(tool).into_os_string().into_string().unwrap();
        vec![
            ("FFLEET_ENGINE_FFMPEG", path("ffmpeg")),
            ("FFLEET_ENGINE_FFPROBE", path("ffprobe")),
            ("FFLEET_WORKER_SANDBOX_WRITE", path("")),
        ]
    }

    /// When a tool began last.
    pub(crate) fn last(&self, tool: &str) -> Duration {
        let marks = fs::read_to_string(self.dir.join(tool).with_extension("marks")).unwrap();
        let last = marks.lines().last().unwrap();
        Duration::from_nanos(last.parse().unwrap())
    }
}
