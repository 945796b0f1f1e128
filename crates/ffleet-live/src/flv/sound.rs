//! How sound stands in tags (Adobe's specification 10.1, annex E.4.2.1): AAC and MP3.

use super::bits::Bits;

/// The number of AAC, in the upper half of a tag's first byte.
pub(super) const AAC: u8 = 10;
/// The numbers of MP3, and of MP3 at 8 kHz.
pub(super) const MP3: u8 = 2;
const MP3_8: u8 = 14;

/// A tag's first byte for AAC: it always says 44.1 kHz and stereo, and the `AudioSpecificConfig` what is true.
pub(super) const AAC_HEAD: u8 = AAC << 4 | 0x0f;

/// The longest `AudioSpecificConfig` in bytes.
const CONFIG: usize = 1 << 10;

/// What an `AudioSpecificConfig` says (ISO/IEC 14496-3 §1.6.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Format {
    /// Samples a second.
    pub(super) rate: u32,
    /// How many channels, if that is one or two.
    pub(super) channels: Option<u8>,
}

/// Reads an `AudioSpecificConfig`.
pub(super) fn format(config: &[u8]) -> Option<Format> {
    if config.len() > CONFIG {
        return None;
    }
    let mut bits = Bits::of(config, 0);
    let object = object(&mut bits)?;
    let mut rate = sampling(&mut bits)?;
    let channels = u8::try_from(bits.read(4)?).ok()?;
    // Where spectral band replication is announced, what comes out has the second rate; parametric stereo makes two
    // channels of one.
    if object == 5 || object == 29 {
        rate = sampling(&mut bits)?;
    }
    let channels = if object == 29 { 2 } else { channels };
    Some(Format { rate, channels: [1, 2].contains(&channels).then_some(channels) })
}

fn object(bits: &mut Bits) -> Option<u32> {
    match bits.read(5)? {
        31 => bits.read(6).map(|more| 32 + more),
        0 => None,
        object => Some(object),
    }
}

fn sampling(bits: &mut Bits) -> Option<u32> {
    const RATES: [u32; 13] = [
        96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025,
        8_000, 7_350,
    ];
    match bits.read(4)? {
        15 => bits.read(24),
        index => RATES.get(usize::try_from(index).ok()?).copied(),
    }
}

/// A tag's first byte for a frame of MP3, by its header (ISO/IEC 11172-3 §2.4.2.3, 13818-3).
///
/// A tag can say 11,025, 22,050 and 44,100 samples a second, and 8000 by a number of its own; 48,000 are said as
/// 44,100, as FFmpeg does, since decoders go by the frame's header.
pub(super) fn mp3_head(frame: &[u8]) -> Result<u8, &'static str> {
    let [0xff, second @ 0xe0..=0xff, third, fourth, ..] = *frame else {
        return Err("a packet does not begin with a frame of MP3");
    };
    let (version, layer) = (second >> 3 & 3, second >> 1 & 3);
    if version == 1 || layer != 1 {
        return Err("a packet is a frame of MPEG audio, but not of layer III");
    }
    let (codec, rate) = match (version, third >> 2 & 3) {
        (3, 0 | 1) => (MP3, 3),
        (2, 0) => (MP3, 2),
        (0, 0) => (MP3, 1),
        (0, 2) => (MP3_8, 0),
        _ => return Err("MP3 at 12, 16, 24 or 32 kHz, which FLV cannot say"),
    };
    let is_stereo = fourth >> 6 != 3;
    Ok(codec << 4 | rate << 2 | 2 | u8::from(is_stereo))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configuration_says_rate_and_channels() {
        let told = |config: &[u8]| format(config).map(|it| (it.rate, it.channels));
        assert_eq!(told(&[0x12, 0x10]), Some((44_100, Some(2))));
        assert_eq!(told(&[0x11, 0x88]), Some((48_000, Some(1))));
        // 5.1, and channels that an element of the stream says.
        assert_eq!(told(&[0x11, 0xb0]), Some((48_000, None)));
        assert_eq!(told(&[0x11, 0x80]), Some((48_000, None)));
        // SBR over 24 kHz; parametric stereo over mono.
        assert_eq!(told(&[0x2b, 0x11, 0x88]), Some((48_000, Some(2))));
        assert_eq!(told(&[0xeb, 0x09, 0x88]), Some((48_000, Some(2))));
        // A rate in full: 1000.
        assert_eq!(told(&[0x17, 0x80, 0x01, 0xf4, 0x08]), Some((1000, Some(1))));
        for wrong in [&[][..], &[0x12], &[0x02, 0x10], &[0x16, 0x90], &[0x12; 2000]] {
            assert_eq!(told(wrong), None, "{wrong:x?}");
        }
    }

    #[test]
    fn frames_of_mp3_say_their_rate_as_far_as_tags_can() {
        for (frame, expected) in [
            ([0xff, 0xfb, 0x90, 0x00], Ok(0x2f)),
            ([0xff, 0xfb, 0x94, 0xc0], Ok(0x2e)),
            ([0xff, 0xf3, 0x90, 0x00], Ok(0x2b)),
            ([0xff, 0xe3, 0x90, 0x00], Ok(0x27)),
            ([0xff, 0xe3, 0x98, 0x00], Ok(0xe3)),
        ] {
            assert_eq!(mp3_head(&frame), expected, "{frame:x?}");
        }
        for wrong in [
            &[0xff, 0xfb, 0x98, 0][..],
            &[0xff, 0xfd, 0x90, 0],
            &[0xff, 0xeb, 0x90, 0],
            &[0; 4],
            &[0xff, 0xfb, 0x90],
        ] {
            assert!(mp3_head(wrong).is_err(), "{wrong:x?}");
        }
    }
}
