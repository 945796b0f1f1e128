//! The gateway as a whole: what there is, and how that changes.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use ffleet_api::declare::Changes;
use ffleet_base::Clock;
use ffleet_guard::Node;
use ffleet_types::live::{self, Name, Sort, Totals};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::encode::Equipment;
use crate::fan::Fan;
use crate::feed::{Feed, Reads, Retries, Shop};
use crate::stream::Stream;
use crate::trail;

/// What is to be there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The feeds.
    pub feeds: BTreeMap<Name, live::Feed>,
    /// The streams.
    pub streams: BTreeMap<Name, live::Stream>,
    /// Those of both that were declared over the API.
    pub of_api: BTreeSet<(Sort, Name)>,
}

/// What a change came to: of feeds, and of streams.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Of the feeds.
    pub feeds: Changes,
    /// Of the streams.
    pub streams: Changes,
}

/// See the module. Clones are the same gateway.
#[derive(Clone, Debug)]
pub struct Gateway {
    inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    shop: Arc<Shop>,
    fan: Fan,
    most_viewers: u64,
    tables: RwLock<Arc<Tables>>,
    /// One change at a time.
    changing: Mutex<()>,
    /// Set once somebody looks at the streams now and then.
    is_watched: OnceLock<()>,
}

impl Inner {
    pub(crate) const fn shop(&self) -> &Arc<Shop> {
        &self.shop
    }

    /// What there is now.
    pub(crate) fn tables(&self) -> Arc<Tables> {
        Arc::clone(&self.tables.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What there is.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    pub(crate) feeds: BTreeMap<Name, Arc<Feed>>,
    pub(crate) streams: BTreeMap<Name, Arc<Stream>>,
    /// Streams by every path that they answer at.
    pub(crate) paths: BTreeMap<String, Arc<Stream>>,
    /// Those that were declared over the API.
    pub(crate) of_api: BTreeSet<(Sort, Name)>,
    /// What was counted before those that there are.
    pub(crate) before: Totals,
}

/// What a gateway is made of.
#[derive(Debug)]
pub struct Parts {
    /// Where processes are started.
    pub node: Arc<Node>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// How it is to work.
    pub options: Options,
}

/// How a gateway works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// For how long bytes are gathered before they are sent.
    pub flush: Duration,
    /// How many may watch at once, all streams together.
    pub viewers: u32,
    /// What the kernel keeps for a viewer that does not take it, in bytes.
    pub send_buffer: u64,
    /// Threads that write to viewers; at least one.
    pub threads: usize,
    /// Where what commands say is kept.
    pub logs: PathBuf,
    /// Where commands are started.
    pub cwd: PathBuf,
    /// From the request to end to the kill of a command.
    pub grace: Duration,
    /// The FFmpeg that pulls what we do not speak.
    pub ffmpeg: PathBuf,
    /// When feeds are tried again.
    pub retries: Retries,
    /// Whether commands of feeds are left to their shims when the server is stopped.
    pub leaves: bool,
    /// A file of certificates that servers are to be certified by, in the place of the system's.
    pub roots: Option<PathBuf>,
}

impl Gateway {
    /// A gateway with nothing in it.
    ///
    /// # Errors
    ///
    /// If the kernel gives no threads.
    pub fn open(parts: Parts) -> io::Result<Self> {
        let Parts { node, clock, options } = parts;
        let fan = Fan::start(options.threads, &clock)?;
        let most_viewers = u64::from(options.viewers);
        let inner = Inner {
            shop: Arc::new(Shop {
                node,
                clock,
                options,
                equipment: watch::Sender::new(None),
                leaving: CancellationToken::new(),
                tasks: TaskTracker::new(),
                left: Mutex::default(),
            }),
            fan,
            most_viewers,
            tables: RwLock::default(),
            changing: Mutex::default(),
            is_watched: OnceLock::new(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Says what there is to encode with. Streams that are encoded wait for it.
    pub fn equip(&self, equipment: Equipment) {
        self.inner.shop.equipment.send_replace(Some(Arc::new(equipment)));
    }

    pub(crate) fn shop(&self) -> &Arc<Shop> {
        &self.inner.shop
    }

    pub(crate) fn fan(&self) -> &Fan {
        &self.inner.fan
    }

    pub(crate) fn most_viewers(&self) -> u64 {
        self.inner.most_viewers
    }

    /// What there is now.
    pub(crate) fn tables(&self) -> Arc<Tables> {
        self.inner.tables()
    }

    /// How many watch.
    pub(crate) fn viewers(&self) -> u64 {
        let tables = self.tables();
        tables
            .streams
            .values()
            .map(|stream| stream.accounts.count() as u64)
            .sum()
    }

    /// Makes it what is wanted. What stays the same is not touched: its viewers do not lose a byte. Needs
    /// a runtime.
    pub fn change(&self, wanted: Wanted) -> Changed {
        // Ends with the gateway.
        let mut is_first = false;
        self.inner.is_watched.get_or_init(|| {
            is_first = true;
            tokio::spawn(trail::watch(Arc::downgrade(&self.inner)));
        });
        let _turn = self.inner.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.tables();
        make_room(&old, &wanted);
        let (mut new, led_on) = self.made(wanted, &old);
        new.before = old.before_others(
            gone(&old.feeds, &new.feeds).map(Arc::as_ref),
            gone(&old.streams, &new.streams).map(Arc::as_ref),
            self.shop().clock.monotonic(),
        );
        new.forget();
        let new = self.begin(new);
        if is_first {
            self.abandon(&new);
        }
        let mut changed = Changed {
            feeds: compare(&old.feeds, &new.feeds, Feed::is_refused_as),
            streams: compare(&old.streams, &new.streams, Stream::is_refused_as),
        };
        changed.streams.unchanged -= led_on.len() as u64;
        changed.streams.changed.extend(led_on);
        changed.streams.changed.sort();
        for stream in gone(&old.streams, &new.streams) {
            stream.close();
        }
        for feed in gone(&old.feeds, &new.feeds) {
            feed.close();
        }
        changed
    }

    /// Has these be the tables.
    pub(crate) fn begin(&self, tables: Tables) -> Arc<Tables> {
        let tables = Arc::new(tables);
        let mut shown = self.inner.tables.write().unwrap_or_else(PoisonError::into_inner);
        *shown = Arc::clone(&tables);
        tables
    }

    /// What is wanted, of what there is where that is the same; and the streams that go on, with other outputs.
    fn made(&self, wanted: Wanted, old: &Tables) -> (Tables, Vec<String>) {
        let Wanted { feeds, streams, of_api } = wanted;
        let is_late = |sort, name: &Name| of_api.contains(&(sort, name.clone()));
        let (late_feeds, feeds) =
            feeds.into_iter().partition(|(name, _)| is_late(Sort::Feed, name));
        let (late_streams, streams) =
            streams.into_iter().partition(|(name, _)| is_late(Sort::Stream, name));
        let mut new = Tables::default();
        // The file counts before the API, also where there is no memory for all rings; it needs nothing of the API's.
        let mut led_on = self.add(feeds, streams, old, &mut new);
        led_on.extend(self.add(late_feeds, late_streams, old, &mut new));
        (Tables { of_api, ..new }, led_on)
    }

    fn add(
        &self,
        mut specs: BTreeMap<Name, live::Feed>,
        streams: BTreeMap<Name, live::Stream>,
        old: &Tables,
        new: &mut Tables,
    ) -> Vec<String> {
        while let Some((name, _)) = specs.first_key_value() {
            let name = name.clone();
            self.place(&name, &mut specs, old, new);
        }
        let mut led_on = Vec::new();
        for (name, spec) in streams {
            let feed = spec.feed.as_ref().and_then(|feed| new.feeds.get(feed)).cloned();
            let instead: Vec<_> =
                spec.instead().filter_map(|feed| new.feeds.get(feed)).cloned().collect();
            let kept = old
                .streams
                .get(&name)
                .filter(|stream| stream.is_as(&spec) && same(stream.feed.as_ref(), feed.as_ref()))
                .filter(|stream| {
                    let both = stream.instead.iter().zip(&instead);
                    stream.instead.len() == instead.len()
                        && both.into_iter().all(|(one, other)| Arc::ptr_eq(one, other))
                })
                .filter(|stream| !stream.is_refused());
            if let (None, Some(gone)) = (kept, old.streams.get(&name)) {
                gone.give_up();
            }
            if kept.is_some_and(|stream| stream.change(&spec, &self.inner.shop)) {
                led_on.push(name.to_string());
            }
            let stream = kept
                .cloned()
                .unwrap_or_else(|| Stream::start(spec, (feed, instead), &self.inner.shop));
            for path in addresses(&stream.spec) {
                new.paths.insert(path, Arc::clone(&stream));
            }
            new.streams.insert(name, stream);
        }
        led_on
    }

    /// Places one feed, and before it the one that it reads. A feed whose parent is another one now is
    /// another one too.
    fn place(
        &self,
        name: &Name,
        specs: &mut BTreeMap<Name, live::Feed>,
        old: &Tables,
        new: &mut Tables,
    ) {
        let Some(spec) = specs.remove(name) else {
            return;
        };
        if let Some(parent) = &spec.feed {
            self.place(parent, specs, old, new);
        }
        let parent = spec.feed.as_ref().and_then(|parent| new.feeds.get(parent)).cloned();
        let kept = old
            .feeds
            .get(name)
            .filter(|feed| feed.spec == spec && same(feed.parent(), parent.as_ref()))
            .filter(|feed| feed.refused().is_none());
        if let (None, Some(gone)) = (kept, old.feeds.get(name)) {
            gone.give_up();
        }
        let feed = kept.cloned().unwrap_or_else(|| {
            let reads = Reads { parent, ..Reads::default() };
            Feed::start(spec, Sort::Feed.label(name), None, reads, &self.inner.shop)
        });
        new.feeds.insert(name.clone(), feed);
    }

    /// Ends everything: feeds, their commands, and those who watch.
    pub fn close(&self) {
        self.change(Wanted::default());
    }
}

/// Has those that go give the memory of their rings up, for those that come.
fn make_room(old: &Tables, wanted: &Wanted) {
    for (name, feed) in &old.feeds {
        if wanted.feeds.get(name) != Some(&feed.spec) {
            feed.give_up();
        }
    }
    for (name, stream) in &old.streams {
        match wanted.streams.get(name).filter(|spec| stream.is_as(spec)) {
            Some(spec) => stream.make_room(spec),
            None => stream.give_up(),
        }
    }
}

/// Where a stream answers: at its own address and under its name. A shot is under `/stream/` too, where
/// voyandz has it; no other stream can be declared at either.
fn addresses(spec: &live::Stream) -> Vec<String> {
    let name = &spec.name;
    let mut paths = vec![spec.path.clone(), format!("/stream/{name}")];
    if spec.kind == live::stream::Kind::Shot {
        paths.push(format!("/shot/{name}"));
    }
    paths
}

/// What is there no more, or in another one's place.
fn gone<'a, T>(
    old: &'a BTreeMap<Name, Arc<T>>,
    new: &'a BTreeMap<Name, Arc<T>>,
) -> impl Iterator<Item = &'a Arc<T>> {
    old.iter()
        .filter(|(name, one)| !new.get(*name).is_some_and(|other| Arc::ptr_eq(one, other)))
        .map(|(_, one)| one)
}

/// What became of them. One that was tried again in vain (`in_vain`) is what it was.
fn compare<T>(
    old: &BTreeMap<Name, Arc<T>>,
    new: &BTreeMap<Name, Arc<T>>,
    in_vain: impl Fn(&T, &T) -> bool,
) -> Changes {
    let mut changes = Changes::default();
    for (name, one) in new {
        match old.get(name) {
            None => changes.added.push(name.to_string()),
            Some(other) if Arc::ptr_eq(one, other) || in_vain(one, other) => {
                changes.unchanged += 1;
            }
            Some(_) => changes.changed.push(name.to_string()),
        }
    }
    let removed = old.keys().filter(|name| !new.contains_key(*name));
    changes.removed.extend(removed.map(ToString::to_string));
    changes
}

fn same(one: Option<&Arc<Feed>>, other: Option<&Arc<Feed>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (None, None) => true,
        _ => false,
    }
}
