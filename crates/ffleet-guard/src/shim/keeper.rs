//! The keeper from the guard's side: descriptors that outlive us, and those that an earlier life left.
//!
//! Nothing that is said to it is waited for. What we have sent it gets in any case, with the descriptors beside it, also if
//! we die before it looks.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};

use super::keep::{Answer, Ask};
use super::nursery::Nursery;
use super::wire::{self, Keep};
use super::{Line, Place, line};
use crate::launch::Stack;
use crate::spawner::Spawner;

/// What a keeper's socket is called.
const NAME: &str = "keeper";
/// How long a keeper that does not listen may hold us up.
const FULL: Duration = Duration::from_secs(1);

/// See the module. It is started when there is something to keep.
#[derive(Debug)]
pub(crate) struct Keeper {
    dir: PathBuf,
    grace: Option<Duration>,
    nursery: Arc<Nursery>,
    spawner: Spawner,
    /// The mark of its node.
    mark: Vec<u8>,
    state: Mutex<State>,
    /// One is started at a time.
    starting: tokio::sync::Mutex<()>,
}

/// What an earlier life left.
#[derive(Debug, Default)]
pub(crate) struct Found {
    line: Option<OwnedFd>,
    left: BTreeMap<String, (OwnedFd, Vec<u64>)>,
    /// What the process is called, if there is one.
    pub(crate) key: Option<String>,
}

#[derive(Debug, Default)]
struct State {
    line: Option<OwnedFd>,
    /// What is kept in this life.
    kept: BTreeMap<String, Item>,
    /// What an earlier life left that nobody has asked for yet.
    left: BTreeMap<String, (OwnedFd, Vec<u64>)>,
    /// It is let go of, with everything: whether it goes on.
    parted: Option<bool>,
}

#[derive(Clone, Debug)]
struct Item {
    fd: Arc<OwnedFd>,
    is_watched: bool,
}

/// A descriptor that outlives us, until this is dropped or [let go of](crate::Node::leave_kept).
#[derive(Debug)]
pub struct Kept {
    keeper: Arc<Keeper>,
    name: String,
    fd: Arc<OwnedFd>,
    ends: Vec<u64>,
}

impl Kept {
    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The descriptor. Whatever else there is of it is the same open file.
    #[must_use]
    pub fn fd(&self) -> &OwnedFd {
        &self.fd
    }

    /// Of a FIFO that was watched: after how many bytes of what is in it writers had gone, one after another, while
    /// nobody guarded it. Ascending.
    #[must_use]
    pub fn ends(&self) -> &[u64] {
        &self.ends
    }

    /// Whether it goes on without us: what it belongs to is not to be cleared away.
    #[must_use]
    pub fn is_left(&self) -> bool {
        self.keeper.lock().parted == Some(true)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.keeper.release(&self.name, &self.fd);
    }
}

/// Finds what an earlier life left in `dir`. Blocks.
pub(crate) fn find(dir: &Path) -> Found {
    let mut found = Found::default();
    for name in fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name())
    {
        let Some(place) = name.to_str().and_then(|name| Place::of(dir, name)) else {
            line::remove(&dir.join(name));
            continue;
        };
        match attach(&place) {
            // There is one, unless it stood still when another was started in its place.
            Ok((line, _)) if found.line.is_some() => {
                let _or_gone = wire::send(line.as_fd(), &Ask::Farewell, &[]);
            }
            Ok((line, left)) => {
                found = Found { line: Some(line), left, key: Some(place.key().to_owned()) };
            }
            Err(error) => {
                tracing::debug!(?place, %error, "a keeper is gone");
                let _or_gone = place.clear();
            }
        }
    }
    found
}

/// The line to the keeper at `place`, and what it holds.
type Attached = (OwnedFd, BTreeMap<String, (OwnedFd, Vec<u64>)>);

fn attach(place: &Place) -> io::Result<Attached> {
    let line = line::call(place)?;
    set_socket_timeout(&line, Timeout::Send, Some(FULL))?;
    let Answer::Attached(names) = asked(&line, &Ask::Attach)?.0 else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let mut left = BTreeMap::new();
    for name in names {
        if let (Answer::Fetched(ends), mut fds) = asked(&line, &Ask::Fetch(name.clone()))?
            && let Some(fd) = fds.pop()
        {
            left.insert(name, (fd, ends));
        }
    }
    Ok((line, left))
}

fn asked(line: &OwnedFd, ask: &Ask) -> io::Result<(Answer, Vec<OwnedFd>)> {
    wire::send(line.as_fd(), ask, &[])?;
    line::answered(line.as_fd())?;
    wire::receive::<Answer>(line.as_fd())?.ok_or_else(|| io::ErrorKind::ConnectionReset.into())
}

impl Keeper {
    pub(crate) fn new(
        (dir, mark): (PathBuf, Vec<u8>),
        grace: Option<Duration>,
        (nursery, spawner): (Arc<Nursery>, Spawner),
        found: Found,
    ) -> Arc<Self> {
        let Found { line, left, .. } = found;
        let state = Mutex::new(State { line, left, ..State::default() });
        let starting = tokio::sync::Mutex::default();
        Arc::new(Self { dir, grace, nursery, spawner, mark, state, starting })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps `fd` under `name`, in the place of what had it.
    pub(crate) async fn keep(
        self: &Arc<Self>,
        name: &str,
        fd: OwnedFd,
        is_watched: bool,
    ) -> io::Result<Kept> {
        let item = Item { fd: Arc::new(fd), is_watched };
        let kept = Kept {
            keeper: Arc::clone(self),
            name: name.to_owned(),
            fd: Arc::clone(&item.fd),
            ends: Vec::new(),
        };
        let _one = self.starting.lock().await;
        {
            let mut state = self.lock();
            state.kept.insert(name.to_owned(), item.clone());
            if state.parted.is_some()
                || state.line.as_ref().is_some_and(|line| hold(line, name, &item))
            {
                return Ok(kept);
            }
        }
        let line = self.start().await?;
        let mut state = self.lock();
        // With it whatever another one was told before that is gone.
        let all = state.kept.iter().all(|(name, item)| hold(&line, name, item));
        state.line = Some(line);
        match all {
            true => Ok(kept),
            false => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Starts one, and waits until it answers.
    async fn start(&self) -> io::Result<OwnedFd> {
        let place = Place::new(&self.dir, NAME);
        let mut child = format!("{}=", crate::process::CHILD).into_bytes();
        child.extend_from_slice(place.key().as_bytes());
        let keep = Keep {
            marks: vec![self.mark.clone(), child],
            place,
            orphan_grace: self
                .grace
                .map(|grace| u64::try_from(grace.as_millis()).unwrap_or(u64::MAX)),
        };
        let nursery = Arc::clone(&self.nursery);
        let started = self.spawner.run(move |stack| begin(&nursery, &keep, stack)).await;
        started.map_err(io::Error::other)?
    }

    /// What an earlier life left whose names begin with `prefix`.
    pub(crate) fn left(self: &Arc<Self>, prefix: &str) -> Vec<Kept> {
        let mut state = self.lock();
        let (ours, others) = std::mem::take(&mut state.left)
            .into_iter()
            .partition(|(name, _)| name.starts_with(prefix));
        state.left = others;
        let ours: BTreeMap<String, (OwnedFd, Vec<u64>)> = ours;
        let kept = ours.into_iter().map(|(name, (fd, ends))| {
            let fd = Arc::new(fd);
            // Whether it is watched the keeper knows; another keeper would have to be told.
            let is_watched = !ends.is_empty() || rustix::io::ioctl_fionread(&*fd).is_ok();
            let item = Item { fd: Arc::clone(&fd), is_watched };
            state.kept.insert(name.clone(), item);
            Kept { keeper: Arc::clone(self), name, fd, ends }
        });
        kept.collect()
    }

    fn release(&self, name: &str, fd: &Arc<OwnedFd>) {
        let mut state = self.lock();
        if !state.kept.get(name).is_some_and(|item| Arc::ptr_eq(&item.fd, fd)) {
            return;
        }
        state.kept.remove(name);
        if state.parted.is_some() {
            return;
        }
        let is_last = state.kept.is_empty() && state.left.is_empty();
        let ask = if is_last {
            Ask::Farewell
        } else {
            Ask::Release(name.to_owned())
        };
        if let Some(line) = &state.line {
            // One that is gone holds nothing.
            let _or_gone = wire::send(line.as_fd(), &ask, &[]);
        }
        if is_last {
            state.line = None;
        }
    }

    /// Lets go of the keeper, which goes on with what it holds as it would if we died; or ends it, with all that.
    pub(crate) fn part(&self, goes_on: bool) {
        let mut state = self.lock();
        state.parted.get_or_insert(goes_on);
        if let Some(line) = state.line.take()
            && !goes_on
        {
            let _or_gone = wire::send(line.as_fd(), &Ask::Farewell, &[]);
        }
    }
}

/// Has the keeper at the other end of `line` hold something; whether it could be told.
fn hold(line: &OwnedFd, name: &str, item: &Item) -> bool {
    let ask = Ask::Hold { name: name.to_owned(), is_watched: item.is_watched };
    wire::send(line.as_fd(), &ask, &[item.fd.as_fd()]).is_ok()
}

fn begin(nursery: &Nursery, keep: &Keep, stack: &mut Stack) -> io::Result<OwnedFd> {
    let (line, theirs) = Line::pair()?;
    nursery.bear(theirs.as_fd(), stack)?;
    drop(theirs);
    set_socket_timeout(&line, Timeout::Send, Some(FULL))?;
    wire::send(line.as_fd(), &Some(keep), &[])?;
    match asked(&line, &Ask::Attach)? {
        (Answer::Attached(_), _) => Ok(line),
        (Answer::Fetched(_), _) => Err(io::ErrorKind::InvalidData.into()),
    }
}
