//! Opus in transport streams (ETSI draft TS "Opus Interactive Audio Codec Transport Multiplexing",
//! 0.1.3, as FFmpeg and GStreamer have it): what the program's map says of it, and a control header
//! before each packet.

use std::time::Duration;

/// What an identification header begins with (RFC 7845, 5.1).
const MAGIC: &[u8] = b"OpusHead";
/// A header of one stream, of one or two channels.
const PLAIN: usize = 19;
/// The first eleven bits of a control header.
const PREFIX: u16 = 0x3ff << 5;
const PREFIX_MASK: u16 = 0xffe0;
const START_TRIM: u16 = 1 << 4;
const END_TRIM: u16 = 1 << 3;
const EXTENSION: u16 = 1 << 2;

/// How many streams there are for so many channels (from 1), and how many of them are of two
/// (RFC 7845, 5.1.1.2).
const STREAMS: [(u8, u8); 8] = [(1, 0), (1, 1), (2, 1), (2, 2), (3, 2), (4, 2), (4, 3), (5, 3)];
/// Which channel of the streams each is.
const MAPPINGS: [&[u8]; 8] = [
    &[0],
    &[0, 1],
    &[0, 2, 1],
    &[0, 1, 2, 3],
    &[0, 4, 1, 2, 3],
    &[0, 4, 1, 2, 3, 5],
    &[0, 4, 1, 2, 3, 5, 6],
    &[0, 6, 1, 2, 3, 4, 5, 7],
];

/// The code for what an identification header says of channels; the number of channels and the
/// mapping family where there is none. Without a header it is two channels.
pub(super) fn channel_code(config: &[u8]) -> Result<u8, (u8, u8)> {
    let byte = |at: usize| config.get(at).copied();
    let Some((channels, family)) = byte(9).zip(byte(18)) else {
        return Ok(2);
    };
    let streams = channels
        .checked_sub(1)
        .map(usize::from)
        .and_then(|place| Some((*STREAMS.get(place)?, *MAPPINGS.get(place)?)));
    match (family, streams) {
        (0, Some(_)) if channels <= 2 => Ok(channels),
        (1, Some(((streams, coupled), mapping)))
            if config.get(19..) == Some(&[&[streams, coupled], mapping].concat()) =>
        {
            Ok(channels)
        }
        _ => Err((channels, family)),
    }
}

/// The identification header that a code stands for; none for one that is not known.
pub(super) fn config(code: u8) -> Option<Vec<u8>> {
    let place = usize::from(code.checked_sub(1)?);
    let (streams, coupled) = *STREAMS.get(place)?;
    let family = u8::from(code > 2);
    // Version, channels, samples to skip, rate of the source, gain, mapping family.
    let mut config = Vec::with_capacity(PLAIN + 2 + place + 1);
    config.extend_from_slice(MAGIC);
    config.extend_from_slice(&[1, code, 0, 0, 0x80, 0xbb, 0, 0, 0, 0, family]);
    if family == 1 {
        config.extend_from_slice(&[streams, coupled]);
        config.extend_from_slice(MAPPINGS.get(place)?);
    }
    Some(config)
}

/// The longest control header that is written in bytes.
pub(super) const HEADER: usize = 2 + 258;
/// The longest packet in bytes that goes behind one: RFC 6716 has 48 frames of 1275 bytes, and what
/// fits into a PES is less.
pub(super) const LONGEST: usize = 65_000;

/// The control header of a packet of so many bytes, at most [`LONGEST`], at the beginning of
/// `into`; how long it is.
pub(super) fn control(long: usize, into: &mut [u8; HEADER]) -> usize {
    let long = long.min(LONGEST);
    into.fill(0xff);
    let [high, low] = PREFIX.to_be_bytes();
    into[0] = high;
    into[1] = low;
    let full = long / 255;
    if let Some(last) = into.get_mut(2 + full) {
        *last = u8::try_from(long % 255).unwrap_or_default();
    }
    2 + full + 1
}

/// The length in bytes of the control header that `bytes` begin with, and of the packet behind it.
pub(super) fn framed(bytes: &[u8]) -> Option<(usize, usize)> {
    let flags = u16::from_be_bytes(*bytes.first_chunk()?);
    if flags & PREFIX_MASK != PREFIX {
        return None;
    }
    let full = bytes.get(2..)?.iter().take_while(|&&byte| byte == 0xff).count();
    let last = *bytes.get(2 + full)?;
    let mut head = 3 + full;
    head += if flags & START_TRIM == 0 { 0 } else { 2 };
    head += if flags & END_TRIM == 0 { 0 } else { 2 };
    if flags & EXTENSION != 0 {
        head += 1 + usize::from(*bytes.get(head)?);
    }
    Some((head, full * 255 + usize::from(last)))
}

/// Whether a control header could begin so whose rest has not come.
pub(super) fn may_begin(bytes: &[u8]) -> bool {
    match bytes {
        [] | [0x7f] => true,
        [high, low, rest @ ..] => {
            let full = rest.iter().take_while(|&&byte| byte == 0xff).count();
            u16::from_be_bytes([*high, *low]) & PREFIX_MASK == PREFIX
                && full * 255 <= LONGEST
                && rest.len() < full + 1 + 2 + 2 + 256
        }
        [_] => false,
    }
}

/// How long a packet sounds (RFC 6716, 3.1); none for one without a frame.
pub(super) fn duration(packet: &[u8]) -> Option<Duration> {
    let toc = *packet.first()?;
    let micros = match toc >> 3 {
        config @ 0..12 => [10_000, 20_000, 40_000, 60_000][usize::from(config & 3)],
        config @ 12..16 => [10_000, 20_000][usize::from(config & 1)],
        config => [2_500, 5_000, 10_000, 20_000][usize::from(config & 3)],
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u64::from(packet.get(1)? & 0x3f),
    };
    (frames > 0).then(|| Duration::from_micros(micros * frames))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_header_says_how_long_the_packet_is() {
        for long in [0, 1, 254, 255, 256, 1275, LONGEST] {
            let mut header = [0; HEADER];
            let head = control(long, &mut header);
            assert_eq!(framed(&header[..head]), Some((head, long)), "{long}");
            assert_eq!(framed(&header[..head - 1]), None);
        }
        assert_eq!(framed(&[0x7f, 0xfc, 5, 0, 1, 0, 2, 3]), Some((11, 5)), "trims, an extension");
        assert_eq!(framed(&[0x7e, 0xe0, 5]), None);
    }

    #[test]
    fn channels_have_a_code_and_back() {
        for code in 1..=8 {
            let config = config(code).expect("it is known");
            assert_eq!(channel_code(&config), Ok(code));
        }
        assert_eq!((config(0), config(9)), (None, None));
        let mut other = config(3).expect("it is known");
        other[18] = 255;
        assert_eq!(channel_code(&other), Err((3, 255)));
        assert_eq!(channel_code(&[]), Ok(2));
    }

    #[test]
    fn packet_says_how_long_it_sounds() {
        for (packet, millis) in [
            (&[0xfc][..], Some(20)),
            (&[0x0b, 0x03], Some(60)),
            (&[0x60], Some(10)),
            (&[0xe9], Some(10)),
            (&[0x03, 0x00], None),
            (&[0x03], None),
            (&[], None),
        ] {
            assert_eq!(duration(packet), millis.map(Duration::from_millis), "{packet:x?}");
        }
    }
}
