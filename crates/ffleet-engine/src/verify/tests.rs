use ffleet_media::codec::Container;
use ffleet_types::FrameRate;

use super::*;
use crate::probe::tests::recorded;

/// What the recorded ordinary file is.
fn ordinary() -> (Expected, Probe) {
    let picture = Picture {
        codec: "h264".to_owned(),
        size: (640, 360),
        rotation: Some(0),
        fps: FrameRate::new(30, 1),
        interlaced: false,
        frames: Some((88, 92)),
    };
    let sound = Sound { codec: "aac".to_owned(), channels: 1, language: None };
    let expected = Expected {
        output: 0,
        container: Some(Container::Mp4),
        video: Tracks::These(vec![picture]),
        audio: Tracks::These(vec![sound]),
        subtitles: Tracks::These(Vec::new()),
        duration_micros: Some((2_500_000, 3_500_000)),
    };
    (expected, probe::parse(recorded("ordinary")).unwrap())
}

fn end(frames: u64, position_micros: u64) -> Update {
    Update {
        frames,
        position_micros: Some(position_micros),
        end: true,
        ..Update::default()
    }
}

/// The complaint about a probe that was changed like this.
fn complaint(change: impl FnOnce(&mut Probe)) -> String {
    let (expected, mut found) = ordinary();
    change(&mut found);
    judge_tracks(&expected, &found).unwrap_err().to_string()
}

#[test]
fn result_as_planned_passes() {
    let (expected, found) = ordinary();
    assert_eq!(judge_tracks(&expected, &found), Ok(()));
    assert_eq!(judge_end(&expected, &end(90, 3_000_000)), Ok(()));
}

#[test]
fn every_difference_is_found_and_said() {
    for (complaint, words) in [
        (complaint(|probe| probe.video.clear()), "0 video tracks, planned were 1"),
        (complaint(|probe| probe.audio.push(probe.audio[0].clone())), "2 audio tracks"),
        (
            complaint(|probe| probe.video[0].codec = "hevc".to_owned()),
            "video in hevc, planned was h264",
        ),
        (complaint(|probe| probe.video[0].width = 638), "638x360, planned was 640x360"),
        (complaint(|probe| probe.video[0].rotation = 90), "a turn of 90"),
        (
            complaint(|probe| probe.video[0].fps = FrameRate::new(25, 1)),
            "25, planned was 30",
        ),
        (complaint(|probe| probe.video[0].interlaced = true), "interlaced"),
        (complaint(|probe| probe.audio[0].codec = "mp3".to_owned()), "sound in mp3"),
        (complaint(|probe| probe.audio[0].channels = 2), "channels: 2"),
        (complaint(|probe| probe.duration_micros = Some(1)), "a length of 0 ms"),
    ] {
        assert!(complaint.contains(words), "{complaint:?} lacks {words:?}");
    }
}

#[test]
fn result_that_breaks_off_fails() {
    let (expected, _) = ordinary();
    let torn = judge_end(&expected, &end(47, 1_600_000)).unwrap_err().to_string();
    assert_eq!(torn, "the result has frames: 47, planned was 88 to 92");
    let silent = Update { end: false, ..end(90, 3_000_000) };
    assert!(
        judge_end(&expected, &silent)
            .unwrap_err()
            .to_string()
            .contains("to its end")
    );
    let short = judge_end(&expected, &end(90, 1_600_000)).unwrap_err().to_string();
    assert!(short.contains("1600 ms"), "{short}");
}

#[test]
fn language_is_compared_where_one_is_planned() {
    let (mut expected, mut found) = ordinary();
    let Tracks::These(sounds) = &mut expected.audio else {
        panic!("known tracks")
    };
    sounds[0].language = Some("deu".to_owned());
    assert!(judge_tracks(&expected, &found).unwrap_err().to_string().contains("deu"));
    found.audio[0].language = Some("deu".to_owned());
    assert_eq!(judge_tracks(&expected, &found), Ok(()));
}

#[test]
fn own_options_are_only_held_to_be_something() {
    let (expected, found) = ordinary();
    let any = Expected {
        video: Tracks::Any,
        audio: Tracks::Any,
        subtitles: Tracks::Any,
        duration_micros: None,
        ..expected
    };
    assert_eq!(judge_tracks(&any, &found), Ok(()));
    assert!(judge_tracks(&any, &Probe::default()).is_err(), "nothing is not something");
    assert_eq!(judge_end(&any, &end(1, 1)), Ok(()));
}

#[test]
fn full_decodes_and_packets_copies() {
    let budget = Budget::fitted(ffleet_types::Cpu::whole(2));
    assert_eq!(steps(Verify::None), []);
    let (tool, args) = command(Step::Tracks, "/scratch/0", budget);
    assert_eq!(
        (tool, args.last().map(String::as_str)),
        (Tool::Ffprobe, Some("file:/scratch/0"))
    );
    let (tool, args) = command(Step::Decode, "/scratch/0", budget);
    assert!(tool == Tool::Ffmpeg && args.iter().any(|word| word == "-xerror"));
    assert!(args.ends_with(&["-f", "null", "-"].map(str::to_owned)));
    let (_, args) = command(Step::Packets, "/scratch/0", budget);
    assert!(args.windows(2).any(|pair| pair == ["-c", "copy"]));
}

#[test]
fn way_to_verify_follows_from_what_is_made() {
    let spec = |make: &str| -> Spec {
        serde_json::from_str(&format!(
            r#"{{"input": "/in", "outputs": [{{"target": "/out/a.mkv", "make": {make}}}]}}"#
        ))
        .unwrap()
    };
    assert_eq!(way(&spec(r#"{"recipe": {"recipe": {}}}"#)), Verify::Packets);
    let sound = r#"{"recipe": {"recipe": {"audio": {"encode": {"codec": "aac"}}}}}"#;
    assert_eq!(way(&spec(sound)), Verify::Full);
    assert_eq!(way(&spec(r#"{"raw": {"args": ["-c", "copy"]}}"#)), Verify::Packets);
    assert_eq!(way(&spec(r#"{"raw": {"args": ["-crf", "20"]}}"#)), Verify::Full);
    let asked = Spec { verify: Some(Verify::None), ..spec(sound) };
    assert_eq!(way(&asked), Verify::None);
}
