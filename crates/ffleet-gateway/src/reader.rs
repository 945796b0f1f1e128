//! From a producer's bytes to a ring.
//!
//! Bytes are read as late as a flush allows: after a push the reader sleeps until the next one is due, and the
//! pipe fills meanwhile, so that what a stream costs follows from its flushes and not from how its producer
//! writes. A producer that fills a push before that is not kept waiting: its pipe is read on at once, and where it
//! pauses it is looked for again soon, and then ever later. It is not read faster than viewers can be sent to,
//! though: what they would have to skip for want of a CPU is left in the pipe for a flush.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use ffleet_live::join::{Format, Scanner};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::feed::Memo;
use crate::ring::Ring;

/// A push is made when so much has been read, even if a flush is not due: half of a pipe, so that its writer goes on
/// meanwhile. They wait for each other at its lock, so that many small pushes cost more than their copies. (An
/// eighth of a ring that is small: what is pushed at once may be skipped at once.)
const FULL: usize = 512 << 10;
/// A producer that gave so much since the last push is not waited for. A pipe may have no more room than that.
const BUSY: usize = 64 << 10;
/// How far a busy producer is read ahead of those who are sent to, at most.
const AHEAD: u64 = 4 << 20;
/// The first pause after a push that was full, and a half of the next.
const BREATH: Duration = Duration::from_millis(1);
/// What is allocated at once, at least. Pushes share it.
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
    /// Where it is noted what it is, for whoever goes on with it.
    pub(crate) memo: Option<Memo>,
}

/// Reads `from` to its end, into a run of its own.
///
/// # Errors
///
/// If it cannot be read.
pub(crate) async fn read(mut from: impl Bytes, reading: Reading) -> io::Result<u64> {
    let Reading { ring, format, flush, progress, memo } = reading;
    let mut noted = None;
    let mut scanner = Scanner::new(format);
    let mut buffer = BytesMut::new();
    // What the buffer begins with has been scanned up to here, and pushed up to `pushed` of the run.
    let (mut scanned, mut pushed, mut total) = (0, 0_u64, 0_u64);
    let mut pause = flush;
    let full = usize::try_from(ring.limit() / 8).map_or(FULL, |part| part.clamp(BUSY, FULL));
    let mut is_busy = false;
    loop {
        let most = if is_busy { full } else { BUSY };
        let (fresh, is_over) = fill(&mut from, &mut buffer, most).await?;
        is_busy = fresh >= BUSY;
        if total == 0 && fresh > 0 {
            ring.begin_run();
        }
        total += fresh as u64;
        scanner.scan(&buffer[scanned..]);
        if is_over {
            scanner.finish();
        }
        scanned = buffer.len();
        if let (Some(memo), Some(format)) =
            (&memo, scanner.format().filter(|_| noted != scanner.format()))
        {
            noted = Some(format);
            memo.write(format);
        }
        for rewrite in scanner.rewrites() {
            let from = usize::try_from(rewrite.at.saturating_sub(pushed)).unwrap_or(usize::MAX);
            if let Some(place) = buffer.get_mut(from..from.saturating_add(rewrite.bytes.len())) {
                place.copy_from_slice(&rewrite.bytes);
            }
        }
        let whole = usize::try_from(scanner.whole() - pushed).unwrap_or(0).min(scanned);
        let ahead = is_busy.then_some(AHEAD);
        ring.push(buffer.split_to(whole).freeze(), scanner.joins(), ahead);
        (scanned, pushed) = (scanned - whole, pushed + whole as u64);
        progress.send_replace(total);
        if is_over {
            return Ok(total);
        }
        if is_busy {
            pause = BREATH.min(flush);
            ring.drained(flush).await;
        } else {
            tokio::time::sleep_until(Instant::now() + pause).await;
            pause = (pause * 2).min(flush);
        }
    }
}

/// Waits for bytes and takes what there is of them, about `most`: how many, and whether that was the end.
async fn fill(
    from: &mut impl Bytes,
    buffer: &mut BytesMut,
    most: usize,
) -> io::Result<(usize, bool)> {
    reserve(buffer, most);
    let mut read = from.read(buffer).await?;
    let mut fresh = read;
    while read > 0 && fresh < most {
        reserve(buffer, most);
        read = match from.try_read(buffer) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok((fresh, false)),
            Err(error) => return Err(error),
        };
        fresh += read;
    }
    Ok((fresh, read == 0))
}

/// Makes room for half of a push.
fn reserve(buffer: &mut BytesMut, most: usize) {
    if buffer.capacity() - buffer.len() < most / 2 {
        buffer.reserve(BLOCK.max(most * 2));
    }
}
