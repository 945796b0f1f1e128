//! ADTS (ISO/IEC 14496-3, 1.A.2): a header before each frame of AAC, which says what else the
//! `AudioSpecificConfig` (1.6.2.1) says once.

/// The length of a header without a check in bytes, and with one.
pub(super) const HEADER: usize = 7;
const CHECKED: usize = 9;
/// The longest frame with its header in bytes: 13 bits.
pub(super) const LONGEST: usize = (1 << 13) - 1;

/// Samples a second, by index (table 1.18).
const RATES: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
    7_350,
];

/// What a header says of its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Adts {
    /// The audio object type: 1 (Main) to 4 (LTP), usually 2 (LC).
    object: u8,
    /// An index into the rates.
    rate: u8,
    /// The channel configuration: 1 to 7.
    channels: u8,
}

/// Why a configuration cannot be said by ADTS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    Short,
    Value(&'static str, u32),
}

/// A frame as its header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) adts: Adts,
    /// The length of its header in bytes.
    pub(super) head: usize,
    /// Its length in bytes, with the header.
    pub(super) long: usize,
    /// Whether it is one raw access unit, and not several.
    pub(super) is_single: bool,
}

/// Bits, from the most significant on.
struct Bits {
    bits: u64,
    left: u32,
}

impl Bits {
    /// Those of the first eight bytes.
    fn new(bytes: &[u8]) -> Self {
        let mut first = [0; 8];
        for (to, from) in first.iter_mut().zip(bytes) {
            *to = *from;
        }
        let left = u32::try_from(bytes.len().min(8)).unwrap_or(8) * 8;
        Self { bits: u64::from_be_bytes(first), left }
    }

    /// The next `count`, from 1 to 32.
    fn take(&mut self, count: u32) -> Result<u32, Unfit> {
        self.left = self.left.checked_sub(count).ok_or(Unfit::Short)?;
        let taken = u32::try_from(self.bits >> (64 - count)).map_err(|_wide| Unfit::Short)?;
        self.bits <<= count;
        Ok(taken)
    }

    /// An audio object type.
    fn object(&mut self) -> Result<u32, Unfit> {
        match self.take(5)? {
            31 => Ok(32 + self.take(6)?),
            object => Ok(object),
        }
    }

    /// The index of a rate.
    fn rate(&mut self) -> Result<u32, Unfit> {
        match self.take(4)? {
            15 => {
                let rate = self.take(24)?;
                let index = (0..).zip(RATES).find(|&(_, known)| known == rate);
                index
                    .map(|(index, _)| index)
                    .ok_or(Unfit::Value("a sample rate of", rate))
            }
            index @ ..13 => Ok(index),
            index => Err(Unfit::Value("sample rate index", index)),
        }
    }
}

impl Adts {
    /// What an `AudioSpecificConfig` says. Of spectral band replication and parametric stereo ADTS
    /// says nothing: decoders find them in the frames.
    pub(super) fn of_config(config: &[u8]) -> Result<Self, Unfit> {
        let mut bits = Bits::new(config);
        let mut object = bits.object()?;
        let rate = bits.rate()?;
        let channels = bits.take(4)?;
        if let 5 | 29 = object {
            let _extended = bits.rate()?;
            object = bits.object()?;
        }
        let fits =
            |fits: bool, what, value| if fits { Ok(()) } else { Err(Unfit::Value(what, value)) };
        fits((1..=4).contains(&object), "object type", object)?;
        fits((1..=7).contains(&channels), "channel configuration", channels)?;
        fits(bits.take(1)? == 0, "frames of samples", 960)?;
        fits(bits.take(1)? == 0, "a core coder", 1)?;
        let narrow = |value| u8::try_from(value).map_err(|_wide| Unfit::Short);
        Ok(Self {
            object: narrow(object)?,
            rate: narrow(rate)?,
            channels: narrow(channels)?,
        })
    }

    /// The configuration that says the same.
    pub(super) const fn config(self) -> [u8; 2] {
        let Self { object, rate, channels } = self;
        [object << 3 | rate >> 1, rate << 7 | channels << 3]
    }

    /// Samples of each channel in a second.
    pub(super) fn rate(self) -> u32 {
        RATES.get(usize::from(self.rate)).copied().unwrap_or(48_000)
    }

    /// How many channels there are (table 1.19).
    pub(super) const fn channels(self) -> u32 {
        match self.channels {
            7 => 8,
            channels => channels as u32,
        }
    }

    /// The header of a frame of so many bytes, itself included: at most [`LONGEST`].
    pub(super) fn header(self, long: usize) -> [u8; HEADER] {
        let Self { object, rate, channels } = self;
        let [.., high, middle, low] = (long.min(LONGEST) as u64).to_be_bytes();
        // No layer, no check; the buffer's fullness is that of a variable rate; one access unit.
        [
            0xff,
            0xf1,
            (object - 1) << 6 | rate << 2 | channels >> 2,
            channels << 6 | high << 5 | middle >> 3,
            middle << 5 | low >> 3,
            low << 5 | 0x1f,
            0xfc,
        ]
    }
}

impl Frame {
    /// The frame that `bytes` begin with; none if no frame begins there.
    pub(super) fn read(head: [u8; HEADER]) -> Option<Self> {
        let [sync, kind, about, more, middle, low, blocks] = head;
        let rate = about >> 2 & 15;
        if sync != 0xff || kind & 0xf6 != 0xf0 || usize::from(rate) >= RATES.len() {
            return None;
        }
        let channels = (about & 1) << 2 | more >> 6;
        let adts = Adts { object: (about >> 6) + 1, rate, channels };
        let head = if kind & 1 == 1 { HEADER } else { CHECKED };
        let long = usize::from(more & 3) << 11 | usize::from(middle) << 3 | usize::from(low >> 5);
        (long > head).then_some(Self { adts, head, long, is_single: blocks & 3 == 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_says_what_the_configuration_does() {
        for object in 1..=4 {
            for rate in 0..13 {
                for channels in 1..=7 {
                    let adts = Adts { object, rate, channels };
                    assert_eq!(Adts::of_config(&adts.config()), Ok(adts));
                    for long in [8, 255, 2047, 2048, LONGEST] {
                        let frame = Frame { adts, head: HEADER, long, is_single: true };
                        assert_eq!(Frame::read(adts.header(long)), Some(frame));
                    }
                }
            }
        }
    }

    #[test]
    fn band_replication_is_left_to_the_decoder() {
        // Type 5 of 24 kHz, 2 channels, extended to 48 kHz, type 2.
        let config = [0b0010_1011, 0b0001_0001, 0b1000_1000];
        let adts = Adts::of_config(&config).expect("it fits");
        assert_eq!((adts.object, adts.rate(), adts.channels), (2, 24_000, 2));
    }

    #[test]
    fn what_adts_cannot_say_is_unfit() {
        for (config, expected) in [
            (&[][..], Unfit::Short),
            (&[0x12], Unfit::Short),
            // Frames of 960 samples, a channel configuration of its own, type 39 (ELD), 12345 Hz.
            (&[0x12, 0x14], Unfit::Value("frames of samples", 960)),
            (&[0x12, 0x00], Unfit::Value("channel configuration", 0)),
            (&[0xf8, 0xe8, 0x50], Unfit::Value("object type", 39)),
            (&[0x17, 0x80, 0x18, 0x1c, 0x90], Unfit::Value("a sample rate of", 12_345)),
        ] {
            assert_eq!(Adts::of_config(config), Err(expected), "{config:x?}");
        }
        // 48000 Hz in full is the same as by its index.
        let full = Adts::of_config(&[0x17, 0x80, 0x5d, 0xc0, 0x10]);
        assert_eq!(full, Adts::of_config(&[0x11, 0x90]));
    }
}
