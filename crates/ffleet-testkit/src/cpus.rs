//! Programs that see as many CPUs as a test says, with their threads counted.
//!
//! `native/cpus.c` is preloaded into the program, and says how; here it is built, by the compiler that
//! builds SQLite, and what it counted is read.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{ChildStderr, ChildStdout, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open, pidfd_send_signal};

use crate::measure::cpu_time;
use crate::need;
use crate::programs::{changed, compile, target_dir};

/// Where `scripts/setup.sh --for test` puts the FFmpeg of a wheel, below the workspace's target
/// directory.
const NEW: &str = "ffmpeg-wheel/ffmpeg";

/// How long a counted program may take, far more than any takes that does not hang: one that does would
/// hold up all that come after it.
pub const LIMIT: Duration = Duration::from_secs(600);

/// How long a counted program may start no thread and come no further, as it says itself; of one that says nothing,
/// how long it may use no CPU. It waits for ever then, or its threads wait for each other in loops.
pub const STILL: Duration = Duration::from_secs(60);

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
    /// How it ended.
    pub end: End,
    /// What it said on standard error.
    pub words: String,
}

/// How a counted program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Well, or it was ended because it had done enough.
    Fine,
    /// With an error.
    Failed,
    /// Not by itself within this time: it was killed.
    Late(Duration),
    /// It started no thread and came no further for this time, and was killed.
    Still(Duration),
}

impl Counted {
    /// What went wrong, if something did: the last error that it named, or that it did not end.
    #[must_use]
    pub fn complaint(&self) -> Option<String> {
        let named = || self.words.lines().rfind(|line| line.contains("[error]"));
        match self.end {
            End::Fine => None,
            End::Failed => Some(named().unwrap_or("?").to_owned()),
            End::Late(limit) => Some(format!("did not end within {} s", limit.as_secs_f64())),
            End::Still(span) => Some(format!("stood still for {} s", span.as_secs_f64())),
        }
    }
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
/// written `enough` frames. Its threads are then all there. One that has not ended after
/// [`LIMIT`], or stands still for [`STILL`], is killed with its process group.
///
/// # Panics
///
/// If it cannot be started or nothing was counted.
#[must_use]
pub fn count(program: &Path, args: &[String], cpus: Cpus, enough: Option<u64>) -> Counted {
    count_within(LIMIT, program, args, cpus, enough)
}

/// The same, with another limit on its time.
///
/// # Panics
///
/// As [`count`].
#[must_use]
pub fn count_within(
    limit: Duration,
    program: &Path,
    args: &[String],
    cpus: Cpus,
    enough: Option<u64>,
) -> Counted {
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
        .process_group(0)
        .spawn()
        .expect("the program can be started");
    let pid = Pid::from_child(&child);
    let process = pidfd_open(pid, PidfdFlags::empty()).expect("a child is there until waited for");
    let stderr = child.stderr.take().expect("invariant: stderr is a pipe");
    let stdout = child.stdout.take().expect("invariant: stdout is a pipe");
    let watched = Watched { process, pid: child.id(), counts, told: AtomicU64::new(0) };
    let (waited, is_enough, words) = std::thread::scope(|scope| {
        let words = scope.spawn(|| all_of(stderr));
        let frames = scope.spawn(|| watched.ended_after(enough, stdout));
        let waited = watched.wait(limit);
        // Not waited for yet, so that the group is still its own. What it left behind holds pipes.
        let _or_gone = kill_process_group(pid, Signal::KILL);
        let joined = "a reader does not panic";
        (waited, frames.join().expect(joined), words.join().expect(joined))
    });
    let status = child.wait().expect("a child can be waited for");
    let end = match waited {
        Some(end) => end,
        None if is_enough || status.success() => End::Fine,
        None => End::Failed,
    };
    let counted = fs::read(&watched.counts).expect("something was counted");
    let _gone = fs::remove_file(&watched.counts);
    let at = |place| number_at(&counted, place).expect("the count is three numbers");
    Counted { peak: at(1), started: at(2), end, words }
}

/// A counted program under way.
struct Watched {
    process: OwnedFd,
    pid: u32,
    /// Where it is counted.
    counts: PathBuf,
    /// How often it has said that it came further; 0 while it has said nothing.
    told: AtomicU64,
}

impl Watched {
    /// Waits until it has ended, or is not to be waited for any more: why not.
    fn wait(&self, limit: Duration) -> Option<End> {
        let begun = Instant::now();
        let (mut seen, mut since) = (self.state(), begun);
        loop {
            let left = limit.checked_sub(begun.elapsed()).unwrap_or_default();
            if left.is_zero() {
                return Some(End::Late(limit));
            }
            let pause = Timespec::try_from(left.min(Duration::from_secs(1)));
            let pause = pause.expect("invariant: a second is less than a lifetime");
            if let Ok(1..) = poll(&mut [PollFd::new(&self.process, PollFlags::IN)], Some(&pause)) {
                return None;
            }
            let now = self.state();
            if now != seen {
                (seen, since) = (now, Instant::now());
            } else if since.elapsed() >= STILL {
                return Some(End::Still(STILL));
            }
        }
    }

    /// What changes unless it stands still: how far it is, the threads it started, and, if it says nothing of
    /// itself, the CPU time of those it has.
    fn state(&self) -> (u64, Option<u32>, Option<Duration>) {
        let told = self.told.load(Ordering::Relaxed);
        let started = fs::read(&self.counts).ok().and_then(|counted| number_at(&counted, 2));
        (told, started, (told == 0).then(|| cpu_time(self.pid).ok()).flatten())
    }

    /// Reads progress, and kills it once it has written `enough` frames; whether it has.
    fn ended_after(&self, enough: Option<u64>, progress: ChildStdout) -> bool {
        let (mut is_enough, mut last) = (false, [None, None]);
        for line in BufReader::new(progress).lines().map_while(Result::ok) {
            let value = |key| line.strip_prefix(key).map(|value| value.trim().to_owned());
            let values = [value("frame="), value("out_time_us=")];
            for (value, last) in values.iter().zip(&mut last) {
                if value.is_some() && value != last {
                    last.clone_from(value);
                    self.told.fetch_add(1, Ordering::Relaxed);
                }
            }
            let frames = values[0].as_ref().and_then(|count| count.parse::<u64>().ok());
            if !is_enough && frames.zip(enough).is_some_and(|(frames, enough)| frames >= enough) {
                is_enough = true;
                let _or_gone = pidfd_send_signal(&self.process, Signal::KILL);
            }
        }
        is_enough
    }
}

/// One of the numbers that are counted.
fn number_at(counted: &[u8], place: usize) -> Option<u32> {
    let bytes = counted.get(place * 4..place * 4 + 4)?;
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}

/// All that is said until the pipe closes.
fn all_of(mut stderr: ChildStderr) -> String {
    let mut words = Vec::new();
    let _torn = stderr.read_to_end(&mut words);
    String::from_utf8_lossy(&words).into_owned()
}

/// The FFmpeg of a wheel: a recent release, dynamically linked.
#[must_use = "return from the test when its need is missing"]
pub fn new_ffmpeg() -> Option<PathBuf> {
    need::fetched(NEW)
}
