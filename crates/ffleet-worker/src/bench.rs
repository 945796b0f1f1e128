//! What a node does for its controller outside any job.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ffleet_api::bench::{Boxed, Found, Rehearsal, Search, Trouble, Workbench};
use ffleet_base::{Clock as _, SystemClock};
use ffleet_engine::plan::needs_probe;
use ffleet_engine::probe::{Question, command, of_test};
use ffleet_guard::{Limits as ChildLimits, Pinned};
use ffleet_media::{Probe, Source, Spec};
use ffleet_sched::limits::{Effective, Limit, Source as Whence, cpu_for_one};
use ffleet_supervise::Order;
use ffleet_types::job::Limits;
use ffleet_types::sample::{Load, Point};
use ffleet_types::{AttemptId, Fence, JobId, NodeId, Reason, RoleGroup, TaskId};
use tokio::sync::{Semaphore, SemaphorePermit, watch};

use crate::ask::{self, Ask};
use crate::attempt::limits::{self, Room};
use crate::attempt::{Halt, blocking};
use crate::child::{Hands, Task};
use crate::gauges::Subject;
use crate::places::{Input, Places};
use crate::progress::Answer;
use crate::sandbox::is_remote;
use crate::shop::Shop;
use crate::worker::Worker;

/// An attempt that never was, for looking at places without one.
const NOBODY: AttemptId =
    AttemptId { task: TaskId::whole(JobId::from_bits(0)), fence: Fence::NONE };

/// Probes outside of jobs that may run at a time: nothing debits them from the node's capacity.
pub(crate) const SEATS: usize = 3;
/// How long a probe waits for a seat.
const PATIENCE: Duration = Duration::from_secs(10);

/// Tells the probes outside of jobs apart.
static COUNT: AtomicU64 = AtomicU64::new(0);

impl Workbench for Worker {
    fn probe(&self, source: Source) -> Boxed<'_, Result<Probe, Trouble>> {
        Box::pin(async move {
            let shop = self.shop().ok_or_else(|| not_ready(self))?;
            probe(&shop, &source).await.map_err(trouble)
        })
    }

    fn rehearse(&self, spec: Spec) -> Boxed<'_, Result<Rehearsal, Trouble>> {
        Box::pin(async move {
            let shop = self.shop().ok_or_else(|| not_ready(self))?;
            rehearse(&shop, spec).await.map_err(trouble)
        })
    }

    fn logs(&self, attempt: AttemptId) -> Vec<PathBuf> {
        self.logs_of(attempt)
    }

    fn search(&self, search: Search) -> Boxed<'_, Result<Found, Trouble>> {
        Box::pin(async move {
            let logs = self.logs();
            let found = blocking(move || {
                // Files are stamped by the system's own clock.
                logs.search(&search, SystemClock.now()).map_err(|error| {
                    Halt::failed(Reason::ResourceError, format!("the logs cannot be read: {error}"))
                })
            });
            found.await.map_err(trouble)
        })
    }

    fn samples(&self, attempt: AttemptId) -> Vec<Point> {
        self.shop().map(|shop| shop.gauges.of(attempt)).unwrap_or_default()
    }

    fn loads(&self) -> Option<(NodeId, Vec<Load>)> {
        self.shop().map(|shop| {
            let groups = shop.node.roles().into_iter().map(|(group, _)| group);
            (shop.node.instance(), shop.gauges.loads(groups))
        })
    }

    fn ready(&self) -> Result<(), Vec<String>> {
        let problems = self.problems();
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }
}

async fn probe(shop: &Arc<Shop>, source: &Source) -> Result<Probe, Halt> {
    if let Source::Test(picture) = *source {
        return Ok(of_test(picture, None));
    }
    let input = match source {
        Source::File(path) => {
            let (path, at_work) = (PathBuf::from(path), Arc::clone(shop));
            Some(blocking(move || Input::look(&path, &at_work.bounds)).await?.pinned())
        }
        Source::Url(_) | Source::Test(_) => None,
    };
    ask::probe(source, &mut Inquiry { shop, source, input }).await
}

/// A probe outside of any job.
struct Inquiry<'a> {
    shop: &'a Shop,
    source: &'a Source,
    /// The file that it is, as it was found.
    input: Option<Pinned>,
}

impl Ask for Inquiry<'_> {
    async fn ask(&mut self, question: Question) -> Result<String, Halt> {
        let _seat = seat(&self.shop.seats, PATIENCE).await?;
        let (_keep, mut orders) = watch::channel(Order::Run);
        let subject = Subject { of: None, group: RoleGroup::named(RoleGroup::PROBE) };
        let task = Task {
            name: format!("probe-{}", COUNT.fetch_add(1, Ordering::Relaxed)),
            program: self.shop.engines.ffprobe.path.clone().into(),
            args: command(self.source, question),
            env: BTreeMap::new(),
            cwd: "/".into(),
            log: None,
            limits: ChildLimits { memory: Some(ask::MEMORY), ..ChildLimits::default() },
            policy: ask::policy(self.shop.config.grace),
            scratch: None,
            role: RoleGroup::named(RoleGroup::PROBE),
            tie: ffleet_guard::Tie::Node,
            sandbox: self
                .shop
                .walled
                .sandbox(self.input.clone(), &[], is_remote(self.source)),
            sampled: Some((Arc::clone(&self.shop.gauges), subject)),
            adopted: None,
        };
        let mut hands = Hands {
            node: &self.shop.node,
            clock: &*self.shop.clock,
            nice: self.shop.config.nice,
            orders: &mut orders,
            herald: None,
            display: None,
            leaving: None,
        };
        let mut answer = Answer::default();
        let ended = hands.run(task, &mut answer).await?;
        ended.judge(self.source, ask::MEMORY, &[])?;
        Ok(answer.text())
    }
}

/// One of the `seats`, when it becomes free within `patience`.
async fn seat(seats: &Semaphore, patience: Duration) -> Result<SemaphorePermit<'_>, Halt> {
    match tokio::time::timeout(patience, seats.acquire()).await {
        Ok(Ok(seat)) => Ok(seat),
        Ok(Err(_)) | Err(_) => {
            let text = "too many probes at once; try again";
            Err(Halt::failed(Reason::ResourceError, text.to_owned()))
        }
    }
}

async fn rehearse(shop: &Arc<Shop>, spec: Spec) -> Result<Rehearsal, Halt> {
    let (places, at_work) = (spec.clone(), Arc::clone(shop));
    blocking(move || Places::look(&places, NOBODY, &at_work.bounds)).await?;
    let probe = if needs_probe(&spec) {
        probe(shop, &spec.input).await?
    } else if let Source::Test(picture) = spec.input {
        of_test(picture, spec.duration)
    } else {
        Probe::default()
    };
    // A dry run writes nothing, so the files it would write are named as the targets are.
    let files: Vec<_> = spec.outputs.iter().map(|output| output.target.to_string()).collect();
    let share = shop.share(&spec.role_group());
    let room = Room { cpu: cpu_for_one(&shop.config.capacity), cpus: &shop.cpus, share };
    let (plan, effective) = limits::plan(&spec, &probe, &shop.engines.ffmpeg, room, &files)?;
    let mut line = vec![shop.engines.ffmpeg.path.clone()];
    line.extend(plan.args);
    Ok(Rehearsal {
        probe: needs_probe(&spec).then_some(probe),
        commands: vec![line],
        limits: Limits {
            cpu: Some(effective.cpu.value),
            memory: Some(effective.memory.value),
            scratch: Some(effective.scratch.value),
            timeout: effective.timeout.value,
            stall: Some(effective.stall.value),
        },
        given: given(&effective),
        notes: plan.notes,
        predicted_cpu_seconds: plan.prediction.cpu_micros.map(seconds),
    })
}

/// The names of the limits that the job says itself.
fn given(limits: &Effective) -> Vec<String> {
    fn is_given<T>(limit: &Limit<T>) -> bool {
        limit.source == Whence::Given
    }
    [
        ("cpu", is_given(&limits.cpu)),
        ("memory", is_given(&limits.memory)),
        ("scratch", is_given(&limits.scratch)),
        ("timeout", is_given(&limits.timeout)),
        ("stall", is_given(&limits.stall)),
    ]
    .into_iter()
    .filter(|&(_, is_given)| is_given)
    .map(|(name, _)| name.to_owned())
    .collect()
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2⁵³ µs, which is 285 years")]
fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

fn not_ready(worker: &Worker) -> Trouble {
    Trouble { reason: Reason::PlatformError, message: worker.problems().join("; ") }
}

fn trouble(halt: Halt) -> Trouble {
    match halt {
        Halt::Failed { reason, message } => Trouble { reason, message },
        halt => Trouble {
            reason: Reason::Interrupted,
            message: format!("it was stopped before it was done ({halt:?})"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn probe_without_a_seat_is_told_to_try_again() {
        let seats = Semaphore::new(1);
        let taken = seat(&seats, PATIENCE).await.unwrap();
        let told = trouble(seat(&seats, Duration::from_millis(20)).await.unwrap_err());
        assert_eq!(told.reason, Reason::ResourceError);
        assert!(told.message.contains("try again"), "{}", told.message);
        drop(taken);
        let _seat = seat(&seats, PATIENCE).await.unwrap();
    }
}
