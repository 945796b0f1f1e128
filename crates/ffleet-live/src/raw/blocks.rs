//! Sound, cut into blocks of as many samples as a packet has.

use crate::packet::CLOCK;

/// What a block of sound is.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    /// Samples of each channel, at least 1.
    pub samples: u32,
    /// Samples a second.
    pub rate: u32,
    /// Bytes of a block: those of a sample of all channels, times `samples`.
    pub bytes: usize,
    /// The byte that is silence.
    pub silence: u8,
}

/// Sound on its way to blocks.
///
/// ```
/// use ffleet_live::raw::{Block, Blocks};
///
/// let block = Block { samples: 4, rate: 90, bytes: 4, silence: 0 };
/// let mut blocks = Blocks::default();
/// assert!(blocks.cut(5_000, b"abc", block).is_empty());
/// assert_eq!(blocks.cut(8_000, b"de", block), [(5_000, b"abcd".to_vec())]);
/// ```
#[derive(Debug, Default)]
pub struct Blocks {
    part: Vec<u8>,
    /// Where the sound stands that has come without a gap, and how many samples have gone into blocks since.
    at: i64,
    samples: i64,
}

impl Blocks {
    /// The blocks that are whole with `sound`, which begins `at`, and when each begins; times in ticks of [`CLOCK`].
    /// Where sound is missing before it there is silence: as much as is missing, or to the end of a block, so that none
    /// ends after the next has begun.
    pub fn cut(&mut self, at: i64, sound: &[u8], block: Block) -> Vec<(i64, Vec<u8>)> {
        let mut blocks = Vec::new();
        let sample = (block.bytes / block.samples.max(1) as usize).max(1);
        let waiting = i64::try_from(self.part.len() / sample).unwrap_or(0);
        let missing = at - self.time(self.samples + waiting, block);
        // A millisecond is what rounding cannot be.
        if missing.abs() > CLOCK / 1_000 {
            let samples = (missing * i64::from(block.rate) + CLOCK / 2) / CLOCK;
            let silent = usize::try_from(samples)
                .ok()
                .map(|samples| samples.saturating_mul(sample));
            let long = silent
                .map(|silent| self.part.len().saturating_add(silent))
                .filter(|&long| !self.part.is_empty() && long <= block.bytes);
            if let Some(long) = long {
                self.part.resize(long, block.silence);
            } else {
                if !self.part.is_empty() {
                    self.part.resize(block.bytes, block.silence);
                    blocks.extend(self.next(block));
                }
                (self.at, self.samples) = (at, 0);
            }
        }
        self.part.extend_from_slice(sound);
        while self.part.len() >= block.bytes {
            blocks.extend(self.next(block));
        }
        blocks
    }

    fn time(&self, samples: i64, block: Block) -> i64 {
        self.at + samples * CLOCK / i64::from(block.rate.max(1))
    }

    fn next(&mut self, block: Block) -> Option<(i64, Vec<u8>)> {
        let at = self.time(self.samples, block);
        self.samples += i64::from(block.samples);
        (self.part.len() >= block.bytes).then(|| (at, self.part.drain(..block.bytes).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 4 samples of one byte a block, 90 samples a second: a sample is 1000 ticks.
    const BLOCK: Block = Block { samples: 4, rate: 90, bytes: 4, silence: 0 };

    #[test]
    fn blocks_are_whole_and_follow_each_other() {
        let mut blocks = Blocks::default();
        assert!(blocks.cut(5_000, b"abc", BLOCK).is_empty());
        let cut = blocks.cut(8_000, b"defghi", BLOCK);
        assert_eq!(cut, [(5_000, b"abcd".to_vec()), (9_000, b"efgh".to_vec())]);
    }

    #[test]
    fn short_gap_is_silence_within_a_block() {
        let mut blocks = Blocks::default();
        blocks.cut(0, b"ab", BLOCK);
        let cut = blocks.cut(3_000, b"defgh", BLOCK);
        assert_eq!(cut, [(0, b"ab\0d".to_vec()), (4_000, b"efgh".to_vec())]);
    }

    #[test]
    fn block_before_a_gap_is_filled_with_silence() {
        let mut blocks = Blocks::default();
        blocks.cut(0, b"ab", BLOCK);
        let cut = blocks.cut(90_000, b"cdef", BLOCK);
        assert_eq!(cut, [(0, b"ab\0\0".to_vec()), (90_000, b"cdef".to_vec())]);
    }
}
