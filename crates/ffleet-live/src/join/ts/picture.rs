//! Whether a PES begins with a picture that a decoder can start from.

/// How a video stream is written, as far as a look into it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Syntax {
    /// ISO/IEC 11172-2, 13818-2.
    Mpeg2,
    /// ISO/IEC 14496-2.
    Mpeg4,
    /// ITU-T H.264.
    H264,
    /// ITU-T H.265.
    H265,
    /// ITU-T H.266.
    H266,
}

/// What a look says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A decoder can start.
    Key,
    /// It cannot.
    Other,
    /// The answer has not come yet.
    More,
}

/// How many bytes may come before the first slice: parameter sets and messages.
const PATIENCE: usize = 64 << 10;
/// The length in bytes of what each PES begins with (ISO/IEC 13818-1 §2.4.3.6).
const PES: u8 = 9;

/// A look into a PES, a packet at a time.
#[derive(Debug)]
pub(super) struct Look {
    syntax: Syntax,
    place: Place,
    /// The last four bytes.
    window: u32,
    /// Whether what a decoder must know came before the picture.
    described: bool,
    left: usize,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    /// So many bytes of the PES header are to come before it says how long it is.
    Pes(u8),
    /// So many more to its end.
    Options(u8),
    /// Among start codes and what follows them.
    Stream,
    /// At the byte after the one that a start code is named by.
    Second,
}

impl Look {
    pub(super) const fn new(syntax: Syntax) -> Self {
        Self {
            syntax,
            place: Place::Pes(PES),
            window: u32::MAX,
            described: false,
            left: PATIENCE,
        }
    }

    /// The next bytes of the PES.
    pub(super) fn look(&mut self, payload: &[u8]) -> Verdict {
        for &byte in payload {
            match self.byte(byte) {
                Verdict::More => {}
                verdict => return verdict,
            }
        }
        match self.left.checked_sub(payload.len()) {
            None => return Verdict::Other,
            Some(left) => self.left = left,
        }
        Verdict::More
    }

    fn byte(&mut self, byte: u8) -> Verdict {
        self.window = self.window << 8 | u32::from(byte);
        match self.place {
            Place::Pes(left) => {
                if left == PES - 2 && self.window & 0x00ff_ffff != 1 {
                    return Verdict::Other;
                }
                self.place = match left {
                    2.. => Place::Pes(left - 1),
                    _ => Place::Options(byte),
                };
                if let Place::Options(0) = self.place {
                    self.begin();
                }
            }
            Place::Options(left) => {
                self.place = Place::Options(left.saturating_sub(1));
                if left <= 1 {
                    self.begin();
                }
            }
            Place::Stream if self.window & 0xffff_ff00 == 0x100 => return self.named(byte),
            Place::Stream => {}
            Place::Second => {
                self.place = Place::Stream;
                return self.second(byte);
            }
        }
        Verdict::More
    }

    const fn begin(&mut self) {
        self.place = Place::Stream;
        self.window = u32::MAX;
    }

    /// A start code with this name.
    const fn named(&mut self, name: u8) -> Verdict {
        match (self.syntax, name) {
            // A sequence header; a picture without one.
            (Syntax::Mpeg2, 0xb3) => return Verdict::Key,
            (Syntax::Mpeg2, 0x00) => return Verdict::Other,
            // A visual object (plane).
            (Syntax::Mpeg4, 0xb6) => self.place = Place::Second,
            (Syntax::Mpeg2 | Syntax::Mpeg4, _) => {}
            (Syntax::H264, _) => match name & 0x1f {
                1 => self.place = Place::Second,
                2..=4 => return Verdict::Other,
                5 => return Verdict::Key,
                7 => self.described = true,
                _ => {}
            },
            (Syntax::H265, _) => match name >> 1 & 0x3f {
                16..=23 => return Verdict::Key,
                0..=31 => return Verdict::Other,
                _ => {}
            },
            (Syntax::H266, _) => self.place = Place::Second,
        }
        Verdict::More
    }

    /// The byte after the name.
    const fn second(&self, byte: u8) -> Verdict {
        let is_key = match self.syntax {
            Syntax::Mpeg2 => false,
            // The coding type is I.
            Syntax::Mpeg4 => byte >> 6 == 0,
            // A slice of a picture that is no IDR: the first (ue 0) and of type I (ue 2 or 7),
            // behind a sequence parameter set, is a recovery point.
            Syntax::H264 => self.described && (byte >> 4 == 0b1011 || byte == 0b1000_1000),
            Syntax::H265 => false,
            Syntax::H266 => match byte >> 3 {
                7..=9 => true,
                0..=11 => false,
                _ => return Verdict::More,
            },
        };
        if is_key { Verdict::Key } else { Verdict::Other }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pes(stream: &[u8]) -> Vec<u8> {
        let mut pes = vec![0, 0, 1, 0xe0, 0, 0, 0x80, 0x80, 5, 0x21, 0, 1, 0, 1];
        pes.extend_from_slice(stream);
        pes
    }

    fn verdict(syntax: Syntax, stream: &[u8]) -> Verdict {
        let pes = pes(stream);
        let whole = Look::new(syntax).look(&pes);
        let mut look = Look::new(syntax);
        let each = pes.iter().map(|&byte| look.look(&[byte]));
        let first = each.into_iter().find(|&verdict| verdict != Verdict::More);
        assert_eq!(whole, first.unwrap_or(Verdict::More), "cut or not");
        whole
    }

    #[test]
    fn picture_to_begin_with_is_known_by_its_first_slice() {
        use Syntax::{H264, H265, H266, Mpeg2, Mpeg4};
        let aud = [0, 0, 0, 1, 9, 0xf0];
        let after = |nal: &[u8]| [&aud[..], nal].concat();
        for (syntax, stream, expected) in [
            (H264, after(&[0, 0, 1, 0x65, 0x88]), Verdict::Key),
            (H264, after(&[0, 0, 1, 0x41, 0x9a]), Verdict::Other),
            (H264, after(&[0, 0, 1, 0x41, 0xb8]), Verdict::Other),
            (H264, after(&[0, 0, 1, 0x67, 66, 0, 0, 1, 0x41, 0xb8]), Verdict::Key),
            (H264, after(&[0, 0, 1, 0x67, 66, 0, 0, 1, 0x41, 0x9a]), Verdict::Other),
            (H264, after(&[0, 0, 1, 0x06, 5]), Verdict::More),
            (H265, vec![0, 0, 1, 0x46, 1, 0, 0, 1, 0x28, 1], Verdict::Key),
            (H265, vec![0, 0, 1, 0x2a, 1], Verdict::Key),
            (H265, vec![0, 0, 1, 0x02, 1], Verdict::Other),
            (H266, vec![0, 0, 1, 0, 0x79, 0, 0, 1, 0, 0x39], Verdict::Key),
            (H266, vec![0, 0, 1, 0, 0x01], Verdict::Other),
            (Mpeg2, vec![0, 0, 1, 0xb3, 0x16], Verdict::Key),
            (Mpeg2, vec![0, 0, 1, 0x00, 0x10], Verdict::Other),
            (Mpeg4, vec![0, 0, 1, 0xb0, 1, 0, 0, 1, 0xb6, 0x10], Verdict::Key),
            (Mpeg4, vec![0, 0, 1, 0xb6, 0x50], Verdict::Other),
        ] {
            assert_eq!(verdict(syntax, &stream), expected, "{syntax:?} {stream:x?}");
        }
    }

    #[test]
    fn what_is_no_pes_or_does_not_come_to_a_picture_is_given_up() {
        assert_eq!(Look::new(Syntax::H264).look(&[0, 0, 2, 0xe0]), Verdict::Other);
        let mut look = Look::new(Syntax::H264);
        assert_eq!(look.look(&pes(&[0xff; 1000])), Verdict::More);
        assert_eq!(look.look(&[0xff; PATIENCE]), Verdict::Other);
    }
}
