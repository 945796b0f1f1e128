//! Servers that are published to.

use std::time::Duration;

use ffleet_testkit::until;
use rustix::process::Signal;

use super::nginx::Nginx;
use super::numbered::{numbers, push, push_noise, times_only_grow};
use super::{
    GOP, SOON, assert_unbroken, assert_whole, await_arrived, await_encoded, kill_encoder, number,
    output, serve, stream, watch,
};

#[test]
fn destination_that_was_gone_for_five_seconds_gets_all_and_nobody_else_notices() {
    const COUNT: usize = 25 * 20;
    let (Some(mut gone), Some(other)) = (Nginx::start(), Nginx::start()) else {
        return;
    };
    let outputs =
        format!("{}, {{ url: \"{}\" }}", gone.url("live", "SECRET"), other.url("live", "SECRET"));
    let Some(server) = serve(&outputs) else { return };
    let pushing = push(&server, COUNT);
    until(SOON, "both are sent to", || {
        [1, 2].iter().all(|&n| output(&server, n)["state"] == "sending")
    });
    let (watching, seen) = watch(&server);
    std::thread::sleep(Duration::from_secs(3));
    gone.kill();
    std::thread::sleep(Duration::from_secs(2));
    kill_encoder(&server);
    let held = output(&server, 1);
    assert!(
        number(&held, "behind-ms") > 1_000 && number(&held, "held-bytes") > 10_000,
        "{held:#}"
    );
    assert!(
        held["last-error"].as_str().is_some_and(|why| !why.contains("SECRET")),
        "{held:#}"
    );
    assert_eq!(output(&server, 2)["reconnects"], 0);
    std::thread::sleep(Duration::from_secs(3));
    gone.start_again();
    pushing.into_iter().for_each(|one| one.join().unwrap());
    await_encoded(&server, COUNT);
    for number in [1, 2] {
        await_arrived(&server, number);
    }
    let shown = stream(&server);
    let (first, second) = (&shown["outputs"][0], &shown["outputs"][1]);
    assert_eq!(
        (&first["dropped-packets"], &second["dropped-packets"]),
        (&0.into(), &0.into()),
        "{shown:#}"
    );
    assert_eq!(
        (&first["reconnects"], &second["reconnects"]),
        (&1.into(), &0.into()),
        "{shown:#}"
    );
    assert!(!shown.to_string().contains("SECRET"), "{shown:#}");
    assert!(!server.said().contains("SECRET"));
    let _room = server.stop();
    watching.join().unwrap();
    let parts: Vec<_> = gone.records().iter().map(|path| numbers(path, true)).collect();
    assert_eq!(parts.len(), 2, "{:?}", gone.records());
    assert_whole(&parts, COUNT, GOP);
    assert_whole(&[numbers(&other.records()[0], false)], COUNT, 0);
    for path in gone.records().iter().chain(&other.records()) {
        times_only_grow(path);
    }
    let seen = numbers(&seen, true);
    assert_unbroken(&seen, "the viewer");
    assert_eq!(seen.last(), Some(&(COUNT - 1)));
}

#[test]
fn destination_that_hangs_is_left_and_the_others_go_on() {
    const COUNT: usize = 25 * 26;
    let (Some(hung), Some(other)) = (Nginx::start(), Nginx::start()) else {
        return;
    };
    let outputs = format!("\"{}\", \"{}\"", hung.url("live", "a"), other.url("live", "b"));
    let Some(server) = serve(&outputs) else { return };
    // What is easily coded fills no buffer.
    let pushing = push_noise(&server, COUNT);
    until(SOON, "both are sent to", || {
        [1, 2].iter().all(|&n| output(&server, n)["state"] == "sending")
    });
    std::thread::sleep(Duration::from_secs(2));
    hung.signal(Signal::STOP);
    // It took nothing for so long; or it was to be asked anew, because a track came late, and did not answer.
    until(SOON, "it is left", || {
        let shown = output(&server, 1);
        shown["last-error"].as_str().is_some_and(|why| why.contains("10 s"))
    });
    assert_eq!(output(&server, 2)["reconnects"], 0);
    hung.signal(Signal::CONT);
    until(SOON, "it is sent to again", || {
        let shown = output(&server, 1);
        shown["state"] == "sending" && number(&shown, "reconnects") >= 1
    });
    pushing.into_iter().for_each(|one| one.join().unwrap());
    await_encoded(&server, COUNT);
    for number in [1, 2] {
        await_arrived(&server, number);
    }
    let _room = server.stop();
    assert_whole(&[numbers(&other.records()[0], false)], COUNT, 0);
    let last = numbers(hung.records().last().unwrap(), true);
    assert_unbroken(&last, "the second connection");
    assert_eq!(last.last(), Some(&(COUNT - 1)));
}

#[test]
fn refusal_says_why_and_is_tried_again() {
    let Some(nginx) = Nginx::start() else { return };
    let Some(server) = serve(&format!("\"{}\"", nginx.url("other", "SECRET"))) else {
        return;
    };
    let pushing = push(&server, 75);
    let mut first = None;
    until(SOON, "it is refused again and again", || {
        let shown = output(&server, 1);
        let why = shown["last-error"].as_str().unwrap_or_default().to_owned();
        if !why.is_empty() {
            assert!(why.contains("the server") && !why.contains("SECRET"), "{why}");
            assert!(
                ["waiting", "connecting"].contains(&shown["state"].as_str().unwrap()),
                "{shown:#}"
            );
            first.get_or_insert_with(|| shown["last-error-at"].clone());
        }
        first.as_ref().is_some_and(|first| *first != shown["last-error-at"])
    });
    pushing.into_iter().for_each(|one| one.join().unwrap());
    let events = stream(&server)["encode"]["events"].clone();
    let is_told = events
        .as_array()
        .unwrap()
        .iter()
        .any(|event| event["track"] == "output 1");
    assert!(is_told, "{events:#}");
    let shown = server.cli(&["streams", "show", "studio"]).ok();
    let checked = server.cli(&["config", "check", "ffleet.yaml", "--json"]).ok();
    let metrics = server.call("GET", "/metrics", b"").body;
    let page = server.call("GET", "/v1/config", b"").body;
    for (text, part) in [
        (&shown, "output 1"),
        (&checked, "/other/***"),
        (&metrics, "ffleet_output_reconnects_total{stream=\"studio\",output=\"1\"} 0"),
        (&page, "/other/***"),
    ] {
        assert!(text.contains(part) && !text.contains("SECRET"), "{text}");
    }
    assert!(!server.said().contains("SECRET"));
}
