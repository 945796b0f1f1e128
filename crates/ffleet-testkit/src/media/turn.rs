//! The turn of a picture in an MP4 file: the matrix of its track header (ISO/IEC 14496-12, 8.3.2),
//! written where FFmpeg has put the identity.

/// Clockwise, as a player is to apply it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Turn {
    /// 90°.
    Quarter,
    /// 180°.
    Half,
}

/// From the type of the box to the matrix, in a box of version 0.
const MATRIX: usize = 44;

impl Turn {
    /// Writes it into the first track of the file `bytes`.
    pub(super) fn write(self, bytes: &mut [u8]) {
        let header = bytes
            .windows(4)
            .position(|window| window == b"tkhd")
            .expect("an MP4 file has a track header");
        assert_eq!(bytes[header + 4], 0, "FFmpeg writes version 0 for short files");
        let side = |at: usize| {
            let fixed: [u8; 4] = bytes[header + at..header + at + 4]
                .try_into()
                .expect("four bytes are four");
            i32::from_be_bytes(fixed) >> 16
        };
        let (width, height) = (side(MATRIX + 36), side(MATRIX + 40));
        let [a, b, c, d, x, y] = match self {
            Self::Quarter => [0, 1, -1, 0, height, 0],
            Self::Half => [-1, 0, 0, -1, width, height],
        };
        let matrix = [a << 16, b << 16, 0, c << 16, d << 16, 0, x << 16, y << 16, 1 << 30];
        for (place, value) in bytes[header + MATRIX..].chunks_exact_mut(4).zip(matrix) {
            place.copy_from_slice(&i32::to_be_bytes(value));
        }
    }
}
