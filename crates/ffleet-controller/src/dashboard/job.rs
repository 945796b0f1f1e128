//! One job: what it is at, what became of it, what it cost, and its log.

use ffleet_api::Job;
use ffleet_api::attempt::{Attempt, Ending, Usage};
use ffleet_api::job::{Change, Output, OutputState, Summary};
use ffleet_api::sample::List;
use ffleet_telemetry::redact::{command_line, redact};
use ffleet_types::attempt::Tally;
use ffleet_types::task::State;
use ffleet_types::{Bytes, Timestamp};
use maud::{Markup, html};

use super::base::at;
use super::page::{Live, Part, frame};
use super::{Action, chip, curves, format};

/// The page.
pub(super) fn render(job: &Job, samples: &List, now: Timestamp) -> Markup {
    let summary = &job.summary;
    let title = format!("Job {} {}", summary.number, format::word(summary.state.name()));
    let events = format!("/v1/events?job={}", summary.number);
    frame(
        &title,
        Part::Jobs,
        Some(Live { events: &events, now }),
        &html! {
            article data-job=(summary.number) {
                header #head .head data-live { (head(summary, now)) }
                section #standing data-live aria-live="polite" { (standing(summary)) }
                div .columns {
                    div {
                        section #outputs .card data-live { (outputs(summary)) }
                        (work(job, samples))
                        section #attempts .card data-live { (attempts(&job.attempts)) }
                        section #logs .card { (log(job)) }
                    }
                    div {
                        section #costs .card data-live { (costs(job)) }
                        section #history .card data-live { (history(&job.history)) }
                        section #terms .card data-live { (terms(summary)) }
                    }
                }
            }
        },
    )
}

/// What its processes are at. The script fetches this part alone every few seconds, as long as there
/// may be more of it.
pub(super) fn work(job: &Job, samples: &List) -> Markup {
    let state = job.summary.state;
    let follow = matches!(state, State::Running | State::Paused)
        .then(|| at(&format!("/jobs/{}/curves", job.summary.number)));
    let curves = curves::render(job, samples);
    html! {
        section #work .card data-live data-again=[follow] hidden[curves.0.is_empty()] { (curves) }
    }
}

fn head(job: &Summary, now: Timestamp) -> Markup {
    html! {
        div .title {
            h1 { "Job " (job.number) }
            (chip::state(job.state))
            @if job.cancel_requested && !job.state.is_terminal() {
                span .faint { "stopping: its processes are being ended" }
            }
            div .actions { @for action in Action::ALL { (button(job, action)) } }
        }
        p .faint {
            "accepted " (format::ago(job.accepted_at, now))
            @if let Some(other) = job.retry_of {
                " · tries job " a href={ (at("/jobs/")) (other) } { (other) } " again"
            }
        }
        p .source { code { (redact(&job.input)) } }
    }
}

/// A button for an action, where it means anything. What cannot be undone asks once more.
fn button(job: &Summary, action: Action) -> Markup {
    if !action.suits(job.state) || (action == Action::Cancel && job.cancel_requested) {
        return html! {};
    }
    let address = at(&format!("/jobs/{}/{action}", job.number));
    html! {
        @match action {
            Action::Pause => (form(&address, "Pause", "button")),
            Action::Resume => (form(&address, "Resume", "button")),
            Action::Retry => (form(&address, "Retry as a new job", "button")),
            Action::Cancel => details #confirm .confirm {
                summary .button { "Cancel" }
                (form(&address, &format!("Stop job {} for good", job.number), "button danger"))
            }
        }
    }
}

fn form(address: &str, text: &str, class: &str) -> Markup {
    html! { form method="post" action=(address) { button class=(class) { (text) } } }
}

/// What a job is at, or why it is not.
fn standing(job: &Summary) -> Markup {
    let waits = match job.state {
        State::Queued => Some("Waiting for room on a node."),
        State::Assigned => Some("Promised to a node, which is about to start it."),
        State::Retrying => {
            Some("The last attempt failed in a way that may pass; the next one follows.")
        }
        _ => None,
    };
    html! {
        @if matches!(job.state, State::Running | State::Paused) {
            div .card { (chip::progress(job.progress.as_ref(), "Progress")) }
        }
        @if let Some(waits) = waits { p .note { (waits) } }
        @if let Some(why) = &job.waits { p .note { "No node takes it now: " (why) "." } }
        @if job.reason.is_some() || job.message.is_some() {
            div class={ "alert " (chip::tone(job.state)) } {
                @if let Some(reason) = job.reason { strong { (format::word(reason.name())) } }
                @if let Some(message) = &job.message { p { (redact(message)) } }
            }
        }
    }
}

fn outputs(job: &Summary) -> Markup {
    html! {
        h2 { "Outputs" }
        table .outputs {
            thead { tr {
                th scope="col" { "Target" } th scope="col" { "Made by" }
                th scope="col" { "State" } th scope="col" .right { "Size" }
            } }
            tbody { @for output in &job.outputs { tr {
                td .work { code { (redact(&output.target)) } }
                td { (make(output)) }
                td { @match output.state {
                    OutputState::Pending if job.state.is_terminal() => (chip::word("off", "not made")),
                    OutputState::Pending => (chip::word("wait", "pending")),
                    OutputState::Published => (chip::word("ok", "published")),
                } }
                td .right { @match output.size_bytes {
                    Some(size) => span title={ (format::grouped(size)) " bytes" } { (Bytes(size).human()) },
                    None => (format::NOTHING),
                } }
            } } }
        }
    }
}

fn make(output: &Output) -> Markup {
    html! {
        @if let Some(args) = &output.raw { code { (command_line(args)) } }
        @else if let Some(preset) = &output.preset { span .tag { (preset) } }
        @else { "a recipe of its own" }
    }
}

/// What all attempts together took; peaks are the highest of any.
fn total(attempts: &[Attempt]) -> Usage {
    let all = attempts.iter().map(|attempt| &attempt.usage);
    all.fold(Usage::default(), |sum, one| sum.and(one))
}

fn costs(job: &Job) -> Markup {
    let usage = total(&job.attempts);
    let ended = job.attempts.iter().any(|attempt| attempt.finished_at.is_some());
    let figure = |name: &str, text: String| html! { div { dt { (name) } dd { (text) } } };
    html! {
        h2 { "Costs" }
        @if ended {
            dl .figures {
                (figure("Wall time", format::span(usage.wall_seconds)))
                (figure("CPU time", format::span(usage.cpu_seconds)))
                (figure("of it to verify", format::span(usage.verify_cpu_seconds)))
                (figure("Peak memory", Bytes(usage.peak_memory_bytes).human()))
                @if usage.peak_resident_bytes > 0 {
                    (figure("of it resident", Bytes(usage.peak_resident_bytes).human()))
                }
                @if usage.predicted_memory_bytes > 0 {
                    (figure("Resident predicted", Bytes(usage.predicted_memory_bytes).human()))
                }
                @if usage.peak_threads > 0 {
                    (figure("Peak threads", match usage.peak_threads_by {
                        Tally::Counted => format!("{} (counted)", usage.peak_threads),
                        Tally::Sampled => format!("{} (sampled once a second)", usage.peak_threads),
                        Tally::Unknown => format!("{} (not known whether counted)", usage.peak_threads),
                    }))
                }
                @if usage.predicted_threads > 0 {
                    (figure("Threads predicted", usage.predicted_threads.to_string()))
                }
                @if usage.paused_seconds > 0.0 {
                    (figure("Paused", format::span(usage.paused_seconds)))
                }
            }
            @if job.attempts.len() > 1 {
                p .faint { "All " (job.attempts.len()) " attempts together; peaks are the highest of any." }
            }
        } @else {
            p .faint { "Known once an attempt has ended." }
        }
    }
}

fn history(history: &[Change]) -> Markup {
    html! {
        h2 { "History" }
        ol .timeline { @for change in history { li {
            (format::clock(change.at)) " "
            (chip::state(change.to))
            span .who { "by " (change.actor)
                @if let Some(attempt) = change.attempt { ", attempt " (attempt) } }
            @if change.reason.is_some() || change.message.is_some() {
                p .message {
                    @if let Some(reason) = change.reason { span .reason { (format::word(reason.name())) } " " }
                    @if let Some(message) = &change.message { (redact(message)) }
                }
            }
        } } }
    }
}

fn attempts(attempts: &[Attempt]) -> Markup {
    html! {
        h2 { "Attempts" }
        @if attempts.is_empty() { p .faint { "None yet." } }
        @for attempt in attempts.iter().rev() { (one_attempt(attempt)) }
    }
}

fn one_attempt(attempt: &Attempt) -> Markup {
    let node = attempt.node_name.clone().unwrap_or_else(|| attempt.node.to_string());
    html! {
        section .attempt {
            h3 {
                "Attempt " (attempt.number) " "
                @match attempt.outcome {
                    None => (chip::word("go", "under way")),
                    Some(Ending::Completed) => (chip::word("ok", "completed")),
                    Some(Ending::Failed) => (chip::word("bad", "failed")),
                    Some(Ending::Canceled) => (chip::word("off", "canceled")),
                }
                span .plain .faint {
                    "on " (node)
                    @if let (Some(start), Some(end)) = (attempt.started_at, attempt.finished_at) {
                        ", " (format::between(start, end))
                    }
                }
            }
            @if let Some(message) = &attempt.message { p .message { (redact(message)) } }
            @if !attempt.notes.is_empty() {
                ul .notes { @for note in &attempt.notes { li { (redact(note)) } } }
            }
            @if attempt.commands.is_empty() && attempt.outcome.is_none() {
                p .faint { "Its command lines are shown once it has ended." }
            }
            @for (index, command) in attempt.commands.iter().enumerate() {
                @let id = format!("command-{}-{index}", attempt.number);
                div .command {
                    pre .block id=(id) tabindex="0" aria-label="Command line" {
                        // Each argument in a box of its own, so that lines break between them.
                        @for (index, arg) in command.iter().enumerate() {
                            @if index > 0 { " " }
                            span .arg { (command_line(&[arg])) }
                        }
                    }
                    button .button .copy data-copy=(id) hidden { "Copy" }
                }
            }
        }
    }
}

fn log(job: &Job) -> Markup {
    let address = format!("/v1/jobs/{}/logs", job.summary.number);
    let last = job.attempts.last();
    let follow = !job.summary.state.is_terminal();
    html! {
        h2 { "Log" }
        @if let Some(last) = last {
            pre #log .block .log tabindex="0" role="log" aria-label="Log of the last attempt"
                aria-live="off" data-log=(address) data-attempt=(last.number)
                data-follow=[follow.then_some("true")] {}
            p {
                @for attempt in &job.attempts {
                    a href={ (address) "?attempt=" (attempt.number) } {
                        "Log of attempt " (attempt.number)
                    } " · "
                }
                a href={ (at("/logs?job=")) (job.summary.number) } { "Look in all of them, with times" }
            }
        } @else {
            p .faint { "The engine's own words appear here once an attempt has begun." }
        }
    }
}

fn terms(job: &Summary) -> Markup {
    let limits = &job.limits;
    let row = |name: &str, text: Option<String>| {
        html! {
            @if let Some(text) = text { div { dt { (name) } dd { (text) } } }
        }
    };
    html! {
        h2 { "Terms" }
        dl .terms {
            div { dt { "Id" } dd { code { (job.id) } } }
            (row("Queue", Some(format!("{}, {} priority", job.queue, job.priority))))
            (row("Role group", Some(job.role_group.to_string())))
            (row("Tenant", Some(job.tenant.clone())))
            (row("CPU", limits.cpu.map(|cpu| cpu.to_string())))
            (row("Memory", limits.memory.map(Bytes::human)))
            (row("Scratch", limits.scratch.map(Bytes::human)))
            (row("Timeout", limits.timeout.map(|span| span.to_string())))
            (row("Stall", limits.stall.map(|span| span.to_string())))
            (row("Duration", job.duration.map(|span| span.to_string())))
            (row("Retries", Some(job.retries.to_string())))
            (row("Overwrite", job.overwrite.then(|| "files in the way are replaced".to_owned())))
            @if !job.labels.is_empty() {
                div {
                    dt { "Labels" }
                    dd { @for (name, value) in &job.labels { span .tag { (name) "=" (value) } } }
                }
            }
        }
        p .faint { "Limits that are not listed are derived when the input has been probed." }
    }
}
