//! From a producer's bytes to a ring.
//!
//! Bytes are read as late as a flush allows: after a push the reader sleeps until the next one is due, and the
//! pipe fills meanwhile, so that what a stream costs follows from its flushes and not from how its producer
//! writes. A producer that fills a push before that is not kept waiting: its pipe is read on at once.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use ffleet_live::join::{Format, Scanner};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::ring::Ring;

/// A push is made when so much has been read, even if a flush is not due.
const FULL: usize = 64 << 10;
/// What is allocated at once. Pushes share it.
const BLOCK: usize = 256 << 10;

/// Where bytes come from.
pub(crate) trait Bytes: Send {
    /// Reads more behind what is in `into`; 0 is the end. May be dropped at any time without a loss.
    fn read(&mut self, into: &mut BytesMut) -> impl Future<Output = io::Result<usize>> + Send;
    /// Reads what is there without waiting; nothing is `WouldBlock`.
    fn try_read(&mut self, into: &mut BytesMut) -> io::Result<usize>;
}

impl Bytes for tokio::net::unix::pipe::Receiver {
    async fn read(&mut self, into: &mut BytesMut) -> io::Result<usize> {
        loop {
            self.readable().await?;
            match self.try_read_buf(into) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
        }
    }

    fn try_read(&mut self, into: &mut BytesMut) -> io::Result<usize> {
        self.try_read_buf(into)
    }
}

/// How a producer is read.
#[derive(Debug)]
pub(crate) struct Reading {
    /// Where it goes.
    pub(crate) ring: Arc<Ring>,
    /// What it is said to be.
    pub(crate) format: Option<Format>,
    /// The longest time between two pushes while there is something.
    pub(crate) flush: Duration,
    /// How much was read, for whoever watches.
    pub(crate) progress: watch::Sender<u64>,
}

/// Reads `from` to its end, into a run of its own.
///
/// # Errors
///
/// If it cannot be read.
pub(crate) async fn read(mut from: impl Bytes, reading: Reading) -> io::Result<u64> {
    let Reading { ring, format, flush, progress } = reading;
    let mut scanner = Scanner::new(format);
    let mut buffer = BytesMut::new();
    // What the buffer begins with has been scanned up to here, and pushed up to `pushed` of the run.
    let (mut scanned, mut pushed, mut total) = (0, 0_u64, 0_u64);
    let mut is_first = true;
    loop {
        reserve(&mut buffer);
        let mut read = from.read(&mut buffer).await?;
        if is_first && read > 0 {
            ring.begin_run();
            is_first = false;
        }
        let mut fresh = read;
        while read > 0 && fresh < FULL {
            reserve(&mut buffer);
            read = match from.try_read(&mut buffer) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            };
            fresh += read;
        }
        total += fresh as u64;
        scanner.scan(&buffer[scanned..]);
        if read == 0 {
            scanner.finish();
        }
        scanned = buffer.len();
        for rewrite in scanner.rewrites() {
            let from = usize::try_from(rewrite.at.saturating_sub(pushed)).unwrap_or(usize::MAX);
            if let Some(place) = buffer.get_mut(from..from.saturating_add(rewrite.bytes.len())) {
                place.copy_from_slice(&rewrite.bytes);
            }
        }
        let whole = usize::try_from(scanner.whole() - pushed).unwrap_or(0).min(scanned);
        ring.push(buffer.split_to(whole).freeze(), scanner.joins());
        (scanned, pushed) = (scanned - whole, pushed + whole as u64);
        progress.send_replace(total);
        if read == 0 {
            return Ok(total);
        }
        if fresh < FULL {
            tokio::time::sleep_until(Instant::now() + flush).await;
        }
    }
}

fn reserve(buffer: &mut BytesMut) {
    if buffer.capacity() - buffer.len() < FULL / 2 {
        buffer.reserve(BLOCK);
    }
}
