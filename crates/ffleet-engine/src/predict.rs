//! What a job will take, before anything of its kind has been measured on the node.
//!
//! CPU is pixels times a price. The prices were measured with FFmpeg 5.1 on one core of a 2023
//! Xeon (2.3 GHz), `testsrc2` scaled from 1080p, by
//! `ffmpeg -benchmark -threads 1 -i clip.mp4 -an -c:v ENCODER … -f null -`; real pictures differ by
//! a factor of two either way, which is what the factors on top of predictions are for. Memory is
//! what [`crate::memory`] measured of the build.

use ffleet_media::Probe;
use ffleet_media::recipe::Effort;
use ffleet_types::{Bytes, FrameRate};

use crate::memory::Footprint;
use crate::threads::{Budget, Build, Encoded, pictures};

/// What a job will take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prediction {
    /// Most threads at once, the main one among them.
    pub threads: u32,
    /// The largest resident set.
    pub memory: Bytes,
    /// CPU time, in microseconds; nothing where the input's length is not known.
    pub cpu_micros: Option<u64>,
    /// Wall-clock time within the budget, in microseconds; nothing where the length is not known.
    pub wall_micros: Option<u64>,
}

/// What one output costs.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Cost {
    /// Its pictures that are encoded.
    pub(crate) video: Vec<Work>,
    /// How many audio tracks are encoded.
    pub(crate) audio_tracks: u32,
    /// Bytes held beyond what the encoder needs.
    pub(crate) held: u64,
}

/// A picture to be encoded.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Work {
    pub(crate) encoder: String,
    pub(crate) effort: Effort,
    pub(crate) live: bool,
    pub(crate) size: (u32, u32),
    pub(crate) bits: u8,
    /// Frames per second; 0 for a single picture.
    pub(crate) fps: f64,
}

impl Cost {
    /// The price of a person's own options `args` for one output: of the pictures that they encode,
    /// at an effort that is not looked into and taken for a great one.
    pub(crate) fn of_options(probe: &Probe, args: &[String], build: &Build) -> Self {
        let fps = probe
            .picture()
            .and_then(|track| track.fps)
            .map_or(30.0, FrameRate::as_f64);
        let pictures = pictures(args, probe, build);
        let held = pictures.iter().map(|encoded| encoded.held).sum();
        let work = |encoded: Encoded| Work {
            encoder: encoded.encoder,
            effort: Effort::Thorough,
            live: false,
            size: encoded.size,
            bits: if encoded.is_deep { 10 } else { 8 },
            fps,
        };
        Self {
            video: pictures.into_iter().map(work).collect(),
            audio_tracks: u32::try_from(probe.audio.len()).unwrap_or(u32::MAX),
            held: whole(held),
        }
    }
}

/// What an encoder asks for a picture: CPU microseconds per thousand pixels.
fn price(work: &Work) -> f64 {
    let cpu = match (work.encoder.as_str(), work.effort, work.live) {
        ("libx264", Effort::Fast, _) | ("libx264", _, true) => 9.0,
        ("libx264", Effort::Balanced, _) => 25.0,
        ("libx264", Effort::Thorough, _) => 50.0,
        ("libx265", Effort::Fast, _) | ("libx265", _, true) => 28.0,
        ("libx265", Effort::Balanced, _) => 57.0,
        ("libx265", Effort::Thorough, _) => 180.0,
        ("libsvtav1", Effort::Fast, _) | ("libsvtav1", _, true) => 40.0,
        ("libsvtav1", Effort::Balanced, _) => 75.0,
        ("libsvtav1", Effort::Thorough, _) => 250.0,
        ("libaom-av1", _, _) => 200.0,
        ("libvpx-vp9", Effort::Fast, _) | ("libvpx-vp9", _, true) => 40.0,
        ("libvpx-vp9", Effort::Balanced, _) => 65.0,
        ("libvpx-vp9", Effort::Thorough, _) => 300.0,
        _ => 30.0,
    };
    let deep = if work.bits > 8 { 1.8 } else { 1.0 };
    cpu * deep
}

/// CPU microseconds to decode a thousand pixels.
fn decode_price(codec: &str) -> f64 {
    match codec {
        "rawvideo" => 1.0,
        "hevc" | "av1" | "vp9" => 4.0,
        "prores" | "dnxhd" => 8.0,
        _ => 3.0,
    }
}

/// CPU microseconds for a second of one audio track, decoded and encoded.
const AUDIO: f64 = 12_000.0;
/// CPU microseconds to start.
const START: f64 = 150_000.0;
/// Share of a job that runs on one thread however many there are: Amdahl's law.
const SERIAL: f64 = 0.05;

/// Predicts what `costs` take together, of `length` microseconds of `probe`'s input.
pub(crate) fn predict(
    probe: &Probe,
    costs: &[Cost],
    length: Option<u64>,
    budget: Budget,
    footprint: &Footprint,
) -> Prediction {
    let mut memory = footprint.base();
    // CPU microseconds for one second of media.
    let mut rate = 0.0;
    let needs_picture = costs.iter().any(|cost| !cost.video.is_empty());
    if let Some(track) = probe.picture().filter(|_| needs_picture) {
        let pixels = f64::from(track.width) * f64::from(track.height);
        let fps = track.fps.map_or(30.0, FrameRate::as_f64);
        let bytes = if track.bits > 8 { 3.0 } else { 1.5 };
        rate += pixels / 1_000.0 * fps * decode_price(&track.codec);
        memory += footprint.decoder(pixels, bytes, budget.decoder());
    }
    let mut once = START;
    for cost in costs {
        rate += f64::from(cost.audio_tracks) * AUDIO;
        memory += f64::from(cost.audio_tracks) * 4e6;
        memory += float(cost.held);
        for work in &cost.video {
            let pixels = f64::from(work.size.0) * f64::from(work.size.1);
            let cpu = price(work);
            memory += footprint.encoder(work, budget);
            rate += pixels / 1_000.0 * work.fps * cpu;
            once += pixels / 1_000.0 * cpu;
        }
    }
    let cpu = length.map(|length| once + rate * float(length) / 1e6);
    let cpus = (f64::from(budget.cpu.millis()) / 1_000.0).max(0.01);
    let speedup = 1.0 / (SERIAL + (1.0 - SERIAL) / cpus.max(1.0)) * cpus.min(1.0);
    Prediction {
        threads: 0,
        memory: Bytes(whole(memory)),
        cpu_micros: cpu.map(whole),
        wall_micros: cpu.map(|cpu| whole(cpu / speedup)),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a prediction needs no more than 53 bits")]
const fn float(number: u64) -> f64 {
    number as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and predictions are positive"
)]
const fn whole(number: f64) -> u64 {
    number as u64
}
