//! A track that is coded already, and is passed on as it is.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use ffleet_live::packet::{Packet, Track};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::health::Health;
use super::made::Made;
use crate::inputs::{Coded, Frame, Kind};

/// What the task of a track is given.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) health: Arc<Health>,
    pub(super) made: mpsc::Sender<Made>,
    pub(super) frames: mpsc::Receiver<Frame>,
    pub(super) kind: Kind,
    /// Which track of the stream it is.
    pub(super) number: usize,
}

/// Passes what comes on, from the first on that decoding can begin with, until it is told to stop.
pub(super) async fn run(mut parts: Parts, stop: CancellationToken) {
    let mut told: Option<Arc<Track>> = None;
    loop {
        let frame = tokio::select! {
            () = stop.cancelled() => return,
            frame = parts.frames.recv() => frame,
        };
        let Some(Frame { at, bytes, coded: Some(coded) }) = frame else {
            return;
        };
        let health = parts.health.track(parts.kind);
        health.taken.fetch_add(1, Ordering::Relaxed);
        let Coded { dts, begins } = coded;
        let is_key = begins.is_some();
        if let Some(track) = begins.filter(|track| told.as_ref() != Some(track)) {
            let made = Made::Track(parts.number, (*track).clone());
            if parts.made.send(made).await.is_err() {
                return;
            }
            told = Some(track);
        }
        if told.is_none() {
            continue;
        }
        let packet = Packet { pts: at, dts, is_key, bytes: bytes.into() };
        let made = Made::Packets(parts.number, vec![packet]);
        if parts.made.send(made).await.is_err() {
            return;
        }
        health.out.fetch_add(1, Ordering::Relaxed);
    }
}
