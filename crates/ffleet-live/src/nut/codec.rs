//! Which codecs the four bytes name that NUT has for each (FFmpeg's tables for NUT, AVI and WAV).

use super::{Coding, Kind};
use crate::packet::{Codec, Track};

/// What the configuration of ISO 14496-15 begins with, its version; the byte stream format begins
/// with zeros.
const PACKED: u8 = 1;

/// What a track of this kind is.
pub(super) fn coding(kind: Kind, fourcc: &[u8], config: &[u8]) -> Coding {
    let mut four = [0; 4];
    for (byte, given) in four.iter_mut().zip(fourcc) {
        *byte = *given;
    }
    let codec = match kind {
        Kind::Picture { .. } => picture(four),
        Kind::Sound { .. } => sound(four),
        Kind::Other => None,
    };
    match codec {
        Some(codec) if codec.is_video() && config.first() == Some(&PACKED) => Coding::Packed(codec),
        Some(codec) => Coding::Known(Track { codec, config: config.to_vec() }),
        None => Coding::Unknown(four),
    }
}

fn picture(fourcc: [u8; 4]) -> Option<Codec> {
    match &fourcc {
        b"H264" | b"h264" | b"X264" | b"x264" | b"avc1" | b"AVC1" | b"avc3" => Some(Codec::H264),
        b"HEVC" | b"hevc" | b"H265" | b"h265" | b"hvc1" | b"hev1" => Some(Codec::H265),
        _ => None,
    }
}

fn sound(fourcc: [u8; 4]) -> Option<Codec> {
    match &fourcc {
        // Numbers of WAV's registry, the least significant byte first.
        [0xff, 0, 0, 0] | b"mp4a" | b"AAC " | b"aac " => Some(Codec::Aac),
        [0x55, 0, 0, 0] | b"mp3 " | b"MP3 " | b".mp3" => Some(Codec::Mp3),
        b"Opus" | b"OPUS" | b"opus" => Some(Codec::Opus),
        _ => None,
    }
}
