//! One process that decodes one track: coded units go in, frames come out, both as NUT.

use bytes::Bytes;
use ffleet_guard::Child;
use ffleet_live::nut::{Kind, TimeBase, writer};
use ffleet_live::packet::{CLOCK, Track};
use ffleet_live::replay::Id;

use super::Wanted;
use crate::encode::encoder::Outlet;
use crate::encode::process::{self, Input};
use crate::feed::Shop;

/// How much later than the first unit's every time is that a decoder is given, in ticks: what is shown before the unit
/// that it begins with has a time then too.
const LEAD: i64 = 60 * CLOCK;

/// See the module. Dropped, it is killed.
#[derive(Debug)]
pub(super) struct Decoder {
    pub(super) id: Id,
    pub(super) child: Child,
    pub(super) feeder: Feeder,
    pub(super) outlet: Outlet,
    /// What its frames are measured by, once it has been fed.
    pub(super) gauge: Option<Gauge>,
}

/// What goes in.
#[derive(Debug)]
pub(super) struct Feeder {
    /// Closed once it is to come to its end.
    pub(super) input: Input,
    /// The number of the unit that is next.
    pub(super) next: u64,
    /// What it decodes, once that has been said.
    pub(super) track: Option<Track>,
}

/// How the times of a decoder are to be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gauge {
    /// What is added to a time of a picture in ticks.
    Shown { by: i64 },
    /// The number of the unit whose time is 0, and how many samples each of them has, and in a second.
    Counted { first: u64, samples: u32, rate: u32 },
}

/// A unit that is to be decoded.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    pub(super) shown: i64,
    pub(super) is_key: bool,
    pub(super) bytes: Bytes,
}

/// Starts decoder `id` of a track.
///
/// # Errors
///
/// What is in the way, for people.
pub(super) async fn start(
    shop: &Shop,
    label: &str,
    wanted: &Wanted,
    id: Id,
) -> Result<Decoder, String> {
    let name = format!("{}.decoder", wanted.kind.name());
    let parts = (label, name.as_str(), id);
    let (child, pipe, output) =
        process::launch(shop, parts, &wanted.program, &wanted.command).await?;
    let feeder = Feeder { input: Input::new(pipe), next: 0, track: None };
    Ok(Decoder { id, child, feeder, outlet: Outlet::new(output), gauge: None })
}

impl Decoder {
    /// Gives it unit `number`; `track` is what that is of, and is said before the first.
    pub(super) fn give(&mut self, number: u64, unit: &Unit, track: &Track) {
        let mut bytes = Vec::new();
        let sound = track.sound();
        if self.feeder.track.is_none() {
            bytes = headers(track);
            self.gauge = Some(match sound {
                Some(sound) => {
                    Gauge::Counted { first: number, samples: sound.samples, rate: sound.rate }
                }
                None => Gauge::Shown { by: unit.shown.saturating_sub(LEAD) },
            });
            self.feeder.track = Some(track.clone());
        }
        let time = match self.gauge {
            Some(Gauge::Counted { first, samples, .. }) => {
                number.saturating_sub(first) * u64::from(samples)
            }
            Some(Gauge::Shown { by }) => u64::try_from(unit.shown.saturating_sub(by)).unwrap_or(0),
            None => 0,
        };
        bytes.extend(writer::frame(time, unit.is_key, &unit.bytes));
        self.feeder.next = number + 1;
        self.feeder.input.give(bytes.into());
    }
}

/// What a decoder of `track` is told before its first unit.
fn headers(track: &Track) -> Vec<u8> {
    match (track.sound(), track.size()) {
        (Some(sound), _) => {
            let kind = Kind::Sound { rate: sound.rate, channels: sound.channels };
            writer::headers(track, kind, TimeBase { num: 1, den: sound.rate.max(1) }, 0)
        }
        (None, size) => {
            // One that does not say its size is found out by the decoder.
            let (width, height) = size.map_or((16, 16), |size| (size.width, size.height));
            let ticks = u32::try_from(CLOCK).unwrap_or(1);
            let base = TimeBase { num: 1, den: ticks };
            writer::headers(track, Kind::Picture { width, height }, base, track.reorder())
        }
    }
}
