//! What the sample fleet's processes are at, and what they said.

use ffleet_api::Moment;
use ffleet_api::job::{Output, OutputState};
use ffleet_api::log::{Line, Page};
use ffleet_api::query::Logs;
use ffleet_api::sample::{Sample, Used};
use ffleet_types::sample::Phase;
use ffleet_types::{JobId, JobNumber, Timestamp};

/// A sample of an encode that works in waves, in its `second` of 240 up to `now`.
pub(crate) fn sampled(now: u64, second: u32) -> Sample {
    let time = f64::from(second);
    let wave = (time / 14.0).sin() + (time / 3.7).sin() / 4.0;
    let grown = |each: f64| each * time + each * 10.0 * (1.0 - (time / 14.0).cos());
    let cpu = 1.6 * time - 9.0 * (time / 14.0).cos() - 0.9 * (time / 3.7).cos();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a drawing")]
    let bytes = |count: f64| count as u64;
    Sample {
        at: Moment(Timestamp::from_millis(now - 240_000 + u64::from(second) * 1_000)),
        child: 2,
        phase: Phase::Encode,
        processes: 1,
        threads: if second < 3 { 6 } else { 21 },
        resident_memory_bytes: bytes(9e7 + 4e7 * (time / 40.0).tanh() + 4e6 * wave),
        memory_bytes: Some(bytes(1.2e8 + 4e5 * time)),
        used: Used {
            processes_seen: 1,
            cpu_seconds: Some(cpu + 10.0),
            throttles: Some(u64::from(second / 9)),
            throttled_seconds: Some((time / 9.0).floor() * 0.21),
            read_bytes: Some(bytes(grown(2.2e6))),
            written_bytes: Some(bytes(grown(9e5))),
            ..Used::default()
        },
    }
}

/// Two lines, where no other words are looked for.
pub(crate) fn said(now: u64, query: &Logs) -> Page {
    let line = |before: u64, number: u64, attempt: u64, text: &str| Line {
        at: Moment(Timestamp::from_millis(now - before * 1_000)),
        number: (number > 0).then_some(JobNumber(number)),
        job: JobId::from_parts(now - number, u128::from(number)),
        attempt,
        child: 2,
        phase: "encode".into(),
        text: text.into(),
    };
    let lines = [
        line(90, 1_006, 1, "[libx264 @ 0x55d0] using SAR=1/1 <b>not bold</b>"),
        line(80, 0, 2, "[mov,mp4,m4a,3gp,3g2,mj2 @ 0x5581] moov atom not found"),
    ];
    let lines: Vec<_> = lines
        .into_iter()
        .filter(|line| line.text.contains(&query.grep))
        .collect();
    Page { next: Some("1-2".into()), more: lines.len() > 1, complete: true, lines }
}

/// A result that is to be there.
pub(super) fn output(target: &str, preset: &str) -> Output {
    Output {
        target: target.into(),
        preset: Some(preset.into()),
        recipe: None,
        raw: None,
        state: OutputState::Pending,
        size_bytes: None,
    }
}
