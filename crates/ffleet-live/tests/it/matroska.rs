//! Matroska and WebM.

use ffleet_live::join::Format;

use crate::clip::{Clip, GOP, Strict, changed_clip, clip};

const CLUSTER: [u8; 4] = [0x1f, 0x43, 0xb6, 0x75];

fn matroska(args: &str) -> Option<Clip> {
    clip(Format::Matroska, args)
}

fn video(args: &str) {
    let Some(clip) = matroska(args) else { return };
    clip.newcomers_see_the_rest(25);
    moved_on(&clip);
}

/// Behind another document FFmpeg (5.1) says that it did not expect one, and goes on.
fn moved_on(clip: &Clip) {
    const SEGMENT: &str = "Found unknown-length element with ID 0x18538067";
    let skipped = clip.skipped(Strict::Yes);
    assert_eq!(skipped.said, "");
    let reopened = clip.reopened(Strict::No, clip);
    assert!(reopened.said.lines().all(|line| line.contains(SEGMENT)), "{}", reopened.said);
    for decoded in [skipped, reopened] {
        assert!(decoded.frames.ends_with(&clip.frames[clip.frames.len() / 8 * 5..]));
    }
}

#[test]
fn h264_begins_at_each_cluster_with_a_keyframe() {
    video(&format!("-c:v libx264 -preset ultrafast -c:a aac {GOP} -f matroska"));
}

#[test]
fn cluster_of_unknown_size_is_a_beginning() {
    let args = "-c:v libx264 -preset ultrafast -c:a aac -f matroska -write_crc32 0";
    let clip = changed_clip(Format::Matroska, &format!("{args} {GOP}"), |mut bytes| {
        let mut clusters = Vec::new();
        let starts = bytes.windows(4).enumerate().filter(|(_, id)| *id == CLUSTER);
        clusters.extend(starts.map(|(at, _)| at + CLUSTER.len()));
        for at in clusters {
            let long = bytes[at].leading_zeros() as usize + 1;
            bytes[at] |= 0xff >> long;
            bytes[at + 1..at + long].fill(0xff);
        }
        bytes
    });
    let Some(clip) = clip else { return };
    let wholes = clip.wholes.len();
    assert!(wholes > clip.frames.len() / 2, "blocks are whole, not clusters: {wholes}");
    clip.newcomers_see_the_rest(25);
    moved_on(&clip);
}

/// FFmpeg begins no cluster with a keyframe less than 4 KiB behind the last one's beginning,
/// which is so where it has just begun one for its size.
const CLUSTERS: &str = "-cluster_size_limit 1000000 -cluster_time_limit 500";

#[test]
fn vp8_begins_at_each_cluster_with_a_keyframe() {
    let codecs = "-c:v libvpx -deadline realtime -b:v 2M -minrate 2M -c:a libvorbis";
    video(&format!("{codecs} {GOP} -f webm -live 1 {CLUSTERS}"));
}

#[test]
fn vp9_begins_at_each_cluster_with_a_keyframe() {
    let codecs = "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 2M -c:a libopus";
    video(&format!("{codecs} {GOP} -f webm {CLUSTERS}"));
}

#[test]
fn sound_alone_begins_at_each_cluster() {
    let args = "-c:a libopus -f webm -cluster_time_limit 500";
    let Some(clip) = matroska(args) else { return };
    clip.newcomers_hear_the_rest(50);
    moved_on(&clip);
}
