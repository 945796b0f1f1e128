//! What is held for one destination, and how that is.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ffleet_api::Moment;
use ffleet_api::live::{EncoderEvent, Output};
use ffleet_base::Clock;
use ffleet_guard::ring::Ring;
use ffleet_live::output::{Item, Queue};
use ffleet_live::packet::CLOCK;
use ffleet_live::rtmp::Address;
use ffleet_types::Timestamp;
use ffleet_types::live::Output as Spec;
use ffleet_types::live::output::To;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::Piece;

/// What has happened that is kept for people.
const EVENTS: usize = 20;

/// See the module.
#[derive(Debug)]
pub(crate) struct Line {
    /// Which of its stream's outputs it is, from 1. That changes with those before it.
    number: AtomicUsize,
    pub(crate) spec: Spec,
    clock: Arc<dyn Clock>,
    queue: Mutex<Queue<Arc<Piece>>>,
    news: Notify,
    is_over: AtomicBool,
    /// Set when it is no output of its stream any more.
    gone: CancellationToken,
    /// What it holds at most, of the node's memory; nothing once that is given up.
    held: Mutex<Option<Ring>>,
    /// Whether there was none for it.
    is_refused: bool,
    sent: AtomicU64,
    /// Processes that were started.
    processes: AtomicU64,
    standing: Mutex<Standing>,
}

/// What a destination is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It waits for its time, or for something to send.
    Waiting,
    Connecting,
    Sending,
    Recording,
    /// It can never be sent to.
    Failed,
}

impl State {
    const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Connecting => "connecting",
            Self::Sending => "sending",
            Self::Recording => "recording",
            Self::Failed => "failed",
        }
    }
}

#[derive(Debug)]
struct Standing {
    state: State,
    since: Timestamp,
    /// Connections that were made.
    connections: u64,
    last_error: Option<(Timestamp, String)>,
    file: Option<String>,
    pid: Option<u32>,
    events: Vec<(Timestamp, String)>,
}

impl Line {
    /// One that holds so much of the node's memory, or never sends, because there is none for it. It `is_late` if its
    /// stream is under way.
    pub(super) fn new(
        spec: Spec,
        held: Result<Ring, String>,
        is_late: bool,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        let now = clock.now();
        let refused = held.as_ref().err();
        let standing = Standing {
            state: if refused.is_some() {
                State::Failed
            } else {
                State::Waiting
            },
            since: now,
            connections: 0,
            last_error: refused.map(|why| (now, why.clone())),
            file: None,
            pid: None,
            events: refused.map(|why| (now, why.clone())).into_iter().collect(),
        };
        let queue = if is_late { Queue::late } else { Queue::new };
        Self {
            number: AtomicUsize::new(0),
            queue: Mutex::new(queue(spec.ring.0)),
            spec,
            clock: Arc::clone(clock),
            news: Notify::new(),
            is_over: AtomicBool::new(false),
            gone: CancellationToken::new(),
            is_refused: held.is_err(),
            held: Mutex::new(held.ok()),
            sent: AtomicU64::new(0),
            processes: AtomicU64::new(0),
            standing: Mutex::new(standing),
        }
    }

    pub(super) fn queue(&self) -> MutexGuard<'_, Queue<Arc<Piece>>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It has this place among the outputs of its stream from now on.
    pub(super) fn place(&self, number: usize) {
        self.number.store(number, Ordering::Relaxed);
    }

    /// Whether there is no memory for what it would hold: it never sends.
    pub(super) const fn is_refused(&self) -> bool {
        self.is_refused
    }

    /// Gives its part of the node's memory up: another one is about to take its place.
    pub(super) fn give_up(&self) {
        drop(self.held.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// It is no output of its stream any more: what is left is sent.
    pub(super) fn leave(&self) {
        self.give_up();
        self.gone.cancel();
        self.close();
    }

    /// Waits until it is no output of its stream any more.
    pub(super) async fn left(&self) {
        self.gone.cancelled().await;
    }

    /// Puts a piece at the end.
    pub(super) fn push(&self, piece: &Arc<Piece>, is_start: bool) {
        if self.is_refused {
            return;
        }
        let packet = &piece.packet;
        let item = Item {
            time: packet.dts,
            size: packet.bytes.len() as u64,
            is_start,
            what: Arc::clone(piece),
        };
        self.queue().push(item);
        self.news.notify_one();
    }

    /// Takes what is next.
    pub(super) fn take(&self) -> Option<(u64, Item<Arc<Piece>>)> {
        self.queue().take().map(|(number, item)| (number, item.clone()))
    }

    /// What is next.
    pub(super) fn peek(&self) -> Option<Item<Arc<Piece>>> {
        self.queue().peek().cloned()
    }

    /// Waits until something has come, or nothing more will. For one task alone.
    pub(super) async fn news(&self) {
        self.news.notified().await;
    }

    /// More comes again.
    pub(super) fn open(&self) {
        self.is_over.store(false, Ordering::Release);
    }

    /// Nothing more comes.
    pub(super) fn close(&self) {
        self.is_over.store(true, Ordering::Release);
        self.news.notify_one();
    }

    /// Whether nothing more comes.
    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    /// The number of a process that is to be started, from 1.
    pub(super) fn next_process(&self) -> u64 {
        self.processes.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// So many bytes more were sent.
    pub(super) fn sent(&self, count: usize) {
        self.sent.fetch_add(count as u64, Ordering::Relaxed);
    }

    pub(super) fn set(&self, state: State) {
        let mut standing = self.standing();
        if standing.state != state {
            (standing.state, standing.since) = (state, self.clock.now());
        }
        if !matches!(state, State::Recording | State::Sending) {
            (standing.file, standing.pid) = (None, None);
        }
    }

    /// A process of ours sends, and where to, if that is a file.
    pub(super) fn by(&self, pid: u32, file: Option<String>) {
        let mut standing = self.standing();
        (standing.pid, standing.file) = (Some(pid), file);
    }

    /// It is connected: sent to, or recorded. What is done of its own accord is no reconnection.
    pub(super) fn connected(&self, state: State, is_again: bool) {
        self.set(state);
        let mut standing = self.standing();
        standing.connections += u64::from(is_again || standing.connections == 0);
        drop(standing);
    }

    /// Notes what went wrong.
    pub(super) fn failed(&self, why: &str) {
        let now = self.clock.now();
        self.standing().last_error = Some((now, why.to_owned()));
        self.note(why);
    }

    /// Notes what happened.
    pub(super) fn note(&self, what: &str) {
        let now = self.clock.now();
        let events = &mut self.standing().events;
        match events.last_mut() {
            // One that is down says the same again and again.
            Some((at, last)) if last == what => *at = now,
            _ => {
                if events.len() >= EVENTS {
                    events.remove(0);
                }
                events.push((now, what.to_owned()));
            }
        }
    }

    pub(super) fn events(&self) -> Vec<EncoderEvent> {
        let event = |(at, what): &(Timestamp, String)| EncoderEvent {
            at: Moment(*at),
            track: format!("output {}", self.number.load(Ordering::Relaxed)),
            what: what.clone(),
        };
        self.standing().events.iter().map(event).collect()
    }

    /// How it is, for whoever asks.
    pub(super) fn shown(&self) -> Output {
        let queue = self.queue();
        let (dropped, doubled) = (queue.dropped(), queue.doubled());
        let (held, behind) = (queue.bytes(), queue.behind());
        drop(queue);
        let standing = self.standing();
        Output {
            to: shown(&self.spec.to),
            kind: kind(&self.spec.to).to_owned(),
            state: standing.state.name().to_owned(),
            since: Moment(standing.since),
            sent_bytes: self.sent.load(Ordering::Relaxed),
            dropped_packets: dropped,
            doubled_packets: doubled,
            reconnects: standing.connections.saturating_sub(1),
            behind_ms: u64::try_from(behind / (CLOCK / 1_000)).unwrap_or(0),
            held_bytes: held,
            ring_bytes: self.spec.ring.0,
            last_error: standing.last_error.as_ref().map(|(_, why)| why.clone()),
            last_error_at: standing.last_error.as_ref().map(|(at, _)| Moment(*at)),
            file: standing.file.clone(),
            pid: standing.pid,
        }
    }
}

/// What kind of destination it is.
const fn kind(to: &To) -> &'static str {
    match to {
        To::Rtmp(_) => "rtmp",
        To::Srt(_) => "srt",
        To::Record(_) => "record",
    }
}

/// A destination without its secrets.
pub(super) fn shown(to: &To) -> String {
    match to {
        To::Rtmp(url) => url
            .0
            .parse()
            .map_or_else(|_| "rtmp://***".to_owned(), |address: Address| address.to_string()),
        To::Srt(url) => {
            let plain = url.0.split(['?', '#']).next().unwrap_or_default();
            let host = plain.rsplit_once('@').map_or(plain, |(_, host)| host);
            let host = host.strip_prefix("srt://").unwrap_or(host);
            let more = if plain.len() < url.0.len() { "?***" } else { "" };
            format!("srt://{host}{more}")
        }
        To::Record(record) => record.path.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use ffleet_types::live::output::Url;

    use super::*;

    #[test]
    fn no_secret_is_shown() {
        for (to, expected) in [
            (
                To::Rtmp(Url("rtmps://a.example/live/SECRET?b=SECRET".to_owned())),
                "rtmps://a.example/live/***",
            ),
            (
                To::Srt(Url("srt://b.example:9000?passphrase=SECRET".to_owned())),
                "srt://b.example:9000?***",
            ),
            (To::Srt(Url("srt://SECRET@b.example:9000".to_owned())), "srt://b.example:9000"),
        ] {
            assert_eq!(shown(&to), expected);
        }
    }
}
