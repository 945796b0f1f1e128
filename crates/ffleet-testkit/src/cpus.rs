//! Programs that see as many CPUs as a test says, with their threads counted.
//!
//! `native/cpus.c` is preloaded into the program, and says how; here it is built, by the compiler that
//! builds SQLite, and what it counted is read.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::need;
use crate::programs::{changed, compile, target_dir};

/// Where `scripts/setup.sh --for test` puts the FFmpeg of a wheel, below the workspace's target
/// directory.
const NEW: &str = "ffmpeg-wheel/ffmpeg";

/// Processors as a program sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cpus {
    /// Those of the machine.
    pub machine: u32,
    /// Those that it may run on: its affinity mask.
    pub allowed: u32,
}

/// What was counted of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Most threads at once, the main one among them.
    pub peak: u32,
    /// Threads that were started.
    pub started: u32,
    /// Whether it ended well, or was ended because it had done enough.
    pub is_fine: bool,
    /// What it said on standard error.
    pub words: String,
}

static LIBRARY: LazyLock<PathBuf> = LazyLock::new(|| {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("native/cpus.c");
    let library = target_dir().join("cpus.so");
    if changed(&library).is_none_or(|built| changed(&source).is_some_and(|made| made > built)) {
        // Several tests may build it at once; each puts a whole one in place.
        let part = library.with_extension(format!("{}.so", std::process::id()));
        compile("cpus.c", &part, &["-O1", "-shared", "-fPIC"], &["-ldl", "-lpthread"]);
        fs::rename(&part, &library).expect("a built library can be moved into place");
    }
    library
});

/// Runs `program` with `args`, which write progress as FFmpeg does, to its end, or until it has
/// written `enough` frames. Its threads are then all there.
///
/// # Panics
///
/// If it cannot be started or nothing was counted.
#[must_use]
pub fn count(program: &Path, args: &[String], cpus: Cpus, enough: Option<u64>) -> Counted {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let counts = std::env::temp_dir().join(format!("ffleet-cpus-{}-{number}", std::process::id()));
    let mut child = Command::new(program)
        .args(args)
        .env("LD_PRELOAD", &*LIBRARY)
        .env("FFLEET_CPUS", cpus.machine.to_string())
        .env("FFLEET_CPUS_SET", cpus.allowed.to_string())
        .env("FFLEET_CPUS_COUNT", &counts)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program can be started");
    let mut stderr = child.stderr.take().expect("invariant: stderr is a pipe");
    let words = std::thread::spawn(move || {
        let mut words = Vec::new();
        let _torn = stderr.read_to_end(&mut words);
        String::from_utf8_lossy(&words).into_owned()
    });
    let stdout = child.stdout.take().expect("invariant: stdout is a pipe");
    let mut is_enough = false;
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        let frames = line
            .strip_prefix("frame=")
            .and_then(|count| count.trim().parse::<u64>().ok());
        if !is_enough && frames.zip(enough).is_some_and(|(frames, enough)| frames >= enough) {
            is_enough = true;
            let _ended = child.kill();
        }
    }
    let ended = child.wait().expect("a child can be waited for");
    let words = words.join().expect("a reader does not panic");
    let counted = fs::read(&counts).expect("something was counted");
    let _gone = fs::remove_file(&counts);
    let at = |place: usize| {
        let bytes = counted
            .get(place * 4..place * 4 + 4)
            .expect("the count is three numbers");
        u32::from_ne_bytes(bytes.try_into().expect("invariant: four bytes"))
    };
    Counted {
        peak: at(1),
        started: at(2),
        is_fine: is_enough || ended.success(),
        words,
    }
}

/// The FFmpeg of a wheel: a recent release, dynamically linked.
#[must_use = "return from the test when its need is missing"]
pub fn new_ffmpeg() -> Option<PathBuf> {
    let target = target_dir();
    let found = target.ancestors().map(|dir| dir.join(NEW)).find(|path| path.is_file());
    let what = format!("target/{NEW} (scripts/setup.sh --for test fetches it)");
    need::that(&what, found.is_some()).then_some(found).flatten()
}
