//! The end of a process that was started here: heard of, and taken.

use std::ffi::c_int;
use std::io;
use std::os::fd::OwnedFd;

use rustix::process::Pid;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// How a process ended, and what it and the descendants that it waited for used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reaped {
    /// As `wait4` says it.
    pub(crate) status: c_int,
    /// CPU time in user mode, in microseconds.
    pub(crate) user_micros: u64,
    /// CPU time in the kernel, in microseconds.
    pub(crate) system_micros: u64,
    /// The largest resident set of any one of them, in KiB.
    pub(crate) largest_kib: u64,
}

/// What there is to be seen of our child.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Look {
    /// Nothing new.
    Same,
    /// This signal has stopped it.
    Stopped(c_int),
    /// It runs again.
    Continued,
    /// It has ended, and its remains are taken.
    Ended(Reaped),
}

/// Takes the remains of our child `pid`, if it has ended.
pub(crate) fn reap(pid: Pid) -> io::Result<Option<Reaped>> {
    wait(pid, libc::WNOHANG)
}

/// What has become of our child `pid` since this was asked last.
pub(crate) fn look(pid: Pid) -> io::Result<Look> {
    let found = wait(pid, libc::WNOHANG | libc::WUNTRACED | libc::WCONTINUED)?;
    Ok(found.map_or(Look::Same, |found| {
        if libc::WIFSTOPPED(found.status) {
            Look::Stopped(libc::WSTOPSIG(found.status))
        } else if libc::WIFCONTINUED(found.status) {
            Look::Continued
        } else {
            Look::Ended(found)
        }
    }))
}

fn wait(pid: Pid, how: c_int) -> io::Result<Option<Reaped>> {
    let mut status = 0;
    // SAFETY: plain numbers, for which zeros are a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    let raw = pid.as_raw_nonzero().get();
    // SAFETY: both may be written to.
    let found = unsafe { libc::wait4(raw, &raw mut status, how, &raw mut usage) };
    match found {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(None),
        _ => {
            let micros = |time: libc::timeval| {
                u64::try_from(time.tv_sec * 1_000_000 + time.tv_usec).unwrap_or(0)
            };
            Ok(Some(Reaped {
                status,
                user_micros: micros(usage.ru_utime),
                system_micros: micros(usage.ru_stime),
                largest_kib: u64::try_from(usage.ru_maxrss).unwrap_or(0),
            }))
        }
    }
}

/// A pidfd that tells when its process has ended: it can be read then.
pub(crate) fn watch(pidfd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: what is handed over is an open descriptor, which nobody else can close.
    Ok(unsafe { AsyncFd::register_with_interest(pidfd, Interest::READABLE) }?)
}
