//! The one command that makes all outputs of a job, and what each must turn out to be.
//!
//! One process for all outputs, because decoding is then paid once. Every choice is written out as
//! an option instead of being left to FFmpeg's defaults, which differ between builds and between
//! containers: which tracks, what becomes of the frame rate, of rotation, of colour. What a result
//! cannot keep is said in [`Plan::notes`]; nothing is lost in silence.
//!
//! Made by nouns: `container` (what fits where), `video`, `shape`, `encoder`, `colour`, `picture` (thumbnails and
//! GIFs), `audio`, `subtitles`, and `job`, the facts they share.

use std::fmt;

use ffleet_media::job::Make;
use ffleet_media::{Probe, Source, Spec, Target};
use ffleet_types::node::Engine;
use ffleet_types::{FrameRate, Reason};

use ffleet_media::codec::Container;

use crate::predict::{self, Prediction};
pub use crate::threads::Budget;
use crate::threads::clamp;
use crate::{input, raw, threads};

mod audio;
mod colour;
pub(crate) mod container;
pub mod decode;
mod draft;
mod encoder;
pub(crate) mod encoders;
mod job;
mod picture;
mod shape;
mod subtitles;
pub mod track;
mod video;

use draft::Draft;
use job::Job;

/// What is to be run, and what is to come of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// FFmpeg's arguments, without the program.
    pub args: Vec<String>,
    /// What each output must turn out to be, in their order.
    pub expected: Vec<Expected>,
    /// What is lost or changed on the way, for a person.
    pub notes: Vec<String>,
    /// What it will take.
    pub prediction: Prediction,
    /// Media time to be worked through, in microseconds, where known: what progress is a share of.
    pub length_micros: Option<u64>,
}

/// What an output must turn out to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// Which output, from 0.
    pub output: u32,
    /// Its container; nothing where the person's own options decide.
    pub container: Option<Container>,
    /// Its video tracks.
    pub video: Tracks<Picture>,
    /// Its audio tracks.
    pub audio: Tracks<Sound>,
    /// Its subtitle tracks, by codec.
    pub subtitles: Tracks<String>,
    /// Least and greatest length in microseconds, where it can be said.
    pub duration_micros: Option<(u64, u64)>,
}

/// The tracks of one kind that an output must have.
#[derive(Clone, Debug, PartialEq)]
pub enum Tracks<T> {
    /// Not known beforehand: the person's own options decide.
    Any,
    /// These, in this order.
    These(Vec<T>),
}

/// A video track to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// The codec's name in FFmpeg.
    pub codec: String,
    /// Width and height in pixels as stored.
    pub size: (u32, u32),
    /// Clockwise turn that a player applies: kept by copies, 0 otherwise; nothing where it depends
    /// on FFmpeg's version.
    pub rotation: Option<u32>,
    /// Its frame rate, where one was asked for.
    pub fps: Option<FrameRate>,
    /// Whether it is interlaced; only copies may be.
    pub interlaced: bool,
    /// Least and greatest number of frames, where it can be said.
    pub frames: Option<(u64, u64)>,
}

/// An audio track to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sound {
    /// The codec's name in FFmpeg.
    pub codec: String,
    /// Channels; 0 where the input did not say.
    pub channels: u32,
    /// Language tag, where the container can keep it.
    pub language: Option<String>,
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The reason the job fails for.
    pub reason: Reason,
    /// What is wrong, where, and what to do.
    pub message: String,
}

impl Refused {
    /// What was asked for cannot be done.
    pub(crate) fn user(message: impl Into<String>) -> Self {
        Self { reason: Reason::UserError, message: message.into() }
    }

    /// The input does not have what is asked of it.
    pub(crate) fn input(message: impl Into<String>) -> Self {
        Self { reason: Reason::InputError, message: message.into() }
    }

    /// The engine cannot do it.
    pub(crate) fn engine(message: impl Into<String>) -> Self {
        Self { reason: Reason::CapabilityMismatch, message: message.into() }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refused {}

/// Plans the command for `spec`, whose input `probe` describes, on `engine`. `files` are the
/// absolute paths to write to, one for each output; they are replaced where they exist. That of a
/// live output is not used.
///
/// # Errors
///
/// When the input lacks what is asked for, a codec does not fit its container, the engine has not
/// proven what is needed, or a person's own options would reach beyond their output.
pub fn plan(
    spec: &Spec,
    probe: &Probe,
    engine: &Engine,
    budget: Budget,
    files: &[String],
) -> Result<Plan, Refused> {
    let job = Job::new(spec, probe, engine, budget)?;
    if files.len() != spec.outputs.len() {
        return Err(Refused {
            reason: Reason::PlatformError,
            message: format!("{} outputs, but {} work files", spec.outputs.len(), files.len()),
        });
    }
    let mut drafts = Vec::new();
    for (index, output) in (0..).zip(&spec.outputs) {
        let draft = draft(&job, index, output).map_err(|refused| Refused {
            message: format!("output {}: {}", output.target, refused.message),
            ..refused
        })?;
        drafts.push(draft);
    }
    Ok(assemble(&job, drafts, files))
}

/// Plans one output.
fn draft(job: &Job<'_>, index: u32, output: &ffleet_media::job::Output) -> Result<Draft, Refused> {
    match &output.make {
        Make::Raw { args } => raw_draft(job, index, args, &output.target),
        Make::Recipe { recipe, .. } => {
            recipe.check().map_err(|invalid| Refused::user(invalid.to_string()))?;
            let container = container::choose(recipe, &output.target)?;
            job.has_muxer(container::muxer(container))?;
            let length = job.length_of(recipe.duration);
            let mut draft = Draft::new(index, container, length);
            video::plan(job, recipe, &mut draft)?;
            audio::plan(job, recipe, &mut draft)?;
            subtitles::plan(job, recipe, &mut draft);
            draft.finish(job, recipe)?;
            Ok(draft)
        }
    }
}

/// Plans an output made by a person's own options.
fn raw_draft(
    job: &Job<'_>,
    index: u32,
    args: &[String],
    target: &Target,
) -> Result<Draft, Refused> {
    let checked = raw::check(args)?;
    if let Some(lacks) = checked.filters.iter().find(|filter| job.lacks(filter)) {
        return Err(Refused::engine(format!(
            "filter {lacks} is not in this FFmpeg ({}): leave it out, or set `engine.ffmpeg` to a build \
             that has it",
            job.engine.version
        )));
    }
    let format = match &checked.format {
        Some(_) => None,
        None => Some(container::of_target(target).map(container::muxer).ok_or_else(|| {
            Refused::user("its name does not say which format it is to have: add `-f FORMAT`")
        })?),
    };
    let mut draft = Draft::raw(index);
    let muxer = checked.format.as_deref().or(format).unwrap_or_default();
    job.has_muxer(muxer)?;
    if !checked.names("threads") {
        let encoder = clamp::encoder_named(&checked.args, muxer);
        draft.option("-threads", job.budget.most(&encoder).to_string());
    }
    let clamped = clamp::clamp(&checked.args, muxer, job.budget, &job.build);
    draft.args.extend(clamped.args);
    draft.notes.extend(clamped.notes);
    if let Some(format) = format {
        draft.args.extend(["-f", format].map(str::to_owned));
    }
    draft.cost = predict::Cost::of_options(job.probe, &draft.args, &job.build);
    Ok(draft)
}

/// The command of all drafts together. Inputs come first: the main one if anything reads it from
/// the start, then one for each output that seeks.
fn assemble(job: &Job<'_>, drafts: Vec<Draft>, files: &[String]) -> Plan {
    let mut args: Vec<String> = [
        "-nostdin",
        "-hide_banner",
        "-nostats",
        "-loglevel",
        "level+info",
        "-y",
        "-progress",
        "pipe:1",
        "-stats_period",
        "0.5",
    ]
    .map(str::to_owned)
    .into();
    let threads = job.budget.filter().to_string();
    args.extend(["-filter_threads".to_owned(), threads.clone()]);
    args.extend(["-filter_complex_threads".to_owned(), threads]);

    let mut inputs = 0;
    if drafts.iter().any(|draft| draft.seek_micros.is_none()) {
        job.open_whole(&mut args);
        inputs += 1;
    }
    let mut notes: Vec<String> = Vec::new();
    let mut expected = Vec::new();
    let mut costs = Vec::new();
    let mut outputs: Vec<String> = Vec::new();
    for ((draft, file), output) in drafts.into_iter().zip(files).zip(&job.spec.outputs) {
        let number = match draft.seek_micros {
            None => 0,
            Some(micros) => {
                job.open_at(micros, &mut args);
                inputs += 1;
                inputs - 1
            }
        };
        for &track in &draft.tracks {
            outputs.extend(["-map".to_owned(), format!("{number}:{track}")]);
        }
        outputs.extend(draft.args);
        outputs.push(match &output.target {
            Target::File(_) => input::file(file),
            Target::Live(url) => url.clone(),
        });
        for note in draft.notes {
            let note = match job.spec.outputs.len() {
                1 => note,
                _ => format!("{}: {note}", output.target),
            };
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
        expected.push(draft.expected);
        costs.push(draft.cost);
    }
    args.extend(outputs);
    let threads = threads::count(&args, job.probe, &job.build, job.budget.seen);
    let prediction = predict::predict(job.probe, &costs, job.length, job.budget, &job.footprint);
    Plan {
        args,
        expected,
        notes,
        prediction: Prediction { threads, ..prediction },
        length_micros: job.length,
    }
}

/// Whether `spec`'s input must be probed by a process; test pictures are known.
#[must_use]
pub const fn needs_probe(spec: &Spec) -> bool {
    !matches!(spec.input, Source::Test(_))
}

#[cfg(test)]
pub(crate) mod tests;
