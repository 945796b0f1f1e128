//! How the encoders of a stream are, for whoever asks.

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ffleet_api::Moment;
use ffleet_api::live::{DecodedTrack, EncodedTrack, EncoderEvent};
use ffleet_types::{Bytes, Timestamp};

use crate::feed::Shop;
use crate::inputs::Kind;

/// What has happened that is kept for people.
const EVENTS: usize = 50;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Health {
    video: Track,
    audio: Track,
    events: Mutex<Vec<Event>>,
}

/// Something that happened to an encoder.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) at: Timestamp,
    pub(crate) kind: Kind,
    pub(crate) what: String,
}

/// How one track is. Zero where there is none.
#[derive(Debug, Default)]
pub(crate) struct Track {
    /// Frames or blocks that were taken, that came out, that were left out for want of room, and that were given up.
    pub(crate) taken: AtomicU64,
    pub(crate) out: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) lost: AtomicU64,
    /// Frames that a second encoder was fed, and packets that were left out because they had been there.
    pub(crate) replayed: AtomicU64,
    pub(crate) doubled: AtomicU64,
    /// Frames that have not come out, and bytes that are held.
    pub(crate) waiting: AtomicU64,
    pub(crate) held: AtomicU64,
    pub(crate) recoveries: AtomicU64,
    /// The longest time without a packet around a recovery, and the last one, in microseconds.
    pub(crate) longest_gap: AtomicU64,
    pub(crate) last_gap: AtomicU64,
    /// The processes, 0 where there is none.
    pub(crate) pid: AtomicU32,
    pub(crate) spare: AtomicU32,
    pub(crate) twin: AtomicU32,
    /// How the twin stands: a place in [`STANDS`].
    pub(crate) step: AtomicUsize,
    /// Packets of both that were the same, and others.
    pub(crate) equal: AtomicU64,
    pub(crate) different: AtomicU64,
    /// What decodes its input, where that comes coded.
    pub(crate) decoder: Decoder,
}

/// How the decoders of a track are. Zero where there are none.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    /// Units that were taken, frames that came out, units that nothing became of.
    pub(crate) taken: AtomicU64,
    pub(crate) out: AtomicU64,
    pub(crate) lost: AtomicU64,
    /// Units that another decoder was fed again.
    pub(crate) replayed: AtomicU64,
    /// Units that have not come out; bytes that are held, and may be.
    pub(crate) waiting: AtomicU64,
    pub(crate) held: AtomicU64,
    pub(crate) limit: AtomicU64,
    pub(crate) recoveries: AtomicU64,
    /// The processes, 0 where there is none.
    pub(crate) pid: AtomicU32,
    pub(crate) spare: AtomicU32,
}

impl Decoder {
    /// How they are, for whoever asks; nothing where there were never any.
    fn shown(&self) -> Option<DecodedTrack> {
        let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
        let pid = |of: &AtomicU32| Some(of.load(Ordering::Relaxed)).filter(|&pid| pid > 0);
        (count(&self.limit) > 0).then(|| DecodedTrack {
            units_in: count(&self.taken),
            frames_out: count(&self.out),
            units_lost: count(&self.lost),
            units_replayed: count(&self.replayed),
            units_waiting: count(&self.waiting),
            held_bytes: count(&self.held),
            most_bytes: count(&self.limit),
            recoveries: count(&self.recoveries),
            pid: pid(&self.pid),
            spare_pid: pid(&self.spare),
        })
    }
}

/// How a twin stands, in words; the first is of a track that has none.
pub(crate) const STANDS: [&str; 5] = ["", "alone", "catching up", "in step", "apart"];

impl Health {
    pub(crate) const fn track(&self, kind: Kind) -> &Track {
        match kind {
            Kind::Video => &self.video,
            Kind::Audio => &self.audio,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Event>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what happened; the oldest is forgotten.
    pub(crate) fn note(&self, event: Event) {
        let mut events = self.lock();
        if events.len() >= EVENTS {
            events.remove(0);
        }
        events.push(event);
    }

    /// Notes what happened to a process of a track, and says it in the log.
    pub(super) fn attend(&self, shop: &Shop, (stream, kind): (&str, Kind), what: &str) {
        tracing::warn!(
            stream,
            track = kind.name(),
            what,
            "an encoder or a decoder needs attention"
        );
        self.note(Event { at: shop.clock.now(), kind, what: what.to_owned() });
    }

    /// What happened last, the oldest first.
    pub(crate) fn shown(&self) -> Vec<EncoderEvent> {
        let shown = |event: &Event| EncoderEvent {
            at: Moment(event.at),
            track: event.kind.name().to_owned(),
            what: event.what.clone(),
        };
        self.lock().iter().map(shown).collect()
    }
}

impl Track {
    /// How it is, for whoever asks.
    pub(crate) fn shown(&self, kind: Kind, backlog: Bytes) -> EncodedTrack {
        let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
        let pid = |of: &AtomicU32| Some(of.load(Ordering::Relaxed)).filter(|&pid| pid > 0);
        EncodedTrack {
            track: kind.name().to_owned(),
            frames_in: count(&self.taken),
            frames_out: count(&self.out),
            frames_dropped: count(&self.dropped),
            frames_lost: count(&self.lost),
            frames_replayed: count(&self.replayed),
            frames_waiting: count(&self.waiting),
            packets_doubled: count(&self.doubled),
            held_bytes: count(&self.held),
            backlog_bytes: backlog.0,
            recoveries: count(&self.recoveries),
            longest_gap_micros: count(&self.longest_gap),
            last_gap_micros: count(&self.last_gap),
            pid: pid(&self.pid),
            spare_pid: pid(&self.spare),
            twin_pid: pid(&self.twin),
            twin: STANDS
                .get(self.step.load(Ordering::Relaxed))
                .filter(|word| !word.is_empty())
                .map(|&word| word.to_owned()),
            packets_equal: count(&self.equal),
            packets_different: count(&self.different),
            decoder: self.decoder.shown(),
        }
    }

    /// Packets came again, so long after the last before.
    pub(crate) fn gap(&self, gap: Duration) {
        let micros = u64::try_from(gap.as_micros()).unwrap_or(u64::MAX);
        self.last_gap.store(micros, Ordering::Relaxed);
        self.longest_gap.fetch_max(micros, Ordering::Relaxed);
    }
}
