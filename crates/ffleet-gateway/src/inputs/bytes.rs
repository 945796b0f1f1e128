//! One track as bytes, without anything between frames.

use std::path::Path;
use std::time::Duration;

use ::bytes::BytesMut;

use super::desk::Desk;
use super::fifo::{Place, Read};
use super::{Lane, framed};
use crate::feed::Ended;
use crate::reader::Bytes as From;

/// A writer of coded pictures that gives nothing for so long has paused behind one. Who is only slow within a picture
/// must not be taken for that: its rest would be left out. Who cannot wait frames its units.
const PAUSE: Duration = Duration::from_millis(500);

impl Lane {
    /// After how long its writer has paused; nothing where no picture waits for that.
    fn pause(&self) -> Option<Duration> {
        let coded = self.coded.as_ref()?;
        let stream = coded.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        stream.has_begun().then_some(PAUSE)
    }
}

/// What `work` gives, or nothing where it takes so long.
async fn within<T>(pause: Option<Duration>, work: impl Future<Output = T>) -> Option<T> {
    match pause {
        Some(pause) => tokio::time::timeout(pause, work).await.ok(),
        None => Some(work.await),
    }
}

impl<'a> Desk<'a> {
    /// Reads the FIFO of a track, until nobody writes any track.
    pub(super) async fn fifo(self, lane: &'a Lane, path: &Path) -> Ended {
        let mut source = lane.source.lock().await;
        lane.taken().await;
        loop {
            let place = Place { path, keeping: &self.hub.keeping, track: lane.kind.name() };
            let read = source.read(&place, lane.unit, lane.most);
            match within(lane.pause(), read).await {
                None => self.flush(lane).await,
                Some(Ok(Read::Units(bytes))) => {
                    // One that was there in the run before goes on.
                    lane.claim();
                    self.take(lane, bytes.into()).await;
                }
                Some(Ok(Read::Gone { cut })) => {
                    if lane.is_written() {
                        let mut claim = self.claimed(lane);
                        claim.cut = cut;
                        self.end(claim).await;
                    }
                    if self.is_over() {
                        return Self::over(Ok(()));
                    }
                }
                Some(Err(error)) => return Ended::failed(format!("{}: {error}", path.display())),
            }
        }
    }

    /// Reads the bytes of one track to their end.
    ///
    /// # Errors
    ///
    /// If somebody else writes it, or they cannot be read.
    pub(super) async fn bytes(&self, lane: &'a Lane, mut from: impl From) -> Result<(), String> {
        let mut claim = self.claim(lane).ok_or_else(|| framed::taken(lane))?;
        let mut buffer = BytesMut::new();
        let piece = lane.unit * lane.most;
        let ended = loop {
            while buffer.len() >= lane.unit {
                let whole = (buffer.len() / lane.unit * lane.unit).min(piece);
                self.take(lane, buffer.split_to(whole).freeze()).await;
            }
            claim.cut = buffer.len();
            match within(lane.pause(), from.read(&mut buffer)).await {
                None => self.flush(lane).await,
                Some(Ok(0)) => break Ok(()),
                Some(Ok(_)) => {}
                Some(Err(error)) => break Err(format!("it cannot be read: {error}")),
            }
        };
        self.end(claim).await;
        ended
    }
}
