//! One FIFO that raw media is written into (`fifo(7)`).

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::pipe::fcntl_setpipe_size;
use tokio::net::unix::pipe::Receiver;

use crate::feed::make_fifo;

/// How often it is looked whether a writer has come: an end that nobody writes to is always readable.
const LOOK: Duration = Duration::from_millis(20);
/// What the pipe should hold.
const PIPE: usize = 1 << 20;

/// What was read.
#[derive(Debug)]
pub(super) enum Read {
    /// Whole units.
    Units(Vec<u8>),
    /// Nobody writes any more. What was left of a unit is thrown away: so many bytes.
    Gone { cut: usize },
}

/// The reading end, opened at the first read and open until this is dropped.
#[derive(Debug, Default)]
pub(super) struct Fifo {
    pipe: Option<OwnedFd>,
    /// The same, registered with the runtime since the present writer came: a registration that has seen an end says
    /// for ever that it is one.
    watched: Option<Receiver>,
    /// Bytes of a unit that has not wholly come.
    part: Vec<u8>,
}

impl Fifo {
    /// Reads whole units, `most` of them at most. May be dropped at any time without a loss.
    pub(super) async fn read(&mut self, path: &Path, unit: usize, most: usize) -> io::Result<Read> {
        loop {
            if self.part.len() >= unit {
                let whole = self.part.len() / unit * unit;
                let rest = self.part.split_off(whole);
                return Ok(Read::Units(std::mem::replace(&mut self.part, rest)));
            }
            self.part.reserve_exact(unit * most - self.part.len());
            match &self.watched {
                Some(watched) => match watched.try_read_buf(&mut self.part) {
                    Ok(0) => {
                        self.watched = None;
                        let cut = self.part.len();
                        self.part.clear();
                        return Ok(Read::Gone { cut });
                    }
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        watched.readable().await?;
                    }
                    Err(error) => return Err(error),
                },
                None => self.look(path).await?,
            }
        }
    }

    /// Looks whether there is a writer, and waits a moment if there is none.
    async fn look(&mut self, path: &Path) -> io::Result<()> {
        let pipe = match self.pipe.take() {
            Some(pipe) => pipe,
            None => open_at(path)?,
        };
        let pipe = self.pipe.insert(pipe);
        match rustix::io::read(&*pipe, spare_capacity(&mut self.part)) {
            Ok(0) | Err(Errno::INTR) => tokio::time::sleep(LOOK).await,
            Ok(_) | Err(Errno::AGAIN) => {
                self.watched = Some(Receiver::from_owned_fd(pipe.try_clone()?)?);
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

/// Opens the FIFO at `path`, which is made if it is missing.
fn open_at(path: &Path) -> io::Result<OwnedFd> {
    make_fifo(path)?;
    let pipe = open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?;
    if let Err(error) = fcntl_setpipe_size(&pipe, PIPE) {
        tracing::debug!(path = %path.display(), %error, "a FIFO stays as it is");
    }
    Ok(pipe)
}
