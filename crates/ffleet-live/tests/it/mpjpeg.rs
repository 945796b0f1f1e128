//! Pictures one after another.

use ffleet_live::join::Format;

use crate::clip::changed_clip;

#[test]
fn each_picture_is_a_beginning() {
    let args = "-c:v mjpeg -pix_fmt yuvj420p -r 2 -threads 1 -f mpjpeg";
    // FFmpeg announces a part after the last, and fails where it finds none.
    let without_the_last = |mut bytes: Vec<u8>| {
        bytes.truncate(
            bytes.len()
                - b"--ffmpeg
"
                .len(),
        );
        bytes
    };
    let clip = changed_clip(Format::MultipartJpeg, args, without_the_last);
    let Some(clip) = clip else { return };
    clip.newcomers_see_the_rest(1);
    clip.moved_on_without_a_word(1);
}
