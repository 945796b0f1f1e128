//! The guard's side of the line to a shim, and the way to shims of an earlier life.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ffleet_base::chance;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags, fcntl_setfl, open};
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, connect,
    socket_with, socketpair,
};
use serde::{Deserialize, Serialize};
use tokio::io::unix::AsyncFd;

use super::wire::{self, Attached, Began, Record, Reply, Request};
use super::{EXIT, SOCKET};
use crate::exit::Exit;
use crate::seats::Promise;
use crate::still::Still;
use crate::{launch, timespec};

/// How long a shim of an earlier life may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How much of a child's name is in that of its shim's socket.
const READABLE: usize = 56;

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
    pub(crate) fn say(&self, request: &Request) {
        let _or_broken = wire::send(self.0.get_ref().as_fd(), request, &[]);
    }

    /// How the child ended, if its shim has said so by now and nothing else before.
    pub(crate) fn ended(&self) -> Option<Exit> {
        match wire::receive::<Reply>(self.0.get_ref().as_fd()) {
            Ok(Some((Reply::Ended(exit), _))) => Some(*exit),
            // A line that is broken says so again to whoever listens on it.
            _ => None,
        }
    }

    /// What the shim says next; nothing if it is gone. May be dropped at any time.
    pub(crate) async fn hear(&self) -> io::Result<Option<Reply>> {
        Ok(self.hear_all().await?.map(|(reply, _)| reply))
    }

    /// The same, with the descriptors beside it.
    pub(crate) async fn hear_all(&self) -> io::Result<Option<(Reply, Vec<OwnedFd>)>> {
        loop {
            let mut ready = self.0.readable().await?;
            match ready.try_io(|fd| wire::receive::<Reply>(fd.get_ref().as_fd())) {
                Ok(Ok(heard)) => return Ok(heard),
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

/// Where a shim can be found: its directory, and the name of its own.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Place {
    dir: PathBuf,
    key: String,
}

impl Place {
    /// A new one in `dir`, for a child of this name.
    pub(crate) fn new(dir: &Path, child: &str) -> Self {
        // An address has room for no more.
        let readable: String = child.chars().take(READABLE).collect();
        Self { dir: dir.to_owned(), key: format!("{readable}.{}", chance::name(8)) }
    }

    /// The place that `file` belongs to.
    pub(super) fn of(dir: &Path, file: &str) -> Option<Self> {
        let key = file.strip_suffix(SOCKET).or_else(|| file.strip_suffix(EXIT))?;
        Some(Self { dir: dir.to_owned(), key: key.to_owned() })
    }

    /// The name of its own.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    fn socket(&self) -> PathBuf {
        self.dir.join(format!("{}{SOCKET}", self.key))
    }

    pub(super) fn record(&self) -> PathBuf {
        self.dir.join(format!("{}{EXIT}", self.key))
    }

    /// Leaves nothing there.
    pub(crate) fn clear(&self) -> io::Result<()> {
        for file in [self.socket(), self.record()] {
            match fs::remove_file(file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

/// A child of an earlier life that somebody may take over.
#[derive(Debug)]
pub(crate) struct Orphan {
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) began: Began,
    pub(crate) state: State,
}

/// What has become of it.
#[derive(Debug)]
pub(crate) enum State {
    /// Its shim, a pidfd, answers on this line; its standard output comes by this pipe. How it ended is
    /// known if it had when it was found.
    Held {
        line: OwnedFd,
        shim: OwnedFd,
        stdout: OwnedFd,
        seat: Promise,
        held: BTreeMap<String, OwnedFd>,
        still: Still,
        ended: Option<Box<Exit>>,
        note: Option<String>,
    },
    /// It ended, and its shim is gone.
    Ended(Box<Exit>),
}

/// The children that are to be found in `dir`; what there is of others is removed. Blocks.
pub(crate) fn orphans(dir: &Path) -> Vec<Orphan> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    let mut places = BTreeMap::new();
    for name in entries.filter_map(|entry| Some(entry.ok()?.file_name())) {
        match name.to_str().and_then(|name| Place::of(dir, name)) {
            Some(place) => drop(places.insert(place.key.clone(), place)),
            // What a record was before it was whole, or of another version.
            None => remove(&dir.join(name)),
        }
    }
    let mut found = Vec::new();
    for place in places.into_values() {
        match orphan(&place) {
            Some(orphan) => found.push(orphan),
            None => {
                if let Err(error) = place.clear() {
                    tracing::warn!(?place, %error, "what a shim left stays");
                }
            }
        }
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    found
}

pub(super) fn remove(path: &Path) {
    let is_dir = fs::symlink_metadata(path).is_ok_and(|found| found.is_dir());
    let removed = if is_dir {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    if let Err(error) = removed {
        tracing::warn!(path = %path.display(), %error, "what a shim left stays");
    }
}

fn orphan(place: &Place) -> Option<Orphan> {
    let place = place.clone();
    match attach(&place) {
        Ok((attached, held, [shim, line, stdout])) => {
            let Attached { name, began, seat, still, ended, note, .. } = attached;
            let ended = ended.map(Box::new);
            let state = State::Held { line, shim, stdout, seat, held, still, ended, note };
            Some(Orphan { name, place, began, state })
        }
        Err(error) => {
            let text = fs::read(place.record()).ok()?;
            let Record { name, began, exit } = serde_json::from_slice(&text).ok()?;
            tracing::debug!(name, %error, "a child's shim is gone, and left its record");
            Some(Orphan { name, place, began, state: State::Ended(Box::new(exit)) })
        }
    }
}

/// Takes over the child of the shim at `place`: what there is to know, what is held for it, and the shim,
/// the line to it and the child's standard output.
fn attach(place: &Place) -> io::Result<(Attached, BTreeMap<String, OwnedFd>, [OwnedFd; 3])> {
    let line = call(place)?;
    let (stdout, sink) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    wire::send(line.as_fd(), &Request::Attach, &[sink.as_fd()])?;
    answered(line.as_fd())?;
    match wire::receive::<Reply>(line.as_fd())? {
        Some((Reply::Attached(attached), mut fds)) if fds.len() == attached.held.len() + 1 => {
            let shim = fds.pop().ok_or(io::ErrorKind::InvalidData)?;
            let held = attached.held.iter().cloned().zip(fds).collect();
            Ok((*attached, held, [shim, line, stdout]))
        }
        other => Err(io::Error::other(format!("a shim answered {other:?}"))),
    }
}

/// A line to whoever listens at `place`.
pub(super) fn call(place: &Place) -> io::Result<OwnedFd> {
    let line = socket()?;
    let holder = hold(&place.dir)?;
    connect(&line, &address(&holder, place)?)?;
    Ok(line)
}

/// Waits for an answer.
pub(super) fn answered(line: BorrowedFd<'_>) -> io::Result<()> {
    let mut answered = [PollFd::from_borrowed_fd(line, PollFlags::IN)];
    match poll(&mut answered, Some(&timespec(PATIENCE)))? {
        0 => Err(io::ErrorKind::TimedOut.into()),
        _ => Ok(()),
    }
}

/// The socket at `place`, which others find a shim by.
pub(super) fn listen(place: &Place) -> io::Result<OwnedFd> {
    let (listener, holder) = (socket()?, hold(&place.dir)?);
    bind(&listener, &address(&holder, place)?)?;
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
fn address(dir: &OwnedFd, place: &Place) -> io::Result<SocketAddrUnix> {
    let (dir, key) = (dir.as_raw_fd(), &place.key);
    Ok(SocketAddrUnix::new(format!("/proc/self/fd/{dir}/{key}{SOCKET}"))?)
}
