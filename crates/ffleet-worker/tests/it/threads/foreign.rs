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
use ffleet_testkit::need;

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
        stood_still: false,
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

/// What a result is: its tracks, their codecs and sizes, and the container.
fn kind_of(path: &Path) -> String {
    let asked = [
        "-v",
        "error",
        "-show_entries",
        "stream=codec_name,width,height,pix_fmt:format=format_name",
        "-of",
        "flat",
    ];
    let mut args: Vec<&str> = asked.to_vec();
    args.push(path.to_str().unwrap());
    run("ffprobe", &args)
}

#[test]
fn bounded_commands_run_and_make_the_same_kind_of_result() {
    if Subject::debian().is_none() {
        return;
    }
    let is_one_file = |line: &&&str| {
        line.matches("DIR/o.").count() == 1 && !line.contains("-f hls") && !line.contains("-f dash")
    };
    let commands: Vec<&str> = all().iter().filter(is_one_file).step_by(6).copied().collect();
    assert!(commands.len() >= 10, "{}", commands.len());
    for line in commands {
        let (before, after) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let policy = Policy { cpus: vec![2, 64], budget: 2, ffmpeg: "5.1".to_owned(), longest: 60 };
        let mut results = Vec::new();
        for (dir, is_bounded) in [(before.path(), false), (after.path(), true)] {
            let mut asked = vec!["ffmpeg".to_owned(), "-v".to_owned(), "error".to_owned()];
            asked.extend(words(line, dir));
            let report = audit::command(&asked, &policy, &BTreeMap::new());
            let command = &report.commands[0];
            let text = if is_bounded {
                command.rewrite.as_ref().unwrap_or(&command.text)
            } else {
                &command.text
            };
            run("sh", &["-c", &format!("{text} < /dev/null")]);
            let made = std::fs::read_dir(dir).unwrap().next().unwrap().unwrap().path();
            results.push(kind_of(&made).replace(dir.to_str().unwrap(), ""));
        }
        assert_eq!(results[0], results[1], "{line}");
    }
}

/// Pipelines, without `gst-launch-1.0`. CLIP is a clip.
const PIPELINES: &[&str] = &[
    "fakesrc num-buffers=50 ! fakesink",
    "videotestsrc num-buffers=50 ! queue ! queue ! fakesink",
    "videotestsrc num-buffers=50 ! tee name=t ! queue ! fakesink t. ! queue ! fakesink",
    "videotestsrc num-buffers=50 ! x264enc ! fakesink",
    "videotestsrc num-buffers=50 ! x264enc threads=8 ! fakesink",
    "videotestsrc num-buffers=50 ! x264enc threads=1 ! matroskamux ! fakesink",
    "videotestsrc num-buffers=50 ! x264enc tune=zerolatency ! fakesink",
    "videotestsrc num-buffers=50 ! video/x-raw,width=1280,height=720 ! x264enc speed-preset=ultrafast ! fakesink",
    "videotestsrc num-buffers=50 ! x264enc threads=4 ! mpegtsmux ! fakesink",
    "videotestsrc num-buffers=50 ! x264enc threads=2 ! flvmux ! fakesink",
    "videotestsrc num-buffers=50 ! x264enc threads=2 ! mp4mux ! fakesink",
    "videotestsrc num-buffers=50 ! vp8enc ! webmmux ! fakesink",
    "videotestsrc num-buffers=20 ! videoconvert ! theoraenc ! fakesink",
    "videotestsrc num-buffers=20 ! compositor ! fakesink",
    "videotestsrc num-buffers=20 ! video/x-raw,width=1920,height=1080 ! compositor ! fakesink",
    "audiotestsrc num-buffers=20 ! audioconvert ! audiomixer ! fakesink",
    "filesrc location=CLIP ! qtdemux ! h264parse ! avdec_h264 ! fakesink",
    "filesrc location=CLIP ! qtdemux ! h264parse ! avdec_h264 max-threads=2 ! fakesink",
];

#[test]
fn audit_counts_the_threads_of_pipelines() {
    let Some(program) = need::program("gst-launch-1.0") else {
        return;
    };
    if Subject::debian().is_none() {
        return;
    }
    let mut rows = Vec::new();
    for line in PIPELINES {
        let line = line.replace("CLIP", &CLIPS["CLIP"].0);
        let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
        for machine in SEEN {
            let policy =
                Policy { cpus: vec![machine], budget: 2, ffmpeg: "5.1".to_owned(), longest: 60 };
            let mut asked = vec!["gst-launch-1.0".to_owned()];
            asked.extend_from_slice(&args);
            let report = audit::command(&asked, &policy, &BTreeMap::new());
            let counted = count(&program, &args, Cpus { machine, allowed: machine }, None);
            assert!(counted.complaint().is_none(), "{line}: {}", counted.words);
            let predicted = report.commands[0].machines[0].threads;
            rows.push(Row {
                what: line.clone(),
                is_fine: true,
                stood_still: false,
                machine,
                budget: machine,
                predicted,
                peak: counted.peak,
            });
        }
    }
    judge("pipelines", &rows);
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
