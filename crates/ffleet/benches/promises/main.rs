//! What ffleet promises about speed and memory, measured on the real program with real FFmpeg.
//!
//! `cargo bench -p ffleet --bench promises [-- SECTION… [--quick] [--dir DIR]]` prints a line of
//! a Markdown table for each figure, and fails where a bound is missed. Sections are `latency`,
//! `submit`, `starts`, `jobs`, `explosion`, `encode`, `failover`, `restart`, `fanout`, `saturation`, `idle`, `backlog` and `wrap`; all of them by default. With `--quick` the rounds
//! are short: for a look, not for a verdict. Everything lies in a new directory below DIR, which
//! is to be on a disk, as promises about what is on disk are measured there.
//!
//! Run it on a machine that does nothing else. The clients run beside the server, on its CPUs.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a measurement that fails says where, prints a table, reads the clock and waits"
)]

mod backlog;
mod encode;
mod explosion;
mod failover;
mod fanout;
mod idle;
mod jobs;
mod latency;
mod mark;
mod pages;
mod peers;
mod restart;
mod room;
mod saturation;
mod secure;
mod server;
mod starts;
mod submit;
mod wrap;

use std::path::PathBuf;
use std::process::ExitCode;

use ffleet_testkit::measure::{Bound, Row, millis, quantile, sync_times};

use crate::room::Room;

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    Quick,
    Whole,
}

impl Extent {
    /// One number or the other.
    fn pick<T>(self, quick: T, whole: T) -> T {
        match self {
            Self::Quick => quick,
            Self::Whole => whole,
        }
    }
}

type Section = fn(&Room, Extent) -> Vec<Row>;

const SECTIONS: [(&str, Section); 13] = [
    ("latency", latency::rows),
    ("submit", submit::rows),
    ("starts", starts::rows),
    ("jobs", jobs::rows),
    ("explosion", explosion::rows),
    ("encode", encode::rows),
    ("failover", failover::rows),
    ("restart", restart::rows),
    ("fanout", fanout::rows),
    ("saturation", saturation::rows),
    ("idle", idle::rows),
    ("backlog", pages::rows),
    ("wrap", wrap::rows),
];

fn main() -> ExitCode {
    if let Some(tool) = mark::tool() {
        return mark::pass_on(&tool);
    }
    let mut extent = Extent::Whole;
    let mut dir = std::env::temp_dir();
    let mut wanted = Vec::new();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            // What cargo says to every bench.
            "--bench" => {}
            "--quick" => extent = Extent::Quick,
            "--dir" => dir = words.next().map(PathBuf::from).unwrap(),
            name if SECTIONS.iter().any(|(section, _)| *section == name) => wanted.push(word),
            other => {
                eprintln!("there is no section {other:?}");
                return ExitCode::from(2);
            }
        }
    }
    let mut kept = true;
    for (name, section) in SECTIONS {
        if !wanted.is_empty() && !wanted.iter().any(|word| word == name) {
            continue;
        }
        eprintln!("measuring: {name}");
        let room = Room::new(&dir);
        let mut rows = section(&room, extent);
        if name == "submit" {
            rows.push(disk(&room));
        }
        for row in rows {
            println!("{row} `promises -- {name}` |");
            kept &= row.is_kept();
        }
    }
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What the disk takes, without which no figure about commits means anything.
fn disk(room: &Room) -> Row {
    let rounds: Vec<_> = (0..3)
        .map(|_| millis(quantile(&sync_times(room.path(), 200).unwrap(), 0.5)))
        .collect();
    Row::new("the disk: one sync of a 4 KiB append", "ms", Bound::Open, &rounds)
}
