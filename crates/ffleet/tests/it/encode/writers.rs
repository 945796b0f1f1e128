//! Programs that write, stall, leave things half done, and come back.

use std::fs::OpenOptions;
use std::io::Write as _;

use super::*;

#[test]
fn track_that_stalls_never_holds_up_the_other() {
    let Some(server) = serve("{ preset: live-480p }", "") else {
        return;
    };
    let viewer = Recorder::open(&server, "got.ts");
    let begin = Instant::now();
    // Both are opened, and one of them is not written for seconds.
    let mut audio = OpenOptions::new().write(true).open(server.room.path("audio")).unwrap();
    let video = STUDIO.push_pictures(&server.room.path("video"), begin, 0, 75);
    video.finish().unwrap();
    until(SOON, "all pictures have come out", || track(&server, 0)["frames-out"] == 75);
    // Now the other way round: three seconds of sound at once, and no picture.
    audio.write_all(&STUDIO.sound(0, 3 * 44_100)).unwrap();
    until(SOON, "the sound has come out", || {
        track(&server, 1)["frames-out"].as_u64() > Some(120)
    });
    drop(audio);
    let (numbers, said) = STUDIO.numbers(&viewer.leave()).unwrap();
    assert_eq!((numbers.len(), said.as_str()), (75, ""), "{numbers:?}");
}

#[test]
fn frame_that_a_writer_leaves_half_done_is_cut_and_the_next_writer_goes_on() {
    let Some(server) = serve("{ preset: live-480p }", "") else {
        return;
    };
    let viewer = Recorder::open(&server, "got.ts");
    let path = server.room.path("video");
    let mut fifo = OpenOptions::new().write(true).open(&path).unwrap();
    for number in 0..10 {
        fifo.write_all(&STUDIO.picture(number)).unwrap();
    }
    fifo.write_all(&STUDIO.picture(10)[..100_000]).unwrap();
    drop(fifo);
    let input = || server.call("GET", "/v1/feeds/studio", b"").json()["inputs"][0].clone();
    until(SOON, "the writer's end is noticed", || input()["written"] == false);
    assert_eq!((&input()["unfinished"], &input()["received"]), (&1.into(), &10.into()));
    let again = STUDIO.push_pictures(&path, Instant::now(), 11, 20);
    again.finish().unwrap();
    until(SOON, "all have come out", || track(&server, 0)["frames-out"] == 30);
    assert_eq!(input()["writers"], 2);
    std::thread::sleep(Duration::from_millis(300));
    let (numbers, said) = STUDIO.numbers(&viewer.leave()).unwrap();
    let expected: Vec<u64> = (0..10).chain(11..31).collect();
    assert_eq!((numbers, said.as_str()), (expected, ""));
}

#[test]
fn writer_waits_or_the_oldest_is_left_out_while_nothing_comes_out() {
    for (when_full, is_kept) in [("block", true), ("drop-oldest", false), ("drop-newest", false)] {
        let more = format!("    when-full: {when_full}\n");
        let encode = "{ preset: live-480p, recovery: cold, backlog: 4MiB, silence: 60s }";
        let Some(server) = serve(encode, &more) else { return };
        let viewer = Recorder::open(&server, "got.ts");
        let video = STUDIO.push_pictures(&server.room.path("video"), Instant::now(), 0, 100);
        until(SOON, "pictures come", || track(&server, 0)["frames-out"].as_u64() > Some(5));
        let encoder = pid(&server, 0, "pid").unwrap();
        kill_process(encoder, Signal::STOP).unwrap();
        // 12 pictures of 338 KiB are held, and some more lie in pipes.
        std::thread::sleep(Duration::from_secs(5));
        assert_eq!(video.is_done(), !is_kept, "{when_full}");
        let held = track(&server, 0)["held-bytes"].as_u64().unwrap();
        assert!((2 << 20..=4 << 20).contains(&held), "{when_full}: {held}");
        kill_process(encoder, Signal::CONT).unwrap();
        video.finish().unwrap();
        until(SOON, "all have come out", || track(&server, 0)["frames-waiting"] == 0);
        std::thread::sleep(Duration::from_millis(300));
        let dropped = track(&server, 0)["frames-dropped"].as_u64().unwrap();
        let (numbers, said) = STUDIO.numbers(&viewer.leave()).unwrap();
        assert_eq!(said, "", "{when_full}");
        assert!(numbers.is_sorted_by(|one, next| one < next), "{when_full}: {numbers:?}");
        assert_eq!(dropped == 0, is_kept, "{when_full}: {dropped}");
        assert_eq!(numbers.len() as u64 + dropped, 100, "{when_full}: {numbers:?}");
        // Which were left out is what the two differ in.
        let last = *numbers.last().unwrap();
        assert_eq!(last == 99, when_full != "drop-newest", "{when_full}: {numbers:?}");
    }
}

#[test]
fn source_that_was_away_comes_back_with_picture_and_sound_in_step() {
    let Some(server) = serve("{ preset: live-480p }", "") else {
        return;
    };
    let viewer = Recorder::open(&server, "got.ts");
    await_end(&server, push(&server, 50));
    std::thread::sleep(Duration::from_secs(3));
    await_end(&server, push(&server, 50));
    let got = viewer.leave();
    let (numbers, said) = STUDIO.numbers(&got).unwrap();
    let expected: Vec<u64> = (0..50).chain(0..50).collect();
    assert_eq!((numbers, said.as_str()), (expected, ""));
    assert_times_grow(&got);
}

#[test]
fn preset_that_there_is_not_is_said_before_and_after_the_start() {
    let Some(server) = serve_idle("{ preset: live-720 }") else {
        return;
    };
    until(SOON, "why is said", || {
        events(&server)
            .iter()
            .any(|event| event.contains("there is no preset \"live-720\"; did you mean"))
    });
    assert_eq!(pid(&server, 0, "pid"), None);
    let checked = server.room.run(&["config", "check", "ffleet.yaml"]).ok();
    assert!(
        checked.contains("warning: streams.studio.encode.preset: there is no preset"),
        "{checked}"
    );
}
