//! Encoders with a twin that is fed the same, of which one dies, or lives and says nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Signal;

use super::*;

/// An engine that puts the number of its process into each keyframe: no two of them make the same.
const OTHERS: &str = "#!/bin/bash\nset -- \"$@\"\ncase \"$*\" in *libx264*pipe:1)\n\
    set -- \"${@:1:$#-1}\" -bsf:v \"h264_metadata=sei_user_data=086f3693-b7b3-4f2c-9653-21492feee5b8+$$\" pipe:1 ;;\n\
    esac\nexec ffmpeg \"$@\"\n";

/// Waits until the twin of a track stands so, and a spare is there.
#[track_caller]
fn await_twin(server: &Server, number: usize, stands: &str) {
    until(SOON, "a twin, and a spare", || {
        let track = track(server, number);
        track["twin"] == stands && track["spare-pid"].as_i64().is_some()
    });
}

/// Sends a signal to the encoder of a track or to its twin, once there is a twin that stands so: whom it hit.
#[track_caller]
fn hit(server: &Server, number: usize, (who, stands): (&str, &str), signal: Signal) -> Pid {
    await_twin(server, number, stands);
    let hit = pid(server, number, who).unwrap();
    kill_process(hit, signal).unwrap();
    hit
}

/// Waits until a process has no place in a track any more.
#[track_caller]
fn await_gone(server: &Server, number: usize, gone: Pid) {
    until(SOON, "it is let go of", || {
        ["pid", "twin-pid", "spare-pid"]
            .iter()
            .all(|what| pid(server, number, what) != Some(gone))
    });
}

/// Kills and stops encoders and twins of both tracks in turn, `deaths` times; what a viewer got of it.
fn struck(server: &Server, deaths: u64, stands: &str) -> (PathBuf, u64) {
    let viewer = Recorder::open(server, "got.ts");
    let pushers = push(server, 10_000);
    until(SOON, "pictures come", || track(server, 0)["frames-out"].as_u64() > Some(5));
    for death in 0..deaths {
        // Some 13 different instants of a picture's 40 ms.
        std::thread::sleep(Duration::from_millis(60 + death * 37 % 40));
        let number = usize::from(death % 4 == 3);
        let who = if death % 3 == 1 { "twin-pid" } else { "pid" };
        let signal = if death % 5 == 2 { Signal::STOP } else { Signal::KILL };
        // Sound is the same of whatever engine.
        let stands = if number == 0 { stands } else { "in step" };
        let gone = hit(server, number, (who, stands), signal);
        await_gone(server, number, gone);
    }
    assert!(!pushers.0.is_done(), "they died while pictures came");
    await_twin(server, 0, stands);
    let last = track(server, 0)["frames-out"].as_u64().unwrap();
    drop(pushers);
    std::thread::sleep(Duration::from_millis(300));
    (viewer.leave(), last)
}

/// Whether all pictures up to `last`, and perhaps some more, are there once each, and the tone has no click.
#[track_caller]
fn assert_whole(got: &Path, last: u64) {
    let (numbers, said) = STUDIO.numbers(got).unwrap();
    assert_eq!(said, "", "the decoder has nothing to say");
    let first = numbers.first().copied().unwrap_or(u64::MAX);
    let end = first + numbers.len() as u64;
    assert!(first <= 1 && end >= last, "{first} to {end} of {last}");
    assert!(numbers.iter().copied().eq(first..end), "{numbers:?}");
    assert_eq!(STUDIO.clicks(got).unwrap(), Vec::<f64>::new());
    assert_times_grow(got);
}

#[track_caller]
fn assert_none_lost(server: &Server) {
    for number in 0..2 {
        let track = track(server, number);
        for what in ["frames-lost", "frames-dropped"] {
            assert_eq!(track[what], 0, "{track}");
        }
    }
}

#[test]
fn twenty_deaths_of_one_of_two_in_step_cost_nothing_and_nothing_is_fed_again() {
    let Some(server) = serve("{ preset: live-480p, recovery: hot }", "") else {
        return;
    };
    let (got, last) = struck(&server, 20, "in step");
    assert_whole(&got, last);
    assert_none_lost(&server);
    for number in 0..2 {
        let track = track(&server, number);
        assert_eq!(track["frames-replayed"], 0, "{track} {:?}", events(&server));
        assert!(track["recoveries"].as_u64() > Some(1), "{track}");
    }
}

#[test]
fn twins_that_never_make_the_same_are_met_as_spares_are() {
    let room = Arc::new(Room::new());
    let engine = room.path("others");
    fs::write(&engine, OTHERS).unwrap();
    fs::set_permissions(&engine, fs::Permissions::from_mode(0o755)).unwrap();
    let more = format!("engine: {{ ffmpeg: {} }}\n", engine.display());
    let encode = "{ preset: live-480p, recovery: hot }";
    let Some(server) = serve_in(&room, encode, &more, "[hold]") else {
        return;
    };
    let (got, last) = struck(&server, 10, "apart");
    assert_whole(&got, last);
    assert_none_lost(&server);
    let track = track(&server, 0);
    assert_eq!(track["packets-equal"], 0, "{track}");
    assert!(track["packets-different"].as_u64() > Some(30), "{track}");
    assert!(track["frames-replayed"].as_u64() > Some(0), "{track}");
    assert!(track["recoveries"].as_u64() > Some(3), "{track}");
    assert!(events(&server).iter().any(|what| what.contains("make other packets")));
}

#[test]
fn encoder_that_is_stopped_is_not_waited_for() {
    // Nobody is taken for dead here: whoever gives a picture gives it.
    let encode = "{ preset: live-480p, recovery: hot, silence: 60s }";
    let Some(server) = serve(encode, "") else { return };
    let viewer = Recorder::open(&server, "got.ts");
    let pushers = push(&server, 250);
    until(SOON, "pictures come", || track(&server, 0)["frames-out"].as_u64() > Some(5));
    let stopped = hit(&server, 0, ("pid", "in step"), Signal::STOP);
    let before = track(&server, 0)["frames-out"].as_u64().unwrap();
    until(SOON, "pictures come without it", || {
        track(&server, 0)["frames-out"].as_u64() > Some(before + 20)
    });
    assert_eq!(pid(&server, 0, "pid"), Some(stopped), "it is still there");
    kill_process(stopped, Signal::CONT).unwrap();
    await_end(&server, pushers);
    assert_unbroken(&viewer.leave(), 250);
    let track = track(&server, 0);
    assert_eq!((&track["recoveries"], &track["frames-replayed"]), (&0.into(), &0.into()));
    assert_eq!(track["packets-different"], 0, "{track}");
}

#[test]
fn both_at_once_are_followed_by_the_spare() {
    let Some(server) = serve("{ preset: live-480p, recovery: hot }", "") else {
        return;
    };
    let viewer = Recorder::open(&server, "got.ts");
    let pushers = push(&server, 200);
    until(SOON, "pictures come", || track(&server, 0)["frames-out"].as_u64() > Some(5));
    for _ in 0..2 {
        await_twin(&server, 0, "in step");
        let both = ["pid", "twin-pid"].map(|what| pid(&server, 0, what).unwrap());
        for one in both {
            kill_process(one, Signal::KILL).unwrap();
        }
        for one in both {
            await_gone(&server, 0, one);
        }
    }
    await_end(&server, pushers);
    assert_unbroken(&viewer.leave(), 200);
    assert_none_lost(&server);
}

#[test]
fn look_ahead_and_reordering_do_not_keep_twins_from_being_in_step() {
    let Some(server) = serve("{ preset: source-h264, recovery: hot }", "") else {
        return;
    };
    let viewer = Recorder::open(&server, "got.ts");
    let pushers = push(&server, 500);
    for (who, signal) in [("pid", Signal::KILL), ("twin-pid", Signal::KILL), ("pid", Signal::STOP)]
    {
        let gone = hit(&server, 0, (who, "in step"), signal);
        await_gone(&server, 0, gone);
    }
    await_twin(&server, 0, "in step");
    pushers.0.finish().unwrap();
    pushers.1.finish().unwrap();
    // What it looks ahead at comes out with what follows, and nothing does.
    until(SOON, "what can come out has", || {
        track(&server, 0)["frames-out"].as_u64() > Some(420)
    });
    let got = viewer.leave();
    let (numbers, said) = STUDIO.numbers(&got).unwrap();
    assert_eq!(said, "");
    let last = *numbers.last().unwrap();
    assert!(numbers[0] <= 1 && last > 400, "{numbers:?}");
    assert_eq!(numbers, (numbers[0]..=last).collect::<Vec<_>>());
    assert_times_of(&got, "v");
    assert_none_lost(&server);
    assert_eq!(track(&server, 0)["frames-replayed"], 0, "{:?}", events(&server));
}

#[test]
fn check_and_show_say_what_a_twin_costs_and_how_it_stands() {
    let Some(server) = serve("{ preset: live-480p, recovery: hot }", "") else {
        return;
    };
    let said = server.room.run(&["config", "check", "ffleet.yaml"]).ok();
    assert!(said.contains("6 processes of encoders, of which 4 work at once"), "{said}");
    let pushers = push(&server, 10_000);
    await_twin(&server, 0, "in step");
    let twin = pid(&server, 0, "twin-pid").unwrap().as_raw_nonzero();
    let said = server.room.run(&["streams", "show", "studio"]).ok();
    for part in ["live-480p, recovery hot", &format!(", twin {twin}, spare "), "hot: in step; "] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let metrics = server.call("GET", "/metrics", b"").body;
    for part in ["ffleet_encoder_in_step{", "ffleet_encoder_packets_equal_total{"] {
        assert!(metrics.contains(part), "{part}: {metrics}");
    }
    let all = ffleet_testkit::descendants_of(server.pid());
    assert!(all.len() >= 6, "each is a process with a seat of its own: {all:?}");
    drop(pushers);
}

#[test]
#[ignore = "soak: five hundred deaths of encoders and their twins, a quarter of an hour or more"]
fn soak_five_hundred_deaths_of_encoders_and_twins_cost_no_picture() {
    let Some(server) = serve("{ preset: live-480p, recovery: hot }", "") else {
        return;
    };
    let pushers = push(&server, 100_000_000);
    until(SOON, "pictures come", || track(&server, 0)["frames-out"].as_u64() > Some(5));
    for round in 0..25 {
        let viewer = Recorder::open(&server, "got.ts");
        for death in 0..20 {
            let who = if death % 3 == 1 { "twin-pid" } else { "pid" };
            let signal = if death % 5 == 2 { Signal::STOP } else { Signal::KILL };
            let number = usize::from(death % 4 == 3);
            let gone = hit(&server, number, (who, "in step"), signal);
            await_gone(&server, number, gone);
        }
        let (numbers, _said) = STUDIO.numbers(&viewer.leave()).unwrap();
        let low = |number: &u64| number & 0xffff;
        let follow = numbers.windows(2).all(|two| low(&(two[0] + 1)) == two[1]);
        assert!(follow && numbers.len() > 20, "round {round}: {numbers:?}");
    }
    assert_none_lost(&server);
    assert_eq!(track(&server, 0)["frames-replayed"], 0, "{:?}", events(&server));
    drop(pushers);
}
