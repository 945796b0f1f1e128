//! What the sample fleet's processes are at.

use ffleet_api::Moment;
use ffleet_api::sample::{Sample, Used};
use ffleet_types::Timestamp;
use ffleet_types::sample::Role;

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
        role: Role::Encode,
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
