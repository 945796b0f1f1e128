//! What all attempts of a node share.

use std::fmt;
use std::sync::Arc;

use ffleet_base::Clock;
use ffleet_guard::Node;
use ffleet_sched::roles;
use ffleet_spool::{Observer, Step, Work};
use ffleet_types::RoleGroup;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::cpus::Cpus;
use crate::engines::Engines;
use crate::gauges::Gauges;
use crate::link::Link;
use crate::logs::Logs;
use crate::places::Bounds;
use crate::sandbox::Walled;

/// Shared, and never changed.
pub(crate) struct Shop {
    pub(crate) node: Arc<Node>,
    pub(crate) engines: Engines,
    pub(crate) work: Work,
    pub(crate) logs: Logs,
    /// What children are at.
    pub(crate) gauges: Arc<Gauges>,
    pub(crate) link: Link,
    /// Goes off when children are to be left to their shims.
    pub(crate) leaving: CancellationToken,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) observer: Arc<Observer<'static>>,
    pub(crate) bounds: Bounds,
    pub(crate) walled: Walled,
    /// Shared out among attempts.
    pub(crate) cpus: Arc<Cpus>,
    /// For probes outside of jobs.
    pub(crate) seats: Semaphore,
    pub(crate) config: Config,
}

impl fmt::Debug for Shop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shop").field("work", &self.work).finish_non_exhaustive()
    }
}

impl Shop {
    /// What of a role group is one child's that does not say.
    pub(crate) fn share(&self, role: &RoleGroup) -> roles::Bounds {
        let mut all = self.node.roles().into_iter();
        let found = all.find(|(group, _)| group == role);
        found.map(|(_, standing)| standing.rules.share()).unwrap_or_default()
    }
}

/// Hears of no step.
pub(crate) fn unobserved() -> Arc<Observer<'static>> {
    Arc::new(|_: Step| {})
}
