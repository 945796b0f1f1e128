//! Copies of this process, and what they are found by.

use std::ffi::{CStr, c_char};
use std::io;

use rustix::process::Pid;

use crate::process;

/// A process that had one thread when it was asked, and whose program starts no others: whatever
/// another thread held would be held in a copy for ever.
#[derive(Debug)]
pub(crate) struct Alone(());

impl Alone {
    /// Looks whether this process has one thread. Its children's ends pass unseen from then on.
    pub(crate) fn prove() -> io::Result<Self> {
        match process::threads(rustix::process::getpid()) {
            Some(1) => on_ends(libc::SIG_IGN).map(|()| Self(())),
            found => Err(io::Error::other(format!("there are {found:?} threads, not one"))),
        }
    }

    /// Copies this process with everything it has, and says which of the two it is: the copy gets
    /// nothing, and hears of its children's ends.
    pub(crate) fn fork(&self) -> io::Result<Option<Pid>> {
        // SAFETY: there is nobody else.
        match unsafe { libc::fork() } {
            -1 => Err(io::Error::last_os_error()),
            0 => on_ends(libc::SIG_DFL).map(|()| None),
            pid => Ok(Pid::from_raw(pid)),
        }
    }
}

fn on_ends(action: libc::sighandler_t) -> io::Result<()> {
    // SAFETY: what is to be done is no function of ours.
    match unsafe { libc::signal(libc::SIGCHLD, action) } {
        libc::SIG_ERR => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

unsafe extern "C" {
    /// The environment (`environ(7)`).
    static environ: *const *mut c_char;
}

/// Writes `marks` into the place of the variable `room`, which is the first of this process's
/// environment: there `/proc/PID/environ` shows them. The process has one thread.
pub(crate) fn carry(room: &str, marks: &[Vec<u8>]) -> io::Result<()> {
    let text = marks.join(&0);
    let no_room = || io::Error::other("there is no room for what it is to be found by");
    // SAFETY: it is set before `main`, and nothing in this process sets it anew.
    let all = unsafe { environ };
    // SAFETY: it is a list, which ends with a null pointer.
    let first = unsafe { all.as_ref() }
        .filter(|first| !first.is_null())
        .ok_or_else(no_room)?;
    // SAFETY: it is a text that ends with a zero, which the kernel put there, and lives as long as we do.
    let kept = unsafe { CStr::from_ptr(*first) }.to_bytes();
    let length = kept.len();
    if text.len() > length || !kept.starts_with(room.as_bytes()) {
        return Err(no_room());
    }
    // SAFETY: as above; it may be written to, and nobody reads it meanwhile.
    let place = unsafe { std::slice::from_raw_parts_mut(first.cast::<u8>(), length) };
    let (found, rest) = place.split_at_mut(text.len());
    found.copy_from_slice(&text);
    rest.fill(0);
    Ok(())
}
