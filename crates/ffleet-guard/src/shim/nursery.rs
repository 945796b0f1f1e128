//! Where shims come from.
//!
//! To load a program of our size anew for each of them takes 2.6 ms of a CPU, most of it to adjust
//! addresses. So it is loaded once, by the first child that wants a shim, and waits as a process with
//! one thread that has done nothing else: the *nursery*. A shim is a copy of it (`fork`, 0.2 ms, and half
//! a millisecond for the pages that it then makes its own). It ends when its guard does; shims outlive
//! it as they outlive the guard.
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
/// How long the nursery may take to end.
const PATIENCE: Duration = Duration::from_secs(1);

/// The nursery from the guard's side: started when it is wanted, and again when it is gone.
#[derive(Debug)]
pub(crate) struct Nursery {
    program: PathBuf,
    words: Vec<OsString>,
    process: Mutex<Option<Process>>,
}

impl Nursery {
    /// One that is `program` with `words` as its arguments.
    pub(crate) const fn new(program: PathBuf, words: Vec<OsString>) -> Self {
        Self { program, words, process: Mutex::new(None) }
    }

    /// Makes a shim that listens to `line`. On the thread whose end is the nursery's.
    pub(crate) fn bear(&self, line: BorrowedFd<'_>, stack: &mut Stack) -> io::Result<()> {
        let mut process = self.lock();
        if let Some(running) = &*process
            && wire::send(running.line.as_fd(), &(), &[line]).is_ok()
        {
            return Ok(());
        }
        // One that is gone is reaped first.
        *process = None;
        let begun = self.start(stack)?;
        let sent = wire::send(begun.line.as_fd(), &(), &[line]);
        *process = Some(begun);
        drop(process);
        sent
    }

    fn start(&self, stack: &mut Stack) -> io::Result<Process> {
        let text = |text: OsString| CString::new(text.into_vec()).map_err(io::Error::other);
        let program = text(self.program.clone().into_os_string())?;
        let words = self.words.iter().cloned().map(text).collect::<io::Result<Vec<_>>>()?;
        let (ours, theirs) = Line::pair()?;
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

    fn lock(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A nursery that runs, as far as we know.
#[derive(Debug)]
struct Process {
    line: OwnedFd,
    launched: Launched,
}

impl Drop for Process {
    fn drop(&mut self) {
        // It ends when nobody is on the line, which may be held by children that are being started.
        let _or_broken = shutdown(&self.line, Shutdown::Both);
        let Launched { pid, pidfd } = &self.launched;
        let mut ended = [PollFd::new(pidfd, PollFlags::IN)];
        if !matches!(poll(&mut ended, Some(&timespec(PATIENCE))), Ok(1..)) {
            let _gone = pidfd_send_signal(pidfd, Signal::KILL);
            let _or_stuck = poll(&mut ended, Some(&timespec(PATIENCE)));
        }
        if let Err(error) = launch::reap(*pid) {
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
