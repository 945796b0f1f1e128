//! The frame around every page, and the pages that say that there is none.

use ffleet_api::Problem;
use ffleet_types::Timestamp;
use maud::{DOCTYPE, Markup, html};

use super::assets;
use super::base::at;

/// What the browser may do with our pages: load from us, and nothing else (CSP Level 3).
pub const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                       media-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; \
                       frame-ancestors 'none'";

/// Which part of the dashboard a page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The list of jobs, and each of them.
    Jobs,
    /// Streams and the feeds that they are made of.
    Streams,
    /// The nodes.
    Nodes,
    /// The logs of all jobs.
    Logs,
    /// The configuration.
    Config,
    /// None of them.
    None,
}

/// What keeps a page live.
#[derive(Clone, Copy, Debug)]
pub(super) struct Live<'a> {
    /// The events that the script follows.
    pub(super) events: &'a str,
    /// The server's clock: the browser's may stand elsewhere.
    pub(super) now: Timestamp,
}

/// A whole page; one that is not live does not change.
pub(super) fn frame(title: &str, part: Part, live: Option<Live<'_>>, main: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                title { (title) " · ffleet" }
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                link rel="icon" href=(assets::ICON.address());
                link rel="stylesheet" href=(assets::STYLE.address());
                script src=(assets::SCRIPT.address()) defer {}
            }
            body data-events=[live.map(|live| live.events)] data-now=[live.map(|live| live.now.as_millis())] {
                a .skip href="#main" { "Skip to content" }
                header .top {
                    a .brand href=(at("/")) { span .mark aria-hidden="true" {} "ffleet" }
                    nav aria-label="Parts" {
                        (tab("/", "Jobs", part == Part::Jobs))
                        (tab("/streams", "Streams", part == Part::Streams))
                        (tab("/nodes", "Nodes", part == Part::Nodes))
                        (tab("/logs", "Logs", part == Part::Logs))
                        a .wide href=(at("/config")) aria-current=[(part == Part::Config).then_some("page")] { "Configuration" }
                    }
                    @if live.is_some() {
                        span #live .live role="status" { "reload to refresh" }
                    }
                }
                main #main { (main) }
            }
        }
    }
}

fn tab(address: &str, name: &str, here: bool) -> Markup {
    html! { a href=(at(address)) aria-current=[here.then_some("page")] { (name) } }
}

/// The page for those who have no session: how to get one.
#[must_use]
pub fn locked() -> Markup {
    frame(
        "Locked",
        Part::None,
        None,
        &html! {
            section .empty {
                h1 { "This dashboard is locked" }
                p { "It opens from a one-time link, which " code { "ffleet serve" } " prints when it \
                     starts. A link works once and for ten minutes; the browser then stays signed in." }
                p { "For another link, type on the machine that it runs on:" }
                pre .block { "ffleet dashboard" }
            }
        },
    )
}

/// The page for what went wrong.
#[must_use]
pub fn trouble(problem: &Problem) -> Markup {
    frame(
        &problem.title,
        Part::None,
        None,
        &html! {
            section .empty {
                h1 { (problem.title) }
                p { (prose(&problem.detail)) }
                @if let Some(hint) = &problem.hint { p { (prose(hint)) } }
                p { a .button href=(at("/")) { "Back to the jobs" } }
                p .faint { (problem.status) " · " (problem.code) }
            }
        },
    )
}

/// Text whose `pieces` between backticks are what to type.
fn prose(text: &str) -> Markup {
    html! {
        @for (index, piece) in text.split('`').enumerate() {
            @if index % 2 == 1 { code { (piece) } } @else { (piece) }
        }
    }
}
