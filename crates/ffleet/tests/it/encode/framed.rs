//! Frames with heads of their own, over a socket and in bodies of requests.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;

use super::pushed::{input, serve_with};
use super::*;

const TRACKS: &str = "      video: { format: rawvideo, size: 640x360, fps: 25 }\n      \
                      audio: { format: s16le, rate: 44100, channels: 2 }\n";
const HEAD: &[u8] = b"ffleet-frames 1\npicture yuv420p 640x360 25\nsound s16le 44100 2\n\n";
const END: [u8; 16] = *b"FR\0\x80\0\0\0\0\0\0\0\0\0\0\0\0";
/// Microseconds since 1970: a clock that begins anywhere.
const SOME_TIME: i64 = 1_764_000_000_000_000;

fn frame(track: u8, micros: i64, payload: &[u8]) -> Vec<u8> {
    let long = u32::try_from(payload.len()).unwrap();
    [&[b'F', b'R', track, 0][..], &long.to_le_bytes(), &micros.to_le_bytes(), payload].concat()
}

/// The pictures from `first` on, each with the sound that goes with it.
fn frames(first: u64, count: u64, from: i64) -> impl Iterator<Item = Vec<u8>> {
    frames_late(first, count, from, [0; 3])
}

/// The same of a camera that is never quite in time: so many microseconds each picture is late, in turn.
fn frames_late(first: u64, count: u64, from: i64, late: [i64; 3]) -> impl Iterator<Item = Vec<u8>> {
    let samples = u64::from(STUDIO.rate / STUDIO.fps);
    (0..count).map(move |number| {
        let micros = from + 40_000 * i64::try_from(number).unwrap();
        let late = late[usize::try_from(number % 3).unwrap()];
        let picture = frame(0, micros + late, &STUDIO.picture(first + number));
        [picture, frame(1, micros, &STUDIO.sound(number * samples, samples))].concat()
    })
}

/// Sends frames in time.
#[track_caller]
fn send(to: impl std::io::Write, frames: impl Iterator<Item = Vec<u8>>) {
    try_send(to, frames).unwrap();
}

fn try_send(
    mut to: impl std::io::Write,
    frames: impl Iterator<Item = Vec<u8>>,
) -> std::io::Result<()> {
    let begin = Instant::now();
    for (number, frame) in (0_u32..).zip(frames) {
        let due = begin + Duration::from_millis(40) * number;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        to.write_all(&frame)?;
    }
    Ok(())
}

fn serve_socket() -> Option<Server> {
    let server = serve_with(&format!("      socket: ROOM/sock\n{TRACKS}"), "live-480p", "")?;
    await_encoders(&server);
    Some(server)
}

pub(super) fn await_encoders(server: &Server) {
    until(SOON, "encoders", || (0..2).all(|number| pid(server, number, "pid").is_some()));
}

fn connect(server: &Server) -> UnixStream {
    let mut socket = UnixStream::connect(server.room.path("sock")).unwrap();
    // One that is refused may be told so before it has said anything.
    let _refused = socket.write_all(HEAD);
    socket
}

/// What a writer is told before its connection is closed.
fn told(mut socket: UnixStream) -> String {
    socket.set_read_timeout(Some(SOON)).unwrap();
    let mut said = Vec::new();
    // What was not read of it is a reset behind what is said.
    let _reset = socket.read_to_end(&mut said);
    String::from_utf8(said).unwrap()
}

fn await_all(server: &Server, pictures: u64) {
    until(SOON, "all pictures have come out", || {
        track(server, 0)["frames-out"] == pictures
    });
    std::thread::sleep(Duration::from_millis(300));
}

#[test]
fn pictures_and_sound_of_one_connection_are_one_stream_by_the_times_that_it_says() {
    let Some(server) = serve_socket() else { return };
    let mode = std::fs::metadata(server.room.path("sock"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o660);
    let viewer = Recorder::open(&server, "got.ts");
    let mut writer = connect(&server);
    until(SOON, "it is known", || input(&server, 0)["written"] == true);
    let second = connect(&server);
    assert_eq!(told(second), "ffleet: somebody else writes to this feed\n");
    send(&mut writer, frames_late(0, 100, SOME_TIME, [0, 9_000, -7_000]));
    writer.write_all(&END).unwrap();
    await_all(&server, 100);
    assert_unbroken(&viewer.leave(), 100);
    until(SOON, "its end is known", || input(&server, 0)["written"] == false);
    assert_eq!(input(&server, 0)["unfinished"], 0);
}

#[test]
fn writer_that_is_killed_within_a_frame_is_followed_by_one_with_another_clock() {
    let Some(server) = serve_socket() else { return };
    let viewer = Recorder::open(&server, "got.ts");
    let mut first = connect(&server);
    send(&mut first, frames(0, 20, SOME_TIME));
    first
        .write_all(&frame(0, SOME_TIME + 800_000, &STUDIO.picture(20))[..100_000])
        .unwrap();
    drop(first);
    until(SOON, "its end is known", || input(&server, 0)["unfinished"] == 1);
    let mut second = connect(&server);
    send(&mut second, frames(50, 30, -7));
    second.write_all(&END).unwrap();
    await_all(&server, 50);
    let got = viewer.leave();
    let (numbers, said) = STUDIO.numbers(&got).unwrap();
    let expected: Vec<u64> = (0..20).chain(50..80).collect();
    assert_eq!((numbers, said.as_str()), (expected, ""));
    assert_times_grow(&got);
    assert_eq!(input(&server, 0)["writers"], 2);
}

#[test]
fn what_makes_no_sense_is_said_to_the_writer_and_shown_and_the_next_one_is_heard() {
    let Some(server) = serve_socket() else { return };
    let begin = |bytes: &[u8]| {
        let mut socket = UnixStream::connect(server.room.path("sock")).unwrap();
        socket.write_all(bytes).unwrap();
        told(socket)
    };
    assert_eq!(
        begin(b"GET / HTTP/1.1\r\n\r\n"),
        "ffleet: expected the line \"ffleet-frames 1\", got 0x47 at byte 0\n"
    );
    assert_eq!(
        begin(b"ffleet-frames 1\npicture rgb24 640x360 25\n\n"),
        "ffleet: expected tracks of \"picture yuv420p 640x360 25\" and \"sound s16le 44100 2\", got \
         \"picture rgb24 640x360 25\"\n"
    );
    let short = frame(0, 0, &[0; 921]);
    let said = "expected 345600 bytes in a frame of track 0, got 921 bytes at byte 68";
    assert_eq!(begin(&[HEAD, &short].concat()), format!("ffleet: {said}\n"));
    until(SOON, "it is shown", || {
        server.call("GET", "/v1/feeds/studio", b"").json()["last-end"] == said
    });
    let mut writer = connect(&server);
    send(&mut writer, frames(0, 5, 0));
    until(SOON, "it is heard", || input(&server, 0)["received"] == 5);
}

/// Sends a body in time, and answers what came of it.
fn put(server: &Server, path: &str, pieces: impl Iterator<Item = Vec<u8>>) -> String {
    let mut socket = request(server, path);
    let chunk =
        |piece: Vec<u8>| [format!("{:x}\r\n", piece.len()).as_bytes(), &piece, b"\r\n"].concat();
    // One that is refused is answered before its end.
    let _refused = try_send(&mut socket, pieces.map(chunk).chain([b"0\r\n\r\n".to_vec()]));
    answer(socket)
}

fn request(server: &Server, path: &str) -> TcpStream {
    let mut socket = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    let (key, port) = (&server.key, server.port);
    let head = format!(
        "PUT /ingest/{path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\n\
         Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).unwrap();
    socket
}

fn answer(mut socket: TcpStream) -> String {
    socket.set_read_timeout(Some(SOON)).unwrap();
    let mut text = Vec::new();
    let _reset = socket.read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

#[test]
fn bodies_of_requests_carry_frames_or_the_bytes_of_one_track() {
    let Some(server) = serve_with(&format!("      push: http\n{TRACKS}"), "live-480p", "") else {
        return;
    };
    await_encoders(&server);
    let viewer = Recorder::open(&server, "got.ts");
    let samples = u64::from(STUDIO.rate / STUDIO.fps);
    let (video, audio) = std::thread::scope(|scope| {
        let pictures = (0..40).map(|number| STUDIO.picture(number));
        let sound = (0..40).map(|number| STUDIO.sound(number * samples, samples));
        let video = scope.spawn(|| put(&server, "studio/video", pictures));
        let audio = scope.spawn(|| put(&server, "studio/audio", sound));
        (video.join().unwrap(), audio.join().unwrap())
    });
    assert!(video.starts_with("HTTP/1.1 204"), "{video}");
    assert!(audio.starts_with("HTTP/1.1 204"), "{audio}");
    let body = std::iter::once(HEAD.to_vec())
        .chain(frames(40, 40, 0))
        .chain([END.to_vec()]);
    let framed = put(&server, "studio", body);
    assert!(framed.starts_with("HTTP/1.1 204"), "{framed}");
    await_all(&server, 80);
    let got = viewer.leave();
    let (numbers, said) = STUDIO.numbers(&got).unwrap();
    assert_eq!((numbers, said.as_str()), ((0..80).collect(), ""));
    assert_times_grow(&got);
    let wrong = put(&server, "studio", [b"ffleet-frames 2\n".to_vec()].into_iter());
    assert!(wrong.starts_with("HTTP/1.1 4"), "{wrong}");
    assert!(wrong.contains("got 0x32 at byte 14"), "{wrong}");
    // One that is under way has its track to itself.
    let mut first = request(&server, "studio/video");
    first.write_all(b"1\r\n\0\r\n").unwrap();
    until(SOON, "it is known", || input(&server, 0)["written"] == true);
    let second = put(&server, "studio/video", std::iter::empty());
    assert!(second.starts_with("HTTP/1.1 409"), "{second}");
    let other = put(&server, "studio/other", std::iter::empty());
    assert!(other.starts_with("HTTP/1.1 404"), "{other}");
}
