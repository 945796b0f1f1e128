//! A feed that is a command: what it prints is its bytes.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ffleet_base::{chain, files};
use ffleet_guard::{Child, ChildSpec, Stderr, Stdin, Stdout, supervise};
use ffleet_supervise::{Order, Policy, Stop, Verdict};
use ffleet_types::live::Command;
use ffleet_types::{Bytes, RoleGroup};
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};
use tokio::io::AsyncWriteExt as _;
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

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
}

/// A child, and the task that feeds it, which ends with it.
#[derive(Debug)]
pub(crate) struct Killed {
    pub(crate) child: Child,
    /// What it prints.
    pub(crate) output: Option<Receiver>,
    pub(crate) feeding: Option<tokio::task::JoinHandle<()>>,
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
    let Given { words, label, number, input } = given;
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
    let mut child = shop.node.spawn(spec).await.map_err(|error| chain(&error))?;
    let output = child.take_stdout().ok_or("its output is not a pipe")?;
    widen(label, &output);
    // Ends with the child, which closes the other end of the pipe, or with what it reads; aborted when
    // the child is let go.
    let feeding = ours.map(|(ring, end)| tokio::spawn(feed_to(ring, end)));
    Ok(Killed { child, output: Some(output), feeding })
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

/// One run of a feed that is a command.
pub(super) async fn run(
    feed: &Arc<Feed>,
    shop: &Shop,
    words: &Command,
    reading: Reading,
    stop: CancellationToken,
) -> Ended {
    let _parent = feed.parent.as_ref().map(Feed::hold);
    let given = Given {
        words,
        label: &feed.label,
        number: feed.status().starts.max(1),
        input: feed.parent.as_ref().map(|parent| Arc::clone(&parent.ring)),
    };
    let mut started = tokio::select! {
        started = start(shop, given) => match started {
            Ok(started) => started,
            Err(why) => return Ended::failed(why),
        },
        () = stop.cancelled() => return Ended::failed("it was stopped"),
    };
    feed.lock().pid = Some(started.child.pid());
    let (orders, ordered) = watch::channel(Order::Run);
    let policy = Policy {
        timeout: None,
        stall: feed.spec.silence.map(|span| span.0),
        grace: shop.options.grace,
    };
    let progress = reading.progress.subscribe();
    let (output, spare) = (started.output.take(), reading.progress.clone());
    let Some(output) = output else {
        return Ended::failed("its output is somebody else's");
    };
    let seen = supervise(&started.child, policy, shop.clock.as_ref(), ordered, progress);
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
    let given = *spare.borrow();
    judge(feed, shop, report.verdict, given, &report.exit.stderr_tail)
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
