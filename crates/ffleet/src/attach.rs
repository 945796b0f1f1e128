//! `ffleet attach`: limits on a process that runs, and on what descends from it.
//!
//! It is never started again, never stopped and never killed by us. When we are told to end, it is put
//! back to where it was; if we are killed, its limits stay, and the next `attach` goes on with them.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint, value_parser};
use ffleet_base::{Clock as _, SystemClock, chain};
use ffleet_guard::foreign::{
    self, Asked, Ended, Error, Group, Kind, Place, Process, Spec, Taken, Watched,
};

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::governed::{Report, Wanted, Why, complain, in_the_way, note, place, sweep};

/// Between two looks at how many threads there are.
const LOOK: Duration = Duration::from_millis(500);

/// `ffleet attach`
#[derive(Debug, Args)]
#[command(override_usage = "ffleet attach [OPTIONS] --pid PID", after_long_help = MORE)]
pub(crate) struct Flags {
    /// The process
    #[arg(long, value_name = "PID", value_parser = value_parser!(i32).range(2..))]
    pid: i32,
    #[command(flatten)]
    wanted: Wanted,
    /// When it has ended, put back what descends from it as well, instead of keeping its limits
    #[arg(long)]
    detach_on_exit: bool,
    /// Write how it went into this file, as JSON
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    report: Option<PathBuf>,
}

const MORE: &str = "\
  ffleet attach --pid 4711 --cpu 150% --nice 10

The process goes on as it is; Ctrl-C or SIGTERM puts it back to where it was. It is waited for: its
exit code is said where the kernel tells it (Linux 6.15), else that it is unknown. docs/run.md says the
rest.";

/// Governs a process until it ends or we are told to.
pub(crate) fn run(context: &Context, flags: &Flags) -> Result<Exit, Failure> {
    let limits = flags.wanted.limits()?;
    let process = process(flags.pid)?;
    let watched = Watched::begin(process).map_err(|error| in_the_way(&error))?;
    // From here on we put back what we have moved before we end.
    let asked = Asked::begin()
        .map_err(|error| Failure::new(Exit::Local, format!("signals cannot be heard: {error}")))?;
    let place = place(context)?;
    sweep(&place);
    let mut group = match foreign::find(&place, process) {
        Some(state) => go_on(&place, &state.name, limits)?,
        None => {
            let about = flags.wanted.about(Kind::Attach, process.command())?;
            let name = flags.wanted.name("attach", process.pid);
            let spec = Spec { name, about, limits, counts: true };
            Group::make(&place, spec).map_err(|error| in_the_way(&error))?
        }
    };
    let began = SystemClock.monotonic();
    match group.take(process) {
        Ok(taken) => say(process, &taken, &group),
        Err(error) => return Err(refused(group, &error)),
    }
    let mut most = None;
    let signal = loop {
        let heard = asked.wait(&watched, LOOK);
        let heard = heard.map_err(|error| Failure::new(Exit::Local, error.to_string()))?;
        if heard.is_some() || watched.has_ended() {
            break heard;
        }
        most = most.max(group.used().tasks);
    };
    let wall = SystemClock.monotonic().saturating_sub(began);
    let mut report = Report::of(&group, process.pid, wall, most);
    if watched.has_ended() {
        if let Ended::So(exit) = watched.ended() {
            report.ended(exit);
        }
    } else {
        report.why = Why::Detached;
    }
    if signal.is_some() || flags.detach_on_exit {
        detach(group)?;
    } else {
        report.left = keep(&group)?;
    }
    let file = flags.report.as_deref().map(|file| context.here.join(file));
    report.tell(context.common.json, file.as_deref())?;
    Ok(Exit::Done)
}

/// The process of this id, if it may be taken.
fn process(pid: i32) -> Result<Process, Failure> {
    let found = Process::of(pid).filter(|process| process.is_alive());
    let process =
        found.ok_or_else(|| Failure::new(Exit::Local, format!("there is no process {pid}")))?;
    if process.is_above(Process::ours()) {
        return Err(Failure::usage(format!("this ffleet descends from process {pid}"))
            .hint("start it from elsewhere: it cannot be within the limits that it keeps"));
    }
    Ok(process)
}

/// Goes on with a group that somebody has made before.
fn go_on(place: &Place, name: &str, limits: foreign::Limits) -> Result<Group, Failure> {
    let mut group = Group::reopen(place, name).map_err(|error| in_the_way(&error))?;
    note(&format!("it is in the group {name} already, which goes on"));
    if !limits.is_empty() {
        group.limit(limits).map_err(|error| in_the_way(&error))?;
    }
    Ok(group)
}

/// The process could not be taken: what was done is undone.
fn refused(group: Group, error: &Error) -> Failure {
    if let Err(error) = group.release() {
        note(&format!("its group is left: {}", chain(&error)));
    }
    in_the_way(error)
}

fn say(process: Process, taken: &Taken, group: &Group) {
    let (count, threads) = (taken.processes.len(), taken.threads);
    note(&format!(
        "attached to process {}: {count} processes with {threads} threads, in the group {}",
        process.pid,
        group.name()
    ));
    complain(group.outcomes());
    taken.trouble.iter().for_each(|trouble| note(trouble));
    for limit in &taken.left {
        note(&format!("it is not bounded any more by {limit}"));
    }
}

/// Puts everything back.
fn detach(group: Group) -> Result<(), Failure> {
    let name = group.name().to_owned();
    let released = group.release().map_err(|error| in_the_way(&error))?;
    released.trouble.iter().for_each(|trouble| note(trouble));
    if !released.is_gone {
        note(&format!("some of its processes stay in the group {name}"));
    }
    Ok(())
}

/// What goes on within the limits of the group, which is removed if nothing does.
fn keep(group: &Group) -> Result<Vec<i32>, Failure> {
    if group.remove_if_empty().map_err(|error| in_the_way(&error))? {
        return Ok(Vec::new());
    }
    let left: Vec<_> = group.processes().iter().map(|process| process.pid).collect();
    let pids: Vec<_> = left.iter().map(ToString::to_string).collect();
    let (pids, name) = (pids.join(", "), group.name());
    note(&format!(
        "what descends from it goes on within the limits of the group {name}: {pids}"
    ));
    Ok(left)
}
