//! A picture and sound that come coded, in one container: by a FIFO, in a body, over a socket, or as another feed.

use std::fs::OpenOptions;
use std::os::unix::net::UnixStream;

use super::pushed::{input, made_of, serve_with, write_paced};
use super::*;
use crate::http;

/// `count` pictures from the number `first` on, with sound, as a transport stream: x264 with B pictures between others, a
/// key each second, and AAC.
pub(super) fn clip(room: &Room, first: u64, count: u64) -> Vec<u8> {
    clip_of(
        room,
        first,
        count,
        "libx264",
        "x264-params=keyint=25:bframes=3:b-adapt=0:scenecut=0:threads=1",
    )
}

/// The same by another encoder, with an option of it.
pub(super) fn clip_of(room: &Room, first: u64, count: u64, encoder: &str, option: &str) -> Vec<u8> {
    let size = format!("{}x{}", STUDIO.width, STUDIO.height);
    let raw = room.path("sound.raw");
    let samples = count * u64::from(STUDIO.rate) / u64::from(STUDIO.fps);
    let before = first * u64::from(STUDIO.rate) / u64::from(STUDIO.fps);
    std::fs::write(&raw, STUDIO.sound(before, samples)).unwrap();
    let (name, value) = option.split_once('=').unwrap();
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg
        .args(["-v", "error", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", &size])
        .args(["-r", "25", "-i", "-", "-f", "s16le", "-ar", "44100", "-ac", "2", "-i"])
        .arg(&raw)
        .args(["-c:v", encoder, &format!("-{name}"), value])
        .args(["-c:a", "aac", "-b:a", "192k", "-f", "mpegts", "-"]);
    made_of(&mut ffmpeg, first, count)
}

pub(super) const FIFO: &str = "      container: { fifo: ROOM/clip, format: mpegts }\n";
const BODY: &str = "      push: http\n      container: { format: mpegts }\n";
const SOCKET: &str = "      socket: ROOM/socket\n      container: { format: mpegts }\n";

/// The FIFO, once somebody reads it.
pub(super) fn fifo(server: &Server) -> std::fs::File {
    until(SOON, "somebody reads", || server.room.path("clip").exists());
    OpenOptions::new().write(true).open(server.room.path("clip")).unwrap()
}

/// Whether pictures and sound are those of the clip, from one of the first on; `left` may be missing at the end.
#[track_caller]
pub(super) fn assert_clip(file: &Path, pictures: Range<u64>, left: u64) {
    let (numbers, said) = STUDIO.numbers(file).unwrap();
    assert_eq!(said, "", "the decoder has nothing to say");
    let (first, last) = (numbers[0], *numbers.last().unwrap());
    assert!(first <= pictures.start + 1 && last + left + 1 >= pictures.end, "{numbers:?}");
    assert_eq!(numbers, (first..=last).collect::<Vec<_>>());
    assert_eq!(STUDIO.clicks(file).unwrap(), Vec::<f64>::new());
    assert_times_of(file, "v");
    assert_times_of(file, "a");
}

#[test]
fn transport_stream_that_is_written_is_copied_without_a_process() {
    let Some(server) = serve_with(FIFO, "copy", "") else {
        return;
    };
    let viewer = Recorder::open(&server, "got.ts");
    let bytes = clip(&server.room, 0, 100);
    write_paced(fifo(&server), &bytes, 100);
    until(SOON, "all pictures have come out", || track(&server, 0)["frames-out"] == 100);
    std::thread::sleep(Duration::from_millis(300));
    assert_clip(&viewer.leave(), 0..100, 0);
    assert!(
        (0..2).all(|number| pid(&server, number, "pid").is_none()),
        "no process for either"
    );
    let shown = input(&server, 0)["format"].clone();
    assert_eq!(
        (shown, input(&server, 1)["format"].clone()),
        ("h264 640x360".into(), "aac 44100 Hz, 2 channels".into())
    );
}

#[test]
fn copied_picture_goes_on_while_processes_of_its_sound_are_killed() {
    let preset = "video: copy\naudio: { encode: { codec: aac } }\n";
    if need::ffmpeg().is_none() || need::ffprobe().is_none() {
        return;
    }
    let room = Arc::new(Room::new());
    std::fs::create_dir(room.path("presets")).unwrap();
    std::fs::write(room.path("presets/mixed.yaml"), preset).unwrap();
    let text = format!(
        "presets-dir: ROOM/presets\nfeeds:\n  studio:\n    inputs:\n{FIFO}\
         streams:\n  studio: {{ feed: studio, encode: {{ preset: mixed }} }}\n"
    );
    std::fs::write(room.path("ffleet.yaml"), text.replace("ROOM/", &room.text(""))).unwrap();
    let server = Server::open(room, &["--config", "ffleet.yaml"]);
    let viewer = Recorder::open(&server, "got.ts");
    let bytes = clip(&server.room, 0, 200);
    let fifo = fifo(&server);
    // Ends with the clip.
    let writer = std::thread::spawn(move || write_paced(fifo, &bytes, 200));
    until(SOON, "pictures come", || track(&server, 0)["frames-out"].as_u64() > Some(20));
    let encoder = strike(&server, 1, Signal::KILL, None);
    let decoder = track(&server, 1)["decoder"]["pid"].as_i64().unwrap();
    kill_process(Pid::from_raw(i32::try_from(decoder).unwrap()).unwrap(), Signal::KILL).unwrap();
    strike(&server, 1, Signal::KILL, Some(encoder));
    writer.join().unwrap();
    until(SOON, "all pictures have come out", || track(&server, 0)["frames-out"] == 200);
    until(SOON, "all sound has come out", || {
        track(&server, 1)["frames-waiting"].as_u64() < Some(4)
    });
    std::thread::sleep(Duration::from_millis(300));
    assert!(track(&server, 0)["decoder"].is_null() && pid(&server, 0, "pid").is_none());
    assert_clip(&viewer.leave(), 0..200, 0);
}

#[test]
fn body_is_taken_whole_and_a_bad_one_is_refused_in_words() {
    let Some(server) = serve_with(BODY, "copy", "") else {
        return;
    };
    let viewer = Recorder::open(&server, "got.ts");
    let bytes = clip(&server.room, 0, 100);
    let answer = http::request(server.port, "PUT", "/ingest/studio", &[], &bytes);
    assert_eq!(answer.status, 204, "{answer:?}");
    until(SOON, "all pictures have come out", || track(&server, 0)["frames-out"] == 100);
    std::thread::sleep(Duration::from_millis(300));
    // It comes at once, and a viewer begins at the newest key that there is.
    let (numbers, said) = STUDIO.numbers(&viewer.leave()).unwrap();
    assert_eq!((numbers[0] % 25, said.as_str()), (0, ""), "{numbers:?}");
    assert_eq!(numbers, (numbers[0]..100).collect::<Vec<_>>());
    let answer = http::request(server.port, "PUT", "/ingest/studio", &[], &[b'x'; 5_000]);
    assert_eq!(answer.status, 422, "{answer:?}");
    assert!(answer.body.contains("no MPEG-TS"), "{answer:?}");
    until(SOON, "it is said of the stream as well", || {
        events(&server).iter().any(|event| event.contains("no MPEG-TS"))
    });
    let answer = http::request(server.port, "PUT", "/ingest/studio/video", &[], &bytes);
    assert_eq!(answer.status, 404, "a container has no tracks that come alone");
}

#[test]
fn writer_that_dies_within_a_unit_is_followed_by_the_next_one() {
    let Some(server) = serve_with(SOCKET, "copy", "") else {
        return;
    };
    let viewer = Recorder::open(&server, "got.ts");
    until(SOON, "somebody listens", || server.room.path("socket").exists());
    let open = || UnixStream::connect(server.room.path("socket")).unwrap();
    let (first, second) = (clip(&server.room, 0, 50), clip(&server.room, 100, 50));
    // Within a packet.
    write_paced(open(), &first[..first.len() / 2 / 188 * 188 + 100], 25);
    until(SOON, "its end is noticed", || input(&server, 0)["written"] == false);
    write_paced(open(), &second, 50);
    let came = || input(&server, 0)["received"].as_u64().unwrap();
    until(SOON, "all have come out", || {
        track(&server, 0)["frames-out"] == came() && came() > 55
    });
    std::thread::sleep(Duration::from_millis(300));
    let (numbers, said) = STUDIO.numbers(&viewer.leave()).unwrap();
    let (early, late) = numbers.split_at(numbers.len() - 50);
    assert_eq!(late, (100..150).collect::<Vec<_>>(), "{numbers:?}");
    assert!(early.len() > 5 && early.iter().all(|&number| number < 50), "{numbers:?}");
    assert_eq!(said, "", "no picture is half there");
}

/// A stream of a command that plays what is in the room, and stays.
pub(super) fn serve_played(encode: &str, more: &str, pictures: u64) -> Option<Server> {
    if need::ffmpeg().is_none() || need::ffprobe().is_none() {
        return None;
    }
    let room = Arc::new(Room::new());
    std::fs::write(room.path("clip.ts"), clip(&room, 0, pictures)).unwrap();
    let text = format!(
        "feeds:\n  studio:\n    command: [sh, -c, \"ffmpeg -v error -re -i ROOM/clip.ts -c copy -f mpegts - && sleep 600\"]\n    \
         silence: never\nstreams:\n  studio: {{ feed: studio, encode: {encode}{more} }}\n"
    );
    std::fs::write(room.path("ffleet.yaml"), text.replace("ROOM/", &room.text(""))).unwrap();
    Some(Server::open(room, &["--config", "ffleet.yaml"]))
}

#[test]
fn feed_of_bytes_is_taken_apart_and_copied() {
    let Some(server) = serve_played("{ preset: copy }", "", 150) else {
        return;
    };
    let viewer = Recorder::open(&server, "got.ts");
    until(SOON, "nearly all pictures have come out", || {
        track(&server, 0)["frames-out"].as_u64() >= Some(145)
    });
    std::thread::sleep(Duration::from_millis(500));
    let got = viewer.leave();
    let (mut numbers, said) = STUDIO.numbers(&got).unwrap();
    assert_eq!(said, "");
    // Of the last group some are not whole, since nothing comes behind them.
    numbers.retain(|&number| number < 145);
    let last = *numbers.last().unwrap();
    assert!(numbers[0] < 60 && last == 144, "{numbers:?}");
    assert_eq!(numbers, (numbers[0]..=last).collect::<Vec<_>>());
    assert_eq!(STUDIO.clicks(&got).unwrap(), Vec::<f64>::new());
}

#[test]
fn feed_that_is_no_transport_stream_is_said_to_be_none() {
    if need::ffmpeg().is_none() {
        return;
    }
    let room = Arc::new(Room::new());
    let text = "feeds:\n  studio: { push: http }\nstreams:\n  studio: { feed: studio, encode: { preset: copy } }\n";
    std::fs::write(room.path("ffleet.yaml"), text).unwrap();
    let server = Server::open(room, &["--config", "ffleet.yaml"]);
    let answer = http::request(server.port, "PUT", "/ingest/studio", &[], &vec![b'x'; 3 << 20]);
    assert_eq!(answer.status, 204, "the feed takes anything: {answer:?}");
    until(SOON, "it is said", || {
        events(&server).iter().any(|event| event.contains("no MPEG-TS"))
    });
}
