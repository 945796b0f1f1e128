//! NUT, as a decoder is fed with it.
//!
//! One track, each packet with its whole timestamp and a check, so that nothing refers to what came before: whoever reads
//! it keeps nothing of it. (Version 4 says so by a flag; in version 3 FFmpeg wants a syncpoint each 64 KiB, and remembers
//! all of them.)

use super::SIGNATURE;
use super::envelope::startcode;
use super::item::{Kind, TimeBase};
use crate::crc::crc;
use crate::packet::{Codec, Track};

/// Flags of a frame (NUT specification, "Frame").
const KEY: u64 = 1;
const CODED_PTS: u64 = 8;
const SIZE_MSB: u64 = 32;
const CHECKSUM: u64 = 64;
const CODED: u64 = 4_096;
const INVALID: u64 = 8_192;
/// There are no syncpoints but the first.
const PIPE: u64 = 2;
/// How many bits a timestamp has that continues the last one; here none does.
const SHORT: u32 = 7;
/// The code that all frames have, and how many there are besides (`N` begins something else).
const CODE: u8 = 1;
const OTHERS: u64 = 253;
/// Above it the length of a header has a check of its own.
const CHECKED: usize = 4_096;

/// What a stream of one track begins with. Of pictures `reorder` says by how many a decoder is behind at least.
#[must_use]
pub fn headers(track: &Track, kind: Kind, base: TimeBase, reorder: usize) -> Vec<u8> {
    let mut bytes = SIGNATURE.to_vec();
    bytes.extend(packet(startcode::MAIN, &main(base)));
    bytes.extend(packet(startcode::STREAM, &stream(track, kind, reorder)));
    // The time 0, and nothing before it.
    bytes.extend(packet(startcode::SYNCPOINT, &[0, 0]));
    bytes
}

/// A packet that is shown at `pts`, in ticks of the base.
#[must_use]
pub fn frame(pts: u64, is_key: bool, bytes: &[u8]) -> Vec<u8> {
    let key = if is_key { KEY } else { 0 };
    let mut head = vec![CODE];
    number(&mut head, CODED_PTS | SIZE_MSB | CHECKSUM | key);
    number(&mut head, pts.saturating_add(1 << SHORT));
    number(&mut head, bytes.len() as u64);
    let check = crc(0, &head).to_be_bytes();
    let mut frame = Vec::with_capacity(head.len() + check.len() + bytes.len());
    frame.extend_from_slice(&head);
    frame.extend_from_slice(&check);
    frame.extend_from_slice(bytes);
    frame
}

fn main(base: TimeBase) -> Vec<u8> {
    const MOST_BETWEEN_SYNCPOINTS: u64 = 65_536;
    let mut body = Vec::new();
    // Version 4.0, one track, one time base.
    for value in [4, 0, 1, MOST_BETWEEN_SYNCPOINTS, 1, base.num.into(), base.den.into()] {
        number(&mut body, value);
    }
    // Of the codes 0, 1 and all others each: flags, six fields: delta, multiplier, track, rest, reserved, count.
    for (flags, count) in [(INVALID, 1), (CODED, 1), (INVALID, OTHERS)] {
        for value in [flags, 6, 0, 1, 0, 0, 0, count] {
            number(&mut body, value);
        }
    }
    // No headers are left out of frames.
    number(&mut body, 0);
    number(&mut body, PIPE);
    body
}

fn stream(track: &Track, kind: Kind, reorder: usize) -> Vec<u8> {
    const FAR_APART: u64 = 1;
    let (class, fourcc): (u64, [u8; 4]) = match track.codec {
        Codec::H264 => (0, *b"H264"),
        Codec::H265 => (0, *b"HEVC"),
        Codec::Aac => (1, [0xff, 0, 0, 0]),
        Codec::Mp3 => (1, [0x55, 0, 0, 0]),
        Codec::Opus => (1, *b"Opus"),
    };
    let mut body = Vec::new();
    for value in [0, class, fourcc.len() as u64] {
        number(&mut body, value);
    }
    body.extend_from_slice(&fourcc);
    for value in [0, SHORT.into(), FAR_APART, reorder as u64, 0, track.config.len() as u64] {
        number(&mut body, value);
    }
    body.extend_from_slice(&track.config);
    let about = match kind {
        // No shape of samples is said, nor of colours.
        Kind::Picture { width, height } => vec![width.into(), height.into(), 0, 0, 0],
        Kind::Sound { rate, channels } => vec![rate.into(), 1, channels.into()],
        Kind::Other => Vec::new(),
    };
    about.into_iter().for_each(|value| number(&mut body, value));
    body
}

/// Something with a start code.
fn packet(code: u64, body: &[u8]) -> Vec<u8> {
    let mut bytes = code.to_be_bytes().to_vec();
    let long = body.len() + 4;
    number(&mut bytes, long as u64);
    if long > CHECKED {
        let check = crc(0, &bytes).to_be_bytes();
        bytes.extend_from_slice(&check);
    }
    bytes.extend_from_slice(body);
    bytes.extend_from_slice(&crc(0, body).to_be_bytes());
    bytes
}

/// `v`: a number, seven bits a byte, the most significant first.
fn number(into: &mut Vec<u8>, value: u64) {
    let more = (u64::BITS - value.leading_zeros()).saturating_sub(1) / 7;
    for place in (0..=more).rev() {
        let [.., low] = (value >> (7 * place)).to_be_bytes();
        into.push(low & 0x7f | if place > 0 { 0x80 } else { 0 });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::nut::{Coding, Item, Reader};

    const TICKS: TimeBase = TimeBase { num: 1, den: 90_000 };

    fn read(bytes: &[u8]) -> Vec<Item> {
        let mut reader = Reader::new();
        reader.push(bytes);
        std::iter::from_fn(|| reader.next().unwrap()).collect()
    }

    #[test]
    fn sound_is_described_as_it_is() {
        let track = Track { codec: Codec::Aac, config: vec![0x12, 0x10] };
        let kind = Kind::Sound { rate: 44_100, channels: 2 };
        let items = read(&headers(&track, kind, TimeBase { num: 1, den: 44_100 }, 0));
        let [Item::Track(read)] = &items[..] else {
            panic!("{items:?}")
        };
        assert_eq!((read.kind, &read.coding), (kind, &Coding::Known(track)));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            config in prop::collection::vec(any::<u8>(), 0..9_000),
            is_h264 in any::<bool>(),
            reorder in 0..17_usize,
            frames in prop::collection::vec(
                (0..1_u64 << 60, any::<bool>(), prop::collection::vec(any::<u8>(), 1..900)), 0..6,
            ),
        ) {
            // What begins with 1 is in another format.
            let config = [&[0_u8][..], &config].concat();
            let codec = if is_h264 { Codec::H264 } else { Codec::H265 };
            let track = Track { codec, config };
            let kind = Kind::Picture { width: 640, height: 360 };
            let mut bytes = headers(&track, kind, TICKS, reorder);
            for (pts, is_key, body) in &frames {
                bytes.extend(frame(*pts, *is_key, body));
            }
            let mut items = read(&bytes).into_iter();
            let Some(Item::Track(read)) = items.next() else { panic!("no track") };
            prop_assert_eq!((read.kind, read.time_base, read.reorder as usize), (kind, TICKS, reorder));
            prop_assert_eq!(read.coding, Coding::Known(track));
            let got: Vec<_> = items.map(|item| match item {
                Item::Packet(packet) => (packet.pts.cast_unsigned(), packet.is_key, packet.bytes),
                Item::Track(_) => panic!("one track"),
            }).collect();
            prop_assert_eq!(got, frames);
        }
    }
}
