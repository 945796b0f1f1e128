//! What `run` and `attach` have in common: the limits on their command lines, where their groups are,
//! and what is said of how it went.

use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

use clap::{Args, value_parser};
use ffleet_base::write_atomic;
use ffleet_guard::foreign::{self, About, End, Group, Held, Kind, Limits, Outcome, Place, Used};
use ffleet_types::{Bytes, Cpu, RoleGroup};
use serde::Serialize;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::show::text;
use crate::submit::{label, labels};

/// Less than this no program starts in.
const LEAST: Bytes = Bytes::mib(1);

/// Limits, and what the group is called.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits, for all processes together")]
pub(crate) struct Wanted {
    /// CPU time per time, such as 200% or 1.5
    #[arg(long, value_name = "CPU")]
    cpu: Option<Cpu>,
    /// Its share of busy CPUs, from 1 to 10000; everybody's is 100
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(1..=10_000))]
    cpu_weight: Option<u16>,
    /// Memory, such as 4GiB; page cache counts, swap is none
    #[arg(long, value_name = "BYTES")]
    memory: Option<Bytes>,
    /// Processes and threads
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=4_194_304))]
    tasks: Option<u32>,
    /// Its share of busy disks, from 1 to 10000; everybody's is 100
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(1..=10_000))]
    io_weight: Option<u16>,
    /// The nice of each thread, from -20 (comes first) to 19
    #[arg(long, value_name = "N", allow_negative_numbers = true,
          value_parser = value_parser!(i8).range(-20..=19))]
    nice: Option<i8>,
    /// What to call it; nothing else of this user may be called so meanwhile
    #[arg(long, value_name = "NAME", help_heading = "What it is called")]
    id: Option<String>,
    /// A label; may be given again
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label,
          help_heading = "What it is called")]
    labels: Vec<(String, String)>,
    /// The class of process that it counts to, where governed processes are listed
    #[arg(long, value_name = "NAME", help_heading = "What it is called")]
    role_group: Option<RoleGroup>,
}

impl Wanted {
    /// The limits.
    ///
    /// # Errors
    ///
    /// If nothing could live within them.
    pub(crate) fn limits(&self) -> Result<Limits, Failure> {
        if let Some(memory) = self.memory.filter(|&memory| memory < LEAST) {
            return Err(Failure::usage(format!(
                "--memory {memory}: no program starts in less than {LEAST}"
            )));
        }
        Ok(Limits {
            cpu: self.cpu,
            cpu_weight: self.cpu_weight,
            memory: self.memory,
            tasks: self.tasks,
            io_weight: self.io_weight,
            nice: self.nice,
        })
    }

    /// What the group of `command` is called.
    ///
    /// # Errors
    ///
    /// If a label is given twice.
    pub(crate) fn about(&self, kind: Kind, command: Vec<String>) -> Result<About, Failure> {
        Ok(About {
            kind,
            id: self.id.clone(),
            labels: labels(self.labels.clone())?,
            role_group: self.role_group.clone(),
            command,
        })
    }

    /// The name of the group: what it is to be called, or else one that nothing has.
    pub(crate) fn name(&self, kind: &str, pid: i32) -> String {
        let made = || format!("{kind}-{pid}-{}", ffleet_base::chance::name(6));
        self.id.clone().unwrap_or_else(made)
    }
}

/// Where the groups of this user are.
///
/// # Errors
///
/// If the environment names no place.
pub(crate) fn place(context: &Context) -> Result<Place, Failure> {
    Ok(Place::new(&context.runtime_dir()?, context.uid()))
}

/// Says something beside what is governed: on standard error, whose own words it must not lose.
pub(crate) fn note(text: &str) {
    // Who hears nothing has closed it.
    drop(writeln!(io::stderr(), "ffleet: {text}"));
}

/// Removes what groups are empty and nobody's. It is no reason to do nothing if that fails.
pub(crate) fn sweep(place: &Place) {
    if let Err(error) = foreign::sweep(place) {
        note(&format!(
            "groups that are over could not be removed: {}",
            ffleet_base::chain(&error)
        ));
    }
}

/// Says which limits do not hold, or not wholly.
pub(crate) fn complain(outcomes: &[Outcome]) {
    for outcome in outcomes.iter().filter(|outcome| outcome.held != Held::Whole) {
        note(&format!("--{outcome}"));
    }
}

/// How it went.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Report {
    /// The group's name.
    pub(crate) name: String,
    #[serde(flatten)]
    pub(crate) about: About,
    /// The first process.
    pub(crate) pid: i32,
    /// What was wanted.
    pub(crate) limits: Limits,
    /// How far that held.
    pub(crate) outcomes: Vec<Outcome>,
    /// The exit code of the first process, or nothing.
    pub(crate) code: Option<i32>,
    /// The signal that killed it, or nothing.
    pub(crate) signal: Option<i32>,
    /// Why it is over.
    pub(crate) why: Why,
    pub(crate) wall_micros: u64,
    pub(crate) user_micros: Option<u64>,
    pub(crate) system_micros: Option<u64>,
    pub(crate) peak_memory_bytes: Option<u64>,
    pub(crate) peak_tasks: Option<u64>,
    pub(crate) throttled_micros: Option<u64>,
    pub(crate) memory_kills: Option<u64>,
    pub(crate) tasks_refused: Option<u64>,
    /// Processes that go on in the group, with its limits.
    pub(crate) left: Vec<i32>,
}

/// Why it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Why {
    /// It ended by itself.
    Exited,
    /// A signal killed it.
    Killed,
    /// A process of it was killed for want of memory, and it was killed.
    OutOfMemory,
    /// It took too long.
    TimedOut,
    /// It ended, and the kernel does not say how.
    Unknown,
    /// It goes on, without us.
    Detached,
}

impl Report {
    /// What is known of `group` after `wall`, whose first process is `pid`.
    pub(crate) fn of(group: &Group, pid: i32, wall: Duration, peak_tasks: Option<u64>) -> Self {
        let used: Used = group.used();
        let state = group.state();
        Self {
            name: state.name.clone(),
            about: state.about.clone(),
            pid,
            limits: state.limits,
            outcomes: state.outcomes.clone(),
            code: None,
            signal: None,
            why: Why::Unknown,
            wall_micros: micros(wall),
            user_micros: used.user.map(micros),
            system_micros: used.system.map(micros),
            peak_memory_bytes: used.peak_memory.map(|bytes| bytes.0),
            peak_tasks: used.peak_tasks.max(peak_tasks),
            throttled_micros: used.throttled.map(micros),
            memory_kills: used.memory_kills,
            tasks_refused: used.tasks_refused,
            left: Vec::new(),
        }
    }

    /// With how it ended.
    pub(crate) fn ended(&mut self, exit: ffleet_supervise::Exit) {
        match exit {
            ffleet_supervise::Exit::Code(code) => {
                (self.code, self.why) = (Some(code), Why::Exited);
            }
            ffleet_supervise::Exit::Signal(signal) => {
                let for_memory = signal == rustix::process::Signal::KILL.as_raw()
                    && self.memory_kills.is_some_and(|kills| kills > 0);
                let why = if for_memory { Why::OutOfMemory } else { Why::Killed };
                (self.signal, self.why) = (Some(signal), why);
            }
        }
    }

    /// With what the kernel counted for us, where no group did.
    pub(crate) fn count(&mut self, end: &End) {
        // A group may count by ticks, and what was waited for is exact.
        let more =
            |counted: Option<u64>, waited: Duration| Some(counted.unwrap_or(0).max(micros(waited)));
        self.user_micros = more(self.user_micros, end.user);
        self.system_micros = more(self.system_micros, end.system);
        self.peak_memory_bytes = self.peak_memory_bytes.or(Some(end.largest.0));
    }

    /// Tells it: as a line or as JSON to standard error, and as JSON into `file` if there is one.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub(crate) fn tell(&self, json: bool, file: Option<&Path>) -> Result<(), Failure> {
        let page = serde_json::to_string(self).map_err(|error| Failure::local(&error))?;
        if json {
            // Who hears nothing has closed it.
            drop(writeln!(io::stderr(), "{page}"));
        } else {
            note(&self.line());
        }
        let Some(file) = file else { return Ok(()) };
        let written = write_atomic(file, format!("{page}\n").as_bytes(), 0o644);
        written.map_err(|error| Failure::local(&error))
    }

    fn line(&self) -> String {
        let mut parts = vec![self.end()];
        let span = |micros: u64| text::length(Duration::from_micros(micros).as_secs_f64());
        parts.push(format!("{} wall", span(self.wall_micros)));
        if let (Some(user), Some(system)) = (self.user_micros, self.system_micros) {
            parts.push(format!("{} CPU", span(user.saturating_add(system))));
        }
        if let Some(bytes) = self.peak_memory_bytes {
            parts.push(format!("{} memory at most", Bytes(bytes).human()));
        }
        if let Some(tasks) = self.peak_tasks {
            parts.push(format!("{} at most", text::count(tasks, "thread")));
        }
        for (count, what) in [
            (self.throttled_micros.filter(|&micros| micros > 0).map(span), "throttled"),
            (some(self.memory_kills), "killed for want of memory"),
            (some(self.tasks_refused), "threads refused"),
        ] {
            parts.extend(count.map(|count| format!("{count} {what}")));
        }
        parts.join(", ")
    }

    fn end(&self) -> String {
        let how = match (self.code, self.signal) {
            (Some(code), _) => format!("exit code {code}"),
            (_, Some(signal)) => format!("killed by signal {signal}"),
            _ => "exit code unknown".to_owned(),
        };
        match self.why {
            Why::Exited | Why::Killed | Why::Unknown => how,
            Why::OutOfMemory => format!("out of memory, {how}"),
            Why::TimedOut => format!("timed out, {how}"),
            Why::Detached => "detached".to_owned(),
        }
    }
}

fn some(count: Option<u64>) -> Option<String> {
    count.filter(|&count| count > 0).map(|count| count.to_string())
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

/// Something about groups is in the way.
pub(crate) fn in_the_way(error: &foreign::Error) -> Failure {
    Failure::new(Exit::Local, ffleet_base::chain(error))
}
