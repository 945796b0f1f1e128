//! Ogg.

use ffleet_live::join::Format;

use crate::clip::{Clip, GOP, Strict, clip};

fn ogg(args: &str) -> Option<Clip> {
    clip(Format::Ogg, &format!("{args} -f ogg"))
}

/// Two runs: each names its streams anew, by which a decoder tells them apart.
fn two(args: &str) -> Option<[Clip; 2]> {
    let two = [ogg(args)?, ogg(args)?];
    assert_ne!(two[0].joins[0].head, two[1].joins[0].head);
    Some(two)
}

fn video(args: &str) {
    let Some([clip, other]) = two(args) else { return };
    clip.newcomers_see_the_rest(25);
    let skipped = clip.skipped(Strict::Yes);
    assert_eq!(skipped.said, "");
    assert!(skipped.frames.ends_with(&clip.frames[100..]));
    // FFmpeg (5.1) hands the headers of another link to the decoder that it has, which refuses
    // them, and goes on with Theora; of several streams it follows no other link at all.
    if args.contains("theora") && !args.contains("-c:a") {
        let reopened = clip.reopened(Strict::No, &other);
        assert!(reopened.frames.ends_with(&clip.frames[125..]), "{}", reopened.said);
        assert!((125..150).contains(&reopened.frames.len()));
    }
}

fn sound(args: &str, lost: usize) {
    let Some([clip, other]) = two(args) else { return };
    clip.newcomers_hear_the_rest(lost);
    for decoded in [clip.skipped(Strict::Yes), clip.reopened(Strict::Yes, &other)] {
        assert_eq!(decoded.said, "");
        assert!(decoded.frames.ends_with(&clip.frames[clip.frames.len() * 7 / 8..]));
    }
}

#[test]
fn theora_begins_at_each_keyframe() {
    video(&format!("-c:v libtheora {GOP}"));
}

#[test]
fn theora_with_sound_begins_at_each_keyframe() {
    video(&format!("-c:v libtheora -c:a libvorbis {GOP}"));
}

#[test]
fn vp8_begins_at_each_keyframe() {
    video(&format!("-c:v libvpx -deadline realtime {GOP}"));
}

#[test]
fn vorbis_begins_at_its_pages() {
    sound("-c:a libvorbis -page_duration 200000", 4);
}

#[test]
fn opus_begins_at_its_pages() {
    sound("-c:a libopus -page_duration 200000", 50);
}

#[test]
fn flac_begins_at_its_pages() {
    sound("-c:a flac -page_duration 200000", 0);
}

#[test]
fn speex_begins_at_its_pages() {
    // What its decoder makes of a frame depends on all before it.
    let Some(clip) = ogg("-c:a libspeex -ar 16000 -page_duration 200000") else {
        return;
    };
    for join in &clip.joins {
        let decoded = clip.decoded(Strict::Yes, &[&join.head, clip.from(join)]);
        assert_eq!(decoded.said, "");
        assert!(decoded.frames.len().is_multiple_of(10), "{}", decoded.frames.len());
    }
}
