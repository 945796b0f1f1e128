//! What a command line of FFmpeg or GStreamer that somebody else wrote will start, open and leave unbounded.
//!
//! [`script()`] reads text as a shell does, line by line; [`command()`] reads words that a shell has read already.
//! `shell` takes text apart into simple commands, `target` looks through wrappers for the program, `line` takes FFmpeg's
//! options apart and `gst` a pipeline. For FFmpeg `media` says what inputs are taken for, `touch` what is opened, `ends` what
//! never ends or waits for ever, `implied` what options bring with them, and `rewrite` makes the bounded command;
//! [`crate::threads`] counts.
//!
//! *Unbounded* is what the command does not bound itself: threads that grow with the machine's CPUs, memory that
//! grows with the input, an end that never comes, a wait for a network or a person. Nothing is guessed silently: what
//! cannot be read is in [`Report::unread`], what was taken for granted in [`report::Command::assumes`].

use std::collections::BTreeMap;

use ffleet_media::Probe;
use ffleet_types::node::Engine;

use crate::threads::Build;

mod ends;
mod ffmpeg;
mod gst;
mod implied;
mod line;
mod media;
pub mod report;
mod rewrite;
mod shell;
mod target;
mod touch;
mod word;

pub use report::Report;
use report::{Command, Program, Resource, Unbounded, Unread};
use shell::Simple;
use target::Target;
use word::Word;

/// How deep shells may be told to run shells.
const DEEPEST: u32 = 4;
/// Most inputs whose names are given for probing.
const MOST_INPUTS: usize = 256;

/// What an audit goes by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Machines that threads and memory are counted for: CPUs, from 1.
    pub cpus: Vec<u32>,
    /// CPUs that the bounded command may use, from 1.
    pub budget: u32,
    /// The release of FFmpeg, such as `5.1`.
    pub ffmpeg: String,
    /// Seconds after which the bounded command ends what would never end.
    pub longest: u64,
}

impl Policy {
    /// The engine that is meant, of which nothing but its release is known.
    pub(crate) fn engine(&self) -> Engine {
        Engine {
            name: "ffmpeg".to_owned(),
            path: String::new(),
            version: self.ffmpeg.clone(),
            hash: String::new(),
            encoders: Vec::new(),
            decoders: Vec::new(),
            filters: Vec::new(),
            muxers: Vec::new(),
            listed: Vec::new(),
            unproven: BTreeMap::new(),
            threads: BTreeMap::new(),
            memory: BTreeMap::new(),
        }
    }

    pub(crate) fn build(&self) -> Build {
        Build::of(&self.engine())
    }
}

/// Audits the words of one command. `probes` says what is in inputs that somebody has looked at, by their names.
#[must_use]
pub fn command(words: &[String], policy: &Policy, probes: &BTreeMap<String, Probe>) -> Report {
    let words = words.iter().map(Word::known).collect();
    let simple = Simple { line: 1, words, ..Simple::default() };
    let mut audit = Audit::new(policy, probes);
    audit.simple(&simple, 0);
    audit.done()
}

/// Audits a script: commands of a shell, as many as there are.
#[must_use]
pub fn script(text: &str, policy: &Policy, probes: &BTreeMap<String, Probe>) -> Report {
    let mut audit = Audit::new(policy, probes);
    audit.text(text, 1, 0);
    audit.done()
}

/// The names of inputs that could be looked at, each once: files and addresses as FFmpeg is told them.
#[must_use]
pub fn inputs(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    for simple in shell::read(text).commands {
        if let Target::Read(found) = target::target(&simple.words)
            && found.program == Program::Ffmpeg
            && let Ok(line) = line::Line::of(&found.args)
        {
            for file in &line.inputs {
                let word = &found.args[file.at];
                let is_plain = word.is_known() && file.part(&found.args).whole("f").is_none();
                if is_plain
                    && !touch::is_pipe(&word.text)
                    && !names.contains(&word.text)
                    && names.len() < MOST_INPUTS
                {
                    names.push(word.text.clone());
                }
            }
        }
    }
    names
}

/// Words as a shell is told them.
#[must_use]
pub fn quoted(words: &[String]) -> String {
    words
        .iter()
        .map(|word| word::quoted(word))
        .collect::<Vec<_>>()
        .join(" ")
}

struct Audit<'a> {
    policy: &'a Policy,
    probes: &'a BTreeMap<String, Probe>,
    report: Report,
}

impl<'a> Audit<'a> {
    fn new(policy: &'a Policy, probes: &'a BTreeMap<String, Probe>) -> Self {
        let report = Report { ffmpeg: policy.ffmpeg.clone(), ..Report::default() };
        Self { policy, probes, report }
    }

    fn done(self) -> Report {
        let mut report = self.report;
        report.bounded = report.unread.is_empty()
            && report.commands.iter().all(|command| command.unbounded.is_empty());
        report
    }

    /// Reads text that begins in `line`, inside `depth` shells.
    fn text(&mut self, text: &str, line: usize, depth: u32) {
        let script = shell::read(text);
        let moved = |unread: Unread| Unread { line: unread.line + line - 1, ..unread };
        self.report.unread.extend(script.unread.into_iter().map(moved));
        for simple in script.commands {
            let simple = Simple { line: simple.line + line - 1, ..simple };
            self.simple(&simple, depth);
        }
        self.report.unread.sort_by_key(|unread| unread.line);
    }

    fn simple(&mut self, simple: &Simple, depth: u32) {
        let read = match target::target(&simple.words) {
            Target::Nothing => return,
            Target::Other(name) => {
                let is_builtin = target::BUILTINS.contains(&name.as_str());
                if !is_builtin
                    && !self.report.others.contains(&name)
                    && self.report.others.len() < MOST_INPUTS
                {
                    self.report.others.push(name);
                }
                return;
            }
            Target::Shell(text) if depth < DEEPEST => {
                return self.text(&text, simple.line, depth + 1);
            }
            Target::Shell(_) => {
                Err("shells run shells too deep here: write the command itself".to_owned())
            }
            Target::Unread(why) => Err(why),
            Target::Read(found) => match found.program {
                Program::Ffmpeg => ffmpeg::audit(&found, self.policy, self.probes),
                Program::GstLaunch => gst::audit(&found, self.policy),
            },
        };
        match read {
            Ok(command) => self.report.commands.push(placed(command, simple)),
            Err(why) => {
                let text = word::line(&simple.words);
                self.report.unread.push(shell::unread(simple.line, &text, &why));
            }
        }
    }
}

/// A command with what its place in a script says of it.
fn placed(mut command: Command, simple: &Simple) -> Command {
    command.line = simple.line;
    for redirect in &simple.redirects {
        let written = format!(" {} {}", redirect.sign, redirect.target.shown());
        command.text.push_str(&written);
        if let Some(rewrite) = &mut command.rewrite {
            rewrite.push_str(&written);
        }
    }
    if simple.is_piped {
        command
            .implies
            .push("a pipe: it ends when the other end does".to_owned());
    }
    if simple.loops > 0 {
        command
            .implies
            .push("inside a loop: once for each time it goes round".to_owned());
    }
    if simple.is_background {
        command
            .implies
            .push("in the background: what comes after it does not wait".to_owned());
        if simple.loops > 0 {
            command.unbounded.push(Unbounded {
                what: Resource::Processes,
                why: "the loop starts the next one without waiting for this one".to_owned(),
                fix: "leave out the &, or start a known number and wait".to_owned(),
            });
            command.rewrite = None;
        }
    }
    command
}

#[cfg(test)]
mod tests;
