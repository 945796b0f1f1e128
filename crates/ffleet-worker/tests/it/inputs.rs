//! Inputs that are no media, and ones with names that somebody could trip over.

use std::fs;

use ffleet_base::write_atomic;
use ffleet_types::{Outcome, Reason};
use serde_json::json;

use crate::fixture::{Bench, clip, failure, job, job_with, look, quick};

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_said_and_leaves_nothing() {
    let Some(bench) = Bench::start().await else { return };
    let at = |name: &str| bench.dir.path().join(name);
    write_atomic(&at("empty.mp4"), b"", 0o644).unwrap();
    write_atomic(&at("text.mp4"), b"this is no film, however it is called\n", 0o644).unwrap();
    let whole = fs::read(clip(4)).unwrap();
    write_atomic(&at("truncated.mp4"), &whole[..whole.len() / 3], 0o644).unwrap();
    write_atomic(&at("list.m3u8"), b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", 0o644).unwrap();
    fs::create_dir(at("directory")).unwrap();
    for (name, said) in [
        ("empty.mp4", "is empty"),
        ("text.mp4", ""),
        ("truncated.mp4", ""),
        ("list.m3u8", ""),
        ("directory", "a directory"),
        ("missing.mp4", "no such file"),
    ] {
        let finished = bench.finish(job(at(name), &[(&bench.out("out.mp4"), quick())])).await;
        let (reason, message) = failure(&finished);
        assert_eq!(reason, Reason::InputError, "{name}: {message}");
        assert!(message.contains(said) && !message.is_empty(), "{name}: {message}");
    }
    bench.end(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn heavy_names_are_names_and_nothing_else() {
    let Some(bench) = Bench::start().await else { return };
    let names = [
        "a b.mp4",
        "it's \"so\".mp4",
        "line\nbreak.mp4",
        "-i.mp4",
        "%d%03d.mp4",
        "concat:a|b.mp4",
        "é日.mp4",
    ];
    for name in names {
        let input = bench.dir.path().join(name);
        fs::copy(clip(1), &input).unwrap();
        let job = job_with(&input, &[(&bench.out(name), quick())], json!({"verify": "packets"}));
        let finished = bench.finish(job).await;
        assert_eq!(finished.outcome, Outcome::Completed, "{name:?}");
        assert!(look(&bench.out(name)).contains("h264"), "{name:?}");
    }
    bench.end(&names).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn input_that_vanishes_while_it_is_read_is_said() {
    let Some(bench) = Bench::start().await else { return };
    let input = bench.dir.path().join("in.mp4");
    fs::copy(clip(30), &input).unwrap();
    let slow = json!({"raw": {"args": ["-c:v", "libx264", "-preset", "medium", "-s", "480x360"]}});
    let attempt = bench.begin(job(&input, &[(&bench.out("out.mp4"), slow)]));
    bench
        .controller
        .in_phase(attempt, ffleet_api::control::Phase::Encode, 1)
        .await;
    fs::remove_file(&input).unwrap();
    let finished = bench.controller.end(attempt).await;
    let (reason, message) = failure(&finished);
    assert_eq!(reason, Reason::InputError, "{message}");
    assert!(message.contains("vanished"), "{message}");
    bench.end(&[]).await;
}
