//! Jobs in words.

use ffleet_api::attempt::{Attempt, Usage};
use ffleet_api::job::{Change, Job, Output, OutputState, Summary};
use ffleet_types::attempt::Tally;
use ffleet_types::task::State;
use ffleet_types::{Bytes, Timestamp};

use super::table::{Side, Table};
use super::text::{ago, length, push, quoted, size, visible};
use super::{progress, text};

/// A list of jobs as a table.
pub(crate) fn table(jobs: &[Summary], now: Timestamp) -> Table {
    let mut table = Table::new(&[
        ("JOB", Side::Right),
        ("STATE", Side::Left),
        ("DONE", Side::Right),
        ("AGE", Side::Right),
        ("INPUT → OUTPUTS", Side::Left),
    ]);
    for job in jobs {
        table.row(&[
            job.number.to_string(),
            state(job).to_owned(),
            done(job),
            ago(job.accepted_at.0, now),
            route(job),
        ]);
    }
    table
}

/// Its state, and whether that is about to end.
pub(crate) fn state(job: &Summary) -> &'static str {
    match job.state {
        state if job.cancel_requested && !state.is_terminal() => "canceling",
        state => state.name(),
    }
}

fn done(job: &Summary) -> String {
    match (&job.progress, job.state) {
        (_, State::Completed) => "100%".to_owned(),
        (Some(progress), _) => progress::percent(progress).unwrap_or_else(|| "live".to_owned()),
        (None, _) => "–".to_owned(),
    }
}

/// `in.mp4 → out.mp4, sound.m4a`.
fn route(job: &Summary) -> String {
    let targets: Vec<_> = job.outputs.iter().map(|output| output.target.as_str()).collect();
    format!("{} → {}", job.input, targets.join(", "))
}

/// Everything about a job.
pub(crate) fn page(job: &Job, now: Timestamp) -> String {
    let mut page = Page::default();
    let about = &job.summary;
    page.heading(&format!("job {}  {}", about.number, state(about)));
    page.line("id", &about.id.to_string());
    if let Some(reason) = about.reason {
        page.line("reason", reason.name());
    }
    if let Some(message) = &about.message {
        page.block("message", message);
    }
    if let Some(waits) = &about.waits {
        page.block("waits", &format!("no node takes it now: {waits}"));
    }
    page.line("input", &about.input);
    for output in &about.outputs {
        page.line("output", &made(output));
    }
    if let Some(progress) = &about.progress {
        page.line("progress", progress::line(progress).trim_start());
        if let Some(trouble) = &progress.trouble {
            page.block("trouble", trouble);
        }
    }
    terms(&mut page, about);
    times(&mut page, about, now);
    if let Some(cost) = cost(job) {
        page.line("cost", &cost);
    }
    for attempt in &job.attempts {
        show(&mut page, attempt);
    }
    page.heading("history");
    page.text.push_str(&history(&job.history));
    page.text
}

/// Every change of a job's state, a line each.
pub(crate) fn history(changes: &[Change]) -> String {
    changes.iter().map(change).collect()
}

fn change(change: &Change) -> String {
    let from = change.from.map_or("", State::name);
    let mut line = format!("  {}  {from:>9} → {:<9}  {}", change.at, change.to, change.actor);
    if let Some(attempt) = change.attempt {
        push!(line, "  attempt {attempt}");
    }
    if let Some(reason) = change.reason {
        push!(line, "  {reason}");
    }
    if let Some(message) = &change.message {
        push!(line, ": {}", visible(message.lines().next().unwrap_or_default()));
    }
    line.trim_end().to_owned() + "\n"
}

/// What a job's attempts used, all together; nothing where none has ended.
pub(crate) fn cost(job: &Job) -> Option<String> {
    let ended = job.attempts.iter().filter(|attempt| attempt.finished_at.is_some());
    let sum = ended.map(|attempt| attempt.usage).reduce(|sum, next| sum.and(&next))?;
    Some(used(&sum))
}

fn used(usage: &Usage) -> String {
    let mut parts = vec![
        format!("{} wall", length(usage.wall_seconds)),
        format!("{} CPU", length(usage.cpu_seconds)),
    ];
    if usage.verify_cpu_seconds > 0.0 {
        parts.push(format!("{} of it to verify", length(usage.verify_cpu_seconds)));
    }
    parts.push(format!("{} peak memory", size(usage.peak_memory_bytes)));
    if usage.peak_resident_bytes > 0 {
        let mut resident = format!("{} resident", size(usage.peak_resident_bytes));
        if usage.predicted_memory_bytes > 0 {
            push!(resident, " ({} predicted)", size(usage.predicted_memory_bytes));
        }
        parts.push(resident);
    }
    if usage.peak_threads > 0 {
        let mut threads = text::count(usage.peak_threads.into(), "thread");
        push!(threads, " ({}", by(usage.peak_threads_by));
        if usage.predicted_threads > 0 {
            push!(threads, ", {} predicted", usage.predicted_threads);
        }
        parts.push(threads + ")");
    }
    if usage.paused_seconds > 0.0 {
        parts.push(format!("{} paused", length(usage.paused_seconds)));
    }
    parts.join(", ")
}

/// How the most threads are known.
const fn by(tally: Tally) -> &'static str {
    match tally {
        Tally::Counted => "counted",
        Tally::Sampled => "sampled once a second",
        Tally::Unknown => "not known whether counted",
    }
}

/// An output: where, by what, how large.
pub(crate) fn made(output: &Output) -> String {
    let by = match (&output.preset, &output.raw) {
        (Some(preset), _) => preset.clone(),
        (None, Some(raw)) => format!("-- {}", quoted(raw)),
        (None, None) => "its own recipe".to_owned(),
    };
    let state = match (output.state, output.size_bytes) {
        _ if is_live(&output.target) => "live".to_owned(),
        (OutputState::Published, Some(bytes)) => size(bytes),
        (OutputState::Published, None) => "published".to_owned(),
        (OutputState::Pending, _) => "not there yet".to_owned(),
    };
    format!("{}  ({by}; {state})", output.target)
}

/// Whether something is sent there rather than put there.
pub(crate) fn is_live(target: &str) -> bool {
    !target.starts_with('/')
}

fn terms(page: &mut Page, job: &Summary) {
    page.line(
        "queue",
        &format!("{}, priority {}, tenant {}", job.queue, job.priority, job.tenant),
    );
    page.line("group", job.role_group.as_str());
    if !job.labels.is_empty() {
        let labels: Vec<_> =
            job.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        page.line("labels", &labels.join(" "));
    }
    let limits = limits(&job.limits);
    if !limits.is_empty() {
        page.line("limits", &limits.join(", "));
    }
    if let Some(duration) = job.duration {
        page.line("duration", &format!("at most {duration}"));
    }
    if let Some(original) = job.retry_of {
        page.line("retry of", &format!("job {original}"));
    }
}

/// Limits that are set, by name.
pub(crate) fn limits(limits: &ffleet_types::job::Limits) -> Vec<String> {
    let all = [
        ("cpu", limits.cpu.map(|cpu| cpu.to_string())),
        ("memory", limits.memory.map(Bytes::human)),
        ("scratch", limits.scratch.map(Bytes::human)),
        ("timeout", limits.timeout.map(|span| span.to_string())),
        ("stall", limits.stall.map(|span| span.to_string())),
    ];
    let set = all
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name} {}", value?)));
    set.collect()
}

fn times(page: &mut Page, job: &Summary, now: Timestamp) {
    let accepted = job.accepted_at;
    page.line("accepted", &format!("{accepted} ({} ago)", ago(accepted.0, now)));
    if let Some(started) = job.started_at {
        let waited = started.0.since(accepted.0).as_secs_f64();
        page.line("started", &format!("{started} (waited {})", length(waited)));
    }
    if let Some(finished) = job.finished_at {
        let since = job.started_at.unwrap_or(accepted);
        let took = finished.0.since(since.0).as_secs_f64();
        page.line("finished", &format!("{finished} (took {})", length(took)));
    }
}

fn show(page: &mut Page, attempt: &Attempt) {
    let node = attempt.node_name.clone().unwrap_or_else(|| attempt.node.to_string());
    page.heading(&format!("attempt {} on {node}", attempt.number));
    if let Some(reason) = attempt.reason {
        page.line("failed", reason.name());
    }
    if let Some(message) = &attempt.message {
        page.block("message", message);
    }
    if attempt.finished_at.is_some() {
        page.line("used", &used(&attempt.usage));
    }
    for note in &attempt.notes {
        page.line("note", note);
    }
    for command in &attempt.commands {
        page.line("ran", &quoted(command));
    }
}

/// Text that grows by named lines.
#[derive(Debug, Default)]
pub(crate) struct Page {
    text: String,
}

impl Page {
    /// A line that begins a section.
    pub(crate) fn heading(&mut self, heading: &str) {
        self.text.push_str(heading);
        self.text.push('\n');
    }

    /// A named value.
    pub(crate) fn line(&mut self, name: &str, value: &str) {
        push!(self.text, "  {name:<9} {}\n", visible(value));
    }

    /// A named value of several lines.
    pub(crate) fn block(&mut self, name: &str, value: &str) {
        for (at, line) in value.lines().enumerate() {
            self.line(if at == 0 { name } else { "" }, line);
        }
    }

    /// All of it.
    pub(crate) fn finish(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests;
