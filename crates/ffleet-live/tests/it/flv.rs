//! FLV.

use ffleet_live::join::Format;

use crate::clip::{GOP, Strict, clip};

#[test]
fn h264_begins_at_each_keyframe() {
    let args = format!("-c:v libx264 -preset ultrafast -c:a aac {GOP} -f flv");
    let Some(clip) = clip(Format::Flv, &args) else { return };
    clip.newcomers_see_the_rest(25);
    clip.moved_on_without_a_word(25);
}

#[test]
fn codec_without_a_sequence_header_begins_at_each_keyframe() {
    let Some(clip) = clip(Format::Flv, &format!("-c:v flv {GOP} -f flv")) else {
        return;
    };
    clip.newcomers_see_the_rest(25);
    clip.moved_on_without_a_word(25);
}

#[test]
fn sound_alone_begins_at_its_tags() {
    let Some(clip) = clip(Format::Flv, "-c:a aac -aac_pns 0 -f flv") else {
        return;
    };
    clip.newcomers_hear_the_rest(2);
    for decoded in [clip.skipped(Strict::Yes), clip.reopened(Strict::Yes, &clip)] {
        assert_eq!(decoded.said, "");
    }
}
