//! Pictures one after another.

use ffleet_live::join::Format;

use crate::clip::clip;

#[test]
fn each_picture_is_a_beginning() {
    let args = "-c:v mjpeg -pix_fmt yuvj420p -r 2 -threads 1 -f mpjpeg";
    let Some(clip) = clip(Format::MultipartJpeg, args) else {
        return;
    };
    clip.newcomers_see_the_rest(1);
    clip.moved_on_without_a_word(1);
}
