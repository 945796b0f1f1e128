//! A node: what one ffleet process has of a machine.

mod held;
mod kept;
mod spawn;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ffleet_base::files;
use ffleet_base::paths::Env;
use ffleet_base::{Clock, FileLock, chance, write_atomic};
use ffleet_sched::roles::{Bounds, Refusal, Rules, Standing};
use ffleet_types::attempt::Tally;
use ffleet_types::node::GuardLevel;
use ffleet_types::{NodeId, RoleGroup};
use tokio::sync::watch;

use crate::cgroup::{self, Base, Mounts};
use crate::child::Keep;
use crate::error::OpenError;
use crate::holdings::Holdings;
use crate::leftovers::{self, Leftovers};
use crate::process;
use crate::sandbox::Means;
use crate::seats::{Seat, Seats};
use crate::shim::keeper::{self, Keeper};
use crate::shim::nursery::Nursery;
use crate::shim::{self, Orphan};
use crate::spawner::Spawner;
use crate::spec::Limits;

/// Where shims are to be found.
const SHIMS: &str = "shims";
/// Where the keeper is.
const KEEPER: &str = "keeper";

/// What a node is opened with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its directory, on a local disk: the lock, the instance and the record of cgroups.
    pub root: PathBuf,
    /// Where `PATH` and `HOME` of children come from.
    pub env: Env,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Whether to use cgroups where there are any.
    pub cgroups: bool,
    /// What all children may take together.
    pub whole: Bounds,
    /// The role groups there are.
    pub roles: BTreeMap<RoleGroup, Rules>,
    /// Whether to use network namespaces where they may be made.
    pub namespaces: bool,
    /// The program of the [`shim`](crate::shim), and what makes it one.
    pub shim: (PathBuf, Vec<OsString>),
    /// How long a child that is tied to its shim goes on when nobody guards it; nothing for ever.
    pub orphan_grace: Option<Duration>,
}

/// What one ffleet process has of a machine. There is one for a directory at a time.
#[derive(Debug)]
pub struct Node {
    options: Options,
    instance: NodeId,
    base: Arc<Base>,
    nursery: Arc<Nursery>,
    keeper: Arc<Keeper>,
    spawner: Spawner,
    leftovers: Leftovers,
    means: Arc<Means>,
    /// Children of an earlier life that nobody has taken over yet.
    orphans: Mutex<BTreeMap<String, (Orphan, Option<Seat>)>>,
    pub(crate) seats: Arc<Seats>,
    holdings: Arc<Holdings>,
    null: OwnedFd,
    /// Every living child holds a receiver.
    alive: watch::Sender<()>,
    _lock: FileLock,
}

impl Node {
    /// Takes the directory, clears away what an earlier life left, and finds out what cgroups
    /// there are. Blocks.
    ///
    /// # Errors
    ///
    /// If somebody else has the directory, or it cannot be used. What cgroups lack is no error,
    /// but said by [`level`](Self::level).
    pub fn open(options: Options) -> Result<Self, OpenError> {
        let root = &options.root;
        files::create_private_dir(root)?;
        let lock = FileLock::acquire(&root.join("node.lock"))
            .map_err(|source| OpenError::Locked { root: root.clone(), source })?;
        let instance = instance(root, options.clock.as_ref())?;
        let name = format!("ffleet-{instance}");
        let shims = root.join(SHIMS);
        files::create_private_dir(&shims)?;
        let orphans: BTreeMap<_, _> = shim::orphans(&shims)
            .into_iter()
            .map(|orphan| (orphan.name.clone(), orphan))
            .collect();
        let kept = root.join(KEEPER);
        files::create_private_dir(&kept)?;
        let found = keeper::find(&kept);
        let spared: BTreeSet<_> = orphans.keys().chain(&found.key).cloned().collect();
        let mut leftovers = Leftovers::clear(root, &name, &instance.to_string(), &spared);
        let disks = options.roles.values().any(|rules| rules.io_weight.is_some());
        let base = if options.cgroups {
            let base = Base::open(&mounts(), &name, disks);
            // Where the record was lost, its groups are found in their usual place.
            for dir in base.dirs().iter().flat_map(|dir| cgroup::groups_below(dir)) {
                leftovers.clear_group(&dir, &spared);
            }
            base
        } else {
            Base::none(disks)
        };
        leftovers::record(root, &base.dirs())?;
        if leftovers != Leftovers::default() {
            let Leftovers { processes, groups, stuck } = leftovers;
            tracing::warn!(processes, groups, stuck, "cleared away what an earlier life left");
        }
        let (whole, roles) = (options.whole, options.roles.clone());
        let seats = Seats::new(whole, roles, Arc::clone(&options.clock));
        let seated = orphans.into_iter().map(|(name, orphan)| {
            let seat = match &orphan.state {
                shim::State::Held { seat, .. } => seats.take_over(seat.clone()),
                shim::State::Ended(_) => None,
            };
            (name, (orphan, seat))
        });
        let seated = seated.collect();
        let means = Arc::new(Means::find(options.namespaces));
        let spawner = Spawner::start().map_err(OpenError::Spawner)?;
        let null = fs::OpenOptions::new().read(true).write(true).open("/dev/null");
        let null = null.map_err(OpenError::Spawner)?.into();
        let alive = watch::Sender::new(());
        let (shim, words) = options.shim.clone();
        let nursery = Arc::new(Nursery::new(shim, words));
        let mark = format!("{}={instance}", process::INSTANCE).into_bytes();
        let origin = (Arc::clone(&nursery), spawner.clone());
        let keeper = Keeper::new((kept, mark), options.orphan_grace, origin, found);
        Ok(Self {
            nursery,
            keeper,
            options,
            instance,
            base: Arc::new(base),
            spawner,
            leftovers,
            means,
            orphans: Mutex::new(seated),
            seats,
            holdings: Arc::default(),
            null,
            alive,
            _lock: lock,
        })
    }

    /// Its id, which stays the same over restarts in the same directory.
    #[must_use]
    pub const fn instance(&self) -> NodeId {
        self.instance
    }

    /// How far limits hold here.
    #[must_use]
    pub fn level(&self) -> GuardLevel {
        match (self.base.level(), self.means.missing()) {
            (level, missing) if missing.is_empty() => level,
            (GuardLevel::Full, missing) => GuardLevel::Partial { missing },
            (GuardLevel::Partial { missing: limits }, missing) => {
                GuardLevel::Partial { missing: [limits, missing].concat() }
            }
            (GuardLevel::Monitor, _) => GuardLevel::Monitor,
        }
    }

    /// How long a child that is tied to its shim goes on when nobody guards it; nothing for ever.
    #[must_use]
    pub const fn orphan_grace(&self) -> Option<Duration> {
        self.options.orphan_grace
    }

    /// How the most threads of a child are known here.
    #[must_use]
    pub fn thread_peaks(&self) -> Tally {
        self.base.tally()
    }

    /// What there is no sandbox for here, each with the reason.
    #[must_use]
    pub fn missing_walls(&self) -> Vec<String> {
        self.means.missing()
    }

    /// Waits for room in the role group `role` for a child with `limits`, behind those who came before:
    /// [`spawn`](Self::spawn) does the same for a child that comes without. May be dropped at any time.
    ///
    /// # Errors
    ///
    /// If there never is room, too many wait, it takes too long, or children of the group keep failing.
    pub async fn seat(&self, role: &RoleGroup, limits: Limits) -> Result<Seat, Refusal> {
        self.seats.take(role, limits).await
    }

    /// Notes that a child of this group failed, and not for want of a better input. Too many of those
    /// in a short time stop the group.
    pub fn role_failed(&self, role: &RoleGroup) {
        self.seats.failed(role);
    }

    /// Notes that a child of this group did what it was to.
    pub fn role_worked(&self, role: &RoleGroup) {
        self.seats.worked(role);
    }

    /// What of its memory is promised to jobs and to rings.
    #[must_use]
    pub const fn holdings(&self) -> &Arc<Holdings> {
        &self.holdings
    }

    /// How the role groups stand.
    #[must_use]
    pub fn roles(&self) -> Vec<(RoleGroup, Standing)> {
        self.seats.standings()
    }

    /// What is held for a child until nothing of it is left.
    fn keep_of(&self, seat: Option<Seat>) -> Keep {
        Keep { _seat: seat, _alive: self.alive.subscribe() }
    }

    /// What an earlier life had left behind.
    #[must_use]
    pub const fn leftovers(&self) -> Leftovers {
        self.leftovers
    }

    /// Children that are not gone yet.
    #[must_use]
    pub fn children(&self) -> usize {
        self.alive.receiver_count()
    }

    /// Waits until no child is left. Whoever calls this has told them to end.
    pub async fn idle(&self) {
        self.alive.closed().await;
    }
}

/// The node's id, made at its first start.
fn instance(root: &Path, clock: &dyn Clock) -> Result<NodeId, OpenError> {
    let path = root.join("instance");
    match fs::read_to_string(&path) {
        Ok(text) => text
            .trim()
            .parse()
            .map_err(|error| OpenError::Instance { path, source: io::Error::other(error) }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let id = chance::node_id(clock.now());
            write_atomic(&path, format!("{id}\n").as_bytes(), 0o600)?;
            Ok(id)
        }
        Err(source) => Err(OpenError::Instance { path, source }),
    }
}

/// Where there is no `/proc`, there are no cgroups either.
pub(crate) fn mounts() -> Mounts {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    Mounts::parse(&read("/proc/self/mountinfo"), &read("/proc/self/cgroup"))
}
