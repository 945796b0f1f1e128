//! The sound: every track that the container holds, with its language and, where the codec can,
//! its layout.

use ffleet_media::codec::AudioCodec;
use ffleet_media::probe::AudioTrack;
use ffleet_media::recipe::{Audio, AudioEncode, Recipe, Video};

use super::draft::Draft;
use super::job::Job;
use super::{Refused, Sound, Tracks, container, encoders};

/// Layouts that every encoder of ours takes, by channels, the rear ones behind the listener.
const LAYOUTS: [&str; 8] = ["mono", "stereo", "3.0", "4.0", "5.0", "5.1", "6.1", "7.1"];

/// Plans the audio tracks of an output.
pub(super) fn plan(job: &Job<'_>, recipe: &Recipe, draft: &mut Draft) -> Result<(), Refused> {
    if draft.container.is_picture() || draft.container == ffleet_media::codec::Container::Gif {
        return Ok(());
    }
    let tracks = match &recipe.audio {
        Audio::Drop => Vec::new(),
        Audio::Copy | Audio::Encode(_) => kept(job, draft),
    };
    if recipe.audio != Audio::Drop && job.probe.audio.is_empty() {
        if recipe.video == Video::Drop {
            return Err(Refused::input("the input has no sound"));
        }
        draft.note("the input has no sound");
    }
    let mut expected = Vec::new();
    match &recipe.audio {
        Audio::Drop => {}
        Audio::Copy => {
            for track in tracks {
                let holds = container::holds_audio;
                if !holds(draft.container, &track.codec) {
                    return Err(container::misfit(
                        draft.container,
                        &track.codec,
                        Some(&Video::Copy),
                        holds,
                    ));
                }
                draft.tracks.push(track.index);
                if let Some(layout) = track.layout.as_deref().filter(|_| track.channels > 2)
                    && !container::keeps_layout(draft.container, &track.codec)
                {
                    draft.note(format!(
                        "the sound's layout ({layout}) is left out: {} has no place for it",
                        draft.container
                    ));
                }
                expected.push(sound(draft, track, track.codec.clone(), track.channels));
            }
            if !expected.is_empty() {
                draft.say(["-c:a", "copy"]);
            }
        }
        Audio::Encode(_) if tracks.is_empty() => {}
        Audio::Encode(wanted) => {
            let codec = codec(recipe, wanted, draft)?;
            let encoder = job.encoder(encoders::of_audio(codec))?;
            for (number, track) in tracks.into_iter().enumerate() {
                job.decodes(&track.codec)?;
                draft.tracks.push(track.index);
                let channels = encode(wanted, codec, (number, track), draft);
                expected.push(sound(draft, track, codec.ffmpeg_name().to_owned(), channels));
            }
            if !expected.is_empty() {
                draft.say(["-c:a", encoder]);
                draft.cost.audio_tracks += u32::try_from(expected.len()).unwrap_or(u32::MAX);
            }
        }
    }
    draft.expected.audio = Tracks::These(expected);
    Ok(())
}

/// The tracks that find room.
fn kept<'a>(job: &Job<'a>, draft: &mut Draft) -> Vec<&'a AudioTrack> {
    let room = container::audio_tracks(draft.container);
    let all = &job.probe.audio;
    if all.len() > room {
        draft.note(format!(
            "only the first of {} audio tracks is kept: {} holds one",
            all.len(),
            draft.container
        ));
    }
    all.iter().take(room).collect()
}

fn sound(draft: &mut Draft, track: &AudioTrack, codec: String, channels: u32) -> Sound {
    let container = draft.container;
    let language = track.language.clone().filter(|language| {
        let keeps = container::keeps_language(container);
        if !keeps {
            draft.note(format!(
                "the sound's language ({language}) is left out: {container} has no place for it"
            ));
        }
        keeps
    });
    Sound { codec, channels, language }
}

/// The codec asked for, or the container's customary one where a video recipe left it open.
fn codec(recipe: &Recipe, wanted: &AudioEncode, draft: &mut Draft) -> Result<AudioCodec, Refused> {
    let codec = wanted.codec;
    if container::holds_audio(draft.container, codec.ffmpeg_name()) {
        return Ok(codec);
    }
    if matches!(recipe.video, Video::Drop) || wanted.bitrate.is_some() {
        let holds = container::holds_audio;
        return Err(container::misfit(draft.container, codec.ffmpeg_name(), None, holds));
    }
    let other = container::customary_sound(draft.container);
    draft.note(format!("the sound is {other}: {} does not hold {codec}", draft.container));
    Ok(other)
}

/// Says how one track is encoded; returns its channels.
fn encode(
    wanted: &AudioEncode,
    codec: AudioCodec,
    (number, track): (usize, &AudioTrack),
    draft: &mut Draft,
) -> u32 {
    let most = match codec {
        AudioCodec::Mp3 => 2,
        AudioCodec::Aac | AudioCodec::Opus | AudioCodec::Flac => 8,
        AudioCodec::Pcm => u32::MAX,
    };
    let channels = if track.channels > most {
        draft.note(format!(
            "{} channels of sound become {most}: {codec} holds no more",
            track.channels
        ));
        most
    } else {
        track.channels
    };
    // Layouts such as 5.1(side) and 2.1 are legal, and yet refused by one encoder or written by
    // another in a way that players do not read; these are the ones that all know.
    let layout = channels
        .checked_sub(1)
        .and_then(|index| LAYOUTS.get(usize::try_from(index).ok()?));
    if let Some(layout) = layout.filter(|layout| track.layout.as_deref() != Some(**layout)) {
        draft.option(&format!("-filter:a:{number}"), format!("aformat=channel_layouts={layout}"));
        if let Some(own) = track.layout.as_deref().filter(|_| channels == track.channels) {
            draft.note(format!("the sound's layout {own} becomes {layout}"));
        }
    }
    let rate_limit = match codec {
        AudioCodec::Mp3 | AudioCodec::Opus => 48_000,
        AudioCodec::Aac => 96_000,
        AudioCodec::Flac | AudioCodec::Pcm => u32::MAX,
    };
    if track.rate > rate_limit {
        draft.note(format!(
            "{} samples a second become {rate_limit}: {codec} holds no more",
            track.rate
        ));
        draft.option(&format!("-ar:a:{number}"), rate_limit.to_string());
    }
    if let Some(rate) = bitrate(wanted, codec, channels) {
        draft.option(&format!("-b:a:{number}"), rate.to_string());
    }
    channels
}

/// Bits per second for so many channels.
fn bitrate(wanted: &AudioEncode, codec: AudioCodec, channels: u32) -> Option<u64> {
    let customary = match codec {
        AudioCodec::Aac => 128_000,
        AudioCodec::Opus => 96_000,
        AudioCodec::Mp3 => 192_000,
        AudioCodec::Flac | AudioCodec::Pcm => return None,
    };
    let stereo = wanted.bitrate.map_or(customary, |rate| rate.0);
    let channels = u64::from(if channels == 0 { 2 } else { channels });
    let (least, most) = match codec {
        AudioCodec::Aac => (16_000, 288_000 * channels),
        AudioCodec::Opus => (6_000, 256_000 * channels),
        _ => (32_000, 320_000),
    };
    Some((stereo * channels / 2).clamp(least, most))
}
