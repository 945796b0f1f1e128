//! How large the picture becomes, and what it looks like inside its frame.

use ffleet_media::probe::VideoTrack;
use ffleet_media::recipe::Size;

use super::Refused;
use super::draft::Draft;

/// Longest side that is encoded. Beyond it H.264 and VP9 hardware and players give up.
const LONGEST: u64 = 16_384;

/// The size of the picture inside its frame.
pub(super) struct Shape {
    /// What the input's picture is scaled to.
    pub(super) content: (u32, u32),
    /// The result's size; larger than the content where black is added.
    pub(super) frame: (u32, u32),
}

impl Shape {
    pub(super) fn of(
        track: &VideoTrack,
        size: Option<Size>,
        draft: &mut Draft,
    ) -> Result<Self, Refused> {
        let (width, height) = track.display_size();
        if track.sample_aspect.0 != track.sample_aspect.1 {
            draft.note(format!(
                "the pixels become square: {}x{} is shown as {width}x{height}",
                track.width, track.height
            ));
        }
        let shape = match size {
            None => {
                let content = (even(u64::from(width)), even(u64::from(height)));
                if content != (width, height) {
                    draft.note(format!(
                        "the sides become even: {width}x{height} is scaled to {}x{}",
                        content.0, content.1
                    ));
                }
                Self { content, frame: content }
            }
            Some(Size::Lines(lines)) => {
                let (least, most) = unrounded(width.min(height), width.max(height));
                let long = (most * u64::from(lines) + least / 2) / least;
                let (short, long) = (even(u64::from(lines)), even(long.min(LONGEST * 4)));
                let content = if width >= height { (long, short) } else { (short, long) };
                Self { content, frame: content }
            }
            Some(Size::Frame(frame)) => {
                let room = (even(u64::from(frame.width)), even(u64::from(frame.height)));
                if room != (frame.width, frame.height) {
                    draft.note(format!(
                        "the sides become even: {frame} is made {}x{}",
                        room.0, room.1
                    ));
                }
                let content = fit((width, height), room);
                if content != room {
                    draft.note(format!(
                        "black is added around the picture: {}x{} in {}x{}",
                        content.0, content.1, room.0, room.1
                    ));
                }
                Self { content, frame: room }
            }
        };
        let (across, down) = shape.frame;
        if u64::from(across.max(down)) > LONGEST || across.min(down) < 16 {
            return Err(Refused::input(format!(
                "the picture would be {across}x{down} pixels; both sides must be between 16 and {LONGEST}"
            )));
        }
        if shape.content.0 > width + 1 && shape.content.1 > height + 1 {
            draft.note(format!(
                "the picture is enlarged from {width}x{height} to {}x{}, which adds no detail",
                shape.content.0, shape.content.1
            ));
        }
        Ok(shape)
    }

    pub(super) fn pad(&self) -> Option<String> {
        let ((width, height), (across, down)) = (self.content, self.frame);
        (self.content != self.frame).then(|| {
            let (left, top) = ((across - width) / 4 * 2, (down - height) / 4 * 2);
            format!("pad={across}:{down}:{left}:{top}:black")
        })
    }
}

/// The sides whose ratio is meant. 854x480 and 426x240 are 16:9 with sides made even, and must
/// become 1280x720, not 1282x720.
fn unrounded(least: u32, most: u32) -> (u64, u64) {
    let (least, most) = (u64::from(least), u64::from(most));
    if (most * 9).abs_diff(least * 16) < 16 {
        (9, 16)
    } else {
        (least, most)
    }
}

/// The nearest even number, at least 2.
fn even(pixels: u64) -> u32 {
    u32::try_from(pixels.div_ceil(2).max(1) * 2).unwrap_or(u32::MAX - 1)
}

/// The largest picture of `shape` that fits into `room`.
pub(super) fn fit(shape: (u32, u32), room: (u32, u32)) -> (u32, u32) {
    let [width, height, across, down] = [shape.0, shape.1, room.0, room.1].map(u64::from);
    if width * down >= height * across {
        let scaled = (height * across + width / 2) / width;
        (room.0, even(scaled).min(room.1))
    } else {
        let scaled = (width * down + height / 2) / height;
        (even(scaled).min(room.0), room.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picture_fits_into_its_frame_with_even_sides() {
        assert_eq!(fit((1_920, 1_080), (1_280, 720)), (1_280, 720));
        assert_eq!(fit((1_080, 1_920), (1_280, 720)), (406, 720));
        assert_eq!(fit((1_000, 10), (640, 360)), (640, 6));
    }
}
