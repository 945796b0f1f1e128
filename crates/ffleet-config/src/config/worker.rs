//! `worker`: what this machine gives to work, and what jobs may see of it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ffleet_types::{Bytes, Cpu, ParseError, Span};

use crate::reader::Reader;

/// What this machine gives to work. Nothing means: found out from the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worker {
    /// `worker.name`: its name for people; the host's name by default.
    pub name: Option<String>,
    /// `worker.max-tasks`: tasks at once. 1 to 1024.
    pub max_tasks: Option<u32>,
    /// `worker.cpu`: processor time for all tasks together.
    pub cpu: Option<Cpu>,
    /// `worker.memory`: memory for all tasks together. At least 64 MiB.
    pub memory: Option<Bytes>,
    /// `worker.scratch`: temporary disk space for all tasks together. At least 64 MiB.
    pub scratch: Option<Bytes>,
    /// `worker.labels`: free words for placement. Up to 64, of up to 63 and 255 characters.
    pub labels: BTreeMap<String, String>,
    /// `worker.drain-timeout`: how long a stop waits for running work. Up to one day.
    pub drain_timeout: Span,
    /// `worker.on-stop`: what becomes of work that a stop does not wait for.
    pub on_stop: OnStop,
    /// `worker.nice`: how much media processes give way to others. 0 to 19.
    pub nice: u8,
    /// `worker.sandbox`: whether jobs are held to their own files and off the network.
    pub sandbox: Sandbox,
    /// `worker.sandbox-read`: files and directories that every job may read and run besides.
    pub sandbox_read: Vec<PathBuf>,
    /// `worker.sandbox-write`: directories that every job may fill besides.
    pub sandbox_write: Vec<PathBuf>,
}

/// What becomes of work that a stop does not wait for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnStop {
    /// It goes on by itself for the lease term, for the next start to go on with.
    #[default]
    Leave,
    /// It is ended, and done again.
    Interrupt,
}

impl std::str::FromStr for OnStop {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            "leave" => Ok(Self::Leave),
            "interrupt" => Ok(Self::Interrupt),
            _ => Err(ParseError::new(text, "a choice: leave or interrupt")),
        }
    }
}

/// Whether jobs run in sandboxes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sandbox {
    /// As far as the kernel has what it takes.
    #[default]
    Auto,
    /// Or no job is run.
    Required,
    /// They are not.
    Off,
}

impl std::str::FromStr for Sandbox {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            "auto" => Ok(Self::Auto),
            "required" => Ok(Self::Required),
            "off" => Ok(Self::Off),
            _ => Err(ParseError::new(text, "a choice: auto, required or off")),
        }
    }
}

impl Worker {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let least = Bytes::mib(64);
        let most = Bytes(1 << 60);
        Self {
            name: read_name(reader),
            max_tasks: reader.auto_within("worker.max-tasks", 1..=1_024),
            cpu: reader.auto_within("worker.cpu", Cpu(10)..=Cpu::whole(4_096)),
            memory: reader.auto_within("worker.memory", least..=most),
            scratch: reader.auto_within("worker.scratch", least..=most),
            labels: read_labels(reader),
            drain_timeout: reader.within(
                "worker.drain-timeout",
                Span::secs(10),
                Span::secs(0)..=Span::secs(86_400),
            ),
            on_stop: reader.value("worker.on-stop", OnStop::default()),
            nice: reader.within("worker.nice", 10, 0..=19),
            sandbox: reader.value("worker.sandbox", Sandbox::default()),
            sandbox_read: reader.paths("worker.sandbox-read", &[]),
            sandbox_write: reader.paths("worker.sandbox-write", &[]),
        }
    }
}

fn read_name(reader: &mut Reader<'_>) -> Option<String> {
    let name: String = reader.auto("worker.name")?;
    if name.chars().count() <= 63 {
        return Some(name);
    }
    let place = reader.whence("worker.name");
    let message = "is longer than 63 characters".to_owned();
    reader.problem(place, "worker.name", message, None);
    None
}

fn read_labels(reader: &mut Reader<'_>) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    for (name, (place, value)) in reader.map("worker.labels") {
        let fits =
            |text: &str, most| text.chars().count() <= most && !text.contains(char::is_control);
        if !name.is_empty() && fits(&name, 63) && fits(&value, 255) && labels.len() < 64 {
            labels.insert(name, value);
        } else {
            let message = format!("{name:?} is not a label");
            let hint = "up to 64 names of 1 to 63 characters, values of up to 255".to_owned();
            reader.problem(place, "worker.labels", message, Some(hint));
        }
    }
    labels
}
