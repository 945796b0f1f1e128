//! What fits into which container, as FFmpeg's muxers write them.

use ffleet_media::codec::{AudioCodec, Container};
use ffleet_media::recipe::Video;
use ffleet_media::{Recipe, Target};

use super::Refused;

/// Endings that mean media of a kind we do not write. A result under such a name would not be
/// what it says.
const FOREIGN: [&str; 24] = [
    "avi", "wmv", "wma", "asf", "mpg", "mpeg", "vob", "3gp", "3g2", "ogv", "m3u8", "mpd", "aiff",
    "ac3", "aac", "bmp", "tiff", "avif", "heic", "mxf", "rm", "nut", "y4m", "h264",
];

/// The container of a recipe's result.
pub(crate) fn choose(recipe: &Recipe, target: &Target) -> Result<Container, Refused> {
    let path = match target {
        Target::Live(_) => return Ok(Container::Flv),
        Target::File(path) => path,
    };
    if let Some(container) = Container::of_path(path) {
        return Ok(container);
    }
    let name = path.rsplit('/').next().unwrap_or(path);
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    if let Some(ending) = ending.filter(|ending| FOREIGN.contains(&ending.as_str())) {
        let known: Vec<&str> = Container::ALL.iter().map(|container| container.name()).collect();
        return Err(Refused::user(format!(
            "recipes do not write .{ending} files; choose one of {}",
            known.join(", ")
        )));
    }
    recipe.container.ok_or_else(|| {
        Refused::user(
            "neither its name nor the recipe says which container it is to have: end the name in \
             .mp4, .mkv or .webm, or give the recipe a `container`",
        )
    })
}

/// What a target's own name says about its container.
pub(crate) fn of_target(target: &Target) -> Option<Container> {
    match target {
        Target::Live(_) => Some(Container::Flv),
        Target::File(path) => Container::of_path(path),
    }
}

/// FFmpeg's name of the muxer. One picture is written by `image2pipe`, because `image2` takes a
/// `%` in a name for a pattern.
pub(crate) const fn muxer(container: Container) -> &'static str {
    match container {
        Container::Mp4 => "mp4",
        Container::Mov => "mov",
        Container::Mkv => "matroska",
        Container::Webm => "webm",
        Container::Ts => "mpegts",
        Container::Flv => "flv",
        Container::M4a => "ipod",
        Container::Ogg => "ogg",
        Container::Opus => "opus",
        Container::Mp3 => "mp3",
        Container::Flac => "flac",
        Container::Wav => "wav",
        Container::Gif => "gif",
        Container::Png | Container::Jpg | Container::Webp => "image2pipe",
    }
}

/// Options of the muxer: the index in front, so that a player can begin before it has it all.
pub(super) const fn options(container: Container) -> &'static [(&'static str, &'static str)] {
    match container {
        Container::Mp4 | Container::Mov | Container::M4a => &[("-movflags", "+faststart")],
        Container::Flv => &[("-flvflags", "no_duration_filesize")],
        _ => &[],
    }
}

/// Whether a video track of this codec (FFmpeg's name) fits.
pub(super) fn holds_video(container: Container, codec: &str) -> bool {
    match container {
        Container::Mkv => true,
        Container::Mp4 => {
            matches!(
                codec,
                "h264" | "hevc" | "av1" | "vp9" | "mpeg4" | "mpeg2video" | "mpeg1video" | "vvc"
            )
        }
        Container::Mov => {
            matches!(
                codec,
                "h264"
                    | "hevc"
                    | "mpeg4"
                    | "mpeg2video"
                    | "prores"
                    | "dnxhd"
                    | "mjpeg"
                    | "png"
                    | "qtrle"
            )
        }
        Container::Webm => matches!(codec, "vp8" | "vp9" | "av1"),
        Container::Ts => matches!(codec, "h264" | "hevc" | "mpeg2video" | "mpeg1video" | "mpeg4"),
        Container::Flv => matches!(codec, "h264" | "flv1" | "vp6f"),
        Container::Gif => codec == "gif",
        Container::M4a
        | Container::Ogg
        | Container::Opus
        | Container::Mp3
        | Container::Flac
        | Container::Wav
        | Container::Png
        | Container::Jpg
        | Container::Webp => false,
    }
}

/// Whether an audio track of this codec (FFmpeg's name) fits.
pub(super) fn holds_audio(container: Container, codec: &str) -> bool {
    match container {
        Container::Mkv => true,
        Container::Mp4 => {
            // MP2 is written as what every reader takes for MP3.
            matches!(codec, "aac" | "opus" | "mp3" | "ac3" | "eac3" | "alac" | "dts" | "vorbis")
        }
        Container::M4a => matches!(codec, "aac" | "alac" | "ac3"),
        Container::Mov => {
            matches!(codec, "aac" | "mp3" | "ac3" | "eac3" | "alac") || codec.starts_with("pcm_")
        }
        Container::Webm => matches!(codec, "opus" | "vorbis"),
        Container::Ts => matches!(codec, "aac" | "mp3" | "mp2" | "ac3" | "eac3" | "opus" | "dts"),
        Container::Flv => matches!(codec, "aac" | "mp3"),
        Container::Ogg => matches!(codec, "opus" | "vorbis" | "flac" | "speex"),
        Container::Opus => codec == "opus",
        Container::Mp3 => codec == "mp3",
        Container::Flac => codec == "flac",
        Container::Wav => codec.starts_with("pcm_"),
        Container::Gif | Container::Png | Container::Jpg | Container::Webp => false,
    }
}

/// How many audio tracks fit.
pub(super) const fn audio_tracks(container: Container) -> usize {
    match container {
        Container::Mp4
        | Container::Mov
        | Container::Mkv
        | Container::Webm
        | Container::Ts
        | Container::M4a
        | Container::Ogg => usize::MAX,
        Container::Flv | Container::Opus | Container::Mp3 | Container::Flac | Container::Wav => 1,
        Container::Gif | Container::Png | Container::Jpg | Container::Webp => 0,
    }
}

/// Whether a track's language is kept.
pub(super) const fn keeps_language(container: Container) -> bool {
    matches!(
        container,
        Container::Mp4
            | Container::Mov
            | Container::Mkv
            | Container::Webm
            | Container::Ts
            | Container::M4a
            | Container::Ogg
            | Container::Opus
    )
}

/// Whether the title is kept.
pub(super) const fn keeps_title(container: Container) -> bool {
    !matches!(container, Container::Ts)
}

/// Whether chapters are kept.
pub(super) const fn keeps_chapters(container: Container) -> bool {
    !matches!(container, Container::Ts | Container::Flv | Container::Flac | Container::Wav)
}

/// Whether FFmpeg keeps the layout of an audio track's channels. Matroska's form of PCM has no
/// place for it.
pub(super) fn keeps_layout(container: Container, codec: &str) -> bool {
    !(matches!(container, Container::Mkv) && codec.starts_with("pcm_"))
}

/// The sound that a container is customarily given.
pub(super) const fn customary_sound(container: Container) -> AudioCodec {
    match container {
        Container::Webm | Container::Opus | Container::Ogg => AudioCodec::Opus,
        Container::Mp3 => AudioCodec::Mp3,
        Container::Flac => AudioCodec::Flac,
        Container::Wav => AudioCodec::Pcm,
        _ => AudioCodec::Aac,
    }
}

/// Refuses a codec that does not fit, and names the containers in which it does.
pub(super) fn misfit(
    container: Container,
    codec: &str,
    video: Option<&Video>,
    holds: fn(Container, &str) -> bool,
) -> Refused {
    let others: Vec<String> = Container::ALL
        .iter()
        .filter(|other| holds(**other, codec))
        .map(|other| format!(".{other}"))
        .collect();
    let verb = match video {
        Some(Video::Copy) => "be copied",
        _ => "go",
    };
    Refused::user(format!(
        "{codec} cannot {verb} into {container}; end the name in {}, or choose a preset that makes \
         what {container} holds",
        others.join(" or ")
    ))
}
