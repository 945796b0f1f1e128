//! The program's own log: lines for people or objects for programs, on standard error and in a
//! file, with a level for each area.
//!
//! Every line passes [`redact()`](crate::redact()) on its way out, whatever wrote it. Crates from
//! outside are heard from `warn` up: their `info` is about them, not about jobs.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ffleet_base::clock::rfc3339;
use ffleet_base::files::create_private_dir;
use ffleet_base::{Clock as _, SystemClock};
use ffleet_types::Bytes;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::file::Rotated;
use crate::redact;

/// What is wanted of the log.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The level of areas that are not named: `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
    /// The levels of single areas: `store` for the crate `ffleet-store`, `program` for the
    /// program itself.
    pub areas: BTreeMap<String, String>,
    /// Whether lines are objects for programs.
    pub json: bool,
    /// Where the file is: `ffleet.log` in this directory, which is made. No file otherwise.
    pub directory: Option<PathBuf>,
    /// The size at which the file is rotated.
    pub file_size: Bytes,
}

/// Why the log cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A level that is none.
    #[error("{0:?} is not a level: error, warn, info, debug or trace")]
    Level(String),
    /// The directory cannot be made.
    #[error("the directory of the log cannot be used")]
    Directory(#[source] ffleet_base::files::Error),
    /// The file cannot be opened.
    #[error("the log {} cannot be opened", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is a log already in this process.
    #[error("the log was started before")]
    Twice,
}

/// Starts the log of this process. A panic is written to it too.
///
/// # Errors
///
/// When a level is none, the file cannot be opened, or there is a log already.
pub fn start(setup: &Setup) -> Result<(), Error> {
    let filter = filter(setup)?;
    let terminal = Output {
        color: io::stderr().is_terminal(),
        // Nobody is left to tell when standard error is closed.
        write: |line: &[u8]| drop(io::stderr().lock().write_all(line)),
    };
    let file = match &setup.directory {
        Some(directory) => Some(open(directory, setup.file_size)?),
        None => None,
    };
    let file = file.map(|file| Output {
        color: false,
        write: move |line: &[u8]| file.lock().unwrap_or_else(PoisonError::into_inner).line(line),
    });
    tracing_subscriber::registry()
        .with(layer(setup.json, terminal))
        .with(file.map(|output| layer(setup.json, output)))
        .with(filter)
        .try_init()
        .map_err(|_set| Error::Twice)?;
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        let why = panic.payload_as_str().unwrap_or("no message");
        tracing::error!(target: "ffleet", at, "panic, which is a bug in ffleet: {why}");
    }));
    Ok(())
}

fn open(directory: &Path, cap: Bytes) -> Result<Mutex<Rotated>, Error> {
    create_private_dir(directory).map_err(Error::Directory)?;
    let path = directory.join("ffleet.log");
    match Rotated::open(path.clone(), cap.0) {
        Ok(file) => Ok(Mutex::new(file)),
        Err(source) => Err(Error::File { path, source }),
    }
}

/// What is heard of which crate.
fn filter(setup: &Setup) -> Result<Targets, Error> {
    // A longer target wins over a shorter one, and `ffleet` is the beginning of them all: what
    // is said of the program itself must not be heard of the others.
    let rest = level(&setup.level)?;
    let mut targets = Targets::new()
        .with_default(rest.min(LevelFilter::WARN))
        .with_target("ffleet", rest)
        .with_target("ffleet_", rest);
    for (area, text) in &setup.areas {
        let target = match area.as_str() {
            "program" => "ffleet".to_owned(),
            area => format!("ffleet_{area}"),
        };
        targets = targets.with_target(target, level(text)?);
    }
    Ok(targets)
}

fn level(text: &str) -> Result<LevelFilter, Error> {
    match text {
        "error" => Ok(LevelFilter::ERROR),
        "warn" => Ok(LevelFilter::WARN),
        "info" => Ok(LevelFilter::INFO),
        "debug" => Ok(LevelFilter::DEBUG),
        "trace" => Ok(LevelFilter::TRACE),
        _ => Err(Error::Level(text.to_owned())),
    }
}

/// One destination, in one of the two forms.
fn layer<S, F>(json: bool, output: Output<F>) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    F: Fn(&[u8]) + Send + Sync + 'static,
{
    let layer = tracing_subscriber::fmt::layer()
        .with_timer(Rfc3339)
        .with_ansi(output.color)
        .log_internal_errors(false)
        .with_writer(output);
    if json {
        layer.json().flatten_event(true).boxed()
    } else {
        layer.boxed()
    }
}

/// The time of a line, in UTC.
struct Rfc3339;

impl FormatTime for Rfc3339 {
    fn format_time(&self, to: &mut Writer<'_>) -> std::fmt::Result {
        to.write_str(&rfc3339(SystemClock.now()))
    }
}

/// Something that takes whole lines.
struct Output<F> {
    /// Whether they may hold the escape sequences of a terminal.
    color: bool,
    write: F,
}

impl<'a, F: Fn(&[u8]) + 'a> MakeWriter<'a> for Output<F> {
    type Writer = Line<'a, F>;

    fn make_writer(&'a self) -> Line<'a, F> {
        Line { output: self, text: Vec::new() }
    }

    fn make_writer_for(&'a self, _meta: &Metadata<'_>) -> Line<'a, F> {
        self.make_writer()
    }
}

/// A line that is being put together. It goes out whole, without secrets, when it is dropped.
struct Line<'a, F: Fn(&[u8])> {
    output: &'a Output<F>,
    text: Vec<u8>,
}

impl<F: Fn(&[u8])> io::Write for Line<'_, F> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<F: Fn(&[u8])> Drop for Line<'_, F> {
    fn drop(&mut self) {
        if !self.text.is_empty() {
            let text = String::from_utf8_lossy(&self.text);
            (self.output.write)(redact(&text).as_bytes());
        }
    }
}

#[cfg(test)]
mod tests;
