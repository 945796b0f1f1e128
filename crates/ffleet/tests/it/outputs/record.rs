//! Recordings, and what a process of ours sends.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use ffleet_testkit::until;

use super::nginx::free_port;
use super::numbered::{begins_with_a_keyframe, numbers, push, times_only_grow};
use super::{
    GOP, SOON, assert_unbroken, assert_whole, await_encoded, kill, number, output, serve, stream,
};
use crate::fixture::{Room, Server};

/// The files of a recording, in the order of their names.
fn files(server: &Server, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(server.room.path("media")).unwrap();
    let mut files: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|it| it == ending))
        .collect();
    files.sort();
    files
}

/// What a server that has ended wrote to standard error.
fn said(room: &Room) -> String {
    fs::read_to_string(room.path("serve.err")).unwrap()
}

#[test]
fn recordings_are_split_and_whole_in_every_container() {
    const COUNT: usize = 25 * 13;
    const ENDINGS: [&str; 4] = ["mkv", "mp4", "ts", "flv"];
    let outputs: Vec<_> = ENDINGS
        .iter()
        .map(|ending| {
            format!("{{ record: {{ path: \"ROOM/media/a-%Y%m%d-%H%M%S.{ending}\", split: 5s }} }}")
        })
        .collect();
    let Some(server) = serve(&outputs.join(", ")) else {
        return;
    };
    until(SOON, "it says that there is no directory", || {
        let shown = output(&server, 1);
        shown["state"] == "waiting"
    });
    fs::create_dir(server.room.path("media")).unwrap();
    push(&server, COUNT).into_iter().for_each(|one| one.join().unwrap());
    await_encoded(&server, COUNT);
    let shown = stream(&server);
    for output in shown["outputs"].as_array().unwrap() {
        assert_eq!(
            (&output["state"], &output["reconnects"]),
            (&"recording".into(), &0.into()),
            "{output:#}"
        );
        assert!(
            output["file"].as_str().is_some_and(|file| file.contains("/media/a-2")),
            "{output:#}"
        );
        assert_eq!(output["dropped-packets"], 0);
    }
    let files = ENDINGS.map(|ending| move |server: &Server| files(server, ending));
    let kept = server.room.path("media");
    let room = server.stop();
    assert!(kept.exists());
    for (ending, _) in ENDINGS.iter().zip(files) {
        let mut all: Vec<_> = fs::read_dir(&kept)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        all.retain(|path| path.extension().is_some_and(|it| it == *ending));
        all.sort();
        // 6 s each: the first keyframe after 5 s. Another encoder, on a machine that is busy, begins with one earlier.
        assert!(all.len() >= 3, "{all:?}");
        let parts: Vec<_> = all.iter().map(|path| numbers(path, false)).collect();
        assert_whole(&parts, COUNT, 0);
        assert!(parts[0].len() >= 125, "{}", parts[0].len());
        for path in &all {
            assert!(times_only_grow(path)[1] > 30, "there is sound in {}", path.display());
        }
    }
    drop(room);
}

#[test]
fn recording_process_that_is_killed_costs_no_picture() {
    const COUNT: usize = 25 * 16;
    let Some(server) = serve(
        "{ record: { path: \"ROOM/media/a.mkv\" } }, { record: { path: \"ROOM/media/b.mp4\" } }, \
         { record: { path: \"ROOM/media/c.ts\" } }",
    ) else {
        return;
    };
    fs::create_dir(server.room.path("media")).unwrap();
    let pushing = push(&server, COUNT);
    for round in 1..=2 {
        std::thread::sleep(Duration::from_secs(5));
        for number_of in 1..=3 {
            kill(&output(&server, number_of), "pid");
        }
        until(SOON, "others record", || {
            (1..=3).all(|of| {
                let shown = output(&server, of);
                number(&shown, "reconnects") == round && shown["state"] == "recording"
            })
        });
    }
    pushing.into_iter().for_each(|one| one.join().unwrap());
    await_encoded(&server, COUNT);
    let media = server.room.path("media");
    let kept: Vec<Vec<PathBuf>> = ["mkv", "mp4", "ts"]
        .iter()
        .map(|ending| files(&server, ending))
        .collect();
    let room = server.stop();
    assert!(media.exists());
    for mut all in kept {
        // `a-1.mkv` is before `a.mkv` by name, and behind it in time.
        all.sort_by_key(|path| path.file_stem().unwrap().to_owned());
        assert_eq!(all.len(), 3, "{all:?} {}", said(&room));
        let parts: Vec<_> = all.iter().map(|path| numbers(path, true)).collect();
        assert_whole(&parts, COUNT, 3 * GOP);
    }
    drop(room);
}

#[test]
fn receiver_of_srt_that_died_is_fed_again_from_a_keyframe() {
    const COUNT: usize = 25 * 22;
    let port = free_port();
    let Some(server) = serve(&format!("\"srt://127.0.0.1:{port}?passphrase=SECRETSECRET\"")) else {
        return;
    };
    let listen = |name: &str| {
        let from = format!("srt://127.0.0.1:{port}?mode=listener&passphrase=SECRETSECRET");
        Command::new("ffmpeg")
            .args([
                "-nostdin", "-v", "error", "-y", "-f", "mpegts", "-i", &from, "-c", "copy", "-f",
                "mpegts",
            ])
            .arg(server.room.path(name))
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let mut first = listen("first.ts");
    let pushing = push(&server, COUNT);
    until(SOON, "it gets something", || {
        fs::metadata(server.room.path("first.ts")).is_ok_and(|file| file.len() > 200_000)
    });
    first.kill().unwrap();
    first.wait().unwrap();
    let mut second = listen("second.ts");
    pushing.into_iter().for_each(|one| one.join().unwrap());
    await_encoded(&server, COUNT);
    until(SOON, "it is sent to again", || {
        let shown = output(&server, 1);
        shown["state"] == "sending"
            && number(&shown, "reconnects") >= 1
            && number(&shown, "behind-ms") == 0
    });
    let shown = stream(&server);
    assert!(
        !shown.to_string().contains("SECRET") && !server.said().contains("SECRETSECRET"),
        "{shown:#}"
    );
    let (one, two) = (server.room.path("first.ts"), server.room.path("second.ts"));
    let room = server.stop();
    until(SOON, "the receiver ends with its sender", || {
        second.try_wait().unwrap().is_some()
    });
    let is_begun = begins_with_a_keyframe(&two);
    let (one, two) = (numbers(&one, true), numbers(&two, true));
    assert_unbroken(&one, "the first receiver");
    assert_unbroken(&two, &format!("the second receiver, {}", said(&room)));
    assert!(is_begun, "it begins with a keyframe");
    // What its sender has on the way when it is stopped may be lost.
    assert!(two.last() >= Some(&(COUNT - 25)), "{:?}", two.last());
    drop(room);
}
