//! All tracks in one container: taken apart, and put on the time of the feed.
//!
//! What the tracks are, and when something is shown, the container says. A unit that its writer did not live to finish is
//! left out, and so is what was damaged on the way. Whatever is the matter with it is said to everybody who encodes the
//! feed: a stream is never silent without a word.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::bytes::BytesMut;
use ffleet_base::Clock;
use ffleet_live::mpegts::{Item, Program, Reader, Watcher};
use ffleet_live::packet::{Codec, Packet, Track};
use ffleet_live::timeline::{Said, Timeline};
use futures_util::future::select_all;
use tokio::sync::{broadcast, watch};

use super::desk::{Claim, Desk};
use super::fifo::{Place, Read};
use super::lane::MOUTHFUL;
use super::{Coded, Frame, Hub, Kind, Lane};
use crate::feed::Ended;
use crate::reader::Bytes as From;
use crate::ring::{Ring, Take};

/// How many tracks are read of a container: a picture, and sound.
const TRACKS: usize = 2;
/// Remarks that wait for somebody who encodes.
const REMARKS: usize = 32;
/// How often it is looked whether a feed that is read still gives bytes.
const LOOK: Duration = Duration::from_millis(250);

/// What is known of the container of a feed, for as long as the feed is there.
#[derive(Debug)]
pub(crate) struct Whole {
    timeline: Mutex<Timeline>,
    /// How its tracks are coded; nothing before that has come.
    program: watch::Sender<Option<Arc<[Codec]>>>,
    remarks: broadcast::Sender<String>,
    /// What its picture and its sound are, for people.
    shown: Mutex<[String; TRACKS]>,
}

impl Default for Whole {
    fn default() -> Self {
        Self {
            timeline: Mutex::new(Timeline::new(TRACKS)),
            program: watch::Sender::new(None),
            remarks: broadcast::Sender::new(REMARKS),
            shown: Mutex::default(),
        }
    }
}

impl Whole {
    pub(super) fn timeline(&self) -> MutexGuard<'_, Timeline> {
        self.timeline.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How its tracks are coded, as soon as that is known, and whenever it changes.
    pub(crate) fn program(&self) -> watch::Receiver<Option<Arc<[Codec]>>> {
        self.program.subscribe()
    }

    /// What is the matter with it, from now on.
    pub(crate) fn remarks(&self) -> broadcast::Receiver<String> {
        self.remarks.subscribe()
    }

    /// Whether it has been found to have such a track.
    pub(super) fn has(&self, kind: Kind) -> bool {
        let program = self.program.borrow();
        program
            .iter()
            .flat_map(|codecs| codecs.iter())
            .any(|&codec| of(codec) == kind)
    }

    /// What a track of it is, for people.
    pub(super) fn shown(&self, kind: Kind) -> String {
        self.lock_shown()[place(kind)].clone()
    }

    fn lock_shown(&self) -> MutexGuard<'_, [String; TRACKS]> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remark(&self, what: String) {
        tracing::warn!(what, "a container needs attention");
        // Perhaps nobody encodes it now.
        let _unheard = self.remarks.send(what);
    }
}

/// Of which kind a track is that is coded so.
pub(crate) const fn of(codec: Codec) -> Kind {
    if codec.is_video() { Kind::Video } else { Kind::Audio }
}

/// The place of a track in the timeline.
const fn place(kind: Kind) -> usize {
    match kind {
        Kind::Video => 0,
        Kind::Audio => 1,
    }
}

/// What one writer sends, on its way to the tracks.
struct Unpacker<'a> {
    desk: Desk<'a>,
    whole: &'a Whole,
    reader: Reader,
    watcher: Watcher,
    /// By their places in the program.
    tracks: Vec<Open<'a>>,
}

/// A track of the program.
struct Open<'a> {
    lane: &'a Lane,
    kind: Kind,
    track: Option<Arc<Track>>,
    /// It is written for as long as this is there.
    claim: Option<Claim<'a>>,
}

impl<'a> Unpacker<'a> {
    fn new(desk: Desk<'a>, whole: &'a Whole) -> Self {
        whole.timeline().part();
        let watcher = Watcher::new(desk.now());
        Self { desk, whole, reader: Reader::new(), watcher, tracks: Vec::new() }
    }

    /// Takes more bytes, cut anywhere.
    async fn take(&mut self, bytes: &[u8]) {
        self.desk.progress.send_modify(|sum| *sum += bytes.len() as u64);
        self.reader.push(bytes);
        self.drain().await;
        let counts = self.reader.counts();
        for remark in self.watcher.look(self.desk.now(), bytes.len() as u64, counts) {
            self.whole.remark(remark);
        }
    }

    async fn drain(&mut self) {
        while let Some(item) = self.reader.next() {
            match item {
                Item::Program(program) => self.program(&program),
                Item::Track { index, track } => self.track(index, track),
                Item::Packet { index, packet } => self.packet(index, packet).await,
                Item::Lost { index, loss } => {
                    let kind = self.tracks.get(index).map(|open| open.kind);
                    self.watcher.lost(kind.map_or("a track", Kind::name), loss);
                }
            }
        }
    }

    fn program(&mut self, program: &Program) {
        self.watcher
            .program(program)
            .into_iter()
            .for_each(|remark| self.whole.remark(remark));
        // Those that go on are not left for a moment.
        let before = std::mem::take(&mut self.tracks);
        let mut claims: Vec<_> = before.into_iter().map(|open| (open.kind, open.claim)).collect();
        for &codec in &program.tracks {
            let kind = of(codec);
            let Some(lane) = self.desk.hub.lane(kind) else { continue };
            let kept = claims.iter().position(|&(of, _)| of == kind);
            let kept = kept.and_then(|at| claims.swap_remove(at).1);
            let claim = kept.or_else(|| self.desk.claim(lane));
            self.tracks.push(Open { lane, kind, track: None, claim });
        }
        let codecs: Arc<[Codec]> = program.tracks.as_slice().into();
        self.whole.program.send_if_modified(|known| {
            let is_news = known.as_ref() != Some(&codecs);
            *known = Some(codecs);
            is_news
        });
    }

    fn track(&mut self, index: usize, track: Track) {
        if let Some(open) = self.tracks.get_mut(index) {
            self.whole.lock_shown()[place(open.kind)] = described(&track);
            open.track = Some(Arc::new(track));
        }
    }

    async fn packet(&mut self, index: usize, packet: Packet) {
        let Some(Open { lane, kind, track: Some(track), .. }) = self.tracks.get(index) else {
            return;
        };
        self.watcher.came();
        let Packet { pts, dts, is_key, bytes } = packet;
        let samples = track.sound().map(|sound| (sound.samples, sound.rate));
        let said = Said { pts, dts, samples };
        let placed = self.whole.timeline().place(place(*kind), said, self.desk.now());
        self.desk.note(lane, 1, 0);
        let Some(placed) = placed else {
            return self.watcher.overlaps();
        };
        let begins = is_key.then(|| Arc::clone(track));
        let coded = Some(Coded { dts: placed.dts, begins });
        lane.give(Frame { at: placed.pts, bytes: bytes.into(), coded }).await;
    }

    /// Its writer is gone.
    ///
    /// # Errors
    ///
    /// If nothing could be made of what it sent.
    async fn end(mut self) -> Result<(), String> {
        self.reader.finish();
        self.drain().await;
        let (remarks, ended) = self.watcher.end(self.reader.counts());
        remarks.into_iter().for_each(|remark| self.whole.remark(remark));
        ended
    }
}

/// What a track is, for people.
fn described(track: &Track) -> String {
    match (track.sound(), track.size()) {
        (Some(sound), _) => {
            format!("{} {} Hz, {} channels", track.codec, sound.rate, sound.channels)
        }
        (None, Some(size)) => format!("{} {size}", track.codec),
        (None, None) => track.codec.to_string(),
    }
}

impl<'a> Desk<'a> {
    /// Reads a container from a FIFO, until nobody writes into it.
    pub(super) async fn whole_fifo(self, lane: &'a Lane, path: &Path) -> Ended {
        let Some(whole) = self.hub.whole() else {
            return Ended::failed("it has no container");
        };
        let mut source = lane.source.lock().await;
        self.wanted().await;
        let place = Place { path, keeping: &self.hub.keeping, track: "container" };
        let mut unpacker: Option<Unpacker<'a>> = None;
        loop {
            match source.read(&place, 1, MOUTHFUL).await {
                Ok(Read::Units(bytes)) => {
                    let unpacker = unpacker.get_or_insert_with(|| Unpacker::new(self, whole));
                    unpacker.take(&bytes).await;
                }
                Ok(Read::Gone { .. }) => {
                    if let Some(unpacker) = unpacker.take() {
                        return Self::over(unpacker.end().await);
                    }
                }
                Err(error) => return Ended::failed(format!("{}: {error}", path.display())),
            }
        }
    }

    /// Waits until somebody takes one of its tracks.
    async fn wanted(&self) {
        let taken: Vec<_> = self.hub.lanes.iter().map(|lane| Box::pin(lane.taken())).collect();
        if !taken.is_empty() {
            select_all(taken).await;
        }
    }

    /// Reads a connection, or a body, to its end: a container if the feed has one, else frames.
    ///
    /// # Errors
    ///
    /// What makes no sense, for its writer.
    pub(super) async fn connected(&self, mut from: impl From) -> Result<(), String> {
        let Some(whole) = self.hub.whole() else {
            return self.framed(from).await;
        };
        let mut unpacker = Unpacker::new(*self, whole);
        let mut buffer = BytesMut::new();
        let read: io::Result<()> = loop {
            buffer.reserve(MOUTHFUL);
            match from.read(&mut buffer).await {
                Ok(0) => break Ok(()),
                Ok(_) => unpacker.take(&buffer.split()).await,
                Err(error) => break Err(error),
            }
        };
        let ended = unpacker.end().await;
        read.map_err(|error| format!("it cannot be read: {error}"))?;
        ended
    }
}

impl Hub {
    /// Takes apart what comes in the ring of another feed, for ever, or until that is closed. Between two runs of the feed,
    /// when it `is_live` no more, what it left unfinished is left out.
    pub(crate) async fn follow(&self, ring: &Ring, clock: &dyn Clock, is_live: impl Fn() -> bool) {
        let Some(whole) = &self.whole else { return };
        let progress = watch::Sender::new(0);
        let desk = Desk { hub: self, clock, progress: &progress };
        let mut place = ring.enter();
        let mut unpacker: Option<(u64, Unpacker<'_>)> = None;
        loop {
            let taken = tokio::time::timeout(LOOK, ring.next(&mut place)).await;
            let run = place.run();
            let is_other = unpacker.as_ref().is_some_and(|&(of, _)| of != run);
            let is_over = match &taken {
                Ok(Take::Bytes { .. }) => is_other,
                Ok(_) => true,
                Err(_nothing) => !is_live(),
            };
            if is_over && let Some((_, gone)) = unpacker.take() {
                // What was wrong has been said.
                let _said = gone.end().await;
            }
            match taken {
                Ok(Take::Bytes { bytes, fell }) => {
                    if fell {
                        let what = "a part of the feed is missing: its ring was full before it could be read";
                        whole.remark(what.to_owned());
                    }
                    let (_, unpacker) =
                        unpacker.get_or_insert_with(|| (run, Unpacker::new(desk, whole)));
                    for piece in bytes {
                        unpacker.take(&piece).await;
                    }
                }
                Ok(Take::End) if ring.is_closed() => return,
                // Others are sent away.
                Ok(Take::End) => ring.stay(&mut place),
                Ok(Take::Wait) | Err(_) => {}
            }
        }
    }
}
