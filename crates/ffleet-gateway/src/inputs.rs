//! Tracks that programs push, without a container or in one: read, cut into frames, given a time, and handed to every
//! stream that makes something of them.
//!
//! What programs write into belongs to the feed and stays open as long as the feed is there, so that a writer may come
//! and go, and never meets a broken pipe because something behind the feed has died. It outlives us, too (`keeping`). Tracks that have a FIFO each are
//! read by tasks of their own: none waits for the other. Those of one connection come as its writer sends them.

mod bytes;
pub(crate) mod container;
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
use ffleet_live::packet;
use ffleet_types::live::feed::WhenFull;
use ffleet_types::live::inputs::{Container, ContainerFormat, Picture, Sound, Via};
use ffleet_types::live::{Inputs, Name};
use futures_util::future::select_all;
use tokio::sync::watch;

use self::container::Whole;
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
    /// What a decoder must know before it, where decoding can begin with it.
    pub(crate) begins: Option<Arc<packet::Track>>,
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
    /// What takes its container apart, where its tracks come in one.
    whole: Option<Whole>,
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
        if let Some(Container { via, .. }) = &spec.container {
            let kinds = [Kind::Video, Kind::Audio].into_iter().enumerate();
            lanes = kinds
                .map(|(number, kind)| Lane::of_container(kind, via, number))
                .collect();
        }
        let rates: Vec<_> = lanes.iter().map(Lane::rate).collect();
        Self {
            spec: spec.clone(),
            lanes,
            anchor: Mutex::new(Anchor::new(&rates)),
            whole: spec.container.as_ref().map(|_| Whole::default()),
            socket: tokio::sync::Mutex::default(),
            docks: Docks::default(),
            keeping: Arc::clone(keeping),
        }
    }

    /// The tracks that are in the bytes of a feed.
    pub(crate) fn of_feed(name: &Name, keeping: &Arc<Keeping>) -> Self {
        let container = Container { via: Via::Feed(name.clone()), format: ContainerFormat::MpegTs };
        let spec = Inputs {
            video: None,
            audio: None,
            container: Some(container),
            when_full: WhenFull::Block,
        };
        Self::new(&spec, keeping)
    }

    /// The track of this kind.
    pub(crate) fn lane(&self, kind: Kind) -> Option<&Lane> {
        self.lanes.iter().find(|lane| lane.kind == kind)
    }

    /// Its tracks; of a container those that it has been found to have.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = Kind> {
        let is_there = |lane: &&Lane| self.whole.as_ref().is_none_or(|whole| whole.has(lane.kind));
        self.lanes.iter().filter(is_there).map(|lane| lane.kind)
    }

    /// What takes its container apart, where its tracks come in one.
    pub(crate) const fn whole(&self) -> Option<&Whole> {
        self.whole.as_ref()
    }

    /// How its tracks are, for whoever asks.
    pub(crate) fn shown(&self) -> Vec<Input> {
        let format = |kind| match kind {
            _ if self.whole.is_some() => {
                self.whole.as_ref().map_or_else(String::new, |whole| whole.shown(kind))
            }
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
        match &self.whole {
            Some(whole) => whole.timeline().clock(now),
            None => self.anchor().clock(now),
        }
    }

    /// Its source is away, as the track of this kind shows: what comes of that next is placed anew, and of those that
    /// have paused as well.
    pub(crate) fn away(&self, leading: Kind, now: Duration) {
        if let Some(whole) = &self.whole {
            // They have one clock.
            return whole.timeline().part();
        }
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
                match &self.whole {
                    None => reading.push(Box::pin(desk.fifo(lane, path))),
                    // It has one for all tracks.
                    Some(_) if reading.is_empty() => {
                        reading.push(Box::pin(desk.whole_fifo(lane, path)));
                    }
                    Some(_) => {}
                }
            }
        }
        let socket = self.spec.vias().find_map(|via| match via {
            Via::Socket(path) => Some(path),
            Via::Fifo(_) | Via::Push | Via::Feed(_) => None,
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
        let is_there = kind.is_none_or(|kind| self.lane(kind).is_some_and(Lane::is_pushed_alone));
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
