//! The shim's own side: one thread that waits for whatever comes next.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::ExitCode;
use std::time::Duration;

use ffleet_base::{chain, files};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{PidfdFlags, getpid, pidfd_open};

use super::hold::{End, Held, now, start};
use super::nursery::{self, Born};
use super::pour::Pour;
use super::wire::{self, Attached, Began, Begin, First, Received, Record, Reply, Request};
use super::{Place, keep, line};
use crate::cgroup;
use crate::exit::Exit;
use crate::launch::{Failure, above_stdio, block_signals, carry};
use crate::seats::Promise;
use crate::timespec;
use crate::tree::Tree;

/// How often threads are counted where the kernel does not keep their peak.
const SAMPLE: Duration = Duration::from_secs(1);

/// What the program of the shim does from its start to its end. Its standard input is a line down which
/// come the lines of shims; without one it says so and ends.
#[must_use]
pub fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Its standard error is the guard's.
            let text = format!("ffleet shim: {error}: it is started by ffleet, not by hand\n");
            let _or_nobody_reads = rustix::io::write(rustix::stdio::stderr(), text.as_bytes());
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<()> {
    block_signals()?;
    let line = above_stdio(rustix::stdio::stdin().try_clone_to_owned()?)?;
    let null = File::options().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    match nursery::run(line)? {
        Born::Over => Ok(()),
        Born::Shim(line) => shim(line, &null),
    }
}

/// What a shim does for the guard at the other end of `line`.
fn shim(line: OwnedFd, null: &File) -> io::Result<()> {
    let Received { begin, group, mut fds } = match Begin::receive(line.as_fd())? {
        Some(First::Shim(received)) => *received,
        Some(First::Keeper(keep)) => return keep::watch(line, keep),
        None => return Ok(()),
    };
    let held = begin.take_held(&mut fds)?;
    // Whoever is on the line has to see its end.
    let itself = pidfd_open(getpid(), PidfdFlags::empty())?;
    let last = |reply: &Reply| wire::send(line.as_fd(), reply, &[itself.as_fd()]);
    // Before the child runs: whoever comes next must find it from its first moment on.
    let found = carry(nursery::ROOM, &begin.marks).and_then(|()| line::listen(&begin.place));
    let listener = match found {
        Ok(listener) => listener,
        Err(error) => return last(&Reply::Unable(error.to_string())),
    };
    // Nothing is said to a shim before it has spoken but that nobody waits for it any more.
    if has_news(&line)? {
        return Ok(());
    }
    let (child, began) = match start(&begin, group, fds, null) {
        Ok(started) => started,
        Err(Failure { step, source }) => {
            let errno = source.raw_os_error().unwrap_or(Errno::IO.raw_os_error());
            return last(&Reply::Refused { step: step as i32, errno });
        }
    };
    line::non_blocking(line.as_fd())?;
    let mut shim = Shim {
        itself,
        began,
        name: begin.name,
        note: begin.note,
        seat: begin.seat,
        place: begin.place,
        grace: begin.orphan_grace.map(Duration::from_millis),
        line: Some(line),
        listener,
        alone_since: now(),
        child,
        held,
        forsaken: false,
        withdrawn: false,
        ended: None,
    };
    shim.introduce(&Reply::Began(began), false);
    if shim.line.is_none() {
        // Nobody has learned that there is a child, so that nobody would come for it.
        shim.withdraw();
    }
    shim.watch();
    Ok(())
}

/// Whether there is anything on the line, or nobody.
fn has_news(line: &OwnedFd) -> io::Result<bool> {
    let mut heard = [PollFd::new(line, PollFlags::IN)];
    Ok(poll(&mut heard, Some(&timespec(Duration::ZERO)))? > 0)
}

struct Shim {
    /// A pidfd, for whoever takes the child over.
    itself: OwnedFd,
    began: Began,
    name: String,
    note: Option<String>,
    seat: Promise,
    place: Place,
    grace: Option<Duration>,
    line: Option<OwnedFd>,
    listener: OwnedFd,
    /// Since when nobody is on the line.
    alone_since: Duration,
    child: Held,
    /// What is kept open for whoever comes next.
    held: BTreeMap<String, OwnedFd>,
    /// Whether it was killed because nobody came back.
    forsaken: bool,
    /// Whether nobody wants to hear of it.
    withdrawn: bool,
    ended: Option<Exit>,
}

impl Shim {
    /// Goes on until the child's end was heard by somebody, or nobody comes for it.
    fn watch(&mut self) {
        loop {
            let Some([caller, line, errors, stdout, exited]) = self.wait() else {
                continue;
            };
            if errors {
                self.child.hear();
            }
            if stdout {
                self.child.pour();
            }
            if caller {
                self.answer();
            }
            if line && self.obey() {
                return;
            }
            self.child.advance(exited);
            self.close_up();
            if self.withdrawn && self.ended.is_some() {
                return;
            }
            if self.is_forsaken() {
                if self.ended.is_some() {
                    return;
                }
                self.forsaken |= matches!(self.child.end, End::Lives);
                self.child.tree.kill();
            }
        }
    }

    /// Waits for the next thing to happen, and says what it was: a caller, words on the line, on
    /// standard error, on standard output, the end of the child. Nothing if it was broken off.
    fn wait(&self) -> Option<[bool; 5]> {
        let child = &self.child;
        let none = self.listener.as_fd();
        // A descriptor that nothing is wanted of would still tell of its end, again and again: the
        // child's once it is reaped, a pipe's whose reader is gone.
        let for_what = |fd, wanted: bool, what| {
            let (fd, what) = if wanted { (fd, what) } else { (none, PollFlags::empty()) };
            PollFd::from_borrowed_fd(fd, what)
        };
        let line = self.line.as_ref().map_or(none, |line| line.as_fd());
        let errors = child.errors.as_ref().map_or(none, |fd| fd.as_fd());
        let (source, sink) = child.stdout.as_ref().map_or((none, none), Pour::ends);
        let lives = matches!(child.end, End::Lives);
        let pours = child.stdout.as_ref();
        let mut all = [
            PollFd::new(&self.listener, PollFlags::IN),
            for_what(line, self.line.is_some(), PollFlags::IN),
            for_what(errors, child.errors.is_some(), PollFlags::IN),
            for_what(source, pours.is_some_and(Pour::wants_more), PollFlags::IN),
            for_what(sink, pours.is_some_and(Pour::is_full), PollFlags::OUT),
            for_what(child.tree.pidfd().as_fd(), lives, PollFlags::IN),
        ];
        let span = self.next().map(|at| timespec(at.saturating_sub(now())));
        poll(&mut all, span.as_ref()).ok()?;
        let is = |index: usize, wanted: bool| wanted && !all[index].revents().is_empty();
        Some([
            is(0, true),
            is(1, self.line.is_some()),
            is(2, child.errors.is_some()),
            is(3, pours.is_some_and(Pour::wants_more)) || is(4, pours.is_some_and(Pour::is_full)),
            is(5, lives),
        ])
    }

    /// When something is to be done even if nothing happens.
    fn next(&self) -> Option<Duration> {
        let of_child = match self.child.end {
            End::Lives if self.child.counts => Some(now() + SAMPLE),
            End::Lives => None,
            End::Dies { next, .. } => Some(next),
            End::Fades { until, .. } => self.ended.is_none().then_some(until),
        };
        let alone = self.line.is_none().then_some(self.grace).flatten();
        // One that was killed for being forsaken dies by its own looks.
        let forsaken = alone
            .map(|grace| self.alone_since + grace)
            .filter(|&at| at > now() || self.ended.is_some());
        [of_child, forsaken].into_iter().flatten().min()
    }

    fn is_forsaken(&self) -> bool {
        let alone = self.line.is_none().then(|| now().saturating_sub(self.alone_since));
        matches!((alone, self.grace), (Some(alone), Some(grace)) if alone >= grace)
    }

    /// Lets somebody in who wants to take the child over.
    fn answer(&mut self) {
        if let Ok(line) = line::accept(&self.listener) {
            self.line = Some(line);
        }
    }

    /// Does what the guard wants; whether that is to go.
    fn obey(&mut self) -> bool {
        let Some(line) = &self.line else { return false };
        let request = match wire::receive::<Request>(line.as_fd()) {
            Ok(Some(request)) => request,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
            Ok(None) | Err(_) => {
                self.alone();
                return false;
            }
        };
        let tree = &self.child.tree;
        match request {
            (Request::Attach, fds) => {
                if let (Some(stdout), Some(reader)) =
                    (&mut self.child.stdout, fds.into_iter().next())
                {
                    stdout.turn(reader);
                }
                self.say_all();
            }
            (Request::Terminate, _) => tree.terminate(),
            (Request::Kill, _) => tree.kill(),
            (Request::Freeze(request), _) => self.still(request, Tree::freeze),
            (Request::Thaw(request), _) => self.still(request, Tree::thaw),
            (Request::Release(request, name), _) => {
                // Closed before that is said.
                let held = self.held.remove(&name).is_some();
                let trouble = (!held).then(|| "it holds nothing of this name".to_owned());
                self.say(&Reply::Answered { request, trouble });
            }
            (Request::Farewell, _) => return self.ended.is_some(),
            (Request::Withdraw, _) => self.withdraw(),
        }
        false
    }

    /// Kills the child, of which nothing is to be left.
    fn withdraw(&mut self) {
        self.withdrawn = true;
        self.child.tree.kill();
    }

    /// Freezes or thaws the child, and says what came of it.
    fn still(&mut self, request: u64, set: impl FnOnce(&Tree) -> Result<(), cgroup::Error>) {
        let trouble = match self.child.end {
            End::Lives => set(&self.child.tree).err().map(|error| chain(&error)),
            End::Dies { .. } | End::Fades { .. } => Some("it has ended".to_owned()),
        };
        self.say(&Reply::Answered { request, trouble });
    }

    fn say(&mut self, reply: &Reply) {
        if let Some(line) = &self.line
            && wire::send(line.as_fd(), reply, &[]).is_err()
        {
            self.alone();
        }
    }

    /// Says the first thing on this line, with who says it beside it, and before that what is held if it is
    /// to be handed on.
    fn introduce(&mut self, reply: &Reply, hands: bool) {
        let held = self.held.values().filter(|_| hands).map(|fd| fd.as_fd());
        let beside: Vec<_> = held.chain([self.itself.as_fd()]).collect();
        if let Some(line) = &self.line
            && wire::send(line.as_fd(), reply, &beside).is_err()
        {
            self.alone();
        }
    }

    /// Tells whoever takes the child over what there is to know, and hands on what is held.
    fn say_all(&mut self) {
        let attached = Reply::Attached(Box::new(Attached {
            name: self.name.clone(),
            began: self.began,
            seat: self.seat.clone(),
            still: self.child.tree.still(),
            held: self.held.keys().cloned().collect(),
            ended: self.ended.clone(),
            note: self.note.clone(),
        }));
        self.introduce(&attached, true);
    }

    fn alone(&mut self) {
        self.line = None;
        self.alone_since = now();
    }

    /// Writes down how the child ended, once it has, and says it.
    fn close_up(&mut self) {
        if self.ended.is_some() {
            return;
        }
        let began = Duration::from_micros(self.began.monotonic_micros);
        let Some(exit) = self.child.gone(now().saturating_sub(began)) else {
            return;
        };
        self.child.stdout = None;
        let exit = Exit { forsaken: self.forsaken, ..exit };
        if self.withdrawn {
            self.ended = Some(exit);
            return;
        }
        let record = Record { name: self.name.clone(), began: self.began, exit: exit.clone() };
        let text = serde_json::to_vec(&record).unwrap_or_default();
        // A disk that is full costs the record, not the answer to whoever is on the line. After a restart
        // of the machine nobody asks: the attempt is done again.
        let _or_full = files::write_whole(&self.place.record(), &text, 0o600);
        self.ended = Some(exit.clone());
        self.say(&Reply::Ended(Box::new(exit)));
    }
}

#[cfg(test)]
mod tests {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    use super::*;
    use crate::launch::Launch;

    fn pair() -> (OwnedFd, OwnedFd) {
        let flags = SocketFlags::CLOEXEC;
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap()
    }

    /// A shim with a child that would live for a minute, on the thread that it dies with.
    fn shim(dir: &std::path::Path, theirs: OwnedFd) -> Shim {
        block_signals().unwrap();
        let null = File::options().read(true).write(true).open("/dev/null").unwrap();
        let stdio = || above_stdio(null.try_clone().unwrap().into()).unwrap();
        let mark = format!("FFLEET_CHILD=of-test-{}", getpid().as_raw_nonzero());
        let launch = Launch {
            program: c"/bin/sleep".into(),
            argv: vec![c"sleep".into(), c"60".into()],
            envp: vec![std::ffi::CString::new(mark.clone()).unwrap()],
            cwd: c"/".into(),
            stdio: [stdio(), stdio(), stdio()],
            given: Vec::new(),
            nice: 0,
            file_size: None,
            cpus: None,
            walls: None,
            tied: true,
        };
        let seat: Promise = serde_json::from_str(
            r#"{"group":"none","processes":1,"threads":1,"cpu":0,"memory":0}"#,
        )
        .unwrap();
        let place = Place::new(dir, "child");
        let mut begin = Begin::of(&launch, None, ("child".into(), seat, place));
        begin.set_marks(&[mark.into()]);
        let (child, began) = start(&begin, None, Vec::new(), &null).unwrap();
        line::non_blocking(theirs.as_fd()).unwrap();
        Shim {
            itself: pidfd_open(getpid(), PidfdFlags::empty()).unwrap(),
            began,
            name: begin.name,
            note: None,
            seat: begin.seat,
            listener: line::listen(&begin.place).unwrap(),
            place: begin.place,
            grace: None,
            line: Some(theirs),
            alone_since: now(),
            child,
            held: BTreeMap::new(),
            forsaken: false,
            withdrawn: false,
            ended: None,
        }
    }

    #[test]
    fn child_that_nobody_waits_for_any_more_is_killed_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_owned();
        let watched = std::thread::spawn(move || {
            let (ours, theirs) = pair();
            let mut shim = shim(&path, theirs);
            shim.introduce(&Reply::Began(shim.began), false);
            wire::send(ours.as_fd(), &Request::Withdraw, &[]).unwrap();
            shim.watch();
            assert!(!shim.place.record().exists());
            shim.ended.unwrap()
        });
        let exit = watched.join().unwrap();
        assert_eq!(exit.exit, ffleet_supervise::Exit::Signal(libc::SIGKILL));
    }

    #[test]
    fn line_tells_a_shim_that_nobody_waits_for_it_before_it_reads_it() {
        let (ours, theirs) = pair();
        assert!(!has_news(&theirs).unwrap());
        wire::send(ours.as_fd(), &Request::Withdraw, &[]).unwrap();
        assert!(has_news(&theirs).unwrap());
        let (ours, theirs) = pair();
        drop(ours);
        assert!(has_news(&theirs).unwrap(), "whoever asked for it is gone");
    }
}
