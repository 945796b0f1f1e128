//! The controller: one value that the API, the workers and the tasks share.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use ffleet_api::bench::Workbench;
use ffleet_api::declare::Declarations;
use ffleet_api::front::Front;
use ffleet_api::{Code, Problem};
use ffleet_base::Clock;
use ffleet_media::Recipe;
use ffleet_store::Store;
use ffleet_trust::Authority;
use ffleet_types::Timestamp;
use ffleet_types::node::Capacity;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admission::{Rules, need};
use crate::dashboard::voyandz::Voyandz;
use crate::deeds::{self, Deeds};
use crate::desk::Desk;
use crate::feed::Feed;
use crate::http::Gate;
use crate::look::Looks;
use crate::metrics::Metrics;
use crate::policy::Policy;
use crate::presets::Presets;
use crate::signal::Signals;
use crate::tasks;
use crate::tenants::{Realm, Tenants};

/// What a controller is made of.
#[derive(Debug)]
pub struct Parts {
    /// Durable state. The controller closes it when it stops.
    pub store: Store,
    /// What it tells the time by.
    pub clock: Arc<dyn Clock>,
    /// What the operator allows.
    pub policy: Policy,
    /// The operator's presets, by name.
    pub presets: BTreeMap<String, Recipe>,
}

/// The controller. Clones share it.
#[derive(Clone, Debug)]
pub struct Controller(Arc<Shared>);

/// What everything in this crate works on. Nothing of it is for others.
pub struct Shared {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) policy: Policy,
    pub(crate) presets: Presets,
    pub(crate) desk: Desk,
    pub(crate) feed: Feed,
    pub(crate) looks: Looks,
    pub(crate) signals: Signals,
    pub(crate) metrics: Metrics,
    pub(crate) gate: Gate,
    pub(crate) deeds: Deeds,
    pub(crate) tenants: Tenants,
    pub(crate) bench: OnceLock<Arc<dyn Workbench>>,
    pub(crate) front: OnceLock<Arc<dyn Front>>,
    pub(crate) authority: OnceLock<Arc<Authority>>,
    pub(crate) declarations: OnceLock<Arc<dyn Declarations>>,
    voyandz: RwLock<Option<Arc<Voyandz>>>,
    config: RwLock<Arc<serde_json::Value>>,
    /// Cancelled when the controller stops: streams end, nothing new is accepted.
    pub(crate) stop: CancellationToken,
    /// Cancelled when nothing more is to be given out; at the latest when `stop` is.
    pub(crate) resting: CancellationToken,
    /// The largest node that is known, as bits of a [`Capacity`]; see [`Shared::largest`].
    largest: [AtomicU64; 4],
    /// Wall clock and monotonic clock at the start; see [`Shared::steady`].
    start: (Timestamp, Duration),
    tasks: TaskTracker,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

impl std::ops::Deref for Controller {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Controller {
    /// Reads what the store has, and begins to plan. Work goes out once a node has registered.
    ///
    /// # Errors
    ///
    /// [`ffleet_store::Error`] if the store cannot be read.
    pub async fn start(parts: Parts) -> Result<Self, ffleet_store::Error> {
        let Parts { store, clock, policy, presets } = parts;
        let (signals, events) = Signals::new();
        let start = (clock.now(), clock.monotonic());
        let gate = Gate::new(&policy, Arc::clone(&clock));
        let stop = CancellationToken::new();
        let controller = Self(Arc::new(Shared {
            store,
            clock,
            policy,
            presets: Presets::new(presets),
            desk: Desk::default(),
            feed: Feed::new(),
            looks: Looks::new(),
            signals,
            metrics: Metrics::new(),
            gate,
            deeds: Deeds::default(),
            tenants: Tenants::default(),
            bench: OnceLock::new(),
            front: OnceLock::new(),
            authority: OnceLock::new(),
            declarations: OnceLock::new(),
            voyandz: RwLock::default(),
            config: RwLock::default(),
            resting: stop.child_token(),
            stop,
            largest: Default::default(),
            start,
            tasks: TaskTracker::new(),
        }));
        for key in controller.store.keys().await? {
            controller.gate.keys.add(&key);
        }
        for row in controller.store.tenants().await? {
            controller.tenants.put(row.tenant);
        }
        for member in controller.store.members().await? {
            controller.gate.members.add(member.node);
        }
        let planner = tasks::plan::Planner::load(controller.clone(), events).await?;
        // The tasks end when `stop` is cancelled; `shutdown` waits for them.
        controller.tasks.spawn(planner.run());
        controller.tasks.spawn(tasks::announce::run(controller.clone()));
        controller.tasks.spawn(tasks::retain::run(controller.clone()));
        controller.tasks.spawn(deeds::run(controller.clone()));
        Ok(controller)
    }

    /// Names what looks at inputs, rehearses jobs and knows the logs. The first one counts.
    pub fn attach(&self, bench: Arc<dyn Workbench>) {
        if self.bench.set(bench).is_err() {
            tracing::warn!("a second workbench was attached and is not used");
        }
    }

    /// Gives out no more work; everything else goes on. For before a worker in the same process
    /// stops: what it then reports as interrupted would at once be given back to it.
    pub fn rest(&self) {
        self.resting.cancel();
    }

    /// Ends streams and waits, plans no more, and closes the store. What is queued or held stays
    /// so, and is taken up at the next start.
    ///
    /// # Errors
    ///
    /// [`ffleet_store::Error`] if the store could not be closed tidily; nothing is lost.
    pub async fn shutdown(self) -> Result<(), ffleet_store::Error> {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.store.clone().close().await
    }
}

impl Shared {
    /// The time that leases and pauses are reckoned by: the wall clock as it was at the start, and
    /// what has passed since. Somebody who sets the clock makes no lease lapse.
    pub(crate) fn steady(&self) -> Timestamp {
        let (wall, monotonic) = self.start;
        wall.after(self.clock.monotonic().saturating_sub(monotonic))
    }

    /// Does `work` to its end, whether or not the caller waits for it: a client that goes away
    /// takes its request with it, and what the store then writes nobody would hear of.
    ///
    /// # Errors
    ///
    /// [`Code::Internal`] if `work` broke off.
    pub(crate) async fn see_through<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Problem>> + Send + 'static,
    ) -> Result<T, Problem> {
        self.tasks.spawn(work).await.unwrap_or_else(|error| {
            tracing::error!(%error, "a request broke off");
            Err(Problem::new(Code::Internal, "the request broke off; the server's log says why"))
        })
    }

    /// Has `front` answer what it claims of all addresses that are not ours. The first one counts.
    pub fn attach_front(&self, front: Arc<dyn Front>) {
        if self.front.set(front).is_err() {
            tracing::warn!("a second front was attached and is not used");
        }
    }

    /// Has machines join that bring an invitation, with certificates of `authority`. The first one counts.
    pub fn attach_authority(&self, authority: Arc<Authority>) {
        if self.authority.set(authority).is_err() {
            tracing::warn!("a second authority was attached and is not used");
        }
    }

    /// Has `declarations` change what is declared. The first one counts.
    pub fn attach_declarations(&self, declarations: Arc<dyn Declarations>) {
        if self.declarations.set(declarations).is_err() {
            tracing::warn!("a second place for declarations was attached and is not used");
        }
    }

    /// Shows voyandz's pages, and neither the dashboard nor ways into it. Before the server runs; again
    /// which of them there are has changed; where it listens and logs stays.
    pub fn show_voyandz(&self, mut voyandz: Voyandz) {
        let mut shown = self.voyandz.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(first) = shown.as_deref() {
            voyandz = Voyandz { pages: voyandz.pages, ..first.clone() };
        }
        *shown = Some(Arc::new(voyandz));
    }

    /// What voyandz's pages say, where they are shown.
    pub(crate) fn voyandz(&self) -> Option<Arc<Voyandz>> {
        self.voyandz.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Shows `config`, which holds no secrets, as the configuration in effect.
    pub fn show_config(&self, config: serde_json::Value) {
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
    }

    /// The configuration in effect, as it is shown.
    pub(crate) fn config(&self) -> Arc<serde_json::Value> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// When it started.
    pub(crate) const fn started(&self) -> Timestamp {
        self.start.0
    }

    /// The workbench, once one is attached.
    pub(crate) fn bench(&self) -> Option<Arc<dyn Workbench>> {
        self.bench.get().map(Arc::clone)
    }

    pub(crate) fn rules<'a>(&'a self, realm: &'a Realm) -> Rules<'a> {
        Rules { policy: &self.policy, presets: &self.presets, realm }
    }

    /// The largest node that is known, part by part. What a job needs is reckoned by it on every
    /// submission, so that it is kept in atomics rather than behind a lock.
    pub(crate) fn largest(&self) -> Capacity {
        let [cpu, memory, scratch, tasks] =
            [0, 1, 2, 3].map(|part| self.largest[part].load(Ordering::Relaxed));
        if cpu == 0 {
            return need::UNKNOWN;
        }
        Capacity {
            cpu: ffleet_types::Cpu(u32::try_from(cpu).unwrap_or(u32::MAX)),
            memory: ffleet_types::Bytes(memory),
            scratch: ffleet_types::Bytes(scratch),
            tasks: u32::try_from(tasks).unwrap_or(u32::MAX),
        }
    }

    /// A node with this capacity is known.
    pub(crate) fn consider(&self, node: &Capacity) {
        let parts = [u64::from(node.cpu.0), node.memory.0, node.scratch.0, u64::from(node.tasks)];
        for (most, part) in self.largest.iter().zip(parts) {
            most.fetch_max(part, Ordering::Relaxed);
        }
    }
}
