//! What options bring with them that is not said by their names.

use super::ffmpeg::Read;
use super::media;
use super::report::{Command, Kind, Opened, Way};
use crate::threads::Build;
use crate::threads::command::{Kind as Track, Part};
use crate::threads::own;

/// Adds what the options of a command imply.
pub(super) fn notes(read: &Read<'_>, build: &Build, command: &mut Command) {
    let args = &read.found.args;
    let line = &read.line;
    let mut add = |text: String| command.implies.push(text);
    if line.has("y") {
        add("-y: files of these names are replaced without a question".to_owned());
    }
    if line.all().any(|option| {
        matches!(option.name.as_str(), "filter_complex" | "lavfi" | "filter_complex_script")
    }) {
        add("-filter_complex: one graph over all inputs; each output that is mapped from it is encoded anew".to_owned());
    }
    if line.has("re") || line.all().any(|option| option.name == "readrate") {
        add(
            "-re: inputs are read at the speed they are played, so it takes as long as they do"
                .to_owned(),
        );
    }
    if !line.trailing.is_empty() {
        let names: Vec<String> =
            line.trailing.iter().map(|option| format!("-{}", option.name)).collect();
        add(format!(
            "{} behind the last output: FFmpeg passes over it there",
            names.join(", ")
        ));
    }
    let zero = |name: &str, value: &str| name == "threads" && matches!(value, "0" | "auto");
    for option in line.all() {
        let value = option
            .value
            .and_then(|at| args.get(at))
            .map_or("", |word| word.text.as_str());
        if zero(&option.name, value) {
            add(format!(
                "-threads {value}: as many as its codec takes for the CPUs it sees, as if nothing were said"
            ));
        }
    }
    files(read, build, command);
    for (file, by) in &read.found.around.writes {
        command.opens.push(Opened {
            what: Kind::File,
            way: Way::Writes,
            name: file.clone(),
            by: by.clone(),
        });
    }
}

/// What the options of inputs and outputs imply.
fn files(read: &Read<'_>, build: &Build, command: &mut Command) {
    let (line, args) = (&read.line, &read.found.args);
    let notes = &mut command.implies;
    for (number, file) in line.inputs.iter().enumerate() {
        if file.part(args).whole("stream_loop").is_some() {
            notes.push(format!("-stream_loop: input {number} is read again and again"));
        }
    }
    if build.is_old() && line.inputs.len() > 1 {
        notes.push(
            "several inputs: each is read by a thread of its own, with a queue of 8 packets"
                .to_owned(),
        );
    }
    for (number, file) in line.outputs.iter().enumerate() {
        let part = file.part(args);
        if part.all("map").next().is_none() && line.inputs.len() > 1 {
            notes.push(format!("output {number} without -map: the largest picture and the sound with most channels of all inputs"));
        }
        notes.extend(muxer(number, &part));
        if let Some(name) = part.of("c", Track::Video, 0).filter(|name| own::is_hardware(name)) {
            command
                .assumes
                .push(format!("{name}: threads and memory of its driver are not counted"));
        }
    }
}

fn muxer(number: usize, part: &Part<'_>) -> Option<String> {
    Some(match media::muxer(part, part.file).as_str() {
        "segment" | "stream_segment" | "ssegment" => {
            format!(
                "-f segment: output {number} is many files, one after another, by the pattern {}",
                part.file
            )
        }
        "tee" => {
            let places = super::touch::slaves(part.file).len();
            format!(
                "-f tee: output {number} is encoded once and written to {places} places; one that fails ends all, unless onfail=ignore"
            )
        }
        "hls" => {
            let kept = hls(part.whole("hls_list_size"), part.whole("hls_flags"));
            format!("-f hls: output {number} is a playlist and segments; {kept}")
        }
        "dash" => format!("-f dash: output {number} is a manifest and segments of each stream"),
        "fifo" => format!("-f fifo: output {number} has a thread and a queue of its own"),
        _ => return None,
    })
}

fn hls(size: Option<&str>, flags: Option<&str>) -> String {
    let listed = match size {
        Some("0") => "all of them stay in it".to_owned(),
        Some(size) => format!("the last {size} are in it"),
        None => "the last 5 are in it".to_owned(),
    };
    let deleted = flags.is_some_and(|flags| flags.contains("delete_segments"));
    format!(
        "{listed}, {}",
        if deleted {
            "older ones are deleted"
        } else {
            "and none is ever deleted"
        }
    )
}
