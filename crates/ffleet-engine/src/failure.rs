//! Why FFmpeg failed, as a reason that decides what happens next and as words for a person.
//!
//! FFmpeg's exit code says little (1 for nearly everything), and sometimes lies: a result whose end
//! could not be written for a full disk exits with 0 in FFmpeg 5. So its last words are read too,
//! by a table of phrases that have been stable for a decade; a phrase that is not in the table
//! makes the failure the engine's own (`runtime_error`).

use ffleet_media::Source;
use ffleet_types::Reason;

mod table;
mod web;

use table::{Side, TABLE};

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

/// What is known beside FFmpeg's own words.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// What was read.
    pub source: &'a Source,
    /// What was written to: work files and live destinations.
    pub outputs: &'a [String],
    /// Whether the kernel killed it for its memory limit.
    pub out_of_memory: bool,
}

/// Longest message, in characters. FFmpeg can repeat a whole command line in an error.
const LONGEST: usize = 500;
/// How many of its last different words are told.
const TOLD: usize = 3;

/// Why a process failed that ended with `exit` and wrote `stderr` (its end is enough).
#[must_use]
pub fn classify(exit: Exit, stderr: &str, scene: &Scene<'_>) -> (Reason, String) {
    let words = last_words(stderr);
    let told = tell(&words);
    let told = told.as_deref();
    if scene.out_of_memory {
        return (
            Reason::OutOfMemory,
            said("FFmpeg went over its memory limit and was killed", told),
        );
    }
    let code = match exit {
        Exit::Signal(9) | Exit::Code(137) => {
            let why = "FFmpeg was killed (SIGKILL), and not by ffleet: most likely the machine had no memory left";
            return (Reason::OutOfMemory, said(why, told));
        }
        Exit::Signal(25) | Exit::Code(153) => {
            return (
                Reason::ResourceError,
                said(
                    "FFmpeg reached the limit on the size of a file, which is its scratch space: allow it more, or ask for less",
                    told,
                ),
            );
        }
        Exit::Signal(signal) => {
            let why = format!("FFmpeg crashed ({})", signal_name(signal));
            return (Reason::RuntimeError, said(&why, told));
        }
        Exit::Code(255) if is_interrupt(stderr) => {
            return (Reason::Interrupted, said("FFmpeg was asked to stop", told));
        }
        Exit::Code(code) => code,
    };
    let reason = recognise(stderr, scene);
    // FFmpeg's own words for these are a long list of formats, or blame the network.
    if matches!(reason, None | Some(Reason::InputError | Reason::NetworkError)) {
        if let Some(why) = refused_format(stderr) {
            return (Reason::InputError, why);
        }
        if web::cannot_seek(stderr, scene.source) {
            return (Reason::InputError, said(web::CANNOT_SEEK, told));
        }
    }
    match reason {
        Some(reason) => (reason, told.unwrap_or("FFmpeg failed").to_owned()),
        None => {
            let why = match told {
                Some(_) => "FFmpeg failed".to_owned(),
                None => format!("FFmpeg ended with code {code} and said nothing"),
            };
            (Reason::RuntimeError, said(&why, told))
        }
    }
}

/// What went wrong although FFmpeg ended with code 0: an end that could not be written, an input
/// that broke off. Nothing, if nothing did.
#[must_use]
pub fn despite_success(stderr: &str, scene: &Scene<'_>) -> Option<(Reason, String)> {
    const SIGNS: [(&str, Option<Reason>); 7] = [
        ("Error writing trailer", None),
        ("Error closing file", None),
        ("No space left on device", Some(Reason::ResourceError)),
        ("File ended prematurely", Some(Reason::InputError)),
        (": partial file", Some(Reason::InputError)),
        ("Stream ends prematurely", Some(Reason::NetworkError)),
        ("av_interleaved_write_frame()", None),
    ];
    let complaints = || {
        let lines = stderr.lines().map(Line::read).filter(Line::is_complaint);
        lines.filter(|line| !web::is_plain_end(line.text))
    };
    let is_broken = web::is_broken(stderr, scene.source);
    let reason = SIGNS
        .iter()
        .find(|(sign, _)| complaints().any(|line| line.text.contains(sign)))
        .map(|(_, reason)| *reason)
        .or_else(|| is_broken.then_some(Some(Reason::NetworkError)))?;
    let words = last_words(stderr);
    let cannot_seek = web::cannot_seek(stderr, scene.source);
    let reason = match reason {
        Some(Reason::InputError | Reason::NetworkError) if cannot_seek => Some(Reason::InputError),
        // A file that is cut short on its server is delivered without a complaint of the network.
        Some(Reason::InputError) if is_broken => Some(Reason::NetworkError),
        reason => reason,
    };
    let lead = match reason {
        Some(Reason::InputError) if cannot_seek => web::CANNOT_SEEK,
        Some(Reason::InputError) => "the input breaks off before its end",
        Some(Reason::NetworkError) => "the connection broke before the input's end",
        _ => "the result could not be written to its end",
    };
    let reason = reason
        .or_else(|| recognise(stderr, scene))
        .unwrap_or(Reason::RuntimeError);
    Some((reason, said(lead, tell(&words).as_deref())))
}

/// What to say of an input whose format is none that may be read, if it is that.
fn refused_format(stderr: &str) -> Option<String> {
    let line = stderr
        .lines()
        .find(|line| line.contains("[error] Format not on whitelist"))?;
    let format = line.strip_prefix('[')?.split_once(" @ 0x")?.0;
    Some(match format {
        "hls" | "dash" | "concat" | "imf" | "webm_dash_manifest" => format!(
            "the input is a playlist ({format}), which names other files to read: playlists are not \
             taken; name the media file itself"
        ),
        _ => {
            format!("the input's format ({format}) is not taken: convert it to a media file first")
        }
    })
}

/// The reason that the table knows for the last line it knows anything about.
fn recognise(stderr: &str, scene: &Scene<'_>) -> Option<Reason> {
    // The order of the table decides, not of the lines: the first cause of a cascade of errors
    // may be anywhere in it, but a full disk is always the reason.
    TABLE.iter().find_map(|entry| {
        stderr
            .lines()
            .map(Line::read)
            .filter(Line::is_complaint)
            .any(|line| line.text.contains(entry.phrase) && entry.side.is_of(line.text, scene))
            .then_some(entry.reason)
    })
}

impl Side {
    /// Whether a line speaks of this side of the job.
    fn is_of(self, text: &str, scene: &Scene<'_>) -> bool {
        let about_output = || scene.outputs.iter().any(|output| text.contains(output.as_str()));
        match self {
            Self::Any => true,
            Self::Output => about_output(),
            Self::Input => !about_output(),
            Self::Url => matches!(scene.source, Source::Url(_)),
        }
    }
}

/// One line of stderr, with FFmpeg's marks taken off.
struct Line<'a> {
    level: &'a str,
    text: &'a str,
}

impl<'a> Line<'a> {
    /// Takes `[libx264 @ 0x55d0] [error] text` apart. Libraries write `x264 [error]: text`.
    fn read(line: &'a str) -> Self {
        let mut rest = line.trim();
        let mut level = "";
        while let Some((mark, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'))
        {
            let is_level = matches!(
                mark,
                "quiet"
                    | "panic"
                    | "fatal"
                    | "error"
                    | "warning"
                    | "info"
                    | "verbose"
                    | "debug"
                    | "trace"
            );
            if is_level {
                level = mark;
            } else if !mark.contains(" @ 0x") {
                break;
            }
            rest = after.trim_start();
        }
        if level.is_empty()
            && let Some((_, after)) = rest.split_once(" [error]: ")
        {
            return Self { level: "error", text: after };
        }
        Self { level, text: rest }
    }

    fn is_complaint(&self) -> bool {
        // The error that follows these says only "4XX Client Error", and they will pass.
        let passing = matches!(self.text.get(..14), Some("HTTP error 408" | "HTTP error 429"));
        (passing || matches!(self.level, "panic" | "fatal" | "error")) && !self.text.is_empty()
    }

    fn is_warning(&self) -> bool {
        self.level == "warning" && !self.text.is_empty()
    }
}

/// Lines that follow from others and say nothing of their own.
const EMPTY: [&str; 6] = [
    "Conversion failed!",
    "Error while filtering: Invalid argument",
    "Exiting normally",
    "Last message repeated",
    "Failed to inject frame into filter network",
    "Error reinitializing filters!",
];

/// The last complaints, without repetitions and addresses, oldest first; warnings where there are
/// no complaints.
fn last_words(stderr: &str) -> Vec<&str> {
    let collect = |matches: &dyn Fn(&Line<'_>) -> bool| {
        let mut words: Vec<&str> = Vec::new();
        for line in stderr.lines().rev().map(Line::read).filter(|line| matches(line)) {
            let text = line.text.trim_end_matches([' ', '-', ':']);
            let is_empty = text.is_empty() || EMPTY.iter().any(|empty| text.starts_with(empty));
            if !is_empty && !words.contains(&text) && words.len() < TOLD {
                words.push(text);
            }
        }
        words.reverse();
        words
    };
    let complaints = collect(&|line| line.is_complaint());
    if complaints.is_empty() {
        collect(&|line| line.is_warning())
    } else {
        complaints
    }
}

fn tell(words: &[&str]) -> Option<String> {
    if words.is_empty() {
        return None;
    }
    let told: String = words.join("; ").replace("file:/", "/");
    let mut short: String = told.chars().take(LONGEST).collect();
    if short.len() < told.len() {
        short.push('…');
    }
    Some(short)
}

fn said(why: &str, told: Option<&str>) -> String {
    match told {
        Some(told) => format!("{why}: {told}"),
        None => why.to_owned(),
    }
}

fn is_interrupt(stderr: &str) -> bool {
    stderr
        .lines()
        .any(|line| line.contains("Exiting normally, received signal"))
}

fn signal_name(signal: i32) -> String {
    let name = match signal {
        2 => "SIGINT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        31 => "SIGSYS",
        _ => return format!("signal {signal}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests;
