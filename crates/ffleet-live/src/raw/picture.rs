//! Pictures that are not coded, one after another.
//!
//! Each is as long as FFmpeg's demuxer `rawvideo` takes it to be (`av_image_get_buffer_size` without alignment):
//! planes follow each other, lines have no padding, and where a sample stands for two pixels an odd one out has a
//! sample of its own.

use std::fmt;
use std::str::FromStr;

use super::pieces::Pieces;
use super::{Rate, Unfit, names};

/// The most pixels across and down.
pub const SIDE: u32 = 16_384;
/// The most bytes of a picture.
pub const FRAME: usize = 256 << 20;

/// How the pixels of a picture lie, by FFmpeg's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PixelFormat {
    /// Y, U, V in planes, colours halved both ways.
    Yuv420p,
    /// A plane of Y, one of U and V in turn, colours halved both ways.
    Nv12,
    /// Y, U, V in planes, colours halved across.
    Yuv422p,
    /// Y U Y V of two pixels.
    Yuyv422,
    /// U Y V Y of two pixels.
    Uyvy422,
    /// Y, U, V in planes.
    Yuv444p,
    /// Red, green, blue.
    Rgb24,
    /// Blue, green, red.
    Bgr24,
    /// Red, green, blue, opacity.
    Rgba,
    /// Blue, green, red, opacity.
    Bgra,
    /// Y alone.
    Gray,
    /// Y alone, ten bits in two bytes, the lower first.
    Gray10le,
    /// As [`Self::Yuv420p`], ten bits in two bytes, the lower first.
    Yuv420p10le,
}

/// What a format costs.
struct Layout {
    name: &'static str,
    /// How many pixels of a line the first plane holds together.
    group: u32,
    /// In so many bytes.
    bytes: u32,
    /// What the planes of colours hold.
    colours: Colours,
}

/// Planes of colours, all of them together.
struct Colours {
    /// Bytes of one place.
    bytes: u32,
    /// Pixels that one place stands for, across and down.
    across: u32,
    down: u32,
}

impl PixelFormat {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Yuv420p,
        Self::Nv12,
        Self::Yuv422p,
        Self::Yuyv422,
        Self::Uyvy422,
        Self::Yuv444p,
        Self::Rgb24,
        Self::Bgr24,
        Self::Rgba,
        Self::Bgra,
        Self::Gray,
        Self::Gray10le,
        Self::Yuv420p10le,
    ];

    #[rustfmt::skip]
    const fn layout(self) -> Layout {
        const fn layout(name: &'static str, of: [u32; 5]) -> Layout {
            let [group, bytes, colours, across, down] = of;
            Layout { name, group, bytes, colours: Colours { bytes: colours, across, down } }
        }
        match self {
            Self::Yuv420p     => layout("yuv420p",     [1, 1, 2, 2, 2]),
            Self::Nv12        => layout("nv12",        [1, 1, 2, 2, 2]),
            Self::Yuv422p     => layout("yuv422p",     [1, 1, 2, 2, 1]),
            Self::Yuyv422     => layout("yuyv422",     [2, 4, 0, 1, 1]),
            Self::Uyvy422     => layout("uyvy422",     [2, 4, 0, 1, 1]),
            Self::Yuv444p     => layout("yuv444p",     [1, 1, 2, 1, 1]),
            Self::Rgb24       => layout("rgb24",       [1, 3, 0, 1, 1]),
            Self::Bgr24       => layout("bgr24",       [1, 3, 0, 1, 1]),
            Self::Rgba        => layout("rgba",        [1, 4, 0, 1, 1]),
            Self::Bgra        => layout("bgra",        [1, 4, 0, 1, 1]),
            Self::Gray        => layout("gray",        [1, 1, 0, 1, 1]),
            Self::Gray10le    => layout("gray10le",    [1, 2, 0, 1, 1]),
            Self::Yuv420p10le => layout("yuv420p10le", [1, 2, 4, 2, 2]),
        }
    }

    /// FFmpeg's name of it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.layout().name
    }

    /// How many bytes a picture of this size has.
    ///
    /// # Errors
    ///
    /// [`Unfit::Size`] if a side is 0 or more than [`SIDE`], or the picture has more than [`FRAME`] bytes.
    pub fn bytes(self, width: u32, height: u32) -> Result<usize, Unfit> {
        let Layout { group, bytes, colours, .. } = self.layout();
        let product = |parts: [u32; 3]| parts.into_iter().map(u64::from).product::<u64>();
        let sides = 1..=SIDE;
        if !sides.contains(&width) || !sides.contains(&height) {
            return Err(Unfit::Size { width, height });
        }
        let first = product([bytes, width.div_ceil(group), height]);
        let places = [width.div_ceil(colours.across), height.div_ceil(colours.down)];
        let sum = first + product([colours.bytes, places[0], places[1]]);
        usize::try_from(sum)
            .ok()
            .filter(|&sum| sum <= FRAME)
            .ok_or(Unfit::Size { width, height })
    }
}

impl fmt::Display for PixelFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for PixelFormat {
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

/// One picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// How many came before it.
    pub index: i64,
    /// When it is shown, in ticks of [`crate::packet::CLOCK`] after the first.
    pub pts: i64,
    /// Its pixels.
    pub bytes: Vec<u8>,
}

/// What cuts bytes into pictures.
///
/// ```
/// use ffleet_live::raw::Rate;
/// use ffleet_live::raw::picture::{Cutter, PixelFormat};
///
/// let mut cutter = Cutter::new(PixelFormat::Rgb24, (2, 1), Rate::new(25, 1)?)?;
/// let frames = cutter.push(b"red+GREredagain");
/// assert_eq!(frames.iter().map(|frame| frame.pts).collect::<Vec<_>>(), [0, 3_600]);
/// assert_eq!(cutter.end(), 3);
/// # Ok::<(), ffleet_live::raw::Unfit>(())
/// ```
#[derive(Debug)]
pub struct Cutter {
    pieces: Pieces,
    rate: Rate,
    next: i64,
}

impl Cutter {
    /// For pictures of this format and size (across, down), at this rate.
    ///
    /// # Errors
    ///
    /// [`Unfit::Size`] as of [`PixelFormat::bytes`].
    pub fn new(format: PixelFormat, size: (u32, u32), rate: Rate) -> Result<Self, Unfit> {
        let pieces = Pieces::new(format.bytes(size.0, size.1)?);
        Ok(Self { pieces, rate, next: 0 })
    }

    /// How many bytes each picture has.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.pieces.long()
    }

    /// Takes the next bytes, which are cut anywhere, and answers the pictures that are whole with them.
    #[must_use = "the pictures are nowhere else"]
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Frame> {
        let whole = self.pieces.cut(bytes);
        let frame = |bytes| {
            let index = self.next;
            self.next += 1;
            Frame { index, pts: self.rate.ticks(index), bytes }
        };
        whole.into_iter().map(frame).collect()
    }

    /// The writer is gone: how many bytes of a picture there were that has no end. What comes next is another
    /// writer's, and begins with a whole picture; indices go on.
    pub fn end(&mut self) -> usize {
        self.pieces.end().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_one_out_has_colours_of_its_own() {
        for (name, width, height, expected) in [
            ("yuv420p", 4, 2, 12),
            ("yuv420p", 5, 3, 15 + 12),
            ("nv12", 1, 1, 3),
            ("yuv422p", 5, 3, 15 + 18),
            ("yuyv422", 5, 3, 36),
            ("uyvy422", 1, 1, 4),
            ("yuv444p", 5, 3, 45),
            ("bgra", 5, 3, 60),
            ("gray10le", 5, 3, 30),
            ("yuv420p10le", 5, 3, 54),
        ] {
            let format: PixelFormat = name.parse().unwrap();
            assert_eq!(format.bytes(width, height), Ok(expected), "{name} {width}x{height}");
        }
    }

    #[test]
    fn size_that_cannot_be_is_refused() {
        let size = |width, height| PixelFormat::Rgba.bytes(width, height);
        assert_eq!(size(8_192, 8_192), Ok(FRAME));
        for (width, height) in [(0, 1), (1, 0), (SIDE + 1, 1), (1, u32::MAX), (8_193, 8_192)] {
            assert_eq!(size(width, height), Err(Unfit::Size { width, height }));
        }
        let said = size(0, 7).unwrap_err().to_string();
        assert_eq!(
            said,
            "expected a size of 1x1 to 16384x16384 and at most 256 MiB a frame, got 0x7"
        );
    }

    #[test]
    fn format_is_known_by_its_name_alone() {
        for format in PixelFormat::ALL {
            assert_eq!(format.name().parse(), Ok(format));
        }
        let said = "yuv".parse::<PixelFormat>().unwrap_err().to_string();
        assert!(
            said.starts_with("expected a format of yuv420p nv12 ") && said.ends_with("got \"yuv\"")
        );
    }

    #[test]
    fn picture_without_an_end_is_told_and_the_next_begins_anew() {
        let mut cutter = Cutter::new(PixelFormat::Gray, (3, 1), Rate::new(2, 1).unwrap()).unwrap();
        assert_eq!(cutter.push(b"abcde").len(), 1);
        assert_eq!(cutter.end(), 2);
        let frame = Frame { index: 1, pts: 45_000, bytes: b"fgh".to_vec() };
        assert_eq!(cutter.push(b"fgh"), [frame]);
    }
}
