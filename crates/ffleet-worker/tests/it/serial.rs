//! How soon things happen. These tests have the machine to themselves.

use std::fs;
use std::time::Duration;

use ffleet_base::{Clock as _, SystemClock, write_atomic};
use ffleet_types::Timestamp;

use crate::fixture::{Bench, Unusual, clip, job, quick, shared};

/// Promised is a median of 10 ms from the submission to the exec, the store's share included;
/// asserted is three times that.
const BOUND: Duration = Duration::from_millis(30);

#[tokio::test(flavor = "multi_thread")]
async fn first_child_runs_within_milliseconds() {
    let path = shared().join("says-when-it-ran");
    let text = "#!/bin/sh\ncase \"$*\" in -version) exec ffprobe \"$@\" ;; esac\n\
        date +%s%N > \"$TMPDIR/../../../notes/ran-${TMPDIR##*/}\"; exit 1\n";
    fs::create_dir_all(shared()).unwrap();
    write_atomic(&path, text.as_bytes(), 0o755).unwrap();
    let unusual = Unusual { ffprobe: Some(path), ..Unusual::default() };
    let Some(bench) = Bench::start_with(unusual).await else {
        return;
    };
    bench.ready().await;
    let mut spans = Vec::new();
    for _ in 0..40 {
        let job = job(clip(1), &[(&bench.out("out.mp4"), quick())]);
        let mark = bench.dir.path().join(format!("notes/ran-{}", job.attempt));
        let asked = SystemClock.now();
        bench.finish(job).await;
        // That includes the start of a shell and of `date`.
        let ran: u64 = fs::read_to_string(&mark).unwrap().trim().parse().unwrap();
        let ran = Timestamp::from_micros(ran / 1_000);
        spans.push(ran.since(asked));
    }
    spans.sort();
    let median = spans[spans.len() / 2];
    println!(
        "assignment to the first child's own first step: median {median:?}, worst {:?}",
        spans[39]
    );
    assert!(median <= BOUND, "{spans:?}");
    bench.end(&[]).await;
}
