//! The list of jobs, with what the server as a whole is doing above it.

use ffleet_api::job::{Output, Page, Summary};
use ffleet_api::live::Stream;
use ffleet_api::{Node, query};
use ffleet_telemetry::redact;
use ffleet_types::job::Class;
use ffleet_types::task::State;
use ffleet_types::{Bytes, Timestamp};
use maud::{Markup, html};

use super::base::at;
use super::page::{Live, Part, frame};
use super::{Tally, chip, format, nodes, streams};

/// Groups of states that people look for.
const GROUPS: [(&str, &[State]); 5] = [
    ("All", &[]),
    (
        "Active",
        &[State::Queued, State::Assigned, State::Running, State::Paused, State::Retrying],
    ),
    ("Completed", &[State::Completed]),
    ("Failed", &[State::Failed, State::TimedOut, State::Quarantined, State::Rejected]),
    ("Canceled", &[State::Canceled]),
];

/// What the list is made from.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) now: Timestamp,
    pub(super) query: query::Jobs,
    pub(super) page: Page,
    pub(super) tally: Tally,
    pub(super) nodes: Vec<Node>,
    pub(super) streams: Vec<Stream>,
}

/// The page.
pub(super) fn render(view: &View) -> Markup {
    frame(
        "Jobs",
        Part::Jobs,
        Some(Live { events: "/v1/events", now: view.now }),
        &html! {
            h1 .hidden { "Jobs" }
            section #summary data-live aria-label="Summary" { (summary(view)) }
            div .bar {
                nav #groups .groups data-live aria-label="Filter by state" { (groups(view)) }
                form .find action=(at("/find")) method="get" role="search" {
                    label .hidden for="job" { "Job number or id" }
                    input #job name="job" placeholder="Job number or id" autocomplete="off"
                        spellcheck="false" required maxlength="40";
                    button { "Go" }
                }
            }
            section #jobs data-live aria-label="Jobs" { (list(view)) }
        },
    )
}

/// How many of the tally are in these states; all of them where none is named.
fn count(tally: &Tally, states: &[State]) -> u64 {
    tally
        .iter()
        .filter(|(state, _)| states.is_empty() || states.contains(state))
        .map(|(_, count)| count)
        .sum()
}

fn summary(view: &View) -> Markup {
    let of = |states: &[State]| format::grouped(count(&view.tally, states));
    html! {
        dl .figures {
            div { dt { "Running" } dd { (of(&[State::Running, State::Assigned])) } }
            div { dt { "Waiting" } dd { (of(&[State::Queued, State::Retrying])) } }
            @if count(&view.tally, &[State::Paused]) > 0 {
                div { dt { "Paused" } dd { (of(&[State::Paused])) } }
            }
            div { dt { "Completed" } dd { (of(&[State::Completed])) } }
            div { dt { "Failed" } dd { (of(GROUPS[3].1)) } }
            (streams::brief(&view.streams))
        }
        div .machines { (nodes::brief(&view.nodes)) }
    }
}

fn groups(view: &View) -> Markup {
    html! {
        @for (name, states) in GROUPS {
            @let here = same(&view.query.states, states);
            @let address = query::Jobs { states: states.to_vec(), after: None, ..view.query.clone() };
            a href={ (at("/")) (address) } aria-current=[here.then_some("true")] {
                (name) " " span .count { (format::grouped(count(&view.tally, states))) }
            }
        }
    }
}

fn same(one: &[State], other: &[State]) -> bool {
    one.len() == other.len() && one.iter().all(|state| other.contains(state))
}

fn list(view: &View) -> Markup {
    let jobs = &view.page.jobs;
    if jobs.is_empty() {
        return nothing(view);
    }
    let paged = view.query.after.is_some();
    let newest = query::Jobs { after: None, ..view.query.clone() };
    html! {
        table .jobs {
            thead {
                tr {
                    th scope="col" { "Job" }
                    th scope="col" { "State" }
                    th scope="col" { "Work" }
                    th scope="col" { "Progress or result" }
                    th scope="col" .right { "Accepted" }
                }
            }
            tbody { @for job in jobs { (row(job, view.now)) } }
        }
        @if paged || view.page.next.is_some() {
            nav .pages aria-label="Pages" {
                @if paged { a .button href={ (at("/")) (newest) } { "Newest" } }
                @if let Some(next) = view.page.next {
                    @let older = query::Jobs { after: Some(next), ..view.query.clone() };
                    a .button href={ (at("/")) (older) } rel="next" { "Older" }
                }
            }
        }
    }
}

fn nothing(view: &View) -> Markup {
    let any = count(&view.tally, &[]) > 0;
    html! {
        div .empty {
            @if any {
                h2 { "No such jobs" }
                p { "No job here matches the filter. " a href=(at("/")) { "Show all" } }
            } @else {
                h2 { "No jobs yet" }
                p { "Submit one from a terminal on this machine; it appears here at once:" }
                pre .block { "ffleet submit test:720p30 -o /tmp/x.mp4 --wait" }
                p { "That encodes a generated test picture. With a film of your own:" }
                pre .block { "ffleet submit film.mov -o film.mp4 --preset 1080p-h264" }
                p { code { "ffleet presets" } " lists what it can be made into." }
            }
        }
    }
}

fn row(job: &Summary, now: Timestamp) -> Markup {
    let input = redact(&job.input);
    let (directory, name) = format::split_path(&input);
    html! {
        tr data-job=(job.number) {
            th scope="row" .number {
                a href={ (at("/jobs/")) (job.number) } { (job.number) }
            }
            td .state {
                (chip::state(job.state))
                @if job.cancel_requested && !job.state.is_terminal() { span .faint { "stopping" } }
            }
            td .work {
                span .path title=(input) { span .dir { (directory) } span { (name) } }
                @for output in &job.outputs { (target(output)) }
            }
            td .outcome { (outcome(job)) }
            td .right .when { (format::ago(job.accepted_at, now)) }
        }
    }
}

fn target(output: &Output) -> Markup {
    let target = redact(&output.target);
    let (directory, name) = format::split_path(&target);
    html! {
        span .path .to title=(target) {
            span .dir { (directory) } span { (name) }
            @if let Some(preset) = &output.preset { span .tag { (preset) } }
        }
    }
}

/// What there is to say about a job in one line.
fn outcome(job: &Summary) -> Markup {
    match job.state {
        State::Running | State::Paused => {
            chip::progress(job.progress.as_ref(), &format!("Progress of job {}", job.number))
        }
        State::Completed => {
            let size: u64 = job.outputs.iter().filter_map(|output| output.size_bytes).sum();
            html! {
                span .result {
                    @if size > 0 { (Bytes(size).human()) " " }
                    @if let (Some(start), Some(end)) = (job.started_at, job.finished_at) {
                        span .faint { @if size > 0 { "in " } @else { "took " } (format::between(start, end)) }
                    }
                }
            }
        }
        State::Queued | State::Assigned => html! {
            span .faint {
                (job.class.name())
                @if matches!(job.class, Class::Live | Class::Batch) { " queue" }
                @else { " priority" }
            }
        },
        State::Retrying
        | State::Failed
        | State::TimedOut
        | State::Quarantined
        | State::Rejected
        | State::Canceled => html! {
            @if let Some(reason) = job.reason { span .reason { (format::word(reason.name())) } " " }
            @if let Some(message) = job.message.as_deref().map(redact) {
                span .message title=(message) { (message) }
            }
        },
    }
}
