//! A source that goes away, and what is shown until it is back.

use std::fs::OpenOptions;
use std::process::Command;

use super::*;

/// Writes a picture whose number is 65535: all blocks bright.
pub(super) fn slate(room: &Room) -> String {
    let raw = room.path("slate.yuv");
    std::fs::write(&raw, STUDIO.picture(0xffff)).unwrap();
    let (raw, png) = (room.text("slate.yuv"), room.text("slate.png"));
    let args = [
        "-v",
        "error",
        "-f",
        "rawvideo",
        "-pixel_format",
        "yuv420p",
        "-video_size",
        "640x360",
    ];
    let made = Command::new("ffmpeg")
        .args(args)
        .args(["-i", &raw, "-frames:v", "1", &png])
        .status();
    assert!(made.unwrap().success());
    png
}

fn says(server: &Server, what: &str) -> bool {
    events(server).iter().any(|event| event.contains(what))
}

#[test]
fn slate_is_shown_while_the_source_is_away_and_sound_is_in_step_after() {
    if need::ffmpeg().is_none() {
        return;
    }
    let room = Arc::new(Room::new());
    let fallback = format!("[hold 1s, slate {}]", slate(&room));
    let Some(server) = serve_in(&room, "{ preset: live-480p }", "", &fallback) else {
        return;
    };
    let viewer = Recorder::open(&server, "got.ts");
    await_end(&server, push(&server, 50));
    until(SOON, "the slate is shown", || says(&server, "slate"));
    std::thread::sleep(Duration::from_secs(2));
    let pushers = push(&server, 100);
    until(SOON, "the source is back", || says(&server, "back"));
    await_end(&server, pushers);
    until(SOON, "the slate is shown again", || {
        stream(&server)["encode"]["events"].to_string().matches("slate").count() > 1
    });
    // Its picture comes at once, its sound when there is enough for a packet.
    let out = |number| track(&server, number)["frames-out"].as_u64().unwrap();
    let before = [out(0), out(1)];
    until(SOON, "both of it come", || out(0) > before[0] + 25 && out(1) > before[1] + 40);
    std::thread::sleep(Duration::from_millis(300));
    let got = viewer.leave();
    assert_slate_between(&got, 20..40);
}

/// By how many seconds picture and sound may be apart: one picture.
const STEP: f64 = 0.04;

#[test]
fn picture_and_sound_are_within_one_picture_of_each_other_after_the_source_was_away_for_ten_seconds()
 {
    if need::ffmpeg().is_none() {
        return;
    }
    let room = Arc::new(Room::new());
    let fallback = format!("[hold 2s, slate {}]", slate(&room));
    let Some(server) = serve_in(&room, "{ preset: live-480p }", "", &fallback) else {
        return;
    };
    let (video, audio) = (room.path("video"), room.path("audio"));
    let shown = |times| {
        until(SOON, "the slate is shown, or the source", || {
            let events = stream(&server)["encode"]["events"].to_string();
            events.matches("the source is").count() == times
        });
    };
    let viewer = Recorder::open(&server, "got.ts");
    let push = |first, count| STUDIO.push_marked((&video, &audio), Instant::now(), first, count);
    let finish = |pushers: (Pusher, Pusher)| {
        pushers.0.finish().unwrap();
        pushers.1.finish().unwrap();
    };
    finish(push(0, 90));
    // Its writers have gone.
    shown(1);
    std::thread::sleep(Duration::from_secs(8));
    let pushers = push(1_000, 200);
    shown(2);
    // These have not: somebody holds what they wrote into, and writes nothing.
    let held = [&video, &audio].map(|path| OpenOptions::new().write(true).open(path).unwrap());
    finish(pushers);
    shown(3);
    std::thread::sleep(Duration::from_secs(8));
    let pushers = push(2_000, 200);
    shown(4);
    await_end(&server, pushers);
    drop(held);
    let got = viewer.leave();
    let marks = STUDIO.marks(&got).unwrap();
    for (first, least) in [(0, 1), (1_000, 2), (2_000, 2)] {
        let late = marks.late(first..first + 500);
        assert!(late.len() >= least, "{first}: {late:?} of {marks:?}");
        assert!(late.iter().all(|late| late.abs() < STEP), "{first}: {late:?}");
    }
    let slates = marks.pictures.iter().filter(|&&(_, number)| number == 0xffff).count();
    assert!(slates > 2 * 8 * 20, "{slates}");
    assert_times_of(&got, "v");
    assert_times_of(&got, "a");
}

#[test]
fn other_feed_is_shown_instead_and_left_when_the_source_is_back() {
    let room = Arc::new(Room::new());
    let (video, audio) = (room.text("other.video"), room.text("other.audio"));
    let more = format!(
        "  other:\n    inputs:\n      \
         video: {{ fifo: {video}, format: rawvideo, size: 640x360, fps: 25 }}\n      \
         audio: {{ fifo: {audio}, format: s16le, rate: 44100, channels: 2 }}\n"
    );
    let encode = "{ preset: live-480p }";
    let Some(server) = serve_in(&room, encode, &more, "[hold 1s, feed other]") else {
        return;
    };
    let viewer = Recorder::open(&server, "got.ts");
    let begin = Instant::now();
    let other = STUDIO.push_pictures(&room.path("other.video"), begin, 1_000, 250);
    let sound = STUDIO.push_sound(&room.path("other.audio"), begin, 250);
    await_end(&server, push(&server, 50));
    until(SOON, "the other is shown", || says(&server, "feed other is shown"));
    std::thread::sleep(Duration::from_secs(1));
    let pushers = push(&server, 75);
    until(SOON, "the source is back", || says(&server, "back"));
    await_end(&server, pushers);
    let got = viewer.leave();
    let (numbers, said) = STUDIO.numbers(&got).unwrap();
    assert_eq!(said, "");
    let first = numbers
        .iter()
        .position(|&number| number >= 1_000)
        .expect("the other feed");
    assert_eq!(numbers[..first], (0..50).collect::<Vec<_>>(), "{numbers:?}");
    let others: Vec<u64> = numbers[first..]
        .iter()
        .copied()
        .take_while(|&one| one >= 1_000)
        .collect();
    assert!(others.len() > 25, "{numbers:?}");
    assert_eq!(others, (others[0]..).take(others.len()).collect::<Vec<_>>(), "{numbers:?}");
    let back = numbers[first + others.len()];
    let after: Vec<u64> = numbers[first + others.len()..]
        .iter()
        .copied()
        .take_while(|&one| one < 1_000)
        .collect();
    assert_eq!(after, (back..75).collect::<Vec<_>>(), "{numbers:?}");
    assert_times_grow(&got);
    drop((other, sound));
}

#[test]
fn viewers_are_sent_away_where_that_is_said() {
    let room = Arc::new(Room::new());
    let Some(server) = serve_in(&room, "{ preset: live-480p }", "", "[hold 500ms, end]") else {
        return;
    };
    let viewer = Recorder::open(&server, "got.ts");
    await_end(&server, push(&server, 25));
    until(SOON, "the viewer's stream has ended", || viewer.is_over());
}
