//! A feed that is a command: what it prints is its bytes.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use ffleet_base::{chain, files};
use ffleet_guard::{Child, ChildSpec, Report, Stderr, Stdin, Stdout, supervise};
use ffleet_supervise::{Order, Policy, Stop, Verdict};
use ffleet_types::live::Command;
use ffleet_types::{Bytes, RoleGroup};
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};
use tokio::io::AsyncWriteExt as _;
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::lasting::{self, Left};
use super::memo::Memo;
use super::run::{Ended, read};
use super::{Feed, Shop};
use crate::reader::Reading;
use crate::ring::{Ring, Take};

/// What a pipe should hold, so that a busy producer is seldom kept waiting: the most that a user
/// gets without a word (`fs.pipe-max-size`).
const PIPE: usize = 1 << 20;
/// The size of a segment of a log; three are kept of a run.
pub(crate) const LOG: Bytes = Bytes(256 << 10);
/// Logs of runs that are kept.
const RUNS: u64 = 4;
/// How long a command may stay after it has closed its output.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// The longest part of what it said last that is shown.
const LONGEST_WORDS: usize = 300;

/// What a child of the gateway is started with.
#[derive(Debug)]
pub(crate) struct Given<'a> {
    /// The command.
    pub(crate) words: &'a Command,
    /// What it and its log are called.
    pub(crate) label: &'a str,
    /// Which run this is, from 1.
    pub(crate) number: u64,
    /// What it reads.
    pub(crate) input: Option<Arc<Ring>>,
    /// What says to our next life which command it is, if it is to outlive us.
    pub(crate) note: Option<String>,
}

/// A child, and the task that feeds it, which ends with it.
#[derive(Debug)]
pub(crate) struct Killed {
    pub(crate) child: Child,
    /// What it prints.
    pub(crate) output: Option<Receiver>,
    pub(crate) feeding: Option<tokio::task::JoinHandle<()>>,
    /// Where it is noted what it prints, if it outlives us.
    pub(crate) memo: Option<Memo>,
}

impl Drop for Killed {
    fn drop(&mut self) {
        self.child.kill_tree();
        if let Some(feeding) = &self.feeding {
            feeding.abort();
        }
    }
}

/// Starts a command. Dropped, it is killed.
///
/// # Errors
///
/// What is in the way, for people.
pub(crate) async fn start(shop: &Shop, given: Given<'_>) -> Result<Killed, String> {
    let Given { words, label, number, input, note } = given;
    let mut spec = ChildSpec::new(format!("{label}.{number}"), words.program());
    spec.args = words.args().iter().map(Into::into).collect();
    spec.cwd.clone_from(&shop.options.cwd);
    spec.role = RoleGroup::named(RoleGroup::LIVE);
    spec.nice = 0;
    spec.stdout = Stdout::Pipe;
    let log = log(&shop.options.logs.join(label), number);
    spec.stderr = match log {
        Ok(path) => Stderr::Log { path, cap: LOG },
        Err(error) => {
            tracing::warn!(feed = label, %error, "what the command says cannot be kept");
            Stderr::Tail
        }
    };
    let mut ours = None;
    if let Some(ring) = input {
        let (theirs, end) = pipe().map_err(|error| format!("there is no pipe for it: {error}"))?;
        spec.stdin = Stdin::From(theirs);
        ours = Some((ring, end));
    }
    let outlives = note.map(|note| lasting::outlive(&mut spec, note)).transpose();
    let outlives = outlives.map_err(|error| format!("there is no pipe for it: {error}"))?;
    let mut child = shop.node.spawn(spec).await.map_err(|error| chain(&error))?;
    let (output, memo) = match outlives {
        Some((output, memo)) => (output, Some(memo)),
        None => (child.take_stdout().ok_or("its output is not a pipe")?, None),
    };
    widen(label, &output);
    // Ends with the child, which closes the other end of the pipe, or with what it reads; aborted when
    // the child is let go.
    let feeding = ours.map(|(ring, end)| tokio::spawn(feed_to(ring, end)));
    Ok(Killed { child, output: Some(output), feeding, memo })
}

pub(crate) fn pipe() -> io::Result<(OwnedFd, Sender)> {
    let (theirs, ours) = pipe_with(PipeFlags::CLOEXEC)?;
    if let Err(error) = fcntl_setpipe_size(&ours, PIPE) {
        tracing::debug!(%error, "a pipe stays as it is");
    }
    rustix::io::ioctl_fionbio(&ours, true)?;
    Ok((theirs, Sender::from_owned_fd(ours)?))
}

/// Whether it was said that pipes stay small.
static SAID: std::sync::Once = std::sync::Once::new();

/// Asks for a larger pipe, and says once what is in the way.
pub(crate) fn widen(label: &str, pipe: impl AsFd) {
    if let Err(error) = fcntl_setpipe_size(pipe, PIPE) {
        SAID.call_once(|| {
            tracing::warn!(
                feed = label, %error,
                "pipes stay small, and busy commands wait more often: this user has as much in pipes as it \
                 may; the remedy is `sysctl fs.pipe-user-pages-soft=0`, or a higher number than it has"
            );
        });
    }
}

/// Gives what comes in `ring` to a command, from a place where it can begin.
async fn feed_to(ring: Arc<Ring>, mut end: Sender) {
    let mut place = ring.enter();
    loop {
        match ring.next(&mut place).await {
            Take::Bytes { bytes, .. } => {
                for piece in bytes {
                    // It reads no more.
                    if end.write_all(&piece).await.is_err() {
                        return;
                    }
                }
            }
            Take::Wait | Take::End => return,
        }
    }
}

/// Where what run `number` says is kept; older ones are removed.
pub(crate) fn log(dir: &std::path::Path, number: u64) -> Result<PathBuf, files::Error> {
    files::create_private_dir(dir)?;
    if let Ok(entries) = fs::read_dir(dir) {
        for entry in entries.flatten() {
            let name = entry.file_name();
            let run = name
                .to_str()
                .and_then(|name| name.split('.').next()?.parse::<u64>().ok());
            if run.is_some_and(|run| run >= number || run + RUNS <= number) {
                // What cannot be removed now is removed the next time.
                let _left = fs::remove_file(entry.path());
            }
        }
    }
    Ok(dir.join(format!("{number}.log")))
}

/// What a run of a feed that is a command is given.
#[derive(Debug)]
pub(super) struct Work<'a> {
    pub(super) words: &'a Command,
    pub(super) reading: Reading,
    pub(super) stop: CancellationToken,
    /// What an earlier life has left of it.
    pub(super) left: Option<Left>,
}

/// One run of a feed that is a command.
pub(super) async fn run(feed: &Arc<Feed>, shop: &Shop, work: Work<'_>) -> Ended {
    let Work { words, mut reading, stop, left } = work;
    let _parent = feed.parent.as_ref().map(Feed::hold);
    let mut started = match left {
        Some(left) => {
            reading.format = Some(left.format);
            taken_over(feed, left)
        }
        None => {
            let begun = tokio::select! {
                begun = begin(feed, shop, words) => begun,
                () = stop.cancelled() => return Ended::failed("it was stopped"),
            };
            match begun {
                Ok(started) => started,
                Err(why) => return Ended::failed(why),
            }
        }
    };
    feed.lock().pid = Some(started.child.pid());
    let lasts = started.memo.is_some();
    reading.memo = started.memo.take();
    let Some(output) = started.output.take() else {
        return Ended::failed("its output is somebody else's");
    };
    let given = reading.progress.clone();
    let report = tokio::select! {
        biased;
        () = shop.leaving.cancelled(), if lasts => None,
        report = see(feed, shop, &started.child, (output, reading), &stop) => Some(report),
    };
    let report = match report {
        Some(report) => report,
        None => match started.child.leave().await {
            None => {
                let mut left = shop.left.lock().unwrap_or_else(PoisonError::into_inner);
                left.push(feed.label.clone());
                return Ended::clean("it is left running");
            }
            Some(exit) => Report { verdict: Verdict::Exited { exit: exit.exit }, exit },
        },
    };
    let given = *given.borrow();
    judge(feed, shop, report.verdict, given, &report.exit.stderr_tail)
}

/// Starts a run.
async fn begin(feed: &Feed, shop: &Shop, words: &Command) -> Result<Killed, String> {
    if shop.leaving.is_cancelled() {
        // Its name may be that of one that was left.
        return Err("it was stopped".to_owned());
    }
    let given = Given {
        words,
        label: &feed.label,
        number: feed.status().starts.max(1),
        input: feed.parent.as_ref().map(|parent| Arc::clone(&parent.ring)),
        note: lasting::note(feed, shop, words),
    };
    start(shop, given).await
}

/// The run that an earlier life has left.
fn taken_over(feed: &Feed, left: Left) -> Killed {
    let Left { child, output, memo, .. } = left;
    let pid = child.pid();
    tracing::info!(feed = feed.label, pid, "a command of an earlier life is taken over");
    Killed { child, output: Some(output), feeding: None, memo: Some(memo) }
}

/// Reads what a command prints, and sees it to its end.
async fn see(
    feed: &Feed,
    shop: &Shop,
    child: &Child,
    (output, reading): (Receiver, Reading),
    stop: &CancellationToken,
) -> Report {
    let (orders, ordered) = watch::channel(Order::Run);
    let policy = Policy {
        timeout: None,
        stall: feed.spec.silence.map(|span| span.0),
        grace: shop.options.grace,
    };
    let progress = reading.progress.subscribe();
    let seen = supervise(child, policy, shop.clock.as_ref(), ordered, progress);
    let (mut reading, mut seen) = (std::pin::pin!(read(output, reading)), std::pin::pin!(seen));
    let mut last_words = std::pin::pin!(tokio::time::sleep(Duration::MAX));
    let (mut is_read, mut is_told) = (false, false);
    let report = loop {
        tokio::select! {
            report = seen.as_mut() => break report,
            _ended = reading.as_mut(), if !is_read => {
                is_read = true;
                // It may say why before it goes.
                last_words.as_mut().reset(Instant::now() + LAST_WORDS);
            }
            () = last_words.as_mut(), if is_read && !is_told => {
                is_told = true;
                orders.send_replace(Order::Stop(Stop::Canceled));
            }
            () = stop.cancelled(), if !is_told => {
                is_told = true;
                orders.send_replace(Order::Stop(Stop::Canceled));
            }
        }
    };
    if !is_read {
        // Nothing of it is alive: what it wrote is in the pipe, and no more comes.
        let _late = tokio::time::timeout(LAST_WORDS, reading).await;
    }
    report
}

/// What an end means.
fn judge(feed: &Feed, shop: &Shop, verdict: Verdict, given: u64, said: &str) -> Ended {
    let role = RoleGroup::named(RoleGroup::LIVE);
    let why = match verdict {
        Verdict::Exited { exit } if exit.is_success() && given > 0 => {
            shop.node.role_worked(&role);
            return Ended::clean("it ended");
        }
        Verdict::Exited { exit } if exit.is_success() => "it ended without a byte".to_owned(),
        Verdict::Exited { exit } => format!("it ended with {exit}"),
        Verdict::Stalled { .. } => {
            let silence = feed.spec.silence.map_or(0.0, |span| span.0.as_secs_f64());
            format!("it gave nothing for {silence} s")
        }
        Verdict::TimedOut { .. } | Verdict::Canceled | Verdict::Interrupted => {
            "it was stopped".to_owned()
        }
    };
    let last = said
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    let last: String = last.trim().chars().take(LONGEST_WORDS).collect();
    Ended::failed(if last.is_empty() { why } else { format!("{why}: {last}") })
}

#[cfg(test)]
mod tests {
    use rustix::pipe::fcntl_getpipe_size;
    use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

    use super::*;

    /// As a user without privileges meets it: on a thread that has given up those of root.
    #[test]
    fn limit_on_pipes_is_said_and_they_stay_as_they_are() {
        let poor = || {
            let mut held = capabilities(None).unwrap();
            held.effective
                .remove(CapabilitySet::SYS_RESOURCE | CapabilitySet::SYS_ADMIN);
            set_capabilities(None, held).unwrap();
            let limit = fs::read_to_string("/proc/sys/fs/pipe-user-pages-soft").unwrap();
            let limit: usize = limit.trim().parse().unwrap();
            // Room in a pipe is counted when it is asked for, and taken when it is used.
            let all: Vec<_> = (0..limit / 256 + 2)
                .map(|_| pipe_with(PipeFlags::CLOEXEC).unwrap())
                .collect();
            all.iter().for_each(|(_, ours)| widen("feed", ours));
            let sizes: Vec<_> =
                all.iter().map(|(_, ours)| fcntl_getpipe_size(ours).unwrap()).collect();
            assert_eq!(sizes[0], PIPE, "there was room for the first");
            let (theirs, ours) = all.last().unwrap();
            assert!(limit == 0 || fcntl_getpipe_size(ours).unwrap() < PIPE, "{sizes:?}");
            assert_eq!(SAID.is_completed(), limit > 0);
            rustix::io::write(ours, b"still a pipe").unwrap();
            let mut read = [0; 12];
            rustix::io::read(theirs, &mut read).unwrap();
            assert_eq!(&read, b"still a pipe");
        };
        std::thread::spawn(poor).join().unwrap();
    }
}
