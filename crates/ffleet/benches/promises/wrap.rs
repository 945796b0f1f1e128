//! What `ffleet run` costs a command: its wall time with us beside it, against that without.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ffleet_testkit::measure::{Bound, Row, millis, quantile};

use crate::Extent;
use crate::room::Room;

/// One after the other, with a rest between them, as people type.
const REST: Duration = Duration::from_millis(20);
const LIMITS: [&str; 8] = ["--cpu", "200%", "--memory", "4GiB", "--tasks", "64", "--nice", "5"];

pub(crate) fn rows(room: &Room, extent: Extent) -> Vec<Row> {
    let runs = extent.pick(20, 200);
    let (mut plain_p50, mut more_p50, mut more_p99) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..3 {
        let (mut plain, mut wrapped) = (Vec::new(), Vec::new());
        for _ in 0..runs {
            plain.push(took(Command::new("/bin/true")));
            let mut command = Command::new(env!("CARGO_BIN_EXE_ffleet"));
            command.env("XDG_RUNTIME_DIR", room.path());
            command.arg("run").args(LIMITS).args(["--", "/bin/true"]);
            wrapped.push(took(command));
        }
        plain.sort_unstable();
        wrapped.sort_unstable();
        let more = |at| quantile(&wrapped, at).saturating_sub(quantile(&plain, at));
        plain_p50.push(millis(quantile(&plain, 0.5)));
        more_p50.push(millis(more(0.5)));
        more_p99.push(millis(more(0.99)));
    }
    let what = |which| format!("a command that ends at once, {which}");
    vec![
        Row::new(what("by itself, median"), "ms", Bound::Open, &plain_p50),
        Row::new(what("by ffleet run, median beyond that"), "ms", Bound::AtMost(10.0), &more_p50),
        Row::new(what("by ffleet run, p99 beyond the p99"), "ms", Bound::Open, &more_p99),
    ]
}

/// From its start until it was waited for.
fn took(mut command: Command) -> Duration {
    std::thread::sleep(REST);
    command.stdin(Stdio::null()).stderr(Stdio::null());
    let begun = Instant::now();
    let ended = command.status();
    let took = begun.elapsed();
    assert!(ended.unwrap().success());
    took
}
