//! One viewer: its socket, its place in the ring, and what is still to be sent of the last it took.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use ffleet_types::live::stream::Slow;

use crate::account::Open;
use crate::feed::Hold;
use crate::ring::{Place, Ring, Take};

/// Pieces that are sent by one system call.
const PIECES: usize = 32;
/// What one viewer is sent when it has just come: its first bytes shall not wait until those who came before
/// it have all that is kept for them.
const FIRST: usize = 32 << 10;
/// What one viewer is sent of a push before it is the next one's turn: a push, and some of what it is behind.
const SHARE: usize = 96 << 10;
/// The same of those who are behind, when there is nothing else to do.
const MORE: usize = 256 << 10;
/// What a viewer may say after its request. Nothing of it is heard.
const CHATTER: usize = 64 << 10;

/// After what time a socket that takes nothing is not waited for.
const PATIENCE: Duration = Duration::from_millis(30);

/// A viewer as it comes.
#[derive(Debug)]
pub(crate) struct Newcomer {
    /// Its connection, whose request has been read.
    pub(crate) socket: TcpStream,
    /// What it watches.
    pub(crate) ring: Arc<Ring>,
    /// Where it is in there.
    pub(crate) place: Place,
    /// What it is sent first.
    pub(crate) prelude: Bytes,
    /// Its account.
    pub(crate) account: Open,
    /// What becomes of it when it falls behind, and after what time.
    pub(crate) slow: (Slow, Option<Duration>),
    /// What it holds as long as it is there.
    pub(crate) hold: Hold,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Viewer {
    pub(super) socket: TcpStream,
    pub(super) ring: Arc<Ring>,
    place: Place,
    pending: VecDeque<Bytes>,
    account: Open,
    slow: (Slow, Option<Duration>),
    /// Since when its socket takes nothing.
    blocked: Option<Duration>,
    delivered: u64,
    said: usize,
    /// Whether it stands in the queue of those who are to be sent more.
    pub(super) is_queued: bool,
    _hold: Hold,
}

/// How a viewer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It has all there is, or its socket is full.
    Waits,
    /// It could be sent more, but others come first.
    Hungry,
    /// It is to be let go.
    Gone,
}

impl Viewer {
    pub(super) fn new(newcomer: Newcomer) -> Self {
        let Newcomer { socket, ring, place, prelude, account, slow, hold } = newcomer;
        Self {
            socket,
            ring,
            place,
            pending: VecDeque::from([prelude]),
            account,
            slow,
            blocked: None,
            delivered: 0,
            said: 0,
            is_queued: false,
            _hold: hold,
        }
    }

    pub(super) const fn is_blocked(&self) -> bool {
        self.blocked.is_some()
    }

    /// Whether a producer that waits for it to have everything up to `until` need not wait any more: it has
    /// that, or has taken nothing for a while.
    pub(super) fn is_content(&self, until: u64, now: Duration) -> bool {
        let is_stuck = |since| now.saturating_sub(since) >= PATIENCE;
        self.pending.is_empty() && self.place.has_reached(until)
            || self.blocked.is_some_and(is_stuck)
    }

    /// Its socket takes bytes again.
    pub(super) const fn unblock(&mut self) {
        self.blocked = None;
    }

    /// Sends what there is, up to a share.
    pub(super) fn serve(&mut self, now: Duration) -> Standing {
        self.send_share(SHARE, now)
    }

    /// Sends more of what there is.
    pub(super) fn help(&mut self, now: Duration) -> Standing {
        self.send_share(MORE, now)
    }

    /// Sends the first of what there is.
    pub(super) fn greet(&mut self, now: Duration) -> Standing {
        self.send_share(FIRST, now)
    }

    fn send_share(&mut self, share: usize, now: Duration) -> Standing {
        let mut sent = 0;
        let standing = loop {
            if self.pending.is_empty() {
                match self.ring.take(&mut self.place) {
                    Take::Wait => break Standing::Waits,
                    Take::End => break Standing::Gone,
                    Take::Bytes { fell: true, .. } if self.slow.0 == Slow::Cut => {
                        self.account.of().note_cut();
                        break Standing::Gone;
                    }
                    Take::Bytes { bytes, .. } => self.pending.extend(bytes),
                }
            }
            if sent >= share {
                break Standing::Hungry;
            }
            match self.send(share - sent) {
                Ok(0) => break Standing::Gone,
                Ok(count) => sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.blocked.get_or_insert(now);
                    break Standing::Waits;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_gone) => break Standing::Gone,
            }
        };
        self.delivered += sent as u64;
        self.account.note(self.delivered, self.place.skips(), 0);
        standing
    }

    /// Sends at most `most` bytes, by one system call.
    fn send(&mut self, mut most: usize) -> io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); PIECES];
        let mut count = 0;
        for (slice, bytes) in slices.iter_mut().zip(&self.pending) {
            *slice = IoSlice::new(&bytes[..bytes.len().min(most)]);
            most -= slice.len();
            count += 1;
            if most == 0 {
                break;
            }
        }
        let sent = if count == 1 {
            self.socket.write(&slices[0])?
        } else {
            self.socket.write_vectored(&slices[..count])?
        };
        let mut left = sent;
        while let Some(front) = self.pending.front_mut() {
            if front.len() > left {
                front.advance(left);
                break;
            }
            left -= front.len();
            self.pending.pop_front();
        }
        Ok(sent)
    }

    /// Reads away what it says. Whether it is still there.
    pub(super) fn hear(&mut self) -> bool {
        let mut ear = [0; 4_096];
        loop {
            match self.socket.read(&mut ear) {
                Ok(0) => return false,
                Ok(count) => {
                    self.said += count;
                    if self.said > CHATTER {
                        return false;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_gone) => return false,
            }
        }
    }

    /// Whether it may stay: its stream is still there, and its socket has not been full for too long.
    pub(super) fn look(&self, now: Duration) -> bool {
        if self.account.of().is_closed() {
            return false;
        }
        let Some(since) = self.blocked else {
            return true;
        };
        self.account
            .note(self.delivered, self.place.skips(), self.ring.lag(&self.place));
        let stays = self.slow.1.is_none_or(|after| now.saturating_sub(since) < after);
        if !stays {
            self.account.of().note_cut();
        }
        stays
    }
}
