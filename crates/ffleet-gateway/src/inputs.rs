//! Tracks that programs push without a container: read, cut into frames, given a time, and handed to every stream that
//! makes something of them.
//!
//! What programs write into belongs to the feed and stays open as long as the feed is there, so that a writer may come
//! and go, and never meets a broken pipe because something behind the feed has died. It outlives us, too (`keeping`). Tracks that have a FIFO each are
//! read by tasks of their own: none waits for the other. Those of one connection come as its writer sends them.

mod bytes;
mod desk;
mod fifo;
mod framed;
mod keeping;
mod lane;
mod push;
mod socket;
mod tray;

use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::bytes::Bytes;
use ffleet_api::live::Input;
use ffleet_base::Clock;
use ffleet_live::anchor::Anchor;
use ffleet_live::packet::CLOCK;
use ffleet_types::live::Inputs;
use ffleet_types::live::inputs::{Picture, Sound, Via};
use futures_util::future::select_all;
use tokio::sync::watch;

use self::desk::Desk;
pub(crate) use self::keeping::{Keeping, is_same};
pub(crate) use self::lane::Lane;
use self::push::Docks;
use self::socket::Socket;
use crate::feed::{Body, Ended, Refused};

/// A frame of a picture, an access unit, or a piece of sound.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// When it is, in ticks of 1/90000 s from the first frame of the feed on.
    pub(crate) at: i64,
    /// A frame; of sound any number of whole samples of all channels.
    pub(crate) bytes: Bytes,
    /// What is to be known of it where it is coded.
    pub(crate) coded: Option<Coded>,
}

/// What is to be known of an access unit.
#[derive(Clone, Debug)]
pub(crate) struct Coded {
    /// When it is decoded, in the same ticks.
    pub(crate) dts: i64,
    /// The parameter sets, where decoding can begin with it.
    pub(crate) sets: Option<Bytes>,
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
    socket: tokio::sync::Mutex<Socket>,
    docks: Docks,
    keeping: Arc<Keeping>,
}

type Reading<'a> = Pin<Box<dyn Future<Output = Ended> + Send + 'a>>;

impl Hub {
    pub(crate) fn new(spec: &Inputs, keeping: &Arc<Keeping>) -> Self {
        let mut lanes = Vec::new();
        if let Some(picture) = &spec.video {
            lanes.push(Lane::of_picture(picture, lanes.len()));
        }
        if let Some(sound) = &spec.audio {
            lanes.push(Lane::of_sound(sound, lanes.len()));
        }
        let rates: Vec<_> = lanes.iter().map(Lane::rate).collect();
        Self {
            spec: spec.clone(),
            lanes,
            anchor: Mutex::new(Anchor::new(&rates)),
            socket: tokio::sync::Mutex::default(),
            docks: Docks::default(),
            keeping: Arc::clone(keeping),
        }
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
    pub(crate) fn clock(&self, now: Duration) -> i64 {
        self.anchor().clock(now)
    }

    /// The length of a frame in ticks.
    pub(crate) fn length(&self, kind: Kind, frame: &Frame) -> i64 {
        let (units, seconds) = match kind {
            Kind::Video => self.spec.video.as_ref().map_or((1, 1), |video| video.fps.parts()),
            Kind::Audio => (self.spec.audio.as_ref().map_or(1, |audio| audio.rate), 1),
        };
        let unit = self.lane(kind).map_or(1, |lane| lane.unit);
        let count = match frame.coded {
            Some(_) => 1,
            None => i64::try_from(frame.bytes.len() / unit).unwrap_or(0),
        };
        count * CLOCK * i64::from(seconds) / i64::from(units.max(1))
    }

    /// Its source is away, as the track of this kind shows: what comes of that next is placed anew, and of those that
    /// have paused as well.
    pub(crate) fn away(&self, leading: Kind, now: Duration) {
        let Some(lane) = self.lane(leading) else {
            return;
        };
        if let Some(coded) = &lane.coded {
            coded.lock().unwrap_or_else(PoisonError::into_inner).part();
        }
        self.anchor().away(lane.number, now);
    }

    /// Its source is back.
    pub(crate) fn back(&self, now: Duration) {
        self.anchor().back(now);
    }

    /// Reads what is written until nobody writes any more; how that ended. Goes on where it was when it is called
    /// again, but for connections, which are closed.
    pub(crate) async fn run(&self, clock: &dyn Clock, progress: &watch::Sender<u64>) -> Ended {
        let desk = Desk { hub: self, clock, progress };
        let mut reading: Vec<Reading<'_>> = Vec::new();
        for lane in &self.lanes {
            if let Via::Fifo(path) = &lane.via {
                reading.push(Box::pin(desk.fifo(lane, path)));
            }
        }
        let socket = self.spec.vias().find_map(|via| match via {
            Via::Socket(path) => Some(path),
            Via::Fifo(_) | Via::Push => None,
        });
        if let Some(path) = socket {
            reading.push(Box::pin(desk.socket(path)));
        }
        if self.spec.are_pushed() {
            reading.extend(desk.pushes());
        }
        if reading.is_empty() {
            return Ended::failed("it has no tracks");
        }
        select_all(reading).await.0
    }

    /// Takes a body of frames of all tracks, or of the bytes of one of them, to its end.
    ///
    /// # Errors
    ///
    /// If there is no such track, somebody else writes, or what makes no sense in it.
    pub(crate) async fn push(&self, kind: Option<Kind>, body: Body) -> Result<(), Refused> {
        let is_there =
            kind.is_none_or(|kind| self.lane(kind).is_some_and(|lane| lane.via == Via::Push));
        match is_there {
            true => self.docks.of(kind).push(body).await,
            false => Err(Refused::NoTrack),
        }
    }
}

/// The tracks of a feed, if it has some.
pub(crate) fn of(source: &ffleet_types::live::Source, keeping: &Arc<Keeping>) -> Option<Arc<Hub>> {
    match source {
        ffleet_types::live::Source::Inputs(inputs) => Some(Arc::new(Hub::new(inputs, keeping))),
        _ => None,
    }
}
