//! The nodes: what they have, what of it is promised, how far limits hold, what they can do.

use ffleet_api::Node;
use ffleet_types::attempt::Tally;
use ffleet_types::node::{Engine, GuardLevel, Order, State};
use ffleet_types::{Bytes, Timestamp};
use maud::{Markup, html};

use super::base::at;
use super::page::{Live, Part, frame};
use super::{chip, format};

/// The page.
pub(super) fn render(nodes: &[Node], now: Timestamp) -> Markup {
    frame(
        "Nodes",
        Part::Nodes,
        Some(Live { events: "/v1/events", now }),
        &html! {
            h1 { "Nodes" }
            section #nodes data-live aria-label="Nodes" {
                @if nodes.is_empty() {
                    div .empty {
                        h2 { "No node is known" }
                        p { "A node is a machine that does the work. " code { "ffleet serve" }
                            " is one itself and shows up here when it has proven its engine, a few \
                             seconds after its start." }
                    }
                }
                @for node in nodes { (card(node, now)) }
            }
            p .faint { a href=(at("/config")) { "The configuration in effect" } }
        },
    )
}

/// A line for each node, for the top of the list of jobs.
pub(super) fn brief(nodes: &[Node]) -> Markup {
    html! {
        @for node in nodes.iter().take(4) {
            div .machine {
                a href=(at("/nodes")) { (node.name) }
                @if node.state != State::Active || node.order != Order::Accept { (standing(node)) }
                (meter("CPU", u64::from(node.promised.cpu.0), u64::from(node.capacity.cpu.0), None))
                (meter("Memory", node.promised.memory.0, node.capacity.memory.0, None))
            }
        }
        @if nodes.len() > 4 { a href=(at("/nodes")) { "and " (nodes.len() - 4) " more nodes" } }
        @if nodes.is_empty() { p .faint { "No node is known yet." } }
    }
}

fn card(node: &Node, now: Timestamp) -> Markup {
    let (has, gone) = (&node.capacity, &node.promised);
    let bytes = |gone: Bytes, has: Bytes| format!("{} of {}", gone.human(), has.human());
    html! {
        article .card id={ "node-" (node.id) } {
            header {
                h2 { (node.name) }
                (standing(node))
                span .faint .push {
                    "ffleet " (node.version) " · heard from " (format::ago(node.heard_at, now))
                }
            }
            @if let Some(why) = &node.closed { p .note { "It takes no more work: " (why) "." } }
            div .meters {
                (meter("CPU", u64::from(gone.cpu.0), u64::from(has.cpu.0),
                    Some(format!("{} of {}", gone.cpu, has.cpu))))
                (meter("Memory", gone.memory.0, has.memory.0, Some(bytes(gone.memory, has.memory))))
                (meter("Scratch", gone.scratch.0, has.scratch.0,
                    Some(bytes(gone.scratch, has.scratch))))
                (meter("Tasks", u64::from(gone.tasks), u64::from(has.tasks),
                    Some(format!("{} of {}", gone.tasks, has.tasks))))
            }
            dl .terms {
                div { dt { "Limits" } dd { (guard(&node.guard)) } }
                div { dt { "Peak threads" } dd { (match node.thread_peaks {
                    Tally::Counted => "counted by the kernel",
                    Tally::Sampled => "sampled once a second",
                    Tally::Unknown => "not known whether counted",
                }) } }
                @if !node.labels.is_empty() {
                    div {
                        dt { "Labels" }
                        dd { @for (name, value) in &node.labels { span .tag { (name) "=" (value) } } }
                    }
                }
            }
            @for one in &node.engines { (engine(one)) }
        }
    }
}

/// Whether a node works, and what is wanted of it.
fn standing(node: &Node) -> Markup {
    html! {
        @match node.state {
            State::Active => (chip::word("ok", "active")),
            State::Suspect => (chip::word("warn", "suspect")),
            State::Gone => (chip::word("bad", "gone")),
        }
        @match node.order {
            Order::Accept => {}
            Order::Drain => (chip::word("warn", "draining")),
            Order::Quarantine => (chip::word("bad", "quarantined")),
        }
    }
}

/// A share of something as a bar. `text` says the numbers.
fn meter(name: &str, used: u64, whole: u64, text: Option<String>) -> Markup {
    let percent = used.saturating_mul(100).checked_div(whole).unwrap_or(0).min(100);
    let text = text.unwrap_or_else(|| format!("{percent} %"));
    html! {
        div .meter {
            span .name { (name) }
            progress max="100" value=(percent) aria-label={ (name) " promised" } {}
            span .amount { (text) }
        }
    }
}

fn guard(guard: &GuardLevel) -> Markup {
    html! {
        @match guard {
            GuardLevel::Full => { (chip::word("ok", "full")) " every limit is held by the kernel" }
            GuardLevel::Partial { missing } => {
                (chip::word("warn", "partial")) " missing:"
                ul { @for one in missing { li { (one) } } }
            }
            GuardLevel::Monitor => {
                (chip::word("bad", "monitor")) " limits are watched, not enforced"
            }
        }
    }
}

fn engine(engine: &Engine) -> Markup {
    let short = engine.hash.get(..12).unwrap_or(&engine.hash);
    html! {
        section .engine {
            h3 { (engine.name) " " span .plain { (engine.version) } }
            p .faint { code { (engine.path) } " · sha256 " code title=(engine.hash) { (short) } }
            @for (name, proven) in [("Encoders", &engine.encoders), ("Decoders", &engine.decoders)] {
                @if !proven.is_empty() {
                    p .tags { span .label { (name) " proven" } @for one in proven { span .tag { (one) } } }
                }
            }
            @if !engine.unproven.is_empty() {
                details id={ "unproven-" (engine.name) } {
                    summary { (engine.unproven.len()) " listed, but could not do it" }
                    dl .terms {
                        @for (name, why) in &engine.unproven {
                            div { dt { code { (name) } } dd { (why) } }
                        }
                    }
                }
            }
        }
    }
}
