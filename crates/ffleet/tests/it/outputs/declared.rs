//! Outputs that are declared over the API, and come and go while their stream goes on.

use std::sync::Arc;

use ffleet_testkit::{need, until};
use serde_json::{Value, json};

use super::nginx::Nginx;
use super::numbered::{HEIGHT, WIDTH, begins_with_a_keyframe, numbers, push, times_only_grow};
use super::{
    GOP, SOON, assert_unbroken, assert_whole, await_arrived, await_encoded, number, output, stream,
    watch,
};
use crate::fixture::{Room, Server};
use crate::http::Answer;

/// A server with the feed `studio`, and so much memory for jobs and rings.
fn serve(memory: &str) -> Option<Server> {
    if need::ffmpeg().is_none() || need::ffprobe().is_none() {
        return None;
    }
    let room = Arc::new(Room::new());
    let text = format!(
        "
worker: {{ memory: {memory} }}
feeds:
  studio:
    inputs:
      video: {{ fifo: ROOM/studio.video, format: rawvideo, size: {WIDTH}x{HEIGHT}, fps: 25 }}
      audio: {{ fifo: ROOM/studio.audio, format: s16le, rate: 44100, channels: 1 }}
"
    );
    std::fs::write(room.path("ffleet.yaml"), text.replace("ROOM/", &room.text(""))).unwrap();
    Some(Server::open(room, &["--config", "ffleet.yaml"]))
}

/// A machine that is busy is no reason for an encoder to be replaced.
fn says(outputs: &Value) -> Value {
    json!({
        "feed": "studio", "encode": {"preset": "live-480p", "backlog": "64MiB", "silence": "60s"},
        "ring-bytes": "4MiB", "outputs": outputs,
    })
}

/// Declares the stream `studio`, with these outputs.
fn declare(server: &Server, outputs: &Value) -> Answer {
    server.call("PUT", "/v1/streams/studio", says(outputs).to_string().as_bytes())
}

/// The same, which goes well: how it is.
#[track_caller]
fn put(server: &Server, outputs: &Value) -> Value {
    let answer = declare(server, outputs);
    assert!([200, 201].contains(&answer.status), "{answer:?}");
    answer.json()
}

/// Its encoders, and how often one took another's place.
fn encoders(server: &Server) -> Vec<(Value, Value)> {
    let shown = stream(server);
    let tracks = shown["encode"]["tracks"].as_array().unwrap();
    tracks
        .iter()
        .map(|track| (track["pid"].clone(), track["recoveries"].clone()))
        .collect()
}

fn is_sent_to(server: &Server, number: usize) {
    until(SOON, "it is sent to", || {
        let shown = output(server, number);
        shown["state"] == "sending" && shown["sent-bytes"].as_u64() > Some(2_000)
    });
}

#[test]
fn outputs_come_and_go_and_neither_viewers_nor_encoders_nor_other_outputs_notice() {
    const COUNT: usize = 25 * 24;
    let (Some(first), Some(second)) = (Nginx::start(), Nginx::start()) else {
        return;
    };
    let Some(server) = serve("2GiB") else { return };
    let (one, two) = (first.url("live", "SECRET"), second.url("live", "SECRET"));
    let file = json!({"record": {"path": server.room.text("late.mkv")}});
    put(&server, &json!([one]));
    until(SOON, "there are encoders", || {
        encoders(&server).iter().all(|(pid, _)| pid.is_u64())
    });
    let (encoding, pushing) = (encoders(&server), push(&server, COUNT));
    is_sent_to(&server, 1);
    let (watching, seen) = watch(&server);

    // A second one comes, before the first.
    put(&server, &json!([two, one]));
    is_sent_to(&server, 1);
    let kept = output(&server, 2);
    assert_eq!(
        (&kept["state"], number(&kept, "reconnects")),
        (&"sending".into(), 0),
        "{kept:#}"
    );
    // The first goes, and a recording comes.
    let shown = put(&server, &json!([two, file]));
    assert_eq!(shown["outputs"].as_array().unwrap().len(), 2, "{shown:#}");
    until(SOON, "it is recorded", || output(&server, 2)["state"] == "recording");
    assert_eq!(number(&output(&server, 1), "reconnects"), 0);
    // What is said again changes nothing, and a reload neither.
    put(&server, &json!([two, file]));
    let reload = server.call("POST", "/v1/config/reload", b"").json();
    assert_eq!(
        (&reload["streams"]["changed"], &reload["streams"]["unchanged"]),
        (&json!([]), &json!(1))
    );

    pushing.into_iter().for_each(|one| one.join().unwrap());
    await_encoded(&server, COUNT);
    await_arrived(&server, 1);
    assert_eq!(encoders(&server), encoding);
    let shown = stream(&server);
    assert_eq!(
        (&shown["cut"], &shown["skips"], &shown["viewers"]),
        (&json!(0), &json!(0), &json!(1))
    );
    for output in shown["outputs"].as_array().unwrap() {
        assert_eq!(
            (number(output, "dropped-packets"), number(output, "reconnects")),
            (0, 0),
            "{output:#}"
        );
    }
    let late = server.room.path("late.mkv");
    let _room = server.stop();
    watching.join().unwrap();
    let (one, two) = (first.records(), second.records());
    assert_eq!((one.len(), two.len()), (1, 1), "no connection was made twice");
    let seen = numbers(&seen, true);
    assert_unbroken(&seen, "the viewer");
    assert_eq!(seen.last(), Some(&(COUNT - 1)));
    let gone = numbers(&one[0], false);
    assert_unbroken(&gone, "the one that went");
    assert!(gone[0] == 0 && gone[gone.len() - 1] < COUNT - 1, "{gone:?}");
    // Each that came begins with the next group of pictures, and misses nothing from there on.
    for path in [&two[0], &late] {
        let got = numbers(path, false);
        assert!(
            begins_with_a_keyframe(path) && got[0] > 0 && got[0].is_multiple_of(GOP),
            "{got:?}"
        );
        assert_unbroken(&got, "one that came");
        assert_eq!(got.last(), Some(&(COUNT - 1)), "{}", path.display());
        times_only_grow(path);
    }
}

#[test]
fn key_of_an_output_that_is_declared_is_shown_nowhere_and_kept() {
    let Some(nginx) = Nginx::start() else { return };
    let Some(server) = serve("2GiB") else { return };
    let good = nginx.url("live", "SECRET");
    let mistakes =
        json!([good, format!("{good}/SECRET b"), "rtmp://SECRET", {"url": "x://SECRET"}]);
    let told = declare(&server, &mistakes).is_problem(422, "invalid-value");
    assert!(told["field"].as_str().unwrap().starts_with("/outputs"), "{told:#}");
    let yaml = format!("feed: studio\nencode: {{preset: live-480p}}\noutputs: [\"{good}\"]\n");
    std::fs::write(server.room.path("studio.yaml"), yaml).unwrap();
    let set = server.cli(&["streams", "set", "studio", "--file", "studio.yaml"]).ok();
    assert!(set.contains("is declared"), "{set}");
    // Refused there, so that events and errors name it.
    let refused = nginx.url("other", "SECRET");
    let made = put(&server, &json!([good, refused]));
    let pushing = push(&server, 100);
    is_sent_to(&server, 1);
    until(SOON, "the other is refused", || output(&server, 2)["last-error"].is_string());
    let name = server.call("GET", "/v1/nodes", b"").json()["nodes"][0]["name"].clone();
    let page = |path: &str| server.call("GET", path, b"").body;
    let texts = [
        told.to_string(),
        set,
        made.to_string(),
        stream(&server).to_string(),
        page("/v1/streams"),
        page("/streams/studio"),
        page("/streams"),
        page("/"),
        page("/logs"),
        page("/v1/logs"),
        page("/config"),
        page("/v1/config"),
        page("/metrics"),
        page(&format!("/v1/nodes/{}", name.as_str().unwrap())),
        server.cli(&["streams", "show", "studio"]).ok(),
        server.cli(&["streams", "list", "--json"]).ok(),
        server.said(),
    ];
    for text in &texts {
        assert!(!text.contains("SECRET"), "{text}");
    }
    for at in [3, 5, 14] {
        assert!(
            texts[at].contains("/live/***") && texts[at].contains("/other/***"),
            "{}",
            texts[at]
        );
    }
    pushing.into_iter().for_each(|one| one.join().unwrap());
    // It is there after a restart, key and all.
    let server = Server::open(server.stop(), &["--config", "ffleet.yaml"]);
    let pushing = push(&server, 100);
    is_sent_to(&server, 1);
    pushing.into_iter().for_each(|one| one.join().unwrap());
    let parts: Vec<_> = nginx.records().iter().map(|path| numbers(path, true)).collect();
    assert_eq!(parts.len(), 2, "{parts:?}");
    // Without them there is none, and without the stream neither.
    assert_eq!(put(&server, &json!([]))["outputs"], Value::Null);
    assert!(!page_of(&server).contains("rtmp://"), "the page has none any more");
    assert_eq!(server.call("DELETE", "/v1/streams/studio", b"").status, 204);
    assert!(!server.said().contains("SECRET"));
}

fn page_of(server: &Server) -> String {
    server.call("GET", "/streams/studio", b"").body
}

#[test]
fn output_that_the_node_has_no_memory_for_is_refused_alone_until_there_is_some() {
    const COUNT: usize = 25 * 8;
    let Some(nginx) = Nginx::start() else { return };
    let Some(server) = serve("1GiB") else { return };
    let sized =
        |name: &str, size: &str| json!({"url": nginx.url("live", name), "ring-bytes": size});
    let shown = put(&server, &json!([sized("a", "16MiB"), sized("b", "1GiB")]));
    let refused = &shown["outputs"][1];
    assert_eq!(refused["state"], "failed", "{shown:#}");
    let why = refused["last-error"].as_str().unwrap();
    assert!(
        why.contains("ring of 1.00 GiB does not fit") && why.contains("lower `ring-bytes`"),
        "{why}"
    );
    // It lives, and so does its other output. Tried again in vain, it is what it was.
    let reload = server.call("POST", "/v1/config/reload", b"").json();
    assert_eq!(reload["streams"]["unchanged"], 1, "{reload:#}");
    let pushing = push(&server, COUNT);
    is_sent_to(&server, 1);
    put(&server, &json!([sized("a", "16MiB"), sized("b", "700MiB")]));
    is_sent_to(&server, 2);
    // What goes makes room for what comes.
    put(&server, &json!([sized("a", "16MiB"), sized("c", "700MiB")]));
    until(SOON, "it is sent to", || output(&server, 2)["state"] == "sending");
    pushing.into_iter().for_each(|one| one.join().unwrap());
    await_encoded(&server, COUNT);
    await_arrived(&server, 1);
    assert_eq!(number(&output(&server, 1), "reconnects"), 0);
    let _room = server.stop();
    let name =
        |path: &std::path::PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("a-");
    let whole: Vec<_> = nginx.records().into_iter().filter(name).collect();
    assert_eq!(whole.len(), 1);
    assert_whole(&[numbers(&whole[0], false)], COUNT, 0);
}
