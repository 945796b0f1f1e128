//! Two encodes by turns: one stands still while the other runs.
//!
//! What a machine gives to one process changes by a tenth from one second to the next: the host's
//! other guests, its clock. Two encodes one after the other differ by as much, and a mean over many
//! pairs needs hours to see two percent. So both are under way at once and take turns of a tenth
//! of a second, each with the whole machine to itself; whatever the machine does meets both alike.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::{ScopedJoinHandle, sleep};
use std::time::{Duration, Instant};

use rustix::fd::OwnedFd;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal, test_kill_process};

use crate::room::{Cost, children_cpu};

/// How long a turn is.
const TURN: Duration = Duration::from_millis(100);
/// How often the one whose turn it is is looked at.
const LOOK: Duration = Duration::from_millis(1);
/// How long an encode may take to begin.
const PATIENCE: Duration = Duration::from_secs(30);

/// What became of both: how long the first stood still, and what the second cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turns {
    pub(crate) stood: Duration,
    pub(crate) hand: Cost,
}

/// Sees the job of `through`, whose FFmpeg works below `work`, and `hand` to their ends by turns.
pub(crate) fn take<T>(
    through: &ScopedJoinHandle<'_, T>,
    work: &Path,
    hand: &mut Command,
    hand_first: bool,
) -> Turns {
    let ours = Held::find(work);
    let before = children_cpu();
    hand.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    ours.stop();
    let begun = Instant::now();
    let mut theirs = Held::new(hand.spawn().unwrap());
    let mut active = turn(hand_first, || theirs.has_ended());
    theirs.stop();
    let mut stood = begun.elapsed();
    let mut done = theirs.has_ended();
    while !done {
        // What our job still does after its encode has the machine to itself too.
        ours.go_on();
        let ended = || through.is_finished();
        turn(true, ended);
        while ours.is_gone() && !through.is_finished() {
            sleep(LOOK);
        }
        ours.stop();
        let stopped = Instant::now();
        theirs.go_on();
        if through.is_finished() {
            theirs.wait();
            active += stopped.elapsed();
            break;
        }
        active += turn(true, || theirs.has_ended());
        theirs.stop();
        stood += stopped.elapsed();
        done = theirs.has_ended();
    }
    ours.go_on();
    Turns { stood, hand: Cost { wall: active, cpu: children_cpu() - before } }
}

/// Lets one of them run until it has ended or its turn is over; how long that was.
fn turn(whole: bool, mut has_ended: impl FnMut() -> bool) -> Duration {
    let begun = Instant::now();
    let length = if whole { TURN } else { TURN / 2 };
    while !has_ended() && begun.elapsed() < length {
        sleep(LOOK);
    }
    begun.elapsed()
}

/// A process that can be told to stand still.
struct Held {
    pid: Pid,
    pidfd: OwnedFd,
    /// There if it is a child of ours.
    child: Option<Child>,
}

impl Held {
    fn new(child: Child) -> Self {
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        let pidfd = pidfd_open(pid, PidfdFlags::empty()).unwrap();
        Self { pid, pidfd, child: Some(child) }
    }

    /// The FFmpeg that writes below `work`, as soon as there is one.
    fn find(work: &Path) -> Self {
        let begun = Instant::now();
        loop {
            if let Some(pid) = writer(work)
                && let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty())
            {
                return Self { pid, pidfd, child: None };
            }
            assert!(begun.elapsed() < PATIENCE, "no FFmpeg writes below {}", work.display());
            sleep(LOOK);
        }
    }

    // One that has ended is neither stopped nor woken, which is as good.
    fn stop(&self) {
        let _or_gone = pidfd_send_signal(&self.pidfd, Signal::STOP);
    }

    fn go_on(&self) {
        let _or_gone = pidfd_send_signal(&self.pidfd, Signal::CONT);
    }

    fn is_gone(&self) -> bool {
        test_kill_process(self.pid).is_err()
    }

    fn has_ended(&mut self) -> bool {
        let ended = self.child.as_mut().and_then(|child| child.try_wait().unwrap());
        assert!(ended.is_none_or(|status| status.success()), "by hand: {ended:?}");
        ended.is_some()
    }

    fn wait(&mut self) {
        while !self.has_ended() {
            sleep(LOOK);
        }
    }
}

/// A process by the name of `ffmpeg` with an argument that leads below `work`.
fn writer(work: &Path) -> Option<Pid> {
    let work = work.to_str().unwrap();
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(Result::ok)
        .find_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let line = std::fs::read_to_string(entry.path().join("cmdline")).ok()?;
            let mut words = line.split('\0');
            let is_ffmpeg = words.next()?.ends_with("ffmpeg");
            (is_ffmpeg && words.any(|word| word.contains(work))).then(|| Pid::from_raw(pid))?
        })
}
