//! Encoders that die, or live and say nothing.

use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Signal;

use super::*;

/// Kills encoders of both tracks in turn, `kills` times, at no particular instants; what a viewer got of it.
fn killed(server: &Server, pictures: u64, kills: u64) -> PathBuf {
    let viewer = Recorder::open(server, "got.ts");
    let pushers = push(server, pictures);
    until(SOON, "pictures come", || track(server, 0)["frames-out"].as_u64() > Some(5));
    let mut struck = [None; 2];
    for kill in 0..kills {
        // Some 13 different instants of a picture's 40 ms.
        std::thread::sleep(Duration::from_millis(60 + kill * 37 % 40));
        let number = usize::try_from(kill % 2).unwrap();
        struck[number] = Some(strike(server, number, Signal::KILL, struck[number]));
    }
    assert!(!pushers.0.is_done(), "they were killed while pictures came");
    await_end(server, pushers);
    viewer.leave()
}

#[track_caller]
fn assert_recovered(server: &Server, kills: u64) {
    let recovered: u64 = (0..2)
        .map(|number| track(server, number)["recoveries"].as_u64().unwrap())
        .sum();
    assert!(recovered >= kills, "{recovered} of {kills}: {:?}", events(server));
    for number in 0..2 {
        let track = track(server, number);
        assert_eq!(
            (&track["frames-lost"], &track["frames-dropped"]),
            (&0.into(), &0.into()),
            "{track}"
        );
    }
}

#[test]
fn twenty_kills_cost_no_picture_and_no_sound() {
    let Some(server) = serve("{ preset: live-480p, recovery: spare }", "") else {
        return;
    };
    let got = killed(&server, 450, 20);
    assert_unbroken(&got, 450);
    assert_recovered(&server, 20);
}

#[test]
fn encoder_that_looks_ahead_and_reorders_loses_nothing_either() {
    let Some(server) = serve("{ preset: source-h264, recovery: spare }", "") else {
        return;
    };
    let viewer = Recorder::open(&server, "got.ts");
    let pushers = push(&server, 300);
    until(SOON, "pictures come", || track(&server, 0)["frames-out"].as_u64() > Some(20));
    let mut struck = None;
    for pause in [300, 433, 517] {
        std::thread::sleep(Duration::from_millis(pause));
        struck = Some(strike(&server, 0, Signal::KILL, struck));
    }
    pushers.0.finish().unwrap();
    pushers.1.finish().unwrap();
    // What it looks ahead at comes out with what follows, and nothing does.
    until(SOON, "what can come out has", || {
        track(&server, 0)["frames-out"].as_u64() > Some(220)
    });
    let got = viewer.leave();
    let (numbers, said) = STUDIO.numbers(&got).unwrap();
    assert_eq!(said, "");
    let last = *numbers.last().unwrap();
    assert!(numbers[0] <= 1 && last > 200, "{numbers:?}");
    assert_eq!(numbers, (numbers[0]..=last).collect::<Vec<_>>());
    assert_times_of(&got, "v");
    assert_recovered(&server, 3);
}

#[test]
fn without_a_spare_another_is_started_and_nothing_is_lost() {
    let Some(server) = serve("{ preset: live-480p, recovery: cold }", "") else {
        return;
    };
    let viewer = Recorder::open(&server, "got.ts");
    let pushers = push(&server, 200);
    until(SOON, "pictures come", || track(&server, 0)["frames-out"].as_u64() > Some(5));
    assert_eq!(pid(&server, 0, "spare-pid"), None);
    for number in [0, 1, 0] {
        let before = pid(&server, number, "pid").unwrap();
        kill_process(before, Signal::KILL).unwrap();
        until(SOON, "another encoder", || {
            pid(&server, number, "pid").is_some_and(|pid| pid != before)
        });
        std::thread::sleep(Duration::from_millis(217));
    }
    await_end(&server, pushers);
    assert_unbroken(&viewer.leave(), 200);
    assert_recovered(&server, 3);
}

#[test]
fn encoder_that_is_stopped_is_noticed_and_latency_returns_to_what_it_was() {
    let Some(server) = serve("{ preset: live-480p, recovery: spare }", "") else {
        return;
    };
    let viewer = Recorder::open(&server, "got.ts");
    let pushers = push(&server, 200);
    until(SOON, "pictures come", || track(&server, 0)["frames-out"].as_u64() > Some(5));
    let mut struck = None;
    for _ in 0..2 {
        struck = Some(strike(&server, 0, Signal::STOP, struck));
        until(SOON, "it is replaced", || pid(&server, 0, "pid") != struck);
        until(SOON, "nothing waits", || track(&server, 0)["frames-waiting"].as_u64() < Some(3));
    }
    let gap = track(&server, 0)["longest-gap-micros"].as_u64().unwrap();
    assert!((300_000..1_500_000).contains(&gap), "{gap} µs, of 500,000 three times");
    await_end(&server, pushers);
    assert_unbroken(&viewer.leave(), 200);
}

#[test]
fn encoders_that_are_stopped_one_after_another_are_noticed_though_nothing_comes_in_any_more() {
    // Room for some twenty pictures: it is full before the second of them is noticed.
    let encode = "{ preset: live-480p, recovery: spare, backlog: 8MiB }";
    let Some(server) = serve(encode, "    when-full: block\n") else {
        return;
    };
    let viewer = Recorder::open(&server, "got.ts");
    let pushers = push(&server, 200);
    until(SOON, "pictures come", || track(&server, 0)["frames-out"].as_u64() > Some(5));
    let mut struck = None;
    for _ in 0..5 {
        struck = Some(strike(&server, 0, Signal::STOP, struck));
    }
    await_end(&server, pushers);
    assert_unbroken(&viewer.leave(), 200);
    assert_recovered(&server, 5);
}

#[test]
fn encoder_that_looks_far_ahead_of_a_slow_source_is_not_taken_for_dead() {
    let slow = Studio { fps: 10, ..STUDIO };
    let Some(server) = serve_of(&slow, "{ preset: source-h264, recovery: spare }") else {
        return;
    };
    let begin = Instant::now() + Duration::from_millis(100);
    let pictures = slow.push_pictures(&server.room.path("video"), begin, 0, 100);
    pictures.finish().unwrap();
    until(SOON, "all have come in", || track(&server, 0)["frames-in"] == 100);
    let track = track(&server, 0);
    assert_eq!(track["recoveries"], 0, "{track}");
    assert!(track["frames-out"].as_u64() > Some(30), "{track}");
}

/// What the server holds of the machine: descriptors, threads, and memory in bytes.
fn held(server: &Server) -> (usize, usize, u64) {
    let count = |what: &str| {
        std::fs::read_dir(format!("/proc/{}/{what}", server.pid()))
            .unwrap()
            .count()
    };
    (
        count("fd"),
        count("task"),
        ffleet_testkit::measure::resident(server.pid()).unwrap(),
    )
}

/// Kills the picture's encoder again and again, as soon as there is a spare.
fn failovers(kills: u64) {
    let Some(server) = serve("{ preset: live-480p, recovery: spare }", "") else {
        return;
    };
    let viewer = Recorder::open(&server, "got.ts");
    let pushers = push(&server, 100_000_000);
    until(SOON, "pictures come", || track(&server, 0)["frames-out"].as_u64() > Some(5));
    let mut struck = None;
    let warm = kills / 5;
    let mut before = held(&server);
    for kill in 0..kills {
        if kill == warm {
            before = held(&server);
        }
        struck = Some(strike(&server, 0, Signal::KILL, struck));
        until(SOON, "it has caught up", || {
            let track = track(&server, 0);
            track["frames-waiting"].as_u64() < Some(5) && track["recoveries"].as_u64() > Some(kill)
        });
    }
    until(SOON, "a spare again", || pid(&server, 0, "spare-pid").is_some());
    let after = held(&server);
    assert_recovered(&server, kills);
    assert!(after.0 <= before.0 + 8 && after.1 <= before.1 + 8, "{before:?} {after:?}");
    assert!(after.2 < before.2 + (24 << 20), "{before:?} {after:?}");
    let children = ffleet_testkit::descendants_of(server.pid()).len();
    assert!(children <= 12, "{children} processes");
    drop(pushers);
    viewer.leave();
}

#[test]
fn failovers_leave_nothing_behind() {
    failovers(40);
}

#[test]
#[ignore = "soak: ten thousand failovers, half an hour or more"]
fn soak_ten_thousand_failovers_leave_nothing_behind() {
    failovers(10_000);
}
