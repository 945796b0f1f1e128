//! `ffleet run`: a command within limits, which is otherwise as it would be without us.
//!
//! It is our child in our process group; we stand beside it (`ffleet_guard::foreign`), pass on what is
//! sent to us, and end as it did. It is in its group before it begins, and stays there if we are
//! killed.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueHint};
use ffleet_base::{Clock as _, SystemClock};
use ffleet_guard::foreign::{self, End, Group, Kind, Running, Spec};
use ffleet_types::Span;
use rustix::process::Signal;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::governed::{Report, Wanted, Why, complain, in_the_way, note, place, sweep};
use crate::program;

/// It took longer than `--timeout`.
const TIMED_OUT: u8 = 124;
/// It was not started: something is in our way.
const NOT_STARTED: u8 = 125;
/// It cannot be run.
const NO_PROGRAM: u8 = 126;
/// There is no such program.
const NOT_FOUND: u8 = 127;
/// Between two looks at how many threads there are.
const LOOK: Duration = Duration::from_millis(200);
/// How long it has to end when its time is over, before it is killed.
const GRACE: Duration = Duration::from_secs(10);
/// How long those that it started have to end after it, before they are said to go on.
const REST: Duration = Duration::from_millis(100);

/// `ffleet run`
#[derive(Debug, Args)]
#[command(override_usage = "ffleet run [OPTIONS] -- COMMAND…", after_long_help = MORE)]
pub(crate) struct Flags {
    #[command(flatten)]
    wanted: Wanted,
    /// How long it may take; then it is asked to end, and killed with all it started 10 s later
    #[arg(long, value_name = "TIME")]
    timeout: Option<Span>,
    /// Write how it went into this file, as JSON
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    report: Option<PathBuf>,
    /// The command, behind --
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

const MORE: &str = "\
  ffleet run --cpu 200% --memory 4GiB --tasks 64 -- ffmpeg -i in.mov out.mp4
  ffleet run --nice 10 --timeout 2h --report went.json -- ./nightly.sh

Standard input, output and error, terminal, environment, exit code and signals are the command's
own. Limits that do not hold here are said on standard error before it starts; how it went, when it
has ended: with --json as JSON. Own exit codes are 124 (--timeout), 125 (it was not started), 126 (it
cannot be run) and 127 (there is no such program). docs/run.md says the rest.";

/// Runs a command, and ends as it does.
pub(crate) fn run(context: &Context, flags: &Flags) -> ExitCode {
    match governed(context, flags) {
        Ok(code) => code.into(),
        Err(failure) => {
            program::complain(&failure);
            let usage = failure.exit() == Exit::Usage;
            if usage { Exit::Usage.into() } else { NOT_STARTED.into() }
        }
    }
}

fn governed(context: &Context, flags: &Flags) -> Result<u8, Failure> {
    let limits = flags.wanted.limits()?;
    let words = flags.command.iter().map(|word| word.to_string_lossy().into_owned());
    let about = flags.wanted.about(Kind::Run, words.collect())?;
    let ours = rustix::process::getpid().as_raw_nonzero().get();
    let place = place(context)?;
    sweep(&place);
    let name = flags.wanted.name("run", ours);
    let spec = Spec { name, about, limits, counts: true };
    let mut group = Group::make(&place, spec).map_err(|error| in_the_way(&error))?;
    let waiting = match group.prepare(&flags.command) {
        Ok(waiting) => waiting,
        Err(error) => {
            discard(&group);
            return Err(in_the_way(&error));
        }
    };
    complain(group.outcomes());
    let began = SystemClock.monotonic();
    let pid = waiting.pid();
    let mut running = match waiting.start() {
        Ok(running) => running,
        Err(error) => {
            discard(&group);
            return Ok(not_run(&flags.command, &error));
        }
    };
    let mut watch = Watch { group: &group, most: None, began };
    let timeout = flags.timeout.map(|span| span.0);
    let (end, timed_out) = watch.until_end(&mut running, timeout)?;
    let wall = SystemClock.monotonic().saturating_sub(began);
    let mut report = Report::of(&group, pid, wall, watch.most);
    report.ended(end.exit);
    report.count(&end);
    if timed_out {
        report.why = Why::TimedOut;
    }
    report.left = left(&group);
    report.tell(
        context.common.json,
        flags.report.as_deref().map(|file| context.here.join(file)).as_deref(),
    )?;
    Ok(ending(end.exit, timed_out))
}

/// Watches the command.
struct Watch<'a> {
    group: &'a Group,
    /// The most threads that were seen at once.
    most: Option<u64>,
    began: Duration,
}

impl Watch<'_> {
    /// Waits until it has ended, and says whether its time was over before.
    fn until_end(
        &mut self,
        running: &mut Running,
        timeout: Option<Duration>,
    ) -> Result<(End, bool), Failure> {
        let mut deadline = timeout.map(|span| self.began.saturating_add(span));
        let mut timed_out = false;
        loop {
            let now = SystemClock.monotonic();
            let step = deadline.map_or(LOOK, |at| LOOK.min(at.saturating_sub(now)));
            if let Some(end) = self.step(running, step)? {
                return Ok((end, timed_out));
            }
            if deadline.is_some_and(|at| SystemClock.monotonic() >= at) {
                self.stop(timed_out);
                let again = if timed_out { LOOK } else { GRACE };
                deadline = Some(SystemClock.monotonic() + again);
                timed_out = true;
            }
        }
    }

    fn step(&mut self, running: &mut Running, step: Duration) -> Result<Option<End>, Failure> {
        let end = running.wait(step).map_err(|error| {
            let message = format!("process {} cannot be waited for: {error}", running.pid());
            Failure::new(Exit::Local, message)
        })?;
        if end.is_none() {
            self.most = self.most.max(self.group.used().tasks);
        }
        Ok(end)
    }

    /// Asks all of it to end, or, where it has been asked, kills it.
    fn stop(&self, was_asked: bool) {
        if was_asked {
            self.group.signal(Signal::KILL);
        } else {
            note("its time is over: it is asked to end");
            self.group.signal(Signal::TERM);
            // Who stands still hears nothing.
            self.group.signal(Signal::CONT);
        }
    }
}

/// The processes that go on in the group, which is removed if there are none.
fn left(group: &Group) -> Vec<i32> {
    let until = SystemClock.monotonic() + REST;
    loop {
        match group.remove_if_empty() {
            Ok(true) => return Vec::new(),
            Ok(false) => {}
            Err(error) => note(&format!("its group is left: {}", ffleet_base::chain(&error))),
        }
        let left: Vec<_> = group.processes().iter().map(|process| process.pid).collect();
        if SystemClock.monotonic() >= until {
            if !left.is_empty() {
                let pids: Vec<_> = left.iter().map(ToString::to_string).collect();
                let (pids, name) = (pids.join(", "), group.name());
                note(&format!(
                    "processes that it left go on within the limits of the group {name}: {pids}"
                ));
            }
            return left;
        }
        // A pipe's other end, or a shell's last child, ends in a moment.
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

fn discard(group: &Group) {
    if let Err(error) = group.remove_if_empty() {
        note(&format!("its group is left: {}", ffleet_base::chain(&error)));
    }
}

fn not_run(command: &[OsString], error: &io::Error) -> u8 {
    let program = command
        .first()
        .map(|word| word.display().to_string())
        .unwrap_or_default();
    note(&format!("cannot run {program}: {error}"));
    if error.kind() == io::ErrorKind::NotFound {
        NOT_FOUND
    } else {
        NO_PROGRAM
    }
}

/// Ends as the command did: by the same signal, where one killed it.
fn ending(exit: ffleet_supervise::Exit, timed_out: bool) -> u8 {
    match exit {
        _ if timed_out => TIMED_OUT,
        ffleet_supervise::Exit::Code(code) => u8::try_from(code).unwrap_or(NOT_STARTED),
        ffleet_supervise::Exit::Signal(signal) => {
            foreign::die(signal);
            u8::try_from(128 + signal).unwrap_or(NOT_STARTED)
        }
    }
}
