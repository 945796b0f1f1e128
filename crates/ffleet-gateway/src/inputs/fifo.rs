//! One FIFO that raw media is written into (`fifo(7)`).
//!
//! Its reading end, and how far it was read, outlive us: writers meet no broken pipe when ffleet ends, what they have
//! written waits for the next life, and that goes on in the middle of the frame where this one was.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::time::Duration;

use ffleet_guard::Kept;
use rustix::fs::{Mode, OFlags, open};
use rustix::pipe::fcntl_setpipe_size;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::keeping::{Keeping, is_same};
use super::tray::Tray;
use crate::feed::make_fifo;

/// How often it is looked whether a writer has come: an end that nobody writes to is always readable.
const LOOK: Duration = Duration::from_millis(20);
/// What the pipe should hold.
const PIPE: usize = 1 << 20;

/// Where it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) path: &'a Path,
    pub(super) keeping: &'a Keeping,
    /// The track that comes by it.
    pub(super) track: &'a str,
}

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
pub(super) struct Fifo(Option<Open>);

#[derive(Debug)]
struct Open {
    pipe: OwnedFd,
    /// The same, registered with the runtime since the present writer came: a registration that has seen an end says
    /// for ever that it is one.
    watched: Option<AsyncFd<OwnedFd>>,
    tray: Tray,
    /// After how many more bytes writers had gone while nobody read.
    ends: VecDeque<u64>,
    _kept: [Option<Kept>; 2],
}

impl Fifo {
    /// Reads whole units, `most` of them at most. May be dropped at any time without a loss.
    pub(super) async fn read(
        &mut self,
        place: &Place<'_>,
        unit: usize,
        most: usize,
    ) -> io::Result<Read> {
        let open = match self.0.take() {
            Some(open) => open,
            None => Open::at(place, unit).await?,
        };
        self.0.insert(open).read(unit, unit * most).await
    }
}

impl Open {
    /// Opens it, which is made if it is missing, and goes on where an earlier life was.
    async fn at(place: &Place<'_>, unit: usize) -> io::Result<Self> {
        let Place { path, keeping, track } = *place;
        let pipe = open_at(path)?;
        let (fifo, page) = (format!("{track}.fifo"), format!("{track}.{unit}.tray"));
        let left = keeping.take(&fifo).filter(|left| is_same(left.fd(), &pipe));
        if let Some(left) = left {
            if let Some(rest) = keeping.take(&page) {
                let tray = Tray::of(rest.fd().try_clone()?)?;
                // Who had gone behind whole frames has left nothing to cut.
                let is_cut = |&&end: &&u64| end > 0 || tray.filled() > 0;
                let ends = left.ends().iter().filter(is_cut).copied().collect();
                tracing::info!(path = %path.display(), cut = tray.filled(), "a FIFO of an earlier life is read on");
                return Ok(Self {
                    pipe,
                    watched: None,
                    tray,
                    ends,
                    _kept: [Some(left), Some(rest)],
                });
            }
            tracing::warn!(
                path = %path.display(),
                "its frames have another size than before ffleet was started anew: a writer that was there has to be, too"
            );
        }
        let tray = Tray::new()?;
        let kept = [
            keeping.keep(&page, tray.as_fd().try_clone_to_owned()?, false).await,
            keeping.keep(&fifo, pipe.try_clone()?, true).await,
        ];
        Ok(Self { pipe, watched: None, tray, ends: VecDeque::new(), _kept: kept })
    }

    async fn read(&mut self, unit: usize, most: usize) -> io::Result<Read> {
        loop {
            if self.tray.filled() >= unit {
                return Ok(Read::Units(self.tray.units(unit)?));
            }
            let end = self.ends.front().copied();
            if end == Some(0) {
                self.ends.pop_front();
                return self.gone();
            }
            let room = end.map_or(usize::MAX, |end| usize::try_from(end).unwrap_or(usize::MAX));
            let room = room.min(most - self.tray.filled());
            match &self.watched {
                Some(watched) => {
                    let tray = &mut self.tray;
                    match watched.try_io(Interest::READABLE, |pipe| tray.fill(pipe, room)) {
                        Ok(0) => {
                            self.ends.clear();
                            return self.gone();
                        }
                        Ok(came) => self.came(came),
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                            watched.readable().await?.retain_ready();
                        }
                        Err(error) => return Err(error),
                    }
                }
                None => self.look(room).await?,
            }
        }
    }

    /// So many bytes have come.
    fn came(&mut self, bytes: usize) {
        for end in &mut self.ends {
            *end = end.saturating_sub(bytes as u64);
        }
    }

    fn gone(&mut self) -> io::Result<Read> {
        if self.ends.is_empty() {
            self.watched = None;
        }
        Ok(Read::Gone { cut: self.tray.clear()? })
    }

    /// Looks whether there is a writer, and waits a moment if there is none.
    async fn look(&mut self, room: usize) -> io::Result<()> {
        match self.tray.fill(&self.pipe, room) {
            Ok(0) => {
                // What was in it has been read.
                self.ends.clear();
                tokio::time::sleep(LOOK).await;
            }
            Ok(came) => {
                self.came(came);
                self.watched = Some(watch(&self.pipe)?);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.watched = Some(watch(&self.pipe)?);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

fn watch(pipe: &OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    ffleet_guard::readable(pipe.try_clone()?)
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
