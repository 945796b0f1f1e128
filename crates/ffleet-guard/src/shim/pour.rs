//! A child's standard output, from the shim to whoever reads it.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::Errno;

use crate::stderr::Said;

/// What is read from a child at once.
const PIECE: usize = 8 << 10;
/// How much is kept for whoever does not read it now.
const UNREAD: usize = 64 << 10;

/// A child's standard output, on its way to whoever reads it. The child never waits for a reader:
/// what is not read is kept up to a bound, and then its oldest lines go.
pub(super) struct Pour {
    source: Option<OwnedFd>,
    sink: Option<OwnedFd>,
    unread: VecDeque<u8>,
    /// Its end, read or not.
    said: Said,
}

impl Pour {
    pub(super) fn new(source: OwnedFd, sink: OwnedFd, said: Said) -> io::Result<Self> {
        fcntl_setfl(&sink, OFlags::NONBLOCK)?;
        Ok(Self { source: Some(source), sink: Some(sink), unread: VecDeque::new(), said })
    }

    /// Goes on into another pipe.
    pub(super) fn turn(&mut self, sink: OwnedFd) {
        self.sink = fcntl_setfl(&sink, OFlags::NONBLOCK).is_ok().then_some(sink);
    }

    pub(super) fn ends(&self) -> (BorrowedFd<'_>, BorrowedFd<'_>) {
        let spare = rustix::stdio::stdin();
        (end_or(self.source.as_ref(), spare), end_or(self.sink.as_ref(), spare))
    }

    pub(super) fn wants_more(&self) -> bool {
        self.source.is_some()
    }

    /// Whether something waits for the reader.
    pub(super) fn is_full(&self) -> bool {
        self.sink.is_some() && !self.unread.is_empty()
    }

    /// Takes what came, and hands on what goes; whether there can be more.
    pub(super) fn pour(&mut self) -> bool {
        let mut piece = [0; PIECE];
        while let Some(fd) = &self.source {
            match rustix::io::read(fd, &mut piece) {
                Err(Errno::AGAIN | Errno::INTR) => break,
                Ok(0) | Err(_) => self.source = None,
                Ok(count) => {
                    self.said.hear(&piece[..count]);
                    self.unread.extend(&piece[..count]);
                    self.hand_on();
                    self.forget();
                }
            }
        }
        self.hand_on();
        self.source.is_some() || (self.sink.is_some() && !self.unread.is_empty())
    }

    fn hand_on(&mut self) {
        while let Some(sink) = &self.sink
            && !self.unread.is_empty()
        {
            let (first, _) = self.unread.as_slices();
            match rustix::io::write(sink, first) {
                Ok(count) => drop(self.unread.drain(..count)),
                Err(Errno::AGAIN | Errno::INTR) => return,
                Err(_) => self.sink = None,
            }
        }
    }

    /// Lets go of the oldest lines beyond the bound.
    fn forget(&mut self) {
        let surplus = self.unread.len().saturating_sub(UNREAD);
        if surplus > 0 {
            let line = self.unread.iter().skip(surplus).position(|&byte| byte == b'\n');
            self.unread.drain(..line.map_or(surplus, |more| surplus + more + 1));
        }
    }
}

fn end_or<'a>(fd: Option<&'a OwnedFd>, spare: BorrowedFd<'a>) -> BorrowedFd<'a> {
    fd.map_or(spare, |fd| fd.as_fd())
}

#[cfg(test)]
mod tests {
    use rustix::pipe::{PipeFlags, pipe_with};

    use super::*;

    fn pipe() -> (OwnedFd, OwnedFd) {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        fcntl_setfl(&read, OFlags::NONBLOCK).unwrap();
        (read, write)
    }

    fn read(fd: &OwnedFd) -> String {
        let mut bytes = vec![0; 1 << 20];
        let count = rustix::io::read(fd, &mut bytes).unwrap_or(0);
        String::from_utf8(bytes[..count].to_vec()).unwrap()
    }

    #[test]
    fn output_that_nobody_reads_is_kept_by_whole_lines_up_to_a_bound() {
        let ((source, child), (reader, sink)) = (pipe(), pipe());
        let mut pour = Pour::new(source, sink, Said::default()).unwrap();
        drop(reader);
        for number in 0..20_000 {
            rustix::io::write(&child, format!("frame={number}\n").as_bytes()).unwrap();
            assert!(pour.pour());
        }
        assert!(pour.unread.len() <= UNREAD);
        let (reader, sink) = pipe();
        pour.turn(sink);
        assert!(pour.pour());
        let said = read(&reader);
        assert!(said.starts_with("frame=") && said.ends_with("frame=19999\n"), "{said:.100}");
    }

    #[test]
    fn output_ends_when_it_was_handed_on() {
        let ((source, child), (reader, sink)) = (pipe(), pipe());
        let mut pour = Pour::new(source, sink, Said::default()).unwrap();
        rustix::io::write(&child, b"progress=end\n").unwrap();
        drop(child);
        assert!(!pour.pour(), "there is no more to come");
        assert_eq!(read(&reader), "progress=end\n");
    }
}
