//! A track of coded pictures that is passed on as it is.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use ffleet_live::packet::{Codec, Packet, Track};
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
    /// Which track of the stream it is.
    pub(super) number: usize,
}

/// Passes pictures on, from the first on that decoding can begin with, until it is told to stop.
pub(super) async fn run(codec: Codec, mut parts: Parts, stop: CancellationToken) {
    let mut sets = None;
    loop {
        let frame = tokio::select! {
            () = stop.cancelled() => return,
            frame = parts.frames.recv() => frame,
        };
        let Some(Frame { at, bytes, coded: Some(coded) }) = frame else {
            return;
        };
        let health = parts.health.track(Kind::Video);
        health.taken.fetch_add(1, Ordering::Relaxed);
        let Coded { dts, sets: new } = coded;
        let is_key = new.is_some();
        if is_key && new != sets {
            let track = Track { codec, config: new.as_deref().unwrap_or_default().to_vec() };
            if parts.made.send(Made::Track(parts.number, track)).await.is_err() {
                return;
            }
            sets = new;
        }
        if sets.is_none() {
            continue;
        }
        let packet = Packet { pts: at, dts, is_key, bytes: bytes.into() };
        if parts
            .made
            .send(Made::Packets(parts.number, vec![packet]))
            .await
            .is_err()
        {
            return;
        }
        health.out.fetch_add(1, Ordering::Relaxed);
    }
}
