//! A subscriber that is not FFmpeg: GStreamer fetches a stream, takes it apart and decodes it while encoders die.

use std::fs::File;
use std::process::{Child, Stdio};

use super::*;

/// What takes the stream apart and decodes its pictures.
const ELEMENTS: [&str; 6] = [
    "souphttpsrc",
    "tsdemux",
    "h264parse",
    "openh264dec",
    "videoconvert",
    "videoscale",
];

/// Whether there is a GStreamer that has all that is needed.
fn is_there() -> bool {
    need::program("gst-launch-1.0").is_some() && {
        let has = |element: &&str| {
            let inspect = Command::new("gst-inspect-1.0").args(["--exists", element]).status();
            !inspect.is_ok_and(|status| status.success())
        };
        let missing: Vec<&str> = ELEMENTS.into_iter().filter(|element| has(element)).collect();
        need::that(&format!("GStreamer's {missing:?}"), missing.is_empty())
    }
}

/// A process, which is ended when this is dropped.
struct Player(Child);

impl Player {
    /// Watches `studio` and leaves its pictures, gray and of the studio's size, in the room's `pictures`.
    fn watch(server: &Server) -> Self {
        let [from, demux, parse, decode, convert, scale] = ELEMENTS;
        let address = format!("http://127.0.0.1:{}/stream/studio", server.port);
        let (width, height) = (STUDIO.width, STUDIO.height);
        let line = format!(
            "{from} location={address} ! {demux} ! {parse} ! {decode} ! {convert} ! {scale} ! \
             video/x-raw,format=GRAY8,width={width},height={height} ! filesink location=pictures"
        );
        let child = Command::new("gst-launch-1.0")
            .args(["--no-fault", "--quiet"])
            .args(line.split(' '))
            .current_dir(server.room.path(""))
            .stdin(Stdio::null())
            .stderr(File::create(server.room.path("gstreamer.log")).unwrap())
            .spawn();
        Self(child.unwrap())
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _gone = self.0.wait();
    }
}

#[test]
fn gstreamer_decodes_every_picture_over_deaths_of_encoders() {
    if !is_there() {
        return;
    }
    let room = Arc::new(Room::new());
    // When the source has gone, the body ends, and the player with it.
    let encode = "{ preset: live-480p, recovery: spare }";
    let Some(server) = serve_in(&room, encode, "", "[hold 2s, end]") else {
        return;
    };
    let mut player = Player::watch(&server);
    until(SOON, "it watches", || stream(&server)["viewers"].as_u64() == Some(1));
    let pushers = push(&server, 250);
    until(SOON, "pictures come", || track(&server, 0)["frames-out"].as_u64() > Some(5));
    let mut struck = None;
    for pause in [90, 133, 217, 351, 78, 142] {
        std::thread::sleep(Duration::from_millis(pause));
        struck = Some(strike(&server, 0, Signal::KILL, struck));
    }
    assert!(!pushers.0.is_done(), "they were killed while pictures came");
    pushers.0.finish().unwrap();
    pushers.1.finish().unwrap();
    let mut ended = None;
    until(SOON, "the player has ended", || {
        ended = player.0.try_wait().unwrap();
        ended.is_some()
    });
    let said = std::fs::read_to_string(room.path("gstreamer.log")).unwrap();
    assert!(ended.is_some_and(|status| status.success()), "{ended:?}: {said}");
    let numbers = STUDIO.numbers_of(&std::fs::read(room.path("pictures")).unwrap());
    let first = numbers.first().copied().unwrap_or(u64::MAX);
    assert!(first <= 1 && numbers == (first..250).collect::<Vec<_>>(), "{numbers:?}: {said}");
    assert!(track(&server, 0)["recoveries"].as_u64() >= Some(6), "{:?}", events(&server));
}
