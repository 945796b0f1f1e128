//! MPEG-TS.

use ffleet_live::join::Format;

use crate::clip::{Clip, GOP, Strict, changed_clip, clip};

fn ts(args: &str) -> Option<Clip> {
    clip(Format::MpegTs, &format!("{args} -f mpegts"))
}

fn video(decoder: &str, args: &str) {
    let Some(clip) = ts(args) else { return };
    clip.newcomers_see_the_rest(25);
    // A viewer that is moved on from the middle of a PES has a truncated picture, which its
    // decoder may complain of; the demuxer has nothing to say. FFmpeg's H.264 decoder mends a few
    // edges of the next keyframe by what it made up for the truncated picture (5.1).
    for decoded in [clip.skipped(Strict::No), clip.reopened(Strict::No, &clip)] {
        assert!(decoded.frames.ends_with(&clip.frames[125..]));
        let seen = decoded.frames.len() - 100;
        assert!((25..50).contains(&seen) && decoded.frames[..25] == clip.frames[..25], "{seen}");
        let of_framing = |line: &&str| !line.starts_with(&format!("[{decoder} @"));
        assert_eq!(decoded.said.lines().find(of_framing), None);
    }
}

#[test]
fn h264_begins_at_each_keyframe() {
    video("h264", &format!("-c:v libx264 -preset ultrafast -c:a aac {GOP}"));
}

#[test]
fn h265_begins_at_each_keyframe() {
    video(
        "hevc",
        &format!("-c:v libx265 -preset ultrafast -x265-params log-level=none {GOP}"),
    );
}

#[test]
fn mpeg2_begins_at_each_sequence_header() {
    video("mpeg2video", &format!("-c:v mpeg2video {GOP}"));
}

#[test]
fn sound_alone_begins_at_its_frames() {
    let Some(clip) = ts("-c:a aac -aac_pns 0") else { return };
    clip.newcomers_hear_the_rest(2);
}

/// What comes of a muxer that does not say where random access is, to one who began to listen in
/// the middle of a packet.
fn unsaid(args: &str) {
    let clip = changed_clip(Format::MpegTs, &format!("{args} -f mpegts"), |mut bytes| {
        for packet in bytes.chunks_exact_mut(188) {
            if packet[3] & 0x20 != 0 && packet[4] > 0 {
                packet[5] &= !0x40;
            }
        }
        [&bytes[100..188], &bytes].concat()
    });
    let Some(clip) = clip else { return };
    clip.newcomers_see_the_rest(25);
}

#[test]
fn keyframe_of_h264_is_seen_where_nobody_says_so() {
    unsaid(&format!("-c:v libx264 -preset ultrafast -c:a aac {GOP}"));
}

#[test]
fn keyframe_of_h265_is_seen_where_nobody_says_so() {
    unsaid(&format!("-c:v libx265 -preset ultrafast -x265-params log-level=none {GOP}"));
}

#[test]
fn sequence_header_of_mpeg2_is_seen_where_nobody_says_so() {
    unsaid(&format!("-c:v mpeg2video {GOP}"));
}
