//! Pictures and sound that come coded and are encoded anew, by decoders and encoders that are killed.

use super::container::{FIFO, assert_clip, clip, clip_of, fifo, serve_played};
use super::pushed::{serve_with, write_paced};
use super::*;

/// The decoder of a track.
fn decoder(server: &Server, number: usize) -> Value {
    track(server, number)["decoder"].clone()
}

fn decoder_pid(server: &Server, number: usize, what: &str) -> Option<Pid> {
    let pid = decoder(server, number)[what].as_i64()?;
    Pid::from_raw(i32::try_from(pid).unwrap())
}

/// Sends a signal to the decoder of a track, once it is another one than before, has a spare and has given something.
fn strike_decoder(server: &Server, number: usize, signal: Signal, before: Option<Pid>) -> Pid {
    let mut struck = None;
    until(SOON, "another decoder, and a spare", || {
        let decoder = decoder_pid(server, number, "pid").filter(|&one| Some(one) != before);
        struck = decoder.filter(|_| decoder_pid(server, number, "spare-pid").is_some());
        struck.is_some()
    });
    let struck = struck.unwrap();
    kill_process(struck, signal).unwrap();
    struck
}

/// Waits until everything that was taken has come out of decoders, and then of encoders.
fn await_out(server: &Server, pictures: u64) {
    until(SOON, "all pictures have been decoded", || {
        decoder(server, 0)["frames-out"] == pictures
    });
    until(SOON, "all have come out", || track(server, 0)["frames-out"] == pictures);
    until(SOON, "all sound has come out", || {
        track(server, 1)["frames-waiting"].as_u64() < Some(4)
    });
    std::thread::sleep(Duration::from_millis(300));
}

#[track_caller]
fn assert_nothing_lost(server: &Server) {
    for number in 0..2 {
        let track = track(server, number);
        let lost =
            [&track["frames-lost"], &track["frames-dropped"], &track["decoder"]["units-lost"]];
        assert!(lost.iter().all(|lost| **lost == 0), "{track}: {:?}", events(server));
    }
}

#[test]
fn decoders_and_encoders_that_are_killed_cost_no_picture_and_no_sound() {
    let Some(server) = serve_with(FIFO, "live-480p", "") else {
        return;
    };
    let viewer = Recorder::open(&server, "got.ts");
    let bytes = clip(&server.room, 0, 450);
    let fifo = fifo(&server);
    // Ends with the clip.
    let writer = std::thread::spawn(move || write_paced(fifo, &bytes, 450));
    until(SOON, "pictures come", || track(&server, 0)["frames-out"].as_u64() > Some(5));
    let (mut decoders, mut encoders) = ([None; 2], [None; 2]);
    for kill in 0..16_u64 {
        std::thread::sleep(Duration::from_millis(150 + kill * 37 % 40));
        let number = usize::try_from(kill % 2).unwrap();
        match kill % 4 {
            0 | 1 => {
                let before = decoders[number];
                decoders[number] = Some(strike_decoder(&server, number, Signal::KILL, before));
            }
            _ => encoders[number] = Some(strike(&server, number, Signal::KILL, encoders[number])),
        }
    }
    assert!(!writer.is_finished(), "they were killed while pictures came");
    writer.join().unwrap();
    await_out(&server, 450);
    assert_clip(&viewer.leave(), 0..450, 0);
    assert_nothing_lost(&server);
    for number in 0..2 {
        let recovered = decoder(&server, number)["recoveries"].as_u64().unwrap();
        assert!(recovered >= 4, "{recovered}: {:?}", events(&server));
    }
}

#[test]
fn decoder_that_is_stopped_is_noticed() {
    let Some(server) = serve_with(FIFO, "live-480p", "") else {
        return;
    };
    let viewer = Recorder::open(&server, "got.ts");
    let bytes = clip(&server.room, 0, 250);
    let fifo = fifo(&server);
    // Ends with the clip.
    let writer = std::thread::spawn(move || write_paced(fifo, &bytes, 250));
    until(SOON, "pictures come", || track(&server, 0)["frames-out"].as_u64() > Some(5));
    for number in [0, 1] {
        let struck = strike_decoder(&server, number, Signal::STOP, None);
        until(SOON, "it is replaced", || decoder_pid(&server, number, "pid") != Some(struck));
    }
    writer.join().unwrap();
    await_out(&server, 250);
    assert_clip(&viewer.leave(), 0..250, 0);
    assert_nothing_lost(&server);
}

#[test]
fn pictures_of_h265_and_of_open_groups_are_decoded_too() {
    let Some(server) = serve_with(FIFO, "live-480p", "") else {
        return;
    };
    let params = "x265-params=keyint=25:bframes=3:open-gop=1:log-level=none:pools=none";
    let bytes = clip_of(&server.room, 0, 100, "libx265", params);
    let viewer = Recorder::open(&server, "got.ts");
    let fifo = fifo(&server);
    // Ends with the clip.
    let writer = std::thread::spawn(move || write_paced(fifo, &bytes, 100));
    until(SOON, "pictures come", || track(&server, 0)["frames-out"].as_u64() > Some(30));
    strike_decoder(&server, 0, Signal::KILL, None);
    writer.join().unwrap();
    await_out(&server, 100);
    assert_clip(&viewer.leave(), 0..100, 0);
    assert_nothing_lost(&server);
}

#[test]
fn camera_is_encoded_without_a_loss_when_all_of_it_dies() {
    let Some(server) = serve_played("{ preset: live-480p }", "", 250) else {
        return;
    };
    let viewer = Recorder::open(&server, "got.ts");
    until(SOON, "pictures come", || track(&server, 0)["frames-out"].as_u64() > Some(50));
    let decoder = strike_decoder(&server, 0, Signal::KILL, None);
    strike(&server, 0, Signal::KILL, None);
    strike_decoder(&server, 1, Signal::KILL, None);
    strike_decoder(&server, 0, Signal::KILL, Some(decoder));
    until(SOON, "nearly all pictures have come out", || {
        track(&server, 0)["frames-out"].as_u64() >= Some(240)
    });
    std::thread::sleep(Duration::from_millis(300));
    let got = viewer.leave();
    let (numbers, said) = STUDIO.numbers(&got).unwrap();
    assert_eq!(said, "");
    let last = *numbers.last().unwrap();
    assert!(numbers[0] < 60 && last > 230, "{numbers:?}");
    assert_eq!(numbers, (numbers[0]..=last).collect::<Vec<_>>());
    assert_eq!(STUDIO.clicks(&got).unwrap(), Vec::<f64>::new());
    assert_nothing_lost(&server);
}

#[test]
fn coded_pictures_without_a_container_are_decoded_too() {
    let inputs = "      video: { fifo: ROOM/video, format: h264, fps: 25 }\n      \
                  audio: { fifo: ROOM/audio, format: s16le, rate: 44100, channels: 2 }\n";
    let Some(server) = serve_with(inputs, "live-480p", "") else {
        return;
    };
    let viewer = Recorder::open(&server, "got.ts");
    let bytes = pushed::coded(0, 150);
    until(SOON, "somebody reads", || server.room.path("audio").exists());
    let audio = STUDIO.push_sound(&server.room.path("audio"), Instant::now(), 150);
    let fifo = std::fs::OpenOptions::new()
        .write(true)
        .open(server.room.path("video"))
        .unwrap();
    // Ends with the last picture.
    let writer = std::thread::spawn(move || write_paced(fifo, &bytes, 150));
    until(SOON, "pictures come", || track(&server, 0)["frames-out"].as_u64() > Some(40));
    strike_decoder(&server, 0, Signal::KILL, None);
    writer.join().unwrap();
    audio.finish().unwrap();
    await_out(&server, 150);
    assert!(track(&server, 1)["decoder"].is_null(), "raw sound needs none");
    let (numbers, said) = STUDIO.numbers(&viewer.leave()).unwrap();
    assert_eq!((numbers, said), ((0..150).collect::<Vec<_>>(), String::new()));
}

#[test]
fn slate_is_shown_while_a_coded_source_is_away() {
    if need::ffmpeg().is_none() {
        return;
    }
    let room = Arc::new(Room::new());
    let text = format!(
        "feeds:\n  studio: {{ inputs: {{ container: {{ fifo: {}, format: mpegts }} }} }}\nstreams:\n  \
         studio: {{ feed: studio, encode: {{ preset: live-480p }}, fallback: [hold 1s, slate {}] }}\n",
        room.text("clip"),
        away::slate(&room)
    );
    std::fs::write(room.path("ffleet.yaml"), text).unwrap();
    let server = Server::open(Arc::clone(&room), &["--config", "ffleet.yaml"]);
    let viewer = Recorder::open(&server, "got.ts");
    write_paced(fifo(&server), &clip(&room, 0, 50), 50);
    let says = |what: &str| events(&server).iter().any(|event| event.contains(what));
    until(SOON, "the slate is shown", || says("slate"));
    std::thread::sleep(Duration::from_secs(2));
    let (second, fifo) = (clip(&room, 0, 100), fifo(&server));
    write_paced(fifo, &second, 100);
    until(SOON, "the source is back", || says("back"));
    until(SOON, "the slate is shown again", || {
        stream(&server)["encode"]["events"].to_string().matches("slate").count() > 1
    });
    let got = viewer.leave();
    assert_slate_between(&got, 20..45);
}
