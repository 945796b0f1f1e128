//! How fast bytes are looked at.

use std::hint::black_box;
use std::time::{Duration, Instant};

use ffleet_live::join::{Format, Scanner};

use crate::clip::{GOP, clip};

/// What is promised of a transport stream, for release builds.
const PROMISED: u64 = 1_000_000_000;

#[test]
fn serial_transport_stream_passes_at_a_gigabyte_a_second() {
    let args = format!("-c:v libx264 -preset ultrafast -b:v 8M -c:a aac {GOP} -f mpegts");
    let Some(clip) = clip(Format::MpegTs, &args) else {
        return;
    };
    let best = (0..5).map(|_| pass(&clip.bytes)).min().unwrap_or_default();
    let rate = clip.bytes.len() as f64 / best.as_secs_f64();
    println!("{:.2} GB/s", rate / 1e9);
    // A build that is not optimised shows only that nothing is out of proportion.
    let bound = if cfg!(debug_assertions) {
        PROMISED / 100
    } else {
        PROMISED / 3
    };
    assert!(rate > bound as f64, "{:.2} GB/s", rate / 1e9);
}

/// How long it takes to pass `bytes`, 64 KiB at a time.
fn pass(bytes: &[u8]) -> Duration {
    let mut scanner = Scanner::new(Some(Format::MpegTs));
    let begun = Instant::now();
    for piece in bytes.chunks(64 << 10) {
        scanner.scan(black_box(piece));
        black_box(scanner.joins().count());
    }
    begun.elapsed()
}
