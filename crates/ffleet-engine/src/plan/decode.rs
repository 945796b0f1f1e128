//! The command that decodes one track, from its standard input to its standard output.
//!
//! Both ends are NUT: what comes in has the times that the caller gives it, and what comes out has them still. Nothing is
//! looked for in the input, for everything is said in its headers, so that the first frame is there as soon as a decoder
//! can give it. The command is the same for every codec: whoever is started beforehand learns what it decodes from the
//! first bytes that it is fed.

use ffleet_media::Probe;
use ffleet_media::probe::{AudioTrack, Colour, VideoTrack};
use ffleet_types::live::inputs::{PixelFormat, Sound};
use ffleet_types::node::Engine;
use ffleet_types::{FrameRate, FrameSize};

use super::Budget;
use super::track::Command;
use crate::threads::{self, Build};

/// Pictures a second, in samples, that one thread decodes on any machine of today.
const EASY: u64 = 1_920 * 1_088 * 30;

/// What pictures are decoded to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Their size, whatever that of a picture is: a picture of another size is scaled.
    pub size: FrameSize,
    /// How samples lie.
    pub pixels: PixelFormat,
    /// How many there are in a second.
    pub fps: FrameRate,
}

/// The command that decodes pictures of `codec` (FFmpeg's name of it) to `shape`; its timestamps count 1/90000 s.
#[must_use]
pub fn picture(codec: &str, shape: Shape, engine: &Engine, budget: Budget) -> Command {
    let Shape { size, pixels, fps } = shape;
    let (frames, seconds) = fps.parts();
    let samples = u64::from(size.width) * u64::from(size.height) * u64::from(frames)
        / u64::from(seconds.max(1));
    // Threads of a decoder are frames by which it is late: there are no more of them than it needs.
    let needed = u32::try_from(samples.div_ceil(EASY)).unwrap_or(u32::MAX);
    let pool = needed.clamp(1, budget.decoder().max(1));
    let mut args = opened(pool);
    // A picture is not turned: nobody behind this would know of it.
    args.extend(["-hwaccel", "none", "-noautorotate"].map(str::to_owned));
    args.extend(["-f", "nut", "-i", "pipe:0", "-map", "0:0"].map(str::to_owned));
    let filter = format!("scale={}:{}:flags=bicubic,format={pixels}", size.width, size.height);
    args.extend(["-vf".to_owned(), filter]);
    args.extend(["-fps_mode", "passthrough", "-enc_time_base", "1:90000"].map(str::to_owned));
    args.extend(["-c:v", "rawvideo"].map(str::to_owned));
    args.extend(CLOSED.map(str::to_owned));
    let track = VideoTrack {
        index: 0,
        codec: codec.to_owned(),
        width: size.width,
        height: size.height,
        sample_aspect: (1, 1),
        rotation: 0,
        fps: Some(fps),
        variable_rate: false,
        interlaced: false,
        pixel_format: pixels.to_string(),
        bits: if pixels == PixelFormat::Yuv420p10le { 10 } else { 8 },
        colour: Colour::default(),
        frames: None,
        duration_micros: None,
        language: None,
    };
    counted(args, &Probe { video: vec![track], ..Probe::default() }, engine, budget)
}

/// The command that decodes sound of `codec` to what `sound` says; its timestamps count samples.
#[must_use]
pub fn sound(codec: &str, sound: &Sound, engine: &Engine, budget: Budget) -> Command {
    let (rate, channels) = (sound.rate.to_string(), sound.channels.to_string());
    let mut args = opened(1);
    args.extend(["-f", "nut", "-i", "pipe:0", "-map", "0:0"].map(str::to_owned));
    args.extend(["-ar", &rate, "-ac", &channels].map(str::to_owned));
    args.extend(["-c:a".to_owned(), format!("pcm_{}", sound.format)]);
    args.extend(CLOSED.map(str::to_owned));
    let track = AudioTrack {
        index: 0,
        codec: codec.to_owned(),
        channels: sound.channels,
        rate: sound.rate,
        layout: None,
        duration_micros: None,
        language: None,
    };
    counted(args, &Probe { audio: vec![track], ..Probe::default() }, engine, budget)
}

/// What comes before the input, of a decoder with so many threads. Times are left as they are.
fn opened(threads: u32) -> Vec<String> {
    let mut args: Vec<String> = [
        "-nostdin",
        "-hide_banner",
        "-nostats",
        "-loglevel",
        "level+error",
        "-copyts",
        "-filter_threads",
        "1",
        "-filter_complex_threads",
        "1",
        "-probesize",
        "32",
        "-analyzeduration",
        "0",
        "-threads",
    ]
    .map(str::to_owned)
    .into();
    args.push(threads.to_string());
    args
}

/// Where it goes: as it comes, without an index that would be kept in memory for as long as it runs.
const CLOSED: [&str; 7] = ["-f", "nut", "-write_index", "0", "-flush_packets", "1", "pipe:1"];

fn counted(args: Vec<String>, probe: &Probe, engine: &Engine, budget: Budget) -> Command {
    let threads = threads::count(&args, probe, &Build::of(engine), budget.seen);
    Command { args, notes: Vec::new(), threads }
}

#[cfg(test)]
mod tests {
    use ffleet_types::Cpu;
    use ffleet_types::live::inputs::{SampleFormat, Via};

    use super::*;
    use crate::plan::tests::engine;

    fn shape(width: u32, height: u32) -> Shape {
        let size = FrameSize { width, height };
        Shape { size, pixels: PixelFormat::Yuv420p, fps: FrameRate::new(50, 1).unwrap() }
    }

    fn of(command: &Command, option: &str) -> String {
        let at = command.args.iter().position(|word| word == option).unwrap();
        command.args[at + 1].clone()
    }

    #[test]
    fn pictures_keep_their_times_and_have_one_size() {
        let budget = Budget { cpu: Cpu::whole(8), seen: 8 };
        let small = picture("h264", shape(1_280, 720), &engine(), budget);
        assert_eq!(of(&small, "-vf"), "scale=1280:720:flags=bicubic,format=yuv420p");
        assert_eq!(of(&small, "-threads"), "1");
        assert!(small.args.contains(&"-copyts".to_owned()));
        let large = picture("hevc", shape(3_840, 2_160), &engine(), budget);
        assert_eq!(of(&large, "-threads"), budget.decoder().min(7).to_string());
        assert!(large.threads > small.threads);
    }

    #[test]
    fn sound_is_what_it_is_to_be() {
        let budget = Budget { cpu: Cpu::whole(2), seen: 2 };
        let wanted =
            Sound { via: Via::Push, format: SampleFormat::F32le, rate: 44_100, channels: 2 };
        let command = sound("aac", &wanted, &engine(), budget);
        assert_eq!(
            (of(&command, "-ar"), of(&command, "-ac"), of(&command, "-c:a")),
            ("44100".to_owned(), "2".to_owned(), "pcm_f32le".to_owned())
        );
    }
}
