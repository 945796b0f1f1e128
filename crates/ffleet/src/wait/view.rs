//! How a watched job is shown: a bar on a terminal, lines in a pipe.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use ffleet_api::attempt::Progress;
use ffleet_api::job::Summary;
use ffleet_types::task::State;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;

use crate::context::Context;
use crate::failure::Failure;
use crate::show;
use crate::show::text::push;

/// Time after which a line is written though little has changed.
const OFTEN: Duration = Duration::from_secs(10);
/// Progress after which a line is written, in percent.
const STEP: f64 = 10.0;

/// Where a watched job is shown.
pub(super) struct View {
    number: String,
    state: Option<State>,
    form: Form,
}

enum Form {
    Bar(ProgressBar),
    Lines(Lines),
}

/// Lines to standard output, or beside it where that is for JSON.
struct Lines {
    aside: bool,
    written: Option<(Instant, f64)>,
}

impl View {
    /// Nothing shown yet.
    pub(super) fn new(context: &Context, job: &Summary) -> Self {
        let json = context.common.json;
        let form = if io::stderr().is_terminal() && (json || io::stdout().is_terminal()) {
            Form::Bar(bar())
        } else {
            Form::Lines(Lines { aside: json, written: None })
        };
        Self { number: job.number.to_string(), state: None, form }
    }

    /// Shows where the job is.
    pub(super) fn job(&mut self, job: &Summary) -> Result<(), Failure> {
        if self.state.replace(job.state) != Some(job.state) {
            let mut line = format!("job {} {}", self.number, job.state);
            if let (State::Retrying, Some(message)) = (job.state, &job.message) {
                push!(line, ": {}", show::text::visible(message));
            }
            match &mut self.form {
                Form::Bar(meter) => {
                    meter.set_prefix(line);
                    meter.set_message("");
                }
                // How it ended is told at the end.
                Form::Lines(lines) if !job.state.is_terminal() => {
                    lines.written = None;
                    lines.write(&line)?;
                }
                Form::Lines(_) => {}
            }
        }
        match &job.progress {
            Some(progress) => self.progress(progress),
            None => Ok(()),
        }
    }

    /// Shows how it gets on.
    pub(super) fn progress(&mut self, progress: &Progress) -> Result<(), Failure> {
        match &mut self.form {
            Form::Bar(meter) => {
                match progress.percent {
                    Some(percent) => {
                        meter.set_length(PARTS);
                        meter.set_position(parts(percent));
                    }
                    None => meter.unset_length(),
                }
                meter.set_message(show::progress::line(progress));
                Ok(())
            }
            Form::Lines(lines) => {
                if lines.is_due(progress.percent, Instant::now()) {
                    lines.write(&format!(
                        "job {} {}",
                        self.number,
                        show::progress::line(progress)
                    ))?;
                }
                Ok(())
            }
        }
    }

    /// Says something about the watching itself, beside what is watched.
    pub(super) fn say(&self, text: &str) {
        let line = format!("job {}: {text}", self.number);
        match &self.form {
            Form::Bar(meter) => meter.println(line),
            // Who cannot be told that the server is away will see what comes of it.
            Form::Lines(_) => drop(writeln!(io::stderr(), "{line}")),
        }
    }

    /// Makes room for what comes after.
    pub(super) fn clear(&self) {
        if let Form::Bar(meter) = &self.form {
            meter.finish_and_clear();
        }
    }
}

impl Lines {
    /// Whether a line is due at this percentage.
    fn is_due(&mut self, percent: Option<f64>, now: Instant) -> bool {
        let percent = percent.unwrap_or(0.0);
        let due = self
            .written
            .is_none_or(|(when, then)| now - when >= OFTEN || (percent - then).abs() >= STEP);
        if due {
            self.written = Some((now, percent));
        }
        due
    }

    fn write(&self, line: &str) -> Result<(), Failure> {
        if self.aside {
            writeln!(io::stderr(), "{line}")?;
        } else {
            let mut out = io::stdout().lock();
            writeln!(out, "{line}")?;
            out.flush()?;
        }
        Ok(())
    }
}

/// Parts of the whole that the bar knows: a tenth of a percent each.
const PARTS: u64 = 1_000;

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what fits")]
fn parts(percent: f64) -> u64 {
    (percent.clamp(0.0, 100.0) * 10.0) as u64
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix}  {wide_bar} {msg}")
        .expect("the template is one")
        .progress_chars("━╸─");
    let meter = ProgressBar::with_draw_target(Some(PARTS), ProgressDrawTarget::stderr());
    meter.set_style(style);
    meter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_is_due_every_ten_percent_or_ten_seconds() {
        let mut lines = Lines { aside: false, written: None };
        let now = Instant::now();
        let mut due = |percent, now| lines.is_due(Some(percent), now);
        let at_once = [0.0, 5.0, 9.9, 10.0, 15.0, 20.0].map(|percent| due(percent, now));
        assert_eq!(at_once, [true, false, false, true, false, true]);
        assert!(due(20.0, now + OFTEN));
        assert!(!due(20.0, now + OFTEN));
        assert!(due(0.0, now + OFTEN), "the next phase begins");
    }

    #[test]
    fn bar_stays_within_itself() {
        assert_eq!([-5.0, 0.0, 50.05, 100.0, 1e9].map(parts), [0, 0, 500, 1_000, 1_000]);
    }
}
