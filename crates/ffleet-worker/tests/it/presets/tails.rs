//! A person's own options that are let through, run by a real FFmpeg under a tracer: each makes its
//! one output, opens nothing else to write, and talks to nobody.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use ffleet_engine::plan::Budget;
use ffleet_engine::probe::{Question, command, parse};
use ffleet_media::Spec;
use ffleet_testkit::cpus::new_ffmpeg;
use ffleet_testkit::{media::Clip, need};
use ffleet_types::Cpu;
use ffleet_types::node::Engine;
use serde_json::json;

use super::clip;
use crate::fixture::{names, run};

/// What the engine's own tests hold to be ordinary.
const TAILS: &str = include_str!("../../../../ffleet-engine/src/raw/corpus/ordinary.txt");
/// What a process must do to leave a trace outside its output.
const CALLS: &str = "trace=open,openat,creat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,\
     mkdir,mkdirat,unlink,unlinkat,truncate,connect,bind,sendto,execve";

/// The ending that suits a tail.
fn ending(tail: &str) -> &'static str {
    let has = |words: &[&str]| words.iter().any(|word| tail.contains(word));
    if has(&["palettegen"]) {
        "gif"
    } else if has(&["libmp3lame"]) {
        "mp3"
    } else if has(&["-vn -c:a flac"]) {
        "flac"
    } else if has(&["mov_text", "movflags", "hvc1"]) {
        "mp4"
    } else {
        "mkv"
    }
}

/// The clip that a tail has something to do with.
fn input(tail: &str) -> Clip {
    let many = ["-map ", "-disposition", "pan="];
    if many.iter().any(|word| tail.contains(word)) {
        Clip::Tracks
    } else {
        Clip::Ordinary
    }
}

/// FFmpeg's arguments for `tail`, as a job's plan has them.
fn planned(tail: &str, target: &Path) -> Vec<String> {
    let args: Vec<String> = tail.split(' ').map(|word| word.replace('␣', " ")).collect();
    let args: Vec<&String> = args.iter().filter(|word| !word.is_empty()).collect();
    let source = clip(input(tail));
    let target = target.to_str().unwrap();
    let spec: Spec = serde_json::from_value(json!({
        "input": source.to_str().unwrap(),
        "outputs": [{"target": target, "make": {"raw": {"args": args}}}],
    }))
    .unwrap();
    let asked = command(&spec.input, Question::Tracks);
    let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
    let probe = parse(&run("ffprobe", &asked)).unwrap();
    let engine = Engine {
        name: "ffmpeg".to_owned(),
        path: "ffmpeg".to_owned(),
        version: "5.1".to_owned(),
        hash: String::new(),
        encoders: Vec::new(),
        decoders: Vec::new(),
        filters: Vec::new(),
        muxers: Vec::new(),
        listed: Vec::new(),
        unproven: BTreeMap::new(),
        threads: BTreeMap::new(),
        memory: BTreeMap::new(),
    };
    let budget = Budget::fitted(Cpu::whole(1));
    ffleet_engine::plan(&spec, &probe, &engine, budget, &[target.to_owned()])
        .unwrap_or_else(|refused| panic!("{tail}: {refused}"))
        .args
}

/// What a traced call did beyond reading files and writing `target`; nothing if that was all.
fn misdeed<'a>(call: &'a str, program: &str, target: &str) -> Option<&'a str> {
    let call = call.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
    let is_open = call.starts_with("open");
    let writes = ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC"]
        .iter()
        .any(|flag| call.contains(flag));
    let own = [target, "/dev/null"]
        .iter()
        .any(|path| call.contains(&format!("\"{path}\"")));
    // The program itself, and lines that are no calls: ends, signals, the rest of a call.
    let is_no_call = call.starts_with(&format!("execve(\"{program}\""))
        || call.starts_with(['+', '-', '<'])
        || call.is_empty();
    // libx264 and its kind may look for their way around by names that are not there.
    let failed_read = is_open && !writes;
    let harmless = is_no_call || failed_read || is_open && own;
    (!harmless).then_some(call)
}

/// Runs every fourth tail from `first` on.
fn write_one_file_each(first: usize) {
    if need::ffmpeg().is_none() || need::ffprobe().is_none() || need::program("strace").is_none() {
        return;
    }
    let ffmpeg = need::ffmpeg().unwrap();
    let mut wrong = Vec::new();
    for tail in TAILS.lines().filter(|tail| !tail.is_empty()).skip(first).step_by(4) {
        // Debian's has no libvmaf.
        let program = match tail.contains("libvmaf") {
            true => new_ffmpeg(),
            false => Some(ffmpeg.clone()),
        };
        let Some(program) = program else { continue };
        let dir = tempfile::Builder::new().prefix("tails-").tempdir().unwrap();
        let [work, log] = ["work", "log"].map(|name| dir.path().join(name));
        fs::create_dir(&work).unwrap();
        let target = work.join(format!("out.{}", ending(tail)));
        let target = target.to_str().unwrap();
        #[expect(clippy::disallowed_methods, reason = "a test traces what the guard would start")]
        let output = std::process::Command::new("strace")
            .args(["-f", "-qq", "-s", "512", "-e", CALLS, "-o", log.to_str().unwrap()])
            .arg(&program)
            .args(planned(tail, Path::new(target)))
            .current_dir(&work)
            .env("TMPDIR", &work)
            .env("HOME", &work)
            .output()
            .unwrap();
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let last: Vec<&str> = said.lines().rev().take(4).collect();
            wrong.push(format!("{tail}\n  failed: {last:#?}"));
            continue;
        }
        let left = names(&work);
        if left != [format!("out.{}", ending(tail))] {
            wrong.push(format!("{tail}\n  left {left:?}"));
        }
        let traced = fs::read_to_string(&log).unwrap();
        assert!(traced.contains(target), "the trace shows the output being opened");
        let misdeeds = traced
            .lines()
            .filter_map(|call| misdeed(call, program.to_str().unwrap(), target));
        wrong.extend(misdeeds.map(|call| format!("{tail}\n  {call}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn first_quarter_of_ordinary_tails_writes_one_file_each() {
    write_one_file_each(0);
}

#[test]
fn second_quarter_of_ordinary_tails_writes_one_file_each() {
    write_one_file_each(1);
}

#[test]
fn third_quarter_of_ordinary_tails_writes_one_file_each() {
    write_one_file_each(2);
}

#[test]
fn last_quarter_of_ordinary_tails_writes_one_file_each() {
    write_one_file_each(3);
}

#[test]
fn misdeeds_are_seen() {
    const PROGRAM: &str = "/usr/bin/ffmpeg";
    let target = "/tmp/w/out.mkv";
    for call in [
        r#"7 openat(AT_FDCWD, "/tmp/w/x264.stats", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 5"#,
        r#"7 connect(3, {sa_family=AF_INET, sin_port=htons(80)}, 16) = 0"#,
        r#"rename("/tmp/w/a", "/tmp/w/out.mkv") = 0"#,
        r#"execve("/bin/sh", ["sh"], 0x7ffd) = 0"#,
    ] {
        assert!(misdeed(call, PROGRAM, target).is_some(), "{call}");
    }
    for call in [
        r#"7 openat(AT_FDCWD, "/tmp/w/out.mkv", O_RDWR|O_CREAT|O_TRUNC, 0666) = 5"#,
        r#"openat(AT_FDCWD, "/etc/ld.so.cache", O_RDONLY|O_CLOEXEC) = 3"#,
        "7 +++ exited with 0 +++",
        r#"execve("/usr/bin/ffmpeg", ["ffmpeg", "-i"], 0x7ffd) = 0"#,
    ] {
        assert_eq!(misdeed(call, PROGRAM, target), None, "{call}");
    }
}
