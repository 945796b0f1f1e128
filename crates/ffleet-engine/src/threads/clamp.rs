//! A person's own options, held to the job's CPUs: numbers of threads above the budget become the
//! budget's, pools that ignore `-threads` are told, and each change is said.

use super::Budget;
use super::build::Build;
use super::command::{Command, Kind};
use super::count::encoder_of;
use super::vmaf;

/// Options that were changed, and how, for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Clamped {
    pub(crate) args: Vec<String>,
    pub(crate) notes: Vec<String>,
}

/// Keys of a library's parameters that name numbers of threads, with the most they may say, and what
/// becomes of a number beyond that.
pub(crate) type Bounds<'a> = &'a [(&'a str, u32, u32)];

/// Holds `args`, which have been checked, to `budget`. `format` is the muxer they write.
pub(crate) fn clamp(args: &[String], format: &str, budget: Budget, build: &Build) -> Clamped {
    let encoder = encoder_named(args, format);
    let most = budget.most(&encoder);
    let mut clamped = Clamped { args: Vec::new(), notes: Vec::new() };
    let mut told: Vec<&str> = Vec::new();
    let mut rest = args.iter();
    while let Some(word) = rest.next() {
        clamped.args.push(word.clone());
        let name = word.trim_start_matches('-').split(':').next().unwrap_or_default();
        if crate::raw::is_switch(name) {
            continue;
        }
        let Some(value) = rest.next() else { break };
        told.push(name);
        let (value, change) = match name {
            "threads" => number(value, most, most),
            "x264-params" => list(
                value,
                &[("threads", most, most), ("lookahead-threads", budget.busy(), budget.busy())],
            ),
            "x265-params" => {
                let frames = budget.encoder(ffleet_media::codec::VideoCodec::H265);
                let bounds: Bounds<'_> = &[
                    ("pools", budget.busy(), budget.busy()),
                    ("frame-threads", frames, frames),
                    ("lookahead-threads", budget.busy(), budget.busy()),
                ];
                let (value, change) = list(value, bounds);
                (with(&value, &[("pools", budget.busy()), ("frame-threads", frames)]), change)
            }
            "svtav1-params" => {
                let (most, level) = (budget.svt_av1_most(build), budget.svt_av1_level(build));
                let (value, change) = list(value, &[("lp", most, level)]);
                (with(&value, &[("lp", level)]), change)
            }
            "aom-params" => list(value, &[("threads", most, most)]),
            "vf" | "filter" => vmaf::held(value, budget),
            _ => (value.clone(), None),
        };
        if let Some(change) = change {
            clamped.notes.push(note(word, &change, budget));
        }
        clamped.args.push(value);
    }
    // Pools that nobody spoke of.
    match encoder.as_str() {
        "libx265" if !told.contains(&"x265-params") => {
            clamped.args.extend(["-x265-params".to_owned(), budget.x265()]);
        }
        "libsvtav1" if !told.contains(&"svtav1-params") => {
            clamped
                .args
                .extend(["-svtav1-params".to_owned(), budget.svt_av1(build)]);
        }
        _ => {}
    }
    clamped
}

/// The encoder of pictures that these options name, or that their muxer takes.
pub(crate) fn encoder_named(args: &[String], format: &str) -> String {
    let mut whole = args.to_vec();
    whole.push("output".to_owned());
    let command = Command::of(&whole);
    let named = command
        .outputs
        .first()
        .and_then(|output| output.of("c", Kind::Video, 0));
    named.map_or_else(|| encoder_of(format), encoder_of_codec).to_owned()
}

/// The encoder that a name means: the names of codecs are names of encoders too.
pub(crate) fn encoder_of_codec(name: &str) -> &str {
    match name {
        "h264" => "libx264",
        "hevc" => "libx265",
        "vp9" => "libvpx-vp9",
        "vp8" => "libvpx",
        named => named,
    }
}

/// What a number was and what it became.
pub(crate) type Change = (String, u32);

/// A number of threads; 0 and what is no number mean as many as the machine has.
/// Whatever is beyond `most` becomes `instead`.
pub(crate) fn number(value: &str, most: u32, instead: u32) -> (String, Option<Change>) {
    match value.parse::<u32>() {
        Ok(count) if (1..=most).contains(&count) => (value.to_owned(), None),
        _ => (instead.to_string(), Some((value.to_owned(), instead))),
    }
}

/// `key=value:…` with the keys of `bounds` held to them.
pub(crate) fn list(value: &str, bounds: Bounds<'_>) -> (String, Option<Change>) {
    let mut changed = None;
    let pairs: Vec<String> = value
        .split(':')
        .map(|pair| {
            let (key, setting) = pair.split_once('=').unwrap_or((pair, ""));
            let plain = key.trim().replace('_', "-");
            let bound = bounds.iter().find(|(key, ..)| *key == plain);
            // `lookahead-threads=0` is none; the others' 0 is all.
            let is_none = plain == "lookahead-threads" && setting == "0";
            match bound.filter(|_| !is_none) {
                Some(&(_, most, instead)) => {
                    let (setting, change) = number(setting, most, instead);
                    if let Some((was, becomes)) = change {
                        changed = Some((format!("{plain}={was}"), becomes));
                    }
                    format!("{key}={setting}")
                }
                None => pair.to_owned(),
            }
        })
        .collect();
    (pairs.join(":"), changed)
}

/// A list with what it does not say.
pub(crate) fn with(list: &str, wanted: &[(&str, u32)]) -> String {
    let mut list = list.to_owned();
    for (key, count) in wanted {
        if super::pools::parameter(&list, key).is_none() {
            let join = if list.is_empty() { "" } else { ":" };
            list = format!("{list}{join}{key}={count}");
        }
    }
    list
}

fn note(word: &str, (was, now): &Change, budget: Budget) -> String {
    let now = match was.split_once('=') {
        Some((key, _)) => format!("{key}={now}"),
        None => now.to_string(),
    };
    format!("{word} {was} becomes {now}: the job has {} of CPU", budget.cpu)
}

#[cfg(test)]
mod tests {
    use ffleet_types::Cpu;

    use super::*;
    use crate::plan::tests::engine;

    fn clamped(cpus: u32, line: &str) -> Clamped {
        let args: Vec<String> = line.split_ascii_whitespace().map(str::to_owned).collect();
        clamp(&args, "matroska", Budget::fitted(Cpu::whole(cpus)), &Build::of(&engine()))
    }

    #[test]
    fn numbers_above_the_budget_become_it_and_it_is_said() {
        for (cpus, given, becomes, says) in [
            (2, "-threads 0", "-threads 3", "-threads 0 becomes 3: the job has 200% of CPU"),
            (
                2,
                "-c:v mpeg4 -threads:v 64",
                "-c:v mpeg4 -threads:v 2",
                "-threads:v 64 becomes 2",
            ),
            (
                4,
                "-x264-params ref=1:threads=auto",
                "-x264-params ref=1:threads=6",
                "threads=auto becomes threads=6",
            ),
            (
                2,
                "-c:v libx265 -x265-params pools=+:crf=20",
                "-c:v libx265 -x265-params pools=2:crf=20:frame-threads=1",
                "-x265-params pools=+ becomes pools=2",
            ),
            (
                2,
                "-c:v libsvtav1 -svtav1-params lp=0:tune=0",
                "-c:v libsvtav1 -svtav1-params lp=1:tune=0",
                "lp=0 becomes lp=1",
            ),
        ] {
            let clamped = clamped(cpus, given);
            assert_eq!(clamped.args.join(" "), becomes);
            assert!(
                clamped.notes.len() == 1 && clamped.notes[0].contains(says),
                "{:?}",
                clamped.notes
            );
        }
    }

    #[test]
    fn what_is_within_the_budget_stays() {
        for line in [
            "-threads 2 -preset slow",
            "-x264-params threads=3:lookahead_threads=0",
            "-c copy -an",
        ] {
            let clamped = clamped(2, line);
            assert_eq!(clamped.args.join(" "), line);
            assert_eq!(clamped.notes, [""; 0]);
        }
    }

    #[test]
    fn pools_that_ignore_threads_are_told() {
        assert_eq!(
            clamped(2, "-c:v libx265 -crf 30").args.join(" "),
            "-c:v libx265 -crf 30 -x265-params pools=2:frame-threads=1"
        );
        assert_eq!(
            clamped(2, "-vcodec libsvtav1").args.join(" "),
            "-vcodec libsvtav1 -svtav1-params lp=1",
            "this release starts too many at lp=2"
        );
        assert_eq!(clamped(2, "-c:v libsvtav1 -svtav1-params tune=0").args[3], "tune=0:lp=1");
    }
}
