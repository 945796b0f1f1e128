//! Threads of planned commands, counted: on machines of 2, 16 and 128 CPUs as FFmpeg sees them, on
//! Debian's FFmpeg and on one of a wheel, each command has as many as was predicted, within 2 or a
//! tenth, and less than its limit on tasks.
//!
//! `subject` is an FFmpeg with what it says and was counted of it, `corpus` the
//! commands, `generated` those by chance. The long
//! form runs every preset and every generated command with every budget, and prints the figures
//! that docs/design/threads.md holds.

use std::fmt;

use ffleet_engine::threads::Budget;
use ffleet_testkit::cpus::{Cpus, End, count};
use ffleet_types::Cpu;
use serde::{Deserialize, Serialize};

use crate::kept::{Kept, is_asked_for};

mod attempt;
mod corpus;
mod foreign;
mod generated;
mod subject;

use corpus::Case;
use subject::Subject;

/// Machines, and budgets on each: the whole of it first.
const MACHINES: [(u32, [u32; 2]); 3] = [(2, [2, 1]), (16, [16, 2]), (128, [128, 16])];
/// Frames after which an encoder has started all it will start.
const ENOUGH: u64 = 2;
/// The same where frames are counted as they go in (up to FFmpeg 6; since 7 as they come out), for
/// encoders that start their threads with the first picture that comes out: they hold back 25 and 35
/// pictures.
const ENOUGH_IN: [(&str, u64); 2] = [("libvpx", 30), ("libaom", 45)];

/// A command that was run.
#[derive(Clone, Serialize, Deserialize)]
struct Row {
    what: String,
    is_fine: bool,
    /// It stopped using a CPU before it was done: by then its threads were there.
    #[serde(default)]
    stood_still: bool,
    machine: u32,
    budget: u32,
    predicted: u32,
    peak: u32,
}

impl Row {
    fn off(&self) -> u32 {
        self.predicted.abs_diff(self.peak)
    }

    /// Whether the prediction was within 2 or a tenth, and the limit on tasks above the peak.
    fn holds(&self) -> bool {
        let limit = ffleet_engine::threads::tasks_limit(self.predicted);
        self.is_fine && self.off() <= (self.peak / 10).max(2) && self.peak <= limit
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, machine, budget, predicted, peak, .. } = self;
        write!(
            f,
            "{predicted:>4} predicted, {peak:>4} counted, {budget} of {machine} CPUs: {what}"
        )
    }
}

/// Runs `case` with `budget` CPUs where FFmpeg sees `machine`, if that was not done and is not kept.
fn run_or_find(
    kept: &mut Kept<Row>,
    subject: &Subject,
    case: &Case,
    (machine, budget): (u32, u32),
) -> Option<Row> {
    let allowed = Budget { cpu: Cpu::whole(budget), seen: machine };
    let dir = tempfile::Builder::new().prefix("threads-").tempdir().unwrap();
    let plan = case.plan(subject, allowed, dir.path())?;
    let args = plan.args.join(" ").replace(dir.path().to_str().unwrap(), "DIR");
    let command = format!("{} on {machine} CPUs: {args}", subject.engine.version);
    let predicted = plan.prediction.threads;
    if let Some(row) = kept.find(&command).filter(|row| row.is_fine) {
        // What is predicted today counts.
        return Some(Row { predicted, budget, ..row });
    }
    let cpus = Cpus { machine, allowed: machine };
    let enough = (case.outputs() == 1).then(|| enough(subject, &plan.args));
    let counted = count(&subject.program, &plan.args, cpus, enough);
    let complaint = counted.complaint();
    let stood_still = matches!(counted.end, End::Still(_));
    let row = Row {
        is_fine: complaint.is_none() || stood_still,
        stood_still,
        what: complaint
            .map_or_else(|| case.to_string(), |complaint| format!("{case}: FAILED: {complaint}")),
        machine,
        budget,
        predicted,
        peak: counted.peak,
    };
    kept.add(command, row.clone());
    Some(row)
}

/// Frames after which the command has all its threads.
fn enough(subject: &Subject, args: &[String]) -> u64 {
    let counts_in = subject.engine.version.starts_with(['4', '5', '6']);
    let is_named = |name: &str| args.iter().any(|word| word.starts_with(name));
    let late = ENOUGH_IN.iter().filter(|(name, _)| counts_in && is_named(name));
    late.map(|&(_, frames)| frames).max().unwrap_or(ENOUGH)
}

/// Runs `case` with `budget` CPUs where FFmpeg sees `machine`.
fn run(subject: &Subject, case: &Case, machine: u32, budget: u32) -> Option<Row> {
    run_or_find(&mut Kept::nowhere(), subject, case, (machine, budget))
}

/// Says how good the predictions were, and fails where one was not.
#[expect(clippy::print_stdout, reason = "the figures are what the long form is run for")]
fn judge(name: &str, rows: &[Row]) {
    let worst = rows.iter().max_by_key(|row| row.off()).expect("something was run");
    let exact = rows.iter().filter(|row| row.off() == 0).count();
    let wrong: Vec<String> = rows.iter().filter(|row| !row.holds()).map(Row::to_string).collect();
    println!(
        "{name}: {} runs, {} within 2 or a tenth, {exact} exact; farthest off: {worst}",
        rows.len(),
        rows.len() - wrong.len(),
    );
    for row in rows.iter().filter(|row| row.stood_still) {
        println!("  not done, counted as far as it came: {row}");
    }
    for machine in MACHINES.map(|(machine, _)| machine) {
        let of = rows.iter().filter(|row| row.machine == machine);
        if let Some(most) = of.max_by_key(|row| row.peak) {
            println!("  most at {machine} CPUs: {most}");
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

/// Runs a part of `cases` on one machine, each with one of its budgets.
fn some(subject: Option<Subject>, name: &str, machine: usize, cases: &[Case]) {
    let Some(subject) = subject else { return };
    let (machine, budgets) = MACHINES[machine];
    let rows: Vec<Row> = cases
        .iter()
        .zip(budgets.iter().cycle())
        .filter(|(case, _)| case.is_possible(&subject))
        .filter_map(|(case, &budget)| run(&subject, case, machine, budget))
        .collect();
    judge(name, &rows);
}

macro_rules! matrix {
    ($($name:ident: $subject:ident $machine:literal $module:ident::$cases:ident;)*) => {$(
        #[test]
        fn $name() {
            some(Subject::$subject(), stringify!($name), $machine, &$module::$cases());
        }
    )*};
}

matrix! {
    presets_keep_their_threads_on_2_cpus: debian 0 corpus::presets;
    presets_keep_their_threads_on_16_cpus: debian 1 corpus::presets;
    presets_keep_their_threads_on_128_cpus: debian 2 corpus::presets;
    new_ffmpeg_keeps_the_threads_of_presets_on_2_cpus: wheel 0 corpus::presets;
    new_ffmpeg_keeps_the_threads_of_presets_on_16_cpus: wheel 1 corpus::presets;
    new_ffmpeg_keeps_the_threads_of_presets_on_128_cpus: wheel 2 corpus::presets;
    generated_commands_keep_their_threads_on_2_cpus: debian 0 generated::sample;
    generated_commands_keep_their_threads_on_16_cpus: debian 1 generated::sample;
    generated_commands_keep_their_threads_on_128_cpus: debian 2 generated::sample;
    new_ffmpeg_keeps_the_threads_of_generated_commands_on_2_cpus: wheel 0 generated::sample;
    new_ffmpeg_keeps_the_threads_of_generated_commands_on_16_cpus: wheel 1 generated::sample;
    new_ffmpeg_keeps_the_threads_of_generated_commands_on_128_cpus: wheel 2 generated::sample;
}

/// Every one of `cases` with every budget of every machine: first all of them on each machine with its first budget, so
/// that a run that is stopped has seen each.
#[expect(clippy::print_stdout, reason = "the figures are what the long form is run for")]
fn all(subject: Option<Subject>, name: &str, cases: &[Case]) {
    let Some(subject) = subject else { return };
    let mut kept = Kept::of(name);
    let mut rows = Vec::new();
    let asked = cases.iter().filter(|case| is_asked_for(&case.to_string()));
    let cases: Vec<&Case> = asked.filter(|case| case.is_possible(&subject)).collect();
    for which in 0..2 {
        for case in &cases {
            for (machine, budgets) in MACHINES {
                let row = run_or_find(&mut kept, &subject, case, (machine, budgets[which]));
                // One that is cut short has figures too.
                row.iter().for_each(|row| println!("{row}"));
                rows.extend(row);
            }
        }
    }
    judge(name, &rows);
}

macro_rules! soak {
    ($($name:ident: $subject:ident $module:ident::$cases:ident;)*) => {$(
        #[test]
        #[ignore = "soak: each command on each machine with each budget, some 10 minutes"]
        fn $name() {
            all(Subject::$subject(), stringify!($name), &$module::$cases());
        }
    )*};
}

soak! {
    soak_generated_commands_keep_their_threads: debian generated::all;
    soak_presets_keep_their_threads: debian corpus::every_preset;
    soak_new_ffmpeg_keeps_the_threads_of_generated_commands: wheel generated::all;
    soak_new_ffmpeg_keeps_the_threads_of_presets: wheel corpus::every_preset;
}

#[test]
fn two_cpus_start_no_more_than_two_dozen_threads_however_many_are_seen() {
    for subject in [Subject::debian(), Subject::wheel()].into_iter().flatten() {
        for case in corpus::bounded() {
            let row = run(&subject, &case, 128, 2.min(case.cpus())).unwrap();
            assert!(row.is_fine && row.peak <= 24, "{row}");
        }
    }
}

#[test]
fn gifs_keep_their_threads_whichever_scaler_converts_them() {
    for subject in [Subject::debian(), Subject::wheel()].into_iter().flatten() {
        let gifs = corpus::gifs();
        let rows = gifs.iter().map(|case| run(&subject, case, 16, 16).unwrap());
        judge("GIFs", &rows.collect::<Vec<_>>());
    }
}

#[test]
fn comparing_filter_keeps_the_threads_that_it_is_told() {
    if let Some(debian) = Subject::debian() {
        for case in corpus::comparing() {
            assert!(run(&debian, &case, 2, 2).is_none(), "Debian's has no libvmaf: {case}");
        }
    }
    let Some(wheel) = Subject::wheel() else { return };
    let mut rows = Vec::new();
    for (machine, budget) in [(2, 2), (16, 4), (128, 16)] {
        let of = corpus::comparing();
        rows.extend(of.iter().map(|case| run(&wheel, case, machine, budget).unwrap()));
    }
    judge("libvmaf", &rows);
}
