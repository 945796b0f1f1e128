//! Children in the hands of shims: started, and taken over from an earlier life.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::PathBuf;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use ffleet_base::chain;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::watch;
use tokio::time::timeout;

use super::Node;
use super::spawn::{joined, refused};
use crate::cgroup::{Base, Group};
use crate::child::{Child, Keep, Past};
use crate::error::SpawnError;
use crate::launch::{Doors, Failure, Launch, Stack, Step};
use crate::process;
use crate::sandbox::Walls;
use crate::seats::Seat;
use crate::shim::held::{Held, Trace};
use crate::shim::nursery::Nursery;
use crate::shim::wire::{Begin, Flow, Reply, Request};
use crate::shim::{self, Line, Orphan};
use crate::spawner::Spawner;
use crate::spec::{Limits, Stdout};

/// How long a shim may take to its first word. It needs a few milliseconds, and with hundreds beside it
/// on a busy machine a second; who is silent for longer stands still.
const FIRST_WORD: Duration = Duration::from_secs(5);
/// How long it may take after that to be heard or to end, when what it would come from is dead, and when it
/// was killed itself.
const LAST_WORD: Duration = Duration::from_secs(1);

impl Node {
    /// The children that an earlier life left in the hands of their shims, alive or ended, and that
    /// were not adopted yet.
    #[must_use]
    pub fn orphans(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    /// Takes over the orphan of this name, if there is one. Must be called in a tokio runtime.
    ///
    /// # Errors
    ///
    /// If the runtime cannot listen to it; it is killed then.
    pub fn adopt(&self, name: &str) -> Result<Option<Child>, SpawnError> {
        let Some(orphan) = self.lock().remove(name) else {
            return Ok(None);
        };
        let (Orphan { name, place, began, state }, seat) = orphan;
        let failed = |source| SpawnError::Pipes(PathBuf::from(&name), source);
        match state {
            shim::State::Ended(exit) => {
                Ok(Some(Child::ended(name.clone(), began, *exit, Trace::new(place).over())))
            }
            shim::State::Held { line, shim, stdout, held, still, ended, note, .. } => {
                let line = Arc::new(Line::new(line).map_err(failed)?);
                let stdout = Receiver::from_owned_fd(stdout).map_err(failed)?;
                let shim = Held {
                    line,
                    answered: watch::Sender::default(),
                    shim: Some(shim),
                    group: self.group_of(&name),
                    trace: Trace::new(place),
                    keep: self.keep_of(seat),
                    base: Arc::clone(&self.base),
                };
                let ended = ended.map(|exit| *exit).or_else(|| shim.line.ended());
                let past = Past { began, still, held, ended, note };
                Ok(Some(Child::held(name.clone(), past, Some(stdout), shim)))
            }
        }
    }

    /// Kills those of the orphans that nobody adopted whose names are `ours`. Must be called in a tokio runtime.
    pub fn abandon_orphans(&self, ours: impl Fn(&str) -> bool) {
        for name in self.orphans().into_iter().filter(|name| ours(name)) {
            match self.adopt(&name) {
                // Dropping it kills it; the node waits for its end.
                Ok(child) => {
                    if child.is_some_and(|child| child.exit().is_none()) {
                        tracing::warn!(
                            child = name,
                            "nobody takes over a child of an earlier life; it is killed"
                        );
                    }
                }
                Err(error) => tracing::warn!(error = %chain(&error), "a child is left to its shim"),
            }
        }
    }

    fn group_of(&self, name: &str) -> Option<Group> {
        (!self.base.is_empty()).then(|| Group::existing(self.base.sites(), name))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, (Orphan, Option<Seat>)>> {
        self.orphans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a child in the hands of a shim.
    pub(super) async fn spawn_held(&self, wanted: Wanted) -> Result<Child, SpawnError> {
        let Wanted { name, program, limits, mut begin, marks, launch, stdout, held, seat } = wanted;
        begin.orphan_grace = self
            .options
            .orphan_grace
            .map(|grace| u64::try_from(grace.as_millis()).unwrap_or(u64::MAX));
        let marks: Vec<_> = marks.into_iter().map(|(name, value)| joined(name, &value)).collect();
        begin.set_marks(&marks);
        let (at, keep) = (program.clone(), self.keep_of(Some(seat)));
        let midwife = Midwife {
            order: Arc::new(Order { name, program, limits, begin, launch, held }),
            base: Arc::clone(&self.base),
            nursery: Arc::clone(&self.nursery),
            spawner: self.spawner.clone(),
        };
        // Whoever waits for this may go at any moment, and a shim that has spoken meanwhile would keep its
        // child for whoever comes next. So it is done to its end in any case, and a child that nobody wants
        // any more is killed as any other that is dropped. Its owner is the node, which waits for `keep`.
        let started = tokio::spawn(midwife.deliver(keep, stdout)).await;
        started.unwrap_or_else(|lost| Err(SpawnError::Shim(at, io::Error::other(lost))))
    }
}

/// What it takes to put one child into the hands of a shim.
struct Midwife {
    order: Arc<Order>,
    base: Arc<Base>,
    nursery: Arc<Nursery>,
    spawner: Spawner,
}

impl Midwife {
    async fn deliver(self, keep: Keep, stdout: Option<OwnedFd>) -> Result<Child, SpawnError> {
        let Order { name, program, .. } = &*self.order;
        let failed = |source| SpawnError::Shim(program.clone(), source);
        let stdout = stdout.map(Receiver::from_owned_fd).transpose().map_err(failed)?;
        let (mut heard, mut held) = self.hand_over(keep).await?;
        if matches!(heard, Ok(None)) {
            // What shims come from was killed with this one on its way, and there is another by now. Nobody is
            // left who could have this line.
            let keep = held.give_up(name).await;
            (heard, held) = self.hand_over(keep).await?;
        }
        match heard {
            Ok(Some(Reply::Began(began))) => {
                Ok(Child::held(name.clone(), Past::new(began), stdout, held))
            }
            Ok(Some(Reply::Refused { step, errno })) => {
                let source = io::Error::from_raw_os_error(errno);
                held.discard(name).await;
                Err(refused(program, Failure { step: Step::numbered(step), source }))
            }
            other => {
                held.discard(name).await;
                let why = match other {
                    Ok(Some(Reply::Unable(why))) => why,
                    Ok(None) => "its shim is gone".to_owned(),
                    other => format!("its shim said {other:?}"),
                };
                Err(failed(io::Error::other(why)))
            }
        }
    }

    /// Gives the child to a new shim: what that says first, and what is held of both.
    async fn hand_over(&self, keep: Keep) -> Result<(io::Result<Option<Reply>>, Held), SpawnError> {
        let order = &self.order;
        let failed = |source| SpawnError::Shim(order.program.clone(), source);
        let (base, nursery) = (Arc::clone(&self.base), Arc::clone(&self.nursery));
        let handed = Arc::clone(order);
        let started = self.spawner.run(move |stack| handed.hand_over(&nursery, &base, stack));
        let (group, ours, number) = started.await??;
        let mut held = Held {
            line: Arc::new(Line::new(ours).map_err(failed)?),
            answered: watch::Sender::default(),
            shim: None,
            group,
            trace: Trace::new(order.begin.place.clone()),
            keep,
            base: Arc::clone(&self.base),
        };
        let heard = match timeout(FIRST_WORD, held.line.hear_all()).await {
            Ok(heard) => heard,
            Err(_late) => match self.hear_late(&held.line, number).await? {
                Late::Heard(heard) => heard,
                Late::Silent => {
                    let name = order.name.clone();
                    // Its owner is the node, which waits for what is kept. It ends with the shim.
                    tokio::spawn(async move { drop(held.outlast(&name).await) });
                    let silent = format!("it has said nothing for {} s", FIRST_WORD.as_secs());
                    return Err(failed(io::Error::new(io::ErrorKind::TimedOut, silent)));
                }
            },
        };
        let heard = heard.map(|heard| {
            heard.map(|(reply, mut beside)| {
                held.shim = beside.pop();
                reply
            })
        });
        Ok((heard, held))
    }

    /// What becomes of a shim that has said nothing in time. From here on the nursery of this number makes
    /// none any more, and a shim that there is gives up before it starts its child, or kills it.
    async fn hear_late(&self, line: &Line, number: u64) -> Result<Late, SpawnError> {
        let nursery = Arc::clone(&self.nursery);
        self.spawner.run(move |_| nursery.abandon(number)).await?;
        // Where it was the nursery that stood still, nobody has the line now.
        if let Ok(heard) = timeout(LAST_WORD, line.hear_all()).await {
            return Ok(Late::Heard(heard));
        }
        line.say(&Request::Withdraw);
        let marks = self.order.begin.marks();
        // One that was stopped does not hear that, and dies of this, once it can be found.
        let killed = tokio::task::spawn_blocking(move || {
            process::marked(&marks)
                .into_iter()
                .filter_map(|pid| process::kill_marked(pid, &marks))
                .count()
        });
        let killed = killed.await.unwrap_or_default();
        tracing::warn!(child = self.order.name, killed, "a shim has said nothing, and is killed");
        let over = async { while let Ok(Some(_)) = line.hear().await {} };
        Ok(match timeout(LAST_WORD, over).await {
            Ok(()) => Late::Heard(Ok(None)),
            Err(_late) => Late::Silent,
        })
    }
}

/// What became of a shim that had said nothing in time.
enum Late {
    /// Its first word after all, or that it is gone.
    Heard(io::Result<Option<(Reply, Vec<OwnedFd>)>>),
    /// It neither speaks nor ends.
    Silent,
}

/// A child that is to be started in the hands of a shim.
pub(super) struct Wanted {
    pub(super) name: String,
    pub(super) program: PathBuf,
    pub(super) limits: Limits,
    pub(super) begin: Begin,
    pub(super) marks: [(&'static str, OsString); 2],
    /// Holds the descriptor that the child's standard output goes to.
    pub(super) launch: Launch,
    /// The reading end of it.
    pub(super) stdout: Option<OwnedFd>,
    /// What the shim is to hold, in the order of their names.
    pub(super) held: Vec<OwnedFd>,
    pub(super) seat: Seat,
}

/// What the spawner's thread gets of it.
struct Order {
    name: String,
    program: PathBuf,
    limits: Limits,
    begin: Begin,
    launch: Launch,
    held: Vec<OwnedFd>,
}

impl Order {
    /// Makes the child's cgroups and the shim, tells it what to do, and gives the line to it.
    fn hand_over(
        &self,
        nursery: &Nursery,
        base: &Base,
        stack: &mut Stack,
    ) -> Result<(Option<Group>, OwnedFd, u64), SpawnError> {
        let unbounded = |source| SpawnError::Cgroup(self.program.clone(), source);
        let group = if base.is_empty() {
            None
        } else {
            Some(Group::create(base.sites(), &self.name, &self.limits).map_err(unbounded)?)
        };
        match self.start(nursery, group.as_ref(), stack) {
            Ok((line, number)) => Ok((group, line, number)),
            Err(error) => {
                if let Some(Err(error)) = group.as_ref().map(Group::remove) {
                    tracing::warn!(error = %chain(&error), "a cgroup is left");
                }
                Err(error)
            }
        }
    }

    fn start(
        &self,
        nursery: &Nursery,
        group: Option<&Group>,
        stack: &mut Stack,
    ) -> Result<(OwnedFd, u64), SpawnError> {
        let doors = group.map_or(Ok(Doors::default()), Group::doors);
        let doors = doors.map_err(|source| SpawnError::Cgroup(self.program.clone(), source))?;
        let failed = |source| SpawnError::Shim(self.program.clone(), source);
        let (line, theirs) = Line::pair().map_err(failed)?;
        let number = nursery.bear(theirs.as_fd(), stack).map_err(failed)?;
        // Where the shim has it alone, its end is the line's.
        drop(theirs);
        let files = doors.files.iter().map(|door| door.as_fd());
        let mut fds: Vec<_> = files.chain(doors.tree.iter().map(|tree| tree.as_fd())).collect();
        if self.begin.stdout != Flow::Nowhere {
            fds.push(self.launch.stdio[1].as_fd());
        }
        fds.extend(self.launch.walls.iter().flat_map(Walls::fds));
        if self.begin.stdin {
            fds.push(self.launch.stdio[0].as_fd());
        }
        fds.extend(self.launch.given.iter().map(|(_, fd)| fd.as_fd()));
        fds.extend(self.held.iter().map(|fd| fd.as_fd()));
        // Without its orders the shim ends by itself, when the line goes.
        self.begin.send(group, line.as_fd(), &fds).map_err(failed)?;
        Ok((line, number))
    }
}

pub(super) const fn flow(stdout: &Stdout) -> Flow {
    match stdout {
        Stdout::Null => Flow::Nowhere,
        Stdout::Pipe => Flow::Pipe,
        Stdout::File(_) => Flow::File,
    }
}
