//! How a stream was in the last minutes: a look at it every few seconds, kept in memory.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use ffleet_api::Moment;
use ffleet_api::live::Look;
use ffleet_types::Timestamp;

use crate::gateway::Inner;
use crate::stream::Stream;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(5);
/// Looks that are kept: ten minutes.
const KEPT: usize = 120;

/// The looks at one stream, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Trail(Mutex<VecDeque<Look>>);

impl Trail {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Look>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn looks(&self) -> Vec<Look> {
        self.lock().iter().cloned().collect()
    }

    fn note(&self, look: Look) {
        let mut looks = self.lock();
        if looks.len() >= KEPT {
            looks.pop_front();
        }
        looks.push_back(look);
    }
}

/// Looks at all streams until the gateway is gone.
pub(crate) async fn watch(gateway: Weak<Inner>) {
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(inner) = gateway.upgrade() else { return };
        let now = inner.shop().clock.now();
        for stream in inner.tables().streams.values() {
            stream.trail.note(look(stream, now));
        }
    }
}

fn look(stream: &Arc<Stream>, now: Timestamp) -> Look {
    let totals = stream.totals();
    let read = stream.shared.as_ref().or(stream.feed.as_ref());
    Look {
        at: Moment(now),
        viewers: totals.viewers,
        received_bytes: read.map_or(0, |feed| feed.ring.counts().0),
        delivered_bytes: totals.delivered,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trail_keeps_the_last_minutes() {
        let trail = Trail::default();
        for number in 0..KEPT as u64 + 5 {
            let at = Moment(Timestamp::from_millis(number));
            trail.note(Look { at, viewers: number, received_bytes: 0, delivered_bytes: 0 });
        }
        let looks = trail.looks();
        assert_eq!((looks.len(), looks[0].viewers), (KEPT, 5));
    }
}
