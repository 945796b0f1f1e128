//! An engine that is led astray gets nowhere: what its own lists keep out, the walls do too.
//!
//! The engine of these tests ignores what it is told, and does what a hole in it would let an input
//! do: it follows a script to another file, and a playlist to the network.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use ffleet_base::write_atomic;
use ffleet_testkit::need;
use ffleet_types::Outcome;
use ffleet_worker::Use;
use serde_json::json;

use crate::fixture::{Bench, Unusual, clip, fake, job_with};

/// An FFmpeg that reads `script` in the place of the job's input, where `$notes` are the test's.
fn astray(name: &str, options: &str, script: &str) -> PathBuf {
    let protocols = "-protocol_whitelist file,http,tcp,udp,crypto,data";
    fake(
        name,
        &format!(
            "for last; do :; done; cd \"$TMPDIR\"; notes=../../../notes; printf {script} > list; \
             exec ffmpeg -nostdin -v level+error -y -progress pipe:1 {options} {protocols} -i list -c copy -f matroska \"$last\""
        ),
    )
}

/// How a job ends whose engine was led astray to `whither`, with walls or without.
async fn led(ffmpeg: &Path, whither: &str, use_them: Use) -> Outcome {
    let unusual = Unusual { ffmpeg: Some(ffmpeg.to_owned()), use_them, ..Unusual::default() };
    let bench = Bench::start_with(unusual).await.unwrap();
    write_atomic(&bench.dir.path().join("notes/whither"), whither.as_bytes(), 0o644).unwrap();
    let out = bench.out("out.mkv");
    let make = json!({"raw": {"args": ["-c", "copy"]}});
    let job = job_with(clip(1), &[(&out, make)], json!({"verify": "none"}));
    let finished = bench.finish(job).await;
    let results: &[&str] = match finished.outcome {
        Outcome::Completed => &["out.mkv"],
        _ => &[],
    };
    bench.end(results).await;
    finished.outcome
}

#[tokio::test(flavor = "multi_thread")]
async fn script_does_not_lead_to_other_peoples_files() {
    if need::ffmpeg().is_none() || need::ffprobe().is_none() {
        return;
    }
    let other = clip(2).display().to_string();
    let ffmpeg = astray(
        "follows-scripts",
        "-f concat -safe 0",
        r#"'ffconcat version 1.0\nfile %s\n' "$(cat $notes/whither)""#,
    );
    assert_eq!(
        led(&ffmpeg, &other, Use::Off).await,
        Outcome::Completed,
        "without walls it is read"
    );
    let Outcome::Failed { message, .. } = led(&ffmpeg, &other, Use::Required).await else {
        panic!("another file was read")
    };
    assert!(message.contains("Permission denied"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn playlist_does_not_call_out() {
    if need::ffmpeg().is_none() || need::ffprobe().is_none() {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let calls = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&calls);
    // Whoever calls is hung up on. It ends with the test's process.
    std::thread::spawn(move || {
        while listener.accept().is_ok() {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    let ffmpeg = astray(
        "follows-playlists",
        "-f hls -allowed_extensions ALL",
        r#"'#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nhttp://%s/keys.ts\n#EXT-X-ENDLIST\n' "$(cat $notes/whither)""#,
    );
    let free = led(&ffmpeg, &address, Use::Off).await;
    assert!(calls.swap(0, Ordering::SeqCst) > 0, "without walls it calls: {free:?}");
    let held = led(&ffmpeg, &address, Use::Required).await;
    assert_ne!(held, Outcome::Completed);
    assert_eq!(calls.load(Ordering::SeqCst), 0, "it has called out: {held:?}");
}
