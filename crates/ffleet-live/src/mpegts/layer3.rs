//! Frames of MPEG audio (ISO/IEC 11172-3 §2.4.1, 13818-3).

/// How many bytes of a frame say what it is.
pub(super) const HEADER: usize = 4;

/// A frame as its header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// Its length in bytes.
    pub(super) long: usize,
    /// Samples of each channel in it.
    pub(super) samples: u32,
    /// Samples of each channel in a second.
    pub(super) rate: u32,
    /// 1 to 3.
    pub(super) layer: u8,
}

impl Frame {
    /// The frame that begins so; none if no frame does, or its length is not said (a free bit
    /// rate).
    pub(super) fn read([sync, kind, rate, _]: [u8; HEADER]) -> Option<Self> {
        // kbit/s by index, for the first version by layer, then for the others.
        const KILOBITS: [[u16; 15]; 5] = [
            [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
            [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
            [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
            [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
            [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
        ];
        if sync != 0xff || kind & 0xe0 != 0xe0 {
            return None;
        }
        // Version 1, 2, and its extension to low rates.
        let halvings = match kind >> 3 & 3 {
            3 => 0,
            2 => 1,
            0 => 2,
            _ => return None,
        };
        let layer = 4 - (kind >> 1 & 3);
        let (row, samples) = match (halvings, layer) {
            (0, 1) => (0, 384),
            (0, 2) => (1, 1152),
            (0, 3) => (2, 1152),
            (_, 1) => (3, 384),
            (_, 2) => (4, 1152),
            (_, 3) => (4, 576),
            _ => return None,
        };
        let kilobits = u32::from(*KILOBITS.get(row)?.get(usize::from(rate >> 4))?);
        let base: u32 = *[44_100, 48_000, 32_000].get(usize::from(rate >> 2 & 3))?;
        let padding = u32::from(rate >> 1 & 1);
        let rate = base >> halvings;
        let bits = kilobits * 1000;
        let long = match layer {
            1 => (12 * bits / rate + padding) * 4,
            _ => samples / 8 * bits / rate + padding,
        };
        let long = usize::try_from(long).ok()?;
        (kilobits > 0).then_some(Self { long, samples, rate, layer })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_is_as_long_as_its_rates_say() {
        for (head, expected) in [
            // 128 kbit/s at 44.1 kHz, padded and not; 64 kbit/s at 24 kHz; layer II; free; reserved.
            ([0xff, 0xfb, 0x90, 0], Some((417, 1152, 44_100, 3))),
            ([0xff, 0xfb, 0x92, 0], Some((418, 1152, 44_100, 3))),
            ([0xff, 0xf3, 0x84, 0], Some((192, 576, 24_000, 3))),
            ([0xff, 0xe3, 0x18, 0], Some((72, 576, 8_000, 3))),
            ([0xff, 0xfd, 0x84, 0], Some((384, 1152, 48_000, 2))),
            ([0xff, 0xfb, 0x00, 0], None),
            ([0xff, 0xfb, 0x9c, 0], None),
            ([0xff, 0xeb, 0x90, 0], None),
        ] {
            let found =
                Frame::read(head).map(|frame| (frame.long, frame.samples, frame.rate, frame.layer));
            assert_eq!(found, expected, "{head:x?}");
        }
    }
}
