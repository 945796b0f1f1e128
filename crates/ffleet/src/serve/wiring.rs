//! From the configuration to what each role is told.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ffleet_base::Clock;
use ffleet_base::paths::Env;
use ffleet_config::Config;
use ffleet_config::config::{OnStop, Sandbox};
use ffleet_controller::{Http, Key, Policy};
use ffleet_gateway::Retries;
use ffleet_guard::machine;
use ffleet_supervise::Backoff;
use ffleet_types::node::Capacity;
use ffleet_worker::{Sandboxes, Use};

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::program::SHIM;
use crate::serve::home::Home;
use crate::serve::setting::Setting;

/// The holder of the key that `serve` makes, as history shows them.
const HOLDER: &str = "local";
/// How long a request may take to arrive, head and body each.
const ARRIVAL: Duration = Duration::from_secs(30);
/// Silence after which a comment shows that a stream of events lives.
const QUIET: Duration = Duration::from_secs(15);
/// How long a look at a file may take before its file system counts as one that does not answer.
const LOOK: Duration = Duration::from_secs(5);
/// From the request to end to the kill of a child.
const GRACE: Duration = Duration::from_secs(5);
/// Where programs are looked up if the environment does not say.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What the controller goes by.
pub(super) fn policy(config: &Config, home: &Home) -> Policy {
    let limits = &config.limits;
    let bytes = |amount: ffleet_types::Bytes| usize::try_from(amount.0).unwrap_or(usize::MAX);
    Policy {
        data: home.path.clone(),
        roots: config.roots.clone(),
        verify: config.verify,
        role_groups: config.role_groups.clone(),
        look_limit: LOOK,
        lease_term: config.lease_term.0,
        retain_for: config.retain.finished.0,
        retain_jobs: config.retain.jobs,
        http: Http {
            keys: vec![Key { name: HOLDER.to_owned(), hash: home.key.hash() }],
            stream_secret: home.stream_secret.clone(),
            names: config.names.clone(),
            body: bytes(limits.body),
            head: bytes(limits.header_size),
            requests_per_second: limits.requests_per_second,
            failed_logins_per_second: limits.failed_logins_per_second,
            connections: usize::try_from(limits.connections).unwrap_or(usize::MAX),
            arrival: ARRIVAL,
            quiet: QUIET,
        },
    }
}

/// What the worker goes by.
///
/// # Errors
///
/// If the machine cannot be asked what it has.
pub(super) fn worker(
    config: &Config,
    home: &Home,
    env: &Env,
) -> Result<ffleet_worker::Config, Failure> {
    let wanted = &config.worker;
    Ok(ffleet_worker::Config {
        home: home.path.clone(),
        name: wanted.name.clone().unwrap_or_else(host_name),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        labels: wanted.labels.clone(),
        capacity: capacity(config, home)?,
        roots: config.roots.clone(),
        sandboxes: Sandboxes {
            use_them: match wanted.sandbox {
                Sandbox::Auto => Use::Auto,
                Sandbox::Required => Use::Required,
                Sandbox::Off => Use::Off,
            },
            read: wanted.sandbox_read.clone(),
            write: wanted.sandbox_write.clone(),
        },
        ffmpeg: config.engine.ffmpeg.clone(),
        ffprobe: config.engine.ffprobe.clone(),
        search: env.var("PATH").map_or_else(|| OsString::from(PATH), OsString::from),
        nice: i32::from(wanted.nice),
        grace: GRACE,
        drain: wanted.drain_timeout.0,
        on_stop: match wanted.on_stop {
            OnStop::Leave => ffleet_worker::OnStop::Leave,
            OnStop::Interrupt => ffleet_worker::OnStop::Interrupt,
        },
        keep_logs: config.retain.finished.0,
    })
}

/// What the machine has, unless the operator says otherwise.
fn capacity(config: &Config, home: &Home) -> Result<Capacity, Failure> {
    let has = machine::capacity(&home.path).map_err(|error| Failure::local(&error))?;
    let wanted = &config.worker;
    Ok(Capacity {
        cpu: wanted.cpu.unwrap_or(has.cpu),
        memory: wanted.memory.unwrap_or(has.memory),
        scratch: wanted.scratch.unwrap_or(has.scratch),
        tasks: wanted.max_tasks.unwrap_or(has.tasks),
    })
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// What the guard goes by.
pub(super) fn guard(
    config: &Config,
    home: &Home,
    context: &Context,
    clock: &Arc<dyn Clock>,
) -> ffleet_guard::Options {
    ffleet_guard::Options {
        // Where it keeps its lock and its record.
        root: home.path.clone(),
        env: context.env.clone(),
        clock: Arc::clone(clock),
        cgroups: true,
        // Whatever has become of our file meanwhile, it is the same program.
        shim: ("/proc/self/exe".into(), vec![SHIM.into()]),
        whole: machine::roles(),
        roles: config.role_groups.clone(),
        namespaces: true,
        orphan_grace: Some(config.lease_term.0),
    }
}

/// When feeds are tried again: soon, then less and less often.
const RETRIES: Retries = Retries {
    backoff: Backoff { base: Duration::from_millis(200), cap: Duration::from_secs(30) },
    healthy: Duration::from_secs(5),
    tries: (60, Duration::from_secs(600)),
};

/// What the gateway goes by.
///
/// # Errors
///
/// If this process has no directory to be in.
pub(super) fn gateway(
    setting: &Setting,
    home: &Home,
    context: &Context,
) -> Result<ffleet_gateway::Options, Failure> {
    let here = std::env::current_dir().map_err(|error| {
        Failure::new(Exit::Local, format!("there is no current directory: {error}"))
    })?;
    let config = &setting.config;
    let wanted = &config.live.gateway;
    let logs = setting.voyandz.as_ref().and_then(|voyandz| voyandz.logdir.as_ref());
    Ok(ffleet_gateway::Options {
        flush: wanted.flush.0,
        viewers: wanted.viewers,
        send_buffer: wanted.send_buffer.0,
        // One writes gigabits; the rest of the machine is for media.
        threads: std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(4)),
        logs: logs.map_or_else(|| home.path.join("live"), |logs| here.join(logs)),
        cwd: here,
        grace: GRACE,
        ffmpeg: config.engine.ffmpeg.clone().unwrap_or_else(|| PathBuf::from("ffmpeg")),
        retries: RETRIES,
        leaves: config.worker.on_stop == OnStop::Leave,
        // The variable is OpenSSL's, and known to most programs.
        roots: context.env.path("SSL_CERT_FILE").map(Into::into),
    })
}
