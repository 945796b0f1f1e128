//! One stream: what viewers come to.

use std::sync::Arc;

use ffleet_types::Timestamp;
use ffleet_types::live::feed::{AtEnd, Fallback, Feed as FeedSpec, Mode};
use ffleet_types::live::stream::{Access, Client, Kind, Stream as Spec};
use ffleet_types::live::{Sort, Source, totals};

use crate::account::{Accounts, Totals};
use crate::feed::{Feed, Reads, Shop};
use crate::shot::Shots;
use crate::trail::Trail;

/// See the module.
#[derive(Debug)]
pub(crate) struct Stream {
    /// As it was declared, but for its outputs: those change while it lives.
    pub(crate) spec: Spec,
    /// The feed that it is made of, as it was declared.
    pub(crate) feed: Option<Arc<Feed>>,
    /// Those that its encoders may read instead.
    pub(crate) instead: Vec<Arc<Feed>>,
    /// What shared viewers read: the feed itself, or what the stream's own command makes of it.
    pub(crate) shared: Option<Arc<Feed>>,
    /// Whether `shared` is the stream's own.
    is_own: bool,
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) shots: Shots,
    /// Since when it is there.
    born: Timestamp,
    pub(crate) trail: Trail,
}

impl Stream {
    /// A stream of `feed`, if it is to have one.
    pub(crate) fn start(
        mut spec: Spec,
        (feed, instead): (Option<Arc<Feed>>, Vec<Arc<Feed>>),
        shop: &Arc<Shop>,
    ) -> Arc<Self> {
        let outputs = std::mem::take(&mut spec.outputs);
        let is_shared = spec.kind == Kind::Stream && spec.client == Client::Shared;
        let encoded = spec
            .encode
            .clone()
            .map(|encode| (Source::Encode(encode), Mode::Autostart));
        let made = spec
            .command
            .clone()
            .map(|command| (Source::Command(command), Mode::OnDemand));
        let (shared, is_own) = match encoded.or(made) {
            Some((source, mode)) if is_shared => {
                let own = FeedSpec {
                    name: spec.name.clone(),
                    source,
                    feed: feed.as_ref().map(|feed| feed.spec.name.clone()),
                    mode,
                    silence: feed.as_ref().and_then(|feed| feed.spec.silence),
                    fallback: feed.as_ref().map_or_else(
                        || vec![Fallback::Hold(None)],
                        |feed| feed.spec.fallback.clone(),
                    ),
                    at_end: feed.as_ref().map_or(AtEnd::Restart, |feed| feed.spec.at_end),
                    ring: spec.ring,
                    access: Access::Open,
                };
                let label = Sort::Stream.label(&spec.name);
                let reads = Reads { parent: feed.clone(), instead: instead.clone(), outputs };
                let made = Feed::start(own, label, Some(&spec.mimetype), reads, shop);
                (Some(made), true)
            }
            Some(_) => (None, false),
            None => (feed.clone(), false),
        };
        Arc::new(Self {
            spec,
            feed,
            instead,
            shared,
            is_own,
            accounts: Arc::default(),
            shots: Shots::default(),
            trail: Trail::default(),
            born: shop.clock.now(),
        })
    }

    /// Whether it is what `spec` declares, but for its outputs.
    pub(crate) fn is_as(&self, spec: &Spec) -> bool {
        self.spec == Spec { outputs: Vec::new(), ..spec.clone() }
    }

    /// Has its outputs be those of `spec`, while it goes on; whether anything changed. Needs a runtime.
    pub(crate) fn change(&self, spec: &Spec, shop: &Shop) -> bool {
        let outputs = self.shared.as_ref().and_then(|own| own.outputs());
        outputs.is_some_and(|outputs| outputs.change(&spec.outputs, shop))
    }

    /// Has its outputs that are not among those of `spec` give their memory up.
    pub(crate) fn make_room(&self, spec: &Spec) {
        if let Some(outputs) = self.shared.as_ref().and_then(|own| own.outputs()) {
            outputs.make_room(&spec.outputs);
        }
    }

    /// Its viewers, and what they got; of a shot, whose viewers do not stay, those who asked.
    pub(crate) fn totals(&self) -> Totals {
        match self.spec.kind {
            Kind::Stream => self.accounts.totals(),
            Kind::Shot => {
                let (came, delivered) = self.shots.given();
                Totals { came, delivered, ..Totals::default() }
            }
        }
    }

    /// What it has come to.
    pub(crate) fn total(&self) -> totals::Stream {
        let sums = self.totals();
        totals::Stream {
            since: self.born,
            delivered: sums.delivered,
            viewers: sums.came,
            skips: sums.skips,
            cut: sums.cut,
            shots: self.shots.count(),
        }
    }

    /// Ends it, and its viewers within seconds.
    pub(crate) fn close(&self) {
        self.accounts.close();
        if let (Some(own), true) = (&self.shared, self.is_own) {
            own.close();
        }
    }

    /// Gives its own ring's part of the node's memory up, if it has one.
    pub(crate) fn give_up(&self) {
        if let (Some(own), true) = (&self.shared, self.is_own) {
            own.give_up();
        }
    }

    /// Whether there is no memory for its ring, or for that of its feed.
    pub(crate) fn is_refused(&self) -> bool {
        let read = self.shared.as_ref().or(self.feed.as_ref());
        read.is_some_and(|feed| feed.refused().is_some())
    }

    /// Whether neither it nor `other`, which is declared as it is, has a ring.
    pub(crate) fn is_refused_as(&self, other: &Self) -> bool {
        self.spec == other.spec && self.is_refused() && other.is_refused()
    }

    /// What its children and their logs are called.
    pub(crate) fn label(&self) -> String {
        Sort::Stream.label(&self.spec.name)
    }
}
