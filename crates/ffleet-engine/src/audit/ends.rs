//! Whether a command ends by itself, and whether it may wait for ever.

use super::line::{File, Line};
use super::report::{Resource, Unbounded};
use super::touch::{is_network, is_pipe, masked};
use super::word::Word;
use crate::threads::command::Part;
use crate::threads::flow;

/// How an input ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// By itself.
    Itself,
    /// When whoever sends it ends: a network, a pipe, a device.
    Sender,
    /// Never.
    Never(&'static str),
}

/// Options that bound an input or output in time or frames.
const BOUNDS: &[&str] = &["t", "to", "frames", "vframes", "aframes", "dframes", "fs"];
/// Devices: they give for as long as they are there.
const DEVICES: &[&str] = &[
    "x11grab",
    "v4l2",
    "video4linux2",
    "kmsgrab",
    "fbdev",
    "gdigrab",
    "dshow",
    "avfoundation",
    "decklink",
    "alsa",
    "pulse",
    "oss",
    "jack",
    "sndio",
    "openal",
    "xcbgrab",
];

fn has_bound(part: &Part<'_>) -> bool {
    BOUNDS.iter().any(|name| part.whole(name).is_some())
}

fn end(part: &Part<'_>) -> End {
    let format = part.whole("f").unwrap_or_default();
    if part.whole("t").is_some() || part.whole("to").is_some() {
        return End::Itself;
    }
    if part.whole("stream_loop").is_some_and(|times| times.starts_with('-')) {
        return End::Never("-stream_loop -1 begins it again whenever it ends");
    }
    if format == "lavfi" {
        return if ends(part.file) {
            End::Itself
        } else {
            End::Never("its source has no duration")
        };
    }
    if part.whole("loop").is_some_and(|said| said == "1") {
        return End::Never("-loop 1 shows the picture for ever");
    }
    if format == "gif" && part.whole("ignore_loop").is_some_and(|said| said == "0") {
        return End::Never("-ignore_loop 0 begins the GIF again whenever it ends");
    }
    if matches!(part.file, "/dev/zero" | "/dev/urandom" | "/dev/random") {
        return End::Never("the file has no end");
    }
    let is_live = is_network(part.file) && !part.file.starts_with("http")
        || is_pipe(part.file)
        || DEVICES.contains(&format);
    if is_live { End::Sender } else { End::Itself }
}

/// Whether what a graph of sources gives has an end.
fn ends(graph: &str) -> bool {
    let filters = flow::filters(graph);
    let trims = filters.iter().any(|filter| {
        matches!(filter.name, "trim" | "atrim")
            && flow::option(filter.options, &["end", "duration", "end_frame", "end_sample"])
                .is_some()
    });
    let loops = filters.iter().any(|filter| {
        matches!(filter.name, "loop" | "aloop")
            && flow::option(filter.options, &["loop"]).is_some_and(|times| times.starts_with('-'))
    });
    let bounded = |filter: &flow::Filter<'_>| {
        matches!(filter.name, "movie" | "amovie")
            || flow::option(filter.options, &["d", "duration", "n", "nb_samples"]).is_some()
    };
    let mut sources = filters.iter().filter(|filter| flow::is_source(filter.name)).peekable();
    !loops && (trims || sources.peek().is_some() && sources.all(bounded))
}

/// Filters that keep the whole of what they are given before they give anything.
const KEEPERS: &[&str] = &["reverse", "areverse", "palettegen"];

/// What has no end in time, waits for ever, or keeps everything. `has_time` says that something outside ends it.
pub(super) fn unbounded(
    line: &Line,
    args: &[Word],
    has_time: bool,
) -> (Vec<Unbounded>, Vec<usize>) {
    let mut found = Vec::new();
    let parts: Vec<Part<'_>> = line.inputs.iter().map(|file| file.part(args)).collect();
    let ends: Vec<End> = parts.iter().map(end).collect();
    let graphs = complex(line, args);
    // A source inside a graph over all inputs is one more input.
    let inside = graphs.iter().any(|graph| {
        flow::filters(graph).iter().any(|filter| flow::is_source(filter.name))
            && !self::ends(graph)
            && line.inputs.is_empty()
    });
    let why = ends.iter().enumerate().find_map(|(number, end)| match end {
        End::Never(why) => Some(format!("input {number}: {why}")),
        _ => None,
    });
    let why =
        why.or_else(|| inside.then(|| "a source in -filter_complex has no duration".to_owned()));
    let mut endless = Vec::new();
    for (number, file) in line.outputs.iter().enumerate() {
        let part = file.part(args);
        let ends_with_shortest =
            part.has("shortest") && ends.iter().any(|end| !matches!(end, End::Never(_)));
        if has_bound(&part) || ends_with_shortest {
            continue;
        }
        let only = only_input(&part);
        let concerns = match only {
            Some(input) => matches!(ends.get(input), Some(End::Never(_))),
            None => why.is_some(),
        };
        if let Some(why) = why.as_ref().filter(|_| concerns && !has_time) {
            endless.push(number);
            found.push(Unbounded {
                what: Resource::Time,
                why: format!("output {number} never ends: {why}"),
                fix: "-t before the output, or a duration of the source".to_owned(),
            });
            space(number, &part, &mut found);
        }
    }
    if has_time {
        return (found, endless);
    }
    waits(line, args, &parts, &mut found);
    if asks(line, args) {
        found.push(Unbounded {
            what: Resource::Wait,
            why: "it reads the terminal, and asks there before it replaces a file".to_owned(),
            fix: "-nostdin (then it refuses to replace a file; -y replaces it)".to_owned(),
        });
    }
    (found, endless)
}

/// The graphs over all inputs.
pub(super) fn complex<'a>(line: &Line, args: &'a [Word]) -> Vec<&'a str> {
    let named = line
        .all()
        .filter(|option| matches!(option.name.as_str(), "filter_complex" | "lavfi"));
    named
        .filter_map(|option| Some(args.get(option.value?)?.text.as_str()))
        .collect()
}

/// The one input that an output is made of, where its maps say so.
fn only_input(part: &Part<'_>) -> Option<usize> {
    let mut inputs = part.all("map").map(|map| {
        map.trim_start_matches('-')
            .split([':', '?'])
            .next()?
            .parse::<usize>()
            .ok()
    });
    let first = inputs.next()??;
    inputs.all(|other| other == Some(first)).then_some(first)
}

fn asks(line: &Line, args: &[Word]) -> bool {
    let reads_it = line
        .inputs
        .iter()
        .any(|file| args.get(file.at).is_some_and(|word| is_pipe(&word.text)));
    !line.has("nostdin") && !reads_it
}

fn space(number: usize, part: &Part<'_>, found: &mut Vec<Unbounded>) {
    let muxer = super::media::muxer(part, part.file);
    let flags = part.whole("hls_flags").unwrap_or_default();
    let deletes = muxer == "hls" && flags.contains("delete_segments")
        || muxer == "segment" && part.whole("segment_wrap").is_some()
        || muxer == "dash" && part.whole("window_size").is_some();
    let writes = muxer != "null" && !is_network(part.file) && !is_pipe(part.file);
    if writes && !deletes {
        found.push(Unbounded {
            what: Resource::Space,
            why: format!("what output {number} writes grows for as long as it runs"),
            fix: "-t or -fs before the output; for HLS -hls_flags delete_segments".to_owned(),
        });
    }
}

/// The option that bounds how long a name's protocol waits, and its value; nothing where none does.
pub(super) fn patience(name: &str) -> Option<(&'static str, &'static str)> {
    match crate::threads::own::scheme(name) {
        "rtsp" | "rtsps" | "srt" | "udp" => Some(("timeout", "15000000")),
        _ if is_network(name) => Some(("rw_timeout", "15000000")),
        _ => None,
    }
}

/// Whether the options of a file, or its name, bound how long it waits.
pub(super) fn is_patient(file: &File, args: &[Word], name: &str) -> bool {
    let part = file.part(args);
    let said = |option: &str| {
        part.whole(option)
            .is_some_and(|said| said != "0" && !said.starts_with('-'))
    };
    ["rw_timeout", "timeout", "stimeout"].into_iter().any(said) || name.contains("timeout=")
}

fn waits(line: &Line, args: &[Word], parts: &[Part<'_>], found: &mut Vec<Unbounded>) {
    for (number, (file, part)) in line.inputs.iter().zip(parts).enumerate() {
        if let Some((option, value)) =
            patience(part.file).filter(|_| !is_patient(file, args, part.file))
        {
            found.push(Unbounded {
                what: Resource::Wait,
                why: format!("input {number}, {}, may say nothing for ever", masked(part.file)),
                fix: format!("-{option} {value} (microseconds) before -i"),
            });
        }
    }
    for (number, file) in line.outputs.iter().enumerate() {
        let part = file.part(args);
        // What is sent as datagrams waits for nobody.
        let waits = !matches!(crate::threads::own::scheme(part.file), "udp" | "rtp" | "rtsp");
        if let Some((option, value)) =
            patience(part.file).filter(|_| waits && !is_patient(file, args, part.file))
        {
            found.push(Unbounded {
                what: Resource::Wait,
                why: format!("output {number}, {}, may take nothing for ever", masked(part.file)),
                fix: format!("-{option} {value} (microseconds) before it"),
            });
        }
    }
}

/// Filters that keep their whole input in memory, each once.
pub(super) fn keepers(line: &Line, args: &[Word]) -> Vec<String> {
    let mut names = Vec::new();
    let chains = line.all().filter(|option| {
        matches!(option.name.as_str(), "vf" | "af" | "filter" | "filter_complex" | "lavfi")
    });
    for option in chains {
        let graph = option
            .value
            .and_then(|at| args.get(at))
            .map_or("", |word| word.text.as_str());
        for filter in flow::filters(graph) {
            // A palette for each picture waits for none.
            let keeps =
                KEEPERS.contains(&filter.name) && !filter.options.contains("stats_mode=single");
            if keeps && !names.iter().any(|name| name == filter.name) {
                names.push(filter.name.to_owned());
            }
        }
    }
    names
}
