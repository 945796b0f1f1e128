//! An audit, for people.

use ffleet_engine::audit::report::{By, Command, Kind, Machine, Opened, Report, Resource, Way};

use super::table::{Side, Table};
use super::text::{count, push, size, visible};

/// The whole report; with line numbers where it is of a script.
pub(crate) fn report(report: &Report, has_lines: bool) -> String {
    let mut text = String::new();
    for command in &report.commands {
        if has_lines {
            push!(text, "line {}: ", command.line);
        }
        push!(text, "{}\n", visible(&command.text));
        one(&mut text, command, &report.ffmpeg);
        text.push('\n');
    }
    for unread in &report.unread {
        push!(text, "line {}: not read: {}\n", unread.line, visible(&unread.why));
        push!(text, "  {}\n", visible(&unread.text));
    }
    if !report.others.is_empty() {
        push!(text, "not looked into: {}\n", visible(&report.others.join(", ")));
    }
    if report.commands.is_empty() && report.unread.is_empty() {
        text.push_str("no command of FFmpeg or GStreamer\n");
    }
    let unbounded = report
        .commands
        .iter()
        .filter(|command| !command.unbounded.is_empty())
        .count();
    let all = count(report.commands.len() as u64, "command");
    match (unbounded, report.unread.len()) {
        (0, 0) => push!(text, "{all}: bounded\n"),
        (0, unread) => push!(text, "{all}: bounded; {unread} not read\n"),
        (unbounded, 0) => push!(text, "{all}: {unbounded} unbounded\n"),
        (unbounded, unread) => push!(text, "{all}: {unbounded} unbounded, {unread} not read\n"),
    }
    text
}

fn one(text: &mut String, command: &Command, ffmpeg: &str) {
    match command.processes {
        1 => text.push_str("  starts     1 process"),
        processes => push!(*text, "  starts     {processes} processes"),
    }
    if !command.wrappers.is_empty() {
        push!(*text, " behind {}", visible(&command.wrappers.join(", ")));
    }
    text.push('\n');
    for machine in &command.machines {
        push!(*text, "  {:<9}  {}\n", format!("{} CPUs", machine.cpus), summary(machine));
    }
    threads(text, command, ffmpeg);
    list(text, "opens", command.opens.iter().map(opened));
    list(text, "implies", command.implies.iter().map(|note| visible(note)));
    list(text, "assumes", command.assumes.iter().map(|note| visible(note)));
    let unbounded = command.unbounded.iter().map(|one| {
        format!("{}: {}. Bound it: {}", resource(one.what), visible(&one.why), visible(&one.fix))
    });
    list(text, "UNBOUNDED", unbounded);
    if let Some(rewrite) = &command.rewrite {
        push!(*text, "  bounded    {}\n", visible(rewrite));
    }
}

fn summary(machine: &Machine) -> String {
    let mut text = count(u64::from(machine.threads), "thread");
    if machine.assumed_threads > 0 {
        push!(text, " ({} of them by what is assumed of inputs)", machine.assumed_threads);
    }
    if let Some(memory) = machine.memory {
        push!(text, ", about {} resident", size(memory));
    }
    text
}

/// A row for each pool, a column for each machine.
fn threads(text: &mut String, command: &Command, ffmpeg: &str) {
    let Some(first) = command.machines.first() else { return };
    let last = command.machines.last().unwrap_or(first);
    let mut table = Table::new(&[
        ("THREADS OF", Side::Left),
        ("FEWEST", Side::Right),
        ("MOST", Side::Right),
        ("SET BY", Side::Left),
    ]);
    for pool in &last.pools {
        let few = first
            .pools
            .iter()
            .find(|other| other.of == pool.of)
            .map_or(0, |other| other.threads);
        let by = match pool.by {
            By::Option => "an option",
            By::Cpus => "the CPUs it sees",
            By::Program => "the program",
        };
        table.row(&[pool.of.clone(), few.to_string(), pool.threads.to_string(), by.to_owned()]);
    }
    if table.is_empty() {
        return;
    }
    push!(
        *text,
        "  threads    on {} and {} CPUs, as FFmpeg {} has them\n",
        first.cpus,
        last.cpus,
        visible(ffmpeg)
    );
    for line in table.render(None).lines() {
        push!(*text, "    {line}\n");
    }
}

fn list(text: &mut String, name: &str, lines: impl Iterator<Item = String>) {
    let mut name = name;
    for line in lines {
        push!(*text, "  {name:<9}  {line}\n");
        name = "";
    }
}

fn opened(opened: &Opened) -> String {
    let what = match opened.what {
        Kind::File => "file",
        Kind::Socket => "socket",
        Kind::Device => "device",
        Kind::Pipe => "pipe",
        Kind::Code => "code",
    };
    let way = match opened.way {
        Way::Reads => "reads",
        Way::Writes => "writes",
    };
    format!("{way:<6} {what:<6} {}  ({})", visible(&opened.name), visible(&opened.by))
}

const fn resource(what: Resource) -> &'static str {
    match what {
        Resource::Threads => "threads",
        Resource::Memory => "memory",
        Resource::Time => "time",
        Resource::Wait => "waiting",
        Resource::Space => "disk",
        Resource::Processes => "processes",
    }
}
