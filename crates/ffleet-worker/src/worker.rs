//! The worker as a whole: its start, its loops, its end.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock, RwLock};
use std::time::Duration;

use ffleet_api::control::Controller;
use ffleet_base::files::Space;
use ffleet_base::{Clock, chain};
use ffleet_guard::Node;
use ffleet_spool::{Observer, Work};
use ffleet_types::node::{Description, Engine};
use ffleet_types::{AttemptId, Bytes};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::bench::SEATS;
use crate::config::Config;
use crate::cpus::Cpus;
use crate::disk::Disk;
use crate::engines::Engines;
use crate::gauges::Gauges;
use crate::link::Link;
use crate::logs::Logs;
use crate::places::Bounds;
use crate::pull::Puller;
use crate::renew;
use crate::roster::Roster;
use crate::sandbox::{self, Walled};
use crate::shop::{Shop, unobserved};

/// Between two looks for an engine that is missing.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// How often old logs are looked for.
const PRUNE: Duration = Duration::from_secs(3_600);
/// A disk with less room than this cannot be worked on.
const LEAST_ROOM: Bytes = Bytes::mib(256);

/// What a worker is made of.
pub struct Parts<C> {
    /// Whom it works for.
    pub controller: C,
    /// The machine.
    pub node: Arc<Node>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Hears of every step of publishing; nobody by default.
    pub observer: Option<Arc<Observer<'static>>>,
    /// How it is to work.
    pub config: Config,
}

impl<C> std::fmt::Debug for Parts<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// A worker could not start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its work directories cannot be used.
    #[error("cannot use the work directories")]
    Work(#[from] ffleet_spool::Error),
    /// Its logs cannot be kept.
    #[error("cannot keep logs")]
    Logs(#[from] ffleet_base::files::Error),
}

/// A worker under way. Clones are the same worker.
#[derive(Clone, Debug)]
pub struct Worker {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) config: Config,
    pub(crate) node: Arc<Node>,
    pub(crate) clock: Arc<dyn Clock>,
    logs: Logs,
    work: Work,
    pub(crate) roster: Arc<Roster>,
    disk: Arc<Disk>,
    pub(crate) attempts: TaskTracker,
    pub(crate) loops: TaskTracker,
    pub(crate) draining: CancellationToken,
    /// Children are left to their shims.
    pub(crate) leaving: CancellationToken,
    /// Reports are not repeated any more.
    pub(crate) cut: CancellationToken,
    pub(crate) ended: CancellationToken,
    /// There once the engines are proven.
    shop: OnceLock<Arc<Shop>>,
    /// The FFmpeg that was proven, for others.
    proven: watch::Sender<Option<Engine>>,
    /// Whether the controller knows us.
    registered: OnceLock<()>,
    /// Why there is no engine yet.
    missing: RwLock<String>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner")
            .field("roster", &self.roster)
            .finish_non_exhaustive()
    }
}

impl Worker {
    /// Waits for FFmpeg to be proven; nothing where the worker ends before.
    pub async fn engine(&self) -> Option<Engine> {
        let mut proven = self.inner.proven.subscribe();
        tokio::select! {
            engine = proven.wait_for(Option::is_some) => engine.ok()?.clone(),
            () = self.inner.ended.cancelled() => None,
        }
    }

    /// Starts a worker; it goes on in the background: has its engines proven, registers, settles
    /// what it held before, and takes work. Needs a runtime.
    ///
    /// # Errors
    ///
    /// If its directories cannot be used. A missing engine is no error: it is waited for, and
    /// [`Workbench::ready`](ffleet_api::bench::Workbench::ready) says so.
    pub fn start<C: Controller>(parts: Parts<C>) -> Result<Self, OpenError> {
        let Parts { controller, node, clock, observer, config } = parts;
        let cut = CancellationToken::new();
        let work = Work::open(&config.home)?;
        let worker = Self {
            inner: Arc::new(Inner {
                logs: Logs::open(&config.home)?,
                disk: Disk::new(work.root()),
                work,
                roster: Roster::new(config.capacity, node.holdings()),
                attempts: TaskTracker::new(),
                loops: TaskTracker::new(),
                draining: CancellationToken::new(),
                leaving: CancellationToken::new(),
                ended: CancellationToken::new(),
                shop: OnceLock::new(),
                proven: watch::Sender::new(None),
                registered: OnceLock::new(),
                missing: RwLock::new("the engines are being put to the test".to_owned()),
                cut: cut.clone(),
                config,
                node,
                clock,
            }),
        };
        let link = Link::new(controller, worker.inner.node.instance(), cut);
        let inner = Arc::clone(&worker.inner);
        // The trackers own what it starts; it ends when `ended` goes off.
        let observer = observer.unwrap_or_else(unobserved);
        worker.inner.loops.spawn(inner.run(link, observer));
        Ok(worker)
    }

    pub(crate) fn shop(&self) -> Option<Arc<Shop>> {
        self.inner.shop.get().cloned()
    }

    pub(crate) fn logs_of(&self, attempt: AttemptId) -> Vec<PathBuf> {
        self.inner.logs.of(attempt)
    }

    pub(crate) fn logs(&self) -> Logs {
        self.inner.logs.clone()
    }

    /// Why the node cannot work now; nothing if it can.
    pub(crate) fn problems(&self) -> Vec<String> {
        let inner = &self.inner;
        let mut problems = Vec::new();
        if inner.shop.get().is_none() {
            problems.push(inner.missing());
        } else if inner.registered.get().is_none() {
            problems.push("the node is not registered with its controller yet".to_owned());
        }
        if inner.draining.is_cancelled() {
            problems.push("the node is stopping".to_owned());
        }
        match inner.disk.look() {
            Ok(Space { free, .. }) if free < LEAST_ROOM => problems.push(format!(
                "only {} are free in {}, less than {}: free some room",
                free.human(),
                inner.work.root().display(),
                LEAST_ROOM.human()
            )),
            Ok(_) => {}
            Err(error) => problems.push(chain(&error)),
        }
        problems.extend(inner.disk.full());
        problems
    }
}

impl Inner {
    /// Everything from the proof of the engines on.
    async fn run(self: Arc<Self>, link: Link, observer: Arc<Observer<'static>>) {
        let (node, clock) = (Arc::clone(&self.node), Arc::clone(&self.clock));
        let gauges = Gauges::new(Arc::clone(&clock));
        let Some(engines) = Box::pin(self.engines(&node, &*clock, &gauges)).await else {
            return;
        };
        self.proven.send_replace(Some(engines.ffmpeg.clone()));
        let description = self.description(&node, &engines);
        let shop = Arc::new(Shop {
            bounds: Bounds::new(&self.config.roots, &self.config.home),
            walled: Walled::new(&self.config.sandboxes, engines.libraries.clone()),
            cpus: Cpus::own(),
            seats: Semaphore::new(SEATS),
            node,
            engines,
            work: self.work.clone(),
            logs: self.logs.clone(),
            gauges,
            link: link.clone(),
            leaving: self.leaving.clone(),
            clock,
            observer,
            config: self.config.clone(),
        });
        if self.shop.set(Arc::clone(&shop)).is_err() {
            return;
        }
        let puller = Puller {
            shop: Arc::clone(&shop),
            roster: Arc::clone(&self.roster),
            disk: Arc::clone(&self.disk),
            description,
            attempts: self.attempts.clone(),
            draining: self.draining.clone(),
            ended: self.ended.clone(),
        };
        let Some(welcome) = puller.register().await else { return };
        let _first = self.registered.set(());
        let renewing = renew::run(
            link,
            Arc::clone(&self.roster),
            Arc::clone(&self.disk),
            welcome.renew_every,
            self.ended.clone(),
        );
        let watching = Arc::clone(&self.disk).watch(self.ended.clone());
        tokio::join!(puller.run(), renewing, watching, self.prune(&shop));
    }

    /// The engines, as soon as there are any; nothing if the end comes first.
    async fn engines(
        &self,
        node: &Arc<Node>,
        clock: &dyn Clock,
        gauges: &Arc<Gauges>,
    ) -> Option<Engines> {
        loop {
            let found = match sandbox::lacking(&self.config.sandboxes, node) {
                Some(lacking) => Err(lacking),
                None => tokio::select! {
                    found = Engines::find(node, &self.config, clock, gauges) => {
                        found.map_err(|missing| missing.to_string())
                    }
                    () = self.ended.cancelled() => return None,
                },
            };
            match found {
                Ok(engines) => return Some(engines),
                Err(missing) => {
                    if self.missing() != missing {
                        tracing::error!(missing, "the node cannot work");
                    }
                    *self.missing.write().unwrap_or_else(std::sync::PoisonError::into_inner) =
                        missing;
                }
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_AGAIN) => {}
                () = self.ended.cancelled() => return None,
            }
        }
    }

    fn missing(&self) -> String {
        self.missing
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }

    fn description(&self, node: &Node, engines: &Engines) -> Description {
        Description {
            name: self.config.name.clone(),
            version: self.config.version.clone(),
            capacity: self.config.capacity,
            guard: node.level(),
            thread_peaks: node.thread_peaks(),
            labels: self.config.labels.clone(),
            engines: vec![engines.ffmpeg.clone(), engines.ffprobe.clone()],
        }
    }

    /// Lets go of old logs, now and then.
    async fn prune(&self, shop: &Shop) {
        loop {
            let (logs, now, keep) = (self.logs.clone(), shop.clock.now(), self.config.keep_logs);
            let roster = Arc::clone(&self.roster);
            let is_at_work = move |job: &str| {
                let at_work = roster.progress();
                at_work.iter().any(|(attempt, _)| attempt.task.job.to_string() == job)
            };
            let pruned = tokio::task::spawn_blocking(move || logs.prune(now, keep, is_at_work));
            match pruned.await {
                Ok(Ok(0)) => {}
                Ok(Ok(jobs)) => tracing::info!(jobs, "removed old logs"),
                Ok(Err(error)) => tracing::warn!(%error, "old logs could not be removed"),
                Err(error) => tracing::warn!(%error, "old logs could not be removed"),
            }
            tokio::select! {
                () = tokio::time::sleep(PRUNE) => {}
                () = self.ended.cancelled() => return,
            }
        }
    }
}
