use ffleet_types::live::inputs::{PixelFormat, SampleFormat};
use proptest::prelude::*;

use super::*;

const LINES_OF_TWO: &[u8] = b"ffleet-frames 1\npicture gray 4x2 25\nsound s16le 48000 2\n\n";

/// What came of these bytes, cut like this, and how it ended.
fn read(bytes: &[u8], piece: usize) -> (Vec<Event>, Result<Closed, Fault>) {
    let (mut reader, mut events) = (Reader::default(), Vec::new());
    for piece in bytes.chunks(piece) {
        if let Err(fault) = reader.push(piece, &mut events) {
            assert_eq!(reader.close(), Err(fault.clone()), "it stays so");
            assert_eq!(reader.push(b"more", &mut events), Err(fault));
        }
    }
    (events, reader.close())
}

fn said(bytes: &[u8]) -> String {
    let (_, closed) = read(bytes, usize::MAX);
    for piece in 1..4 {
        assert_eq!(read(bytes, piece).1, closed, "by {piece}");
    }
    closed.unwrap_err().to_string()
}

fn frame(track: u8, bytes: &[u8]) -> Frame {
    Frame {
        track,
        time: Some(-40_000),
        is_key: false,
        has_gap: true,
        bytes: bytes.to_vec(),
    }
}

fn written(frame: &Frame) -> Vec<u8> {
    [&frame.head()[..], &frame.bytes].concat()
}

#[test]
fn frames_of_several_tracks_are_read_as_they_were_written() {
    let tracks = ["picture gray 4x2 25", "sound s16le 48000 2", "coded h265 30000/1001"];
    let tracks: Vec<Track> = tracks.map(|line| line.parse().unwrap()).to_vec();
    let coded = Frame { is_key: true, has_gap: false, time: None, ..frame(2, b"unit") };
    let frames = [frame(0, b"8 pixels"), frame(1, &[7; 4 * 480]), coded];
    let all = frames.each_ref().map(written).concat();
    let bytes = [greeting(&tracks), all, end_mark().to_vec()].concat();
    let expected: Vec<_> = std::iter::once(Event::Tracks(tracks))
        .chain(frames.map(Event::Frame))
        .chain([Event::End])
        .collect();
    for piece in [1, 3, 17, usize::MAX] {
        assert_eq!(read(&bytes, piece), (expected.clone(), Ok(Closed::Done)));
    }
}

#[test]
fn times_are_ticks_to_the_nearest() {
    let pts = |time| Frame { time, ..frame(0, b"") }.pts();
    assert_eq!(
        [0, 1, 5, 6, -5, 1_000_000].map(|time| pts(Some(time))),
        [0, 0, 0, 1, 0, 90_000].map(Some)
    );
    assert_eq!([-6, 40_000, i64::MAX].map(|time| pts(Some(time)).is_some()), [true; 3]);
    assert_eq!((pts(Some(-6)), pts(None)), (Some(-1), None));
}

#[test]
fn what_makes_no_sense_is_named_with_its_place() {
    let begin = |rest: &[u8]| [LINES_OF_TWO, rest].concat();
    let at = LINES_OF_TWO.len();
    for (bytes, expected) in [
        (
            b"GET / HTTP/1.1\r\n".to_vec(),
            "expected the line \"ffleet-frames 1\", got 0x47 at byte 0".to_owned(),
        ),
        (
            b"ffleet-frames 2\n".to_vec(),
            "expected the line \"ffleet-frames 1\", got 0x32 at byte 14".to_owned(),
        ),
        (
            b"ffleet-frames 1\n\n".to_vec(),
            "expected a track, got an empty line at byte 16".to_owned(),
        ),
        (
            b"ffleet-frames 1\npicture gray 4x 25\n".to_vec(),
            "expected a size such as 640x480, got \"4x\" at byte 16".to_owned(),
        ),
        (
            b"ffleet-frames 1\nsound s16le 48000 0\n".to_vec(),
            "expected 1 to 64 channels, got \"0\" at byte 16".to_owned(),
        ),
        (
            b"ffleet-frames 1\ncoded aac 25\n".to_vec(),
            "expected a codec of h264 h265, got \"aac\" at byte 16".to_owned(),
        ),
        (
            begin(b"FX0123456789abcd"),
            format!("expected the mark FR of a frame, got 0x46 0x58 at byte {at}"),
        ),
        (
            begin(&head([2, 0], 8, 0)),
            format!("expected a track of 0 to 1, got 2 at byte {}", at + 2),
        ),
        (
            begin(&head([0, 0x44], 8, 0)),
            format!("expected flags of 0x01, 0x02 and 0x80, got 0x44 at byte {}", at + 3),
        ),
        (
            begin(&head([0, 0], 9, 0)),
            format!("expected 8 bytes in a frame of track 0, got 9 bytes at byte {}", at + 4),
        ),
        (
            begin(&head([1, 0], 6, 0)),
            format!(
                "expected a multiple of 4 and at most 16777216 bytes in a frame of track 1, got 6 bytes at byte {}",
                at + 4
            ),
        ),
        (
            begin(&head([1, 0x81], 0, 0)),
            format!(
                "expected an end mark of track 0, flags 0x80 and no bytes, got track 1, flags 0x81 and 0 bytes at \
                 byte {}",
                at + 2
            ),
        ),
        (
            begin(&[&end_mark()[..], b"F"].concat()),
            format!("expected nothing behind the end mark, got more at byte {}", at + HEAD),
        ),
    ] {
        assert_eq!(said(&bytes), expected);
    }
}

#[test]
fn times_of_a_track_grow_or_there_are_none() {
    let frame = |track, time, bytes: &[u8]| written(&Frame { time, ..frame(track, bytes) });
    let after = |frames: &[Vec<u8>]| said(&[LINES_OF_TWO, &frames.concat()].concat());
    let first = frame(0, Some(-3), b"8 pixels");
    let at = LINES_OF_TWO.len() + HEAD + 8 + 8;
    assert_eq!(
        after(&[first.clone(), frame(0, Some(-3), b"8 pixels")]),
        format!("expected a time behind -3 in a frame of track 0, got -3 at byte {at}")
    );
    assert_eq!(
        after(&[first.clone(), frame(0, None, b"8 pixels")]),
        format!(
            "expected a time, as of the frames before, in a frame of track 0, got none at byte {at}"
        )
    );
    let sound = [
        frame(0, None, b"8 pixels"),
        frame(1, Some(-9), b"four"),
        frame(0, Some(1), b"8 pixels"),
    ];
    let at = at + HEAD + 4;
    assert_eq!(
        after(&sound),
        format!(
            "expected no time, as of the frames before, in a frame of track 0, got 1 at byte {at}"
        )
    );
}

#[test]
fn coded_pictures_come_in_the_order_of_decoding() {
    let tracks = vec!["coded h264 25".parse().unwrap()];
    let frames =
        [0, 120_000, 40_000].map(|time| written(&Frame { time: Some(time), ..frame(0, b"unit") }));
    let bytes = [greeting(&tracks), frames.concat()].concat();
    assert_eq!(read(&bytes, 7).1, Ok(Closed::Lost));
}

#[test]
fn connection_that_ends_too_early_says_what_is_missing() {
    let frame = written(&frame(0, b"8 pixels"));
    let whole = [LINES_OF_TWO, &frame].concat();
    let told = |long: usize| read(&whole[..long], 5).1;
    assert_eq!(told(whole.len()), Ok(Closed::Lost));
    assert_eq!(told(LINES_OF_TWO.len()), Ok(Closed::Lost));
    let said = |long| told(long).unwrap_err().to_string();
    let at = LINES_OF_TWO.len();
    assert_eq!(
        said(at + HEAD + 3),
        format!(
            "expected 8 bytes of a frame, got the end behind 3 bytes of that at byte {}",
            at + HEAD + 3
        )
    );
    assert_eq!(
        said(at + 5),
        format!(
            "expected a frame's head of 16 bytes, got the end behind 5 bytes of that at byte {}",
            at + 5
        )
    );
    assert!(said(20).starts_with("expected lines of tracks and an empty line, got the end"));
    assert!(said(3).starts_with("expected the line \"ffleet-frames 1\", got the end"));
}

#[test]
fn lines_and_tracks_are_bounded() {
    let many = [GREETING, &b"sound u8 8000 1\n".repeat(TRACKS + 1)].concat();
    assert!(said(&many).starts_with("expected 16 tracks at most, got another"));
    let long = [GREETING, &[b'x'; LINES]].concat();
    assert_eq!(said(&long), "expected lines of 4096 bytes at most, got more at byte 16");
    let long = [GREETING, b"coded h264 ", &[b' '; 100]].concat();
    assert!(said(&[&long[..], b"\n"].concat()).starts_with("expected a line such as"));
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        4 => Just(written(&Frame { time: None, ..frame(0, b"8 pixels") })),
        4 => (1..9_usize).prop_map(|samples| written(&Frame { time: None, ..frame(1, &vec![3; 4 * samples]) })),
        1 => prop::collection::vec(any::<u8>(), 0..40),
        1 => (any::<[u8; 2]>(), 0..20_u32, any::<i64>()).prop_map(|(about, long, time)| head(about, long, time).to_vec()),
        1 => Just(end_mark().to_vec()),
    ];
    let lines =
        prop_oneof![8 => Just(LINES_OF_TWO.to_vec()), 1 => Just(LINES_OF_TWO[..30].to_vec())];
    (lines, prop::collection::vec(part, 0..12))
        .prop_map(|(lines, parts)| [lines, parts.concat()].concat())
}

proptest! {
    #[test]
    fn any_bytes_are_read_the_same_however_they_come(bytes in bytes(), piece in 1..60_usize, end in any::<prop::sample::Index>()) {
        let bytes = &bytes[..end.index(bytes.len() + 1)];
        let whole = read(bytes, usize::MAX);
        prop_assert_eq!(&read(bytes, 1), &whole);
        prop_assert_eq!(&read(bytes, piece), &whole);
    }

    #[test]
    fn lines_are_read_as_they_are_written(
        kind in 0..3_u8, format in 0..20_usize, sides in (1..9_999_u32, 1..2_000_u32), rate in 1..999_u32,
    ) {
        let pixels = PixelFormat::ALL[format % PixelFormat::ALL.len()];
        let samples = SampleFormat::ALL[format % SampleFormat::ALL.len()];
        let line = match kind {
            0 => format!("picture {pixels} {}x{} {rate}", sides.0, sides.1),
            1 => format!("sound {samples} {} {}", sides.0, sides.1 % 64 + 1),
            _ => format!("coded {} {rate}/{}", ["h264", "h265"][format % 2], sides.1 % 99 + 2),
        };
        prop_assert_eq!(line.parse::<Track>().map(|track| track.to_string()), Ok(line));
    }
}
