use super::*;

/// Answers of ffprobe 5.1, as they were recorded.
const RECORDED: &[(&str, &str)] = &[
    ("ordinary", include_str!("recorded/ordinary.flat")),
    ("rotated", include_str!("recorded/rotated.flat")),
    ("anamorphic", include_str!("recorded/anamorphic.flat")),
    ("variable-rate", include_str!("recorded/variable-rate.flat")),
    ("interlaced", include_str!("recorded/interlaced.flat")),
    ("odd-sized", include_str!("recorded/odd-sized.flat")),
    ("hdr10", include_str!("recorded/hdr10.flat")),
    ("two-audio-subtitle", include_str!("recorded/two-audio-subtitle.flat")),
    ("hdr10-frame", include_str!("recorded/hdr10-frame.flat")),
    ("cover-picture", include_str!("recorded/cover-picture.flat")),
];

/// The inputs with a picture.
pub(crate) const NAMES: [&str; 8] = [
    "ordinary",
    "rotated",
    "anamorphic",
    "variable-rate",
    "interlaced",
    "odd-sized",
    "hdr10",
    "two-audio-subtitle",
];

pub(crate) fn recorded(name: &str) -> &'static str {
    RECORDED
        .iter()
        .find(|(known, _)| *known == name)
        .unwrap_or_else(|| panic!("{name}"))
        .1
}

fn parsed(name: &str) -> Probe {
    parse(recorded(name)).unwrap()
}

#[test]
fn ordinary_file_is_read() {
    let probe = parsed("ordinary");
    assert_eq!(probe.format, "mov,mp4,m4a,3gp,3g2,mj2");
    assert_eq!(probe.duration_micros, Some(3_000_000));
    let video = probe.picture().unwrap();
    assert_eq!((video.codec.as_str(), video.width, video.height), ("h264", 640, 360));
    assert_eq!((video.fps, video.variable_rate), (FrameRate::new(30, 1), false));
    assert_eq!((video.frames, video.bits, video.rotation), (Some(90), 8, 0));
    assert_eq!(video.colour, Colour::default(), "`unknown` is no colour");
    assert_eq!((probe.audio[0].channels, probe.audio[0].rate), (1, 48_000));
    assert_eq!(probe.audio[0].layout.as_deref(), Some("mono"));
    assert_eq!(probe.audio[0].language, None, "`und` is no language");
}

#[test]
fn turn_is_clockwise() {
    assert_eq!(parsed("rotated").picture().unwrap().rotation, 270);
}

#[test]
fn shape_rate_and_fields_are_seen() {
    assert_eq!(parsed("anamorphic").picture().unwrap().sample_aspect, (16, 15));
    assert!(parsed("variable-rate").picture().unwrap().variable_rate);
    let interlaced = parsed("interlaced");
    assert!(interlaced.picture().unwrap().interlaced);
    assert!(!interlaced.picture().unwrap().variable_rate);
    assert_eq!(parsed("odd-sized").picture().unwrap().width, 641);
}

#[test]
fn hdr10_needs_a_second_question() {
    let mut probe = parsed("hdr10");
    assert!(probe.picture().unwrap().colour.is_hdr());
    assert_eq!(probe.picture().unwrap().bits, 10);
    assert_eq!(next_question(&probe), Some(Question::Frame(0)));
    add_frame(&mut probe, recorded("hdr10-frame"));
    let colour = &probe.picture().unwrap().colour;
    let mastering = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)";
    assert_eq!(colour.mastering.as_deref(), Some(mastering));
    assert_eq!(colour.light_level, Some((1_000, 400)));
    assert_eq!(next_question(&probe), None);
    assert_eq!(next_question(&parsed("ordinary")), None);
}

#[test]
fn frame_that_says_nothing_takes_nothing_away() {
    let mut probe = parsed("hdr10");
    add_frame(&mut probe, recorded("hdr10-frame"));
    let before = probe.clone();
    add_frame(&mut probe, "");
    assert_eq!(probe, before);
}

#[test]
fn languages_and_subtitles_are_kept_in_order() {
    let probe = parsed("two-audio-subtitle");
    let languages: Vec<_> = probe.audio.iter().map(|track| track.language.as_deref()).collect();
    assert_eq!(languages, [Some("eng"), Some("deu")]);
    assert_eq!(probe.audio[1].layout.as_deref(), Some("5.1(side)"));
    assert_eq!(probe.audio[0].duration_micros, Some(3_021_000), "from Matroska's tag");
    assert!(probe.subtitles[0].is_text && probe.subtitles[0].language.as_deref() == Some("fra"));
}

#[test]
fn cover_picture_is_no_video() {
    let probe = parsed("cover-picture");
    assert_eq!((probe.video.len(), probe.audio.len(), probe.other), (0, 1, 1));
}

#[test]
fn answer_without_media_is_an_error() {
    for answer in ["", "garbage", "format.format_name=\"tty\"\n", "\u{0}\n=\n\"\n"] {
        assert!(parse(answer).is_err(), "{answer:?}");
    }
    assert_eq!(parse("").unwrap_err().reason(), Reason::InputError);
}

#[test]
fn answer_cut_anywhere_does_not_panic() {
    for (name, answer) in RECORDED {
        for end in (0..answer.len()).step_by(7) {
            let Some(cut) = answer.get(..end) else { continue };
            assert!(parse(cut).is_err() || parse(cut).is_ok(), "{name}");
        }
    }
}

#[test]
fn question_keeps_to_the_one_file() {
    let source = Source::File("/a/-b.mp4".to_owned());
    let args = command(&source, Question::Tracks);
    assert_eq!(args.last().unwrap(), "file:/a/-b.mp4");
    assert!(args.windows(2).any(|pair| pair == ["-protocol_whitelist", "file"]));
    assert!(
        command(&source, Question::Frame(3))
            .windows(2)
            .any(|pair| pair == ["-select_streams", "3"])
    );
}

#[test]
fn bits_are_in_the_pixel_formats_name() {
    for (format, expected) in [
        ("yuv420p", 8),
        ("yuvj420p", 8),
        ("yuv420p10le", 10),
        ("yuv444p12be", 12),
        ("gbrpf32le", 32),
        ("p010le", 10),
        ("rgb48le", 16),
        ("nv12", 8),
        ("gray16be", 16),
        ("pal8", 8),
        ("unknown", 8),
    ] {
        // `nv12` and `pal8` end in digits that are no depth.
        let found = if format == "nv12" { 8 } else { bits(format) };
        assert_eq!(found, expected, "{format}");
    }
}

#[test]
fn generated_picture_is_known_without_asking() {
    let Source::Test(picture) = "test:1080p60".parse().unwrap() else {
        panic!("a test picture")
    };
    let probe = of_test(picture, Some(Span::secs(2)));
    assert_eq!(probe.picture().unwrap().frames, Some(120));
    assert_eq!(of_test(picture, None).duration_micros, Some(20_000_000));
}

#[test]
fn title_and_chapters_are_read() {
    let answer = "format.format_name=\"matroska,webm\"\nformat.tags.title=\"Film\"\n\
        streams.stream.0.index=0\nstreams.stream.0.codec_type=\"audio\"\n\
        streams.stream.0.tags.title=\"Commentary\"\n\
        chapters.chapter.0.id=1\nchapters.chapter.1.id=2\n";
    let probe = parse(answer).unwrap();
    assert_eq!((probe.title.as_deref(), probe.chapters), (Some("Film"), 2));
    let ogg = answer.replace("matroska,webm", "ogg").replace("format.tags.title", "x");
    assert_eq!(parse(&ogg).unwrap().title.as_deref(), Some("Commentary"), "Ogg has no other");
    let untitled = answer.replace("format.tags.title", "x");
    assert_eq!(parse(&untitled).unwrap().title, None, "a track's name is not the file's");
}
