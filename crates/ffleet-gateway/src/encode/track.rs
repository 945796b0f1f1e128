//! The task of one track: takes frames, feeds the encoder that is active, hands on what comes out.

mod given;
mod hot;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use ffleet_base::chance;
use ffleet_live::raw::{Block, Blocks};
use ffleet_live::replay::{Action, Backlog, Event, Id, Order, Plan, Room, Switch};
use ffleet_types::live::feed::WhenFull;
use ffleet_types::live::stream::Recovery;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::hot::Hot;
use super::encoder::{self, Did, Encoder};
use super::health::{self, Health};
use super::job::{Cut, Job};
use super::made::Made;
use super::process::{last_words, maybe};
use crate::feed::Shop;
use crate::inputs::Frame;

/// Packets that may come out ahead of one that has not: more than the most B-frames that an encoder has.
const MOST_AHEAD: usize = 32;

/// What the task of a track is given.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) shop: Arc<Shop>,
    pub(super) label: String,
    pub(super) health: Arc<Health>,
    pub(super) made: mpsc::Sender<Made>,
    pub(super) frames: mpsc::Receiver<Frame>,
    /// Which track of the stream it is.
    pub(super) number: usize,
}

/// A track under way.
#[derive(Debug)]
struct Track {
    job: Job,
    parts: Parts,
    switch: Switch,
    backlog: Backlog,
    /// The frames that the backlog holds, and when they are.
    frames: VecDeque<(i64, Bytes)>,
    blocks: Blocks,
    order: Order,
    active: Option<Encoder>,
    spare: Option<Encoder>,
    /// What there is beside them with `recovery: hot`.
    hot: Option<Hot>,
    twin: Option<Encoder>,
    leaving: Option<Encoder>,
    /// What is to be handed on.
    made: Vec<Made>,
    starting: JoinSet<(Id, Result<Encoder, String>)>,
    wake: Option<Duration>,
    /// When the last packet came, and whether another encoder has gone on since.
    last: Option<Duration>,
    has_switched: bool,
    /// What of the track was said last.
    described: Option<ffleet_live::packet::Track>,
}

/// What one turn of the task met.
enum Turn {
    Frame(Option<Frame>),
    Fed(Id, Did),
    Spare(std::io::Result<usize>),
    Started(Id, Result<Box<Encoder>, String>),
    Late,
    Stop,
}

/// Encodes a track until it is told to stop.
pub(super) async fn run(job: Job, parts: Parts, stop: CancellationToken) {
    let mut track = Track::new(job, parts);
    track.apply(Event::Begin);
    loop {
        track.feed();
        match track.turn(&stop).await {
            Turn::Stop | Turn::Frame(None) => break,
            Turn::Frame(Some(frame)) => track.take(frame),
            // A pipe that is broken is that of one that has ended: its output says so.
            Turn::Fed(id, Did::Written(Err(_))) => {
                if let Some(encoder) = track.encoder(id) {
                    encoder.feeder.stop();
                }
            }
            Turn::Fed(id, Did::Written(Ok(()))) => track.apply(Event::Took(id)),
            Turn::Fed(id, Did::Given(Ok(1..))) => track.given(id),
            Turn::Fed(id, Did::Given(_)) => track.ended(id),
            // It has been fed nothing, and says so at most.
            Turn::Spare(Ok(1..)) => {}
            Turn::Spare(_) => {
                if let Some(id) = track.spare.as_ref().map(|spare| spare.id) {
                    track.ended(id);
                }
            }
            Turn::Started(id, started) => track.started(id, started),
            Turn::Late => track.apply(Event::Tick),
        }
        if !track.hand_on().await {
            break;
        }
        track.show();
    }
    track.apply(Event::Close);
}

async fn work(encoder: Option<&mut Encoder>) -> Turn {
    match encoder {
        Some(encoder) => Turn::Fed(encoder.id, encoder.work().await),
        None => std::future::pending().await,
    }
}

impl Track {
    fn new(job: Job, parts: Parts) -> Self {
        Self {
            switch: Switch::new(job.policy),
            backlog: Backlog::new(job.backlog, job.again, MOST_AHEAD),
            frames: VecDeque::new(),
            blocks: Blocks::default(),
            order: Order::new(job.rate(), job.reorder),
            active: None,
            spare: None,
            hot: (job.policy.recovery == Recovery::Hot).then(Hot::default),
            twin: None,
            leaving: None,
            made: Vec::new(),
            starting: JoinSet::new(),
            wake: None,
            last: None,
            has_switched: false,
            described: None,
            job,
            parts,
        }
    }

    fn now(&self) -> Duration {
        self.parts.shop.clock.monotonic()
    }

    fn health(&self) -> &health::Track {
        self.parts.health.track(self.job.kind)
    }

    async fn turn(&mut self, stop: &CancellationToken) -> Turn {
        let has_room = self.has_room();
        let pause = self.wake.map_or(Duration::MAX, |at| at.saturating_sub(self.now()));
        let (active, twin, leaving) = (
            work(self.active.as_mut()),
            work(self.twin.as_mut()),
            work(self.leaving.as_mut()),
        );
        let spare = self.spare.as_mut().map(|spare| spare.outlet.read());
        tokio::select! {
            () = stop.cancelled() => Turn::Stop,
            turn = active => turn,
            turn = twin => turn,
            turn = leaving => turn,
            Some(joined) = self.starting.join_next() => match joined {
                Ok((id, started)) => Turn::Started(id, started.map(Box::new)),
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            },
            read = maybe(spare) => Turn::Spare(read),
            frame = self.parts.frames.recv(), if has_room => Turn::Frame(frame),
            () = tokio::time::sleep(pause) => Turn::Late,
        }
    }

    fn has_room(&mut self) -> bool {
        let size = match self.job.cut {
            Cut::Frames { .. } => self.frames.back().map_or(0, |(_, bytes)| bytes.len() as u64),
            Cut::Blocks { bytes, .. } => bytes as u64,
        };
        self.make_room(size);
        self.job.when_full != WhenFull::Block
            || self.backlog.room(size, WhenFull::Block, 0) == Room::Yes
    }

    /// Takes what has come.
    fn take(&mut self, frame: Frame) {
        match self.job.cut {
            Cut::Frames { .. } => self.hold(frame.at, frame.bytes),
            Cut::Blocks { samples, rate, bytes, silence, .. } => {
                let block = Block { samples, rate, bytes, silence };
                for (at, bytes) in self.blocks.cut(frame.at, &frame.bytes, block) {
                    self.hold(at, bytes.into());
                }
            }
        }
    }

    fn hold(&mut self, at: i64, bytes: Bytes) {
        let size = bytes.len() as u64;
        self.make_room(size);
        let fed = self.active.iter().chain(&self.twin).map(|encoder| encoder.feeder.next);
        let fed = fed.max().unwrap_or(0);
        let before = self.backlog.missed().0;
        // One that is to wait was waited with; of several that came together the rest is taken too.
        if self.backlog.room(size, self.job.when_full, fed) != Room::LeaveOut {
            self.backlog.push(size, true);
            self.frames.push_back((at, bytes));
        }
        if self.backlog.missed().0 > before {
            self.forget_dropped();
        }
        self.health().taken.fetch_add(1, Ordering::Relaxed);
    }

    /// Lets go of the bytes of frames that were left out.
    fn forget_dropped(&mut self) {
        let first = self.backlog.first();
        for (number, (_, bytes)) in (first..).zip(&mut self.frames) {
            if self.backlog.is_dropped(number) && !bytes.is_empty() {
                *bytes = Bytes::new();
            }
        }
    }

    /// Gives each encoder that is fed its next frame.
    fn feed(&mut self) {
        let mut offered = Vec::new();
        for encoder in self.active.iter_mut().chain(&mut self.twin).chain(&mut self.leaving) {
            if !encoder.feeder.is_free() {
                continue;
            }
            let mut next = encoder.feeder.next.max(self.backlog.first());
            while self.backlog.is_dropped(next) {
                next += 1;
            }
            let at = usize::try_from(next - self.backlog.first()).unwrap_or(usize::MAX);
            if let Some((_, bytes)) = self.frames.get(at) {
                encoder.feeder.give(next, bytes.clone());
                offered.extend((!encoder.feeder.is_free()).then_some(encoder.id));
            }
        }
        for id in offered {
            self.apply(Event::Offered(id));
        }
    }

    /// Tells the switch, and does what it says.
    fn apply(&mut self, event: Event) {
        let Plan { actions, wake } = self.switch.apply(event, self.now(), chance::unit());
        self.wake = wake;
        for action in actions {
            match action {
                Action::Start(id) => {
                    let (shop, label, job) =
                        (Arc::clone(&self.parts.shop), self.parts.label.clone(), self.job.clone());
                    self.starting
                        .spawn(async move { (id, encoder::start(&shop, &label, &job, id).await) });
                }
                Action::Feed(id) => self.promote(id),
                Action::Join(id) => self.join(id),
                Action::Renew(id) => self.renew(id),
                Action::Lead(id) => self.lead(id),
                Action::Kill(id) => drop(self.take_encoder(id)),
                Action::GiveUp => {
                    self.note("three encoders died of one frame, which is left out");
                    self.backlog.give_up(1);
                    self.release();
                }
            }
        }
    }

    /// Has the spare go on where the one before was.
    fn promote(&mut self, id: Id) {
        let Some(mut next) = self.spare.take_if(|spare| spare.id == id) else {
            return;
        };
        self.backlog.forget_ahead();
        self.order.forget();
        next.feeder.next = self.backlog.resume();
        if id > 1 {
            self.has_switched = self.last.is_some();
            let replayed = self.backlog.end() - next.feeder.next;
            self.health().replayed.fetch_add(replayed, Ordering::Relaxed);
            self.note(&format!("encoder {id} goes on, and is fed {replayed} frames again"));
        }
        self.begin(id, next.feeder.next);
        self.active = Some(next);
    }

    fn started(&mut self, id: Id, started: Result<Box<Encoder>, String>) {
        match started {
            // It may be wanted no more.
            Ok(encoder) if self.switch.spare().is_some_and(|(spare, _)| spare == id) => {
                self.spare = Some(*encoder);
                self.apply(Event::Ready(id));
            }
            Ok(_) => {}
            Err(why) => {
                self.note(&format!("an encoder cannot be started: {why}"));
                self.apply(Event::Ended(id));
            }
        }
    }

    fn ended(&mut self, id: Id) {
        let what = self.role(id);
        let Some(gone) = self.take_encoder(id) else {
            return;
        };
        let said = last_words(&gone.child);
        self.note(&format!("{what} (process {}) has ended{said}", gone.child.pid()));
        // One that waited for what the dead one had to give may come in instead.
        self.settle();
        self.apply(Event::Ended(id));
    }

    /// Lets go of what is needed no more.
    fn release(&mut self) {
        self.keep();
        let released = self.backlog.release();
        self.frames.drain(..released.min(self.frames.len()));
        let first = self.backlog.first();
        if let Some(active) = self.active.as_mut().filter(|_| self.hot.is_none()) {
            active.feeder.forget(first);
        }
    }

    fn note(&self, what: &str) {
        let Parts { shop, label, health, .. } = &self.parts;
        health.attend(shop, (label, self.job.kind), what);
    }

    /// Shows how it is.
    fn show(&self) {
        let health = self.health();
        let (dropped, lost) = self.backlog.missed();
        let pid = |encoder: &Option<Encoder>| encoder.as_ref().map_or(0, |one| one.child.pid());
        health.dropped.store(dropped, Ordering::Relaxed);
        health.lost.store(lost, Ordering::Relaxed);
        health.waiting.store(self.backlog.waiting(), Ordering::Relaxed);
        health.held.store(self.backlog.bytes(), Ordering::Relaxed);
        health.recoveries.store(self.switch.recoveries(), Ordering::Relaxed);
        health.pid.store(pid(&self.active), Ordering::Relaxed);
        health.spare.store(pid(&self.spare), Ordering::Relaxed);
        health.twin.store(pid(&self.twin), Ordering::Relaxed);
        self.show_steps();
    }
}
