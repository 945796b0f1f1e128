//! A command that we stand beside of: started so that its terminal, its signals and its descriptors are
//! what they would be without us.
//!
//! It is a plain copy of this process that runs another program, in the same session and the same
//! process group. Before that it goes into its cgroups and waits at a gate, so that its limits can be
//! looked at first. Whoever shares a process group with it gets what the terminal sends to both; so
//! we leave that group ([`step_aside`]), and what comes to us alone is to be passed on.

use std::ffi::{CString, c_char, c_int};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, AsRawFd as _, FromRawFd as _, OwnedFd};
use std::ptr;

use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{
    Pid, PidfdFlags, Resource, Rlimit, WaitId, WaitIdOptions, getpid, pidfd_open, setpgid,
    setrlimit, waitid,
};

use super::Doors;
use super::birth;

/// What a copy ends with that is not let through the gate.
const NOT_BEGUN: c_int = 125;
/// What the kernel sends by itself when a program does something wrong: no message to anybody.
const FAULTS: [c_int; 6] = [
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGILL,
    libc::SIGTRAP,
    libc::SIGSYS,
];

/// A signal that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) signal: c_int,
    /// Whether the kernel sent it, as it does for a key of the terminal: to the whole process group.
    pub(crate) by_kernel: bool,
}

/// Hears signals, which do nothing else any more. They are let go when this is dropped.
pub(crate) struct Ears {
    heard: OwnedFd,
    before: libc::sigset_t,
}

impl std::fmt::Debug for Ears {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ears")
            .field("heard", &self.heard)
            .finish_non_exhaustive()
    }
}

impl Ears {
    /// Hears all of them but faults.
    pub(crate) fn all() -> io::Result<Self> {
        let mut set = empty();
        // SAFETY: `set` is ours to write.
        unsafe { libc::sigfillset(&raw mut set) };
        for fault in FAULTS {
            // SAFETY: as above.
            unsafe { libc::sigdelset(&raw mut set, fault) };
        }
        Self::of(&set)
    }

    /// Hears these.
    pub(crate) fn some(signals: &[c_int]) -> io::Result<Self> {
        let mut set = empty();
        for &signal in signals {
            // SAFETY: `set` is ours to write.
            unsafe { libc::sigaddset(&raw mut set, signal) };
        }
        Self::of(&set)
    }

    fn of(set: &libc::sigset_t) -> io::Result<Self> {
        let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
        // SAFETY: `set` was filled.
        let fd = unsafe { libc::signalfd(-1, set, flags) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just made this descriptor for us.
        let heard = unsafe { OwnedFd::from_raw_fd(fd) };
        let mut before = empty();
        // SAFETY: both are sets, and the second may be written to.
        match unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, set, &raw mut before) } {
            0 => Ok(Self { heard, before }),
            errno => Err(io::Error::from_raw_os_error(errno)),
        }
    }

    /// What tells, by being readable, that there is one.
    pub(crate) const fn fd(&self) -> &OwnedFd {
        &self.heard
    }

    /// The next one, if one is there.
    pub(crate) fn next(&self) -> io::Result<Option<Heard>> {
        let mut found = MaybeUninit::<libc::signalfd_siginfo>::uninit();
        let size = size_of::<libc::signalfd_siginfo>();
        // SAFETY: as many bytes may be written there.
        let read = unsafe { libc::read(self.heard.as_raw_fd(), found.as_mut_ptr().cast(), size) };
        if usize::try_from(read) == Ok(size) {
            // SAFETY: the kernel has filled it.
            let found = unsafe { found.assume_init() };
            let signal = c_int::try_from(found.ssi_signo).unwrap_or(0);
            return Ok(Some(Heard { signal, by_kernel: found.ssi_code == libc::SI_KERNEL }));
        }
        match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            error if error.kind() == io::ErrorKind::Interrupted => Ok(None),
            error => Err(error),
        }
    }
}

impl Drop for Ears {
    fn drop(&mut self) {
        // SAFETY: it is the mask that there was; the present one is not asked for.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.before, ptr::null_mut())
        };
    }
}

/// A copy of this process that waits at its gate.
#[derive(Debug)]
pub(crate) struct Gated {
    pub(crate) pid: Pid,
    pub(crate) pidfd: OwnedFd,
    gate: File,
    said: File,
}

impl Gated {
    /// Makes a copy of this process, which goes where `doors` lead to, and waits until it is there.
    /// Let through its gate it runs `argv`, with the mask of signals from before `ears`.
    pub(crate) fn fork(ears: &Ears, argv: &[CString], doors: &Doors) -> io::Result<Self> {
        let (gate, open) = pipe_with(PipeFlags::CLOEXEC)?;
        let (said, say) = pipe_with(PipeFlags::CLOEXEC)?;
        let argv: Vec<_> = argv.iter().map(|word| word.as_ptr()).chain([ptr::null()]).collect();
        let on_ends = take_ends()?;
        // SAFETY: the copy does nothing but system calls on what was prepared, and ends or runs a program.
        let pid = unsafe { birth::copy(doors.tree.as_ref().map(OwnedFd::as_fd)) }?;
        let Some(pid) = pid else {
            drop(open);
            let copy = Copy { gate, say, ears, argv: &argv, doors, on_ends };
            copy.go_on();
        };
        drop((gate, say));
        let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
        let mut gated = Self { pid, pidfd, gate: open.into(), said: said.into() };
        let mut there = [0];
        gated.said.read_exact(&mut there)?;
        Ok(gated)
    }

    /// Lets it through; or why its program does not run. It is our child either way.
    pub(crate) fn go(mut self) -> io::Result<(Pid, OwnedFd)> {
        self.gate.write_all(b"g")?;
        let mut errno = [0; 4];
        match self.said.read(&mut errno)? {
            // It runs: the descriptor closed by itself.
            0 => Ok((self.pid, self.pidfd)),
            _ => {
                waitid(WaitId::Pid(self.pid), WaitIdOptions::EXITED)?;
                Err(io::Error::from_raw_os_error(c_int::from_ne_bytes(errno)))
            }
        }
    }
}

/// The other side, up to its program.
struct Copy<'a> {
    gate: OwnedFd,
    say: OwnedFd,
    ears: &'a Ears,
    argv: &'a [*const c_char],
    doors: &'a Doors,
    on_ends: libc::sighandler_t,
}

impl Copy<'_> {
    fn go_on(self) -> ! {
        for door in &self.doors.files {
            // Whoever waits for us looks where we are.
            let _or_not = rustix::io::write(door, b"0");
        }
        let mut go = [0];
        let told = rustix::io::write(&self.say, b"t");
        let let_through = told.and_then(|_| rustix::io::read(&self.gate, &mut go));
        if let_through != Ok(1) {
            // SAFETY: nothing of ours is to be cleaned up in a copy.
            unsafe { libc::_exit(NOT_BEGUN) };
        }
        // Rust programs ignore this one; what it was before they do not say.
        // SAFETY: what is to be done is no function of ours.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        // SAFETY: as above; it is what there was.
        unsafe { libc::signal(libc::SIGCHLD, self.on_ends) };
        let before = &raw const self.ears.before;
        // SAFETY: it is the mask that there was.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before, ptr::null_mut()) };
        // SAFETY: the texts end with a zero, the list with a null pointer.
        unsafe { libc::execvp(self.argv[0], self.argv.as_ptr()) };
        let errno = io::Error::last_os_error().raw_os_error().unwrap_or(libc::ENOEXEC);
        let _heard = rustix::io::write(&self.say, &errno.to_ne_bytes());
        // SAFETY: as above.
        unsafe { libc::_exit(NOT_BEGUN) }
    }
}

/// Has children's ends be told, and says whether they were ignored before.
fn take_ends() -> io::Result<libc::sighandler_t> {
    // SAFETY: what is to be done is no function of ours.
    match unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) } {
        libc::SIG_ERR => Err(io::Error::last_os_error()),
        libc::SIG_IGN => Ok(libc::SIG_IGN),
        // Whatever it was, a new program has none of our functions.
        _ => Ok(libc::SIG_DFL),
    }
}

fn empty() -> libc::sigset_t {
    // SAFETY: a sigset is plain numbers, for which zeros are a value.
    unsafe { std::mem::zeroed() }
}

/// Our process group; nothing where it is one that our namespace does not see.
pub(crate) fn home() -> Option<Pid> {
    // SAFETY: it only answers. The safe form of it takes 0 for impossible.
    let group = unsafe { libc::getpgrp() };
    Pid::from_raw(group)
}

/// Leaves our process group for one of our own in the same session, so that what is sent to that
/// group does not come to us as well. A session's leader cannot, and who does not see its group would not
/// find back.
///
/// The leader of a group has no other to go to: it follows a copy of itself that founds one.
pub(crate) fn step_aside() -> io::Result<()> {
    let us = getpid();
    // SAFETY: it only answers.
    let session = unsafe { libc::getsid(0) };
    match home() {
        None => return Err(io::ErrorKind::NotFound.into()),
        Some(_) if session == us.as_raw_nonzero().get() => {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Some(home) if home != us => return Ok(setpgid(None, None)?),
        Some(_) => {}
    }
    // SAFETY: the copy does two system calls, and ends.
    let founder = unsafe { birth::copy(None) }?;
    let Some(founder) = founder else {
        let founded = setpgid(None, None);
        // SAFETY: nothing of ours is to be cleaned up in a copy.
        unsafe { libc::_exit(c_int::from(founded.is_err())) };
    };
    // Until it is waited for, the group is its own even if nobody is in it.
    let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    waitid(WaitId::Pid(founder), ended)?;
    let followed = setpgid(None, Some(founder));
    waitid(WaitId::Pid(founder), WaitIdOptions::EXITED)?;
    Ok(followed?)
}

/// Sends `signal`, whichever it is, to our child `pid`, which is not waited for yet.
pub(crate) fn send(pid: Pid, signal: c_int) -> io::Result<()> {
    // SAFETY: plain numbers.
    match unsafe { libc::kill(pid.as_raw_nonzero().get(), signal) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Stops this process as `signal` stops one, until it is continued.
pub(crate) fn stop_by(signal: c_int) -> io::Result<()> {
    send(getpid(), signal)?;
    let mut set = empty();
    // SAFETY: `set` is ours to write.
    unsafe { libc::sigaddset(&raw mut set, signal) };
    // SAFETY: a set; the old mask is not asked for. Here it stops.
    unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, ptr::null_mut()) };
    // SAFETY: as above.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, ptr::null_mut()) };
    Ok(())
}

/// Dies as `signal` kills a process, but without another core. Comes back where it kills none.
pub(crate) fn die_by(signal: c_int) {
    // Where that is refused there are two cores.
    let _or_core = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    // SAFETY: what is to be done is no function of ours.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
    let mut set = empty();
    // SAFETY: `set` is ours to write.
    unsafe { libc::sigaddset(&raw mut set, signal) };
    // SAFETY: a set; the old mask is not asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, ptr::null_mut()) };
    let _dead = send(getpid(), signal);
}
