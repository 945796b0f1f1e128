//! Children in the hands of shims: started, and taken over from an earlier life.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, MutexGuard, PoisonError};

use ffleet_base::{chain, files};
use tokio::net::unix::pipe::Receiver;
use tokio::sync::watch;

use super::spawn::{joined, refused, text};
use super::{Node, SHIMS};
use crate::cgroup::{Base, Group};
use crate::child::Child;
use crate::error::SpawnError;
use crate::launch::{Doors, Failure, Launch, Launched, Stack, Step, above_stdio};
use crate::sandbox::Walls;
use crate::seats::Seat;
use crate::shim::held::Held;
use crate::shim::wire::{Begin, Flow, Reply};
use crate::shim::{self, Line, Orphan};
use crate::spec::{Limits, Stdout};

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
        let (Orphan { name, dir, began, state }, seat) = orphan;
        let failed = |source| SpawnError::Pipes(PathBuf::from(&name), source);
        match state {
            shim::State::Ended(exit) => {
                fs::remove_dir_all(&dir).map_err(failed)?;
                Ok(Some(Child::ended(name.clone(), began, *exit)))
            }
            shim::State::Held { line, stdout } => {
                let line = Arc::new(Line::new(line).map_err(failed)?);
                let stdout = Receiver::from_owned_fd(stdout).map_err(failed)?;
                let shim = Held {
                    line,
                    stilled: watch::Sender::default(),
                    shim: None,
                    group: self.group_of(&name),
                    dir,
                    keep: self.keep(seat),
                    base: Arc::clone(&self.base),
                };
                Ok(Some(Child::held(name.clone(), began, Some(stdout), shim)))
            }
        }
    }

    /// Kills the orphans that nobody adopted. Must be called in a tokio runtime.
    pub fn abandon_orphans(&self) {
        for name in self.orphans() {
            tracing::warn!(
                child = name,
                "nobody takes over a child of an earlier life; it is killed"
            );
            match self.adopt(&name) {
                // Dropping it kills it; the node waits for its end.
                Ok(child) => drop(child),
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
        let Wanted { name, program, limits, mut begin, marks, launch, stdout, seat } = wanted;
        let failed = |source| SpawnError::Shim(program.clone(), source);
        let dir = self.options.root.join(SHIMS).join(&name);
        files::create_private_dir(&self.options.root.join(SHIMS))
            .and_then(|()| files::create_private_dir(&dir))
            .map_err(|error| failed(io::Error::other(error)))?;
        seat.keep(&dir).map_err(|error| failed(io::Error::other(error)))?;
        begin.dir.clone_from(&dir);
        begin.orphan_grace = self
            .options
            .orphan_grace
            .map(|grace| u64::try_from(grace.as_millis()).unwrap_or(u64::MAX));
        let marks: Vec<_> = marks.into_iter().map(|(name, value)| joined(name, &value)).collect();
        begin.set_marks(&marks);
        let (ours, theirs) = Line::pair().map_err(failed)?;
        let shim = self.shim(theirs, &marks)?;
        let base = Arc::clone(&self.base);
        let order = Order { name: name.clone(), program: program.clone(), limits, begin, launch };
        let started = self.spawner.run(move |stack| {
            let (launched, group) = order.hand_over(&shim, &base, &ours, stack)?;
            Ok::<_, SpawnError>((launched, group, ours))
        });
        let (launched, group, ours) = started.await??;
        let line = Arc::new(Line::new(ours).map_err(failed)?);
        let heard = line.hear().await;
        let held = Held {
            line,
            stilled: watch::Sender::default(),
            shim: Some((launched.pid, launched.pidfd)),
            group,
            dir,
            keep: self.keep(Some(seat)),
            base: Arc::clone(&self.base),
        };
        match heard {
            Ok(Some(Reply::Began(began))) => {
                let stdout = stdout.map(Receiver::from_owned_fd).transpose().map_err(failed)?;
                Ok(Child::held(name, began, stdout, held))
            }
            Ok(Some(Reply::Refused { step, errno })) => {
                let source = io::Error::from_raw_os_error(errno);
                held.discard(&name).await;
                Err(refused(&program, Failure { step: Step::numbered(step), source }))
            }
            other => {
                held.discard(&name).await;
                Err(failed(io::Error::other(format!("its shim said {other:?}"))))
            }
        }
    }

    /// The shim itself: not tied to us, its end of the line as standard input.
    fn shim(&self, line: OwnedFd, marks: &[OsString]) -> Result<Launch, SpawnError> {
        let (program, words) = &self.options.shim;
        let failed = |source| SpawnError::Shim(program.clone(), source);
        Ok(Launch {
            program: text(program.clone().into_os_string())?,
            argv: [program.clone().into_os_string()]
                .into_iter()
                .chain(words.iter().cloned())
                .map(text)
                .collect::<Result<_, _>>()?,
            envp: marks.iter().cloned().map(text).collect::<Result<_, _>>()?,
            cwd: text("/".into())?,
            stdio: [
                above_stdio(line).map_err(failed)?,
                self.null().map_err(failed)?,
                self.null().map_err(failed)?,
            ],
            nice: 0,
            file_size: None,
            cpus: None,
            walls: None,
            tied: false,
        })
    }
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
    pub(super) seat: Seat,
}

/// What the spawner's thread gets of it.
struct Order {
    name: String,
    program: PathBuf,
    limits: Limits,
    begin: Begin,
    launch: Launch,
}

impl Order {
    /// Makes the child's cgroups, starts the shim, and tells it what to do.
    fn hand_over(
        mut self,
        shim: &Launch,
        base: &Base,
        line: &OwnedFd,
        stack: &mut Stack,
    ) -> Result<(Launched, Option<Group>), SpawnError> {
        let unbounded = |source| SpawnError::Cgroup(self.program.clone(), source);
        let group = if base.is_empty() {
            None
        } else {
            Some(Group::create(base.sites(), &self.name, &self.limits).map_err(unbounded)?)
        };
        self.begin.group.clone_from(&group);
        match self.start(shim, group.as_ref(), line, stack) {
            Ok(launched) => Ok((launched, group)),
            Err(error) => {
                clear_away(group.as_ref(), &self.begin.dir);
                Err(error)
            }
        }
    }

    fn start(
        &self,
        shim: &Launch,
        group: Option<&Group>,
        line: &OwnedFd,
        stack: &mut Stack,
    ) -> Result<Launched, SpawnError> {
        let doors = group.map_or(Ok(Doors::default()), Group::doors);
        let doors = doors.map_err(|source| SpawnError::Cgroup(self.program.clone(), source))?;
        let launched =
            shim.start(&Doors::default(), stack)
                .map_err(|Failure { step, source }| {
                    let text = format!("cannot {}: {source}", step.purpose());
                    SpawnError::Shim(self.program.clone(), io::Error::new(source.kind(), text))
                })?;
        let files = doors.files.iter().map(|door| door.as_fd());
        let mut fds: Vec<_> = files.chain(doors.tree.iter().map(|tree| tree.as_fd())).collect();
        if self.begin.stdout != Flow::Nowhere {
            fds.push(self.launch.stdio[1].as_fd());
        }
        fds.extend(self.launch.walls.iter().flat_map(Walls::fds));
        // Without its orders the shim ends by itself, when the line goes.
        self.begin
            .send(line.as_fd(), &fds)
            .map_err(|source| SpawnError::Shim(self.program.clone(), source))?;
        Ok(launched)
    }
}

/// Removes what was made for a child that did not come to be.
fn clear_away(group: Option<&Group>, dir: &Path) {
    if let Some(Err(error)) = group.map(Group::remove) {
        tracing::warn!(error = %chain(&error), "a cgroup is left");
    }
    if let Err(error) = fs::remove_dir_all(dir) {
        tracing::warn!(%error, "a shim's directory is left");
    }
}

pub(super) const fn flow(stdout: &Stdout) -> Flow {
    match stdout {
        Stdout::Null => Flow::Nowhere,
        Stdout::Pipe => Flow::Pipe,
        Stdout::File(_) => Flow::File,
    }
}
