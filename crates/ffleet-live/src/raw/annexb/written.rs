//! NAL units as tests want to have them.

use super::CODE;

/// Bits of a NAL unit behind its header.
#[derive(Clone, Debug, Default)]
pub(super) struct Bits(Vec<bool>);

impl Bits {
    pub(super) fn number(mut self, bits: u32, value: u32) -> Self {
        self.0.extend((0..bits).rev().map(|bit| value >> bit & 1 == 1));
        self
    }

    pub(super) fn golomb(self, value: u32) -> Self {
        let bits = (value + 1).ilog2();
        self.number(bits, 0).number(bits + 1, value + 1)
    }

    pub(super) fn golombs(self, values: &[u32]) -> Self {
        values.iter().fold(self, |bits, &value| bits.golomb(value))
    }

    pub(super) fn signed(self, value: i32) -> Self {
        let twice = 2 * value.unsigned_abs();
        self.golomb(if value > 0 { twice - 1 } else { twice })
    }

    /// The unit that begins with `header`, behind a start code.
    pub(super) fn nal(mut self, header: &[u8]) -> Vec<u8> {
        self.0.push(true);
        let mut nal = [&CODE[..], header].concat();
        let mut zeros = 0;
        for bits in self.0.chunks(8) {
            let high = |at: usize| bits.get(at).copied().unwrap_or(false);
            let byte = (0..8).fold(0, |sum, at| sum << 1 | u8::from(high(at)));
            if zeros == 2 && byte <= 3 {
                nal.push(3);
                zeros = 0;
            }
            nal.push(byte);
            zeros = if byte == 0 { zeros + 1 } else { 0 };
        }
        nal
    }
}

/// H.264.
pub(super) mod h264 {
    use super::Bits;

    pub(in super::super) const DELIMITER: [u8; 6] = [0, 0, 0, 1, 9, 0xf0];

    /// Main profile, 176x128, level 1.1, frame_num of 4 bits, so many references, fields; what the order is told by,
    /// and how many are reordered, if it says so.
    pub(in super::super) fn sps(order: &Bits, references: u32, reorder: Option<u32>) -> Vec<u8> {
        let head = Bits::default()
            .number(8, 77)
            .number(8, 0)
            .number(8, 11)
            .golombs(&[0, 0]);
        let mut bits = head;
        bits.0.extend(&order.0);
        let bits = bits.golomb(references).number(1, 0).golombs(&[10, 3]).number(4, 0);
        let bits = match reorder {
            None => bits.number(1, 0),
            Some(reorder) => {
                let vui = bits.number(1, 1).number(8, 0).number(1, 1).number(1, 0);
                vui.golombs(&[0, 0, 0, 0]).golomb(reorder).golomb(4)
            }
        };
        bits.nal(&[0x67])
    }

    /// The order is told by four bits.
    pub(in super::super) fn told() -> Bits {
        Bits::default().golombs(&[0, 0])
    }

    pub(in super::super) fn pps() -> Vec<u8> {
        pps_with(false)
    }

    /// Whether slices say how far the bottom field is away.
    pub(in super::super) fn pps_with(bottom: bool) -> Vec<u8> {
        let bits = Bits::default()
            .golombs(&[0, 0])
            .number(1, 0)
            .number(1, bottom.into())
            .golomb(0);
        let bits = bits.golombs(&[0, 0]).number(3, 0).golombs(&[0, 0, 0]).number(3, 0);
        bits.nal(&[0x68])
    }

    /// A message that recovery is complete after so many frames.
    pub(in super::super) fn recovery(frames: u32) -> Vec<u8> {
        let payload = Bits::default().golomb(frames).number(4, 0).number(3, 0);
        let bits = Bits::default().number(8, 1).number(8, 1).number(8, 0xaa);
        let mut bits = bits.number(8, 6).number(8, 1);
        bits.0.extend(payload.0);
        bits.nal(&[6])
    }

    /// A slice.
    #[derive(Clone, Copy, Debug)]
    pub(in super::super) struct Slice {
        pub(in super::super) is_idr: bool,
        pub(in super::super) reference: bool,
        pub(in super::super) first: u32,
        pub(in super::super) letter: u32,
        pub(in super::super) frame_num: u32,
        /// Whether it is of a field, and of the bottom one.
        pub(in super::super) bottom: Option<bool>,
        pub(in super::super) low: u32,
    }

    pub(in super::super) const IDR: Slice = Slice {
        is_idr: true,
        reference: true,
        first: 0,
        letter: 2,
        frame_num: 0,
        bottom: None,
        low: 0,
    };

    /// A P picture.
    pub(in super::super) const fn p(frame_num: u32, low: u32) -> Slice {
        Slice { is_idr: false, letter: 0, frame_num, low, ..IDR }
    }

    /// A B picture that nothing refers to.
    pub(in super::super) const fn b(frame_num: u32, low: u32) -> Slice {
        Slice { reference: false, letter: 1, ..p(frame_num, low) }
    }

    impl Slice {
        /// Its header up to the count's lower bits, without them.
        pub(in super::super) fn head(&self) -> Bits {
            let bits = Bits::default().golombs(&[self.first, self.letter, 0]);
            let bits = bits.number(4, self.frame_num).number(1, self.bottom.is_some().into());
            let bits = self.bottom.into_iter().fold(bits, |bits, it| bits.number(1, it.into()));
            if self.is_idr { bits.golomb(0) } else { bits }
        }

        /// With this behind the header.
        pub(in super::super) fn ends(&self, bits: Bits) -> Vec<u8> {
            let kind = if self.is_idr { 5 } else { 1 };
            let header = if self.reference { 0x60 | kind } else { kind };
            bits.number(16, 0xabcd).nal(&[header])
        }

        pub(in super::super) fn nal(&self) -> Vec<u8> {
            let bits = self.head().number(4, self.low);
            self.ends(bits.number(8, 0))
        }
    }
}

/// H.265.
pub(super) mod h265 {
    use super::Bits;

    pub(in super::super) const TRAIL_N: u8 = 0;
    pub(in super::super) const TRAIL_R: u8 = 1;
    pub(in super::super) const RADL_N: u8 = 6;
    pub(in super::super) const RASL_N: u8 = 8;
    pub(in super::super) const IDR_W_RADL: u8 = 19;
    pub(in super::super) const IDR_N_LP: u8 = 20;
    pub(in super::super) const CRA: u8 = 21;

    fn header(kind: u8) -> [u8; 2] {
        [kind << 1, 1]
    }

    /// All that goes before a picture: counts have four lower bits, so many are reordered.
    pub(in super::super) fn sets(reorder: u32) -> Vec<u8> {
        let vps = Bits::default().number(32, 0).nal(&header(32));
        let sps = Bits::default().number(8, 1).number(32, 0).number(32, 0).number(32, 0);
        let sps = sps.golombs(&[0, 1, 176, 144]).number(1, 0).golombs(&[0, 0, 0]);
        let sps = sps
            .number(1, 1)
            .golombs(&[4, reorder, 0])
            .number(16, 0)
            .nal(&header(33));
        let pps = Bits::default()
            .golombs(&[0, 0])
            .number(5, 0)
            .number(16, 0)
            .nal(&header(34));
        [vps, sps, pps].concat()
    }

    /// A picture in one slice, in a temporal sub-layer.
    pub(in super::super) fn sublayer(kind: u8, low: u32, layer: u8) -> Vec<u8> {
        let irap = if kind >= 16 { 1 } else { 0 };
        let bits = Bits::default().number(1, 1).number(irap, 0).golombs(&[0, 1]);
        let low_bits = if matches!(kind, IDR_W_RADL | IDR_N_LP) { 0 } else { 4 };
        bits.number(low_bits, low)
            .number(16, 0xabcd)
            .nal(&[kind << 1, layer + 1])
    }

    pub(in super::super) fn picture(kind: u8, low: u32) -> Vec<u8> {
        sublayer(kind, low, 0)
    }

    /// A slice that is not its picture's first.
    pub(in super::super) fn more(kind: u8) -> Vec<u8> {
        Bits::default().number(1, 0).number(16, 0x7bcd).nal(&header(kind))
    }

    pub(in super::super) fn end_of_sequence() -> Vec<u8> {
        Bits::default().nal(&header(36))[..6].to_vec()
    }
}
