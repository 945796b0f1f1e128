//! A directory for one section, and the media in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Milliseconds in one of the ticks in which `/proc/PID/stat` counts (USER_HZ, 100 a second on
/// every architecture that FFmpeg is packaged for).
const TICK: u64 = 10;

/// Everything of a section lies here, and goes when it is over.
#[derive(Debug)]
pub(crate) struct Room {
    dir: tempfile::TempDir,
}

/// A command that has run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
}

impl Room {
    /// A new one below `dir`.
    pub(crate) fn new(dir: &Path) -> Self {
        let dir = tempfile::Builder::new().prefix("bench-").tempdir_in(dir).unwrap();
        Self { dir }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The same as text, for arguments and JSON.
    pub(crate) fn text(&self, name: &str) -> String {
        self.file(name).into_os_string().into_string().unwrap()
    }

    /// Makes a clip with sound of a moving test picture.
    pub(crate) fn clip(&self, name: &str, size: &str, seconds: u32) -> String {
        let path = self.text(name);
        let picture = format!("testsrc2=size={size}:rate=30");
        let seconds = seconds.to_string();
        let mut command = Command::new("ffmpeg");
        command
            .args(["-v", "error", "-nostdin", "-f", "lavfi", "-i", &picture])
            .args(["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"])
            .args(["-t", &seconds, "-c:v", "libx264", "-preset", "superfast", "-crf", "20"])
            .args(["-pix_fmt", "yuv420p", "-c:a", "aac", "-y", &path]);
        run(&mut command);
        path
    }
}

/// Runs a command to its good end, in silence, and says what it cost.
pub(crate) fn run(command: &mut Command) -> Cost {
    let before = children_cpu();
    let begun = Instant::now();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let ended = command.status().unwrap();
    let wall = begun.elapsed();
    assert!(ended.success(), "{command:?}: {ended}");
    Cost { wall, cpu: children_cpu() - before }
}

/// CPU time of all children that have ended, in ticks of 10 ms (`proc(5)`: cutime and cstime).
pub(crate) fn children_cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks = fields.split_whitespace().skip(13).take(2);
    let ticks: u64 = ticks.map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * TICK)
}
