//! One track: who writes it, and who takes it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ffleet_live::packet::Codec;
use ffleet_live::raw::elementary::Stream;
use ffleet_live::raw::frames;
use ffleet_types::FrameRate;
use ffleet_types::live::inputs::{CodedFormat, Picture, PictureFormat, Sound, Via};
use tokio::sync::{Notify, mpsc};

use super::fifo::Fifo;
use super::{Frame, Kind};

/// Frames that wait for a stream that takes them, beyond those that it holds.
const WAITING: usize = 2;
/// How many pieces of sound a second are read, at least, of a writer that writes no faster than it is heard.
const PIECES: u64 = 50;
/// What is read at once of what is coded, in bytes.
pub(super) const MOUTHFUL: usize = 64 << 10;

/// See the module.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) kind: Kind,
    pub(super) via: Via,
    /// Its number in the feed, and in the anchor.
    pub(super) number: usize,
    /// What its frames are, as a connection says it; nothing where its container does.
    pub(super) track: Option<frames::Track>,
    /// Bytes of a frame, or of one sample of all channels.
    pub(super) unit: usize,
    /// Units that are read at once, at most.
    pub(super) most: usize,
    /// What cuts and times it, where it is coded.
    pub(super) coded: Option<Mutex<Stream>>,
    takers: Mutex<Vec<mpsc::Sender<Frame>>>,
    /// Told once somebody takes them, and kept so.
    taken: Notify,
    pub(super) source: tokio::sync::Mutex<Fifo>,
    /// Whether somebody writes it.
    is_written: AtomicBool,
    pub(crate) counts: Counts,
}

/// What has come of a track.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Frames, access units or samples.
    pub(crate) units: AtomicU64,
    /// Frames that a writer left unfinished.
    pub(crate) cut: AtomicU64,
    /// How often a writer came.
    pub(crate) came: AtomicU64,
}

impl Lane {
    fn new(kind: Kind, via: &Via, number: usize, track: Option<frames::Track>) -> Self {
        Self {
            kind,
            via: via.clone(),
            number,
            track,
            unit: 1,
            most: 1,
            coded: None,
            takers: Mutex::default(),
            taken: Notify::new(),
            source: tokio::sync::Mutex::default(),
            is_written: AtomicBool::new(false),
            counts: Counts::default(),
        }
    }

    pub(super) fn of_picture(picture: &Picture, number: usize) -> Self {
        let rate = picture.fps;
        match picture.format {
            PictureFormat::Raw { pixels, size } => {
                let track = frames::Track::Picture { format: pixels, size, rate };
                let unit = usize::try_from(pixels.frame_bytes(size)).unwrap_or(usize::MAX).max(1);
                Self { unit, ..Self::new(Kind::Video, &picture.via, number, Some(track)) }
            }
            PictureFormat::Coded(format) => {
                let codec = match format {
                    CodedFormat::H264 => Codec::H264,
                    CodedFormat::H265 => Codec::H265,
                };
                let track = frames::Track::Coded { codec, rate };
                let coded = Stream::new(codec, rate, number).map(Mutex::new);
                Self {
                    most: MOUTHFUL,
                    coded,
                    ..Self::new(Kind::Video, &picture.via, number, Some(track))
                }
            }
        }
    }

    pub(super) fn of_sound(sound: &Sound, number: usize) -> Self {
        let &Sound { format, rate, channels, .. } = sound;
        let track = frames::Track::Sound { format, rate, channels };
        let size = |size: u64| usize::try_from(size).unwrap_or(usize::MAX).max(1);
        let (unit, most) = (size(sound.bytes(1)), size(u64::from(rate) / PIECES));
        Self { unit, most, ..Self::new(Kind::Audio, &sound.via, number, Some(track)) }
    }

    /// One that is in a container.
    pub(super) fn of_container(kind: Kind, via: &Via, number: usize) -> Self {
        Self { most: MOUTHFUL, ..Self::new(kind, via, number, None) }
    }

    /// Whether bodies of requests have its bytes and nothing else.
    pub(super) fn is_pushed_alone(&self) -> bool {
        self.via == Via::Push && self.track.is_some()
    }

    /// So many units are so many seconds.
    pub(super) fn rate(&self) -> (u32, u32) {
        match self.track {
            Some(frames::Track::Picture { rate, .. } | frames::Track::Coded { rate, .. }) => {
                rate.parts()
            }
            Some(frames::Track::Sound { rate, .. }) => (rate, 1),
            None => (1, 1),
        }
    }

    /// Whether a track that a connection announces is this one.
    pub(super) fn is(&self, other: frames::Track) -> bool {
        use frames::Track::{Coded, Picture};
        let Some(track) = self.track else {
            return false;
        };
        match (track, other) {
            (
                Picture { format, size, rate },
                Picture { format: other, size: whole, rate: often },
            ) => format == other && size == whole && are_same(rate, often),
            (Coded { codec, rate }, Coded { codec: other, rate: often }) => {
                codec == other && are_same(rate, often)
            }
            (one, other) => one == other,
        }
    }

    /// Whether somebody writes it.
    pub(crate) fn is_written(&self) -> bool {
        self.is_written.load(Ordering::Relaxed)
    }

    /// Has it be written by one writer; false if there is one.
    pub(super) fn claim(&self) -> bool {
        let is_free = !self.is_written.swap(true, Ordering::Relaxed);
        if is_free {
            self.counts.came.fetch_add(1, Ordering::Relaxed);
            tracing::info!(track = self.kind.name(), from = %self.via, "a writer has come");
        }
        is_free
    }

    /// Its writer is gone, in the middle of `cut` bytes.
    pub(super) fn leave(&self, cut: usize) {
        self.is_written.store(false, Ordering::Relaxed);
        self.counts.cut.fetch_add(u64::from(cut > 0), Ordering::Relaxed);
        tracing::info!(track = self.kind.name(), from = %self.via, cut, "a writer has gone");
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

    /// Waits until somebody takes them: what is pushed before waits with its writer.
    pub(super) async fn taken(&self) {
        self.taken.notified().await;
        self.taken.notify_one();
    }

    pub(super) async fn give(&self, frame: Frame) {
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

fn are_same(one: FrameRate, other: FrameRate) -> bool {
    let ((frames, seconds), (others, theirs)) = (one.parts(), other.parts());
    u64::from(frames) * u64::from(theirs) == u64::from(others) * u64::from(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn track_of_a_connection_is_one_that_is_meant() {
        let format = PictureFormat::Coded(CodedFormat::H264);
        let picture = Picture { via: Via::Push, format, fps: "30".parse().unwrap() };
        let lane = Lane::of_picture(&picture, 0);
        for (line, is_it) in [
            ("coded h264 30", true),
            ("coded h264 30000/1000", true),
            ("coded h264 30000/1001", false),
            ("coded h265 30", false),
            ("sound s16le 48000 2", false),
        ] {
            assert_eq!(lane.is(line.parse().unwrap()), is_it, "{line}");
        }
    }
}
