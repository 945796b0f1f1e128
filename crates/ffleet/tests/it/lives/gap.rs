//! How long somebody who watches, and comes back as soon as that is possible, is without a picture.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Instant;

use ffleet_testkit::studio::Studio;

use super::*;

const STUDIO: Studio = Studio { width: 640, height: 360, fps: 25, rate: 44_100 };
/// A start on a machine that is busy with other tests takes seconds.
const BOUND: Duration = Duration::from_secs(30);

/// The time until so many bytes of media are there.
fn first_bytes(port: u16, path: &str) -> bool {
    let Ok(mut socket) = TcpStream::connect(("127.0.0.1", port)) else {
        return false;
    };
    socket.set_read_timeout(Some(SOON)).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
    if socket.write_all(request.as_bytes()).is_err() {
        return false;
    }
    let mut got = vec![0; 20_000];
    socket.read_exact(&mut got).is_ok() && got.starts_with(b"HTTP/1.1 200")
}

#[test]
fn gap_of_a_restart_is_measured() {
    let room = Arc::new(Room::new());
    let text = "lease-term: 60s\nfeeds:\n  \
                cam: { command: ffmpeg -v error -re -f lavfi -i testsrc2=size=320x240:rate=25 -c:v libx264 -preset ultrafast -g 25 -f mpegts -, mode: autostart }\n  \
                studio:\n    inputs:\n      video: { fifo: ROOM/video, format: rawvideo, size: 640x360, fps: 25 }\n\
                streams:\n  cam: { feed: cam, mimetype: video/mp2t }\n  \
                studio: { feed: studio, encode: { preset: live-480p } }\n";
    for path in ["/stream/cam", "/stream/studio"] {
        let Some(server) = serve_in(&room, text) else { return };
        let writer = STUDIO.push_pictures(&room.path("video"), Instant::now(), 0, 4_000);
        let port = server.port;
        until(SOON, "it is watched", || first_bytes(port, path));
        let begun = Instant::now();
        let room = server.kill();
        let listen = format!("127.0.0.1:{port}");
        let coming = std::thread::spawn(move || {
            until(SOON, "somebody is back", || first_bytes(port, path));
            begun.elapsed()
        });
        let server = Server::open(room, &[&MORE[..], &["--listen", &listen]].concat());
        let gap = coming.join().unwrap();
        eprintln!(
            "{path}: from the kill to media with a viewer who comes back: {} ms",
            gap.as_millis()
        );
        assert!(gap < BOUND, "{gap:?}");
        assert!(!writer.is_done());
        drop(writer);
        server.stop();
    }
}
