//! A feed that somebody writes into a FIFO (`fifo(7)`). A run is from a writer's first byte to the last
//! writer's end.
//!
//! The FIFO is kept open as long as the feed is there, and outlives us: a writer that is there when ffleet ends meets no
//! broken pipe, it waits, and its run goes on in the next life. Where what it writes could not be read from the middle on
//! ([`Format::is_found_anywhere`](ffleet_live::join::Format::is_found_anywhere)) that life lets it meet one after all, so
//! that it begins anew.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;
use std::time::Duration;

use bytes::{BufMut as _, BytesMut};
use ffleet_guard::Kept;
use ffleet_live::join::Format;
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat, open};
use rustix::io::Errno;
use tokio::net::unix::pipe::{OpenOptions, Receiver};

use super::Feed;
use super::memo::Memo;
use super::run::{Ended, read};
use crate::inputs::is_same;
use crate::reader::{Bytes, Reading};

/// How often it is looked whether a reading end that was let go of is closed, and for how long.
const LOOK: Duration = Duration::from_millis(10);
const LOOKS: u32 = 100;
/// For how long nobody reads then: whoever writes in a stream writes within that, and is told so.
const BREAK: Duration = Duration::from_secs(2);

/// What of the FIFO is kept, from the first run on.
#[derive(Debug, Default)]
pub(super) struct Fifo(Option<Held>);

#[derive(Debug)]
struct Held {
    /// A reading end that nobody reads.
    end: OwnedFd,
    memo: Memo,
    /// What the run of an earlier life was, which is gone on with.
    format: Option<Format>,
    /// After how many bytes writers had gone while nobody read, each counted from the one before.
    ends: VecDeque<u64>,
    _kept: [Option<Kept>; 2],
}

/// Opens the FIFO at `path`, which is made if it is missing, and reads it until nobody writes any more.
pub(super) async fn run(feed: &Feed, path: &Path, mut reading: Reading) -> Ended {
    let mut fifo = feed.fifo.lock().await;
    let begun = async {
        make(path)?;
        let held = match fifo.0.take() {
            Some(held) if is_there(&held.end, path) => held,
            _ => Held::open(feed, path).await?,
        };
        let held = fifo.0.insert(held);
        let pipe = OpenOptions::new().open_receiver(path)?;
        reading.format = held.format.take().or(reading.format);
        if reading.format.is_none() {
            held.memo.clear();
        }
        reading.memo = Some(Memo::of(held.memo.as_fd().try_clone_to_owned()?));
        Ok::<_, io::Error>(Limited { pipe, left: held.ends.pop_front() })
    };
    match begun.await {
        Ok(pipe) => read(pipe, reading).await,
        Err(error) => Ended::failed(format!("{}: {error}", path.display())),
    }
}

impl Held {
    async fn open(feed: &Feed, path: &Path) -> io::Result<Self> {
        let keeping = &feed.keeping;
        let left = keeping.take("fifo").filter(|left| is_there(left.fd(), path));
        if let Some((left, page)) = left.zip(keeping.take("memo")) {
            let memo = Memo::of(page.fd().try_clone()?);
            let waits = rustix::io::ioctl_fionread(left.fd()).unwrap_or(0);
            let format = memo.read();
            if format.is_some_and(Format::is_found_anywhere) {
                tracing::info!(feed = feed.label, waits, "a FIFO of an earlier life is read on");
                let mut before = 0;
                let each = |&end: &u64| end - std::mem::replace(&mut before, end);
                let ends = left.ends().iter().map(each).collect();
                let end = left.fd().try_clone()?;
                return Ok(Self { end, memo, format, ends, _kept: [Some(left), Some(page)] });
            }
            if let Some(format) = format {
                let format = format.name();
                tracing::warn!(feed = feed.label, format, "its writer has to begin anew");
                drop((left, page, memo));
                closed(path).await;
            }
        }
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let end = open(path, flags, Mode::empty())?;
        let memo = Memo::new()?;
        let kept = [
            keeping.keep("memo", memo.as_fd().try_clone_to_owned()?, false).await,
            keeping.keep("fifo", end.try_clone()?, true).await,
        ];
        Ok(Self { end, memo, format: None, ends: VecDeque::new(), _kept: kept })
    }
}

fn is_there(end: &OwnedFd, path: &Path) -> bool {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    open(path, flags, Mode::empty()).is_ok_and(|there| is_same(end, there))
}

/// Waits until nobody reads the FIFO any more, and then for whoever writes there to meet that.
async fn closed(path: &Path) {
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    for _ in 0..LOOKS {
        match open(path, flags, Mode::empty()) {
            Err(Errno::NXIO) => break,
            _ => tokio::time::sleep(LOOK).await,
        }
    }
    tokio::time::sleep(BREAK).await;
}

/// What of a pipe belongs to one writer.
struct Limited {
    pipe: Receiver,
    /// How much of that is left, if it has gone.
    left: Option<u64>,
}

impl Limited {
    fn room(&self) -> usize {
        self.left
            .map_or(usize::MAX, |left| usize::try_from(left).unwrap_or(usize::MAX))
    }
}

impl Bytes for Limited {
    async fn read(&mut self, into: &mut BytesMut) -> io::Result<usize> {
        loop {
            match self.try_read(into) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.pipe.readable().await?;
                }
                read => return read,
            }
        }
    }

    fn try_read(&mut self, into: &mut BytesMut) -> io::Result<usize> {
        let room = self.room();
        if room == 0 {
            return Ok(0);
        }
        let read = self.pipe.try_read_buf(&mut into.limit(room))?;
        self.left = self.left.map(|left| left.saturating_sub(read as u64));
        Ok(read)
    }
}

/// Makes the FIFO, for its owner and group.
pub(crate) fn make(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(there) if there.file_type().is_fifo() => Ok(()),
        Ok(_) => Err(io::Error::other("is there and is no FIFO")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Ok(mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o660), 0)?)
        }
        Err(error) => Err(error),
    }
}
