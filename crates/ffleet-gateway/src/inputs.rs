//! Raw tracks that programs push: read, cut into frames, given a time, and handed to every stream that encodes them.
//!
//! What programs write into belongs to the feed and stays open as long as the feed is there, so that a writer may come
//! and go, and never meets a broken pipe because something behind the feed has died. Picture and sound are read by
//! tasks of their own: neither waits for the other.

mod fifo;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use ffleet_api::live::Input;
use ffleet_base::Clock;
use ffleet_live::anchor::Anchor;
use ffleet_live::packet::CLOCK;
use ffleet_types::live::Inputs;
use ffleet_types::live::inputs::{Picture, PictureFormat, Sound, Via};
use tokio::sync::{Notify, mpsc, watch};

use self::fifo::{Fifo, Read};
use crate::feed::Ended;

/// Frames that wait for a stream that takes them, beyond those that it holds.
const WAITING: usize = 2;
/// How many pieces of sound a second are read, at least, of a writer that writes no faster than it is heard.
const PIECES: u64 = 50;

/// A frame of a picture, or a piece of sound.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// When it is, in ticks of 1/90000 s from the first frame of the feed on.
    pub(crate) at: i64,
    /// A frame; of sound any number of whole samples of all channels.
    pub(crate) bytes: Bytes,
}

/// Of which kind a track is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Video,
    Audio,
}

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Audio => "audio",
        }
    }
}

/// The tracks of a feed.
#[derive(Debug)]
pub(crate) struct Hub {
    pub(crate) spec: Inputs,
    lanes: Vec<Lane>,
    anchor: Mutex<Anchor>,
}

/// One track: who writes it, and who takes it.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) kind: Kind,
    via: Via,
    /// Bytes of a frame, or of one sample of all channels.
    unit: usize,
    /// Units that are read at once, at most.
    most: usize,
    takers: Mutex<Vec<mpsc::Sender<Frame>>>,
    /// Told once somebody takes them, and kept so.
    taken: Notify,
    source: tokio::sync::Mutex<Fifo>,
    pub(crate) counts: Counts,
}

/// What has come of a track.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Whether somebody writes it.
    pub(crate) is_written: AtomicBool,
    /// Frames, or samples.
    pub(crate) units: AtomicU64,
    /// Frames that a writer left unfinished.
    pub(crate) cut: AtomicU64,
    /// How often a writer came.
    pub(crate) came: AtomicU64,
}

impl Hub {
    pub(crate) fn new(spec: &Inputs) -> Self {
        let mut lanes = Vec::new();
        let mut rates = Vec::new();
        if let Some(Picture { via, format: PictureFormat::Raw { pixels, size }, fps }) = &spec.video
        {
            let unit = usize::try_from(pixels.frame_bytes(*size)).unwrap_or(usize::MAX);
            lanes.push(Lane::new(Kind::Video, via, (unit, 1)));
            rates.push(fps.parts());
        }
        if let Some(Sound { via, rate, .. }) = &spec.audio {
            let unit = spec.audio.as_ref().map_or(1, |sound| sound.bytes(1));
            let most = u64::from(*rate) / PIECES;
            let sizes = [unit, most].map(|size| usize::try_from(size).unwrap_or(1));
            lanes.push(Lane::new(Kind::Audio, via, (sizes[0], sizes[1])));
            rates.push((*rate, 1));
        }
        Self { spec: spec.clone(), lanes, anchor: Mutex::new(Anchor::new(&rates)) }
    }

    /// The track of this kind.
    pub(crate) fn lane(&self, kind: Kind) -> Option<&Lane> {
        self.lanes.iter().find(|lane| lane.kind == kind)
    }

    /// Its tracks.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = Kind> {
        self.lanes.iter().map(|lane| lane.kind)
    }

    /// How its tracks are, for whoever asks.
    pub(crate) fn shown(&self) -> Vec<Input> {
        let format = |kind| match kind {
            Kind::Video => {
                let of = |picture: &Picture| format!("{} at {} fps", picture.format, picture.fps);
                self.spec.video.as_ref().map_or_else(String::new, of)
            }
            Kind::Audio => {
                let of = |sound: &Sound| {
                    format!("{} {} Hz, {} channels", sound.format, sound.rate, sound.channels)
                };
                self.spec.audio.as_ref().map_or_else(String::new, of)
            }
        };
        let shown = |lane: &Lane| Input {
            track: lane.kind.name().to_owned(),
            from: lane.via.to_string(),
            format: format(lane.kind),
            written: lane.is_written(),
            writers: lane.counts.came.load(Ordering::Relaxed),
            received: lane.counts.units.load(Ordering::Relaxed),
            unfinished: lane.counts.cut.load(Ordering::Relaxed),
        };
        self.lanes.iter().map(shown).collect()
    }

    fn anchor(&self) -> MutexGuard<'_, Anchor> {
        self.anchor.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many ticks have passed since its first frame.
    pub(crate) fn clock(&self, now: std::time::Duration) -> i64 {
        self.anchor().clock(now)
    }

    /// The length of a frame in ticks.
    pub(crate) fn length(&self, kind: Kind, frame: &Frame) -> i64 {
        let (units, seconds) = match kind {
            Kind::Video => self.spec.video.as_ref().map_or((1, 1), |video| video.fps.parts()),
            Kind::Audio => (self.spec.audio.as_ref().map_or(1, |audio| audio.rate), 1),
        };
        let unit = self.lane(kind).map_or(1, |lane| lane.unit);
        let count = i64::try_from(frame.bytes.len() / unit).unwrap_or(0);
        count * CLOCK * i64::from(seconds) / i64::from(units.max(1))
    }

    /// What comes next stands where the clock does.
    pub(crate) fn leave(&self) {
        let mut anchor = self.anchor();
        (0..self.lanes.len()).for_each(|track| anchor.leave(track));
    }

    /// Reads what is written until nobody writes any more; how that ended. Goes on where it was when it is called
    /// again.
    pub(crate) async fn run(&self, clock: &dyn Clock, progress: &watch::Sender<u64>) -> Ended {
        let read = |(track, lane)| Box::pin(self.read(track, lane, clock, progress));
        let reading = self.lanes.iter().enumerate().map(read);
        futures_util::future::select_all(reading).await.0
    }

    async fn read(
        &self,
        track: usize,
        lane: &Lane,
        clock: &dyn Clock,
        progress: &watch::Sender<u64>,
    ) -> Ended {
        let mut source = lane.source.lock().await;
        // What is pushed before there is a stream that takes it waits in the FIFO.
        lane.taken.notified().await;
        lane.taken.notify_one();
        loop {
            match source.read(&lane.via, lane.unit, lane.most).await {
                Ok(Read::Units(bytes)) => {
                    if !lane.counts.is_written.swap(true, Ordering::Relaxed) {
                        lane.counts.came.fetch_add(1, Ordering::Relaxed);
                        tracing::info!(track = lane.kind.name(), from = %lane.via, "a writer has come");
                    }
                    let units = (bytes.len() / lane.unit) as u64;
                    lane.counts.units.fetch_add(units, Ordering::Relaxed);
                    let count = u32::try_from(units).unwrap_or(u32::MAX);
                    let at = self.anchor().take(track, count, clock.monotonic());
                    progress.send_modify(|sum| *sum += bytes.len() as u64);
                    lane.give(Frame { at, bytes: bytes.into() }).await;
                }
                Ok(Read::Gone { cut }) => {
                    lane.counts.is_written.store(false, Ordering::Relaxed);
                    lane.counts.cut.fetch_add(u64::from(cut > 0), Ordering::Relaxed);
                    self.anchor().leave(track);
                    tracing::info!(track = lane.kind.name(), from = %lane.via, cut, "a writer has gone");
                    if self.lanes.iter().all(|lane| !lane.is_written()) {
                        return Ended::clean("its writers have gone");
                    }
                }
                Err(error) => return Ended::failed(format!("{}: {error}", lane.via)),
            }
        }
    }
}

impl Lane {
    fn new(kind: Kind, via: &Via, (unit, most): (usize, usize)) -> Self {
        Self {
            kind,
            via: via.clone(),
            unit: unit.max(1),
            most: most.max(1),
            takers: Mutex::default(),
            taken: Notify::new(),
            source: tokio::sync::Mutex::default(),
            counts: Counts::default(),
        }
    }

    /// Whether somebody writes it.
    pub(crate) fn is_written(&self) -> bool {
        self.counts.is_written.load(Ordering::Relaxed)
    }

    fn takers(&self) -> MutexGuard<'_, Vec<mpsc::Sender<Frame>>> {
        self.takers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All of its frames from now on. Who does not take them keeps the writer waiting, and all others who take them.
    pub(crate) fn subscribe(&self) -> mpsc::Receiver<Frame> {
        let (sender, frames) = mpsc::channel(WAITING);
        self.takers().push(sender);
        self.taken.notify_one();
        frames
    }

    async fn give(&self, frame: Frame) {
        let takers = self.takers().clone();
        let mut is_gone = false;
        for taker in &takers {
            is_gone |= taker.send(frame.clone()).await.is_err();
        }
        if is_gone {
            self.takers().retain(|taker| !taker.is_closed());
        }
    }
}

/// The tracks of a feed, if it has some.
pub(crate) fn of(source: &ffleet_types::live::Source) -> Option<Arc<Hub>> {
    match source {
        ffleet_types::live::Source::Inputs(inputs) => Some(Arc::new(Hub::new(inputs))),
        _ => None,
    }
}
