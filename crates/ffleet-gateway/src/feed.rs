//! One feed: a source that is started when it is needed, and the ring that it fills.
//!
//! Whoever needs it has a [`Hold`]. One task per feed is told what happens, asks the machine of
//! `ffleet-live` what to do, and does it; its runs are tasks of their own.

mod actor;
mod body;
mod command;
mod fifo;
mod lasting;
mod memo;
mod pull;
mod push;
mod run;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ffleet_base::Clock;
use ffleet_guard::Node;
use ffleet_guard::ring::{self, NoRoom};
use ffleet_live::feed::{Event, Policy, State};
use ffleet_live::join::Format;
use ffleet_supervise::Backoff;
use ffleet_types::live::feed::{Feed as Spec, Mode};
use ffleet_types::live::{self, Source, totals};
use ffleet_types::{Bytes, RoleGroup, Timestamp};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use self::body::Body;
pub(crate) use self::command::{Given, Killed, LOG, log, pipe, start, widen};
pub(crate) use self::fifo::make as make_fifo;
pub(crate) use self::lasting::abandon;
pub(crate) use self::memo::Memo;
pub(crate) use self::push::{Dock, Refused};
pub(crate) use self::run::Ended;
use crate::encode::{Equipment, Health};
use crate::gateway::Options;
use crate::inputs::{self, Hub, Kind};
use crate::output::Outputs;
use crate::ring::Ring;

/// What all feeds of a gateway share.
#[derive(Debug)]
pub(crate) struct Shop {
    /// Where processes are started.
    pub(crate) node: Arc<Node>,
    /// What time it is.
    pub(crate) clock: Arc<dyn Clock>,
    /// How it is to work.
    pub(crate) options: Options,
    /// What is needed to encode, as soon as there is an engine.
    pub(crate) equipment: watch::Sender<Option<Arc<Equipment>>>,
    /// Goes off when what outlives us is to be left to its shims.
    pub(crate) leaving: CancellationToken,
    /// The tasks of all feeds.
    pub(crate) tasks: TaskTracker,
    /// The feeds of which something was left.
    pub(crate) left: Mutex<Vec<String>>,
}

impl Shop {
    /// Memory for a ring of so many bytes.
    pub(crate) fn hold(&self, size: Bytes) -> Result<ring::Ring, NoRoom> {
        self.node.hold(&RoleGroup::named(RoleGroup::LIVE), size)
    }

    /// Waits for what is needed to encode.
    pub(crate) async fn equipment(&self) -> Arc<Equipment> {
        let mut there = self.equipment.subscribe();
        match there.wait_for(Option::is_some).await.map(|there| there.clone()) {
            Ok(Some(equipment)) => equipment,
            // The sender is in here.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }
}

/// When feeds are tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    /// The waits between tries.
    pub backoff: Backoff,
    /// A run that gave bytes for so long was well.
    pub healthy: Duration,
    /// How many tries there may be in which time.
    pub tries: (usize, Duration),
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Feed {
    pub(crate) spec: Spec,
    pub(crate) ring: Arc<Ring>,
    /// The feed that its command or its encoders read.
    parent: Option<Arc<Self>>,
    /// Those that its encoders may read instead.
    instead: Vec<Arc<Self>>,
    /// What its children and logs are called.
    label: String,
    format: Option<Format>,
    events: mpsc::UnboundedSender<Event>,
    status: Mutex<Status>,
    dock: Dock,
    /// Its tracks, if it has some: those that programs push, or for its encoders those in the bytes of the feed that it
    /// is made of.
    hub: Option<Arc<Hub>>,
    /// What of it outlives us.
    keeping: Arc<inputs::Keeping>,
    /// The FIFO that it is read from, if it is.
    fifo: tokio::sync::Mutex<fifo::Fifo>,
    /// Where what its encoders make goes beside viewers.
    outputs: Option<Arc<Outputs>>,
    /// How its encoders are, if it has some.
    health: Option<Arc<Health>>,
    /// Its ring's part of the node's memory; nothing once it is given up.
    held: Mutex<Option<ring::Ring>>,
    /// Why it never runs: there is no memory for its ring, or for that of the feed that it reads.
    refused: Option<String>,
}

/// What a feed is made of, and where it goes.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    /// The feed that its command or its encoders read.
    pub(crate) parent: Option<Arc<Feed>>,
    /// Those that its encoders may read instead.
    pub(crate) instead: Vec<Arc<Feed>>,
    /// Where what its encoders make goes beside viewers, at first.
    pub(crate) outputs: Vec<live::Output>,
}

/// How a feed is.
#[derive(Clone, Debug)]
pub(crate) struct Status {
    pub(crate) state: State,
    /// Since when it is that.
    pub(crate) since: Timestamp,
    pub(crate) holders: u32,
    pub(crate) starts: u64,
    /// How many of those were an earlier life's.
    pub(crate) starts_before: u64,
    pub(crate) failures: u32,
    /// Since when it is there.
    pub(crate) born: Timestamp,
    /// Runs that failed.
    pub(crate) failed: u64,
    /// For how long it was live, before now.
    pub(crate) was_live: Duration,
    /// Why its last run ended.
    pub(crate) last_end: Option<(Timestamp, String)>,
    /// The process, while there is one.
    pub(crate) pid: Option<u32>,
}

/// Somebody needs the feed, until this is dropped.
#[derive(Debug)]
pub(crate) struct Hold(Arc<Feed>);

impl Feed {
    /// A feed under way. Needs a runtime.
    pub(crate) fn start(
        spec: Spec,
        label: String,
        mimetype: Option<&str>,
        reads: Reads,
        shop: &Arc<Shop>,
    ) -> Arc<Self> {
        let Reads { parent, instead, outputs } = reads;
        let (events, heard) = mpsc::unbounded_channel();
        let (held, refused) = match parent.as_ref().and_then(|parent| parent.refused.clone()) {
            Some(refused) => (None, Some(refused)),
            None => match shop.hold(memory(&spec, parent.as_deref())) {
                Ok(held) => (Some(held), None),
                Err(refused) => (None, Some(refused.to_string())),
            },
        };
        if let Some(why) = &refused {
            tracing::error!(feed = label, why, "a feed is not set up; a reload tries it again");
        }
        let keeping = inputs::Keeping::new(&shop.node, &label);
        let status = Status {
            state: State::Idle,
            since: shop.clock.now(),
            holders: 0,
            starts: 0,
            starts_before: 0,
            failures: 0,
            born: shop.clock.now(),
            failed: 0,
            was_live: Duration::ZERO,
            last_end: refused.clone().map(|why| (shop.clock.now(), why)),
            pid: None,
        };
        let feed = Arc::new(Self {
            ring: Ring::new(spec.ring.0),
            label,
            format: mimetype.and_then(Format::of_mime),
            hub: hub(&spec.source, parent.as_deref(), &keeping),
            parent,
            instead,
            events,
            status: Mutex::new(status),
            dock: Dock::default(),
            fifo: tokio::sync::Mutex::default(),
            keeping,
            outputs: match &spec.source {
                Source::Encode(_) => Some(Arc::new(Outputs::new(&outputs, refused.as_ref(), shop))),
                _ => None,
            },
            health: matches!(spec.source, Source::Encode(_)).then(Arc::default),
            held: Mutex::new(held),
            refused,
            spec,
        });
        if feed.refused.is_some() {
            return feed;
        }
        // Ends when it is told to close and nothing of it runs.
        shop.tasks.spawn(actor::act(Arc::clone(&feed), Arc::clone(shop), heard));
        feed
    }

    /// What it goes by.
    fn policy(&self, retries: &Retries) -> Policy {
        let (mode, retries) = match self.spec.source {
            // Who sends decides when it runs, and how often.
            Source::Push | Source::Fifo(_) | Source::Inputs(_) => {
                let (base, cap) = (Duration::from_millis(50), Duration::from_secs(1));
                let backoff = Backoff { base, cap };
                let tries = (1_000, Duration::from_secs(10));
                (Mode::Autostart, Retries { backoff, tries, ..*retries })
            }
            Source::Command(_) | Source::Pull(_) | Source::Encode(_) => (self.spec.mode, *retries),
        };
        Policy {
            mode,
            at_end: self.spec.at_end,
            fallback: self.spec.fallback.clone(),
            backoff: retries.backoff,
            healthy: retries.healthy,
            tries: retries.tries,
        }
    }

    fn tell(&self, event: Event) {
        // Nobody hears it once the feed has been closed, and nothing has to come of it then.
        let _unheard = self.events.send(event);
    }

    /// Says that somebody needs it.
    pub(crate) fn hold(self: &Arc<Self>) -> Hold {
        self.tell(Event::Enter);
        Hold(Arc::clone(self))
    }

    /// Whether its encoders take the bytes of another feed apart.
    pub(crate) const fn has_own_hub(&self) -> bool {
        self.hub.is_some()
    }

    /// The tracks that it has, or that its encoders read.
    pub(crate) fn hub(&self) -> Option<&Arc<Hub>> {
        let parent = self.parent.as_ref().and_then(|parent| parent.hub.as_ref());
        self.hub.as_ref().or(parent)
    }

    /// Feeds that its encoders may read instead of the one that they do.
    pub(crate) fn instead(&self) -> &[Arc<Self>] {
        &self.instead
    }

    /// How its encoders are, if it has some.
    pub(crate) const fn health(&self) -> Option<&Arc<Health>> {
        self.health.as_ref()
    }

    /// Where what its encoders make goes beside viewers.
    pub(crate) const fn outputs(&self) -> Option<&Arc<Outputs>> {
        self.outputs.as_ref()
    }

    /// What its children and logs are called.
    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    /// The feed that its command reads.
    pub(crate) const fn parent(&self) -> Option<&Arc<Self>> {
        self.parent.as_ref()
    }

    /// Why it never runs; nothing if it may.
    pub(crate) fn refused(&self) -> Option<&str> {
        self.refused.as_deref()
    }

    /// Whether neither it nor `other`, which is declared as it is, may run.
    pub(crate) fn is_refused_as(&self, other: &Self) -> bool {
        self.spec == other.spec && self.refused.is_some() && other.refused.is_some()
    }

    /// Gives its part of the node's memory up: another one is about to take its place.
    pub(crate) fn give_up(&self) {
        drop(self.held.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(outputs) = &self.outputs {
            outputs.make_room(&[]);
        }
    }

    /// Starts it anew.
    pub(crate) fn restart(&self) {
        self.tell(Event::Restart);
    }

    /// Ends it, and all who read it.
    pub(crate) fn close(&self) {
        self.ring.close();
        self.tell(Event::Close);
    }

    pub(crate) fn status(&self) -> Status {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it has come to, at `now` on the monotonic clock.
    pub(crate) fn total(&self, now: Duration) -> totals::Feed {
        let (status, (received, _held)) = (self.status(), self.ring.counts());
        let live = match status.state {
            State::Live { since } => now.saturating_sub(since),
            _ => Duration::ZERO,
        };
        totals::Feed {
            since: status.born,
            received,
            runs: status.starts - status.starts_before,
            failures: status.failed,
            live_millis: u64::try_from((status.was_live + live).as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// Feeds it, or one track of it, from `body` until that ends; only for a feed that is pushed to.
    ///
    /// # Errors
    ///
    /// If somebody else does.
    pub(crate) async fn push(&self, track: Option<Kind>, body: Body) -> Result<(), Refused> {
        match (&self.refused, &self.hub) {
            (Some(why), _) => Err(Refused::NoRoom(why.clone())),
            (None, Some(hub)) => hub.push(track, body).await,
            (None, None) if track.is_some() => Err(Refused::NoTrack),
            (None, None) => self.dock.push(body).await,
        }
    }

    /// Where what its commands say is kept: a directory, with one log a run.
    pub(crate) fn logs(&self, shop: &Shop) -> PathBuf {
        shop.options.logs.join(&self.label)
    }
}

/// The tracks that a feed has of its own.
fn hub(source: &Source, parent: Option<&Feed>, keeping: &Arc<inputs::Keeping>) -> Option<Arc<Hub>> {
    match (source, parent) {
        (Source::Encode(_), Some(parent)) if parent.hub.is_none() => {
            Some(Arc::new(Hub::of_feed(&parent.spec.name, keeping)))
        }
        (source, _) => inputs::of(source, keeping),
    }
}

/// What a feed holds, at most: its ring, and what its encoders have not given yet. Each of its outputs has memory of its own.
fn memory(spec: &Spec, parent: Option<&Feed>) -> Bytes {
    let Source::Encode(encode) = &spec.source else {
        return spec.ring;
    };
    let hub = parent.and_then(|parent| parent.hub.as_ref());
    // What is decoded is held before it is, and as frames.
    let tracks = hub.map_or(2 * live::TRACKS, |hub| hub.spec.tracks() + hub.spec.coded_tracks());
    let backlogs = encode.backlogs(tracks);
    Bytes(spec.ring.0.saturating_add(backlogs.0))
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.tell(Event::Leave);
    }
}
