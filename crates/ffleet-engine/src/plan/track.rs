//! The command that encodes one raw track, from its standard input to its standard output.
//!
//! Picture and sound of a stream are encoded by processes of their own: neither waits for the other, and the death of
//! one does not touch the other. The input has no container, so that nothing is probed; the output is NUT, in which the
//! size of each packet stands before it, so that a packet is there the moment it is written.

use ffleet_media::codec::{AudioCodec, Container, VideoCodec};
use ffleet_media::job::EngineChoice;
use ffleet_media::probe::{AudioTrack, Colour, VideoTrack};
use ffleet_media::recipe::{Audio, Recipe, Video};
use ffleet_media::{Probe, Source, Spec};
use ffleet_types::job::Terms;
use ffleet_types::live::inputs::{Picture, PictureFormat, PixelFormat, Sound};
use ffleet_types::node::Engine;
use ffleet_types::{FrameRate, FrameSize};

use super::draft::Draft;
use super::job::Job;
use super::{Budget, Refused, audio, video};
use crate::threads;

/// How an encoder of one track is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// FFmpeg's arguments, without the program.
    pub args: Vec<String>,
    /// What is changed or lost on the way, for a person.
    pub notes: Vec<String>,
    /// The most threads that it will have at once.
    pub threads: u32,
}

/// The samples of each channel in a packet of this codec: what sound is cut into.
///
/// # Errors
///
/// If packets of it are not known to be of one length, or a transport stream does not carry it.
pub fn samples(codec: AudioCodec) -> Result<u32, Refused> {
    match codec {
        AudioCodec::Aac => Ok(1_024),
        AudioCodec::Mp3 => Ok(1_152),
        AudioCodec::Opus => Ok(960),
        AudioCodec::Flac | AudioCodec::Pcm => Err(Refused::user(format!(
            "a stream cannot carry {codec}: choose a preset with aac, opus or mp3"
        ))),
    }
}

/// The command that encodes a picture as `recipe` says; nothing where the recipe leaves pictures out.
///
/// # Errors
///
/// If the recipe does not encode, changes the frame rate, or the engine lacks what it needs.
pub fn picture(
    recipe: &Recipe,
    picture: &Picture,
    engine: &Engine,
    budget: Budget,
) -> Result<Option<Command>, Refused> {
    let wanted = match &recipe.video {
        Video::Drop => return Ok(None),
        Video::Encode(wanted) => wanted,
        Video::Copy | Video::Thumbnail(_) | Video::Gif(_) => {
            return Err(Refused::user(
                "raw pictures have to be encoded: choose a preset such as live-720p",
            ));
        }
    };
    if !matches!(wanted.codec, VideoCodec::H264 | VideoCodec::H265) {
        let message =
            format!("a stream cannot carry {}: choose a preset with h264 or h265", wanted.codec);
        return Err(Refused::user(message));
    }
    if wanted.fps.is_some_and(|fps| fps != picture.fps) {
        return Err(Refused::user(
            "a stream keeps the frame rate of its feed: choose a preset without one, such as 720p-h264",
        ));
    }
    let PictureFormat::Raw { pixels, size } = picture.format else {
        return Err(Refused::user(format!(
            "pictures that come as {} are passed on as they are: choose a preset that copies them, such as copy",
            picture.format
        )));
    };
    let probe = Probe { video: vec![raw_picture(picture.fps, pixels, size)], ..Probe::default() };
    let opened = [
        ("-f", "rawvideo".to_owned()),
        ("-pixel_format", pixels.to_string()),
        ("-video_size", size.to_string()),
        ("-framerate", ratio(picture)),
    ];
    let plan = |job: &Job<'_>, draft: &mut Draft| video::plan(job, recipe, draft);
    command(&probe, engine, budget, &opened, plan).map(Some)
}

/// The command that encodes sound as `recipe` says; nothing where the recipe leaves sound out.
///
/// # Errors
///
/// If the recipe does not encode, or the engine lacks what it needs.
pub fn sound(
    recipe: &Recipe,
    sound: &Sound,
    engine: &Engine,
    budget: Budget,
) -> Result<Option<Command>, Refused> {
    let codec = match &recipe.audio {
        Audio::Drop => return Ok(None),
        Audio::Encode(wanted) => wanted.codec,
        Audio::Copy => {
            return Err(Refused::user(
                "raw sound has to be encoded: choose a preset such as live-720p or aac-128k",
            ));
        }
    };
    samples(codec)?;
    if codec == AudioCodec::Opus && sound.rate != 48_000 {
        let message =
            format!("opus has 48000 samples a second, and the feed's sound {}", sound.rate);
        return Err(Refused::user(message));
    }
    let probe = Probe { audio: vec![raw_sound(sound)], ..Probe::default() };
    let opened = [
        ("-f", sound.format.to_string()),
        ("-ar", sound.rate.to_string()),
        ("-ac", sound.channels.to_string()),
    ];
    let recipe = Recipe { video: Video::Drop, ..recipe.clone() };
    let plan = |job: &Job<'_>, draft: &mut Draft| audio::plan(job, &recipe, draft);
    command(&probe, engine, budget, &opened, plan).map(Some)
}

fn command(
    probe: &Probe,
    engine: &Engine,
    budget: Budget,
    opened: &[(&str, String)],
    plan: impl FnOnce(&Job<'_>, &mut Draft) -> Result<(), Refused>,
) -> Result<Command, Refused> {
    // What is planned is one output of an input that is read as it comes.
    let target = ffleet_media::Target::File("-".to_owned());
    let make = ffleet_media::job::Make::Raw { args: Vec::new() };
    let spec = Spec {
        input: Source::File("-".to_owned()),
        outputs: vec![ffleet_media::job::Output { target, make }],
        duration: None,
        engine: EngineChoice::Auto,
        overwrite: false,
        verify: None,
        terms: Terms::default(),
    };
    let job = Job::new(&spec, probe, engine, budget)?;
    let mut draft = Draft::new(0, Container::Ts, None);
    plan(&job, &mut draft)?;
    let threads = budget.filter().to_string();
    let mut args: Vec<String> =
        ["-nostdin", "-hide_banner", "-nostats", "-loglevel", "level+warning"]
            .map(str::to_owned)
            .into();
    args.extend(["-filter_threads".to_owned(), threads.clone()]);
    args.extend(["-filter_complex_threads".to_owned(), threads]);
    // Nothing is to be found out: everything about the input is said.
    args.extend(["-probesize", "32", "-analyzeduration", "0", "-threads", "1"].map(str::to_owned));
    args.extend(
        opened
            .iter()
            .flat_map(|(name, value)| [(*name).to_owned(), value.clone()]),
    );
    args.extend(["-i", "pipe:0", "-map", "0:0"].map(str::to_owned));
    args.extend(draft.args);
    // An index would be kept in memory for as long as it runs.
    args.extend(
        ["-f", "nut", "-write_index", "0", "-flush_packets", "1", "pipe:1"].map(str::to_owned),
    );
    let threads = threads::count(&args, probe, &job.build, budget.seen);
    Ok(Command { args, notes: draft.notes, threads })
}

fn ratio(picture: &Picture) -> String {
    let (frames, seconds) = picture.fps.parts();
    format!("{frames}/{seconds}")
}

fn raw_picture(fps: FrameRate, pixels: PixelFormat, size: FrameSize) -> VideoTrack {
    VideoTrack {
        index: 0,
        codec: "rawvideo".to_owned(),
        width: size.width,
        height: size.height,
        sample_aspect: (1, 1),
        rotation: 0,
        fps: Some(fps),
        variable_rate: false,
        interlaced: false,
        pixel_format: pixels.to_string(),
        bits: match pixels {
            PixelFormat::Gray10le | PixelFormat::Yuv420p10le => 10,
            _ => 8,
        },
        colour: Colour::default(),
        frames: None,
        duration_micros: None,
        language: None,
    }
}

fn raw_sound(sound: &Sound) -> AudioTrack {
    AudioTrack {
        index: 0,
        codec: format!("pcm_{}", sound.format),
        channels: sound.channels,
        rate: sound.rate,
        layout: None,
        duration_micros: None,
        language: None,
    }
}

#[cfg(test)]
mod tests {
    use ffleet_media::preset::builtin;
    use ffleet_types::Cpu;
    use ffleet_types::live::inputs::{SampleFormat, Via};

    use super::*;
    use crate::plan::tests::engine;

    const BUDGET: Budget = Budget { cpu: Cpu::whole(2), seen: 2 };

    fn camera(fps: u32) -> Picture {
        Picture {
            via: Via::Fifo("/run/camera".into()),
            format: PictureFormat::Raw {
                pixels: PixelFormat::Bgr24,
                size: FrameSize { width: 1_280, height: 720 },
            },
            fps: FrameRate::new(fps, 1).unwrap(),
        }
    }

    fn microphone(rate: u32) -> Sound {
        Sound {
            via: Via::Fifo("/run/microphone".into()),
            format: SampleFormat::S16le,
            rate,
            channels: 2,
        }
    }

    fn shown(command: &Command) -> String {
        let mut lines = String::new();
        for word in &command.args {
            lines.push(if word.starts_with('-') { '\n' } else { ' ' });
            lines.push_str(word);
        }
        lines
    }

    #[test]
    fn picture_is_read_without_a_look_and_written_packet_by_packet() {
        let recipe = builtin("live-720p").unwrap();
        let command = picture(&recipe, &camera(25), &engine(), BUDGET).unwrap().unwrap();
        insta::assert_snapshot!(shown(&command));
    }

    #[test]
    fn sound_is_a_command_of_its_own() {
        let recipe = builtin("live-720p").unwrap();
        let command = sound(&recipe, &microphone(44_100), &engine(), BUDGET).unwrap().unwrap();
        insta::assert_snapshot!(shown(&command));
    }

    #[test]
    fn what_the_recipe_leaves_out_has_no_command() {
        let recipe = builtin("aac-128k").unwrap();
        assert_eq!(picture(&recipe, &camera(25), &engine(), BUDGET), Ok(None));
        sound(&recipe, &microphone(48_000), &engine(), BUDGET).unwrap().unwrap();
    }

    #[test]
    fn what_a_stream_cannot_carry_is_refused() {
        for (preset, says) in [
            ("copy", "raw pictures have to be encoded"),
            ("720p-av1", "a stream cannot carry av1"),
            ("720p60-h264", "a stream keeps the frame rate"),
            ("thumbnail", "raw pictures have to be encoded"),
        ] {
            let recipe = builtin(preset).unwrap();
            let refused = picture(&recipe, &camera(25), &engine(), BUDGET).unwrap_err();
            assert!(refused.message.starts_with(says), "{preset}: {refused}");
        }
        let recipe = builtin("opus-96k").unwrap();
        let refused = sound(&recipe, &microphone(44_100), &engine(), BUDGET).unwrap_err();
        assert!(refused.message.contains("48000"), "{refused}");
    }
}
