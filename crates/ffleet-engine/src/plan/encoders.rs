//! Which of FFmpeg's encoders make which codec.

use ffleet_media::codec::{AudioCodec, VideoCodec};

/// FFmpeg's encoders of a picture codec, the preferred one first.
pub(crate) const fn of_video(codec: VideoCodec) -> &'static [&'static str] {
    match codec {
        VideoCodec::H264 => &["libx264"],
        VideoCodec::H265 => &["libx265"],
        VideoCodec::Av1 => &["libsvtav1", "libaom-av1"],
        VideoCodec::Vp9 => &["libvpx-vp9"],
    }
}

/// FFmpeg's encoders of a sound codec, the preferred one first.
pub(crate) const fn of_audio(codec: AudioCodec) -> &'static [&'static str] {
    match codec {
        AudioCodec::Aac => &["aac"],
        AudioCodec::Opus => &["libopus"],
        AudioCodec::Mp3 => &["libmp3lame"],
        AudioCodec::Flac => &["flac"],
        AudioCodec::Pcm => &["pcm_s16le"],
    }
}
