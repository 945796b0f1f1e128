//! MP4 in fragments.

use ffleet_live::join::Format;

use crate::clip::{Clip, GOP, Strict, bytes, clip};

const H264: &str = "-c:v libx264 -preset ultrafast -c:a aac";

fn mp4(args: &str) -> Option<Clip> {
    clip(Format::FragmentedMp4, &format!("{args} -f mp4"))
}

#[test]
fn fragment_begins_with_each_keyframe() {
    let flags = "-movflags frag_keyframe+empty_moov+default_base_moof";
    let Some(clip) = mp4(&format!("{H264} {GOP} {flags}")) else {
        return;
    };
    clip.newcomers_see_the_rest(25);
    clip.moved_on_without_a_word(25);
}

#[test]
fn of_fragments_of_each_frame_those_with_a_keyframe_count() {
    let flags = "-movflags frag_every_frame+empty_moov+default_base_moof";
    let Some(clip) = mp4(&format!("{H264} {GOP} {flags}")) else {
        return;
    };
    clip.newcomers_see_the_rest(25);
    clip.moved_on_without_a_word(25);
}

#[test]
fn segments_of_cmaf_begin_with_what_announces_them() {
    let flags = "-movflags cmaf+dash+frag_keyframe+empty_moov+default_base_moof";
    let args = format!("-c:v libx264 -preset ultrafast {GOP} {flags} -write_prft pts");
    let Some(clip) = mp4(&args) else { return };
    clip.newcomers_see_the_rest(25);
    clip.moved_on_without_a_word(25);
}

#[test]
fn sound_alone_begins_at_each_fragment() {
    let flags = "-movflags empty_moov+default_base_moof -frag_duration 500000";
    let Some(clip) = mp4(&format!("-c:a aac -aac_pns 0 {flags}")) else {
        return;
    };
    clip.newcomers_hear_the_rest(2);
    for decoded in [clip.skipped(Strict::Yes), clip.reopened(Strict::Yes, &clip)] {
        assert_eq!(decoded.said, "");
    }
}

#[test]
fn fragment_at_an_offset_of_the_file_is_moved() {
    let args = format!("{H264} {GOP} -movflags frag_keyframe+empty_moov");
    let Some(clip) = mp4(&args) else {
        return;
    };
    clip.newcomers_see_the_rest(25);
    clip.moved_on_without_a_word(25);
    let Some(sent) = bytes(&format!("{args} -f mp4")) else {
        return;
    };
    assert!(sent.len() == clip.bytes.len() && sent != clip.bytes, "it was not so before");
}
