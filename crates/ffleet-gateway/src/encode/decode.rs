//! The task of a track that comes coded and is encoded: keeps its units until the frames that they become have come out,
//! feeds the decoder that is active, hands frames on.
//!
//! Decoders die like encoders, and are replaced like them ([`Switch`]): a new one is fed from the last key on that was
//! shown ([`Reel`]), and what it gives once more is left out by its time. What comes behind it, from the backlog of the
//! encoder on, knows nothing of that: to it they are raw frames with times, as programs push them.
//!
//! While nobody takes frames, nothing is read of a decoder, and it is not blamed for its silence.

mod deaths;
mod decoder;
mod given;
mod wanted;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ffleet_live::packet::Track;
use ffleet_live::replay::{Event, Id, Reel, Switch};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use self::decoder::{Decoder, Unit};
pub(super) use self::wanted::{Wanted, wanted};
use super::health::{self, Health};
use super::inlet::Inlet;
use super::process::maybe;
use crate::feed::Shop;
use crate::inputs::{Coded, Frame, Hub, Kind};

/// Units of sound that a new decoder is fed again: what a transform of overlapping blocks needs to be where the one before
/// was.
const AGAIN: u64 = 3;
/// How often it is looked whether the source is still there, where nothing comes of it.
const LOOK: Duration = Duration::from_millis(250);
/// How long a decoder has to give what is left, when nothing more comes.
const DRAIN: Duration = Duration::from_secs(3);

/// What the task of a track is given.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) shop: Arc<Shop>,
    pub(super) label: String,
    pub(super) health: Arc<Health>,
    /// Whose tracks they are.
    pub(super) hub: Arc<Hub>,
    pub(super) inlet: Inlet,
    /// Where frames go.
    pub(super) out: mpsc::Sender<Frame>,
}

/// A track under way.
#[derive(Debug)]
struct Stage {
    wanted: Wanted,
    parts: Parts,
    switch: Switch,
    reel: Reel,
    /// The units that the reel holds, and what they are of.
    units: VecDeque<(Unit, Arc<Track>)>,
    /// What the last unit was of.
    track: Option<Arc<Track>>,
    active: Option<Decoder>,
    spare: Option<Decoder>,
    starting: JoinSet<(Id, Result<Decoder, String>)>,
    wake: Option<Duration>,
    /// Until when the active decoder has to come to its end, if it was told to.
    drain: Option<Duration>,
    /// Decoders that came to their end as they were told to.
    drained: u64,
    /// Frames that nobody has taken yet.
    outgoing: VecDeque<Frame>,
    /// Of sound, what comes next: of which unit, and which sample of it.
    heard: (u64, u64),
    /// Whether what is left was left over by a decoder that was told to give it.
    is_left: bool,
}

/// What one turn of the task met.
enum Turn {
    Unit(Option<Frame>),
    Written(std::io::Result<()>),
    Given(std::io::Result<usize>),
    Spare(std::io::Result<usize>),
    Started(Id, Result<Box<Decoder>, String>),
    /// Somebody has taken a frame, or nobody ever will.
    Taken(bool),
    /// Nothing has come for a while.
    Quiet,
    Late,
}

/// Decodes a track until nobody takes what becomes of it, or its source is gone for ever. Dropped, its decoders end.
pub(super) async fn run(wanted: Wanted, parts: Parts) {
    let mut stage = Stage::new(wanted, parts);
    stage.apply(Event::Begin);
    loop {
        stage.feed();
        match stage.turn().await {
            Turn::Unit(None) | Turn::Taken(false) => break,
            Turn::Unit(Some(frame)) => stage.take(frame),
            // A pipe that is broken is that of one that has ended: its output says so.
            Turn::Written(Err(_)) => {
                if let Some(active) = &mut stage.active {
                    active.feeder.input.stop();
                }
            }
            Turn::Written(Ok(())) => {
                if let Some(id) = stage.active.as_ref().map(|active| active.id) {
                    stage.apply(Event::Took(id));
                }
            }
            Turn::Given(Ok(0) | Err(_)) => stage.ended(true),
            Turn::Given(Ok(_)) => stage.given(),
            // It has been fed nothing, and says so at most.
            Turn::Spare(Ok(1..)) => {}
            Turn::Spare(_) => stage.ended(false),
            Turn::Started(id, started) => stage.started(id, started),
            Turn::Taken(true) => stage.taken(),
            Turn::Quiet => stage.quiet(),
            Turn::Late => stage.late(),
        }
        stage.show();
    }
    stage.apply(Event::Close);
}

impl Stage {
    fn new(wanted: Wanted, parts: Parts) -> Self {
        let again = if wanted.kind == Kind::Audio { AGAIN } else { 0 };
        Self {
            switch: Switch::new(wanted.policy),
            reel: Reel::new(wanted.limit, again),
            units: VecDeque::new(),
            track: None,
            active: None,
            spare: None,
            starting: JoinSet::new(),
            wake: None,
            drain: None,
            drained: 0,
            outgoing: VecDeque::new(),
            heard: (0, 0),
            is_left: false,
            wanted,
            parts,
        }
    }

    fn now(&self) -> Duration {
        self.parts.shop.clock.monotonic()
    }

    fn health(&self) -> &health::Decoder {
        &self.parts.health.track(self.wanted.kind).decoder
    }

    async fn turn(&mut self) -> Turn {
        // The size of the next unit is not known: like the last one.
        let size = self.units.back().map_or(0, |(unit, _)| unit.bytes.len() as u64);
        let is_blocked = !self.outgoing.is_empty();
        let takes = !is_blocked && self.reel.has_room(size);
        self.let_go();
        let now = self.now();
        let wake = self.wake.into_iter().chain(self.drain).min();
        let pause = wake
            .filter(|_| !is_blocked)
            .map_or(Duration::MAX, |at| at.saturating_sub(now));
        let (fed, read) = match &mut self.active {
            Some(Decoder { feeder, outlet, .. }) => {
                (Some(feeder.input.write()), Some(outlet.read()))
            }
            None => (None, None),
        };
        let spare = self.spare.as_mut().map(|spare| spare.outlet.read());
        let Parts { inlet, out, .. } = &mut self.parts;
        // Where it is to go is kept free for the first frame that waits.
        let room = is_blocked.then(|| out.reserve());
        let outgoing = &mut self.outgoing;
        tokio::select! {
            room = maybe(room) => match room {
                Ok(room) => {
                    if let Some(frame) = outgoing.pop_front() {
                        room.send(frame);
                    }
                    Turn::Taken(true)
                }
                Err(_closed) => Turn::Taken(false),
            },
            read = maybe(read), if !is_blocked => Turn::Given(read),
            Some(joined) = self.starting.join_next() => match joined {
                Ok((id, started)) => Turn::Started(id, started.map(Box::new)),
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            },
            read = maybe(spare) => Turn::Spare(read),
            written = maybe(fed) => Turn::Written(written),
            frame = inlet.next(), if takes => Turn::Unit(frame),
            () = tokio::time::sleep(pause) => Turn::Late,
            () = tokio::time::sleep(LOOK), if takes => Turn::Quiet,
        }
    }

    /// Takes a unit.
    fn take(&mut self, frame: Frame) {
        let Frame { at, bytes, coded: Some(Coded { begins, .. }) } = frame else {
            return;
        };
        self.health().taken.fetch_add(1, Ordering::Relaxed);
        let is_key = begins.is_some();
        self.track = begins.or_else(|| self.track.take());
        let Some(track) = &self.track else { return };
        if self.reel.push(at, is_key, bytes.len() as u64) {
            self.units
                .push_back((Unit { shown: at, is_key, bytes }, Arc::clone(track)));
        }
    }

    /// Gives the active decoder its next unit.
    fn feed(&mut self) {
        let Some(active) = self.active.as_mut().filter(|active| active.feeder.input.is_free())
        else {
            return;
        };
        let next = active.feeder.next.max(self.reel.first());
        let at = usize::try_from(next - self.reel.first()).unwrap_or(usize::MAX);
        let Some((unit, track)) = self.units.get(at) else {
            return;
        };
        if active.feeder.track.as_ref().is_some_and(|of| is_another(of, track)) {
            self.finish("what its source gives is coded otherwise now");
            return;
        }
        let id = active.id;
        active.give(next, unit, track);
        self.apply(Event::Offered(id));
    }

    /// Has the active decoder give what it has, and end.
    fn finish(&mut self, why: &str) {
        if let Some(active) = self.active.as_mut().filter(|one| !one.feeder.input.is_closed()) {
            tracing::debug!(stream = self.parts.label, why, "a decoder comes to its end");
            active.feeder.input.close();
            self.drain = Some(self.now() + DRAIN);
        }
    }

    /// Nothing has come for a while: what is left in the decoder comes out, if its source is gone.
    fn quiet(&mut self) {
        let lane = self.parts.hub.lane(self.wanted.kind);
        let is_written = lane.is_some_and(crate::inputs::Lane::is_written);
        let is_fed = self
            .active
            .as_ref()
            .is_some_and(|one| one.feeder.input.is_free() && one.feeder.next >= self.reel.end());
        if !is_written && is_fed && self.reel.waiting() > 0 {
            self.finish("its source is gone");
        }
    }

    fn late(&mut self) {
        if self.drain.is_some_and(|until| self.now() >= until) {
            self.note("a decoder did not end when it was told to");
            self.ended(true);
        } else {
            self.apply(Event::Tick);
        }
    }

    /// Somebody has taken a frame: a decoder that had to wait for that is not behind.
    fn taken(&mut self) {
        if self.outgoing.is_empty()
            && let Some(id) = self.active.as_ref().map(|active| active.id)
        {
            self.apply(Event::Waited(id));
            // What has been read already.
            self.given();
        }
    }

    fn note(&self, what: &str) {
        let Parts { shop, label, health, .. } = &self.parts;
        health.attend(shop, (label, self.wanted.kind), what);
    }

    /// Shows how it is.
    fn show(&self) {
        let health = self.health();
        let pid = |one: &Option<Decoder>| one.as_ref().map_or(0, |one| one.child.pid());
        health.lost.store(self.reel.lost(), Ordering::Relaxed);
        health.waiting.store(self.reel.waiting(), Ordering::Relaxed);
        health.held.store(self.reel.bytes(), Ordering::Relaxed);
        let recoveries = self.switch.recoveries().saturating_sub(self.drained);
        health.recoveries.store(recoveries, Ordering::Relaxed);
        health.limit.store(self.wanted.limit, Ordering::Relaxed);
        health.pid.store(pid(&self.active), Ordering::Relaxed);
        health.spare.store(pid(&self.spare), Ordering::Relaxed);
    }
}

/// Whether a decoder of `one` cannot go on with `other`. Parameter sets of pictures are in the units.
fn is_another(one: &Track, other: &Track) -> bool {
    one.codec != other.codec || (!one.codec.is_video() && one.config != other.config)
}
