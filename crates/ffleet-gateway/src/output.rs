//! Where a stream goes beside its viewers: servers that it is published to, and recordings.
//!
//! What the encoders of a stream give is put, packet by packet, into a line for each destination ([`line`]), which holds
//! it until the destination has got it. Each line is emptied by a task of its own ([`keep`]) that connects, sends
//! ([`rtmp`], [`child`]), waits, and connects again. Nothing of a destination reaches the encoders, the viewers or
//! another destination: to put something into a line never waits.

mod child;
mod keep;
mod line;
mod process;
mod record;
mod rtmp;
mod socket;
mod tls;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ffleet_api::live::EncoderEvent;
use ffleet_live::packet::{Packet, Track};
use ffleet_types::live::Output as Spec;
use tokio::task::JoinSet;

pub(crate) use self::line::Line;
use crate::feed::Shop;

/// How long destinations may take to get what is left for them when their stream ends.
const LAST: Duration = Duration::from_secs(12);

/// The destinations of a stream, and what it is made of.
#[derive(Debug)]
pub(crate) struct Outputs {
    lines: Vec<Arc<Line>>,
    tracks: Mutex<Arc<[Track]>>,
}

/// What is on its way to a destination.
#[derive(Debug)]
pub(crate) struct Piece {
    /// Which of the tracks it is of.
    pub(crate) track: usize,
    /// The tracks, as they are from it on.
    pub(crate) tracks: Arc<[Track]>,
    pub(crate) packet: Packet,
}

/// What sends is given.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub(crate) shop: Arc<Shop>,
    pub(crate) line: Arc<Line>,
    /// What children and logs are called.
    pub(crate) label: String,
    /// FFmpeg.
    pub(crate) program: PathBuf,
}

impl Outputs {
    pub(crate) fn new(specs: &[Spec], shop: &Shop) -> Self {
        let line = |(at, spec): (usize, &Spec)| {
            Arc::new(Line::new(at + 1, spec.clone(), Arc::clone(&shop.clock)))
        };
        let lines = specs.iter().enumerate().map(line).collect();
        Self { lines, tracks: Mutex::new(Arc::new([])) }
    }

    /// The stream has these tracks from now on, which packets name by their place.
    pub(crate) fn describe(&self, tracks: &[Track]) {
        *self.tracks.lock().unwrap_or_else(PoisonError::into_inner) = tracks.into();
    }

    /// Hands a packet to every destination.
    pub(crate) fn push(&self, track: usize, packet: Packet) {
        if self.lines.is_empty() {
            return;
        }
        let tracks = Arc::clone(&self.tracks.lock().unwrap_or_else(PoisonError::into_inner));
        let has_pictures = tracks.iter().any(|track| track.codec.is_video());
        let is_picture = tracks.get(track).is_some_and(|track| track.codec.is_video());
        // Without pictures any packet can be begun with.
        let is_start = packet.is_key && (is_picture || !has_pictures);
        let piece = Arc::new(Piece { track, tracks, packet });
        for line in &self.lines {
            line.push(&piece, is_start);
        }
    }

    /// Lets them send, until the stream ends.
    pub(crate) fn start(
        &self,
        shop: &Arc<Shop>,
        label: &str,
        program: &std::path::Path,
    ) -> Running {
        let mut tasks = JoinSet::new();
        for line in &self.lines {
            line.open();
            let parts = Parts {
                shop: Arc::clone(shop),
                line: Arc::clone(line),
                label: format!("{label}.output{}", line.number),
                program: program.to_owned(),
            };
            // Ends when it is told that nothing more comes; the set ends it when this is dropped.
            tasks.spawn(keep::keep(parts));
        }
        Running { lines: self.lines.clone(), tasks }
    }

    /// How they are, for whoever asks.
    pub(crate) fn shown(&self) -> Vec<ffleet_api::live::Output> {
        self.lines.iter().map(|line| line.shown()).collect()
    }

    /// What happened to them.
    pub(crate) fn events(&self) -> Vec<EncoderEvent> {
        self.lines.iter().flat_map(|line| line.events()).collect()
    }
}

/// Destinations that are sent to. Dropped, they are cut off.
#[derive(Debug)]
pub(crate) struct Running {
    lines: Vec<Arc<Line>>,
    tasks: JoinSet<()>,
}

impl Running {
    /// Nothing more comes: waits until they have got what is left, as long as they may take.
    pub(crate) async fn finish(mut self) {
        for line in &self.lines {
            line.close();
        }
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(LAST, all).await.is_err() {
            tracing::warn!("a destination of a stream did not take what was left for it");
        }
    }
}
