//! Shots: what a command makes until it ends. A thousand who ask at once cost one command.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use ffleet_types::live::Command;
use tokio::sync::Mutex;

use crate::feed::{self, Given, Shop};
use crate::reader::Bytes as _;
use crate::stream::Stream;

/// The largest shot.
const LARGEST: usize = 32 << 20;

/// The last shot of a stream.
#[derive(Debug, Default)]
pub(crate) struct Shots {
    last: Mutex<Option<Shot>>,
    count: AtomicU64,
    asked: AtomicU64,
    delivered: AtomicU64,
}

#[derive(Clone, Debug)]
struct Shot {
    made: Duration,
    bytes: Result<Bytes, String>,
}

impl Shots {
    /// How many were made.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// How often one was asked for, and the bytes of those that were given.
    pub(crate) fn given(&self) -> (u64, u64) {
        (self.asked.load(Ordering::Relaxed), self.delivered.load(Ordering::Relaxed))
    }

    /// One is asked for.
    pub(crate) fn note_asked(&self) {
        self.asked.fetch_add(1, Ordering::Relaxed);
    }

    /// One of so many bytes is given.
    pub(crate) fn note_given(&self, bytes: usize) {
        self.delivered.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// A shot of `stream` that is not older than its cache says, or was made after it was asked for.
///
/// # Errors
///
/// Why there is none, for people.
pub(crate) async fn shoot(stream: &Stream, shop: &Shop) -> Result<Bytes, String> {
    let asked = shop.clock.monotonic();
    let mut last = stream.shots.last.lock().await;
    let now = shop.clock.monotonic();
    if let Some(shot) = last.as_ref()
        && (shot.made >= asked
            || shot.bytes.is_ok() && now.saturating_sub(shot.made) < stream.spec.cache.0)
    {
        return shot.bytes.clone();
    }
    let command = stream.spec.command.as_ref().ok_or("it has no command")?;
    let limit = stream.spec.timeout.0;
    let made = tokio::time::timeout(limit, make(stream, shop, command)).await;
    let bytes = made.unwrap_or_else(|_late| {
        Err(format!("it took longer than {} s and was ended", limit.as_secs_f64()))
    });
    *last = Some(Shot { made: shop.clock.monotonic(), bytes: bytes.clone() });
    bytes
}

async fn make(stream: &Stream, shop: &Shop, words: &Command) -> Result<Bytes, String> {
    let number = stream.shots.count.fetch_add(1, Ordering::Relaxed) + 1;
    let _hold = stream.feed.as_ref().map(feed::Feed::hold);
    let given = Given {
        words,
        label: &stream.label(),
        number,
        input: stream.feed.as_ref().map(|feed| Arc::clone(&feed.ring)),
        note: None,
    };
    let mut started = feed::start(shop, given).await?;
    let mut output = started.output.take().ok_or("its output is somebody else's")?;
    let mut bytes = BytesMut::new();
    loop {
        bytes.reserve(64 << 10);
        match output.read(&mut bytes).await {
            Ok(0) => break,
            Ok(_) if bytes.len() > LARGEST => {
                return Err(format!("it is larger than {} MiB", LARGEST >> 20));
            }
            Ok(_) => {}
            Err(error) => return Err(format!("it cannot be read: {error}")),
        }
    }
    if bytes.is_empty() {
        let exit = started.child.wait().await;
        let said = exit.stderr_tail.lines().last().unwrap_or_default().trim().to_owned();
        return Err(format!("its command ended with {} and without a byte: {said}", exit.exit));
    }
    Ok(bytes.freeze())
}
