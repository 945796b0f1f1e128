//! Processes that are not ours, as they come and go: by events of the kernel, and by looks at all of them.
//!
//! [`Events`] is the kernel's connector for process events (`Documentation/driver-api/connector.rst`,
//! `linux/cn_proc.h`). It tells of an exec within microseconds and may lose events where more come than are
//! read, which it says: then, and where it is not allowed, [`Scanner`] looks at everybody. Since Linux 6.6 it can
//! be told which events are wanted, and anybody may listen; before that root alone, and to all of them.
//! Within a container it says nothing at all, whoever asks: what was asked for is therefore
//! proven by an event of our own.

mod look;
mod scan;
mod stat;
mod wire;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, getsockname, recvfrom,
    send, socket_with, sockopt,
};
use rustix::time::{ClockId, clock_gettime};

pub use self::look::{Held, Look, first_of, group_name};
pub use self::scan::{Scanner, Seen};
use self::wire::What;
use crate::timespec;

/// What the kernel may keep for us, in bytes: some ten thousand events.
const BUFFER: usize = 8 << 20;
/// How long the proof may take. The kernel answers while we ask; a busy machine has other things to do, and a
/// proof that comes too late costs events, not processes.
const PATIENCE: Duration = Duration::from_millis(200);
/// Larger than any event.
const LARGEST: usize = 512;
/// How many events are read in one go, so that whoever reads them does something else meanwhile.
const AT_ONCE: usize = 4_096;

/// Something that happened to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It became another program, so long ago.
    Exec {
        /// Which.
        pid: u32,
        /// How long ago.
        ago: Duration,
    },
    /// It has another name.
    Renamed(u32),
    /// It has another user.
    User(u32),
    /// It has a child, which runs the same program.
    Forked(u32),
    /// It has ended.
    Ended(u32),
    /// Events were lost: only a look at everybody says what there is.
    Lost,
}

/// Why there are no events.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The kernel has no such thing, or does not let us.
    #[error("the kernel does not let us hear of process events")]
    Kernel(#[source] io::Error),
    /// It lets us, and says nothing.
    #[error(
        "the kernel tells nothing of process events here: it does so to root, and outside of containers alone"
    )]
    Silent,
}

/// Which events are wanted beside execs, ends, names and users.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// None.
    #[default]
    Programs,
    /// New processes as well.
    Forks,
}

/// The kernel's connector.
#[derive(Debug)]
pub struct Events {
    socket: OwnedFd,
    wanted: Wanted,
}

impl Events {
    /// Listens from now on.
    ///
    /// # Errors
    ///
    /// If the kernel does not let us, or tells nothing.
    pub fn open(wanted: Wanted) -> Result<Self, Refused> {
        // A kernel that knows no filter passes over what asks for one.
        match Self::proven(wanted, true, BUFFER) {
            Err(Refused::Silent) => Self::proven(wanted, false, BUFFER),
            answer => answer,
        }
    }

    fn proven(wanted: Wanted, filtered: bool, buffer: usize) -> Result<Self, Refused> {
        let (socket, port) = listen(buffer).map_err(|errno| Refused::Kernel(errno.into()))?;
        let request = if filtered {
            wire::listen_to(port, wanted)
        } else {
            wire::listen(port)
        };
        send(&socket, &request, SendFlags::empty())
            .map_err(|errno| Refused::Kernel(errno.into()))?;
        let mut events = Self { socket, wanted };
        if events.hears_itself() {
            Ok(events)
        } else {
            Err(Refused::Silent)
        }
    }

    /// Whether an event of our own comes: our name is set to what it is.
    fn hears_itself(&mut self) -> bool {
        let us = std::process::id();
        let renamed = std::fs::read("/proc/self/comm")
            .and_then(|name| write_name(name.trim_ascii_end()))
            .is_ok();
        let (begun, mut heard) = (monotonic(), false);
        // Who is not let in may still hear what is told to others, on and on.
        while renamed && !heard {
            let left = PATIENCE.saturating_sub(monotonic().saturating_sub(begun));
            // Whatever else comes is seen by the first look at everybody.
            let ours = |what| matches!(what, What::Comm { pid, .. } if pid == us);
            if left.is_zero() || !self.waits(left) || self.each(|what| heard |= ours(what)).is_err()
            {
                break;
            }
        }
        heard
    }

    /// Waits until there is something to read, for a while.
    fn waits(&self, most: Duration) -> bool {
        let mut ready = [PollFd::new(&self.socket, PollFlags::IN)];
        matches!(poll(&mut ready, Some(&timespec(most))), Ok(1..))
    }

    /// Reads what there is; whether there may be more.
    ///
    /// # Errors
    ///
    /// If the kernel does not talk to us any more.
    pub fn drain(&mut self, mut hear: impl FnMut(Event)) -> io::Result<bool> {
        let (now, wanted) = (monotonic(), self.wanted);
        self.each(|what| {
            if let Some(event) = meant(what, now, wanted) {
                hear(event);
            }
        })
    }

    fn each(&self, mut hear: impl FnMut(What)) -> io::Result<bool> {
        let mut buffer = [0; LARGEST];
        for _ in 0..AT_ONCE {
            let (length, from) = match recvfrom(&self.socket, &mut buffer, RecvFlags::empty()) {
                Ok((_, length, from)) => (length, from),
                Err(Errno::NOBUFS) => {
                    hear(What::Lost);
                    continue;
                }
                Err(Errno::WOULDBLOCK) => return Ok(false),
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(errno.into()),
            };
            // Anybody may write to this socket; only what the kernel says counts.
            let of_kernel = from
                .and_then(|from| SocketAddrNetlink::try_from(from).ok())
                .is_some_and(|from| from.pid() == 0);
            if let (true, Some(datagram)) = (of_kernel, buffer.get(..length))
                && let Some(what) = wire::parse(datagram)
            {
                hear(what);
            }
        }
        Ok(true)
    }
}

impl AsFd for Events {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The clock that events are timed by.
fn monotonic() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// A socket that is in the group of process events, and its port.
fn listen(buffer: usize) -> Result<(OwnedFd, u32), Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket =
        socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, Some(netlink::CONNECTOR))?;
    // Beyond what everybody may have needs a capability.
    if sockopt::set_socket_recv_buffer_size_force(&socket, buffer).is_err() {
        sockopt::set_socket_recv_buffer_size(&socket, buffer)?;
    }
    bind(&socket, &SocketAddrNetlink::new(0, wire::GROUP))?;
    let port = SocketAddrNetlink::try_from(getsockname(&socket)?)?.pid();
    Ok((socket, port))
}

/// Sets the name of this process, which is that of its first thread.
fn write_name(name: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    let path = format!("/proc/self/task/{}/comm", std::process::id());
    std::fs::OpenOptions::new().write(true).open(path)?.write_all(name)
}

/// What an event of a process means; those of its other threads mean nothing.
fn meant(what: What, now: Duration, wanted: Wanted) -> Option<Event> {
    match what {
        What::Exec { pid, at } => Some(Event::Exec { pid, ago: now.saturating_sub(at) }),
        What::Comm { pid, thread } => (pid == thread).then_some(Event::Renamed(pid)),
        What::Uid { pid, thread } => (pid == thread).then_some(Event::User(pid)),
        What::Fork { pid, thread } => {
            (pid == thread && wanted == Wanted::Forks).then_some(Event::Forked(pid))
        }
        What::Exit { pid, thread } => (pid == thread).then_some(Event::Ended(pid)),
        What::Lost => Some(Event::Lost),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_no_processes() {
        let now = Duration::from_secs(9);
        let at = Duration::from_secs(8);
        let meant = |what| meant(what, now, Wanted::Programs);
        assert_eq!(
            meant(What::Exec { pid: 7, at }),
            Some(Event::Exec { pid: 7, ago: Duration::from_secs(1) })
        );
        assert_eq!(meant(What::Exit { pid: 7, thread: 8 }), None);
        assert_eq!(meant(What::Exit { pid: 7, thread: 7 }), Some(Event::Ended(7)));
        assert_eq!(meant(What::Comm { pid: 7, thread: 9 }), None);
        assert_eq!(meant(What::Fork { pid: 7, thread: 7 }), None, "nobody asked for it");
        assert_eq!(meant(What::Lost), Some(Event::Lost));
    }

    /// Events of a kernel that tells them to us.
    fn told(buffer: usize) -> Option<Events> {
        let events = Events::proven(Wanted::Programs, true, buffer)
            .or_else(|_old| Events::proven(Wanted::Programs, false, buffer));
        ffleet_testkit::need::that("process events", events.is_ok()).then(|| events.ok())?
    }

    fn rename() {
        let name = std::fs::read("/proc/self/comm").unwrap();
        write_name(name.trim_ascii_end()).unwrap();
    }

    #[test]
    fn what_happens_is_heard_of() {
        let Some(mut events) = told(BUFFER) else { return };
        rename();
        let us = std::process::id();
        let mut heard = false;
        ffleet_testkit::until(Duration::from_secs(10), "our new name is told", || {
            events.drain(|event| heard |= event == Event::Renamed(us)).unwrap();
            heard
        });
    }

    #[test]
    fn what_is_not_read_in_time_is_said_to_be_lost() {
        // As little as the kernel lets it be.
        let Some(mut events) = told(1) else { return };
        (0..200).for_each(|_| rename());
        let mut heard = Vec::new();
        events.drain(|event| heard.push(event)).unwrap();
        assert!(heard.contains(&Event::Lost), "{heard:?}");
        assert!(heard.len() < 200, "{}", heard.len());
    }
}
