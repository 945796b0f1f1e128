//! Where what writers give becomes frames with a time.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use ::bytes::Bytes;
use ffleet_base::Clock;
use ffleet_live::anchor::Anchor;
use ffleet_live::packet::{Packet, Track};
use ffleet_live::raw::elementary::Stream;
use ffleet_live::raw::frames;
use ffleet_types::live::inputs::Via;
use futures_util::future::select_all;
use tokio::sync::watch;

use super::{Coded, Frame, Hub, Lane};
use crate::feed::Ended;

/// A run of a feed that is pushed to.
#[derive(Clone, Copy)]
pub(super) struct Desk<'a> {
    pub(super) hub: &'a Hub,
    pub(super) clock: &'a dyn Clock,
    pub(super) progress: &'a watch::Sender<u64>,
}

/// Somebody writes a track, until this is dropped.
pub(super) struct Claim<'a> {
    pub(super) lane: &'a Lane,
    hub: &'a Hub,
    /// Bytes of a frame that is not whole.
    pub(super) cut: usize,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.lane.leave(self.cut);
        self.hub.anchor().leave(self.lane.number);
    }
}

impl<'a> Desk<'a> {
    /// Has a track be written by one writer; nothing if there is one.
    pub(super) fn claim(&self, lane: &'a Lane) -> Option<Claim<'a>> {
        lane.claim().then(|| Claim { lane, hub: self.hub, cut: 0 })
    }

    /// A track that is written already, by a writer whom the run before has read.
    pub(super) fn claimed(&self, lane: &'a Lane) -> Claim<'a> {
        Claim { lane, hub: self.hub, cut: 0 }
    }

    /// Waits until somebody takes a track that does not come by a FIFO: a stream may leave others out.
    pub(super) async fn taken(&self) {
        let lanes = self.hub.lanes.iter().filter(|lane| !matches!(lane.via, Via::Fifo(_)));
        let taken: Vec<_> = lanes.map(|lane| Box::pin(lane.taken())).collect();
        if !taken.is_empty() {
            select_all(taken).await;
        }
    }

    /// Whether nobody writes any more.
    pub(super) fn is_over(&self) -> bool {
        self.hub.lanes.iter().all(|lane| !lane.is_written())
    }

    /// How it ends then.
    pub(super) fn over(why: Result<(), String>) -> Ended {
        match why {
            Ok(()) => Ended::clean("its writers have gone"),
            Err(why) => Ended::failed(why),
        }
    }

    pub(super) fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    pub(super) fn note(&self, lane: &Lane, units: u64, bytes: usize) {
        lane.counts.units.fetch_add(units, Ordering::Relaxed);
        self.progress.send_modify(|sum| *sum += bytes as u64);
    }

    /// Takes whole frames or samples, or any bytes of a coded picture.
    pub(super) async fn take(&self, lane: &Lane, bytes: Bytes) {
        let long = bytes.len();
        if lane.coded.is_some() {
            let packets = self.coded(lane, |stream, anchor, now| stream.push(&bytes, anchor, now));
            return self.pass(lane, packets, long).await;
        }
        let units = (long / lane.unit) as u64;
        self.note(lane, units, long);
        let count = u32::try_from(units).unwrap_or(u32::MAX);
        let at = self.hub.anchor().take(lane.number, count, self.now());
        self.give(lane, Frame { at, bytes, coded: None }).await;
    }

    /// Hands on a frame that is not coded: whoever takes it may take its time, which is no pause of its writer.
    async fn give(&self, lane: &Lane, frame: Frame) {
        lane.give(frame).await;
        self.hub.anchor().wait(lane.number, self.now());
    }

    /// The writer of a coded picture has paused.
    pub(super) async fn flush(&self, lane: &Lane) {
        let packets = self.coded(lane, Stream::flush);
        self.pass(lane, packets, 0).await;
    }

    /// The writer of a track is gone.
    pub(super) async fn end(&self, claim: Claim<'_>) {
        let packets = self.coded(claim.lane, Stream::end);
        self.pass(claim.lane, packets, 0).await;
    }

    /// Takes a frame of a connection.
    pub(super) async fn frame(&self, lane: &Lane, frame: frames::Frame) {
        let (now, time, long) = (self.now(), frame.pts(), frame.bytes.len());
        let track = lane.number;
        if frame.has_gap && time.is_none() {
            // Nobody says how much is missing: it goes on where the clock is.
            self.hub.anchor().leave(track);
        }
        if lane.coded.is_some() {
            let unit = |stream: &mut Stream, anchor: &mut Anchor, now| {
                stream.unit(&frame.bytes, time, anchor, now)
            };
            let packets = self.coded(lane, unit);
            return self.pass(lane, packets, long).await;
        }
        let samples = u32::try_from(long / lane.unit).unwrap_or(u32::MAX);
        let is_sound = matches!(lane.track, Some(frames::Track::Sound { .. }));
        let at = match time {
            Some(time) if is_sound => self.hub.anchor().place_run(track, samples, time, now),
            Some(time) => self.hub.anchor().place(track, time, now),
            None => self.hub.anchor().take(track, samples, now),
        };
        self.note(lane, samples.into(), long);
        let frame = Frame { at, bytes: frame.bytes.into(), coded: None };
        self.give(lane, frame).await;
    }

    fn coded(
        &self,
        lane: &Lane,
        work: impl FnOnce(&mut Stream, &mut Anchor, Duration) -> Vec<Packet>,
    ) -> Vec<(Packet, Option<Arc<Track>>)> {
        let Some(coded) = &lane.coded else {
            return Vec::new();
        };
        let mut stream = coded.lock().unwrap_or_else(PoisonError::into_inner);
        let packets = work(&mut stream, &mut self.hub.anchor(), self.now());
        let with_sets = |packet: Packet| {
            let begins = packet
                .is_key
                .then(|| Arc::new(Track { codec: stream.codec(), config: stream.config() }));
            (packet, begins)
        };
        packets.into_iter().map(with_sets).collect()
    }

    async fn pass(&self, lane: &Lane, packets: Vec<(Packet, Option<Arc<Track>>)>, bytes: usize) {
        self.note(lane, packets.len() as u64, bytes);
        for (packet, begins) in packets {
            let coded = Some(Coded { dts: packet.dts, begins });
            lane.give(Frame { at: packet.pts, bytes: packet.bytes.into(), coded })
                .await;
        }
    }
}
