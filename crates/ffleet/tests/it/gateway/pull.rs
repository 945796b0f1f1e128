//! Feeds that are fetched from another server, or written into a FIFO.

use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::FileTypeExt as _;

use ffleet_testkit::until;

use super::{SOON, Viewer, await_feed, said, serve};

/// Numbers from 0 up to `end`.
fn numbers(end: u64) -> String {
    (0..end).map(|number| format!("{number:015}\n")).collect()
}

#[test]
fn feed_is_pulled_from_another_server_and_again_when_that_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // Two answers, and then it is gone.
    let other = std::thread::spawn(move || {
        let mut heads = Vec::new();
        for _ in 0..2 {
            let (mut socket, _) = listener.accept().unwrap();
            let mut head = [0; 2_048];
            let count = socket.read(&mut head).unwrap();
            heads.push(String::from_utf8_lossy(&head[..count]).into_owned());
            let text = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}", numbers(1_000));
            socket.write_all(text.as_bytes()).unwrap();
        }
        heads
    });
    let text = format!(
        "
feeds:
  pulled: {{ pull: 'http://{address}/live?x=1' }}
streams:
  pulled: {{ feed: pulled, mimetype: application/x-numbers }}
"
    );
    let Some(server) = serve(&text) else { return };
    let mut viewer = Viewer::open(&server, "/stream/pulled");
    let got = viewer.numbers(999);
    assert_eq!((got.first, got.jumps), (0, 0));
    viewer.until_the_next_run();
    let heads = other.join().unwrap();
    assert!(heads[0].starts_with("GET /live?x=1 HTTP/1.1"), "{heads:?}");
    until(SOON, "it says that nobody is there", || {
        said(&server, "pulled").to_lowercase().contains("refused")
    });
}

#[test]
fn writers_of_a_fifo_come_and_go() {
    let Some(server) = serve(
        "
feeds:
  written: { fifo: ROOM/camera }
streams:
  written: { feed: written, mimetype: application/x-numbers }
",
    ) else {
        return;
    };
    let path = server.room.path("camera");
    until(SOON, "the FIFO is there", || {
        std::fs::metadata(&path).is_ok_and(|there| there.file_type().is_fifo())
    });
    let mut viewer = Viewer::open(&server, "/stream/written");
    for round in 0..3 {
        await_feed(&server, "written", "starting");
        let mut writer = OpenOptions::new().write(true).open(&path).unwrap();
        writer.write_all(numbers(2_000).as_bytes()).unwrap();
        drop(writer);
        if round == 0 {
            assert_eq!(viewer.numbers(1_999).jumps, 0);
        } else {
            viewer.until_the_next_run();
        }
    }
}
