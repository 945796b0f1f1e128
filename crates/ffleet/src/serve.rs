//! `ffleet serve`: controller, worker and dashboard in one process.
//!
//! Everything that can be refused is refused before anything is started: the configuration, the
//! data directory, the presets. Then the roles start from the inside out (store, controller,
//! HTTP, worker) and stop from the outside in.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};
use ffleet_config::Config;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::Builder;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::serve::home::Home;
use crate::serve::setting::Setting;
use crate::show;
use crate::voyandz;

mod bench;
mod board;
mod effective;
mod fault;
mod home;
mod log;
pub(crate) mod notify;
mod roles;
mod session;
mod setting;
pub(crate) mod signals;
mod totals;
mod wiring;

/// Threads that run tasks. Media work is done by other processes; these two move bytes.
const THREADS: usize = 2;
/// Threads that may block on files at once.
const BLOCKING: usize = 16;
/// How long the runtime may take to end once the roles have.
const LAST: Duration = Duration::from_secs(2);

/// `ffleet serve`
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Ctrl-C or SIGTERM stops it: running work gets worker.drain-timeout to end. What goes on longer is left
running for the lease term, for a server that starts meanwhile to go on with (worker.on-stop: leave), or
interrupted and done again (interrupt). A second signal leaves at once. SIGHUP reads feeds and streams from the
configuration again; what stays the same is not touched.

Other commands of the same user find the server by themselves. ffleet.example.yaml lists what can be
configured; each key can also be given in the environment, as in FFLEET_WORKER_MAX_TASKS=1.")]
pub(crate) struct Flags {
    /// Where everything that must survive is kept [default: $XDG_STATE_HOME/ffleet, that is
    /// ~/.local/state/ffleet]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    data: Option<String>,
    /// Address and port, on loopback; port 0 takes a free one [default: 127.0.0.1:8420]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// The configuration file [default: ~/.config/ffleet/ffleet.yaml or /etc/ffleet/ffleet.yaml]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,
}

/// Whose configuration says what to serve.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    /// Ours.
    Ours(Flags),
    /// That of voyandz, whose place is taken.
    Voyandz(voyandz::Flags),
}

/// How the configuration is read again.
#[derive(Clone, Debug)]
struct Again {
    context: Context,
    origin: Origin,
}

impl Again {
    fn load(&self) -> Result<Setting, Failure> {
        let setting = Setting::load(&self.context, &self.origin)?;
        for warning in &setting.warnings {
            tracing::warn!("{warning}");
        }
        Ok(setting)
    }
}

/// Serves until it is told to stop.
pub(crate) fn run(context: &Context, origin: Origin) -> Result<Exit, Failure> {
    let setting = Setting::load(context, &origin)?;
    let again = Again { context: context.clone(), origin };
    let Setting { config, file, warnings, .. } = &setting;
    let home = Home::take(&config.data, &context.runtime_dir()?)?;
    let builtin = |name: &str| ffleet_media::preset::builtin(name).is_some();
    let presets = ffleet_config::preset::load(&config.presets_dir, builtin)
        .map_err(|problems| Failure::usage(format!("presets cannot be used:\n{problems}")))?;
    log::start(config, &home.path)?;
    let unknown = show::live::unknown_presets(&config.live, &presets);
    for warning in warnings.iter().chain(&unknown) {
        tracing::warn!("{warning}");
    }
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        data = %home.path.display(),
        config = file.as_ref().map(|file| file.display().to_string()),
        presets = presets.len(),
        "starting"
    );
    raise_descriptors();
    let runtime = Builder::new_multi_thread()
        .worker_threads(THREADS)
        .max_blocking_threads(BLOCKING)
        .thread_name("ffleet")
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Local, format!("cannot start: {error}")))?;
    let ended = runtime.block_on(session::run(&again, &setting, presets, &home));
    runtime.shutdown_timeout(LAST);
    // A failure is printed by the caller; the log says that there was one.
    let code = ended.as_ref().map_or_else(Failure::exit, |exit| *exit).code();
    tracing::info!(code, "stopped");
    ended
}

/// Lets this process have as many descriptors as it may: each viewer is one, and the soft limit is often 1024
/// for the sake of programs that use `select(2)`.
fn raise_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::warn!(%error, "the limit on open files stays as it is");
    }
}

/// Where the server keeps its database.
fn database(config: &Config) -> PathBuf {
    config.data.join("store")
}
