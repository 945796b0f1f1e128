//! The picture: copied, left out, or encoded to the size, rate and quality that were asked for.

use ffleet_media::codec::{Container, VideoCodec};
use ffleet_media::probe::VideoTrack;
use ffleet_media::recipe::{Recipe, Video, VideoEncode};
use ffleet_types::FrameRate;

use super::colour::{self, Colours};
use super::draft::Draft;
use super::encoder::Tuning;
use super::encoders;
use super::job::Job;
use super::shape::Shape;
use super::{Picture, Refused, Tracks, container, picture};
use crate::predict::Work;

/// Plans the video tracks of an output.
pub(super) fn plan(job: &Job<'_>, recipe: &Recipe, draft: &mut Draft) -> Result<(), Refused> {
    match &recipe.video {
        Video::Drop => {
            draft.say(["-vn"]);
            Ok(())
        }
        Video::Copy => copy(job, recipe, draft),
        Video::Encode(wanted) => encode(job, recipe, wanted, draft),
        Video::Thumbnail(wanted) => picture::thumbnail(job, wanted, draft),
        Video::Gif(wanted) => picture::gif(job, wanted, draft),
    }
}

/// The track that is encoded. Further ones are left out, and said.
pub(super) fn source<'a>(job: &Job<'a>, draft: &mut Draft) -> Result<&'a VideoTrack, Refused> {
    let Some(track) = job.probe.picture() else {
        return Err(Refused::input(
            "the input has no picture; for its sound choose a preset such as aac-128k",
        ));
    };
    if track.width == 0 || track.height == 0 {
        return Err(Refused::input("the size of the input's picture is not known: it is damaged"));
    }
    job.decodes(&track.codec)?;
    let more = job.probe.video.len() - 1;
    if more > 0 {
        draft.note(format!("only the first of {} video tracks is kept", more + 1));
    }
    draft.tracks.push(track.index);
    Ok(track)
}

fn copy(job: &Job<'_>, recipe: &Recipe, draft: &mut Draft) -> Result<(), Refused> {
    if draft.container.is_audio() {
        if !job.probe.video.is_empty() {
            draft.note(format!("the picture is left out: {} holds sound alone", draft.container));
        }
        return Ok(());
    }
    let mut expected = Vec::new();
    for track in &job.probe.video {
        if !container::holds_video(draft.container, &track.codec) {
            let holds = container::holds_video;
            return Err(container::misfit(
                draft.container,
                &track.codec,
                Some(&recipe.video),
                holds,
            ));
        }
        let is_moving = draft.container != Container::Flv || expected.is_empty();
        if !is_moving {
            draft.note("only the first video track is kept: flv holds one");
            continue;
        }
        draft.tracks.push(track.index);
        let frames = track.frames.filter(|_| draft.length == job.probe.duration_micros);
        expected.push(Picture {
            codec: track.codec.clone(),
            size: (track.width, track.height),
            rotation: rotation_kept(job, draft, track),
            fps: None,
            interlaced: track.interlaced,
            frames: frames.map(|frames| (frames.saturating_sub(2), frames + 2)),
        });
        if track.codec == "hevc" && matches!(draft.container, Container::Mp4 | Container::Mov) {
            draft.say(["-tag:v", "hvc1"]);
        }
    }
    if !expected.is_empty() {
        draft.say(["-c:v", "copy"]);
    }
    draft.expected.video = Tracks::These(expected);
    Ok(())
}

/// A copy keeps the turn where the container has a place for it, and FFmpeg knows that place:
/// Matroska's is written since 6.1.
fn rotation_kept(job: &Job<'_>, draft: &mut Draft, track: &VideoTrack) -> Option<u32> {
    let keeps = match draft.container {
        Container::Mp4 | Container::Mov => true,
        Container::Mkv | Container::Webm => job.is_at_least(6, 1),
        _ => false,
    };
    if keeps || track.rotation == 0 {
        let certain = matches!(draft.container, Container::Mp4 | Container::Mov);
        return (certain || track.rotation == 0).then_some(track.rotation);
    }
    draft.note(format!(
        "the picture is to be shown turned by {}°, which is lost: this FFmpeg does not write it into \
         {}; mp4 keeps it, and a preset that encodes turns the picture upright",
        track.rotation, draft.container
    ));
    None
}

fn encode(
    job: &Job<'_>,
    recipe: &Recipe,
    wanted: &VideoEncode,
    draft: &mut Draft,
) -> Result<(), Refused> {
    let codec = wanted.codec;
    if !container::holds_video(draft.container, codec.ffmpeg_name()) {
        let holds = container::holds_video;
        return Err(container::misfit(draft.container, codec.ffmpeg_name(), None, holds));
    }
    let encoder = job.encoder(encoders::of_video(codec))?;
    let track = source(job, draft)?;
    let shape = Shape::of(track, wanted.size, draft)?;
    let colours = Colours::of(job, track, codec, draft)?;

    let mut filters = Vec::new();
    deinterlace(job, track, &mut filters, draft)?;
    rate(track, wanted.fps, draft, &mut filters, |filters| {
        colours.scale(track, shape.content, filters);
    });
    filters.extend(shape.pad());
    filters.push("setsar=1".to_owned());
    filters.push(format!("format={}", colours.pixel_format));
    draft.option("-filter:v", filters.join(","));

    draft.say(["-c:v", encoder]);
    let tuning = Tuning { job, recipe, wanted, encoder, shape: &shape, colours: &colours };
    tuning.say(track, draft);
    colours.tag(draft);
    timing(job, draft, wanted.fps.is_none());
    if codec == VideoCodec::H265 && matches!(draft.container, Container::Mp4 | Container::Mov) {
        draft.say(["-tag:v", "hvc1"]);
    }

    let frames = frames(job, track, wanted.fps, draft.length);
    draft.expected.video = Tracks::These(vec![Picture {
        codec: codec.ffmpeg_name().to_owned(),
        size: shape.frame,
        rotation: Some(0),
        fps: wanted.fps,
        interlaced: false,
        frames,
    }]);
    draft.cost.video.push(Work {
        encoder: encoder.to_owned(),
        effort: wanted.effort,
        live: recipe.live,
        size: shape.frame,
        bits: if colours.pixel_format == colour::TEN_BITS {
            10
        } else {
            8
        },
        fps: wanted.fps.or(track.fps).map_or(30.0, FrameRate::as_f64),
    });
    Ok(())
}

/// Makes whole frames of half ones, one for each two: what the codecs of our presets expect.
pub(super) fn deinterlace(
    job: &Job<'_>,
    track: &VideoTrack,
    filters: &mut Vec<String>,
    draft: &mut Draft,
) -> Result<(), Refused> {
    if !track.interlaced {
        return Ok(());
    }
    let filter = if job.filters(&["bwdif"]) {
        "bwdif"
    } else if job.filters(&["yadif"]) {
        "yadif"
    } else {
        return Err(Refused::engine(
            "the input is interlaced, and this FFmpeg has neither the filter bwdif nor yadif",
        ));
    };
    filters.push(format!("{filter}=mode=send_frame:parity=auto:deint=all"));
    draft.note("the interlaced picture is deinterlaced: one frame for each two fields");
    Ok(())
}

/// Puts the change of frame rate where it costs least: frames are dropped before they are scaled,
/// and repeated after.
fn rate(
    track: &VideoTrack,
    wanted: Option<FrameRate>,
    draft: &mut Draft,
    filters: &mut Vec<String>,
    scale: impl FnOnce(&mut Vec<String>),
) {
    let Some(wanted) = wanted else {
        scale(filters);
        return;
    };
    let slower = track.fps.is_none_or(|fps| fps.as_f64() > wanted.as_f64());
    let filter = format!("fps={wanted}");
    if slower {
        filters.push(filter);
        scale(filters);
    } else {
        scale(filters);
        filters.push(filter);
    }
    if track.variable_rate {
        draft.note(format!("the input's variable frame rate becomes a constant {wanted} a second"));
    } else if let Some(fps) = track.fps.filter(|fps| fps.as_f64() < wanted.as_f64() * 0.99) {
        draft.note(format!(
            "frames are repeated: the input has {:.5} a second, the result {wanted}",
            fps.as_f64()
        ));
    }
}

/// Keeps each frame's own time where no rate was asked for. `-fps_mode` came with FFmpeg 5.1, and
/// is the only one that is left in 8.
pub(super) fn timing(job: &Job<'_>, draft: &mut Draft, variable: bool) {
    let option = if job.is_at_least(5, 1) { "-fps_mode:v" } else { "-vsync" };
    draft.say([option, if variable { "vfr" } else { "cfr" }]);
}

/// How many frames there will be. At a constant rate the length says it; otherwise the input's
/// count does, or its average rate where the rate does not vary.
fn frames(
    job: &Job<'_>,
    track: &VideoTrack,
    wanted: Option<FrameRate>,
    length: Option<u64>,
) -> Option<(u64, u64)> {
    let around = |frames: u64, share: u64| {
        let slack = (frames / share).max(2);
        Some((frames.saturating_sub(slack).max(1), frames + slack))
    };
    let whole = length == job.probe.duration_micros;
    if wanted.is_none()
        && whole
        && let Some(frames) = track.frames
    {
        return around(frames, 500);
    }
    if !job.is_length_exact || wanted.is_none() && track.variable_rate {
        return None;
    }
    let (numerator, denominator) = wanted.or(track.fps)?.parts();
    let length = match track.duration_micros {
        Some(own) => length.map_or(own, |length| length.min(own)),
        None => length?,
    };
    let frames = u128::from(length) * u128::from(numerator) / u128::from(denominator) / 1_000_000;
    around(u64::try_from(frames).ok()?, 100)
}
