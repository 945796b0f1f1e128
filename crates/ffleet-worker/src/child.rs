//! One child under the guard, watched by the machine of `ffleet-supervise`.
//!
//! The machine decides, the guard does; this loop carries what happens to the one and what is to
//! be done to the other. It ends only when nothing of the child's tree is alive.

mod ended;
mod start;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ffleet_api::control::Report;
use ffleet_base::{Clock, chain};
use ffleet_guard::{self as guard, Tie};
use ffleet_spool::Dir;
use ffleet_supervise::{Action, Child, Event, Order, Plan, Policy, State, Stop, Verdict};
use ffleet_types::{Bytes, RoleGroup};
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub(crate) use ended::{Ended, Excess};

use crate::attempt::{Halt, blocking};
use crate::gauges::{Gauges, Subject};
use crate::herald::Herald;
use crate::roster::Display;

/// How often it is looked whether a child goes beyond what the kernel bounds by itself.
const MEASURE: Duration = Duration::from_secs(1);
/// What is read from a child at once.
const BUFFER: usize = 16 << 10;
/// The size of a segment of a child's log.
const LOG_SEGMENT: Bytes = Bytes::mib(1);

/// How long the rest of a child's stdout is waited for after its end.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A child to be.
#[derive(Debug)]
pub(crate) struct Task {
    /// Unique on the node.
    pub(crate) name: String,
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<String>,
    /// Its environment, beyond what every child has.
    pub(crate) env: BTreeMap<OsString, OsString>,
    /// Where it runs.
    pub(crate) cwd: PathBuf,
    /// Where its stderr goes, if it is to be kept.
    pub(crate) log: Option<PathBuf>,
    pub(crate) limits: guard::Limits,
    pub(crate) policy: Policy,
    /// The directory that it may fill, and how far.
    pub(crate) scratch: Option<(Dir, Bytes)>,
    /// The role group that it is in.
    pub(crate) role: RoleGroup,
    /// What it dies with.
    pub(crate) tie: Tie,
    /// What it may see of the machine; all that we may, if nothing is said.
    pub(crate) sandbox: Option<guard::Sandbox>,
    /// Whom its samples are of and where they go, where it is sampled.
    pub(crate) sampled: Option<(Arc<Gauges>, Subject)>,
    /// The child itself, where an earlier life has started it.
    pub(crate) adopted: Option<guard::Child>,
}

/// Reads what a child writes to stdout.
pub(crate) trait Reader: Send {
    /// Takes bytes as they came, and says how far the child is if they say so: any number that
    /// grows.
    fn read(&mut self, bytes: &[u8]) -> Option<u64>;
}

/// What it takes to run children: where, and what is wanted of them.
pub(crate) struct Hands<'a> {
    pub(crate) node: &'a guard::Node,
    pub(crate) clock: &'a dyn Clock,
    /// How nice they are.
    pub(crate) nice: i32,
    pub(crate) orders: &'a mut watch::Receiver<Order>,
    /// Hears of pauses, where somebody wants to.
    pub(crate) herald: Option<&'a Herald>,
    /// Shows what it waits for, where somebody can look.
    pub(crate) display: Option<Display>,
    /// Goes off when children are to be left to their shims, where they may be.
    pub(crate) leaving: Option<&'a CancellationToken>,
}

/// A child while it lives.
struct Watch<'a> {
    clock: &'a dyn Clock,
    herald: Option<&'a Herald>,
    child: guard::Child,
    machine: Child,
    /// What it had run for when it was taken over.
    before: Duration,
    trace: guard::Trace,
    /// What it dies with.
    tie: Tie,
}

impl Hands<'_> {
    /// Runs a child to its end, unless it is left to its shim ([`Halt::Left`]). What is wanted of it may
    /// change at any time.
    pub(crate) async fn run(
        &mut self,
        mut task: Task,
        reader: &mut dyn Reader,
    ) -> Result<Ended, Halt> {
        let order = *self.orders.borrow_and_update();
        let is_adopted = task.adopted.is_some();
        match order {
            // One that is there already is ended by the rules.
            Order::Stop(stop) | Order::Kill(stop) if !is_adopted => return Err(stop.into()),
            _ => {}
        }
        let (scratch, tasks) = (task.scratch.clone(), task.limits.tasks);
        let mut policy = task.policy;
        let (sampled, tie) = (task.sampled.take(), task.tie);
        let child = self.child(task, order, &mut policy).await?;
        let before = is_adopted.then(|| child.ran_before(self.clock.monotonic()));
        // It may have waited for long.
        let order = *self.orders.borrow_and_update();
        let gauge = sampled.map(|(gauges, subject)| gauges.watch(&child, subject, is_adopted));
        let machine = Child::new(policy, self.clock.monotonic());
        let run_at = child.exec_at().wall.as_micros();
        tracing::debug!(child = child.name(), pid = child.pid(), run_at, "a child runs");
        let mut watch = Watch {
            clock: self.clock,
            herald: self.herald,
            trace: child.trace(),
            child,
            machine,
            before: before.unwrap_or_default(),
            tie,
        };
        let mut plan = watch.apply(Event::Started);
        // What stops everything stops none that is left.
        let stops =
            matches!(order, Order::Stop(Stop::Interrupted) | Order::Kill(Stop::Interrupted));
        if order != Order::Run && !(stops && self.leaves() && watch.may_be_left()) {
            plan = watch.apply(Event::Ordered(order));
        }
        let mut pipe = Pipe { end: watch.child.take_stdout(), buffer: vec![0; BUFFER] };
        let (leaving, mut excess) = (self.leaving, None);
        let mut measure = tokio::time::interval_at(Instant::now() + MEASURE, MEASURE);
        let exit = loop {
            watch.act(&plan).await;
            let wake = watch.until(&plan);
            plan = tokio::select! {
                biased;
                exit = watch.child.wait() => break exit,
                () = left(leaving), if watch.may_be_left() => match watch.child.leave().await {
                    None => return Err(Halt::Left),
                    Some(exit) => break exit,
                },
                Ok(()) = self.orders.changed() => {
                    let order = *self.orders.borrow_and_update();
                    watch.apply(Event::Ordered(order))
                }
                bytes = pipe.read(), if pipe.end.is_some() => match reader.read(bytes) {
                    Some(position) => watch.apply(Event::Progress(position)),
                    None => watch.apply(Event::Tick),
                },
                _ = measure.tick(), if excess.is_none() => {
                    excess = match refused(&watch.child, tasks) {
                        None => overflown(scratch.as_ref()).await.map(Excess::Scratch),
                        refused => refused,
                    };
                    match excess {
                        Some(_) => watch.apply(Event::Ordered(Order::Stop(Stop::Interrupted))),
                        None => watch.apply(Event::Tick),
                    }
                }
                () = tokio::time::sleep(wake) => watch.apply(Event::Tick),
            };
        };
        if let Some(gauge) = gauge {
            gauge.end(&exit.usage);
        }
        pipe.drain(reader).await;
        if is_adopted {
            // What it said while nobody was there is not in the pipe.
            let _position = reader.read(exit.stdout_tail.as_bytes());
        }
        // One that is refused a thread often ends by itself.
        if excess.is_none() && !exit.exit.is_success() && exit.tasks_refused > 0 {
            excess = tasks.map(Excess::Tasks);
        }
        Ok(watch.end(exit, excess))
    }
}

impl Hands<'_> {
    /// Whether children are to be left to their shims.
    fn leaves(&self) -> bool {
        self.leaving.is_some_and(CancellationToken::is_cancelled)
    }
}

/// Waits until children are to be left.
async fn left(leaving: Option<&CancellationToken>) {
    match leaving {
        Some(leaving) => leaving.cancelled().await,
        None => std::future::pending().await,
    }
}

/// The reading end of a child's stdout.
struct Pipe {
    /// Nothing once it has been read to its end.
    end: Option<Receiver>,
    buffer: Vec<u8>,
}

impl Pipe {
    /// Reads what the child wrote before its end. Nobody writes there any more, unless a process
    /// got away with the pipe: that one may hold it open for ever, and is not waited for.
    async fn drain(&mut self, reader: &mut dyn Reader) {
        let deadline = Instant::now() + LAST_WORDS;
        while self.end.is_some() {
            match tokio::time::timeout_at(deadline, self.read()).await {
                Ok(bytes) => {
                    let _position = reader.read(bytes);
                }
                Err(_elapsed) => {
                    tracing::warn!("somebody else holds the stdout of a child that has ended");
                    return;
                }
            }
        }
    }

    /// The next bytes; none at the end. May be dropped at any time.
    async fn read(&mut self) -> &[u8] {
        let Some(end) = &mut self.end else { return &[] };
        match end.read(&mut self.buffer).await {
            Ok(count) if count > 0 => &self.buffer[..count],
            _ => {
                self.end = None;
                &[]
            }
        }
    }
}

/// The limit on processes and threads that a child has met.
fn refused(child: &guard::Child, tasks: Option<u32>) -> Option<Excess> {
    tasks.filter(|_| child.tasks_refused() > 0).map(Excess::Tasks)
}

/// The size of a work directory that is too large.
async fn overflown(scratch: Option<&(Dir, Bytes)>) -> Option<Bytes> {
    let (dir, limit) = scratch?.clone();
    let measured = blocking(move || Ok(dir.size()?)).await;
    match measured {
        Ok(size) => (size > limit).then_some(size),
        Err(halt) => {
            tracing::warn!(?halt, "a work directory could not be measured");
            None
        }
    }
}

impl Watch<'_> {
    /// Whether the next life would find of it what this one would: it has a shim, and is not ended for
    /// anything.
    const fn may_be_left(&self) -> bool {
        matches!(self.tie, Tie::Shim)
            && matches!(self.machine.state(), State::Starting | State::Running | State::Paused)
    }

    fn apply(&mut self, event: Event) -> Plan {
        self.machine.apply(event, self.clock.monotonic())
    }

    /// How long until the machine is to be asked again.
    fn until(&self, plan: &Plan) -> Duration {
        plan.wake
            .map_or(MEASURE, |wake| wake.saturating_sub(self.clock.monotonic()))
    }

    /// Does what is to be done.
    async fn act(&mut self, plan: &Plan) {
        for action in &plan.actions {
            let done = match action {
                Action::Terminate => {
                    self.child.terminate();
                    Ok(())
                }
                Action::Kill => {
                    self.child.kill_tree();
                    Ok(())
                }
                Action::Freeze => self.freeze().await,
                Action::Thaw => self.thaw().await,
                Action::Report(_) => Ok(()),
            };
            if let Err(error) = done {
                let (child, error) = (self.child.name(), chain(&error));
                tracing::warn!(child, ?action, %error, "something could not be done to a child");
            }
        }
    }

    async fn freeze(&mut self) -> Result<(), guard::StillError> {
        self.child.freeze().await?;
        if let Some(herald) = self.herald {
            herald.say(Report::Paused { at: self.clock.now() });
        }
        Ok(())
    }

    async fn thaw(&mut self) -> Result<(), guard::StillError> {
        self.child.thaw().await?;
        // One that is thawed to be ended does not run again.
        if let (Some(herald), Order::Run) = (self.herald, self.machine.order()) {
            herald.say(Report::Resumed { at: self.clock.now() });
        }
        Ok(())
    }

    fn end(mut self, exit: guard::Exit, excess: Option<Excess>) -> Ended {
        let plan = self.apply(Event::Exited(exit.exit));
        let verdict = plan.actions.iter().find_map(|action| match action {
            Action::Report(verdict) => Some(*verdict),
            _ => None,
        });
        let began = self.child.exec_at().monotonic;
        Ended {
            verdict: verdict.unwrap_or(Verdict::Exited { exit: exit.exit }),
            out_of_memory: exit.is_out_of_memory(),
            excess,
            began,
            ended: began + Duration::from_micros(exit.usage.wall_micros),
            paused: Duration::from_micros(exit.usage.paused_micros),
            worked: self.before + self.machine.worked(),
            forsaken: exit.forsaken,
            trace: self.trace,
            usage: exit.usage,
            last_words: exit.stderr_tail,
        }
    }
}
