//! Whole jobs.

use std::os::unix::fs::MetadataExt as _;

use ffleet_api::bench::Workbench as _;
use ffleet_media::preset;
use ffleet_types::Outcome;
use serde_json::json;

use crate::fixture::{Bench, clip, job, job_with, look, quick};

#[tokio::test(flavor = "multi_thread")]
async fn job_with_two_outputs_completes_with_its_costs() {
    let Some(bench) = Bench::start().await else { return };
    let film = json!({"recipe": {"recipe": preset::builtin("480p-h264").unwrap()}});
    let sound = json!({"recipe": {"recipe": preset::builtin("aac-128k").unwrap()}});
    let (one, two) = (bench.out("film.mp4"), bench.out("sound.m4a"));
    let job = job(clip(4), &[(&one, film), (&two, sound)]);
    let attempt = job.attempt;
    let finished = bench.finish(job).await;
    assert_eq!(finished.outcome, Outcome::Completed);
    assert_eq!(bench.controller.kinds(attempt), ["started", "sealed", "finished"]);

    let usage = finished.usage;
    assert!(usage.wall_micros > 0 && usage.user_micros > 0, "{usage:?}");
    assert!(usage.peak_memory.0 > 1 << 20, "{usage:?}");
    assert!(
        usage.verify_cpu_micros > 0
            && usage.verify_cpu_micros < usage.user_micros + usage.system_micros
    );
    assert_eq!(finished.artifacts.len(), 2);
    for (artifact, path) in finished.artifacts.iter().zip([&one, &two]) {
        assert!(artifact.published && artifact.target == path.to_str().unwrap());
        assert_eq!(artifact.size.0, std::fs::metadata(path).unwrap().size());
    }
    assert!(look(&one).contains("h264") && look(&one).contains("aac"), "{}", look(&one));
    assert!(look(&two).starts_with("aac\n4"), "{}", look(&two));
    assert!(finished.commands.len() >= 3, "probe, encode, verify: {:?}", finished.commands);

    let logs = bench.worker.logs(attempt);
    let said: String = logs.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    assert!(said.contains("libx264"), "the encoder's own words are kept: {logs:?}");
    bench.end(&["film.mp4", "sound.m4a"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn generated_picture_and_plain_copy_complete() {
    let Some(bench) = Bench::start().await else { return };
    let more = json!({"duration": "2s"});
    let job = job_with("test:240p25", &[(&bench.out("test.mp4"), quick())], more);
    assert_eq!(bench.finish(job).await.outcome, Outcome::Completed);
    let copy = json!({"recipe": {"recipe": preset::builtin("copy").unwrap()}});
    let job = crate::fixture::job(bench.out("test.mp4"), &[(&bench.out("copy.mkv"), copy)]);
    assert_eq!(bench.finish(job).await.outcome, Outcome::Completed);
    bench.end(&["test.mp4", "copy.mkv"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn node_says_what_it_is_and_what_it_would_do() {
    let Some(bench) = Bench::start().await else { return };
    bench.ready().await;
    let node = bench.controller.node().unwrap();
    assert_eq!(node.engines.len(), 2);
    assert!(node.engines[0].encoders.iter().any(|name| name == "libx264"), "{node:?}");
    assert!(
        node.engines
            .iter()
            .all(|engine| !engine.version.is_empty() && engine.hash.len() == 64)
    );

    let source = clip(4).to_str().unwrap().parse().unwrap();
    let probe = bench.worker.probe(source).await.unwrap();
    assert_eq!((probe.video[0].width, probe.audio.len()), (320, 1));
    let more = json!({"terms": {"limits": {"timeout": "90s"}}});
    let asked = job_with(clip(4), &[(&bench.out("x.mp4"), quick())], more);
    let rehearsal = bench.worker.rehearse(asked.spec).await.unwrap();
    assert_eq!(rehearsal.given, ["timeout"]);
    assert!(rehearsal.limits.memory.is_some() && rehearsal.commands[0].len() > 10);
    let missing = "/nowhere/at/all.mp4".parse().unwrap();
    let trouble = bench.worker.probe(missing).await.unwrap_err();
    assert!(trouble.message.contains("no such file"), "{trouble}");
    bench.end(&[]).await;
}
