//! Stills and GIFs.

use ffleet_media::codec::Container;
use ffleet_media::probe::VideoTrack;
use ffleet_media::recipe::{Effort, Gif, Thumbnail};
use ffleet_types::FrameRate;

use super::colour::Colours;
use super::draft::Draft;
use super::job::{Job, micros, seconds};
use super::{Picture, Refused, Tracks, shape, video};
use crate::predict::Work;

/// Frames of a GIF are held in memory until its palette is known; beyond this each frame has a
/// palette of its own instead, which costs size but no memory. In bytes.
const GIF_MEMORY: u64 = 256 << 20;
/// How much is decoded before a thumbnail of a file without an index: more than a group of
/// pictures, in microseconds.
const STRETCH: u64 = 12_000_000;

/// One picture, taken at a position that is sought instead of decoded up to.
pub(super) fn thumbnail(
    job: &Job<'_>,
    wanted: &Thumbnail,
    draft: &mut Draft,
) -> Result<(), Refused> {
    if !draft.container.is_picture() {
        return Err(Refused::user(format!(
            "a thumbnail is a picture, not {}: end its name in .jpg, .png or .webp",
            draft.container
        )));
    }
    let (encoder, format, codec) = match draft.container {
        Container::Png => ("png", "rgb24", "png"),
        Container::Webp => ("libwebp", "yuv420p", "webp"),
        _ => ("mjpeg", "yuvj420p", "mjpeg"),
    };
    let encoder = job.encoder(&[encoder])?;
    let track = video::source(job, draft)?;
    let length = job.own_length(&[track.index]).or(job.length);
    let at = wanted.at.map_or_else(|| length.map_or(0, |length| length / 10), micros);
    if let Some(length) =
        length.filter(|length| at >= *length && *length > 0 && wanted.at.is_some())
    {
        return Err(Refused::user(format!(
            "the thumbnail is to be taken at {} s, but the input is only {} s long",
            at / 1_000_000,
            length / 1_000_000
        )));
    }
    // Without an index a demuxer lands behind the place it looks for, which near the end of a
    // file is behind its last keyframe: there the last stretch is decoded instead.
    let stretch = if job.is_length_exact { 0 } else { at.min(STRETCH) };
    draft.seek_micros = Some(at - stretch);
    if stretch > 0 {
        draft.option("-ss", seconds(stretch));
    }
    let size = size(track, wanted.width);
    let mut filters = Vec::new();
    video::deinterlace(job, track, &mut filters, draft)?;
    draft.notes.retain(|note| !note.contains("deinterlaced"));
    let colours = Colours::of_still(job, track, draft)?;
    colours.scale(track, size, &mut filters);
    // Every viewer takes these for BT.601, whatever tags say.
    match draft.container {
        Container::Jpg => filters.push("scale=out_color_matrix=bt601:out_range=pc".to_owned()),
        Container::Webp => filters.push("scale=out_color_matrix=bt601:out_range=tv".to_owned()),
        _ => {}
    }
    filters.push("setsar=1".to_owned());
    filters.push(format!("format={format}"));
    draft.option("-filter:v", filters.join(","));
    draft.say(["-c:v", encoder, "-frames:v", "1", "-threads:v", "1"]);
    if draft.container == Container::Jpg {
        draft.say(["-q:v", "3"]);
    }
    finish(draft, codec, size, (1, 1), None);
    Ok(())
}

/// An animated GIF with a palette made for it.
pub(super) fn gif(job: &Job<'_>, wanted: &Gif, draft: &mut Draft) -> Result<(), Refused> {
    if draft.container != Container::Gif {
        return Err(Refused::user(format!(
            "a GIF does not go into {}: end its name in .gif",
            draft.container
        )));
    }
    let encoder = job.encoder(&["gif"])?;
    if !job.filters(&["palettegen", "paletteuse"]) {
        return Err(Refused::engine("this FFmpeg lacks the filters palettegen and paletteuse"));
    }
    let track = video::source(job, draft)?;
    let size = size(track, wanted.width);
    let mut filters = Vec::new();
    video::deinterlace(job, track, &mut filters, draft)?;
    draft.notes.retain(|note| !note.contains("deinterlaced"));
    let colours = Colours::of_still(job, track, draft)?;
    filters.push(format!("fps={}", wanted.fps));
    colours.scale(track, size, &mut filters);
    filters.push("setsar=1".to_owned());

    let (numerator, denominator) = wanted.fps.parts();
    let count = draft.length.map(|length| {
        let frames =
            u128::from(length) * u128::from(numerator) / u128::from(denominator) / 1_000_000;
        u64::try_from(frames).unwrap_or(u64::MAX)
    });
    let frame = u64::from(size.0) * u64::from(size.1) * 4;
    let held = count.map(|count| count.saturating_mul(frame));
    let shared = held.is_some_and(|held| held <= GIF_MEMORY);
    let (generate, apply) = if shared {
        (
            "palettegen=stats_mode=diff",
            "paletteuse=dither=bayer:bayer_scale=4:diff_mode=rectangle",
        )
    } else {
        draft.note(
            "each frame of the GIF has a palette of its own: it is too long for one in common",
        );
        ("palettegen=stats_mode=single", "paletteuse=dither=bayer:bayer_scale=4:new=1")
    };
    let graph = format!("{},split[a][b];[a]{generate}[p];[b][p]{apply}", filters.join(","));
    draft.option("-filter:v", graph);
    draft.say(["-c:v", encoder, "-loop", "0", "-threads:v", "1"]);
    if !job.probe.audio.is_empty() {
        draft.note("the sound is left out: a GIF has none");
    }
    // Equal frames become one that is shown for longer, so that there may be fewer.
    let most = count
        .filter(|_| job.is_length_exact)
        .map_or(u64::MAX, |count| count + count / 100 + 2);
    finish(draft, "gif", size, (1, most), Some(wanted.fps));
    // Half as much again is on its way between the filters.
    draft.cost.held = if shared { held.unwrap_or(0) / 2 * 3 } else { 0 };
    Ok(())
}

/// The picture's size with its longer side at most `longest`; never enlarged.
fn size(track: &VideoTrack, longest: u32) -> (u32, u32) {
    let (width, height) = track.display_size();
    let longest = longest.min(width.max(height)).max(2);
    shape::fit((width, height), (longest, longest))
}

fn finish(
    draft: &mut Draft,
    codec: &str,
    size: (u32, u32),
    frames: (u64, u64),
    fps: Option<FrameRate>,
) {
    draft.expected.video = Tracks::These(vec![Picture {
        codec: codec.to_owned(),
        size,
        rotation: Some(0),
        fps: None,
        interlaced: false,
        frames: Some(frames),
    }]);
    draft.cost.video.push(Work {
        encoder: codec.to_owned(),
        effort: Effort::Balanced,
        live: false,
        size,
        bits: 8,
        fps: fps.map_or(0.0, FrameRate::as_f64),
    });
}
