//! Frames as a program sends them that somebody wrote by the page.

use std::io::Read as _;
use std::net::TcpListener;
use std::process::Command;

use ffleet_live::raw::frames::{Closed, Event, Reader};
use ffleet_testkit::need;

/// The page.
const PAGE: &str = include_str!("../../../../docs/design/frames.md");

#[test]
fn program_of_the_page_is_understood() {
    let Some(python) = need::program("python3") else { return };
    let (_, program) = PAGE.split_once("```python\n").unwrap();
    let (program, _) = program.split_once("```").unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let mut child = Command::new(python)
        .args(["-c", program, "127.0.0.1", &port])
        .spawn()
        .unwrap();
    let mut bytes = Vec::new();
    listener.accept().unwrap().0.read_to_end(&mut bytes).unwrap();
    assert!(child.wait().unwrap().success());

    let (mut reader, mut events) = (Reader::default(), Vec::new());
    reader.push(&bytes, &mut events).unwrap();
    assert_eq!(reader.close(), Ok(Closed::Done));
    let Some(Event::Tracks(tracks)) = events.first() else {
        panic!("{:?}", events.first());
    };
    assert_eq!(
        tracks.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["picture rgb24 64x48 25"]
    );
    assert_eq!((events.len(), events.last()), (27, Some(&Event::End)));
    for (number, event) in (0_u8..).zip(&events[1..26]) {
        let Event::Frame(frame) = event else {
            panic!("{event:?}")
        };
        assert_eq!((frame.track, frame.pts()), (0, Some(3_600 * i64::from(number))));
        assert_eq!(frame.bytes, vec![10 * number; 64 * 48 * 3]);
    }
}
