//! All tracks of a stream as one transport stream, and into the ring.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ffleet_live::join::{Format, Scanner};
use ffleet_live::mpegts::Writer;
use ffleet_live::packet::{CLOCK, Packet, Track};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::made::Made;
use crate::output::Outputs;
use crate::reader::Reading;
use crate::ring::Ring;

/// How late the first packet is in the stream: what is decoded before it is shown has a time then too.
const START: i64 = CLOCK;
/// How long a track is waited for that has not come, so that it is there from the first byte on.
const PATIENCE: Duration = Duration::from_millis(500);
/// The same of a track that is pushed already, in such waits.
const WAITS: u32 = 20;

/// What comes next.
#[derive(Debug)]
pub(super) enum Next {
    /// This.
    Made(Made),
    /// A track that was waited for has not come.
    Late,
    /// Nothing any more.
    End,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Mux {
    tracks: Vec<Option<Track>>,
    /// Which of the tracks that are written each is; they are in the order in which they came.
    places: Vec<Option<usize>>,
    writer: Option<Writer>,
    /// Packets that came before there was a writer.
    early: Vec<(usize, Packet)>,
    /// Until when others are waited for, once there is one, and how often they have been.
    until: Option<Instant>,
    waits: u32,
    bytes: Vec<u8>,
    scanner: Scanner,
    ring: Arc<Ring>,
    /// Where it goes beside the ring.
    outputs: Option<Arc<Outputs>>,
    progress: watch::Sender<u64>,
    total: u64,
}

impl Mux {
    /// Of so many tracks.
    pub(super) fn new(tracks: usize, reading: Reading, outputs: Option<Arc<Outputs>>) -> Self {
        let Reading { ring, progress, .. } = reading;
        Self {
            tracks: vec![None; tracks],
            places: vec![None; tracks],
            writer: None,
            early: Vec::new(),
            until: None,
            waits: 0,
            bytes: Vec::new(),
            scanner: Scanner::new(Some(Format::MpegTs)),
            ring,
            outputs,
            progress,
            total: 0,
        }
    }

    /// Waits for what comes next.
    pub(super) async fn next(&self, made: &mut mpsc::Receiver<Made>) -> Next {
        let until = self.until.filter(|_| self.writer.is_none());
        let late = async {
            match until {
                Some(until) => tokio::time::sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            made = made.recv() => made.map_or(Next::End, Next::Made),
            () = late => Next::Late,
        }
    }

    /// Takes what a track has given.
    pub(super) fn take(&mut self, made: Made) {
        match made {
            Made::Track(number, track) => self.describe(number, track),
            Made::Packets(number, packets) => {
                for packet in packets {
                    self.packet(number, packet);
                }
            }
        }
    }

    fn describe(&mut self, number: usize, track: Track) {
        let place = self.places.get(number).copied().flatten();
        if let Some(known) = self.tracks.get_mut(number) {
            *known = Some(track.clone());
        }
        match (&mut self.writer, place) {
            (Some(writer), Some(place)) => {
                if let Err(error) = writer.change(place, track) {
                    tracing::error!(%error, "a track is not what it was, and cannot be written any more");
                }
                self.tell();
            }
            // One that comes late is there from now on, and the others stay what they are.
            (Some(writer), None) => {
                match (writer.add(track), self.places.get_mut(number)) {
                    (Ok(place), Some(at)) => *at = Some(place),
                    (Ok(_), None) => {}
                    (Err(error), _) => tracing::error!(%error, "a track cannot be written"),
                }
                self.tell();
            }
            (None, _) if self.tracks.iter().all(Option::is_some) => self.begin(),
            (None, _) => {}
        }
    }

    /// Begins to write without the tracks that have not come, unless one of them `is_pushed` and was not waited for long.
    pub(super) fn begin_without(&mut self, is_pushed: impl Fn(usize) -> bool) {
        let missing =
            |(number, track): (usize, &Option<Track>)| track.is_none() && is_pushed(number);
        self.waits += 1;
        if self.waits < WAITS && self.tracks.iter().enumerate().any(missing) {
            self.until = Some(Instant::now() + PATIENCE);
        } else {
            self.begin();
        }
    }

    /// Begins to write what tracks there are.
    fn begin(&mut self) {
        self.until = None;
        let known: Vec<Track> = self.tracks.iter().flatten().cloned().collect();
        let mut next = 0..;
        self.places = self
            .tracks
            .iter()
            .map(|track| track.as_ref().and_then(|_| next.next()))
            .collect();
        match Writer::new(&known) {
            Ok(writer) => {
                self.writer = Some(writer);
                self.tell();
            }
            Err(error) => {
                tracing::error!(%error, "a stream cannot be written");
                self.early.clear();
                return;
            }
        }
        for (number, packet) in std::mem::take(&mut self.early) {
            self.packet(number, packet);
        }
    }

    /// Tells outputs what the tracks are, in the order of their places.
    fn tell(&self) {
        if let Some(outputs) = &self.outputs {
            let tracks = self.places.iter().zip(&self.tracks);
            let mut placed: Vec<_> =
                tracks.filter_map(|(place, track)| place.zip(track.as_ref())).collect();
            placed.sort_by_key(|&(place, _)| place);
            let tracks: Vec<Track> = placed.into_iter().map(|(_, track)| track.clone()).collect();
            outputs.describe(&tracks);
        }
    }

    fn packet(&mut self, number: usize, mut packet: Packet) {
        let place = self.places.get(number).copied().flatten();
        if let (Some(writer), Some(place)) = (&mut self.writer, place) {
            packet.pts += START;
            packet.dts += START;
            if let Err(error) = writer.write(place, &packet, &mut self.bytes) {
                tracing::error!(%error, "a packet cannot be written, and is left out");
            }
            if let Some(outputs) = &self.outputs {
                outputs.push(place, packet);
            }
            return;
        }
        if self.writer.is_some() {
            return;
        }
        self.until.get_or_insert_with(|| Instant::now() + PATIENCE);
        self.early.push((number, packet));
    }

    /// Pushes what was written.
    pub(super) fn push(&mut self) {
        if self.bytes.is_empty() {
            return;
        }
        if self.total == 0 {
            self.ring.begin_run();
        }
        let bytes = Bytes::from(std::mem::take(&mut self.bytes));
        self.total += bytes.len() as u64;
        self.scanner.scan(&bytes);
        self.ring.push(bytes, self.scanner.joins(), None);
        self.progress.send_replace(self.total);
    }
}
