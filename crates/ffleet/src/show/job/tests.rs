use ffleet_api::attempt::Progress;

use super::*;

/// A job that failed once and was completed then.
fn sample() -> Job {
    let usage = serde_json::json!({
        "wall-seconds": 2.5, "cpu-seconds": 4.0, "verify-cpu-seconds": 0.5,
        "peak-memory-bytes": 104_857_600, "peak-resident-bytes": 94_371_840,
        "predicted-memory-bytes": 99_614_720, "peak-threads": 9,
        "peak-threads-by": "sampled", "paused-seconds": 0.0,
    });
    let attempt = |number: u32, outcome: &str, reason: Option<&str>| {
        serde_json::json!({
            "number": number, "node": "0".repeat(26), "node-name": "here",
            "assigned-at": "2026-01-31T12:00:00.000Z", "started-at": "2026-01-31T12:00:00.000Z",
            "finished-at": "2026-01-31T12:00:05.000Z", "outcome": outcome, "reason": reason,
            "message": reason.map(|_| "it went\nwrong"), "usage": usage,
            "commands": [["ffmpeg", "-i", "a b"]], "notes": ["made even"], "artifacts": [],
        })
    };
    serde_json::from_value(serde_json::json!({
        "id": "1".repeat(26), "number": 7, "state": "completed", "reason": null, "message": null,
        "input": "/a\nb", "outputs": [
            {"target": "/c.mp4", "preset": "480p-h264", "state": "published", "size-bytes": 2048},
            {"target": "/d.mkv", "raw": ["-c", "copy"], "state": "pending", "size-bytes": null},
        ],
        "queue": "default", "priority": "medium", "class": "medium", "role-group": "encode", "tenant": "default",
        "labels": {"team": "news"}, "limits": {"memory": "2GiB"}, "retries": 3, "engine": "auto",
        "overwrite": false, "verify": null, "duration": null, "retry-of": 3,
        "accepted-at": "2026-01-31T12:00:00.000Z", "started-at": "2026-01-31T12:00:01.000Z",
        "finished-at": "2026-01-31T12:00:09.500Z", "progress": null,
        "attempts": [attempt(1, "failed", Some("stalled")), attempt(2, "completed", None)],
        "history": [
            {"at": "2026-01-31T12:00:00.000Z", "from": null, "to": "queued", "actor": "user:local",
             "reason": null, "message": null, "attempt": null},
            {"at": "2026-01-31T12:00:05.000Z", "from": "running", "to": "retrying",
             "actor": "node:here", "reason": "stalled", "message": "it went\nwrong", "attempt": 1},
        ],
    }))
    .unwrap()
}

fn noon() -> Timestamp {
    "2026-01-31T12:01:00Z"
        .parse::<jiff::Timestamp>()
        .map_or(Timestamp::EPOCH, |time| {
            Timestamp::from_millis(u64::try_from(time.as_millisecond()).unwrap())
        })
}

#[test]
fn live_job_that_goes_on_says_how_its_last_sender_died() {
    let mut job = sample();
    let trouble = Some("the sender died once, last after 2 s: Broken pipe".to_owned());
    job.summary.progress = Some(Progress { trouble, ..Progress::default() });
    let page = page(&job, noon());
    assert!(page.contains("trouble   the sender died once, last after 2 s"), "{page}");
}

#[test]
fn page_says_everything() {
    let page = page(&sample(), noon());
    for line in [
        "job 7  completed",
        "  input     /a\\nb",
        "  output    /c.mp4  (480p-h264; 2.00 KiB)",
        "  output    /d.mkv  (-- -c copy; not there yet)",
        "  labels    team=news",
        "  limits    memory 2.00 GiB",
        "  retry of  job 3",
        "  accepted  2026-01-31T12:00:00.000Z (1 min ago)",
        "  started   2026-01-31T12:00:01.000Z (waited 1.00 s)",
        "  finished  2026-01-31T12:00:09.500Z (took 8.50 s)",
        "attempt 1 on here",
        "  failed    stalled",
        "  message   it went",
        "            wrong",
        "  note      made even",
        "  ran       ffmpeg -i 'a b'",
        "  2026-01-31T12:00:00.000Z            → queued     user:local",
        "  2026-01-31T12:00:05.000Z    running → retrying   node:here  attempt 1  stalled: it went",
    ] {
        assert!(page.lines().any(|shown| shown == line), "no line {line:?} in:\n{page}");
    }
}

#[test]
fn cost_is_that_of_all_attempts() {
    let expected = "5.00 s wall, 8.00 s CPU, 1.00 s of it to verify, 100 MiB peak memory, 90.0 MiB resident (95.0 MiB predicted), 9 threads (sampled once a second)";
    assert_eq!(cost(&sample()).unwrap(), expected);
    let mut job = sample();
    for attempt in &mut job.attempts {
        (attempt.usage.peak_threads_by, attempt.usage.predicted_threads) = (Tally::Counted, 11);
    }
    assert!(cost(&job).unwrap().ends_with(", 9 threads (counted, 11 predicted)"));
    job.attempts[0].usage.peak_threads_by = Tally::Unknown;
    let known = cost(&job).unwrap();
    assert!(
        known.ends_with(", 9 threads (not known whether counted, 11 predicted)"),
        "{known}"
    );
    assert_eq!(cost(&Job { attempts: Vec::new(), ..sample() }), None);
}

#[test]
fn list_shows_a_job_in_a_line() {
    let table = table(&[sample().summary], noon()).render(None);
    let expected = "\
JOB  STATE      DONE    AGE  INPUT → OUTPUTS
  7  completed  100%  1 min  /a\\nb → /c.mp4, /d.mkv
";
    assert_eq!(table, expected);
}
