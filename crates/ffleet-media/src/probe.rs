//! What a probe found in an input or a result.

use ffleet_types::{Bitrate, Bytes, FrameRate};
use serde::{Deserialize, Serialize};

/// What a file or URL holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Probe {
    /// The demuxer's name, such as `mov,mp4,m4a,3gp,3g2,mj2`.
    pub format: String,
    /// Length in microseconds, where known.
    pub duration_micros: Option<u64>,
    /// Size, where known.
    pub size: Option<Bytes>,
    /// Overall bit rate, where known.
    pub bitrate: Option<Bitrate>,
    /// Video tracks; cover pictures are left out.
    pub video: Vec<VideoTrack>,
    /// Audio tracks.
    pub audio: Vec<AudioTrack>,
    /// Subtitle tracks.
    pub subtitles: Vec<SubtitleTrack>,
    /// Tracks of other kinds: data, attachments, cover pictures.
    pub other: u32,
    /// Its title, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Chapters.
    #[serde(default)]
    pub chapters: u32,
}

/// A video track.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct VideoTrack {
    /// Its index among all tracks.
    pub index: u32,
    /// The codec's name in FFmpeg.
    pub codec: String,
    /// Coded width in pixels, before rotation and aspect.
    pub width: u32,
    /// Coded height.
    pub height: u32,
    /// Sample aspect ratio, 1:1 where unknown.
    pub sample_aspect: (u32, u32),
    /// Clockwise turn that a player applies: 0, 90, 180 or 270 degrees.
    pub rotation: u32,
    /// Average frame rate, where known.
    pub fps: Option<FrameRate>,
    /// Whether the frame rate varies (base and average rates differ).
    pub variable_rate: bool,
    /// Whether it is interlaced.
    pub interlaced: bool,
    /// Pixel format in FFmpeg's words.
    pub pixel_format: String,
    /// Bits per component.
    pub bits: u8,
    /// Colour as FFmpeg names it.
    pub colour: Colour,
    /// Frames, where the container says.
    pub frames: Option<u64>,
    /// Its own length in microseconds, where known.
    pub duration_micros: Option<u64>,
    /// Language tag, where there is one.
    pub language: Option<String>,
}

/// Colour tags; empty where the file has none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Colour {
    /// `tv` or `pc`.
    pub range: String,
    /// Matrix coefficients, such as `bt709`.
    pub space: String,
    /// Transfer characteristics, such as `smpte2084` (HDR10, ST 2084) or `arib-std-b67` (HLG).
    pub transfer: String,
    /// Primaries, such as `bt2020`.
    pub primaries: String,
    /// Mastering display, in x265's notation, where the file has it (ST 2086).
    pub mastering: Option<String>,
    /// Maximum and average light level in cd/m² (CTA-861.3), where the file has them.
    pub light_level: Option<(u32, u32)>,
}

impl Colour {
    /// Whether it is high dynamic range: ST 2084 or HLG.
    #[must_use]
    pub fn is_hdr(&self) -> bool {
        matches!(self.transfer.as_str(), "smpte2084" | "arib-std-b67")
    }
}

/// An audio track.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct AudioTrack {
    /// Its index among all tracks.
    pub index: u32,
    /// The codec's name in FFmpeg.
    pub codec: String,
    /// Channels.
    pub channels: u32,
    /// Samples per second.
    pub rate: u32,
    /// The channels' layout as FFmpeg names it, such as `stereo` or `5.1(side)`, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<String>,
    /// Its own length in microseconds, where known.
    pub duration_micros: Option<u64>,
    /// Language tag, where there is one.
    pub language: Option<String>,
}

/// A subtitle track.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SubtitleTrack {
    /// Its index among all tracks.
    pub index: u32,
    /// The codec's name in FFmpeg.
    pub codec: String,
    /// Whether it is text; pictures cannot become text.
    pub is_text: bool,
    /// Language tag, where there is one.
    pub language: Option<String>,
}

impl Probe {
    /// The picture that a player shows, if there is one.
    #[must_use]
    pub fn picture(&self) -> Option<&VideoTrack> {
        self.video.first()
    }
}

impl VideoTrack {
    /// Width and height as a player shows it: square pixels, upright. Stretched rather than
    /// squeezed, so that no detail is lost on the way.
    #[must_use]
    pub fn display_size(&self) -> (u32, u32) {
        let (across, down) = match self.sample_aspect {
            (0, _) | (_, 0) => (1, 1),
            aspect => aspect,
        };
        let stretch = |pixels: u32, by: u32, of: u32| {
            let exact = u64::from(pixels) * u64::from(by);
            u32::try_from((exact + u64::from(of) / 2) / u64::from(of)).unwrap_or(u32::MAX)
        };
        let (width, height) = if across >= down {
            (stretch(self.width, across, down), self.height)
        } else {
            (self.width, stretch(self.height, down, across))
        };
        if matches!(self.rotation, 90 | 270) {
            (height, width)
        } else {
            (width, height)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(width: u32, height: u32, sample_aspect: (u32, u32), rotation: u32) -> VideoTrack {
        VideoTrack {
            index: 0,
            codec: "h264".to_owned(),
            width,
            height,
            sample_aspect,
            rotation,
            fps: None,
            variable_rate: false,
            interlaced: false,
            pixel_format: "yuv420p".to_owned(),
            bits: 8,
            colour: Colour::default(),
            frames: None,
            duration_micros: None,
            language: None,
        }
    }

    #[test]
    fn display_size_is_upright_with_square_pixels() {
        assert_eq!(track(720, 576, (16, 15), 0).display_size(), (768, 576));
        assert_eq!(track(1_440, 1_080, (4, 3), 90).display_size(), (1_080, 1_920));
        assert_eq!(track(720, 480, (8, 9), 180).display_size(), (720, 540));
        assert_eq!(track(640, 360, (0, 1), 0).display_size(), (640, 360));
    }
}
