//! A started child, and the task that sees it to its end.
//!
//! The task owns the end: it reaps the first process, kills whoever that left behind, waits until
//! the cgroup is empty, reads what was used, removes the cgroup and only then says that the child
//! has ended. It goes on whether or not anybody waits; a [`Child`] that is dropped is killed, and
//! the same task cleans up after it.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use ffleet_base::{Clock, chain};
use ffleet_types::Timestamp;
use tokio::io::unix::AsyncFd;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle};

use crate::cgroup::{Error, Group};
use crate::exit::{self, Exit};
use crate::launch::{self, Reaped};
use crate::shim::Line;
use crate::shim::held::Held;
use crate::shim::wire::{Began, Request};
use crate::stderr::Said;
use crate::tree::Tree;

/// How often threads are counted where the kernel does not.
const SAMPLE: Duration = Duration::from_secs(1);
/// The first and the longest wait between two looks at a tree that is being killed.
const LOOKS: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(100));
/// After so many looks somebody should know (about 5 s).
const MANY_LOOKS: u32 = 50;
/// How long standard error is still read when nothing of the tree is alive: somebody outside of
/// it may hold the pipe.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A point in time on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// When, for people.
    pub wall: Timestamp,
    /// On the clock that only goes forward.
    pub monotonic: Duration,
}

impl Moment {
    pub(crate) fn now(clock: &dyn Clock) -> Self {
        Self { wall: clock.now(), monotonic: clock.monotonic() }
    }
}

/// A started process with everything that comes of it. Dropping it kills all of that.
#[derive(Debug)]
pub struct Child {
    name: String,
    pid: u32,
    hand: Hand,
    /// Its cgroups, as far as they are known here.
    group: Option<Group>,
    executed: Moment,
    exit: watch::Receiver<Option<Exit>>,
    stdout: Option<Receiver>,
    stderr: Option<Receiver>,
    said: Said,
}

/// How a child is reached.
#[derive(Debug)]
enum Hand {
    /// It is ours.
    Tree(Arc<Tree>),
    /// Through its shim.
    Shim(Arc<Line>),
    /// It has ended.
    None,
}

/// The ends of a child's pipes.
#[derive(Debug, Default)]
pub(crate) struct Pipes {
    pub(crate) stdout: Option<Receiver>,
    pub(crate) stderr: Option<Receiver>,
    pub(crate) said: Said,
    /// The task that reads standard error.
    pub(crate) reader: Option<JoinHandle<()>>,
}

impl Child {
    /// Takes charge of a tree that has just been started.
    pub(crate) fn adopt(name: String, tree: Tree, birth: Birth, pipes: Pipes) -> io::Result<Self> {
        let executed = birth.executed;
        let pidfd = launch::watch(tree.pidfd().try_clone()?)?;
        let tree = Arc::new(tree);
        let (sender, exit) = watch::channel(None);
        let end = End {
            name: name.clone(),
            tree: Arc::clone(&tree),
            birth,
            said: pipes.said.clone(),
            reader: pipes.reader,
        };
        // Its owner is the node, which waits for `birth.keep` to be dropped. It ends with the tree; if
        // the runtime ends first, dropping it kills the tree and waits for it.
        tokio::spawn(async move {
            let (exit, keep) = end.see_to_it(pidfd).await;
            let _unheard = sender.send(Some(exit));
            drop(keep);
        });
        let (stdout, stderr, said) = (pipes.stdout, pipes.stderr, pipes.said);
        let pid = tree.pid().as_raw_nonzero().get().cast_unsigned();
        let group = tree.group().cloned();
        Ok(Self {
            name,
            pid,
            hand: Hand::Tree(tree),
            group,
            executed,
            exit,
            stdout,
            stderr,
            said,
        })
    }

    /// Takes charge of a child that is held by a shim.
    pub(crate) fn held(name: String, began: Began, stdout: Option<Receiver>, shim: Held) -> Self {
        let (line, group) = (Arc::clone(&shim.line), shim.group.clone());
        let (sender, exit) = watch::channel(None);
        let child = name.clone();
        // Its owner is the node, which waits for `keep` to be dropped. If the runtime ends first, the
        // line breaks, and the shim goes on until its orphan grace is over.
        tokio::spawn(async move {
            let (exit, keep) = shim.see_to_it(&child).await;
            let _unheard = sender.send(Some(exit));
            drop(keep);
        });
        Self {
            name,
            pid: began.pid.cast_unsigned(),
            hand: Hand::Shim(line),
            group,
            executed: moment(began),
            exit,
            stdout,
            stderr: None,
            said: Said::default(),
        }
    }

    /// A child of an earlier life that has ended.
    pub(crate) fn ended(name: String, began: Began, exit: Exit) -> Self {
        Self {
            name,
            pid: began.pid.cast_unsigned(),
            hand: Hand::None,
            group: None,
            executed: moment(began),
            exit: watch::channel(Some(exit)).1,
            stdout: None,
            stderr: None,
            said: Said::default(),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id of its first process, which is that of its group and session too.
    #[must_use]
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// When its program began to run.
    #[must_use]
    pub const fn exec_at(&self) -> Moment {
        self.executed
    }

    /// Its standard output, once, if that was to be a pipe.
    pub const fn take_stdout(&mut self) -> Option<Receiver> {
        self.stdout.take()
    }

    /// Its standard error, once, if that was to be a pipe.
    pub const fn take_stderr(&mut self) -> Option<Receiver> {
        self.stderr.take()
    }

    /// The end of what it has written to standard error so far.
    #[must_use]
    pub fn stderr_tail(&self) -> String {
        self.said.tail()
    }

    /// Waits until nothing of it is alive. May be called again, and dropped at any time.
    pub async fn wait(&self) -> Exit {
        let mut exit = self.exit.clone();
        let ended = exit.wait_for(Option::is_some).await.ok().and_then(|exit| exit.clone());
        match ended {
            Some(exit) => exit,
            // The runtime is going down, and took the task along; it takes this one next.
            None => std::future::pending().await,
        }
    }

    /// How it ended, if it has.
    #[must_use]
    pub fn exit(&self) -> Option<Exit> {
        self.exit.borrow().clone()
    }

    /// How often it was refused a process or thread so far. A program that is refused one may wait
    /// for it for ever, alive and silent.
    #[must_use]
    pub fn tasks_refused(&self) -> u64 {
        self.group.as_ref().map_or(0, Group::tasks_refused)
    }

    /// Asks its process group to end: SIGTERM.
    pub fn terminate(&self) {
        match &self.hand {
            Hand::Tree(tree) => tree.terminate(),
            Hand::Shim(line) => line.say(Request::Terminate),
            Hand::None => {}
        }
    }

    /// Kills everything that came of it.
    pub fn kill_tree(&self) {
        match &self.hand {
            Hand::Tree(tree) => tree.kill(),
            Hand::Shim(line) => line.say(Request::Kill),
            Hand::None => {}
        }
    }

    /// Makes all of it stand still: with its cgroup where there is one, else by SIGSTOP.
    ///
    /// # Errors
    ///
    /// If the kernel refuses. What it refuses a shim is not heard here.
    pub fn freeze(&self) -> Result<(), Error> {
        match &self.hand {
            Hand::Tree(tree) => return tree.freeze(),
            Hand::Shim(line) => line.say(Request::Freeze),
            Hand::None => {}
        }
        Ok(())
    }

    /// Lets it run again.
    ///
    /// # Errors
    ///
    /// If the kernel refuses. What it refuses a shim is not heard here.
    pub fn thaw(&self) -> Result<(), Error> {
        match &self.hand {
            Hand::Tree(tree) => return tree.thaw(),
            Hand::Shim(line) => line.say(Request::Thaw),
            Hand::None => {}
        }
        Ok(())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.exit.borrow().is_none() {
            self.kill_tree();
        }
    }
}

fn moment(began: Began) -> Moment {
    let monotonic = Duration::from_micros(began.monotonic_micros);
    Moment { wall: began.wall, monotonic }
}

/// When a child came to life, and who has to know when nothing of it is left.
#[derive(Debug)]
pub(crate) struct Birth {
    pub(crate) executed: Moment,
    pub(crate) clock: Arc<dyn Clock>,
    /// Dropped when the tree is gone.
    pub(crate) keep: watch::Receiver<()>,
}

/// What has to be done at a child's end.
struct End {
    name: String,
    tree: Arc<Tree>,
    birth: Birth,
    said: Said,
    reader: Option<JoinHandle<()>>,
}

impl End {
    async fn see_to_it(mut self, pidfd: AsyncFd<OwnedFd>) -> (Exit, watch::Receiver<()>) {
        let peak_threads = self.first_process_ended(&pidfd).await;
        let reaped = self.reap();
        drop(pidfd);
        let strays = self.everybody_gone().await;
        self.last_words().await;
        let now = self.birth.clock.monotonic();
        let wall = now.saturating_sub(self.birth.executed.monotonic);
        let exit = Exit {
            stderr_tail: self.said.tail(),
            log_lost: self.said.lost(),
            ..exit::of(&self.tree, reaped, peak_threads, strays, wall)
        };
        let tree = Arc::clone(&self.tree);
        let removed = tokio::task::spawn_blocking(move || tree.remove()).await;
        match removed {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(child = self.name, error = %chain(&error), "a cgroup is left");
            }
            Err(error) => tracing::warn!(child = self.name, %error, "a cgroup is left"),
        }
        (exit, self.birth.keep)
    }

    /// Waits for it, and counts threads where the kernel does not.
    async fn first_process_ended(&self, pidfd: &AsyncFd<OwnedFd>) -> u64 {
        let counted = self.tree.group().is_some_and(Group::keeps_peak_tasks);
        let mut sample = tokio::time::interval(SAMPLE);
        let mut most = 0;
        loop {
            tokio::select! {
                ended = pidfd.readable() => {
                    if let Err(error) = ended {
                        tracing::warn!(child = self.name, %error, "a child is not watched");
                    }
                    return most;
                }
                _ = sample.tick(), if !counted => most = most.max(self.tree.tasks()),
            }
        }
    }

    fn reap(&self) -> Option<Reaped> {
        self.tree.reap().unwrap_or_else(|error| {
            // Somebody else has waited for our child.
            tracing::error!(child = self.name, %error, "a child's end was lost");
            None
        })
    }

    /// Kills whoever was left behind, until nobody is; how many that were at first.
    async fn everybody_gone(&self) -> usize {
        let (mut wait, longest) = LOOKS;
        let mut strays = 0;
        for look in 0_u32.. {
            let tree = Arc::clone(&self.tree);
            // Without cgroups this reads all of /proc.
            let living = tokio::task::spawn_blocking(move || {
                let living = tree.living();
                if living > 0 {
                    tree.kill();
                }
                living
            });
            let living = living.await.unwrap_or(0);
            strays = strays.max(living);
            if living == 0 {
                break;
            }
            if look == MANY_LOOKS {
                tracing::warn!(child = self.name, living, "killed processes do not die");
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(longest);
        }
        strays
    }

    async fn last_words(&mut self) {
        let Some(reader) = self.reader.take() else { return };
        let stop = Stop(reader.abort_handle());
        // Late or not, what was heard is kept.
        let _late = tokio::time::timeout(LAST_WORDS, reader).await;
        drop(stop);
    }
}

/// Ends a task when it is dropped.
struct Stop(AbortHandle);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
