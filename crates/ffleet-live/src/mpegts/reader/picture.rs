//! Pictures: which of them decoding can begin with, and what a decoder must know before.

use super::super::unit::{Kind, nals};
use super::{Item, Loss, Sink};
use crate::packet::{Codec, Packet, Track};

/// What a parameter set begins with in a track's configuration.
const START: [u8; 4] = [0, 0, 0, 1];
/// How many kinds of parameter sets there are at most.
const KINDS: usize = 3;
/// The longest parameter sets of a kind together in bytes.
const LONGEST: usize = 64 << 10;

/// See the module.
#[derive(Debug)]
pub(super) struct Pictures {
    codec: Codec,
    /// The newest parameter sets of each kind, with start codes.
    sets: [Vec<u8>; KINDS],
    /// What was said of the track last.
    told: Option<Vec<u8>>,
}

impl Pictures {
    pub(super) fn new(codec: Codec) -> Self {
        Self { codec, sets: Default::default(), told: None }
    }

    pub(super) fn tell_again(&mut self) {
        self.told = None;
    }

    /// An access unit.
    pub(super) fn unit(
        &mut self,
        index: usize,
        (bytes, is_random_access): (Vec<u8>, bool),
        times: Option<(i64, i64)>,
        sink: &mut Sink,
    ) {
        if bytes.is_empty() {
            return;
        }
        let is_key = self.look(&bytes) || is_random_access;
        let Some((pts, dts)) = times else {
            sink.lost(index, Loss::Untimed);
            return;
        };
        if is_key && let Some(config) = self.config() {
            if self.told.as_ref() != Some(&config) {
                let track = Track { codec: self.codec, config: config.clone() };
                sink.items.push_back(Item::Track { index, track });
            }
            self.told = Some(config);
        }
        if self.told.is_none() {
            sink.counts.skipped += 1;
            return;
        }
        let packet = Packet { pts, dts, is_key, bytes };
        sink.items.push_back(Item::Packet { index, packet });
    }

    /// Remembers the parameter sets of a unit; whether decoding can begin with it.
    fn look(&mut self, bytes: &[u8]) -> bool {
        let mut came = [false; KINDS];
        for nal in nals(self.codec, bytes) {
            match nal.kind {
                Kind::Set(kind) => {
                    let kind = usize::from(kind);
                    let (Some(sets), Some(came)) = (self.sets.get_mut(kind), came.get_mut(kind))
                    else {
                        continue;
                    };
                    if !std::mem::replace(came, true) {
                        sets.clear();
                    }
                    if sets.len() + START.len() + nal.bytes.len() <= LONGEST {
                        sets.extend_from_slice(&START);
                        sets.extend_from_slice(nal.bytes);
                    }
                }
                Kind::Key => return true,
                Kind::Slice => return came[0] && is_intra(self.codec, nal.bytes),
                Kind::Delimiter | Kind::Other => {}
            }
        }
        false
    }

    /// All that a decoder must know, once it has come.
    fn config(&self) -> Option<Vec<u8>> {
        let needed = if self.codec == Codec::H265 {
            &self.sets[..]
        } else {
            &self.sets[..2]
        };
        let is_whole = needed.iter().all(|sets| !sets.is_empty());
        is_whole.then(|| needed.concat())
    }
}

/// Whether a slice of H.264 is the first of a picture (ue 0) and of type I (ue 2 or 7): behind a
/// sequence parameter set, where nobody says otherwise, decoding can begin with it.
fn is_intra(codec: Codec, nal: &[u8]) -> bool {
    codec == Codec::H264
        && nal
            .get(1)
            .is_some_and(|&byte| byte >> 4 == 0b1011 || byte == 0b1000_1000)
}
