use std::collections::BTreeSet;

use super::*;

#[test]
fn every_listed_name_exists_once_and_is_valid() {
    let names = names();
    assert_eq!(names.len(), 5 * 6 * 4 + 4 + 3 + 7 + 3);
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    for name in names {
        let recipe = builtin(&name).unwrap_or_else(|| panic!("{name} is listed"));
        assert_eq!(recipe.check(), Ok(()), "{name}");
        assert!(!recipe.description.is_empty() && recipe.container.is_some(), "{name}");
    }
}

#[test]
fn name_promises_lines_rate_and_codec() {
    let Some(Recipe { video: Video::Encode(video), .. }) = builtin("1080p60-h264") else {
        panic!("1080p60-h264 encodes");
    };
    assert_eq!(video.codec, VideoCodec::H264);
    assert_eq!(video.size, Some(Size::Lines(1_080)));
    assert_eq!(video.fps, FrameRate::new(60, 1));
    let Some(Recipe { video: Video::Encode(video), .. }) = builtin("4k-av1") else {
        panic!("4k-av1 encodes");
    };
    assert_eq!((video.size, video.fps), (Some(Size::Lines(2_160)), None));
}

#[test]
fn name_outside_the_grammar_is_no_preset() {
    for name in [
        "",
        "1080p",
        "h264",
        "1080p61-h264",
        "1080p-hevc",
        "live-4k",
        "4k060-av1",
        "1080p-H264",
    ] {
        assert_eq!(builtin(name), None, "{name}");
    }
}

#[test]
fn unknown_name_suggests_the_nearest() {
    let text = Unknown::new("1080p60-h246", []).to_string();
    assert_eq!(text, r#"there is no preset "1080p60-h246"; did you mean "1080p60-h264"?"#);
    let own = Unknown::new("housestyle", ["house-style"]).to_string();
    assert!(own.contains("house-style"), "{own}");
    assert!(Unknown::new("quantum leap", []).to_string().contains("ffleet presets"));
}

#[test]
fn preset_survives_its_document() {
    for name in names() {
        let recipe = builtin(&name).unwrap();
        let text = serde_json::to_string(&recipe).unwrap();
        assert_eq!(serde_json::from_str::<Recipe>(&text).unwrap(), recipe, "{text}");
    }
}

#[test]
fn live_preset_waits_for_nothing() {
    let recipe = builtin("live-720p").unwrap();
    assert!(recipe.live);
}
