//! Whose frames a stream takes: its own feed's, another's while that is away, or a slate.
//!
//! Each track of each feed has a task of its own that hands frames on or lets them fall, so that picture and sound never
//! wait for each other here either. What is shown is decided by [`Away`], by the frames of the picture (of the sound
//! where there is none).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ffleet_live::away::{Away, Shown, Step};
use ffleet_live::packet::CLOCK;
use ffleet_types::live;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;

use super::health::{Event, Health};
use super::inlet::Inlet;
use super::slate::Slate;
use crate::feed::{Feed, Hold, Shop};
use crate::inputs::{Frame, Hub, Kind};
use crate::ring::Ring;

/// By how many ticks times may be off for being whole.
const ROUNDED: i64 = 4;

/// What is chosen from.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) shop: Arc<Shop>,
    pub(super) label: String,
    pub(super) hub: Arc<Hub>,
    /// What of it is raw where it comes in here.
    pub(super) spec: live::Inputs,
    /// Feeds that can be taken instead, in the order of the list.
    pub(super) others: Vec<Arc<Feed>>,
    pub(super) fallback: Vec<live::Away>,
    pub(super) slate: Option<Slate>,
    pub(super) health: Arc<Health>,
    /// Whose readers are sent away at an end.
    pub(super) ring: Arc<Ring>,
}

/// Who is asked what is shown.
#[derive(Debug)]
struct Choice {
    parts: Parts,
    /// The track whose frames say whether a feed is there.
    leading: Kind,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    away: Away,
    shown: Shown,
    /// What is added to the times of the feed that is shown; nothing before its first frame.
    offset: Option<i64>,
    /// The feed of which a frame waits for room with the encoder, if it is one that says whether its feed is there.
    kept: Option<usize>,
    /// When the last frame of each track ends, and what it was of.
    ends: [Option<(i64, Shown)>; 2],
}

/// Where the frames of a track go.
pub(super) type Tracks = Vec<(Kind, mpsc::Sender<Frame>)>;

/// Hands frames to `tracks`, until all of them are gone: those of the stream's own feed from `inlets`. Dropped, everything
/// ends.
pub(super) fn start(parts: Parts, tracks: &Tracks, mut inlets: Vec<(Kind, Inlet)>) -> JoinSet<()> {
    let mut feed = 0;
    let step = |step: &live::Away| match step {
        live::Away::Hold(span) => Step::Hold(span.map(|span| span.0)),
        live::Away::Slate(_) => Step::Slate,
        live::Away::Feed(_) => {
            feed += 1;
            Step::Feed(feed)
        }
        live::Away::End => Step::End,
    };
    let steps: Vec<Step> = parts.fallback.iter().map(step).collect();
    let state = State {
        away: Away::new(steps),
        shown: Shown::Feed(0),
        offset: Some(0),
        kept: None,
        ends: [None; 2],
    };
    let has_picture = tracks.iter().any(|&(kind, _)| kind == Kind::Video);
    let leading = if has_picture { Kind::Video } else { Kind::Audio };
    let (state, changed) = (Mutex::new(state), Notify::new());
    let choice = Arc::new(Choice { parts, leading, state, changed });
    let mut tasks = JoinSet::new();
    let others = choice.others();
    for &(kind, ref track) in tracks {
        if let Some(own) = inlets.iter().position(|&(of, _)| of == kind) {
            let (_, frames) = inlets.swap_remove(own);
            let (choice, track) = (Arc::clone(&choice), track.clone());
            // Ends with the feed, or with the track.
            tasks.spawn(async move { choice.hand_on(0, kind, frames, track).await });
        }
        for (number, (hub, hold)) in (1..).zip(&others) {
            let Some(frames) = hub.lane(kind).map(crate::inputs::Lane::subscribe) else {
                continue;
            };
            let (choice, track, hold) = (Arc::clone(&choice), track.clone(), Arc::clone(hold));
            // So does this.
            tasks.spawn(async move {
                let _hold = hold;
                choice.hand_on(number, kind, frames.into(), track).await;
            });
        }
    }
    if is_needed(&choice.parts.fallback) {
        tasks.spawn(Arc::clone(&choice).watch(tracks.clone()));
    }
    tasks
}

impl Choice {
    fn others(&self) -> Vec<(Arc<Hub>, Arc<Hold>)> {
        let others = self.parts.others.iter();
        others
            .filter_map(|feed| Some((Arc::clone(feed.hub()?), Arc::new(feed.hold()))))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.parts.shop.clock.monotonic()
    }

    async fn hand_on(
        &self,
        source: usize,
        kind: Kind,
        mut frames: Inlet,
        track: mpsc::Sender<Frame>,
    ) {
        while let Some(frame) = frames.next().await {
            let Some(frame) = self.take(source, kind, frame) else {
                continue;
            };
            let is_gone = match track.try_reserve() {
                Ok(place) => {
                    place.send(frame);
                    false
                }
                Err(_full) => {
                    // Who has to wait for the encoder is not away.
                    let _kept = Kept::waiting(self, source, kind);
                    track.send(frame).await.is_err()
                }
            };
            if is_gone {
                return;
            }
        }
    }

    /// The frame with its time in the stream, if its feed is shown.
    fn take(&self, source: usize, kind: Kind, mut frame: Frame) -> Option<Frame> {
        let now = self.now();
        let mut state = self.lock();
        if kind == self.leading {
            state.away.came(source, now);
            self.look(&mut state, now);
        }
        if state.shown != Shown::Feed(source) {
            return None;
        }
        let clock = self.parts.hub.clock(now);
        let offset = *state.offset.get_or_insert_with(|| clock - frame.at);
        frame.at += offset;
        if let Some(coded) = &mut frame.coded {
            // They come in the order of decoding, from one source.
            coded.dts += offset;
            return Some(frame);
        }
        let length = self.length(kind, &frame);
        state.note(kind, frame.at, length).then_some(frame)
    }

    /// The length of a raw frame in ticks.
    fn length(&self, kind: Kind, frame: &Frame) -> i64 {
        let spec = &self.parts.spec;
        let (count, units, seconds) = match kind {
            Kind::Video => {
                let (frames, seconds) = spec.video.as_ref().map_or((1, 1), |one| one.fps.parts());
                (1, frames, seconds)
            }
            Kind::Audio => {
                let sample = spec.audio.as_ref().map_or(1, |sound| sound.bytes(1)).max(1);
                let rate = spec.audio.as_ref().map_or(1, |sound| sound.rate);
                (frame.bytes.len() as u64 / sample, rate, 1)
            }
        };
        let count = i64::try_from(count).unwrap_or(0);
        count * CLOCK * i64::from(seconds) / i64::from(units.max(1))
    }

    /// Looks what is shown now: when to look again.
    fn look(&self, state: &mut State, now: Duration) -> Option<Duration> {
        if let Some(source) = state.kept {
            state.away.came(source, now);
        }
        let (shown, wake) = state.away.look(now);
        if shown != state.shown {
            self.change(state, shown, now);
        }
        wake
    }

    fn change(&self, state: &mut State, shown: Shown, now: Duration) {
        let before = std::mem::replace(&mut state.shown, shown);
        // The own feed's times are those of the stream.
        state.offset = (shown == Shown::Feed(0)).then_some(0);
        if before == Shown::Feed(0) {
            // What comes after a pause stands where the clock does, also where its writer never went.
            self.parts.hub.away(self.leading, now);
        } else if shown == Shown::Feed(0) {
            self.parts.hub.back(now);
        }
        if shown == Shown::End {
            self.parts.ring.end_readers();
        }
        let what = match shown {
            Shown::Feed(0) => "the source is back".to_owned(),
            Shown::Feed(number) => {
                let name = self
                    .parts
                    .others
                    .get(number - 1)
                    .map_or("?", |feed| feed.spec.name.as_str());
                format!("the source is away: feed {name} is shown")
            }
            Shown::Slate => "the source is away: the slate is shown".to_owned(),
            Shown::Nothing => "the source is away: nothing is shown".to_owned(),
            Shown::End => "the source is away: its viewers are sent away".to_owned(),
        };
        tracing::warn!(stream = self.parts.label, what, "what is shown has changed");
        let at = self.parts.shop.clock.now();
        self.parts.health.note(Event { at, kind: self.leading, what });
        self.changed.notify_one();
    }

    /// Looks when it is time to, and gives the slate while it is shown.
    async fn watch(self: Arc<Self>, tracks: Tracks) {
        loop {
            let (shown, wake) = {
                let mut state = self.lock();
                let now = self.now();
                let wake = self.look(&mut state, now);
                (state.shown, wake.map(|wake| wake.saturating_sub(now)))
            };
            if shown == Shown::Slate {
                self.slate(&tracks).await;
                continue;
            }
            // A source that has not come yet says nothing of when to look.
            let pause = wake.unwrap_or(Duration::from_millis(500)).max(Duration::from_millis(1));
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.changed.notified() => {}
            }
        }
    }

    /// Gives frames of the slate, in time, until something else is shown.
    async fn slate(&self, tracks: &Tracks) {
        let Some(slate) = &self.parts.slate else {
            tokio::time::sleep(Duration::from_millis(250)).await;
            return;
        };
        let begin = {
            let state = self.lock();
            let clock = self.parts.hub.clock(self.now());
            state
                .ends
                .iter()
                .flatten()
                .fold(clock, |begin, (end, _)| begin.max(*end))
        };
        let started = tokio::time::Instant::now();
        for number in 0_u32.. {
            tokio::time::sleep_until(started + slate.due(number)).await;
            for (kind, track) in tracks {
                let frame = slate.frame(*kind, number, begin);
                let mut state = self.lock();
                let now = self.now();
                self.look(&mut state, now);
                if state.shown != Shown::Slate {
                    return;
                }
                // One for which there is no room is left out: it looks like the one before.
                if let Some(frame) = frame
                    && state.note(*kind, frame.at, self.length(*kind, &frame))
                {
                    let _full = track.try_send(frame);
                }
            }
        }
    }
}

/// A feed whose frame waits for room, until this is dropped.
struct Kept<'a>(Option<&'a Choice>);

impl<'a> Kept<'a> {
    fn waiting(choice: &'a Choice, source: usize, kind: Kind) -> Self {
        let leads = kind == choice.leading;
        if leads {
            choice.lock().kept = Some(source);
        }
        Self(leads.then_some(choice))
    }
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        if let Some(choice) = self.0 {
            let mut state = choice.lock();
            let now = choice.now();
            choice.look(&mut state, now);
            state.kept = None;
        }
    }
}

impl State {
    /// Notes when a frame of a track is, and how long; false if it would begin before the one before it has ended, as
    /// the first of another source may.
    fn note(&mut self, kind: Kind, at: i64, length: i64) -> bool {
        let (end, is_picture) = match kind {
            Kind::Video => (&mut self.ends[0], true),
            Kind::Audio => (&mut self.ends[1], false),
        };
        let goes_on = end.is_none_or(|(end, of)| {
            // A picture may come sooner than its rate says, where its writer says when it is.
            let is_next = is_picture && of == self.shown;
            at >= end - if is_next { ROUNDED.max(length - 1) } else { ROUNDED }
        });
        if goes_on {
            *end = Some((at + length, self.shown));
        }
        goes_on
    }
}

/// Whether anything is to be done while the source is away.
fn is_needed(fallback: &[live::Away]) -> bool {
    !matches!(fallback, [] | [live::Away::Hold(None)])
}
