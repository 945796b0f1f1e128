//! `ffleet watch`: governs processes that others start, by rules of the configuration.
//!
//! A process of its own, beside a server or without one. It hears of processes by the kernel's events, where
//! those are to be had, and looks at all of them again and again; `ffleet-supervise` decides, a thread does
//! what that is. Whoever kills it leaves everything as it is: groups and their limits are the kernel's, and
//! what is needed to go on or to undo it is in files of the runtime directory.

mod hands;
mod once;
mod session;
mod take;
mod tell;
mod totals;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};
use ffleet_base::FileLock;
use ffleet_base::files::{LockError, create_private_dir};
use ffleet_config::Config;
use ffleet_config::config::{Format, Log, Watch as Wanted};
use ffleet_guard::foreign::Place;
use ffleet_supervise::Backoff;
use ffleet_supervise::watch::{Bounds, Policy, Rules};
use ffleet_telemetry::log::{self, Setup};
use ffleet_types::Span;

use crate::config;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;

/// The first wait after a failed attachment, and the longest.
const BACKOFF: Backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(60) };

/// `ffleet watch`
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Who is governed, and how, is in the section `watch` of the configuration (docs/watch.md). SIGHUP reads it again.
SIGTERM and Ctrl-C leave limits as they are, and the next start goes on with them; with
`watch.detach-on-stop: true` everything goes back to where it was.

Nothing is ever started again, stopped or killed. Children of a server are not touched.")]
pub(crate) struct Flags {
    /// The configuration file [default: ~/.config/ffleet/ffleet.yaml or /etc/ffleet/ffleet.yaml]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,
    /// How often all processes are looked at [default: watch.scan-interval, 10s]
    #[arg(long, value_name = "TIME")]
    scan_interval: Option<Span>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    once: bool,
    /// Keep metrics in this file, in the text format of Prometheus, as node_exporter reads it
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "once")]
    metrics: Option<PathBuf>,
}

/// What the configuration says.
#[derive(Clone, Debug)]
struct Setting {
    wanted: Wanted,
    log: Log,
    warnings: Vec<String>,
}

impl Setting {
    /// Reads it.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it, at once.
    fn load(context: &Context, flags: &Flags) -> Result<Self, Failure> {
        let mut inputs = config::inputs(context, flags.config.clone());
        if let Some(interval) = flags.scan_interval {
            inputs =
                inputs.with_flag("watch.scan-interval", "--scan-interval", interval.to_string());
        }
        let loaded = ffleet_config::load(&inputs).map_err(|problems| {
            Failure::usage(format!("the configuration cannot be used:\n{problems}"))
        })?;
        let Config { watch: wanted, log, .. } = loaded.config;
        if wanted.rules.is_empty() {
            let file = loaded.file.map_or_else(
                || "there is no configuration file".to_owned(),
                |file| format!("{} has no `watch.rules`", file.display()),
            );
            let hint = "say whom to govern, for example:\n\
                        watch:\n  rules:\n  - {name: ffmpeg*, cpu: 400%, memory: 4GiB, tasks: 256}";
            return Err(Failure::usage(format!("nothing is to be governed: {file}")).hint(hint));
        }
        Ok(Self { wanted, log, warnings: loaded.warnings })
    }

    fn policy(&self) -> Policy {
        let wanted = &self.wanted;
        Policy {
            rules: Rules {
                rules: wanted.rules.clone(),
                allow: wanted.allow.clone(),
                block: wanted.block.clone(),
            },
            tries: wanted.tries,
            backoff: BACKOFF,
            bounds: Bounds { burst: u64::from(wanted.thread_burst), throttled: wanted.throttled.0 },
        }
    }
}

/// Watches until it is told to stop.
pub(crate) fn run(context: &Context, flags: &Flags) -> Result<Exit, Failure> {
    let setting = Setting::load(context, flags)?;
    if flags.once {
        return once::run(context, &setting.policy().rules);
    }
    let place = Place::new(&context.runtime_dir()?, context.uid());
    let _alone = alone(&place)?;
    start_log(&setting.log)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Local, format!("cannot start: {error}")))?;
    runtime.block_on(session::run(context, flags, setting, place))
}

/// One of a user at a time.
fn alone(place: &Place) -> Result<FileLock, Failure> {
    create_private_dir(&place.states).map_err(|error| Failure::local(&error))?;
    FileLock::acquire(&place.states.join("watch.lock")).map_err(|error| match error {
        LockError::Held { holder, .. } => {
            let who =
                holder.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"));
            Failure::new(Exit::Local, format!("{who} watches already, for the same user"))
                .hint("add rules to its configuration, and send it SIGHUP")
        }
        LockError::File(error) => Failure::local(&error),
    })
}

/// The log goes to standard error; what is told, to standard output.
fn start_log(wanted: &Log) -> Result<(), Failure> {
    let areas = wanted.areas.iter();
    log::start(&Setup {
        level: wanted.level.name().to_owned(),
        areas: areas
            .map(|(area, level)| (area.clone(), level.name().to_owned()))
            .collect(),
        json: wanted.format == Format::Json,
        directory: None,
        file_size: wanted.file_size,
    })
    .map_err(|error| Failure::local(&error))
}
