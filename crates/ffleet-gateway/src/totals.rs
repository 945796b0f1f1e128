//! What feeds and streams have come to: what is counted of them now, and what was counted before.
//!
//! Before are earlier lives of the server, and what had the same name and was changed. That is a part of the
//! tables, so that one look at them sees nothing twice and misses nothing.

use std::time::Duration;

use ffleet_types::live::{Name, Totals, totals};

use crate::feed::Feed;
use crate::gateway::{Gateway, Tables};
use crate::stream::Stream;

/// Of how many names, at most, sums are kept that nothing has any more.
const GONE: usize = 10_000;

impl Gateway {
    /// Says what earlier lives of the server have come to. Before anything is there.
    pub fn recall(&self, before: Totals) {
        self.begin(Tables { before, ..Tables::default() });
    }

    /// What all have come to, those that are gone included.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let tables = self.tables();
        let mut all = tables.before.clone();
        let now = self.shop().clock.monotonic();
        for (name, feed) in &tables.feeds {
            all.feeds.insert(name.clone(), tables.feed_total(feed, now));
        }
        for (name, stream) in &tables.streams {
            all.streams.insert(name.clone(), tables.stream_total(stream));
        }
        all
    }

    /// Whether there is a feed or a stream of this name.
    #[must_use]
    pub fn has(&self, name: &Name) -> bool {
        let tables = self.tables();
        tables.feeds.contains_key(name) || tables.streams.contains_key(name)
    }
}

impl Tables {
    /// What feeds of this one's name have come to, at `now` on the monotonic clock.
    pub(crate) fn feed_total(&self, feed: &Feed, now: Duration) -> totals::Feed {
        let total = feed.total(now);
        let before = self.before.feeds.get(&feed.spec.name);
        before.map_or(total, |before| total.plus(before))
    }

    /// What streams of this one's name have come to.
    pub(crate) fn stream_total(&self, stream: &Stream) -> totals::Stream {
        let total = stream.total();
        let before = self.before.streams.get(&stream.spec.name);
        before.map_or(total, |before| total.plus(before))
    }

    /// What was before, where `feeds` and `streams` of these tables are going.
    pub(crate) fn before_others<'a>(
        &'a self,
        feeds: impl Iterator<Item = &'a Feed>,
        streams: impl Iterator<Item = &'a Stream>,
        now: Duration,
    ) -> Totals {
        let mut before = self.before.clone();
        for feed in feeds {
            before.feeds.insert(feed.spec.name.clone(), self.feed_total(feed, now));
        }
        for stream in streams {
            before
                .streams
                .insert(stream.spec.name.clone(), self.stream_total(stream));
        }
        before
    }

    /// Forgets names that are gone, where they are too many.
    pub(crate) fn forget(&mut self) {
        let (feeds, streams) = (&self.feeds, &self.streams);
        if self.before.feeds.len() > feeds.len() + GONE {
            self.before.feeds.retain(|name, _| feeds.contains_key(name));
        }
        if self.before.streams.len() > streams.len() + GONE {
            self.before.streams.retain(|name, _| streams.contains_key(name));
        }
    }
}
