//! A directory for one section, and the media in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use ffleet_testkit::measure::{Cost, children_cpu};

/// Everything of a section lies here, and goes when it is over.
#[derive(Debug)]
pub(crate) struct Room {
    dir: tempfile::TempDir,
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
    let before = children_cpu().unwrap();
    let begun = Instant::now();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let ended = command.status().unwrap();
    let wall = begun.elapsed();
    assert!(ended.success(), "{command:?}: {ended}");
    Cost { wall, cpu: children_cpu().unwrap() - before }
}
