//! Sound that is not coded: PCM, the samples of all channels in turn.

use std::fmt;
use std::str::FromStr;

use super::pieces::Pieces;
use super::{Unfit, names};
use crate::packet::CLOCK;

/// The most samples in a second.
pub const FASTEST: u32 = 768_000;
/// The most channels.
pub const CHANNELS: u32 = 64;
/// The most bytes of a block.
pub const BLOCK: usize = 16 << 20;

/// How a sample is written, by FFmpeg's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SampleFormat {
    /// 8 bits, 128 is silence.
    U8,
    /// 16 bits, the lower byte first.
    S16le,
    /// 16 bits, the higher byte first.
    S16be,
    /// 24 bits, the lower byte first.
    S24le,
    /// 32 bits, the lower byte first.
    S32le,
    /// IEEE 754, single precision, the lower byte first.
    F32le,
}

impl SampleFormat {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::U8, Self::S16le, Self::S16be, Self::S24le, Self::S32le, Self::F32le];

    /// FFmpeg's name of it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::U8 => "u8",
            Self::S16le => "s16le",
            Self::S16be => "s16be",
            Self::S24le => "s24le",
            Self::S32le => "s32le",
            Self::F32le => "f32le",
        }
    }

    /// How many bytes a sample of one channel has.
    #[must_use]
    pub const fn bytes(self) -> u32 {
        match self {
            Self::U8 => 1,
            Self::S16le | Self::S16be => 2,
            Self::S24le => 3,
            Self::S32le | Self::F32le => 4,
        }
    }
}

impl fmt::Display for SampleFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for SampleFormat {
    type Err = Unfit;

    fn from_str(name: &str) -> Result<Self, Unfit> {
        Self::ALL
            .into_iter()
            .find(|format| format.name() == name)
            .ok_or_else(|| Unfit::Format {
                given: name.chars().take(40).collect(),
                known: names(Self::ALL.into_iter().map(Self::name)),
            })
    }
}

/// What sound is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    format: SampleFormat,
    rate: u32,
    channels: u32,
}

impl Layout {
    /// Samples of this format, so many a second of each of so many channels.
    ///
    /// # Errors
    ///
    /// [`Unfit::SampleRate`] or [`Unfit::Channels`] if there are none or more than [`FASTEST`] or [`CHANNELS`].
    pub fn new(format: SampleFormat, rate: u32, channels: u32) -> Result<Self, Unfit> {
        if !(1..=FASTEST).contains(&rate) {
            return Err(Unfit::SampleRate(rate));
        }
        if !(1..=CHANNELS).contains(&channels) {
            return Err(Unfit::Channels(channels));
        }
        Ok(Self { format, rate, channels })
    }

    /// How a sample is written.
    #[must_use]
    pub const fn format(self) -> SampleFormat {
        self.format
    }

    /// How many samples each channel has in a second.
    #[must_use]
    pub const fn rate(self) -> u32 {
        self.rate
    }

    /// How many channels there are.
    #[must_use]
    pub const fn channels(self) -> u32 {
        self.channels
    }

    /// How many bytes one sample of all channels has: 1 to 256.
    #[must_use]
    pub const fn step(self) -> u32 {
        self.format.bytes() * self.channels
    }

    /// How many bytes so many samples of each channel have.
    ///
    /// # Errors
    ///
    /// [`Unfit::Samples`] if there are none, or they have more than [`BLOCK`] bytes.
    pub fn bytes(self, samples: u32) -> Result<usize, Unfit> {
        usize::try_from(u64::from(self.step()) * u64::from(samples))
            .ok()
            .filter(|bytes| (1..=BLOCK).contains(bytes))
            .ok_or(Unfit::Samples(samples))
    }

    /// When the sample with this index is heard, in ticks of [`CLOCK`] after the one with index 0, to the nearest
    /// tick; computed from the index each time, so that nothing adds up.
    #[must_use]
    pub fn ticks(self, index: i64) -> i64 {
        let rate = i128::from(self.rate);
        let nearest = (2 * i128::from(index) * i128::from(CLOCK) + rate).div_euclid(2 * rate);
        i64::try_from(nearest).unwrap_or(if index < 0 { i64::MIN } else { i64::MAX })
    }
}

/// A run of samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// How many samples of each channel came before it.
    pub first: i64,
    /// How many it has of each channel.
    pub samples: u32,
    /// When its first is heard, in ticks of [`CLOCK`] after the first of all.
    pub pts: i64,
    /// The samples.
    pub bytes: Vec<u8>,
}

/// What cuts bytes into blocks.
///
/// ```
/// use ffleet_live::raw::sound::{Cutter, Layout, SampleFormat};
///
/// let layout = Layout::new(SampleFormat::S16le, 48_000, 2)?;
/// let mut cutter = Cutter::new(layout, 480)?;
/// let blocks = cutter.push(&[0; 4 * 1_000 + 1]);
/// assert_eq!(blocks.iter().map(|block| block.pts).collect::<Vec<_>>(), [0, 900]);
/// let (last, lost) = cutter.end();
/// assert_eq!((last.map(|block| block.samples), lost), (Some(40), 1));
/// # Ok::<(), ffleet_live::raw::Unfit>(())
/// ```
#[derive(Debug)]
pub struct Cutter {
    layout: Layout,
    pieces: Pieces,
    next: i64,
}

impl Cutter {
    /// For blocks of so many samples of each channel.
    ///
    /// # Errors
    ///
    /// [`Unfit::Samples`] as of [`Layout::bytes`].
    pub fn new(layout: Layout, samples: u32) -> Result<Self, Unfit> {
        let pieces = Pieces::new(layout.bytes(samples)?);
        Ok(Self { layout, pieces, next: 0 })
    }

    /// Takes the next bytes, which are cut anywhere, and answers the blocks that are whole with them.
    #[must_use = "the sound is nowhere else"]
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Block> {
        let whole = self.pieces.cut(bytes);
        whole.into_iter().filter_map(|bytes| self.block(bytes)).collect()
    }

    /// The writer is gone: the samples that there were of the last block, if any, and how many bytes there were of a
    /// sample that has no end. What comes next begins with a whole sample; indices go on.
    pub fn end(&mut self) -> (Option<Block>, usize) {
        let mut bytes = self.pieces.end();
        let lost = bytes.len() % usize::try_from(self.layout.step()).unwrap_or(1);
        bytes.truncate(bytes.len() - lost);
        (self.block(bytes), lost)
    }

    /// The block that these bytes are, where there are any.
    fn block(&mut self, bytes: Vec<u8>) -> Option<Block> {
        let long = u32::try_from(bytes.len()).ok()?;
        let samples = long / self.layout.step();
        let first = self.next;
        self.next += i64::from(samples);
        let pts = self.layout.ticks(first);
        (samples > 0).then_some(Block { first, samples, pts, bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_has_whole_samples_of_all_channels() {
        for (name, step) in [("u8", 3), ("s16le", 6), ("s16be", 6), ("s24le", 9), ("s32le", 12)] {
            let layout = Layout::new(name.parse().unwrap(), 8_000, 3).unwrap();
            assert_eq!(layout.bytes(10), Ok(10 * step), "{name}");
        }
        for format in SampleFormat::ALL {
            assert_eq!(format.name().parse(), Ok(format));
        }
    }

    #[test]
    fn sound_that_cannot_be_is_refused() {
        let layout = |rate, channels| Layout::new(SampleFormat::F32le, rate, channels);
        assert_eq!(layout(0, 1), Err(Unfit::SampleRate(0)));
        assert_eq!(layout(FASTEST + 1, 1), Err(Unfit::SampleRate(FASTEST + 1)));
        assert_eq!(layout(1, 0), Err(Unfit::Channels(0)));
        assert_eq!(layout(1, 65), Err(Unfit::Channels(65)));
        let widest = layout(1, 64).unwrap();
        assert_eq!(widest.bytes(65_536), Ok(BLOCK));
        assert_eq!(widest.bytes(65_537), Err(Unfit::Samples(65_537)));
        assert_eq!(widest.bytes(u32::MAX), Err(Unfit::Samples(u32::MAX)));
        assert_eq!(widest.bytes(0), Err(Unfit::Samples(0)));
        let refused = "s16".parse::<SampleFormat>();
        assert!(matches!(refused, Err(Unfit::Format { .. })), "{refused:?}");
    }

    #[test]
    fn nothing_adds_up_over_blocks() {
        let layout = Layout::new(SampleFormat::U8, 44_100, 1).unwrap();
        let mut cutter = Cutter::new(layout, 1_024).unwrap();
        let blocks: Vec<_> = (0..441).flat_map(|_| cutter.push(&[128; 1_024])).collect();
        for block in &blocks {
            let exact = block.first * 90_000 * 2 + 44_100;
            assert_eq!(block.pts, exact.div_euclid(2 * 44_100));
        }
        assert_eq!(blocks[440].first, 440 * 1_024);
    }
}
