//! What a shim holds of its child: the tree, its pipes, and how far its end has come.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use ffleet_base::{Clock as _, SystemClock};
use ffleet_types::Bytes;
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};

use super::pour::Pour;
use super::wire::{Began, Begin, Flow};
use crate::cgroup::Group;
use crate::exit::{self, Exit};
use crate::launch::{Doors, Failure, Reaped, Stack, Step, above_stdio};
use crate::log;
use crate::sandbox::Walls;
use crate::stderr::Said;
use crate::tree::Tree;

/// What is read from a child at once.
const PIECE: usize = 8 << 10;
/// How long standard error is read when nothing of the child is alive: somebody may hold it.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// The first and the longest wait between two looks at a tree that is being killed.
const LOOKS: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(100));

/// A child with everything that is held of it.
pub(super) struct Held {
    pub(super) tree: Tree,
    /// Whether its threads must be counted, as the kernel does not.
    pub(super) counts: bool,
    wants_log: bool,
    log: Option<log::Writer>,
    said: Said,
    /// What went through us from its standard output.
    poured: Said,
    pub(super) errors: Option<OwnedFd>,
    pub(super) stdout: Option<Pour>,
    /// Bytes of its standard error for which there was no log.
    lost: u64,
    most_tasks: u64,
    pub(super) end: End,
}

/// How far its end has come.
pub(super) enum End {
    Lives,
    /// Its first process is gone; whoever it left behind is killed.
    Dies {
        reaped: Option<Reaped>,
        strays: usize,
        look: Duration,
        next: Duration,
    },
    /// Nothing of it is alive; its last words are waited for.
    Fades {
        reaped: Option<Reaped>,
        strays: usize,
        until: Duration,
    },
}

/// Starts the child, and holds its pipes. `fds` is what came beside its description, without what is held
/// for others.
pub(super) fn start(
    begin: &Begin,
    group: Option<Group>,
    mut fds: Vec<OwnedFd>,
    null: &File,
) -> Result<(Held, Began), Failure> {
    let failed = |step| move |source: io::Error| Failure { step, source };
    let stdio = failed(Step::Stdio);
    let given = begin.take_given(&mut fds).map_err(stdio)?;
    let input = begin.take_stdin(&mut fds).map_err(stdio)?;
    let walls = begin.walls.map(|built| Walls::take(built, &mut fds)).transpose();
    let walls = walls.map_err(failed(Step::Sandbox))?;
    let pipe = || -> io::Result<(OwnedFd, OwnedFd)> {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC)?;
        fcntl_setfl(&read, OFlags::NONBLOCK)?;
        Ok((above_stdio(read)?, above_stdio(write)?))
    };
    let copy = || above_stdio(null.try_clone()?.into());
    let input = input.map_or_else(copy, Ok).map_err(stdio)?;
    let (errors, error) = pipe().map_err(stdio)?;
    let poured = Said::default();
    let (stdout, output) = match begin.stdout {
        Flow::Nowhere => (None, copy().map_err(stdio)?),
        Flow::File => (None, fds.pop().ok_or_else(|| stdio(Errno::BADF.into()))?),
        Flow::Pipe => {
            let (read, write) = pipe().map_err(stdio)?;
            let reader = fds.pop().ok_or_else(|| stdio(Errno::BADF.into()))?;
            (Some(Pour::new(read, reader, poured.clone()).map_err(stdio)?), write)
        }
    };
    let in_tree = group.as_ref().is_some_and(|group| group.tree().is_some());
    let tree = if in_tree { fds.pop() } else { None };
    let doors = Doors { files: fds.into_iter().map(File::from).collect(), tree };
    let launch = begin
        .launch([input, output, error], given, walls)
        .map_err(failed(Step::Exec))?;
    let launched = launch.start(&doors, &mut Stack::new())?;
    let began = Began {
        pid: launched.pid.as_raw_nonzero().get(),
        wall: SystemClock.now(),
        monotonic_micros: micros(now()),
    };
    let log = begin.log.as_ref().and_then(|(path, cap)| {
        // One that cannot be made is said at the end, as bytes that were lost.
        log::Writer::create(path, Bytes(*cap)).ok()
    });
    let tree = Tree::new(launched, group, begin.marks(), None);
    let held = Held {
        counts: !tree.group().is_some_and(Group::keeps_peak_tasks),
        tree,
        wants_log: begin.log.is_some(),
        log,
        said: Said::default(),
        poured,
        errors: Some(errors),
        stdout,
        lost: 0,
        most_tasks: 0,
        end: End::Lives,
    };
    Ok((held, began))
}

pub(super) fn now() -> Duration {
    SystemClock.monotonic()
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

impl Held {
    /// Takes what the child wrote to its standard error.
    pub(super) fn hear(&mut self) {
        let mut piece = [0; PIECE];
        while let Some(fd) = &self.errors {
            match rustix::io::read(fd, &mut piece) {
                Err(Errno::AGAIN | Errno::INTR) => return,
                Ok(0) | Err(_) => self.errors = None,
                Ok(count) => {
                    self.said.hear(&piece[..count]);
                    match &mut self.log {
                        Some(log) => log.append(SystemClock.now(), &piece[..count]),
                        None if self.wants_log => self.lost += count as u64,
                        None => {}
                    }
                }
            }
        }
    }

    pub(super) fn pour(&mut self) {
        if self.stdout.as_mut().is_some_and(|stdout| !stdout.pour()) {
            self.stdout = None;
        }
    }

    /// Sees its end a step further.
    pub(super) fn advance(&mut self, exited: bool) {
        if self.counts && matches!(self.end, End::Lives) {
            self.most_tasks = self.most_tasks.max(self.tree.tasks());
        }
        if exited && matches!(self.end, End::Lives) {
            let reaped = self.tree.reap().ok().flatten();
            self.end = End::Dies { reaped, strays: 0, look: LOOKS.0, next: now() };
        }
        if let End::Dies { reaped, strays, look, next } = &mut self.end
            && now() >= *next
        {
            let living = self.tree.living();
            *strays = living.max(*strays);
            if living > 0 {
                self.tree.kill();
                *next = now() + *look;
                *look = (*look * 2).min(LOOKS.1);
            } else {
                let (reaped, strays) = (*reaped, *strays);
                self.hear();
                self.end = End::Fades { reaped, strays, until: now() + LAST_WORDS };
            }
        }
    }

    /// How it ended, once nothing of it is alive and it was heard out.
    pub(super) fn gone(&mut self, wall: Duration) -> Option<Exit> {
        let End::Fades { reaped, strays, until } = &self.end else {
            return None;
        };
        if (self.errors.is_some() || self.stdout.is_some()) && now() < *until {
            return None;
        }
        let exit = exit::of(&self.tree, *reaped, self.most_tasks, *strays, wall);
        let lost = self.lost + self.log.as_ref().map_or(0, log::Writer::lost);
        // What stays is removed at the node's next start.
        let _or_stays = self.tree.remove();
        let (stderr_tail, stdout_tail) = (self.said.tail(), self.poured.tail());
        Some(Exit { stderr_tail, stdout_tail, log_lost: lost, ..exit })
    }
}
