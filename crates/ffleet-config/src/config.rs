//! The validated configuration: every key, its range and its default.
//!
//! `ffleet.example.yaml` at the root of the sources shows each key with its default; a test holds
//! the two together.

pub mod live;
mod roles;
mod tls;
pub mod watch;
mod worker;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use ffleet_base::paths;
use ffleet_media::job::Verify;
use ffleet_sched::roles::Rules;
use ffleet_types::{Bytes, ParseError, RoleGroup, Span};

pub use self::live::{Gateway, Live};
pub use self::tls::{Tls, TlsFiles};
pub use self::watch::Watch;
pub use self::worker::{OnStop, Sandbox, Worker};
use crate::Inputs;
use crate::nearest::nearest;
use crate::problem::Place;
use crate::reader::Reader;

/// What the program does, as the operator wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `listen`: the address and port of API and dashboard; port 0 takes a free one. Loopback.
    pub listen: SocketAddr,
    /// `tls`: where other machines reach the server; nothing means nowhere.
    pub tls: Option<Tls>,
    /// `data`: where everything that must survive is kept. An absolute path.
    pub data: PathBuf,
    /// `names`: more host names that requests may come for, in lower case.
    pub names: Vec<String>,
    /// `roots`: directories that inputs and outputs must be in. Absolute, at least one.
    pub roots: Vec<PathBuf>,
    /// `presets-dir`: where presets of one's own are, one YAML file each. Absolute; it need not
    /// exist where it is the default, `presets` in the data directory.
    pub presets_dir: PathBuf,
    /// `lease-term`: silence after which a node's work is given to another. 3 s to 10 min.
    pub lease_term: Span,
    /// `verify`: how results are checked where a job does not say; nothing means `packets` where
    /// everything is copied and `full` otherwise.
    pub verify: Option<Verify>,
    /// `log`: the program's own log.
    pub log: Log,
    /// `engine`: where the engine is.
    pub engine: Engine,
    /// `role-groups`: how many processes of which class this machine may have. Those that are always
    /// there (`encode`, `live`, `probe`, `proof`, `thumbnail`, `verify`) are among them.
    pub role_groups: BTreeMap<RoleGroup, Rules>,
    /// `worker`: what this machine gives to work.
    pub worker: Worker,
    /// `watch`: which processes that others start are governed.
    pub watch: Watch,
    /// `limits`: what a client may do to the server.
    pub limits: Limits,
    /// `retain`: what is kept of finished jobs.
    pub retain: Retain,
    /// `feeds`, `streams`, `gateway`: what can be watched.
    pub live: Live,
}

/// The program's own log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// `log.level`: of everything that `areas` does not name.
    pub level: Level,
    /// `log.format`.
    pub format: Format,
    /// `log.areas`: levels of single areas, by [`AREAS`].
    pub areas: BTreeMap<String, Level>,
    /// `log.file-size`: the size at which the file is rotated; there are at most three old ones.
    /// 64 KiB to 1 GiB.
    pub file_size: Bytes,
}

/// The parts of the program that can have a level of their own.
pub const AREAS: [&str; 12] = [
    "api",
    "base",
    "config",
    "controller",
    "engine",
    "gateway",
    "guard",
    "program",
    "spool",
    "store",
    "telemetry",
    "worker",
];

/// Where the engine is. Nothing means: looked for in `PATH`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Engine {
    /// `engine.ffmpeg`: an absolute path.
    pub ffmpeg: Option<PathBuf>,
    /// `engine.ffprobe`: an absolute path.
    pub ffprobe: Option<PathBuf>,
}

/// What a client may do to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `limits.body`: the largest request body. 64 KiB to 64 MiB.
    pub body: Bytes,
    /// `limits.requests-per-second`: of one key. 1 to 1,000,000.
    pub requests_per_second: u32,
    /// `limits.failed-logins-per-second`: of one peer. 1 to 1000.
    pub failed_logins_per_second: u32,
    /// `limits.connections`: open at once. 8 to 65,536.
    pub connections: u32,
    /// `limits.header-size`: of all headers of a request together. 8 KiB to 1 MiB.
    pub header_size: Bytes,
}

/// What is kept of finished jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retain {
    /// `retain.finished`: how long a finished job is kept. 1 min to ten years.
    pub finished: Span,
    /// `retain.jobs`: how many finished jobs are kept at most. 100 to 100,000,000.
    pub jobs: u64,
}

/// How much is written to the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What needs a person.
    Error,
    /// What may need one.
    Warn,
    /// What happened.
    #[default]
    Info,
    /// What was decided, and why.
    Debug,
    /// Everything.
    Trace,
}

impl Level {
    /// Its name in the file and in the log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

impl std::str::FromStr for Level {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        [Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace]
            .into_iter()
            .find(|level| level.name() == text)
            .ok_or_else(|| ParseError::new(text, "a level: error, warn, info, debug or trace"))
    }
}

/// The form of a line in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs: one object a line.
    Json,
}

impl std::str::FromStr for Format {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(ParseError::new(text, "a format: text or json")),
        }
    }
}

impl Config {
    /// Asks `reader` for every key. Nothing, where not even the defaults make one.
    pub(crate) fn read(reader: &mut Reader<'_>, inputs: &Inputs) -> Option<(Self, live::Written)> {
        let listen = read_listen(reader);
        let state = read_data(reader, inputs);
        let presets_dir = reader.path("presets-dir");
        let (live, written) = Live::read(reader);
        let rest = Self {
            listen,
            tls: Tls::read(reader),
            data: PathBuf::new(),
            names: read_names(reader),
            roots: read_roots(reader),
            presets_dir: PathBuf::new(),
            lease_term: reader.within(
                "lease-term",
                Span::secs(10),
                Span::secs(3)..=Span::secs(600),
            ),
            verify: reader.auto("verify"),
            log: Log::read(reader),
            engine: Engine {
                ffmpeg: reader.path("engine.ffmpeg"),
                ffprobe: reader.path("engine.ffprobe"),
            },
            role_groups: roles::read(reader),
            worker: Worker::read(reader),
            watch: Watch::read(reader),
            limits: Limits::read(reader),
            retain: Retain::read(reader),
            live,
        };
        let state = state?;
        let presets_dir = presets_dir.unwrap_or_else(|| state.join("presets"));
        Some((Self { data: state, presets_dir, ..rest }, written))
    }
}

fn read_listen(reader: &mut Reader<'_>) -> SocketAddr {
    let default = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8_420);
    let listen = reader.value("listen", default);
    if listen.ip().is_loopback() {
        return listen;
    }
    let place = reader.whence("listen");
    let message = format!("{} can be reached from other machines, which needs TLS", listen.ip());
    let hint = "listen on 127.0.0.1 or [::1], and say under `tls` where other machines come";
    reader.problem(place, "listen", message, Some(hint.to_owned()));
    default
}

fn read_data(reader: &mut Reader<'_>, inputs: &Inputs) -> Option<PathBuf> {
    if let Some(path) = reader.path("data") {
        return Some(path);
    }
    match paths::state_dir(&inputs.env, inputs.uid) {
        Ok(path) => Some(path),
        Err(error) => {
            reader.problem(Place::Default, "data", error.to_string(), None);
            None
        }
    }
}

fn read_names(reader: &mut Reader<'_>) -> Vec<String> {
    let legal = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'.';
    let mut names = Vec::new();
    for (place, name) in reader.list("names").unwrap_or_default() {
        if (1..=253).contains(&name.len()) && name.bytes().all(legal) {
            names.push(name.to_ascii_lowercase());
        } else {
            let message = format!("{name:?} is not a host name");
            let hint = "letters, digits, `-` and `.`, without a scheme or a port".to_owned();
            reader.problem(place, "names", message, Some(hint));
        }
    }
    names
}

fn read_roots(reader: &mut Reader<'_>) -> Vec<PathBuf> {
    let roots = reader.paths("roots", &["/"]);
    if roots.is_empty() {
        let place = reader.whence("roots");
        let message = "names no directory that inputs and outputs may be in".to_owned();
        let hint = "name some, or leave the key out to allow all".to_owned();
        reader.problem(place, "roots", message, Some(hint));
        return vec![Path::new("/").to_path_buf()];
    }
    roots
}

impl Log {
    fn read(reader: &mut Reader<'_>) -> Self {
        let level = reader.value("log.level", Level::default());
        let format = reader.value("log.format", Format::default());
        let file_size = Bytes::mib(16);
        let file_size = reader.within("log.file-size", file_size, Bytes(64 << 10)..=Bytes::gib(1));
        let mut areas = BTreeMap::new();
        for (area, (place, text)) in reader.map("log.areas") {
            if !AREAS.contains(&area.as_str()) {
                let hint = match nearest(&area, AREAS) {
                    Some(near) => format!("is `{near}` meant?"),
                    None => format!("known: {}", AREAS.join(", ")),
                };
                let message = format!("there is no area {area:?}");
                reader.problem(place, "log.areas", message, Some(hint));
                continue;
            }
            match text.parse() {
                Ok(level) => {
                    areas.insert(area, level);
                }
                Err(error) => {
                    let error: ParseError = error;
                    reader.problem(place, "log.areas", error.to_string(), None);
                }
            }
        }
        Self { level, format, areas, file_size }
    }
}

impl Limits {
    fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            body: reader.within("limits.body", Bytes::mib(1), Bytes(64 << 10)..=Bytes::mib(64)),
            requests_per_second: reader.within("limits.requests-per-second", 50_000, 1..=1_000_000),
            failed_logins_per_second: reader.within(
                "limits.failed-logins-per-second",
                10,
                1..=1_000,
            ),
            connections: reader.within("limits.connections", 1_024, 8..=65_536),
            header_size: reader.within(
                "limits.header-size",
                Bytes(16 << 10),
                Bytes(8 << 10)..=Bytes::mib(1),
            ),
        }
    }
}

impl Retain {
    fn read(reader: &mut Reader<'_>) -> Self {
        let (day, year) = (86_400, 31_536_000);
        Self {
            finished: reader.within(
                "retain.finished",
                Span::secs(30 * day),
                Span::secs(60)..=Span::secs(10 * year),
            ),
            jobs: reader.within("retain.jobs", 1_000_000, 100..=100_000_000),
        }
    }
}
