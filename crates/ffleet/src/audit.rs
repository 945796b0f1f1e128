//! `ffleet audit`: says what a command line of FFmpeg or GStreamer will start, before it does.
//!
//! Nothing is run and no server is needed, unless `--probe` asks one what inputs hold.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::{Args, ValueHint, value_parser};
use ffleet_api::submit::ProbeRequest;
use ffleet_engine::audit::{self, Policy, Report};
use ffleet_media::Probe;
use ffleet_types::Span;

use crate::api::Answer;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::show;
use crate::submit::place;

/// The largest script that is read, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// `ffleet audit`
#[derive(Debug, Args)]
#[command(
    override_usage = "ffleet audit [OPTIONS] -- COMMAND…\n       ffleet audit [OPTIONS] --file FILE",
    after_long_help = MORE
)]
pub(crate) struct Flags {
    /// A script, or a file with a command on each line; - is standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "command")]
    file: Option<PathBuf>,
    /// Count threads for a machine with so many CPUs as well; may be given again [default: this
    /// machine's, and 64]
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=8192))]
    cpus: Vec<u32>,
    /// CPUs that the bounded command may use [default: this machine's]
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=1024))]
    budget: Option<u32>,
    /// The release of FFmpeg that is meant: up to 6 and since 7 threads differ
    #[arg(long, value_name = "RELEASE", default_value = "9.0")]
    ffmpeg: String,
    /// When the bounded command ends what would never end
    #[arg(long, value_name = "TIME", default_value = "24h")]
    longest: Span,
    /// Have the server look at inputs instead of taking them for what their names say
    #[arg(long)]
    probe: bool,
    /// The command, behind --
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

const MORE: &str = "\
  ffleet audit -- ffmpeg -i in.mov -c:v libx265 out.mp4
  ffleet audit --file transcode.sh --cpus 8 --cpus 96 --budget 4
  ffleet audit --ffmpeg 5.1 --json -- gst-launch-1.0 videotestsrc ! x264enc ! fakesink

The exit code is 0 where everything is bounded, 1 where something is not, and 2 where something
could not be read: variables that hold options, eval, containers. docs/audit.md says what is read
and what is not.";

/// Audits a command or a script.
pub(crate) fn run(
    context: &Context,
    flags: &Flags,
    probe: impl FnOnce(&[String]) -> Result<BTreeMap<String, Probe>, Failure>,
) -> Result<Exit, Failure> {
    let policy = policy(flags)?;
    let text = match &flags.file {
        Some(file) => read(file, &context.here)?,
        None if flags.command.is_empty() => {
            return Err(Failure::usage("nothing is given to audit").hint(
                "for example: ffleet audit -- ffmpeg -i in.mkv out.mp4, or --file commands.txt",
            ));
        }
        None => audit::quoted(&flags.command),
    };
    let probes = if flags.probe {
        probe(&audit::inputs(&text))?
    } else {
        BTreeMap::new()
    };
    let report = match &flags.file {
        Some(_) => audit::script(&text, &policy, &probes),
        None => audit::command(&flags.command, &policy, &probes),
    };
    if flags.file.is_none() && report.commands.is_empty() && report.unread.is_empty() {
        let name = flags.command.first().map_or("", String::as_str);
        return Err(Failure::usage(format!("{name} is no command of FFmpeg or GStreamer")).hint(
            "what is audited is ffmpeg and gst-launch-1.0, behind wrappers such as nice too",
        ));
    }
    if context.common.json {
        context.print_json(&report)?;
    } else {
        context.say(&show::audit::report(&report, flags.file.is_some()))?;
    }
    Ok(exit(&report))
}

fn exit(report: &Report) -> Exit {
    if report.commands.iter().any(|command| !command.unbounded.is_empty()) {
        Exit::UNBOUNDED
    } else if report.unread.is_empty() {
        Exit::Done
    } else {
        Exit::Usage
    }
}

fn policy(flags: &Flags) -> Result<Policy, Failure> {
    let here = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let here = u32::try_from(here).unwrap_or(u32::MAX);
    let is_release = flags
        .ffmpeg
        .trim_start_matches('n')
        .starts_with(|c: char| c.is_ascii_digit());
    if !is_release {
        return Err(Failure::usage(format!("--ffmpeg {}: not a release", flags.ffmpeg))
            .hint("write it as `ffmpeg -version` does, such as 5.1 or 7.1"));
    }
    let mut cpus = if flags.cpus.is_empty() {
        vec![here, 64]
    } else {
        flags.cpus.clone()
    };
    cpus.sort_unstable();
    cpus.dedup();
    Ok(Policy {
        cpus,
        budget: flags.budget.unwrap_or(here).clamp(1, 1_024),
        ffmpeg: flags.ffmpeg.clone(),
        longest: flags.longest.0.as_secs().max(1),
    })
}

fn read(file: &Path, here: &Path) -> Result<String, Failure> {
    let shown = file.display();
    let mut bytes = Vec::new();
    let opened: Box<dyn std::io::Read> = if file == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        let opened = std::fs::File::open(here.join(file));
        Box::new(opened.map_err(|error| Failure::usage(format!("cannot read {shown}: {error}")))?)
    };
    opened
        .take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::usage(format!("cannot read {shown}: {error}")))?;
    if bytes.len() as u64 > LARGEST {
        return Err(Failure::usage(format!("{shown} is larger than {LARGEST} bytes")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()]
            .split(|byte| *byte == b'\n')
            .count();
        Failure::usage(format!("{shown}, line {line}: this is no text in UTF-8"))
    })
}

/// Has the server look at inputs. What it cannot read stays assumed.
pub(crate) async fn probe(
    context: &Context,
    names: &[String],
) -> Result<BTreeMap<String, Probe>, Failure> {
    let api = context.api()?;
    let mut probes = BTreeMap::new();
    for name in names {
        let Ok(input) = place::input(name, &context.here) else {
            continue;
        };
        match api.post("/v1/probe", &ProbeRequest { input }).await {
            Ok(answer) => {
                let answer: Answer<Probe> = answer;
                probes.insert(name.clone(), answer.value);
            }
            Err(failure) if failure.exit() == Exit::Refused => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(probes)
}
