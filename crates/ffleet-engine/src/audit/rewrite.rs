//! The same command with everything bounded.
//!
//! Words that are there stay where they are; options are put before the file they are about, and numbers of
//! threads above the budget become the budget's. What no option bounds is bounded from outside: the CPUs that are seen by
//! `taskset`, memory by `prlimit`.

use std::collections::BTreeMap;

use ffleet_types::Cpu;

use super::ffmpeg::Read;
use super::line::{File, Line, Opt};
use super::target::Found;
use super::word::{self, Word};
use super::{Policy, ends};
use crate::threads::clamp::{self, encoder_of_codec};
use crate::threads::command::Kind;
use crate::threads::{Budget, Build, vmaf};

/// The least address space of a command whose memory has no other bound, in bytes.
const ADDRESSES: u64 = 8 << 30;

/// What is put in before a place, and what becomes of words.
#[derive(Default)]
struct Edit {
    before: BTreeMap<usize, Vec<String>>,
    instead: BTreeMap<usize, String>,
}

impl Edit {
    fn put(&mut self, gap: usize, words: &[&str]) {
        self.before
            .entry(gap)
            .or_default()
            .extend(words.iter().map(|word| (*word).to_owned()));
    }

    fn apply(&self, args: &[Word]) -> Vec<Word> {
        let mut all = Vec::with_capacity(args.len() + 16);
        for (at, word) in args.iter().enumerate() {
            all.extend(self.before.get(&at).into_iter().flatten().map(Word::known));
            all.push(self.instead.get(&at).map_or_else(|| word.clone(), Word::known));
        }
        all
    }
}

/// The bounded command, as a shell is told it.
pub(super) fn bounded(
    read: &Read<'_>,
    policy: &Policy,
    build: &Build,
    endless: &[usize],
) -> String {
    let budget = Budget::fitted(Cpu::whole(policy.budget.clamp(1, 1_024)));
    let args = &read.found.args;
    let mut edit = Edit::default();
    whole(read, budget, &mut edit);
    let crews = read.crews(build, 2);
    for (number, file) in read.line.inputs.iter().enumerate() {
        let is_decoded = crews.crews.iter().any(|crew| crew.input == Some(number));
        if is_decoded {
            threads(file, args, budget.decoder(), &mut edit);
        }
        patience(file, args, true, &mut edit);
    }
    for (number, file) in read.line.outputs.iter().enumerate() {
        let ending = format!(" of output {number}");
        let encoders = crews.crews.iter().filter_map(|crew| {
            let name = crew.of.strip_prefix("encoder ")?.strip_suffix(&ending)?;
            (!name.is_empty()).then_some(name)
        });
        let encoders: Vec<&str> = encoders.collect();
        output(file, args, &encoders, (budget, build), &mut edit);
        patience(file, args, false, &mut edit);
        if endless.contains(&number) {
            edit.put(file.gap, &["-t", &policy.longest.to_string()]);
        }
    }
    graphs(read, budget, &mut edit);
    let args = edit.apply(args);
    let keeps =
        !read.found.around.has_memory && !ends::keepers(&read.line, &read.found.args).is_empty();
    around(read, policy, build, keeps, args)
}

/// Options of the whole command.
fn whole(read: &Read<'_>, budget: Budget, edit: &mut Edit) {
    let (line, args) = (&read.line, &read.found.args);
    let reads_input = line
        .inputs
        .iter()
        .any(|file| super::touch::is_pipe(&args[file.at].text));
    if !line.has("nostdin") && !reads_input {
        edit.put(0, &["-nostdin"]);
    }
    let number = budget.filter().to_string();
    let mut pools = vec!["filter_threads"];
    if !ends::complex(line, args).is_empty()
        || line.all().any(|option| option.name == "filter_complex_script")
    {
        pools.push("filter_complex_threads");
    }
    for name in pools {
        let there: Vec<&Opt> = line.all().filter(|option| option.name == name).collect();
        if there.is_empty() {
            edit.put(0, &[&format!("-{name}"), &number]);
        }
        for option in there {
            held(option, args, budget.filter(), edit);
        }
    }
}

/// Holds a number of threads to `most`: 0 and what is no number become it.
fn held(option: &Opt, args: &[Word], most: u32, edit: &mut Edit) {
    let Some(at) = option.value else { return };
    let value = args.get(at).map_or("", |word| word.text.as_str());
    let (becomes, change) = clamp::number(value, most, most);
    if change.is_some() {
        edit.instead.insert(at, becomes);
    }
}

/// `-threads` of a file.
fn threads(file: &File, args: &[Word], most: u32, edit: &mut Edit) {
    let mut is_said = false;
    for option in file.options.iter().filter(|option| option.name == "threads") {
        is_said |= option.specifier.is_empty() || option.specifier == "v";
        held(option, args, most, edit);
    }
    if !is_said {
        edit.put(file.gap, &["-threads", &most.to_string()]);
    }
}

fn patience(file: &File, args: &[Word], is_input: bool, edit: &mut Edit) {
    let name = args.get(file.at).map_or("", |word| word.text.as_str());
    let datagrams = matches!(crate::threads::own::scheme(name), "udp" | "rtp" | "rtsp");
    if !is_input && datagrams || ends::is_patient(file, args, name) {
        return;
    }
    if let Some((option, value)) = ends::patience(name) {
        edit.put(file.gap, &[&format!("-{option}"), value]);
    }
}

fn output(
    file: &File,
    args: &[Word],
    encoders: &[&str],
    (budget, build): (Budget, &Build),
    edit: &mut Edit,
) {
    let part = file.part(args);
    let most = encoders.iter().map(|name| budget.most(encoder_of_codec(name))).min();
    if let Some(most) = most.filter(|_| encoders.iter().any(|name| *name != "of sound,")) {
        threads(file, args, most, edit);
    }
    for option in &file.options {
        let Some(at) = option.value else { continue };
        let value = args.get(at).map_or("", |word| word.text.as_str());
        let most = budget.most("libx264");
        let (value, changed) = match option.name.as_str() {
            "x264-params" | "x264opts" => clamp::list(
                value,
                &[("threads", most, most), ("lookahead-threads", budget.busy(), budget.busy())],
            ),
            "x265-params" => {
                let frames = budget.most("libx265");
                let bounds =
                    [("pools", budget.busy(), budget.busy()), ("frame-threads", frames, frames)];
                let (list, _) = clamp::list(value, &bounds);
                let list =
                    clamp::with(&list, &[("pools", budget.busy()), ("frame-threads", frames)]);
                (list, Some((String::new(), 0)))
            }
            "svtav1-params" => {
                let level = budget.svt_av1_level(build);
                let (list, _) = clamp::list(value, &[("lp", budget.svt_av1_most(build), level)]);
                (clamp::with(&list, &[("lp", level)]), Some((String::new(), 0)))
            }
            "aom-params" => clamp::list(value, &[("threads", budget.busy(), budget.busy())]),
            _ => continue,
        };
        if changed.is_some() {
            edit.instead.insert(at, value);
        }
    }
    for (encoder, option, value) in [
        ("libx265", "x265-params", budget.x265()),
        ("libsvtav1", "svtav1-params", budget.svt_av1(build)),
    ] {
        let is_told = part.of(option, Kind::Video, 0).is_some();
        if encoders.contains(&encoder) && !is_told {
            edit.put(file.gap, &[&format!("-{option}"), &value]);
        }
    }
}

/// libvmaf, wherever a graph has it.
fn graphs(read: &Read<'_>, budget: Budget, edit: &mut Edit) {
    for option in read.line.all() {
        if !matches!(option.name.as_str(), "vf" | "filter" | "filter_complex" | "lavfi") {
            continue;
        }
        let Some((at, word)) = option.value.and_then(|at| Some((at, read.found.args.get(at)?)))
        else {
            continue;
        };
        let (graph, _) = vmaf::held(&word.text, budget);
        if word.is_known() && graph != word.text {
            edit.instead.insert(at, graph);
        }
    }
}

/// The command with what bounds it from outside.
fn around(read: &Read<'_>, policy: &Policy, build: &Build, keeps: bool, args: Vec<Word>) -> String {
    let before = &read.found.before;
    let (program, wrappers) = before
        .split_last()
        .map_or((None, &before[..]), |(last, rest)| (Some(last), rest));
    let mut words: Vec<Word> = wrappers.to_vec();
    let inner = Found { args, ..read.found.clone() };
    let grows = Line::of(&inner.args).map_or(true, |line| {
        !Read { found: &inner, line, inputs: read.inputs.clone() }
            .growing(build)
            .is_empty()
    });
    if grows {
        let last = policy.budget.clamp(1, 1_024) - 1;
        words.extend(["taskset", "-c", &format!("0-{last}")].map(Word::known));
    }
    if keeps {
        words.extend(["prlimit", &format!("--as={ADDRESSES}")].map(Word::known));
    }
    words.extend(program.cloned());
    words.extend(inner.args.iter().cloned());
    word::line(&words)
}
