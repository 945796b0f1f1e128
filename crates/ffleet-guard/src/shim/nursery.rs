//! Where shims come from.
//!
//! To load a program of our size anew for each of them takes 2.6 ms of a CPU, most of it to adjust
//! addresses. So it is loaded once, by the first child that wants a shim, and waits as a process with
//! one thread that has done nothing else: the *nursery*. A shim is a copy of it (`fork`, 0.2 ms, and half
//! a millisecond for the pages that it then makes its own). It ends when its guard does; shims outlive
//! it as they outlive the guard. One that does not do its work, as it was stopped, is killed: with it go the
//! lines that it was given and has not handed on, which is how whoever waits for a shim learns of that.
//!
//! A process is found by its environment, which a copy has in common with the nursery. So that is made
//! of one long variable, into whose place a shim writes its own.

use std::ffi::{CString, OsString};
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{Shutdown, shutdown};
use rustix::process::{Signal, pidfd_send_signal};

use super::Line;
use super::wire::{self, Reply};
use crate::launch::{self, Alone, Doors, Failure, Launch, Launched, Stack, Step, above_stdio};
use crate::timespec;

/// The variable that keeps the place.
pub(super) const ROOM: &str = "FFLEET_SHIM";
/// How long it is: an instance, and a child with the longest name.
const PLACES: usize = 512;
/// How long the nursery may let a line wait when it has not taken hundreds before that: it needs a fifth of
/// a millisecond for one. Meanwhile nobody else can be started.
const FULL: Duration = Duration::from_secs(2);
/// How long the nursery may take to end.
const PATIENCE: Duration = Duration::from_secs(1);

/// The nursery from the guard's side: started when it is wanted, and again when it is gone.
#[derive(Debug)]
pub(crate) struct Nursery {
    program: PathBuf,
    words: Vec<OsString>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    running: Option<Process>,
    /// How many there were, which is the number of the one that runs.
    count: u64,
    /// Those that were killed and have not ended yet: the kernel holds them up.
    killed: Vec<Process>,
}

impl Nursery {
    /// One that is `program` with `words` as its arguments.
    pub(crate) const fn new(program: PathBuf, words: Vec<OsString>) -> Self {
        let state = State { running: None, count: 0, killed: Vec::new() };
        Self { program, words, state: Mutex::new(state) }
    }

    /// Makes a shim that listens to `line`, and says the number of the nursery that it comes from. On the
    /// thread whose end is the nursery's.
    pub(crate) fn bear(&self, line: BorrowedFd<'_>, stack: &mut Stack) -> io::Result<u64> {
        let mut state = self.lock();
        if let Some(running) = &state.running {
            match wire::send(running.line.as_fd(), &(), &[line]) {
                Ok(()) => return Ok(state.count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => state.kill(),
                // One that is gone is reaped.
                Err(_) => state.running = None,
            }
        }
        state.killed.retain(|process| !process.ends_within(Duration::ZERO));
        let begun = self.start(stack)?;
        state.count += 1;
        let running = state.running.insert(begun);
        wire::send(running.line.as_fd(), &(), &[line])?;
        Ok(state.count)
    }

    /// Kills the nursery of this number, if that is not done: once this returns, no more shims come from it.
    /// There will be another when one is wanted. Blocks until it has ended, as long as that is not held up.
    pub(crate) fn abandon(&self, number: u64) {
        let mut state = self.lock();
        if state.count == number {
            state.kill();
        }
    }

    fn start(&self, stack: &mut Stack) -> io::Result<Process> {
        let text = |text: OsString| CString::new(text.into_vec()).map_err(io::Error::other);
        let program = text(self.program.clone().into_os_string())?;
        let words = self.words.iter().cloned().map(text).collect::<io::Result<Vec<_>>>()?;
        let (ours, theirs) = Line::pair()?;
        set_socket_timeout(&ours, Timeout::Send, Some(FULL))?;
        let null = || -> io::Result<OwnedFd> {
            let null = std::fs::File::options().read(true).write(true).open("/dev/null")?;
            above_stdio(null.into())
        };
        let launch = Launch {
            argv: [program.clone()].into_iter().chain(words).collect(),
            program,
            envp: vec![text(format!("{ROOM}={}", "-".repeat(PLACES)).into())?],
            cwd: c"/".into(),
            stdio: [above_stdio(theirs)?, null()?, null()?],
            given: Vec::new(),
            nice: 0,
            file_size: None,
            cpus: None,
            walls: None,
            tied: true,
        };
        let started = launch.start(&Doors::default(), stack);
        let launched = started.map_err(|Failure { step, source }| {
            let text = format!("cannot {}: {source}", step.purpose());
            io::Error::new(source.kind(), text)
        })?;
        Ok(Process { line: ours, launched })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn kill(&mut self) {
        let Some(process) = self.running.take() else { return };
        tracing::warn!(
            pid = process.launched.pid.as_raw_nonzero(),
            "the process that shims come from does nothing; it is killed, and another is started"
        );
        process.kill();
        if !process.ends_within(PATIENCE) {
            self.killed.push(process);
        }
    }
}

/// A nursery that runs, as far as we know.
#[derive(Debug)]
struct Process {
    line: OwnedFd,
    launched: Launched,
}

impl Process {
    fn kill(&self) {
        let _gone = pidfd_send_signal(&self.launched.pidfd, Signal::KILL);
    }

    fn ends_within(&self, patience: Duration) -> bool {
        let mut ended = [PollFd::new(&self.launched.pidfd, PollFlags::IN)];
        matches!(poll(&mut ended, Some(&timespec(patience))), Ok(1..))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It ends when nobody is on the line, which may be held by children that are being started.
        let _or_broken = shutdown(&self.line, Shutdown::Both);
        if !self.ends_within(PATIENCE) {
            self.kill();
            let _or_stuck = self.ends_within(PATIENCE);
        }
        if let Err(error) = launch::reap(self.launched.pid) {
            tracing::warn!(%error, "the end of the process that shims come from was lost");
        }
    }
}

/// What came out of a nursery.
pub(super) enum Born {
    /// This process is a shim, and has this line.
    Shim(OwnedFd),
    /// This process is the nursery still, and nobody wants anything of it any more.
    Over,
}

/// Makes shims for whoever is on `line`.
pub(super) fn run(line: OwnedFd) -> io::Result<Born> {
    let alone = Alone::prove()?;
    loop {
        let Some(((), mut fds)) = wire::receive::<()>(line.as_fd())? else {
            return Ok(Born::Over);
        };
        let Some(theirs) = fds.pop() else { continue };
        match alone.fork() {
            Ok(Some(_shim)) => {}
            Ok(None) => {
                drop(line);
                rustix::thread::set_name(c"ffleet-shim")?;
                return Ok(Born::Shim(theirs));
            }
            Err(error) => {
                let errno = error.raw_os_error().unwrap_or(libc::EAGAIN);
                let refused = Reply::Refused { step: Step::Clone as i32, errno };
                let _or_gone = wire::send(theirs.as_fd(), &refused, &[]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ffleet_base::{Clock as _, SystemClock};

    use super::*;

    /// As where it was stopped.
    #[test]
    fn nursery_that_takes_no_lines_gives_way_to_another() {
        let nursery = Nursery::new("/bin/sleep".into(), vec!["60".into()]);
        let bears = move || {
            // The thread blocks its signals for good.
            launch::block_signals().unwrap();
            let (mut stack, (_ours, theirs)) = (Stack::new(), Line::pair().unwrap());
            let mut bear = || {
                let began = SystemClock.monotonic();
                let number = nursery.bear(theirs.as_fd(), &mut stack).unwrap();
                (number, SystemClock.monotonic() - began)
            };
            let last = (0..100_000).map(|_| bear()).find(|(number, _)| *number != 1);
            let (number, took) = last.expect("no line waits for ever");
            assert!(number == 2 && took >= FULL && took < FULL + PATIENCE * 3, "{took:?}");
            let pid = |nursery: &Nursery| nursery.lock().running.as_ref().map(|it| it.launched.pid);
            let second = pid(&nursery).unwrap();
            nursery.abandon(1);
            assert_eq!(pid(&nursery), Some(second), "it is not the first that runs");
            nursery.abandon(2);
            assert_eq!(pid(&nursery), None);
            rustix::process::test_kill_process(second).unwrap_err();
        };
        std::thread::spawn(bears).join().unwrap();
    }
}
