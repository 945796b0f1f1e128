//! Live jobs, sent to a listener on this machine.

use std::net::TcpListener;
use std::process::{Child, Stdio};
use std::time::Duration;

use ffleet_api::control::{Command, Phase};
use ffleet_types::{Outcome, Reason};
use serde_json::json;

use crate::fixture::{Bench, Unusual, failure, fake, job_with};

/// A listener that takes what is sent to it until it is dropped.
struct Listener {
    process: Child,
    url: String,
}

impl Listener {
    fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = format!("rtmp://127.0.0.1:{port}/live/x");
        #[expect(clippy::disallowed_methods, reason = "what a test sends to is none of ours")]
        let process = std::process::Command::new("ffmpeg")
            .args(["-v", "error", "-listen", "1", "-i", &url, "-f", "null", "-"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { process, url }
    }

    fn stop(&mut self) {
        // It may have ended with what was sent to it.
        drop(self.process.kill());
        self.process.wait().unwrap();
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A test picture to `url`.
fn live(url: &str, duration: &str) -> ffleet_api::control::Assignment {
    let recipe = ffleet_media::preset::builtin("live-480p").unwrap();
    let make = json!({"recipe": {"recipe": recipe}});
    let path = std::path::PathBuf::from(url);
    job_with("test:240p25", &[(&path, make)], json!({"duration": duration}))
}

#[tokio::test(flavor = "multi_thread")]
async fn live_job_ends_with_its_duration_and_leaves_no_artifact() {
    let Some(bench) = Bench::start().await else { return };
    let listener = Listener::start();
    let job = live(&listener.url, "3s");
    let attempt = job.attempt;
    let finished = bench.finish(job).await;
    assert_eq!(finished.outcome, Outcome::Completed, "{:?}", finished.notes);
    assert!(finished.artifacts.is_empty());
    assert_eq!(bench.controller.kinds(attempt), ["started", "finished"], "nothing to seal");
    bench.end(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sender_that_dies_is_started_again_until_canceled() {
    let Some(bench) = Bench::start().await else { return };
    let mut listener = Listener::start();
    let attempt = bench.begin(live(&listener.url, "10m"));
    bench.controller.in_phase(attempt, Phase::Encode, 25).await;
    // Its audience goes away, and there is none when it comes back.
    listener.stop();
    let logs = || {
        use ffleet_api::bench::Workbench as _;
        bench.worker.logs(attempt).len()
    };
    ffleet_testkit::until_async(crate::controller::LONG, "it is started again", || logs() >= 3)
        .await;
    // Seen while it happens, not only in the notes at the end.
    let shown = bench.controller.shows(attempt, |shown| shown.trouble.is_some()).await;
    let trouble = shown.trouble.unwrap();
    assert!(
        ["the sender died", "refused"].iter().any(|said| trouble.contains(said)),
        "{trouble}"
    );
    bench.controller.command(Command::Cancel { attempt });
    let finished = bench.controller.end(attempt).await;
    assert_eq!(finished.outcome, Outcome::Canceled);
    assert!(
        finished.notes.iter().any(|note| note.contains("the sender died")),
        "{:?}",
        finished.notes
    );
    bench.end(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn duration_does_not_wait_for_a_destination_that_is_not_there() {
    let Some(bench) = Bench::start().await else { return };
    bench.ready().await;
    // Nobody listens where somebody was only asked for a free port.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let attempt = bench.begin(live(&format!("rtmp://127.0.0.1:{port}/live/x"), "3s"));
    bench.controller.in_phase(attempt, Phase::Encode, 0).await;
    let finished = tokio::time::timeout(Duration::from_secs(8), bench.controller.end(attempt))
        .await
        .expect("it ends with its duration");
    let (reason, message) = failure(&finished);
    assert_eq!(reason, Reason::NetworkError, "{message}");
    assert!(message.contains("duration of 3s"), "{message}");
    assert!(message.contains("Connection refused"), "the engine's words: {message}");
    let wall = Duration::from_micros(finished.usage.wall_micros);
    assert!(wall < Duration::from_secs(5), "{wall:?}");
    let told: Vec<_> = finished
        .notes
        .iter()
        .filter(|note| note.contains("the destination refused"))
        .collect();
    assert_eq!(told.len(), 1, "the same death is told once: {:?}", finished.notes);
    assert!(told[0].contains(" times, last: "), "{told:?}");
    bench.end(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn live_job_that_sent_completes_though_its_destination_is_gone_at_the_end() {
    let Some(bench) = Bench::start().await else { return };
    let mut listener = Listener::start();
    let attempt = bench.begin(live(&listener.url, "5s"));
    bench.controller.in_phase(attempt, Phase::Encode, 25).await;
    listener.stop();
    let finished = bench.controller.end(attempt).await;
    assert_eq!(finished.outcome, Outcome::Completed, "{:?}", finished.notes);
    assert!(
        finished.notes.iter().any(|note| note.contains("the sender died")),
        "{:?}",
        finished.notes
    );
    bench.end(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sender_that_can_never_work_fails_at_once() {
    let broken = fake("refuses", "echo '[fatal] Unknown encoder' >&2; exit 1");
    let unusual = Unusual { ffmpeg: Some(broken), ..Unusual::default() };
    let Some(bench) = Bench::start_with(unusual).await else {
        return;
    };
    let finished = bench.finish(live("rtmp://127.0.0.1:9/live/x", "60s")).await;
    assert_ne!(failure(&finished).0, Reason::NetworkError, "{:?}", finished.outcome);
    bench.end(&[]).await;
}
