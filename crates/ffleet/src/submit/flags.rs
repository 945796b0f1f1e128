//! The options of `ffleet submit`.

use std::str::FromStr;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueHint, value_parser};
use ffleet_media::job::{EngineChoice, Verify};
use ffleet_types::job::{Priority, Queue, Terms};
use ffleet_types::{Bitrate, Bytes, Cpu, FrameRate, FrameSize, ParseError, RoleGroup, Span};

use super::outputs::Outputs;

/// `ffleet submit`
#[derive(Debug, Args)]
#[command(
    override_usage = "ffleet submit [OPTIONS] IN -o OUT [--preset NAME | --recipe FILE | -- RAW…] \
                      [-o OUT2 …]",
    after_long_help = MORE
)]
pub(crate) struct Flags {
    /// A file, an http(s):// URL, or a test picture such as test:720p30
    #[arg(value_name = "IN", value_hint = ValueHint::FilePath)]
    pub(super) input: String,
    #[command(flatten)]
    pub(super) outputs: Outputs,
    /// Watch it to its end; the exit code says what came of it
    #[arg(long)]
    pub(super) wait: bool,
    /// Only say what would run and what it would be allowed
    #[arg(long, conflicts_with_all = ["wait", "idempotency_key"])]
    pub(super) dry_run: bool,
    #[command(flatten)]
    pub(super) media: Media,
    #[command(flatten)]
    pub(super) limits: LimitFlags,
    #[command(flatten)]
    pub(super) terms: TermFlags,
}

const MORE: &str = "\
An output is made by what follows its -o: a preset, a recipe, or, after '--', FFmpeg's own output
options up to the next -o. Without any of these its extension decides, and ffleet says how.

  ffleet submit in.mov -o out.mp4 --preset 720p-h264 --wait
  ffleet submit in.mov -o small.mp4 --preset 480p-h264 -o sound.m4a --preset aac-128k
  ffleet submit in.mov -o out.mkv -- -c:v libx264 -crf 20 -c:a copy
  ffleet submit test:1080p60 --duration 10 -o /tmp/test.mp4 --dry-run

Relative names are below the current directory. A name that begins with a dash is written ./-name,
one that looks like a URL ./name. Files in the way are kept unless --overwrite is given.";

/// What to do with the media.
#[derive(Debug, Args)]
#[command(next_help_heading = "Media")]
pub(super) struct Media {
    /// Bit rate of the picture instead of the recipe's, such as 5M
    #[arg(long, value_name = "RATE", conflicts_with = "crf")]
    pub(super) bitrate: Option<Bitrate>,
    /// Constant quality instead of the recipe's: 0 (best) to 51, or 63 for AV1 and VP9
    #[arg(long, value_name = "QUALITY", value_parser = value_parser!(u8).range(0..=63))]
    pub(super) crf: Option<u8>,
    /// Size of the picture instead of the recipe's, such as 1280x720
    #[arg(long, value_name = "WxH")]
    pub(super) size: Option<FrameSize>,
    /// Frames per second instead of the recipe's, such as 30 or 30000/1001
    #[arg(long, value_name = "RATE")]
    pub(super) fps: Option<FrameRate>,
    /// No more than this much of the input, such as 60 or 1m30s
    #[arg(long, value_name = "TIME")]
    pub(super) duration: Option<Span>,
    /// Which engine does it
    #[arg(long, value_name = "ENGINE", default_value = "auto", value_parser = words::<EngineChoice>(&["auto", "ffmpeg"]))]
    pub(super) engine: EngineChoice,
    /// How results are checked before they get their name [default: packets where everything is
    /// copied, else full]
    #[arg(long, value_name = "HOW", value_parser = words::<Verify>(&["full", "packets", "none"]))]
    pub(super) verify: Option<Verify>,
    /// Replace files that are in the way
    #[arg(long)]
    pub(super) overwrite: bool,
}

/// What it may use.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits (--dry-run shows what they are when not given)")]
pub(super) struct LimitFlags {
    /// Processor time, such as 200% for two CPUs
    #[arg(long, value_name = "CPU")]
    pub(super) cpu: Option<Cpu>,
    /// Memory, such as 2GiB
    #[arg(long, value_name = "SIZE")]
    pub(super) memory: Option<Bytes>,
    /// Temporary disk space, such as 5GiB
    #[arg(long, value_name = "SIZE")]
    pub(super) scratch: Option<Bytes>,
    /// Time that one attempt may take, such as 1h
    #[arg(long, value_name = "TIME")]
    pub(super) timeout: Option<Span>,
    /// Time without progress after which an attempt counts as stalled, such as 60s
    #[arg(long, value_name = "TIME")]
    pub(super) stall: Option<Span>,
}

/// How it is queued, tried again and found.
#[derive(Debug, Args)]
#[command(next_help_heading = "Queueing")]
pub(super) struct TermFlags {
    /// Failed attempts that are tried again where that may help
    #[arg(long, value_name = "COUNT", default_value_t = Terms::RETRIES)]
    pub(super) retries: u32,
    /// The kind of hurry it is in
    #[arg(long, value_name = "QUEUE", default_value = "default", value_parser = words::<Queue>(&["live", "default", "batch"]))]
    pub(super) queue: Queue,
    /// Which of a queue's jobs goes first
    #[arg(long, value_name = "PRIORITY", default_value = "medium", value_parser = words::<Priority>(&["high", "medium", "low"]))]
    pub(super) priority: Priority,
    /// The role group that makes the results, with its limits on the node [default: live for what sends to
    /// live destinations, else encode]
    #[arg(long, value_name = "NAME")]
    pub(super) role_group: Option<RoleGroup>,
    /// A word for finding it again; may be repeated
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    pub(super) labels: Vec<(String, String)>,
    /// Handing in the same job under the same key again makes no second one
    #[arg(long, value_name = "KEY")]
    pub(super) idempotency_key: Option<String>,
}

/// One of these words, which help and completions list.
fn words<T>(all: &'static [&'static str]) -> impl TypedValueParser<Value = T>
where
    T: FromStr<Err = ParseError> + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(all).try_map(|word| word.parse())
}

/// `KEY=VALUE`.
pub(crate) fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("a label is KEY=VALUE, such as team=news".to_owned()),
    }
}
