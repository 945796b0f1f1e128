//! A track as a stream of the program, and the PES packets that its packets become.

use super::super::adts::{self, Adts};
use super::super::tables::Entry;
use super::super::{Refused, STAMP, opus, unit};
use super::parts::Parts;
use crate::packet::{Codec, Packet, Track};

/// The PID of the first track; the others follow.
pub(super) const FIRST: u16 = 0x100;
/// What is the longest PES packet behind its first six bytes (§2.4.3.7).
const PES: usize = u16::MAX as usize;
/// The longest header of a PES packet.
pub(super) const PES_HEADER: usize = 19;
/// The longest frame of layer III in bytes that is taken: with a free rate there is no other bound.
const LAYER3: usize = 65_000;

/// See the module.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) track: Track,
    pub(super) pid: u16,
    /// What its PES packets begin with.
    id: u8,
    framing: Framing,
}

/// What is put around a packet.
#[derive(Clone, Copy, Debug)]
enum Framing {
    Picture,
    Adts(Adts),
    /// With the code for its channels.
    Opus(u8),
    Layer3,
}

impl Stream {
    /// The track of this number.
    pub(super) fn new(number: usize, track: Track) -> Result<Self, Refused> {
        let low = u8::try_from(number).map_err(|_far| Refused::NoTrack(number))?;
        let framing = match track.codec {
            Codec::H264 | Codec::H265 => Framing::Picture,
            Codec::Aac => {
                Framing::Adts(Adts::of_config(&track.config).map_err(|unfit| match unfit {
                    adts::Unfit::Short => Refused::Config(number),
                    adts::Unfit::Value(what, value) => Refused::Adts { track: number, what, value },
                })?)
            }
            Codec::Opus => {
                Framing::Opus(opus::channel_code(&track.config).map_err(|(channels, family)| {
                    Refused::Channels { track: number, channels, family }
                })?)
            }
            Codec::Mp3 => Framing::Layer3,
        };
        // Table 2-22: video, audio, private.
        let id = match framing {
            Framing::Picture => 0xe0 | low,
            Framing::Adts(_) | Framing::Layer3 => 0xc0 | low,
            Framing::Opus(_) => 0xbd,
        };
        Ok(Self { track, pid: FIRST + u16::from(low), id, framing })
    }

    /// What the map says of it.
    pub(super) const fn entry(&self) -> Entry {
        let channels = if let Framing::Opus(code) = self.framing {
            code
        } else {
            0
        };
        Entry { pid: self.pid, codec: Some(self.track.codec), channels }
    }

    /// Whether `packet` is no longer than its framing can say.
    pub(super) const fn fits(&self, packet: &Packet) -> Result<(), Refused> {
        let most = match self.framing {
            Framing::Picture => return Ok(()),
            Framing::Adts(_) => adts::LONGEST - adts::HEADER,
            Framing::Opus(_) => opus::LONGEST,
            Framing::Layer3 => LAYER3,
        };
        let long = packet.bytes.len();
        if long > most {
            return Err(Refused::Long { codec: self.track.codec, long, most });
        }
        Ok(())
    }

    /// `packet` with what goes around it, which may be made in `frame`.
    pub(super) fn dressed<'a>(
        &'a self,
        packet: &'a Packet,
        frame: &'a mut [u8; opus::HEADER],
    ) -> Parts<'a> {
        let Track { codec, config } = &self.track;
        let bytes = &packet.bytes[..];
        match self.framing {
            Framing::Picture => {
                let (begin, rest) = bytes
                    .split_at_checked(unit::delimited(*codec, bytes))
                    .unwrap_or((&[], bytes));
                let begin = if begin.is_empty() {
                    unit::delimiter(*codec)
                } else {
                    begin
                };
                let is_bare = packet.is_key && !unit::is_described(*codec, bytes);
                Parts::new([begin, if is_bare { config } else { &[] }, rest])
            }
            Framing::Adts(adts) => {
                let (header, _) = frame.split_at_mut(adts::HEADER);
                header.copy_from_slice(&adts.header(bytes.len() + adts::HEADER));
                Parts::new([header, bytes, &[]])
            }
            Framing::Opus(_) => {
                let head = opus::control(bytes.len(), frame);
                Parts::new([frame.get(..head).unwrap_or_default(), bytes, &[]])
            }
            Framing::Layer3 => Parts::new([bytes, &[], &[]]),
        }
    }

    /// The header of a PES packet (§2.4.3.6) with so many bytes behind it.
    pub(super) fn pes<'a>(
        &self,
        packet: &Packet,
        long: usize,
        into: &'a mut [u8; PES_HEADER],
    ) -> &'a [u8] {
        let has_dts = packet.dts != packet.pts;
        let stamps: u8 = if has_dts { 10 } else { 5 };
        let long = 3 + usize::from(stamps) + long;
        let [.., high, low] = if long > PES {
            [0; 8]
        } else {
            (long as u64).to_be_bytes()
        };
        // Aligned: the unit begins at once. With a pts, or both.
        let flags = if has_dts { 0xc0 } else { 0x80 };
        let begin = [0, 0, 1, self.id, high, low, 0x84, flags, stamps];
        let pts = stamp(flags >> 2, packet.pts);
        let dts = stamp(0x10, packet.dts);
        for (to, from) in into.iter_mut().zip(begin.iter().chain(&pts).chain(&dts)) {
            *to = *from;
        }
        into.get(..begin.len() + usize::from(stamps)).unwrap_or_default()
    }
}

/// A timestamp of 33 bits, with a mark before it, and a set bit behind each part.
const fn stamp(mark: u8, ticks: i64) -> [u8; 5] {
    let ticks = ticks.cast_unsigned() & STAMP;
    let spread = (ticks >> 30 & 7) << 33 | (ticks >> 15 & 0x7fff) << 17 | (ticks & 0x7fff) << 1;
    let [_, _, _, first, rest @ ..] = (spread | 1 << 32 | 1 << 16 | 1).to_be_bytes();
    let [second, third, fourth, fifth] = rest;
    [first | mark, second, third, fourth, fifth]
}
