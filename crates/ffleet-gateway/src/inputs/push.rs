//! Tracks that are in bodies of requests.

use super::desk::Desk;
use super::{Kind, Reading};
use crate::feed::{Dock, Ended};

/// Where bodies meet the feed.
#[derive(Debug, Default)]
pub(super) struct Docks {
    framed: Dock,
    video: Dock,
    audio: Dock,
}

impl Docks {
    /// Where those meet it that hold frames of all tracks, or the bytes of one.
    pub(super) const fn of(&self, kind: Option<Kind>) -> &Dock {
        match kind {
            None => &self.framed,
            Some(Kind::Video) => &self.video,
            Some(Kind::Audio) => &self.audio,
        }
    }
}

impl<'a> Desk<'a> {
    /// What reads the bodies of all kinds.
    pub(super) fn pushes(self) -> impl Iterator<Item = Reading<'a>> {
        let kinds = [None, Some(Kind::Video), Some(Kind::Audio)];
        kinds
            .into_iter()
            .map(move |kind| Box::pin(self.bodies(kind)) as Reading<'a>)
    }

    /// Reads bodies, one after another, until nobody writes any track.
    async fn bodies(self, kind: Option<Kind>) -> Ended {
        let dock = self.hub.docks.of(kind);
        self.taken().await;
        loop {
            let Some((body, done)) = dock.arrival().await else {
                return Ended::failed("nobody can push to it any more");
            };
            let read = match kind.and_then(|kind| self.hub.lane(kind)) {
                Some(lane) => self.bytes(lane, body).await,
                None => self.connected(body).await,
            };
            // Who pushed may be gone.
            let _unheard = done.send(read.clone());
            if self.is_over() {
                return Self::over(read);
            }
        }
    }
}
