//! The last minutes of a running attempt as small curves: drawn here, as SVG inside the page.
//!
//! One second is one unit to the right, so that the curves of one attempt stand above each other. A sum
//! becomes its growth a second; between two children a curve is broken, and a value that the node's
//! kernel does not keep has no curve but a word.

use std::fmt::Write as _;

use ffleet_api::Job;
use ffleet_api::sample::{List, Pressure, Sample};
use ffleet_types::Bytes;
use maud::{Markup, PreEscaped, html};

use super::format;

/// The least and the most seconds that are shown.
const SPAN: (f64, f64) = (60.0, 300.0);
/// How high a curve is, in its own units.
const HEIGHT: f64 = 36.0;
/// Two samples further apart than this, in seconds, are not joined.
const GAP: f64 = 5.0;

/// What is shown of a sample.
struct Kind {
    name: &'static str,
    /// What it is, at length.
    title: &'static str,
    value: Value,
    text: fn(f64) -> String,
    /// What the curve reaches up to at least: noise is not to look like a mountain.
    least: f64,
}

/// Where a value comes from.
enum Value {
    /// It is in one sample.
    Level(fn(&Sample) -> Option<f64>),
    /// It is what came between two, a second.
    Growth(fn(&Sample) -> Option<f64>),
}

/// Everything that has a curve.
const KINDS: [Kind; 12] = [
    Kind {
        name: "CPU",
        title: "CPU time a second: 100 % is one core",
        value: Value::Growth(|one| one.used.cpu_seconds),
        text: percent,
        least: 1.0,
    },
    Kind {
        name: "Memory",
        title: "Resident memory of its processes",
        value: Value::Level(|one| Some(whole(one.resident_memory_bytes))),
        text: bytes,
        least: 1_048_576.0,
    },
    Kind {
        name: "Charged",
        title: "Memory that its cgroup is charged with, files in the page cache included",
        value: Value::Level(|one| one.memory_bytes.map(whole)),
        text: bytes,
        least: 1_048_576.0,
    },
    Kind {
        name: "Threads",
        title: "Threads of all its processes",
        value: Value::Level(|one| Some(f64::from(one.threads))),
        text: count,
        least: 1.0,
    },
    Kind {
        name: "Processes",
        title: "Processes at the moment",
        value: Value::Level(|one| Some(f64::from(one.processes))),
        text: count,
        least: 1.0,
    },
    Kind {
        name: "Read",
        title: "Bytes read by calls, page cache and pipes included, sockets not",
        value: Value::Growth(|one| one.used.read_bytes.map(whole)),
        text: rate,
        least: 65_536.0,
    },
    Kind {
        name: "Written",
        title: "Bytes written by calls",
        value: Value::Growth(|one| one.used.written_bytes.map(whole)),
        text: rate,
        least: 65_536.0,
    },
    Kind {
        name: "Throttled",
        title: "Time that the CPU limit held it up, summed over CPUs",
        value: Value::Growth(|one| one.used.throttled_seconds),
        text: percent,
        least: 1.0,
    },
    Kind {
        name: "Disk wait",
        title: "Time that its threads waited for disks",
        value: Value::Growth(|one| one.used.io_wait_seconds),
        text: percent,
        least: 1.0,
    },
    Kind {
        name: "CPU pressure",
        title: "Share of time in which something of it waited for a CPU (PSI)",
        value: Value::Growth(|one| one.used.cpu_pressure.map(some)),
        text: percent,
        least: 1.0,
    },
    Kind {
        name: "Memory pressure",
        title: "Share of time in which something of it waited for memory (PSI)",
        value: Value::Growth(|one| one.used.memory_pressure.map(some)),
        text: percent,
        least: 1.0,
    },
    Kind {
        name: "Disk pressure",
        title: "Share of time in which something of it waited for disks (PSI)",
        value: Value::Growth(|one| one.used.io_pressure.map(some)),
        text: percent,
        least: 1.0,
    },
];

/// The curves of a job's last attempt; nothing where there is none to draw.
pub(super) fn render(job: &Job, list: &List) -> Markup {
    let samples = &list.samples;
    let running = job.attempts.last().is_some_and(|attempt| attempt.finished_at.is_none());
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else {
        return html! {
            @if running {
                h2 { "At work" }
                p .faint { "Its processes are looked at once a second while they run." }
            }
        };
    };
    let ago = |sample: &Sample| last.at.0.since(sample.at.0).as_secs_f64();
    let span = ago(first).clamp(SPAN.0, SPAN.1);
    let curves: Vec<_> = KINDS.iter().map(|kind| (kind, points(kind, samples))).collect();
    let absent: Vec<_> = curves
        .iter()
        .filter(|(kind, points)| points.is_empty() && !is_young(kind, samples))
        .map(|(kind, _)| kind.name)
        .collect();
    html! {
        h2 {
            @if running { "At work" } @else { "At its end" }
            span .plain .faint { " " (last.phase.name()) ", the last " (window(span)) }
        }
        div .curves {
            @for (kind, points) in &curves {
                @if !points.is_empty() { (curve(kind, points, &|at| span - ago(&samples[at]), span)) }
            }
        }
        @if !absent.is_empty() {
            p .faint { "Not kept by the kernel here: " (absent.join(", ")) "." }
        }
    }
}

/// Whether a growth is not known yet, as there is one sample of everything.
fn is_young(kind: &Kind, samples: &[Sample]) -> bool {
    match kind.value {
        Value::Level(_) => false,
        Value::Growth(of) => samples.iter().any(|sample| of(sample).is_some()),
    }
}

fn window(span: f64) -> String {
    match span {
        ..=60.0 => "minute".to_owned(),
        span => format::span(span),
    }
}

/// A point of a curve: the index of its sample, its value, whether it is joined to the one before.
pub(super) type Dot = (usize, f64, bool);

fn points(kind: &Kind, samples: &[Sample]) -> Vec<Dot> {
    let gap = |at: usize| {
        let (before, here) = (&samples[at - 1], &samples[at]);
        let apart = here.at.0.since(before.at.0).as_secs_f64();
        (before.child == here.child)
            .then_some(apart)
            .filter(|apart| *apart <= GAP)
    };
    match kind.value {
        Value::Level(of) => samples
            .iter()
            .enumerate()
            .filter_map(|(at, sample)| Some((at, of(sample)?, at > 0 && gap(at).is_some())))
            .collect(),
        Value::Growth(of) => {
            let grown = |at: usize| {
                let apart = gap(at).filter(|apart| *apart > 0.0)?;
                let grown = of(&samples[at])? - of(&samples[at - 1])?;
                Some((at, grown.max(0.0) / apart, at > 1 && gap(at - 1).is_some()))
            };
            (1..samples.len()).filter_map(grown).collect()
        }
    }
}

fn curve(kind: &Kind, points: &[Dot], x: &dyn Fn(usize) -> f64, span: f64) -> Markup {
    let Kind { name, title, text, least, .. } = *kind;
    draw(&Shape { name, title, text, least }, points, x, span)
}

/// A curve as it is drawn: what it is called, and how a value of it reads.
pub(super) struct Shape {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) text: fn(f64) -> String,
    /// What it reaches up to at least.
    pub(super) least: f64,
}

/// Draws `points`, each as far to the right as `x` says of `span`.
pub(super) fn draw(kind: &Shape, points: &[Dot], x: &dyn Fn(usize) -> f64, span: f64) -> Markup {
    let most = points.iter().fold(0.0_f64, |most, point| most.max(point.1));
    let scale = most.max(kind.least);
    let now = points.last().map_or(0.0, |point| point.1);
    let (line, area) = paths(points, x, scale);
    html! {
        figure .curve title=(kind.title) {
            figcaption {
                span .name { (kind.name) }
                span .now { ((kind.text)(now)) }
                span .most { "most " ((kind.text)(most)) }
            }
            svg viewBox={ "0 0 " (span.ceil()) " " (HEIGHT) } preserveAspectRatio="none"
                role="img" aria-label={ (kind.name) ", now " ((kind.text)(now)) ", at most " ((kind.text)(most)) } {
                path .area d=(PreEscaped(area)) {}
                path .line d=(PreEscaped(line)) {}
            }
        }
    }
}

/// The line through the points, and the area below it. Both are numbers and letters of SVG alone.
fn paths(points: &[Dot], x: &dyn Fn(usize) -> f64, scale: f64) -> (String, String) {
    let (mut line, mut area) = (String::new(), String::new());
    let mut last = None;
    let close = |area: &mut String, last: Option<f64>| {
        if let Some(x) = last {
            let _written = write!(area, "L{x:.1} {HEIGHT}Z");
        }
    };
    for &(at, value, is_joined) in points {
        let x = x(at);
        // The line's own width is to be seen at the top and at the bottom.
        let y = (HEIGHT - 1.0) - (value / scale) * (HEIGHT - 2.0);
        if is_joined && last.is_some() {
            let _written = write!(line, "L{x:.1} {y:.1}");
            let _written = write!(area, "L{x:.1} {y:.1}");
        } else {
            close(&mut area, last);
            // A point alone is a dot, by the round end of its line.
            let _written = write!(line, "M{x:.1} {y:.1}h0");
            let _written = write!(area, "M{x:.1} {HEIGHT}L{x:.1} {y:.1}");
        }
        last = Some(x);
    }
    close(&mut area, last);
    (line, area)
}

const fn some(pressure: Pressure) -> f64 {
    pressure.some_seconds
}

#[expect(clippy::cast_precision_loss, reason = "a curve is no place for exact numbers")]
pub(super) const fn whole(number: u64) -> f64 {
    number as f64
}

fn percent(share: f64) -> String {
    match share * 100.0 {
        none @ ..0.05 => format!("{:.0} %", none.max(0.0)),
        small @ ..0.95 => format!("{small:.1} %"),
        percent => format!("{percent:.0} %"),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "what is shown was a count of bytes"
)]
fn bytes(count: f64) -> String {
    Bytes(count as u64).human()
}

fn rate(count: f64) -> String {
    format!("{}/s", bytes(count))
}

pub(super) fn count(number: f64) -> String {
    format!("{number:.0}")
}

#[cfg(test)]
mod tests {
    use ffleet_api::Moment;
    use ffleet_api::sample::Used;
    use ffleet_types::Timestamp;
    use ffleet_types::sample::Phase;

    use super::*;

    fn sample(second: u64, child: u32, cpu: f64) -> Sample {
        Sample {
            at: Moment(Timestamp::from_millis(second * 1_000)),
            child,
            phase: Phase::Encode,
            processes: 1,
            threads: 4,
            resident_memory_bytes: 1 << 20,
            memory_bytes: None,
            used: Used { cpu_seconds: Some(cpu), ..Used::default() },
        }
    }

    #[test]
    fn sums_become_rates_and_children_are_not_joined() {
        let samples = [
            sample(10, 1, 1.0),
            sample(11, 1, 2.5),
            sample(13, 1, 3.5),
            sample(14, 2, 0.0),
            sample(15, 2, 1.0),
            sample(60, 2, 9.0),
        ];
        let cpu = points(&KINDS[0], &samples);
        assert_eq!(cpu, [(1, 1.5, false), (2, 0.5, true), (4, 1.0, false)]);
        let threads = points(&KINDS[3], &samples);
        let joined: Vec<_> = threads.iter().map(|dot| dot.2).collect();
        assert_eq!(joined, [false, true, true, false, true, false]);
        assert_eq!(points(&KINDS[2], &samples), [], "nobody knows it");
    }

    #[test]
    fn path_is_broken_where_points_are_not_joined() {
        let dots = [(0, 0.0, false), (1, 2.0, true), (2, 1.0, false)];
        let seconds: &dyn Fn(usize) -> f64 = &|at| f64::from(u32::try_from(at).unwrap());
        let (line, area) = paths(&dots, seconds, 2.0);
        assert_eq!(line, "M0.0 35.0h0L1.0 1.0M2.0 18.0h0");
        assert_eq!(area, "M0.0 36L0.0 35.0L1.0 1.0L1.0 36ZM2.0 36L2.0 18.0L2.0 36Z");
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!((percent(0.004), percent(1.5)), ("0.4 %".into(), "150 %".into()));
        assert_eq!((rate(2_048.0), count(14.0)), ("2.00 KiB/s".into(), "14".into()));
    }
}
