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
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal,
    test_kill_process, waitid,
};

use crate::measure::Cost;

/// How long a turn is.
const TURN: Duration = Duration::from_millis(100);
/// How often the one whose turn it is is looked at.
const LOOK: Duration = Duration::from_millis(1);
/// How long an encode may take to begin.
const PATIENCE: Duration = Duration::from_secs(30);

/// What became of both: how long the first stood still, and what the second cost.
#[derive(Clone, Copy, Debug)]
pub struct Turns {
    /// How long the job stood still.
    pub stood: Duration,
    /// What the command by hand took while it was its turn.
    pub hand: Cost,
}

/// Sees the job of `through`, whose FFmpeg works below `work`, and `hand` to their ends by turns.
///
/// # Panics
///
/// If no FFmpeg begins to work below `work` within 30 s, or the command by hand fails: nothing was
/// measured then.
pub fn take<T>(
    through: &ScopedJoinHandle<'_, T>,
    work: &Path,
    hand: &mut Command,
    hand_first: bool,
) -> Turns {
    let ours = Held::find(work);
    hand.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    ours.stop();
    let begun = Instant::now();
    let mut theirs = Held::new(hand.spawn().expect("the command by hand starts"));
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
    Turns { stood, hand: Cost { wall: active, cpu: theirs.cpu } }
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
    /// There while it is a child of ours.
    child: Option<Child>,
    /// What it has used, once it has ended.
    cpu: Duration,
}

impl Held {
    fn new(child: Child) -> Self {
        let pid = Pid::from_child(&child);
        let pidfd =
            pidfd_open(pid, PidfdFlags::empty()).expect("a child that was not waited for is there");
        Self { pid, pidfd, child: Some(child), cpu: Duration::ZERO }
    }

    /// The FFmpeg that writes below `work`, as soon as there is one.
    fn find(work: &Path) -> Self {
        let begun = Instant::now();
        loop {
            if let Some(pid) = writer(work)
                && let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty())
            {
                return Self { pid, pidfd, child: None, cpu: Duration::ZERO };
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
        let Some(child) = &mut self.child else { return true };
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let ended = waitid(WaitId::Pid(self.pid), look).expect("it is a child of ours");
        if ended.is_none() {
            return false;
        }
        // What it used can be read until it is waited for.
        self.cpu = used(self.pid).expect("a child that was not waited for has a /proc entry");
        let status = child.wait().expect("it is a child of ours");
        assert!(status.success(), "by hand: {status}");
        self.child = None;
        true
    }

    fn wait(&mut self) {
        while !self.has_ended() {
            sleep(LOOK);
        }
    }
}

/// CPU time of a process, in ticks of 10 ms (`proc(5)`: utime and stime; USER_HZ is 100 on every
/// architecture that FFmpeg is packaged for).
fn used(pid: Pid) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let mut ticks = fields.split_whitespace().skip(11).map(str::parse::<u64>);
    let ticks = ticks.next()?.ok()? + ticks.next()?.ok()?;
    Some(Duration::from_millis(ticks * 10))
}

/// A process by the name of `ffmpeg` with an argument that leads below `work`.
fn writer(work: &Path) -> Option<Pid> {
    let work = work.to_str()?;
    std::fs::read_dir("/proc")
        .ok()?
        .filter_map(Result::ok)
        .find_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let line = std::fs::read_to_string(entry.path().join("cmdline")).ok()?;
            let mut words = line.split('\0');
            let is_ffmpeg = words.next()?.ends_with("ffmpeg");
            (is_ffmpeg && words.any(|word| word.contains(work))).then(|| Pid::from_raw(pid))?
        })
}
