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
use ffleet_testkit::cpus::{Cpus, count};
use ffleet_types::Cpu;

mod attempt;
mod corpus;
mod generated;
mod subject;

use corpus::Case;
use subject::Subject;

/// Machines, and budgets on each: the whole of it first.
const MACHINES: [(u32, [u32; 2]); 3] = [(2, [2, 1]), (16, [16, 2]), (128, [128, 16])];
/// Frames after which an encoder has started all it will start; and for those that start their
/// threads with the first picture that comes out, which is one for each picture they look ahead.
const ENOUGH: (u64, u64) = (2, 45);

/// A command that was run.
struct Row {
    what: String,
    is_fine: bool,
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

/// Runs `case` with `budget` CPUs where FFmpeg sees `machine`.
fn run(subject: &Subject, case: &Case, machine: u32, budget: u32) -> Option<Row> {
    let allowed = Budget { cpu: Cpu::whole(budget), seen: machine };
    let dir = tempfile::Builder::new().prefix("threads-").tempdir().unwrap();
    let plan = case.plan(subject, allowed, dir.path())?;
    let is_late = plan
        .args
        .iter()
        .any(|word| word.starts_with("libvpx") || word.starts_with("libaom"));
    let enough = if is_late { ENOUGH.1 } else { ENOUGH.0 };
    let enough = (case.outputs() == 1).then_some(enough);
    let cpus = Cpus { machine, allowed: machine };
    let counted = count(&subject.program, &plan.args, cpus, enough);
    let complaint = counted.complaint();
    Some(Row {
        is_fine: complaint.is_none(),
        what: complaint
            .map_or_else(|| case.to_string(), |complaint| format!("{case}: FAILED: {complaint}")),
        machine,
        budget,
        predicted: plan.prediction.threads,
        peak: counted.peak,
    })
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

/// Every one of `cases` with every budget of every machine.
#[expect(clippy::print_stdout, reason = "the figures are what the long form is run for")]
fn all(subject: Option<Subject>, name: &str, cases: &[Case]) {
    let Some(subject) = subject else { return };
    let mut rows = Vec::new();
    for case in cases.iter().filter(|case| case.is_possible(&subject)) {
        for (machine, budgets) in MACHINES {
            for budget in budgets {
                let row = run(&subject, case, machine, budget);
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
