//! A command that is started into a group, and that we stand beside of until it ends: see
//! `launch::wrapped` for how it has what it would have without us.

use std::ffi::{CString, OsString};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::time::Duration;

use ffleet_base::{Clock as _, SystemClock};
use ffleet_types::Bytes;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, setpgid};

use super::Error;
use super::group::Group;
use super::limits::Held;
use super::member::Member;
use super::process::Process;
use crate::cgroup::enter;
use crate::launch::{Ears, Gated, Look, Reaped, die_by, home, look, send, step_aside, stop_by};
use crate::timespec;

/// A command that is about to start: a process in its group, with its limits, that waits.
#[derive(Debug)]
#[must_use = "it never starts when this is dropped"]
pub struct Waiting {
    gated: Gated,
    ears: Ears,
}

/// A command that was started.
#[derive(Debug)]
pub struct Running {
    pid: Pid,
    _pidfd: OwnedFd,
    ears: Ears,
    /// The process group that it is in, and we were.
    home: Option<Pid>,
    /// Whether we are out of it.
    is_aside: bool,
}

/// How a command ended, and what it and those of its descendants used that were waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// How.
    pub exit: ffleet_supervise::Exit,
    /// CPU time in user mode.
    pub user: Duration,
    /// CPU time in the kernel.
    pub system: Duration,
    /// The largest resident set of any one of them.
    pub largest: Bytes,
}

impl Group {
    /// Makes a process in this group that is to run `argv`: with our standard streams, environment,
    /// directory, process group and terminal. From here on this thread hears signals only through what
    /// is answered; there is to be no other.
    ///
    /// # Errors
    ///
    /// If there is no process to be had, or the group's file cannot be written. What does not hold is
    /// said by [`outcomes`](Self::outcomes).
    pub fn prepare(&mut self, argv: &[OsString]) -> Result<Waiting, Error> {
        let ours = Process::ours();
        let failed = |source| Error::Watch { pid: ours.pid, source };
        let zero = |_| failed(io::Error::new(io::ErrorKind::InvalidInput, "a zero byte in a word"));
        let words: Result<Vec<_>, _> = argv
            .iter()
            .map(|word| CString::new(word.as_bytes()).map_err(zero))
            .collect();
        let words = words?;
        if words.is_empty() {
            return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "no command")));
        }
        let doors = self.state.group.doors();
        let doors = doors.map_err(|source| Error::Refused { pid: ours.pid, source })?;
        let as_we_are = Member::look(ours, &self.state.group, &self.state.means)?;
        let ears = Ears::all().map_err(failed)?;
        let gated = Gated::fork(&ears, &words, &doors).map_err(failed)?;
        let pid = gated.pid.as_raw_nonzero().get();
        let process = Process::of(pid).ok_or(Error::Gone(pid))?;
        let member = as_we_are.heir(process);
        self.check_place(gated.pid);
        for (limit, why) in self.state.means.apply(process, &member.before) {
            self.lower_to(limit, Held::Not, &why);
        }
        self.state.members.push(member);
        self.keep()?;
        Ok(Waiting { gated, ears })
    }

    /// Looks whether it is in each directory, and puts it there or says that it is not.
    fn check_place(&mut self, pid: Pid) {
        if self.state.group.settled().contains(&pid.as_raw_nonzero().get()) {
            return;
        }
        for dir in self.state.group.dirs().clone() {
            if let Err(error) = enter(&dir, pid) {
                let why = ffleet_base::chain(&error);
                for limit in self.state.group.limits_in(&dir) {
                    self.lower_to(limit, Held::Not, &why);
                }
            }
        }
    }
}

impl Waiting {
    /// Its process.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.gated.pid.as_raw_nonzero().get()
    }

    /// Lets it start.
    ///
    /// # Errors
    ///
    /// What the kernel has against its program: there is none of that name, or it cannot be run.
    pub fn start(self) -> io::Result<Running> {
        let Self { gated, ears } = self;
        let home = home();
        // Before it begins: nothing may come to both of us.
        let is_aside = step_aside().is_ok();
        let (pid, pidfd) = gated.go()?;
        Ok(Running { pid, _pidfd: pidfd, ears, home, is_aside })
    }
}

impl Running {
    /// Waits until it has ended, or `most` is over: then nothing is answered. What is sent to us
    /// meanwhile is passed on to it; when it is stopped we stop too, and go on with it.
    ///
    /// # Errors
    ///
    /// If the kernel does not let us wait.
    pub fn wait(&mut self, most: Duration) -> io::Result<Option<End>> {
        let until = SystemClock.monotonic() + most;
        loop {
            match look(self.pid)? {
                Look::Ended(reaped) => return Ok(Some(End::of(&reaped))),
                Look::Stopped(signal) => self.stop_too(signal)?,
                Look::Continued => continue,
                Look::Same => {}
            }
            while let Some(heard) = self.ears.next()? {
                let is_shared = heard.by_kernel && !self.is_aside;
                match heard.signal {
                    libc::SIGCHLD => {}
                    libc::SIGCONT if !self.is_stopped() => {}
                    // It has gone to the whole process group.
                    _ if is_shared => {}
                    // It may have ended meanwhile.
                    signal => drop(send(self.pid, signal)),
                }
            }
            // One that was passed on may have ended it by now, and its end was heard above.
            match look(self.pid)? {
                Look::Ended(reaped) => return Ok(Some(End::of(&reaped))),
                Look::Stopped(signal) => self.stop_too(signal)?,
                Look::Continued | Look::Same => {}
            }
            let left = until.saturating_sub(SystemClock.monotonic());
            if left.is_zero() {
                return Ok(None);
            }
            let mut heard = [PollFd::new(self.ears.fd(), PollFlags::IN)];
            match poll(&mut heard, Some(&timespec(left))) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Stops as it has stopped, in its process group, so that the shell that waits for us takes note and
    /// continues both.
    fn stop_too(&mut self, signal: i32) -> io::Result<()> {
        if self.is_aside {
            // Where the group is gone, we are continued by our own id alone.
            let _or_alone = setpgid(None, self.home);
        }
        if self.is_stopped() {
            stop_by(signal)?;
        }
        self.is_aside = step_aside().is_ok();
        Ok(())
    }

    fn is_stopped(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        stat.rsplit_once(") ")
            .is_some_and(|(_, fields)| fields.starts_with('T'))
    }
}

impl End {
    fn of(reaped: &Reaped) -> Self {
        Self {
            exit: crate::exit::ended(reaped.status),
            user: Duration::from_micros(reaped.user_micros),
            system: Duration::from_micros(reaped.system_micros),
            largest: Bytes(reaped.largest_kib << 10),
        }
    }
}

/// Dies by `signal`, as the command did that we stood beside of; comes back where it kills nobody.
pub fn die(signal: i32) {
    die_by(signal);
}

/// Hears the signals that ask us to end, which do nothing else from here on.
#[derive(Debug)]
pub struct Asked(Ears);

impl Asked {
    /// Begins to hear SIGINT, SIGTERM, SIGHUP and SIGQUIT in this thread, which is to be the only one.
    ///
    /// # Errors
    ///
    /// If the kernel does not let us.
    pub fn begin() -> io::Result<Self> {
        let signals = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT];
        Ears::some(&signals).map(Self)
    }

    /// Waits until one comes, which is answered, or `watched` has ended, or `most` is over: then
    /// nothing is.
    ///
    /// # Errors
    ///
    /// If the kernel does not let us wait.
    pub fn wait(&self, watched: &super::Watched, most: Duration) -> io::Result<Option<i32>> {
        let ended = watched.as_fd();
        let mut heard =
            [PollFd::new(self.0.fd(), PollFlags::IN), PollFd::new(&ended, PollFlags::IN)];
        match poll(&mut heard, Some(&timespec(most))) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(self.0.next()?.map(|heard| heard.signal))
    }
}
