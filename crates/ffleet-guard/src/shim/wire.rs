//! What a guard and a shim say to each other.
//!
//! Every message is one packet of JSON, with descriptors beside it (`unix(7)`, `SCM_RIGHTS`). What a
//! child is to be may be longer than a packet, so it travels as a file in memory (`memfd_create(2)`).

use std::collections::BTreeMap;
use std::ffi::{CString, OsString};
use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read as _, Seek as _, SeekFrom, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;

use ffleet_types::Timestamp;
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::cgroup::Group;
use crate::exit::Exit;
use crate::launch::{Launch, above_given, above_stdio};
use crate::sandbox::{Built, Walls};
use crate::seats::Promise;
use crate::shim::Place;
use crate::still::Still;

/// The longest packet: the ends of both outputs with every byte escaped fit.
const LONGEST: usize = 128 << 10;
/// Descriptors with one packet, at most: those of all cgroups, walls and streams, and what a child is
/// given and its shim holds.
const MOST: usize = 64;

/// What a child is to be. Its descriptors travel beside it: the doors of its cgroups, that of
/// version 2 last, then the one that its standard output goes to, if it goes anywhere, then those
/// of its walls, then the one that its standard input comes from, if it comes from anywhere, then
/// those that it is given, then those that are held.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Begin {
    /// Program, arguments, environment, directory: bytes, as the kernel takes them.
    pub(crate) program: Vec<u8>,
    pub(crate) argv: Vec<Vec<u8>>,
    pub(crate) envp: Vec<Vec<u8>>,
    pub(crate) cwd: Vec<u8>,
    pub(crate) nice: i32,
    pub(crate) file_size: Option<u64>,
    pub(crate) cpus: Option<Vec<usize>>,
    /// Which walls it has.
    pub(crate) walls: Option<Built>,
    /// Whether its standard input comes from anywhere.
    pub(crate) stdin: bool,
    pub(crate) stdout: Flow,
    /// The numbers under which it gets its other descriptors.
    pub(crate) given: Vec<i32>,
    /// The names of what is held, in order.
    pub(crate) held: Vec<String>,
    /// Where its standard error goes, and the size of a segment.
    pub(crate) log: Option<(PathBuf, u64)>,
    /// What its processes carry in their environment, and the shim.
    pub(crate) marks: Vec<Vec<u8>>,
    /// What it is called.
    pub(crate) name: String,
    /// What it was promised.
    pub(crate) seat: Promise,
    /// Where the shim can be found.
    pub(crate) place: Place,
    /// How long it goes on with nobody on the line, in milliseconds; nothing for ever.
    pub(crate) orphan_grace: Option<u64>,
    /// What whoever takes it over is told of it.
    #[serde(default)]
    pub(crate) note: Option<String>,
}

/// What a keeper is to be.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Keep {
    /// What its process carries in its environment.
    pub(crate) marks: Vec<Vec<u8>>,
    /// Where it can be found.
    pub(crate) place: Place,
    /// How long it goes on with nobody on the line, in milliseconds; nothing for ever.
    pub(crate) orphan_grace: Option<u64>,
}

/// What a process that came out of the nursery is to do.
#[derive(Debug)]
pub(crate) enum First {
    /// To be the shim of this child.
    Shim(Box<Received>),
    /// To keep descriptors.
    Keeper(Keep),
}

/// What a shim is told of its child.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) begin: Begin,
    pub(crate) group: Option<Group>,
    pub(crate) fds: Vec<OwnedFd>,
}

/// Where a child's standard output goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Flow {
    Nowhere,
    /// Into the file beside the message.
    File,
    /// Through the shim into the pipe beside the message, and into the next one when that breaks.
    Pipe,
}

/// What a guard wants of a shim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Request {
    /// To take the child over. A pipe for its standard output lies beside it.
    Attach,
    /// To ask its process group to end.
    Terminate,
    /// To kill all of it.
    Kill,
    /// To make all of it stand still. Answered with the same number.
    Freeze(u64),
    /// To let it run again. Answered with the same number.
    Thaw(u64),
    /// To close what is held under this name. Answered with the same number.
    Release(u64, String),
    /// Nothing more: its end was heard, and the shim may go.
    Farewell,
    /// That it never was: nobody waits for the child any more. All of it is to be killed, and the shim to go
    /// with it and to leave nothing.
    Withdraw,
}

/// What a shim says to its guard. A pidfd of its own lies beside what it says first on a line, the last.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Reply {
    /// The child runs.
    Began(Began),
    /// The answer to [`Request::Attach`]. What is held lies beside it.
    Attached(Box<Attached>),
    /// The shim cannot do its work.
    Unable(String),
    /// It could not be started: at which step, and the kernel's number for why.
    Refused { step: i32, errno: i32 },
    /// What came of a request with a number: nothing is wrong, or why it was not done.
    Answered { request: u64, trouble: Option<String> },
    /// Nothing of it is alive any more.
    Ended(Box<Exit>),
}

/// A child that runs.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Began {
    pub(crate) pid: i32,
    /// When, on both clocks.
    pub(crate) wall: Timestamp,
    pub(crate) monotonic_micros: u64,
}

/// What whoever takes a child over learns of it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Attached {
    pub(crate) name: String,
    pub(crate) began: Began,
    /// What it was promised.
    pub(crate) seat: Promise,
    pub(crate) still: Still,
    /// The names of what is held, in the order in which it lies beside this.
    pub(crate) held: Vec<String>,
    /// How it ended, if it has.
    pub(crate) ended: Option<Exit>,
    /// What was said of it when it was started.
    #[serde(default)]
    pub(crate) note: Option<String>,
}

/// A shim's record of a child that has ended.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) name: String,
    pub(crate) began: Began,
    pub(crate) exit: Exit,
}

impl Begin {
    /// Everything of `launch` but its descriptors.
    pub(crate) fn of(
        launch: &Launch,
        cpus: Option<Vec<usize>>,
        (name, seat, place): (String, Promise, Place),
    ) -> Self {
        let bytes = |texts: &[CString]| texts.iter().map(|text| text.as_bytes().to_vec()).collect();
        Self {
            program: launch.program.as_bytes().to_vec(),
            argv: bytes(&launch.argv),
            envp: bytes(&launch.envp),
            cwd: launch.cwd.as_bytes().to_vec(),
            nice: launch.nice,
            file_size: launch.file_size,
            cpus,
            walls: launch.walls.as_ref().map(Walls::built),
            stdin: false,
            stdout: Flow::Nowhere,
            given: launch.given.iter().map(|&(number, _)| number).collect(),
            held: Vec::new(),
            log: None,
            marks: Vec::new(),
            name,
            seat,
            place,
            orphan_grace: None,
            note: None,
        }
    }

    /// The same again on the shim's side.
    pub(crate) fn launch(
        &self,
        stdio: [OwnedFd; 3],
        given: Vec<(i32, OwnedFd)>,
        walls: Option<Walls>,
    ) -> io::Result<Launch> {
        let text = |bytes: &Vec<u8>| CString::new(bytes.clone()).map_err(io::Error::other);
        let texts = |all: &[Vec<u8>]| all.iter().map(text).collect::<io::Result<Vec<_>>>();
        Ok(Launch {
            program: text(&self.program)?,
            argv: texts(&self.argv)?,
            envp: texts(&self.envp)?,
            cwd: text(&self.cwd)?,
            stdio,
            given,
            nice: self.nice,
            file_size: self.file_size,
            cpus: self
                .cpus
                .as_ref()
                .map(|cpus| crate::launch::cpu_set(cpus.iter().copied())),
            walls,
            tied: true,
        })
    }

    /// Takes what is to be held off the end of its descriptors.
    pub(crate) fn take_held(
        &self,
        fds: &mut Vec<OwnedFd>,
    ) -> io::Result<BTreeMap<String, OwnedFd>> {
        let held = last(fds, self.held.len())?;
        Ok(self.held.iter().cloned().zip(held).collect())
    }

    /// Takes what the child is given off the end of its descriptors, behind what is held.
    pub(crate) fn take_given(&self, fds: &mut Vec<OwnedFd>) -> io::Result<Vec<(i32, OwnedFd)>> {
        let given = last(fds, self.given.len())?.into_iter().map(above_given);
        self.given
            .iter()
            .zip(given)
            .map(|(&number, fd)| Ok((number, fd?)))
            .collect()
    }

    /// Takes its standard input off the end of its descriptors, behind what it is given.
    pub(crate) fn take_stdin(&self, fds: &mut Vec<OwnedFd>) -> io::Result<Option<OwnedFd>> {
        Ok(last(fds, self.stdin.into())?.pop())
    }

    pub(crate) fn marks(&self) -> Vec<OsString> {
        self.marks.iter().map(|mark| OsString::from_vec(mark.clone())).collect()
    }

    pub(crate) fn set_marks(&mut self, marks: &[OsString]) {
        self.marks = marks.iter().map(|mark| mark.as_bytes().to_vec()).collect();
    }

    /// Sends it down a line with its cgroups, which are there already, and its descriptors.
    pub(crate) fn send(
        &self,
        group: Option<&Group>,
        line: BorrowedFd<'_>,
        fds: &[BorrowedFd<'_>],
    ) -> io::Result<()> {
        let mut file = File::from(memfd_create("ffleet-begin", MemfdFlags::CLOEXEC)?);
        file.write_all(&serde_json::to_vec(&(self, group))?)?;
        let all: Vec<_> = [file.as_fd()].into_iter().chain(fds.iter().copied()).collect();
        send(line, &(), &all)
    }

    /// Takes it from a line, with its descriptors, or what a keeper is to be; nothing if the other end is gone.
    pub(crate) fn receive(line: BorrowedFd<'_>) -> io::Result<Option<First>> {
        let mut fds = match receive::<Option<Keep>>(line)? {
            None => return Ok(None),
            Some((Some(keep), _)) => return Ok(Some(First::Keeper(keep))),
            Some((None, fds)) => fds,
        };
        if fds.is_empty() {
            return Err(io::Error::other("a child was announced, and not described"));
        }
        let mut file = File::from(fds.remove(0));
        file.seek(SeekFrom::Start(0))?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let (begin, group) = serde_json::from_slice(&text)?;
        Ok(Some(First::Shim(Box::new(Received { begin, group, fds }))))
    }
}

/// So many descriptors off the end of `fds`.
fn last(fds: &mut Vec<OwnedFd>, count: usize) -> io::Result<Vec<OwnedFd>> {
    let rest = fds.len().checked_sub(count).ok_or(Errno::BADF)?;
    Ok(fds.split_off(rest))
}

/// Sends one message with its descriptors.
pub(crate) fn send<T: Serialize>(
    line: BorrowedFd<'_>,
    message: &T,
    fds: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let text = serde_json::to_vec(message)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !beside.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(io::Error::other("too many descriptors for one message"));
    }
    sendmsg(line, &[IoSlice::new(&text)], &mut beside, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Takes one message with its descriptors, none of which is a standard stream; nothing if the
/// other end is gone.
pub(crate) fn receive<T: DeserializeOwned>(
    line: BorrowedFd<'_>,
) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
    // Most messages are short, and room for the longest is more memory than a shim has otherwise.
    let mut none = RecvAncillaryBuffer::default();
    let look = RecvFlags::PEEK | RecvFlags::TRUNC;
    let length = recvmsg(line, &mut [], &mut none, look)?.bytes;
    if length > LONGEST {
        return Err(io::Error::other("a message is too long"));
    }
    let mut text = vec![0; length];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let got =
        recvmsg(line, &mut [IoSliceMut::new(&mut text)], &mut beside, RecvFlags::CMSG_CLOEXEC)?;
    if got.bytes == 0 {
        return Ok(None);
    }
    if got.flags.contains(ReturnFlags::CTRUNC) {
        return Err(io::Error::other("descriptors were lost: is their limit too low?"));
    }
    let mut fds = Vec::new();
    for message in beside.drain() {
        if let RecvAncillaryMessage::ScmRights(all) = message {
            for fd in all {
                fds.push(above_stdio(fd)?);
            }
        }
    }
    Ok(Some((serde_json::from_slice(&text[..got.bytes])?, fds)))
}

#[cfg(test)]
mod tests {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    use super::*;

    fn line() -> (OwnedFd, OwnedFd) {
        let flags = SocketFlags::CLOEXEC;
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap()
    }

    #[test]
    fn descriptors_travel_beside_words() {
        let (ours, theirs) = line();
        let (read, write) = rustix::pipe::pipe().unwrap();
        send(ours.as_fd(), &Request::Attach, &[write.as_fd()]).unwrap();
        drop(write);
        let (request, fds) = receive::<Request>(theirs.as_fd()).unwrap().unwrap();
        assert_eq!(request, Request::Attach);
        rustix::io::write(&fds[0], b"x").unwrap();
        let mut byte = [0];
        assert_eq!(rustix::io::read(&read, &mut byte).unwrap(), 1);
        drop(ours);
        assert!(receive::<Request>(theirs.as_fd()).unwrap().is_none(), "the other end is gone");
    }

    #[test]
    fn garbage_is_an_error() {
        let (ours, theirs) = line();
        send(ours.as_fd(), &"attack", &[]).unwrap();
        receive::<Request>(theirs.as_fd()).unwrap_err();
        send(ours.as_fd(), &(), &[]).unwrap();
        Begin::receive(theirs.as_fd()).unwrap_err();
    }
}
