//! The last steps of a child before its program: behind these it cannot come back.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};

use rustix::io::Errno;

use crate::sandbox::{Network, Walls};

/// Shuts this process off: what it opens and starts from here on is held to `walls`.
pub(super) fn enclose(walls: &Walls) -> Result<(), Errno> {
    rustix::thread::set_no_new_privs(true)?;
    if let Network::Empty(network) = &walls.network {
        let kind = Some(rustix::thread::LinkNameSpaceType::Network);
        rustix::thread::move_into_link_name_space(network.as_fd(), kind)?;
    }
    if let Some(files) = &walls.files {
        // SAFETY: plain numbers; the kernel looks at the descriptor itself.
        let done = unsafe { libc::syscall(libc::SYS_landlock_restrict_self, files.as_raw_fd(), 0) };
        if done != 0 {
            return Err(last_errno());
        }
    }
    if let Network::Filtered(filter) = &walls.network {
        // Two system calls on what was prepared; its errors hold no memory of their own.
        seccompiler::apply_filter(filter).map_err(|_errno_says| last_errno())?;
    }
    Ok(())
}

fn last_errno() -> Errno {
    Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO)
}

/// A network namespace with nothing in it.
pub(crate) fn empty_network() -> io::Result<OwnedFd> {
    // The thread that leaves ours must not come back.
    let made = std::thread::Builder::new().name("empty-network".to_owned()).spawn(|| {
        // SAFETY: descriptors and memory stay shared; only this thread's network changes.
        unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNET) }?;
        Ok(File::open("/proc/thread-self/ns/net")?.into())
    })?;
    made.join().unwrap_or_else(|_| Err(Errno::IO.into()))
}
