//! The guard's side of the line to a shim, and the way to shims of an earlier life.

use std::fs;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags, fcntl_setfl, open};
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, connect,
    socket_with, socketpair,
};
use tokio::io::unix::AsyncFd;

use super::wire::{self, Began, Record, Reply, Request};
use super::{EXIT, SOCKET};
use crate::{launch, timespec};

/// How long a shim of an earlier life may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The line to a shim.
#[derive(Debug)]
pub(crate) struct Line(AsyncFd<OwnedFd>);

impl Line {
    /// Both ends of a new one; the second is the shim's standard input.
    pub(crate) fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        Ok((ours, theirs))
    }

    /// Takes our end into the runtime.
    pub(crate) fn new(ours: OwnedFd) -> io::Result<Self> {
        non_blocking(ours.as_fd())?;
        Ok(Self(launch::watch(ours)?))
    }

    /// Says what is wanted. A line that is broken says so to whoever listens on it.
    pub(crate) fn say(&self, request: Request) {
        let _or_broken = wire::send(self.0.get_ref().as_fd(), &request, &[]);
    }

    /// What the shim says next; nothing if it is gone. May be dropped at any time.
    pub(crate) async fn hear(&self) -> io::Result<Option<Reply>> {
        loop {
            let mut ready = self.0.readable().await?;
            match ready.try_io(|fd| wire::receive::<Reply>(fd.get_ref().as_fd())) {
                Ok(Ok(heard)) => return Ok(heard.map(|(reply, _)| reply)),
                // A shim that was killed with something unheard resets the line.
                Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionReset => {
                    return Ok(None);
                }
                Ok(Err(error)) => return Err(error),
                Err(_would_block) => {}
            }
        }
    }
}

/// A child of an earlier life that somebody may take over.
#[derive(Debug)]
pub(crate) struct Orphan {
    pub(crate) name: String,
    pub(crate) dir: PathBuf,
    pub(crate) began: Began,
    pub(crate) state: State,
}

/// What has become of it.
#[derive(Debug)]
pub(crate) enum State {
    /// Its shim answers on this line; its standard output comes by this pipe.
    Held { line: OwnedFd, stdout: OwnedFd },
    /// It ended, and its shim is gone.
    Ended(Box<crate::exit::Exit>),
}

/// The children that are to be found below `root`; directories of the others are removed. Blocks.
pub(crate) fn orphans(root: &Path) -> Vec<Orphan> {
    let Ok(entries) = fs::read_dir(root) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for dir in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        match orphan(&dir) {
            Some(orphan) => found.push(orphan),
            None => {
                if let Err(error) = fs::remove_dir_all(&dir) {
                    tracing::warn!(dir = %dir.display(), %error, "a shim's directory is left");
                }
            }
        }
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    found
}

fn orphan(dir: &Path) -> Option<Orphan> {
    let name = dir.file_name()?.to_str()?.to_owned();
    let held = attach(dir);
    let (began, state) = match held {
        Ok((began, line, stdout)) => (began, State::Held { line, stdout }),
        Err(error) => {
            let record: Record = serde_json::from_slice(&fs::read(dir.join(EXIT)).ok()?).ok()?;
            tracing::debug!(name, %error, "a child's shim is gone, and left its record");
            (record.began, State::Ended(Box::new(record.exit)))
        }
    };
    Some(Orphan { name, dir: dir.to_owned(), began, state })
}

/// Takes over the child of the shim in `dir`: when it began, the line, its standard output.
fn attach(dir: &Path) -> io::Result<(Began, OwnedFd, OwnedFd)> {
    let line = socket()?;
    let holder = hold(dir)?;
    connect(&line, &address(&holder)?)?;
    let (stdout, sink) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    wire::send(line.as_fd(), &Request::Attach, &[sink.as_fd()])?;
    let mut answered = [PollFd::new(&line, PollFlags::IN)];
    if poll(&mut answered, Some(&timespec(PATIENCE)))? == 0 {
        return Err(io::ErrorKind::TimedOut.into());
    }
    match wire::receive::<Reply>(line.as_fd())? {
        Some((Reply::Began(began), _)) => Ok((began, line, stdout)),
        other => Err(io::Error::other(format!("a shim answered {other:?}"))),
    }
}

/// The socket of the shim in `dir`, which others find it by.
pub(super) fn listen(dir: &Path) -> io::Result<OwnedFd> {
    let (listener, holder) = (socket()?, hold(dir)?);
    bind(&listener, &address(&holder)?)?;
    rustix::net::listen(&listener, 4)?;
    non_blocking(listener.as_fd())?;
    Ok(listener)
}

pub(super) fn accept(listener: &OwnedFd) -> io::Result<OwnedFd> {
    let line = accept_with(listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?;
    Ok(line)
}

pub(super) fn non_blocking(fd: BorrowedFd<'_>) -> io::Result<()> {
    Ok(fcntl_setfl(fd, OFlags::NONBLOCK)?)
}

fn socket() -> io::Result<OwnedFd> {
    let kind = SocketType::SEQPACKET;
    Ok(socket_with(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)?)
}

fn hold(dir: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(open(dir, flags, Mode::empty())?)
}

/// An address holds 107 bytes (`unix(7)`), which a data directory's path may not fit into: the
/// directory goes by its descriptor.
fn address(dir: &OwnedFd) -> io::Result<SocketAddrUnix> {
    Ok(SocketAddrUnix::new(format!("/proc/self/fd/{}/{SOCKET}", dir.as_raw_fd()))?)
}
