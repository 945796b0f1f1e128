//! The keeper's own side: a shim without a child, which holds descriptors for whoever comes next.
//!
//! It reads nothing of what it holds. What it looks at, while nobody is on the line, is whether the writers of a FIFO have
//! gone: another one may come before somebody reads again, and where its bytes begin could not be told any more.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::ioctl_fionread;
use serde::{Deserialize, Serialize};

use super::hold::now;
use super::wire::{self, Keep};
use super::{Place, line, nursery};
use crate::launch::carry;
use crate::timespec;

/// Between two looks at a FIFO that nobody writes to.
const LOOK: Duration = Duration::from_millis(20);
/// Changes of writers that are told apart, of one FIFO.
const MOST_ENDS: usize = 1_000;

/// What is wanted of a keeper.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Ask {
    /// To hold the descriptor beside it under this name, in the place of what has that; and to look whether it is a
    /// FIFO that nobody writes to any more.
    Hold { name: String, is_watched: bool },
    /// To close what is held under this name.
    Release(String),
    /// To say what is held.
    Attach,
    /// To hand over what is held under this name, and to hold it still.
    Fetch(String),
    /// To close everything, and to go.
    Farewell,
}

/// What a keeper says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    /// Names of what is held.
    Attached(Vec<String>),
    /// What was asked for lies beside it, if it is held; and after how many bytes the writers of it had gone, one after
    /// another, since nobody was on the line.
    Fetched(Vec<u64>),
}

struct Item {
    fd: OwnedFd,
    is_watched: bool,
    /// Nobody writes to it.
    is_gone: bool,
    ends: Vec<u64>,
}

struct Keeper {
    line: Option<OwnedFd>,
    listener: OwnedFd,
    place: Place,
    grace: Option<Duration>,
    /// Since when nobody is on the line.
    alone_since: Duration,
    held: BTreeMap<String, Item>,
}

/// Holds what comes by `line` until it is told to go, or nobody comes back.
pub(super) fn watch(line: OwnedFd, keep: Keep) -> io::Result<()> {
    carry(nursery::ROOM, &keep.marks)?;
    let listener = line::listen(&keep.place)?;
    line::non_blocking(line.as_fd())?;
    let mut keeper = Keeper {
        line: Some(line),
        listener,
        place: keep.place,
        grace: keep.orphan_grace.map(Duration::from_millis),
        alone_since: now(),
        held: BTreeMap::new(),
    };
    while !keeper.is_over() {
        if keeper.turn() {
            break;
        }
    }
    // What is left of it is removed at the node's next start.
    let _or_stays = keeper.place.clear();
    Ok(())
}

impl Keeper {
    fn alone(&self) -> Option<Duration> {
        self.line.is_none().then(|| now().saturating_sub(self.alone_since))
    }

    fn is_over(&self) -> bool {
        matches!((self.alone(), self.grace), (Some(alone), Some(grace)) if alone >= grace)
    }

    /// How long to wait for something to happen.
    fn pause(&self) -> Option<Duration> {
        let alone = self.alone()?;
        let left = self.grace.map(|grace| grace.saturating_sub(alone));
        let look = self.held.values().any(|item| item.is_gone).then_some(LOOK);
        left.into_iter().chain(look).min()
    }

    /// Waits for the next thing to happen and does what is to be done; whether that is to go.
    fn turn(&mut self) -> bool {
        let none = self.listener.as_fd();
        let is_alone = self.line.is_none();
        let line = self.line.as_ref().map_or(none, |line| line.as_fd());
        let heard = if is_alone { PollFlags::empty() } else { PollFlags::IN };
        let mut all = vec![
            PollFd::new(&self.listener, PollFlags::IN),
            PollFd::from_borrowed_fd(line, heard),
        ];
        if is_alone {
            // An end that nobody writes to says so whatever is asked.
            let watched = self.held.values().filter(|item| item.is_watched && !item.is_gone);
            all.extend(watched.map(|item| PollFd::new(&item.fd, PollFlags::empty())));
        }
        let span = self.pause().map(timespec);
        if poll(&mut all, span.as_ref()).is_err() {
            return false;
        }
        let (calls, says) = (!all[0].revents().is_empty(), !all[1].revents().is_empty());
        drop(all);
        if is_alone {
            self.held.values_mut().for_each(Item::look);
        }
        if calls && let Ok(line) = line::accept(&self.listener) {
            self.line = Some(line);
        }
        !is_alone && says && self.obey()
    }

    /// Does what is wanted; whether that is to go.
    fn obey(&mut self) -> bool {
        let Some(line) = &self.line else { return false };
        let (ask, mut fds) = match wire::receive::<Ask>(line.as_fd()) {
            Ok(Some(asked)) => asked,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
            Ok(None) | Err(_) => {
                self.line = None;
                self.alone_since = now();
                return false;
            }
        };
        let said = match ask {
            Ask::Hold { name, is_watched } => {
                if let Some(fd) = fds.pop() {
                    let item = Item { fd, is_watched, is_gone: false, ends: Vec::new() };
                    self.held.insert(name, item);
                }
                return false;
            }
            Ask::Release(name) => {
                self.held.remove(&name);
                return false;
            }
            Ask::Farewell => return true,
            Ask::Attach => {
                let names = self.held.keys().cloned().collect();
                wire::send(line.as_fd(), &Answer::Attached(names), &[])
            }
            Ask::Fetch(name) => {
                let item = self.held.get_mut(&name);
                let ends = item.map(|item| std::mem::take(&mut item.ends)).unwrap_or_default();
                let item = self.held.get(&name);
                let beside: Vec<_> = item.iter().map(|item| item.fd.as_fd()).collect();
                wire::send(line.as_fd(), &Answer::Fetched(ends), &beside)
            }
        };
        if said.is_err() {
            self.line = None;
            self.alone_since = now();
        }
        false
    }
}

impl Item {
    /// Looks whether its writers have gone, or another one has come since.
    fn look(&mut self) {
        if !self.is_watched {
            return;
        }
        let mut state = [PollFd::new(&self.fd, PollFlags::empty())];
        let is_known = poll(&mut state, Some(&timespec(Duration::ZERO))).is_ok();
        let is_gone = is_known && state[0].revents().contains(PollFlags::HUP);
        let waiting = ioctl_fionread(&self.fd).unwrap_or(0);
        // One that came, wrote and went between two looks.
        let is_another = self.ends.last().is_none_or(|&last| last < waiting);
        if is_gone && is_another && self.ends.len() < MOST_ENDS {
            self.ends.push(waiting);
        }
        self.is_gone = is_gone;
    }
}

#[cfg(test)]
mod tests {
    use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat, open};

    use super::*;

    fn fifo() -> (tempfile::TempDir, Item) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fifo");
        mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = open(&path, flags, Mode::empty()).unwrap();
        (dir, Item { fd, is_watched: true, is_gone: false, ends: Vec::new() })
    }

    #[test]
    fn it_is_known_where_the_bytes_of_another_writer_begin() {
        let (dir, mut item) = fifo();
        item.look();
        assert!(!item.is_gone && item.ends.is_empty(), "nobody has come yet");
        let writer = || open(dir.path().join("fifo"), OFlags::WRONLY, Mode::empty()).unwrap();
        let first = writer();
        rustix::io::write(&first, b"12345").unwrap();
        item.look();
        assert!(!item.is_gone && item.ends.is_empty());
        drop(first);
        item.look();
        item.look();
        assert_eq!((item.is_gone, &*item.ends), (true, &[5][..]), "once");
        let second = writer();
        rustix::io::write(&second, b"678").unwrap();
        item.look();
        assert!(!item.is_gone);
        drop(second);
        item.look();
        assert_eq!(item.ends, [5, 8]);
        drop(writer());
        rustix::io::write(writer(), b"9").unwrap();
        item.look();
        assert_eq!(item.ends, [5, 8, 9], "one that was not seen to come");
    }
}
