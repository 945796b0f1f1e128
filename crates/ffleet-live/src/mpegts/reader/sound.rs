//! Sound: PES packets, cut into frames.

use super::super::{adts, layer3, opus};
use super::{Item, Loss, Sink};
use crate::packet::{CLOCK, Codec, Packet, Track};

/// See the module.
#[derive(Debug)]
pub(super) struct Sound {
    codec: Codec,
    /// Of Opus, the code for its channels.
    channels: u8,
    /// The beginning of a frame whose rest is in the next PES packet.
    carry: Vec<u8>,
    /// The last timestamp, and how many samples of how many a second have sounded since.
    since: Option<(i64, u64, u32)>,
    /// What was said of the track last.
    told: Option<Vec<u8>>,
}

/// What bytes begin with.
enum Cut {
    /// A frame.
    Frame(Frame),
    /// The beginning of one.
    Short,
    /// Something that is none.
    Strange,
}

struct Frame {
    /// How many bytes of it are no part of the packet.
    skip: usize,
    /// Its length in bytes, with those.
    long: usize,
    /// Samples of each channel in it, and in a second.
    samples: u64,
    rate: u32,
    /// What a decoder must know; none if it is of a kind that is not read.
    config: Option<Vec<u8>>,
}

impl Sound {
    pub(super) const fn new(codec: Codec, channels: u8) -> Self {
        Self { codec, channels, carry: Vec::new(), since: None, told: None }
    }

    pub(super) fn tell_again(&mut self) {
        self.told = None;
    }

    /// What was carried over is of no use; whether there was something.
    pub(super) fn forget(&mut self) -> bool {
        let had = !self.carry.is_empty();
        self.carry.clear();
        had
    }

    /// What a PES packet has; `pts` is that of the first frame that begins in it.
    pub(super) fn bytes(&mut self, index: usize, bytes: &[u8], pts: Option<i64>, sink: &mut Sink) {
        let mut pts = pts;
        let mut input = std::mem::take(&mut self.carry);
        let own = input.len();
        input.extend_from_slice(bytes);
        let (mut at, mut was_strange) = (0, false);
        loop {
            let ahead = input.get(at..).unwrap_or_default();
            let frame = match self.cut(ahead) {
                Cut::Frame(frame) => frame,
                Cut::Short => break,
                Cut::Strange => {
                    if !std::mem::replace(&mut was_strange, true) {
                        sink.lost(index, Loss::Damaged);
                    }
                    at += 1;
                    continue;
                }
            };
            let Some(whole) = ahead.get(..frame.long) else {
                break;
            };
            if at >= own
                && let Some(pts) = pts.take()
            {
                self.since = Some((pts, 0, frame.rate));
            }
            self.frame(index, &frame, whole, sink);
            at += frame.long;
            was_strange = false;
        }
        input.drain(..at);
        self.carry = input;
    }

    fn frame(&mut self, index: usize, frame: &Frame, whole: &[u8], sink: &mut Sink) {
        let Some(pts) = self.pass(frame) else {
            sink.lost(index, Loss::Untimed);
            return;
        };
        let Some(config) = &frame.config else {
            sink.lost(index, Loss::Damaged);
            return;
        };
        if self.told.as_ref() != Some(config) {
            self.told = Some(config.clone());
            let track = Track { codec: self.codec, config: config.clone() };
            sink.items.push_back(Item::Track { index, track });
        }
        let bytes = whole.get(frame.skip..).unwrap_or_default().to_vec();
        let packet = Packet { pts, dts: pts, is_key: true, bytes };
        sink.items.push_back(Item::Packet { index, packet });
    }

    /// When `frame` sounds, after which it has passed.
    fn pass(&mut self, frame: &Frame) -> Option<i64> {
        let (at, samples, rate) = self.since.as_mut()?;
        // To the nearest tick.
        let rated = i128::from((*rate).max(1));
        let later = (i128::from(*samples) * i128::from(CLOCK) + rated / 2) / rated;
        let pts = at.checked_add(i64::try_from(later).ok()?)?;
        if *rate == frame.rate {
            *samples = samples.saturating_add(frame.samples);
        } else {
            (*at, *samples, *rate) = (pts, frame.samples, frame.rate);
        }
        Some(pts)
    }

    fn cut(&self, bytes: &[u8]) -> Cut {
        match self.codec {
            Codec::Mp3 => layer3(bytes),
            Codec::Opus => self.opus(bytes),
            _ => adts(bytes),
        }
    }

    fn opus(&self, bytes: &[u8]) -> Cut {
        let Some((head, long)) = opus::framed(bytes) else {
            return if opus::may_begin(bytes) {
                Cut::Short
            } else {
                Cut::Strange
            };
        };
        if long > opus::LONGEST {
            return Cut::Strange;
        }
        let packet = bytes.get(head..).unwrap_or_default();
        let duration = match opus::duration(packet.get(..long).unwrap_or(packet)) {
            _ if packet.len() < long => return Cut::Short,
            Some(duration) => duration,
            None => return Cut::Strange,
        };
        let samples = u64::try_from(duration.as_micros()).unwrap_or_default() * 48 / 1000;
        let config = opus::config(self.channels);
        Cut::Frame(Frame { skip: head, long: head + long, samples, rate: 48_000, config })
    }
}

fn adts(bytes: &[u8]) -> Cut {
    const SAMPLES: u64 = 1024;
    let Some(head) = bytes.first_chunk() else {
        return short(bytes);
    };
    let Some(frame) = adts::Frame::read(*head) else {
        return Cut::Strange;
    };
    let config = frame.is_single.then(|| frame.adts.config().to_vec());
    let rate = frame.adts.rate();
    Cut::Frame(Frame { skip: frame.head, long: frame.long, samples: SAMPLES, rate, config })
}

fn layer3(bytes: &[u8]) -> Cut {
    let Some(head) = bytes.first_chunk() else {
        return short(bytes);
    };
    let Some(frame) = layer3::Frame::read(*head) else {
        return Cut::Strange;
    };
    let config = (frame.layer == 3).then(Vec::new);
    let layer3::Frame { long, samples, rate, .. } = frame;
    Cut::Frame(Frame { skip: 0, long, samples: u64::from(samples), rate, config })
}

/// Too few bytes for a header.
fn short(bytes: &[u8]) -> Cut {
    const SYNC: u8 = 0xff;
    if bytes.first().is_none_or(|&first| first == SYNC) {
        Cut::Short
    } else {
        Cut::Strange
    }
}
