//! The audit of one FFmpeg command.

use std::collections::BTreeMap;

use ffleet_media::Probe;
use ffleet_media::recipe::Effort;
use ffleet_types::Cpu;

use super::line::Line;
use super::media::{self, Assumed};
use super::report::{By, Command, Machine, Pool, Program, Resource, Unbounded};
use super::target::Found;
use super::{Policy, ends, implied, rewrite, touch, word};
use crate::memory::Footprint;
use crate::predict::Work;
use crate::threads::any::{Crews, Subject, crews};
use crate::threads::{Budget, Build};

/// Two machines between which a pool that counts CPUs shows itself.
const APART: [u32; 2] = [2, 256];

/// A command, read.
pub(super) struct Read<'a> {
    pub(super) found: &'a Found,
    pub(super) line: Line,
    pub(super) inputs: Vec<Assumed>,
}

impl<'a> Read<'a> {
    /// Reads a command. `probes` says what is in inputs that somebody has looked at.
    ///
    /// # Errors
    ///
    /// Says what cannot be read.
    pub(super) fn of(found: &'a Found, probes: &BTreeMap<String, Probe>) -> Result<Self, String> {
        let line = Line::of(&found.args)?;
        let inputs = line.inputs.iter().map(|file| {
            let word = &found.args[file.at];
            match probes.get(&word.text).filter(|_| word.is_known()) {
                Some(probe) => Assumed { probe: probe.clone(), words: None },
                None => media::assume(&file.part(&found.args), word),
            }
        });
        let inputs = inputs.collect();
        Ok(Self { found, line, inputs })
    }

    /// What it starts where `cpus` are seen.
    pub(super) fn crews(&self, build: &Build, cpus: u32) -> Crews {
        let args = &self.found.args;
        if self.line.only_says {
            return Crews::default();
        }
        let number = |name: &str| {
            let said = self.line.value(args, name).and_then(|text| text.parse::<u32>().ok());
            said.filter(|&count| count > 0)
        };
        let subject = Subject {
            inputs: self
                .line
                .inputs
                .iter()
                .zip(&self.inputs)
                .map(|(file, input)| (file.part(args), &input.probe))
                .collect(),
            outputs: self
                .line
                .outputs
                .iter()
                .map(|file| media::sink(file.part(args), &args[file.at].text))
                .collect(),
            graphs: ends::complex(&self.line, args),
            filter_threads: number("filter_threads"),
            complex_threads: number("filter_complex_threads"),
        };
        crews(&subject, build, self.seen(cpus))
    }

    /// The CPUs that it sees of a machine's.
    fn seen(&self, cpus: u32) -> u32 {
        self.found.around.cpus.map_or(cpus, |own| own.min(cpus))
    }

    /// Pools that grow with the machine.
    pub(super) fn growing(&self, build: &Build) -> Vec<String> {
        let [small, large] = APART.map(|cpus| pools(&self.crews(build, cpus)));
        let grows = small.iter().zip(&large).filter(|(small, large)| small.1 != large.1);
        grows.map(|(small, _)| small.0.clone()).collect()
    }
}

/// Pools by name, each once: threads, whether they are told, and whether an input decides.
fn pools(crews: &Crews) -> Vec<(String, u32, bool, Option<usize>)> {
    let mut all: Vec<(String, u32, bool, Option<usize>)> = Vec::new();
    for crew in &crews.crews {
        match all.iter_mut().find(|(of, ..)| *of == crew.of) {
            Some((_, threads, is_told, _)) => {
                *threads = threads.saturating_add(crew.threads);
                *is_told &= crew.is_told;
            }
            None => all.push((crew.of.clone(), crew.threads, crew.is_told, crew.input)),
        }
    }
    all
}

/// Audits a command.
///
/// # Errors
///
/// Says what cannot be read.
pub(super) fn audit(
    found: &Found,
    policy: &Policy,
    probes: &BTreeMap<String, Probe>,
) -> Result<Command, String> {
    let read = Read::of(found, probes)?;
    let build = policy.build();
    let args = &found.args;
    let mut command = Command {
        text: word::line(found.before.iter().chain(args)),
        program: Program::Ffmpeg,
        wrappers: found.around.wrappers.clone(),
        processes: 1 + found.around.waiting,
        ..Command::default()
    };
    command.assumes.extend(found.assumes.iter().cloned());
    command.assumes.extend(read.line.assumes.iter().cloned());
    if read.line.only_says {
        command
            .implies
            .push("it says something about itself and ends".to_owned());
        return Ok(command);
    }
    match &found.around.multiplies {
        Some(name) => command
            .assumes
            .push(format!("what {name} puts behind its words is the name of a file")),
        None if read.line.outputs.is_empty() => {
            return Err("it has no output: FFmpeg ends with an error".to_owned());
        }
        None => {}
    }
    command
        .assumes
        .extend(read.inputs.iter().filter_map(|input| input.words.clone()));
    let growing = read.growing(&build);
    command.machines = policy
        .cpus
        .iter()
        .map(|&cpus| machine(&read, &build, cpus, (&growing, policy)))
        .collect();
    command.opens = touch::all(&read.line, args);
    implied::notes(&read, &build, &mut command);
    let (mut unbounded, endless) = ends::unbounded(&read.line, args, found.around.has_time);
    unbounded.splice(0..0, growing.iter().map(|of| grows(of)));
    if !found.around.has_memory {
        unbounded.extend(ends::keepers(&read.line, args).iter().map(|filter| Unbounded {
            what: Resource::Memory,
            why: format!(
                "filter {filter} keeps all pictures or sound of its input until the input ends"
            ),
            fix: "a limit from outside, such as prlimit --as=BYTES; -t before the input".to_owned(),
        }));
    }
    if let Some(name) = &found.around.multiplies {
        unbounded.push(Unbounded {
            what: Resource::Processes,
            why: format!("{name} starts it as often as its input says"),
            fix: format!(
                "audit the command that {name} runs, and give {name} a number of processes"
            ),
        });
    }
    if !unbounded.is_empty() && found.around.multiplies.is_none() {
        command.rewrite = Some(rewrite::bounded(&read, policy, &build, &endless));
    }
    command.unbounded = unbounded;
    Ok(command)
}

/// What bounds a pool.
fn grows(of: &str) -> Unbounded {
    let fix = if of.starts_with("decoder") {
        "-threads N before -i"
    } else if of.starts_with("filters of output") {
        "-filter_threads N"
    } else if of.contains("-filter_complex") || of.starts_with("scalers") {
        "-filter_complex_threads N"
    } else if of.starts_with("filters of the source") {
        "nothing but the CPUs it sees: taskset -c 0-1"
    } else if of.contains("libx265") {
        "-x265-params pools=N:frame-threads=N"
    } else if of.contains("libsvtav1") {
        "-svtav1-params lp=N"
    } else if of.contains("libkvazaar") || of.contains("libxavs2") {
        "nothing but the CPUs it sees: taskset -c 0-1"
    } else {
        "-threads N before the output"
    };
    Unbounded {
        what: Resource::Threads,
        why: format!("{of}: as many threads as the machine has CPUs for"),
        fix: fix.to_owned(),
    }
}

fn machine(
    read: &Read<'_>,
    build: &Build,
    cpus: u32,
    (growing, policy): (&[String], &Policy),
) -> Machine {
    let crews = read.crews(build, cpus);
    let all = pools(&crews);
    let assumed = all.iter().filter(|(.., input)| {
        input
            .and_then(|number| read.inputs.get(number))
            .is_some_and(|input| input.words.is_some())
    });
    let assumed_threads = assumed.map(|(_, threads, ..)| *threads).fold(0, u32::saturating_add);
    let memory = memory(&crews, build, policy, read.seen(cpus));
    let threads = crews.sum();
    let pools =
        all.into_iter()
            .filter(|(_, threads, ..)| *threads > 0)
            .map(|(of, threads, is_told, _)| {
                let by = if growing.contains(&of) {
                    By::Cpus
                } else if is_told {
                    By::Option
                } else {
                    By::Program
                };
                Pool { of, threads, by }
            });
    Machine { cpus, threads, assumed_threads, pools: pools.collect(), memory }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and sums are positive"
)]
fn memory(crews: &Crews, build: &Build, policy: &Policy, seen: u32) -> Option<u64> {
    let footprint = Footprint::of(&policy.engine(), build);
    let budget = Budget::fitted(Cpu::whole(seen.clamp(1, 1_024)));
    let mut bytes = footprint.base();
    for work in &crews.works {
        bytes += match &work.encoder {
            None => {
                let pixels = f64::from(work.size.0) * f64::from(work.size.1);
                footprint.decoder(pixels, if work.is_deep { 3.0 } else { 1.5 }, work.threads)
            }
            Some(encoder) => {
                let told = Budget::fitted(Cpu::whole(work.threads.clamp(1, 1_024)));
                let budget = if matches!(encoder.as_str(), "libx265" | "libsvtav1") {
                    budget
                } else {
                    told
                };
                let work = Work {
                    encoder: encoder.clone(),
                    effort: Effort::Balanced,
                    live: false,
                    size: work.size,
                    bits: if work.is_deep { 10 } else { 8 },
                    fps: 30.0,
                };
                footprint.encoder(&work, budget)
            }
        };
    }
    Some(bytes as u64)
}
