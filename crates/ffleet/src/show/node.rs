//! Nodes in words.

use ffleet_api::Node;
use ffleet_api::sample::{Load, Pressure};
use ffleet_types::attempt::Tally;
use ffleet_types::node::{GuardLevel, Order, State};
use ffleet_types::{Bytes, Timestamp};

use super::job::Page;
use super::table::{Side, Table};
use super::text::{ago, length, push};

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
    if let Some(why) = &node.closed {
        page.block("closed", why);
    }
    let (has, promised) = (&node.capacity, &node.promised);
    page.line("jobs", &format!("{} of {}", node.jobs, has.tasks));
    page.line("cpu", &format!("{} of {} promised", promised.cpu, has.cpu));
    let rings = match node.ring_bytes {
        0 => String::new(),
        rings => format!(", {} of it to rings", Bytes(rings).human()),
    };
    page.line(
        "memory",
        &format!("{} of {} promised{rings}", promised.memory.human(), has.memory.human()),
    );
    page.line(
        "scratch",
        &format!("{} of {} promised", promised.scratch.human(), has.scratch.human()),
    );
    page.line("guard", &format!("{}, {}", guard(&node.guard), peaks(node.thread_peaks)));
    if let GuardLevel::Partial { missing } = &node.guard {
        for what in missing {
            page.line("", what);
        }
    }
    for (key, value) in &node.labels {
        page.line("label", &format!("{key}={value}"));
    }
    for load in node.role_groups.iter().filter(|load| load.started > 0) {
        group(&mut page, load);
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

/// What the children of one role group are at, and what all there were have used.
fn group(page: &mut Page, load: &Load) {
    page.heading(&format!("role group {}", load.role_group));
    let mut now = format!(
        "{} of {} started, {}, {}, {} resident",
        load.children,
        load.started,
        counted(u64::from(load.processes), "process", "processes"),
        counted(u64::from(load.threads), "thread", "threads"),
        Bytes(load.resident_memory_bytes).human()
    );
    if let Some(memory) = load.memory_bytes {
        push!(now, ", {} charged", Bytes(memory).human());
    }
    page.line("now", &now);
    let used = &load.used;
    let time = |name: &str, seconds: Option<f64>| Some(format!("{name} {}", length(seconds?)));
    let amount = |name: &str, bytes: Option<u64>| Some(format!("{name} {}", Bytes(bytes?).human()));
    let pressed = |name: &str, pressure: Option<Pressure>| time(name, Some(pressure?.some_seconds));
    let lines = [
        (
            "used",
            vec![
                time("CPU", used.cpu_seconds),
                Some(counted(used.processes_seen, "process seen", "processes seen")),
            ],
        ),
        (
            "waited",
            vec![
                time("throttled", used.throttled_seconds),
                time("disks", used.io_wait_seconds),
                pressed("CPU pressure", used.cpu_pressure),
                pressed("memory pressure", used.memory_pressure),
                pressed("disk pressure", used.io_pressure),
            ],
        ),
        (
            "moved",
            vec![
                amount("read", used.read_bytes),
                amount("written", used.written_bytes),
                amount("from disks", used.disk_read_bytes),
                amount("to disks", used.disk_written_bytes),
            ],
        ),
    ];
    for (name, parts) in lines {
        // What the node's kernel does not keep is not said.
        let known: Vec<_> = parts.into_iter().flatten().collect();
        if !known.is_empty() {
            page.line(name, &known.join(", "));
        }
    }
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
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
        Order::Accept if node.closed.is_some() => format!("{state}, closed"),
        Order::Accept => state.to_owned(),
        Order::Drain => format!("{state}, draining"),
        Order::Quarantine => format!("{state}, quarantined"),
    }
}

/// How the most threads of its children are known.
const fn peaks(tally: Tally) -> &'static str {
    match tally {
        Tally::Counted => "most threads counted",
        Tally::Sampled => "most threads sampled once a second",
        Tally::Unknown => "not known whether most threads are counted",
    }
}

const fn guard(level: &GuardLevel) -> &'static str {
    match level {
        GuardLevel::Full => "full",
        GuardLevel::Partial { .. } => "partial",
        GuardLevel::Monitor => "monitor",
    }
}

#[cfg(test)]
mod tests {
    use ffleet_api::sample::Used;
    use ffleet_types::RoleGroup;

    use super::*;

    #[test]
    fn role_group_says_what_is_known_and_leaves_out_the_rest() {
        let mut page = Page::default();
        let used = Used {
            processes_seen: 9,
            cpu_seconds: Some(12.3),
            throttled_seconds: Some(0.5),
            read_bytes: Some(1 << 20),
            ..Used::default()
        };
        let load = Load {
            role_group: RoleGroup::named("drafts"),
            children: 2,
            started: 9,
            processes: 2,
            threads: 28,
            resident_memory_bytes: 160 << 20,
            memory_bytes: None,
            used,
        };
        group(&mut page, &load);
        let text = page.finish();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "role group drafts",
                "  now       2 of 9 started, 2 processes, 28 threads, 160 MiB resident",
                "  used      CPU 12.3 s, 9 processes seen",
                "  waited    throttled 0.50 s",
                "  moved     read 1.00 MiB",
            ]
        );
    }
}
