//! Subtitles for clips: text, and pictures as Blu-ray discs have them (PGS), which FFmpeg reads
//! and copies but cannot write.

/// Text, as SubRip.
pub(super) const TEXT: &str = "1\n00:00:00,040 --> 00:00:00,200\nfirst line\n\n\
    2\n00:00:00,240 --> 00:00:00,400\nsecond line\n\n";

/// Chapters and a title, as FFmpeg's metadata file.
pub(super) const CHAPTERS: &str = ";FFMETADATA1\ntitle=Clip\n\
    [CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=240\ntitle=One\n\
    [CHAPTER]\nTIMEBASE=1/1000\nSTART=240\nEND=480\ntitle=Two\n";

/// One small box, shown from 80 to 320 ms.
pub(super) fn pictures() -> Vec<u8> {
    // An object of 16×4 pixels: each line a run of sixteen of colour 1, and its end.
    let line = [0x00, 0x80 | 16, 1, 0x00, 0x00];
    let pixels = line.repeat(4);
    let length = u16::try_from(pixels.len() + 4).expect("a small picture is small");
    let [high, low] = length.to_be_bytes();
    let mut object = vec![0, 0, 0, 0xC0, 0, high, low, 0, 16, 0, 4];
    object.extend(pixels);
    let window = [1, 0, 0, 10, 0, 20, 0, 16, 0, 4];
    let size = [1, 64, 0, 180];

    let mut stream = Vec::new();
    let mut composition = [&size[..], &[0x10, 0, 0, 0x80, 0, 0, 1]].concat();
    composition.extend([0, 0, 0, 0, 0, 10, 0, 20]);
    for (kind, body) in [
        (0x16, &composition[..]),
        (0x17, &window),
        (0x14, &[0, 0, 1, 235, 128, 128, 255]),
        (0x15, &object),
        (0x80, &[]),
    ] {
        segment(7_200, kind, body, &mut stream);
    }
    let empty = [&size[..], &[0x10, 0, 1, 0, 0, 0, 0]].concat();
    for (kind, body) in [(0x16, &empty[..]), (0x17, &window), (0x80, &[])] {
        segment(28_800, kind, body, &mut stream);
    }
    stream
}

/// Appends a segment to be shown at `time`, in units of 1/90000 s.
fn segment(time: u32, kind: u8, body: &[u8], stream: &mut Vec<u8>) {
    stream.extend(b"PG");
    stream.extend(time.to_be_bytes());
    stream.extend([0; 4]);
    stream.push(kind);
    let length = u16::try_from(body.len()).expect("a small picture is small");
    stream.extend(length.to_be_bytes());
    stream.extend(body);
}
