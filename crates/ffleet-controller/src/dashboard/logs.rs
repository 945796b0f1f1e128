//! What all children said, in one place: looked for by job, time and text.

use ffleet_api::log::{Line, Page};
use ffleet_api::query::{Logs, When};
use ffleet_types::Span;
use maud::{Markup, html};

use super::base::at;
use super::format;
use super::page::{Part, frame};

/// How far back one can look by a choice; the address takes any.
const SPANS: [(&str, u64); 5] = [
    ("10 minutes", 600),
    ("1 hour", 3_600),
    ("6 hours", 21_600),
    ("1 day", 86_400),
    ("1 week", 604_800),
];

/// The page.
pub(super) fn render(query: &Logs, page: &Page) -> Markup {
    frame(
        "Logs",
        Part::Logs,
        None,
        &html! {
            h1 { "Logs" }
            (form(query))
            section .card aria-label="Lines" {
                @if page.lines.is_empty() {
                    p .faint { "No line was found. A wider time, or other words, may hold one." }
                } @else { (table(&page.lines)) }
                @if !page.complete {
                    p .note { "The search stopped before its end, as there is too much to read at once: \
                               ask for less time, or for one job." }
                }
            }
            (pages(query, page))
        },
    )
}

fn form(query: &Logs) -> Markup {
    let since = match query.since {
        None => None,
        Some(When::Ago(span)) => Some(span),
        Some(When::At(_)) => return form_with(query, None),
    };
    form_with(query, since)
}

fn form_with(query: &Logs, since: Option<Span>) -> Markup {
    let seconds = since.map(|span| span.0.as_secs());
    let is_odd = query
        .since
        .is_some_and(|_| SPANS.iter().all(|span| Some(span.1) != seconds));
    html! {
        form .search action=(at("/logs")) method="get" role="search" {
            label { span { "Text" }
                input name="grep" value=(query.grep) maxlength=(Logs::LONGEST) spellcheck="false"
                    autocomplete="off" placeholder="any"; }
            label { span { "Job" }
                input .short name="job" value=[query.job] maxlength="40" autocomplete="off"
                    spellcheck="false" placeholder="all"; }
            label { span { "Since" }
                select name="since" {
                    @if query.since.is_none() {
                        option value="" selected { @if query.job.is_some() { "its start" } @else { "1 hour" } }
                    }
                    @if let (true, Some(since)) = (is_odd, query.since) {
                        option value=(since) selected { (since) }
                    }
                    @for (name, span) in SPANS {
                        option value=(Span::secs(span)) selected[seconds == Some(span)] { (name) }
                    }
                } }
            @if let Some(attempt) = query.attempt {
                input type="hidden" name="attempt" value=(attempt);
            }
            button { "Look" }
        }
    }
}

fn table(lines: &[Line]) -> Markup {
    html! {
        table .lines {
            thead { tr {
                th scope="col" { "Time (UTC)" } th scope="col" { "Job" } th scope="col" { "Phase" }
                th scope="col" { "Line" }
            } }
            tbody { @for line in lines { tr {
                td { (format::clock(line.at)) }
                td { (job(line)) }
                td .faint { (line.phase) }
                td { code { (line.text) } }
            } } }
        }
    }
}

fn job(line: &Line) -> Markup {
    html! {
        @match line.number {
            Some(number) => a href={ (at("/jobs/")) (number) } { (number) },
            None => span .faint title=(line.job) { "pruned" },
        }
        @if line.attempt > 1 { span .faint { " #" (line.attempt) } }
    }
}

fn pages(query: &Logs, page: &Page) -> Markup {
    let first = Logs { after: None, ..query.clone() };
    html! {
        @if query.after.is_some() || page.more {
            nav .pages aria-label="Pages" {
                @if query.after.is_some() { a .button href={ (at("/logs")) (first) } { "Oldest" } }
                @if let (true, Some(next)) = (page.more, &page.next) {
                    @let later = Logs { after: Some(next.clone()), ..query.clone() };
                    a .button href={ (at("/logs")) (later) } rel="next" { "Later" }
                }
            }
        }
    }
}
