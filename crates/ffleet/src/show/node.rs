//! Nodes in words.

use ffleet_api::Node;
use ffleet_types::Timestamp;
use ffleet_types::node::{GuardLevel, Order, State};

use super::job::Page;
use super::table::{Side, Table};
use super::text::ago;

/// All nodes as a table.
pub(crate) fn table(nodes: &[Node], now: Timestamp) -> Table {
    let mut table = Table::new(&[
        ("NODE", Side::Left),
        ("STATE", Side::Left),
        ("JOBS", Side::Right),
        ("CPU", Side::Right),
        ("MEMORY", Side::Right),
        ("SCRATCH", Side::Right),
        ("GUARD", Side::Left),
        ("HEARD", Side::Right),
    ]);
    for node in nodes {
        table.row(&[
            node.name.clone(),
            state(node),
            node.jobs.to_string(),
            format!("{} of {}", node.promised.cpu, node.capacity.cpu),
            format!("{} of {}", node.promised.memory.human(), node.capacity.memory.human()),
            node.capacity.scratch.human(),
            guard(&node.guard).to_owned(),
            ago(node.heard_at.0, now),
        ]);
    }
    table
}

/// Everything about a node.
pub(crate) fn page(node: &Node, now: Timestamp) -> String {
    let mut page = Page::default();
    page.heading(&format!("node {}  {}", node.name, state(node)));
    page.line("id", &node.id.to_string());
    page.line("version", &node.version);
    page.line("heard", &format!("{} ago", ago(node.heard_at.0, now)));
    let (has, promised) = (&node.capacity, &node.promised);
    page.line("jobs", &format!("{} of {}", node.jobs, has.tasks));
    page.line("cpu", &format!("{} of {} promised", promised.cpu, has.cpu));
    page.line(
        "memory",
        &format!("{} of {} promised", promised.memory.human(), has.memory.human()),
    );
    page.line(
        "scratch",
        &format!("{} of {} promised", promised.scratch.human(), has.scratch.human()),
    );
    page.line("guard", guard(&node.guard));
    if let GuardLevel::Partial { missing } = &node.guard {
        for what in missing {
            page.line("", what);
        }
    }
    for (key, value) in &node.labels {
        page.line("label", &format!("{key}={value}"));
    }
    for engine in &node.engines {
        page.heading(&format!("{} {}", engine.name, engine.version));
        page.line("path", &engine.path);
        page.line("sha256", &engine.hash);
        page.line("encoders", &proven(&engine.encoders));
        page.line("decoders", &proven(&engine.decoders));
        for (name, why) in &engine.unproven {
            page.line("unproven", &format!("{name}: {}", why.lines().next().unwrap_or_default()));
        }
    }
    page.finish()
}

fn proven(names: &[String]) -> String {
    match names {
        [] => "none proven".to_owned(),
        names => format!("{} proven: {}", names.len(), names.join(" ")),
    }
}

fn state(node: &Node) -> String {
    let state = match node.state {
        State::Active => "active",
        State::Suspect => "suspect",
        State::Gone => "gone",
    };
    match node.order {
        Order::Accept => state.to_owned(),
        Order::Drain => format!("{state}, draining"),
        Order::Quarantine => format!("{state}, quarantined"),
    }
}

const fn guard(level: &GuardLevel) -> &'static str {
    match level {
        GuardLevel::Full => "full",
        GuardLevel::Partial { .. } => "partial",
        GuardLevel::Monitor => "monitor",
    }
}
