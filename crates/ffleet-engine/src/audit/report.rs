//! What an audit says: the same for the command line, the API and tests.

use serde::{Deserialize, Serialize};

/// The audit of one command line, or of a script.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// The release of FFmpeg that was taken.
    pub ffmpeg: String,
    /// Whether everything was read and nothing of it is unbounded.
    pub bounded: bool,
    /// The commands of FFmpeg and GStreamer, in their order.
    pub commands: Vec<Command>,
    /// What could not be read, and may start something.
    pub unread: Vec<Unread>,
    /// Other programs that are started, each once. They are not looked into.
    pub others: Vec<String>,
}

/// What a command starts, opens and leaves unbounded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Command {
    /// The line it begins in, from 1.
    pub line: usize,
    /// The command, as a shell reads it.
    pub text: String,
    /// What it is of.
    pub program: Program,
    /// What stands before it and starts it: `nice`, `timeout`.
    pub wrappers: Vec<String>,
    /// Processes that run while it does, wrappers that wait for it among them.
    pub processes: u32,
    /// Threads and memory, for each number of CPUs that was asked for.
    pub machines: Vec<Machine>,
    /// Files, sockets, devices and pipes.
    pub opens: Vec<Opened>,
    /// What its options bring with them.
    pub implies: Vec<String>,
    /// What is not in the command and was taken for granted.
    pub assumes: Vec<String>,
    /// What nothing bounds.
    pub unbounded: Vec<Unbounded>,
    /// The same command with everything bounded; nothing where it is bounded already.
    pub rewrite: Option<String>,
}

/// A program whose commands are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Program {
    /// `ffmpeg`.
    #[default]
    Ffmpeg,
    /// `gst-launch-1.0`.
    GstLaunch,
}

/// What a command is on a machine with so many CPUs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Machine {
    /// CPUs of the machine.
    pub cpus: u32,
    /// Most threads at once, the main one among them.
    pub threads: u32,
    /// Of these, those that only follow from what was assumed of inputs.
    pub assumed_threads: u32,
    /// Where they come from; the main thread is not among them.
    pub pools: Vec<Pool>,
    /// The largest resident set, in bytes; nothing where it cannot be said.
    pub memory: Option<u64>,
}

/// Threads of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Pool {
    /// Whose they are.
    pub of: String,
    /// How many.
    pub threads: u32,
    /// What decides on their number.
    pub by: By,
}

/// What decides on the size of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// An option of the command.
    Option,
    /// The CPUs that the program sees.
    Cpus,
    /// The program itself, whatever the machine.
    Program,
}

/// Something that is opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Opened {
    /// What it is.
    pub what: Kind,
    /// Whether it is read or written.
    pub way: Way,
    /// Its name or address; what looks like a secret in it is left out.
    pub name: String,
    /// The option, filter or element that names it.
    pub by: String,
}

/// What is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A file, or several after one pattern.
    File,
    /// A connection, or a port that is listened at.
    Socket,
    /// A camera, a screen, a sound card.
    Device,
    /// Standard input or output, or another descriptor.
    Pipe,
    /// Code that is loaded.
    Code,
}

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// It is read.
    Reads,
    /// It is written.
    Writes,
}

/// Something without a bound.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Unbounded {
    /// Of what there is no end.
    pub what: Resource,
    /// Where, and why.
    pub why: String,
    /// What bounds it.
    pub fix: String,
}

/// Of what there may be no end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resource {
    /// Threads: they grow with the machine.
    Threads,
    /// Memory: it grows with the input.
    Memory,
    /// Time: it does not end by itself.
    Time,
    /// Waiting: for a network or a person that may never answer.
    Wait,
    /// Space: files grow for as long as it runs.
    Space,
    /// Processes: it is not said how many.
    Processes,
}

/// What could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Unread {
    /// The line, from 1.
    pub line: usize,
    /// What stands there, shortened.
    pub text: String,
    /// Why it cannot be read, and what to do.
    pub why: String,
}
