//! What inputs hold and outputs take, by their names: what is assumed where nobody has looked.

use ffleet_media::Probe;
use ffleet_media::probe::{AudioTrack, SubtitleTrack, VideoTrack};

use super::word::Word;
use crate::threads::command::{Kind, Part};
use crate::threads::{any::Sink, encoder_of, flow, own};

/// What is taken for granted of an input.
#[derive(Clone, Debug)]
pub(super) struct Assumed {
    pub(super) probe: Probe,
    /// In words; nothing where the command says it all.
    pub(super) words: Option<String>,
}

/// Endings of files, and codecs of pictures and sound in them; `-` where there are none.
const INPUTS: &[(&str, &str, &str)] = &[
    ("webm", "vp9", "opus"),
    ("avi", "mpeg4", "mp3"),
    ("mpg mpeg vob m2v mpv", "mpeg2video", "mp2"),
    ("mxf", "mpeg2video", "pcm_s16le"),
    ("dv", "dvvideo", "pcm_s16le"),
    ("wmv asf", "wmv3", "wmav2"),
    ("ogv", "theora", "vorbis"),
    ("y4m yuv rgb raw", "rawvideo", "-"),
    ("gif", "gif", "-"),
    ("png apng", "png", "-"),
    ("jpg jpeg mjpg mjpeg", "mjpeg", "-"),
    ("bmp", "bmp", "-"),
    ("tif tiff", "tiff", "-"),
    ("webp", "webp", "-"),
    ("exr", "exr", "-"),
    ("dpx", "dpx", "-"),
    ("h264 264 avc", "h264", "-"),
    ("h265 265 hevc", "hevc", "-"),
    ("ivf", "vp8", "-"),
    ("obu av1", "av1", "-"),
    ("wav w64 aif aiff caf au", "-", "pcm_s16le"),
    ("flac", "-", "flac"),
    ("mp3", "-", "mp3"),
    ("m4a m4b aac", "-", "aac"),
    ("ogg oga spx", "-", "vorbis"),
    ("opus", "-", "opus"),
    ("ac3", "-", "ac3"),
    ("eac3", "-", "eac3"),
    ("wma", "-", "wmav2"),
];
/// Endings of subtitles.
const SUBTITLES: &[(&str, &str)] = &[
    ("srt", "subrip"),
    ("ass", "ass"),
    ("ssa", "ass"),
    ("vtt", "webvtt"),
    ("sup", "hdmv_pgs_subtitle"),
];
/// Devices that give pictures as they are, and sound.
const CAMERAS: &str = "x11grab v4l2 video4linux2 kmsgrab fbdev gdigrab dshow avfoundation decklink android_camera xcbgrab";
const MICROPHONES: &str = "alsa pulse oss jack sndio openal libcdio";

fn is_in(list: &str, name: &str) -> bool {
    list.split_ascii_whitespace().any(|known| known == name)
}

/// The ending of a name, in small letters, without what a URL asks for.
pub(super) fn ending(name: &str) -> String {
    let name = if own::scheme(name).is_empty() {
        name
    } else {
        name.split(['?', '#']).next().unwrap_or(name)
    };
    let last = name.rsplit('/').next().unwrap_or(name);
    last.rsplit_once('.')
        .map_or(String::new(), |(_, ending)| ending.to_ascii_lowercase())
}

/// A track of pictures of which the codec and size are known, and the pixel format as far as it is.
pub(super) fn picture(
    index: u32,
    codec: &str,
    (width, height): (u32, u32),
    format: &str,
) -> VideoTrack {
    VideoTrack {
        index,
        codec: codec.to_owned(),
        width,
        height,
        sample_aspect: (1, 1),
        rotation: 0,
        fps: None,
        variable_rate: false,
        interlaced: false,
        pixel_format: format.to_owned(),
        bits: 8,
        colour: ffleet_media::probe::Colour::default(),
        frames: None,
        duration_micros: None,
        language: None,
    }
}

fn sound(index: u32, codec: &str) -> AudioTrack {
    AudioTrack {
        index,
        codec: codec.to_owned(),
        channels: 2,
        rate: 48_000,
        layout: None,
        duration_micros: None,
        language: None,
    }
}

/// What an input holds, as far as its name and options say.
pub(super) fn assume(part: &Part<'_>, word: &Word) -> Assumed {
    let format = part.whole("f").unwrap_or_default();
    if format == "lavfi" {
        return lavfi(&word.text);
    }
    let size = ["video_size", "s"]
        .iter()
        .find_map(|name| part.whole(name))
        .and_then(flow::size);
    let pixels = ["pixel_format", "pix_fmt"].iter().find_map(|name| part.whole(name));
    let of = |video: Option<(&str, (u32, u32), &str)>, audio: Option<&str>| {
        let mut probe = Probe::default();
        probe
            .video
            .extend(video.map(|(codec, size, format)| picture(0, codec, size, format)));
        let index = u32::from(video.is_some());
        probe.audio.extend(audio.map(|codec| sound(index, codec)));
        probe
    };
    if is_in("rawvideo yuv4mpegpipe", format) || is_in(CAMERAS, format) {
        let words = size
            .is_none()
            .then(|| format!("{} gives raw pictures of 1920×1080", word.shown()));
        let given = (size.unwrap_or((1_920, 1_080)), pixels.unwrap_or("yuv420p"));
        return Assumed { probe: of(Some(("rawvideo", given.0, given.1)), None), words };
    }
    if is_in(MICROPHONES, format) || is_pcm(format) {
        return Assumed { probe: of(None, Some("pcm_s16le")), words: None };
    }
    let by_format = match format {
        "mpegts" | "mp4" | "mov" | "matroska" | "flv" | "hls" | "dash" | "concat" | "rtsp" | "" => {
            ""
        }
        "image2" | "image2pipe" | "jpeg_pipe" => "jpg",
        other => other,
    };
    let ending = if by_format.is_empty() {
        ending(&word.text)
    } else {
        by_format.to_owned()
    };
    if let Some((_, codec)) = SUBTITLES.iter().find(|(known, _)| *known == ending) {
        let mut probe = Probe::default();
        probe.subtitles.push(SubtitleTrack {
            index: 0,
            codec: (*codec).to_owned(),
            is_text: true,
            language: None,
        });
        return Assumed { probe, words: None };
    }
    let known = INPUTS.iter().find(|(endings, ..)| is_in(endings, &ending));
    let (_, video, audio) = *known.unwrap_or(&("", "h264", "aac"));
    // A decoder that is named says what the codec is.
    let named = |kind| part.of("c", kind, 0).map(codec_of);
    let video = named(Kind::Video).unwrap_or(video);
    let audio = named(Kind::Audio).unwrap_or(audio);
    let format = pixels.unwrap_or(match video {
        "png" => "rgb24",
        "mjpeg" => "yuvj420p",
        "gif" => "bgra",
        _ => "yuv420p",
    });
    let pictures = (video != "-").then(|| (video, size.unwrap_or((1_920, 1_080)), format));
    let audio = (audio != "-").then_some(audio);
    let words = match (pictures, audio) {
        (Some((codec, ..)), Some(audio)) => format!("{codec} of 1920×1080 and {audio}"),
        (Some((codec, ..)), None) => format!("{codec} of 1920×1080"),
        (None, Some(audio)) => audio.to_owned(),
        (None, None) => "nothing".to_owned(),
    };
    Assumed {
        probe: of(pictures, audio),
        words: Some(format!("{} holds {words}, by its name: nobody has looked", shown(word))),
    }
}

fn shown(word: &Word) -> String {
    if word.is_known() {
        super::touch::masked(&word.text)
    } else {
        word.shown()
    }
}

fn is_pcm(format: &str) -> bool {
    let rest = format.strip_prefix(['s', 'u', 'f']).unwrap_or_default();
    rest.starts_with("8")
        || ["16", "24", "32", "64"].iter().any(|bits| rest.starts_with(bits))
        || is_in("alaw mulaw", format)
}

/// The codec that a decoder is for.
fn codec_of(decoder: &str) -> &str {
    match decoder {
        "libdav1d" | "libaom-av1" => "av1",
        "libvpx-vp9" => "vp9",
        "libvpx" => "vp8",
        name => name.split('_').next().unwrap_or(name),
    }
}

/// What a graph of sources gives: it is all in the command.
fn lavfi(graph: &str) -> Assumed {
    let flow = flow::follow(graph, &mut |_, kind| flow::Stream { kind, picture: flow::nothing() });
    let mut probe = Probe::default();
    for (index, (_, stream)) in (0..).zip(&flow.outputs) {
        match stream.kind {
            Kind::Audio => probe.audio.push(sound(index, "pcm")),
            _ => {
                let format = stream.picture.format.as_deref().unwrap_or("yuv420p");
                probe
                    .video
                    .push(picture(index, "wrapped_avframe", stream.picture.size, format));
            }
        }
    }
    Assumed { probe, words: None }
}

/// The muxer of an output, by `-f` or by its name.
pub(super) fn muxer(part: &Part<'_>, name: &str) -> String {
    if let Some(format) = part.whole("f") {
        return format.to_owned();
    }
    let by_ending = match ending(name).as_str() {
        "mkv" | "mka" | "mks" => "matroska",
        "ts" | "m2ts" | "mts" => "mpegts",
        "m4v" | "m4a" | "f4v" => "mp4",
        "m3u8" => "hls",
        "mpd" => "dash",
        "jpg" | "jpeg" | "png" | "bmp" | "tif" | "tiff" | "webp" | "jp2" | "exr" | "dpx"
        | "tga" => "image2",
        "mpg" => "mpeg",
        "aac" => "adts",
        "aif" => "aiff",
        "264" => "h264",
        "265" | "h265" => "hevc",
        "vtt" => "webvtt",
        "y4m" => "yuv4mpegpipe",
        "yuv" | "rgb" => "rawvideo",
        "wmv" | "asf" => "asf",
        other => other,
    }
    .to_owned();
    match (by_ending.as_str(), own::scheme(name)) {
        (_, "rtmp" | "rtmps") => "flv".to_owned(),
        (_, "rtsp") => "rtsp".to_owned(),
        ("", "rtp") => "rtp".to_owned(),
        _ => by_ending,
    }
}

/// What an output takes.
pub(super) fn sink<'a>(part: Part<'a>, name: &str) -> Sink<'a> {
    let format = muxer(&part, name);
    let picture = match format.as_str() {
        "mp3" | "mp2" | "wav" | "w64" | "flac" | "adts" | "ac3" | "eac3" | "aiff" | "caf"
        | "opus" | "oga" | "spx" | "au" | "tta" | "wv" | "dts" | "truehd" | "s16le" | "s24le"
        | "s32le" | "f32le" | "alsa" | "pulse" | "srt" | "ass" | "webvtt" | "amr" => None,
        "null" => Some("wrapped_avframe"),
        "rawvideo" | "framecrc" | "framemd5" | "md5" | "crc" | "hash" | "framehash"
        | "streamhash" | "nut_raw" => Some("rawvideo"),
        "yuv4mpegpipe" => Some("wrapped_avframe"),
        "image2" | "image2pipe" => Some(match ending(name).as_str() {
            "png" => "png",
            "bmp" => "bmp",
            "tif" | "tiff" => "tiff",
            "webp" => "libwebp",
            "jp2" => "jpeg2000",
            "exr" => "exr",
            "dpx" => "dpx",
            _ => "mjpeg",
        }),
        "rtp" => Some("mpeg4"),
        "rtsp" | "3gp" => Some("mpeg4"),
        "ogg" | "ogv" => Some("libtheora"),
        other => Some(encoder_of(other)),
    };
    let sound = !matches!(
        format.as_str(),
        "gif"
            | "apng"
            | "image2pipe"
            | "image2"
            | "mjpeg"
            | "h264"
            | "hevc"
            | "obu"
            | "ivf"
            | "m4v"
            | "yuv4mpegpipe"
            | "rawvideo"
            | "srt"
            | "ass"
            | "webvtt"
    );
    let subtitles = matches!(
        format.as_str(),
        "mp4" | "mov" | "matroska" | "webm" | "ass" | "srt" | "webvtt" | "hls"
    );
    let slaves = if format == "tee" {
        super::touch::slaves(name)
    } else {
        Vec::new()
    };
    let queued = |slave: &&&str| slave.contains("use_fifo=1") || slave.contains("use_fifo=true");
    let threads = if format == "tee" && part.whole("use_fifo").is_some_and(|said| said != "0") {
        slaves.len()
    } else {
        slaves.iter().filter(queued).count() + usize::from(format == "fifo")
    };
    let of_slaves: u32 = slaves
        .iter()
        .map(|slave| own::of_output(super::touch::without_options(slave)))
        .sum();
    let own = own::of_output(name) + of_slaves + u32::try_from(threads).unwrap_or(u32::MAX);
    Sink { part, picture, sound, subtitles, own }
}
