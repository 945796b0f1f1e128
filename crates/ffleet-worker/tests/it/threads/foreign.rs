//! Commands that were not made here, as people write them: what an audit says of their threads is held against the
//! live process, on machines of 2 and 64 CPUs as FFmpeg sees them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use ffleet_engine::audit::{self, Policy};
use ffleet_engine::probe::{Question, command, parse};
use ffleet_media::Probe;
use ffleet_testkit::cpus::{Cpus, count};
use ffleet_testkit::media::Clip;

use super::corpus::long;
use super::subject::Subject;
use super::{Row, enough, judge};
use crate::fixture::run;
use crate::kept::{Kept, is_asked_for};

/// Machines, as FFmpeg sees them.
const SEEN: [u32; 2] = [2, 64];

/// Commands, a line each, without `ffmpeg`. Words in capitals stand for clips; DIR is where results go.
const COMMANDS: &str = include_str!("foreign.txt");

/// The commands, comments left out.
pub(super) fn all() -> Vec<&'static str> {
    let lines = COMMANDS.lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect()
}

/// The clips that the commands name, and what they hold.
static CLIPS: LazyLock<BTreeMap<&'static str, (String, Probe)>> = LazyLock::new(|| {
    let clips = [
        ("CLIP", Clip::Ordinary),
        ("DEEP", Clip::Hdr10),
        ("TRACKS", Clip::Tracks),
        ("FIELDS", Clip::Interlaced),
        ("SILENT", Clip::PictureOnly),
        ("SOUND", Clip::HighSound),
    ];
    let of = |(word, clip): (&'static str, Clip)| {
        let name = long(clip).to_str().unwrap().to_owned();
        let asked = command(&ffleet_media::Source::File(name.clone()), Question::Tracks);
        let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
        (word, (name, parse(&run("ffprobe", &asked)).unwrap()))
    };
    clips.into_iter().map(of).collect()
});

/// The words of a command whose results go into `dir`.
fn words(line: &str, dir: &Path) -> Vec<String> {
    let mut text = line.replace("DIR", dir.to_str().unwrap());
    for (word, (name, _)) in CLIPS.iter() {
        text = text.replace(&format!("-i {word}"), &format!("-i {name}"));
    }
    split(&text)
}

/// Words between spaces; quotes keep spaces.
fn split(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in text.chars() {
        match c {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().unwrap().push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whether the build has the encoders and filters that a command names.
fn is_possible(subject: &Subject, words: &[String]) -> bool {
    let named = words.windows(2).filter(|pair| {
        pair[0].starts_with("-c:") || matches!(pair[0].as_str(), "-vcodec" | "-acodec" | "-c")
    });
    named.map(|pair| pair[1].as_str()).all(|name| {
        matches!(name, "copy" | "rawvideo" | "wrapped_avframe")
            || name.starts_with("pcm_")
            || subject.engine.encoders.iter().any(|known| known == name)
    })
}

/// Options that make a command tell how far it is and change no thread.
const TELLING: [&str; 8] = [
    "-hide_banner",
    "-nostdin",
    "-nostats",
    "-loglevel",
    "level+error",
    "-y",
    "-progress",
    "pipe:1",
];

/// What an audit says of the command, and how many threads it had where `machine` CPUs are seen.
fn counted(kept: &mut Kept<Row>, subject: &Subject, line: &str, machine: u32) -> Option<Row> {
    let dir = tempfile::Builder::new().prefix("audit-").tempdir().unwrap();
    let words = words(line, dir.path());
    if !is_possible(subject, &words) {
        return None;
    }
    let mut args: Vec<String> = TELLING.map(str::to_owned).to_vec();
    args.extend(words);
    let predicted = predicted(subject, &args, machine);
    let command = format!("{} on {machine} CPUs: {line}", subject.engine.version);
    if let Some(row) = kept.find(&command).filter(|row| row.is_fine) {
        return Some(Row { predicted, ..row });
    }
    let outputs = line.matches("DIR").count() + line.matches("-f null -").count();
    let enough = (outputs == 1 && !line.contains("-frames")).then(|| enough(subject, &args));
    let counted = count(&subject.program, &args, Cpus { machine, allowed: machine }, enough);
    let complaint = counted.complaint();
    let what = complaint
        .as_ref()
        .map_or_else(|| line.to_owned(), |complaint| format!("{line}: FAILED: {complaint}"));
    let row = Row {
        is_fine: complaint.is_none(),
        what,
        machine,
        budget: machine,
        predicted,
        peak: counted.peak,
    };
    kept.add(command, row.clone());
    Some(row)
}

fn predicted(subject: &Subject, args: &[String], machine: u32) -> u32 {
    let policy = Policy {
        cpus: vec![machine],
        budget: 2,
        ffmpeg: subject.engine.version.clone(),
        longest: 60,
    };
    let probes = CLIPS.values().cloned().collect();
    let mut words = vec!["ffmpeg".to_owned()];
    words.extend_from_slice(args);
    let report = audit::command(&words, &policy, &probes);
    assert!(report.unread.is_empty(), "{:?}", report.unread);
    report.commands[0].machines[0].threads
}

fn hold(subject: Option<Subject>, name: &str, step: usize) {
    let Some(subject) = subject else { return };
    let mut kept = if step == 1 { Kept::of(name) } else { Kept::nowhere() };
    let mut rows = Vec::new();
    for (number, line) in all().into_iter().enumerate().step_by(step) {
        // A part has each command at one of the machines.
        let seen: Vec<u32> = if step == 1 {
            SEEN.to_vec()
        } else {
            vec![SEEN[number / step % SEEN.len()]]
        };
        for machine in seen.into_iter().filter(|_| is_asked_for(line)) {
            rows.extend(counted(&mut kept, &subject, line, machine));
        }
    }
    judge(name, &rows);
}

#[test]
fn audit_counts_the_threads_of_foreign_commands() {
    hold(Subject::debian(), "foreign", 4);
}

#[test]
fn audit_counts_the_threads_of_foreign_commands_of_a_new_ffmpeg() {
    hold(Subject::wheel(), "new foreign", 4);
}

#[test]
#[ignore = "soak: each command on each machine, some minutes"]
fn soak_audit_counts_the_threads_of_foreign_commands() {
    hold(Subject::debian(), "soak_foreign", 1);
}

#[test]
#[ignore = "soak: each command on each machine, some minutes"]
fn soak_audit_counts_the_threads_of_foreign_commands_of_a_new_ffmpeg() {
    hold(Subject::wheel(), "soak_new_foreign", 1);
}

#[test]
fn corpus_has_commands_of_many_kinds() {
    let all = all();
    assert!(all.len() >= 100, "{}", all.len());
    for kind in [
        "-filter_complex",
        "-f tee",
        "-f segment",
        "-f hls",
        "-f lavfi",
        "-stream_loop",
        "-c copy",
        "libx265",
        "libsvtav1",
        "libvpx",
        "-threads 0",
        "-map",
        "-f null",
        "-progress",
        "-an",
        "-vn",
        "-x264-params",
        "-f dash",
        "-f fifo",
    ] {
        assert!(all.iter().any(|line| line.contains(kind)) || TELLING.contains(&kind), "{kind}");
    }
}
