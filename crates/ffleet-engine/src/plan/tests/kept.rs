//! What survives, and what is said where it does not.

use super::*;

#[test]
fn upright_picture_has_the_promised_lines_across() {
    let plan = one("rotated", "480p-h264", "/out/a.mp4").unwrap();
    assert_eq!(picture_of(&plan).size, (480, 854));
    assert_eq!(picture_of(&plan).rotation, Some(0), "it is turned, not marked");
}

#[test]
fn copy_keeps_the_turn_or_says_that_it_does_not() {
    let plan = one("rotated", "copy", "/out/a.mp4").unwrap();
    assert_eq!(picture_of(&plan).rotation, Some(270));
    let plan = one("rotated", "copy", "/out/a.mkv").unwrap();
    assert!(note_of(&plan, "which is lost"), "{:?}", plan.notes);
}

#[test]
fn variable_rate_is_kept_unless_a_rate_is_promised() {
    let plan = one("variable-rate", "source-h264", "/out/a.mp4").unwrap();
    assert!(plan.args.windows(2).any(|pair| pair == ["-fps_mode:v", "vfr"]));
    assert!(!filter_of(&plan).contains("fps="));
    assert_eq!(picture_of(&plan).frames, Some((42, 46)));
    let plan = one("variable-rate", "source-h264", "/out/a.ts").unwrap();
    assert!(
        plan.args.windows(2).any(|pair| pair == ["-fps_mode:v", "vfr"]),
        "also where FFmpeg would not"
    );
    let plan = one("variable-rate", "480p60-h264", "/out/a.mp4").unwrap();
    assert!(
        filter_of(&plan).contains("fps=60") && note_of(&plan, "a constant 60"),
        "{:?}",
        plan.notes
    );
}

#[test]
fn old_ffmpeg_is_told_the_timing_in_its_own_words() {
    let spec = spec("/in/film.mp4", vec![output("480p-h264", "/out/a.mp4")]);
    let engine = Engine { version: "4.4.2-0ubuntu0.22.04.1".to_owned(), ..engine() };
    let plan =
        plan(&spec, &recorded("ordinary"), &engine, BUDGET, &["/scratch/0".to_owned()]).unwrap();
    assert!(plan.args.windows(2).any(|pair| pair == ["-vsync", "vfr"]));
}

#[test]
fn odd_sides_become_even_and_it_is_said() {
    let plan = one("odd-sized", "source-h264", "/out/a.mp4").unwrap();
    assert_eq!(picture_of(&plan).size, (642, 362));
    assert!(note_of(&plan, "641x361"), "{:?}", plan.notes);
}

#[test]
fn enlarging_is_said_and_shrinking_is_not() {
    assert!(note_of(
        &one("ordinary", "1080p-h264", "/out/a.mp4").unwrap(),
        "enlarged from 640x360"
    ));
    let mut probe = recorded("ordinary");
    (probe.video[0].width, probe.video[0].height) = (3_840, 2_160);
    let plan = planned(&spec("/in/a", vec![output("1080p-h264", "/out/a.mp4")]), &probe).unwrap();
    assert!(!note_of(&plan, "enlarged"), "{:?}", plan.notes);
    assert_eq!(picture_of(&plan).size, (1_920, 1_080));
}

#[test]
fn rounded_sixteen_to_nine_is_still_sixteen_to_nine() {
    let mut probe = recorded("ordinary");
    (probe.video[0].width, probe.video[0].height) = (854, 480);
    let plan = planned(&spec("/in/a", vec![output("720p-h264", "/out/a.mp4")]), &probe).unwrap();
    assert_eq!(picture_of(&plan).size, (1_280, 720));
}

#[test]
fn exact_frame_is_padded_with_black() {
    let size = Some(FrameSize { width: 640, height: 480 });
    let recipe = builtin("720p-h264")
        .unwrap()
        .with(&Overrides { size, ..Overrides::default() })
        .unwrap();
    let make = Make::Recipe { preset: None, recipe };
    let output = Output { target: "/out/a.mp4".parse().unwrap(), make };
    let plan = planned(&spec("/in/a", vec![output]), &recorded("ordinary")).unwrap();
    assert_eq!(picture_of(&plan).size, (640, 480));
    assert!(filter_of(&plan).contains("pad=640:480:0:60:black"), "{}", filter_of(&plan));
    assert!(note_of(&plan, "black"));
}

#[test]
fn name_without_an_ending_takes_the_presets_container() {
    for (preset, muxer) in [("720p-h264", "mp4"), ("720p-vp9", "webm"), ("aac-128k", "ipod")] {
        let plan = one("ordinary", preset, "/out/result").unwrap();
        assert!(plan.args.windows(2).any(|pair| pair == ["-f", muxer]), "{preset}");
    }
}

#[test]
fn every_loss_of_sound_is_said() {
    let mut probe = recorded("ordinary");
    probe.audio = vec![
        AudioTrack {
            channels: 6,
            rate: 96_000,
            layout: Some("5.1(side)".to_owned()),
            ..probe.audio[0].clone()
        };
        2
    ];
    probe.audio[1].index = 2;
    let plan = planned(&spec("/in/a", vec![output("mp3-192k", "/out/a.mp3")]), &probe).unwrap();
    for words in ["first of 2 audio tracks", "6 channels", "96000 samples"] {
        assert!(note_of(&plan, words), "{words}: {:?}", plan.notes);
    }
    let plan = planned(&spec("/in/a", vec![output("720p-vp9", "/out/a.webm")]), &probe).unwrap();
    assert!(
        plan.args.windows(2).any(|pair| pair == ["-b:a:1", "288000"]),
        "three times that of stereo"
    );
}

#[test]
fn subtitles_that_are_pictures_are_dropped_from_mp4_and_kept_in_mkv() {
    let mut probe = recorded("ordinary");
    probe.subtitles = vec![SubtitleTrack {
        index: 2,
        codec: "hdmv_pgs_subtitle".to_owned(),
        is_text: false,
        language: Some("deu".to_owned()),
    }];
    probe.other = 2;
    let spec_of = |target| spec("/in/a", vec![output("480p-h264", target)]);
    let mp4 = planned(&spec_of("/out/a.mp4"), &probe).unwrap();
    assert!(
        note_of(&mp4, "hdmv_pgs_subtitle, deu") && note_of(&mp4, "2 tracks of data"),
        "{:?}",
        mp4.notes
    );
    let mkv = planned(&spec_of("/out/a.mkv"), &probe).unwrap();
    assert_eq!(mkv.expected[0].subtitles, Tracks::These(vec!["hdmv_pgs_subtitle".to_owned()]));
}

#[test]
fn sound_that_is_shorter_than_the_picture_is_not_taken_for_cut_off() {
    let mut probe = recorded("ordinary");
    probe.audio[0].duration_micros = Some(1_000_000);
    let plan = planned(&spec("/in/a", vec![output("aac-128k", "/out/a.m4a")]), &probe).unwrap();
    assert_eq!(plan.expected[0].duration_micros, Some((500_000, 1_500_000)));
}

#[test]
fn length_that_was_only_guessed_bounds_nothing() {
    let mut probe = recorded("ordinary");
    probe.format = "mpegts".to_owned();
    probe.video[0].frames = None;
    let plan = planned(&spec("/in/a", vec![output("480p-h264", "/out/a.mp4")]), &probe).unwrap();
    assert_eq!(plan.expected[0].duration_micros, Some((1, u64::MAX)));
    assert_eq!(picture_of(&plan).frames, None);
}

#[test]
fn limit_cuts_the_reading_and_the_expectation() {
    let mut spec = spec("/in/a", vec![output("480p30-h264", "/out/a.mp4")]);
    spec.duration = Some(Span::secs(1));
    let plan = planned(&spec, &recorded("ordinary")).unwrap();
    let at = plan.args.iter().position(|word| word == "-t").unwrap();
    assert_eq!(plan.args[at + 1], "1.000000");
    assert!(at < plan.args.iter().position(|word| word == "-i").unwrap());
    assert_eq!(picture_of(&plan).frames, Some((28, 32)));
    assert_eq!(plan.length_micros, Some(1_000_000));
}

#[test]
fn long_gif_has_a_palette_for_each_frame() {
    let short = one("ordinary", "gif", "/out/a.gif").unwrap();
    assert!(filter_of(&short).contains("stats_mode=diff"));
    let mut probe = recorded("ordinary");
    probe.duration_micros = Some(3_600_000_000);
    probe.video[0].duration_micros = None;
    let long = planned(&spec("/in/a", vec![output("gif", "/out/a.gif")]), &probe).unwrap();
    assert!(filter_of(&long).contains("stats_mode=single") && note_of(&long, "palette of its own"));
    assert!(long.prediction.memory.0 < 512 << 20, "{:?}", long.prediction);
}

#[test]
fn bit_rate_bounds_the_peaks() {
    let recipe = Recipe { audio: Audio::Drop, ..builtin("720p-h264").unwrap() };
    let rate = Some(ffleet_types::Bitrate::kbit(2_000));
    let recipe = recipe
        .with(&Overrides { bitrate: rate, ..Overrides::default() })
        .unwrap();
    let make = Make::Recipe { preset: None, recipe };
    let output = Output { target: "/out/a.mp4".parse().unwrap(), make };
    let plan = planned(&spec("/in/a", vec![output]), &recorded("ordinary")).unwrap();
    for pair in [["-b:v", "2000000"], ["-maxrate:v", "3000000"], ["-bufsize:v", "6000000"]] {
        assert!(plan.args.windows(2).any(|words| words == pair), "{pair:?}");
    }
    assert_eq!(VideoCodec::H264.ffmpeg_name(), "h264");
    assert_eq!(AudioCodec::Pcm.ffmpeg_name(), "pcm_s16le");
}

#[test]
fn words_that_a_container_has_no_place_for_are_said() {
    let probe = Probe { title: Some("Film".to_owned()), chapters: 2, ..recorded("ordinary") };
    let made = |preset: &str, target: &str| {
        planned(&spec("/in/film.mkv", vec![output(preset, target)]), &probe).unwrap()
    };
    let plan = made("live-480p", "/out/a.ts");
    assert!(
        note_of(&plan, "the title") && note_of(&plan, "the chapters"),
        "{:?}",
        plan.notes
    );
    let plan = made("flac", "/out/a.flac");
    assert!(
        !note_of(&plan, "the title") && note_of(&plan, "the chapters"),
        "{:?}",
        plan.notes
    );
    let plan = made("source-h264", "/out/a.mp4");
    assert!(!note_of(&plan, "the title") && !note_of(&plan, "the chapters"));
    let plan = one("two-audio-subtitle", "mp3-192k", "/out/a.mp3").unwrap();
    assert!(note_of(&plan, "language"), "{:?}", plan.notes);
}

#[test]
fn layout_that_a_copy_loses_is_said() {
    let mut probe = recorded("ordinary");
    let sound = &mut probe.audio[0];
    sound.codec = "pcm_s24le".to_owned();
    (sound.channels, sound.layout) = (6, Some("5.1".to_owned()));
    let made = |target: &str| {
        planned(&spec("/in/film.mov", vec![output("copy", target)]), &probe).unwrap()
    };
    assert!(note_of(&made("/out/a.mkv"), "layout (5.1)"));
    assert!(!note_of(&made("/out/a.mov"), "layout"));
}

#[test]
fn thumbnail_is_in_the_colours_that_viewers_take_it_for() {
    for (target, filter) in [
        ("/out/a.jpg", Some("out_color_matrix=bt601:out_range=pc")),
        ("/out/a.webp", Some("out_color_matrix=bt601:out_range=tv")),
        ("/out/a.png", None),
    ] {
        let plan = one("ordinary", "thumbnail", target).unwrap();
        match filter {
            Some(filter) => assert!(filter_of(&plan).contains(filter), "{}", filter_of(&plan)),
            None => assert!(!filter_of(&plan).contains("out_color_matrix")),
        }
    }
}

#[test]
fn thumbnail_of_a_file_without_an_index_is_decoded_up_to() {
    let mut probe = recorded("interlaced");
    probe.format = "mpegts".to_owned();
    probe.video[0].frames = None;
    probe.duration_micros = Some(300_000_000);
    probe.video[0].duration_micros = Some(300_000_000);
    probe.audio.clear();
    let plan = planned(&spec("/in/a.ts", vec![output("thumbnail", "/out/a.jpg")]), &probe).unwrap();
    let seeks: Vec<&str> = plan
        .args
        .windows(2)
        .filter(|pair| pair[0] == "-ss")
        .map(|pair| pair[1].as_str())
        .collect();
    assert_eq!(seeks, ["18.000000", "12.000000"], "of the input, then of the result");
    let plan = one("ordinary", "thumbnail", "/out/a.jpg").unwrap();
    assert_eq!(plan.args.iter().filter(|word| *word == "-ss").count(), 1);
}
