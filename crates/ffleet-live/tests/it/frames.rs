//! Frames of sound by themselves.

use ffleet_live::join::Format;

use crate::clip::{Clip, Strict, clip};

fn moved_on(clip: &Clip) {
    for decoded in [clip.skipped(Strict::Yes), clip.reopened(Strict::Yes, clip)] {
        assert_eq!(decoded.said, "");
        assert!(decoded.frames.ends_with(&clip.frames[clip.frames.len() / 2..]));
    }
}

#[test]
fn mp3_begins_at_its_frames() {
    let Some(clip) = clip(Format::Mp3, "-c:a libmp3lame -f mp3") else {
        return;
    };
    // The first frames borrow bits of those before them.
    clip.newcomers_hear_the_rest(5);
    moved_on(&clip);
}

#[test]
fn adts_begins_at_its_frames() {
    let Some(clip) = clip(Format::Adts, "-c:a aac -aac_pns 0 -f adts") else {
        return;
    };
    clip.newcomers_hear_the_rest(2);
    moved_on(&clip);
}
