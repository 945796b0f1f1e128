//! A started child, and the task that sees it to its end.
//!
//! The task owns the end: it reaps the first process, kills whoever that left behind, waits until
//! the cgroup is empty, reads what was used, removes the cgroup and only then says that the child
//! has ended. It goes on whether or not anybody waits; a [`Child`] that is dropped is killed, and
//! the same task cleans up after it.

mod end;
mod reins;

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Weak};
use std::time::Duration;

use ffleet_base::Clock;
use ffleet_types::Timestamp;
use rustix::process::Pid;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use self::end::End;
pub(crate) use self::end::{Birth, Keep};
use self::reins::Reins;
use crate::cgroup::{Error, Group};
use crate::error::StillError;
use crate::exit::Exit;
use crate::launch;
use crate::sample::Sampler;
use crate::shim::held::{Held, Left, Trace};
use crate::shim::wire::{Began, Request};
use crate::stderr::Said;
use crate::still::Still;
use crate::tree::Tree;

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
    /// How long it stood still in an earlier life.
    still: Still,
    /// What its shim holds for it, if it was taken over.
    held: BTreeMap<String, OwnedFd>,
    /// What was said of it when it was started, if it was taken over.
    note: Option<String>,
    exit: watch::Receiver<Option<Exit>>,
    /// The task that hears its shim, if it has one.
    listener: Option<JoinHandle<()>>,
    left: Weak<Left>,
    /// That of one that had ended before it was taken over.
    _trace: Trace,
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
    Shim(Reins),
    /// It has ended.
    None,
}

/// What a child has lived through in the hands of its shim.
#[derive(Debug)]
pub(crate) struct Past {
    pub(crate) began: Began,
    pub(crate) still: Still,
    /// What its shim holds for it.
    pub(crate) held: BTreeMap<String, OwnedFd>,
    /// How it ended, if it has.
    pub(crate) ended: Option<Exit>,
    /// What was said of it when it was started.
    pub(crate) note: Option<String>,
}

impl Past {
    /// That of a child that has just been started.
    pub(crate) fn new(began: Began) -> Self {
        Self {
            began,
            still: Still::default(),
            held: BTreeMap::new(),
            ended: None,
            note: None,
        }
    }
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
            still: Still::default(),
            held: BTreeMap::new(),
            note: None,
            exit,
            listener: None,
            left: Weak::new(),
            _trace: Trace::default(),
            stdout,
            stderr,
            said,
        })
    }

    /// Takes charge of a child that is held by a shim.
    pub(crate) fn held(name: String, past: Past, stdout: Option<Receiver>, shim: Held) -> Self {
        let Past { began, still, held, ended, note } = past;
        let (reins, group, left) = (Reins::new(&shim), shim.group.clone(), shim.trace.left());
        let (sender, exit) = watch::channel(ended.clone());
        let child = name.clone();
        // Its owner is the node, which waits for `keep` to be dropped. If the runtime ends first, the
        // line breaks, and the shim goes on until its orphan grace is over.
        let listener = tokio::spawn(async move {
            let (exit, keep) = shim.see_to_it(&child, ended).await;
            let _unheard = sender.send(Some(exit));
            drop(keep);
        });
        Self {
            name,
            pid: began.pid.cast_unsigned(),
            hand: Hand::Shim(reins),
            group,
            executed: moment(began),
            still,
            held,
            note,
            exit,
            listener: Some(listener),
            left,
            _trace: Trace::default(),
            stdout,
            stderr: None,
            said: Said::default(),
        }
    }

    /// A child of an earlier life that has ended.
    pub(crate) fn ended(name: String, began: Began, exit: Exit, trace: Trace) -> Self {
        Self {
            name,
            pid: began.pid.cast_unsigned(),
            hand: Hand::None,
            group: None,
            executed: moment(began),
            still: Still::default(),
            held: BTreeMap::new(),
            note: None,
            exit: watch::channel(Some(exit)).1,
            listener: None,
            left: trace.left(),
            _trace: trace,
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

    /// How long it has run up to `now` on the monotonic clock, or to its end if it has ended, without the
    /// time that it stood still before it was taken over. For a child that is taken over: what it has lived
    /// through already.
    #[must_use]
    pub fn ran_before(&self, now: Duration) -> Duration {
        let micros = Duration::from_micros;
        let (lived, still) = match &*self.exit.borrow() {
            Some(exit) => (micros(exit.usage.wall_micros), micros(exit.usage.paused_micros)),
            None => (now.saturating_sub(self.executed.monotonic), self.still.until(now)),
        };
        lived.saturating_sub(still)
    }

    /// Keeps what it leaves on disk when it ends, if it is in the hands of a shim. To be asked for before its
    /// end: what nobody keeps goes with the child.
    pub fn trace(&self) -> Trace {
        Trace::of(&self.left)
    }

    /// Its standard output, once, if that was to be a pipe.
    pub const fn take_stdout(&mut self) -> Option<Receiver> {
        self.stdout.take()
    }

    /// Its standard error, once, if that was to be a pipe.
    pub const fn take_stderr(&mut self) -> Option<Receiver> {
        self.stderr.take()
    }

    /// A descriptor that its shim holds under this name, once, if the child was taken over while its shim
    /// was there. Another one of the same: what the shim holds stays open.
    pub fn take_held(&mut self, name: &str) -> Option<OwnedFd> {
        self.held.remove(name)
    }

    /// What was said of it when it was started ([`ChildSpec::note`](crate::ChildSpec::note)), if the child was taken
    /// over while its shim was there.
    #[must_use]
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
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

    /// What looks at its processes while they live; nothing once they are known to be gone.
    #[must_use]
    pub fn sampler(&self) -> Option<Sampler> {
        if self.exit.borrow().is_some() {
            return None;
        }
        let pid = Pid::from_raw(self.pid.cast_signed())?;
        Some(Sampler::new(pid, self.group.clone()))
    }

    /// Asks its process group to end: SIGTERM.
    pub fn terminate(&self) {
        match &self.hand {
            Hand::Tree(tree) => tree.terminate(),
            Hand::Shim(reins) => reins.say(&Request::Terminate),
            Hand::None => {}
        }
    }

    /// Kills everything that came of it.
    pub fn kill_tree(&self) {
        match &self.hand {
            Hand::Tree(tree) => tree.kill(),
            Hand::Shim(reins) => reins.say(&Request::Kill),
            Hand::None => {}
        }
    }

    /// Makes all of it stand still: with its cgroup where there is one, else by SIGSTOP.
    ///
    /// # Errors
    ///
    /// If it has ended, if the kernel refuses, or if its shim does not answer.
    pub async fn freeze(&self) -> Result<(), StillError> {
        self.still(Tree::freeze, Request::Freeze).await
    }

    /// Lets it run again.
    ///
    /// # Errors
    ///
    /// If it has ended, if the kernel refuses, or if its shim does not answer.
    pub async fn thaw(&self) -> Result<(), StillError> {
        self.still(Tree::thaw, Request::Thaw).await
    }

    async fn still(
        &self,
        set: fn(&Tree) -> Result<(), Error>,
        request: fn(u64) -> Request,
    ) -> Result<(), StillError> {
        if self.exit.borrow().is_some() {
            return Err(StillError::Ended);
        }
        match &self.hand {
            Hand::Tree(tree) => Ok(set(tree)?),
            Hand::Shim(reins) => tokio::select! {
                _ = self.wait() => Err(StillError::Ended),
                answer = reins.ask(request) => answer,
            },
            Hand::None => Err(StillError::Ended),
        }
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
