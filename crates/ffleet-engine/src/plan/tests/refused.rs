//! What is not planned, and why.

use super::*;

#[test]
fn absurd_shape_is_refused() {
    let mut probe = recorded("ordinary");
    (probe.video[0].width, probe.video[0].height) = (16_000, 16);
    let refused =
        planned(&spec("/in/a", vec![output("1080p-h264", "/out/a.mp4")]), &probe).unwrap_err();
    assert!(refused.message.contains("between 16 and 16384"), "{refused}");
}

#[test]
fn hdr_without_its_filters_is_refused_with_a_way_out() {
    let engine = Engine { filters: Vec::new(), ..engine() };
    let spec = spec("/in/a", vec![output("720p-h264", "/out/a.mp4")]);
    let refused =
        plan(&spec, &recorded("hdr10"), &engine, BUDGET, &["/scratch/0".to_owned()]).unwrap_err();
    assert_eq!(refused.reason, Reason::CapabilityMismatch);
    assert!(refused.message.contains("choose h265"), "{refused}");
}

#[test]
fn muxer_that_the_engine_does_not_list_is_refused_with_a_way_out() {
    let mut engine = engine();
    engine.muxers.retain(|muxer| muxer != "mp4");
    let files = ["/scratch/0".to_owned()];
    let probe = recorded("ordinary");
    let options = |args: &[&str], target: &str| Output {
        target: target.parse().unwrap(),
        make: Make::Raw { args: args.iter().map(|&word| word.to_owned()).collect() },
    };
    for (output, lacks) in [
        (output("480p-h264", "/out/a.mp4"), Some("mp4")),
        (output("480p-h264", "/out/a.mkv"), None),
        (options(&["-c", "copy"], "/out/a.mp4"), Some("mp4")),
        (options(&["-c", "copy", "-f", "mxf"], "/out/a"), Some("mxf")),
        (options(&["-c", "copy", "-f", "matroska"], "/out/a.mp4"), None),
    ] {
        let planned = plan(&spec("/in/a", vec![output]), &probe, &engine, BUDGET, &files);
        let Some(lacks) = lacks else {
            planned.unwrap();
            continue;
        };
        let refused = planned.unwrap_err();
        assert_eq!(refused.reason, Reason::CapabilityMismatch);
        assert!(refused.message.contains(&format!("muxer {lacks} is not in this")), "{refused}");
        assert!(refused.message.contains("choose another container"), "{refused}");
    }
    engine.muxers.clear();
    let spec = spec("/in/a", vec![output("480p-h264", "/out/a.mp4")]);
    plan(&spec, &probe, &engine, BUDGET, &files).expect("one that does not say may have it");
}

#[test]
fn encoder_that_is_not_proven_is_replaced_or_named() {
    let mut engine = engine();
    engine
        .encoders
        .retain(|encoder| encoder != "libsvtav1" && encoder != "libx264");
    engine
        .unproven
        .insert("encoder libx264".to_owned(), "Cannot allocate memory".to_owned());
    let spec_of = |preset| spec("/in/a", vec![output(preset, "/out/a.mp4")]);
    let files = ["/scratch/0".to_owned()];
    let probe = recorded("ordinary");
    let av1 = plan(&spec_of("480p-av1"), &probe, &engine, BUDGET, &files).unwrap();
    assert!(av1.args.iter().any(|word| word == "libaom-av1"));
    let h264 = plan(&spec_of("480p-h264"), &probe, &engine, BUDGET, &files).unwrap_err();
    assert_eq!(h264.reason, Reason::CapabilityMismatch);
    assert!(h264.message.contains("Cannot allocate memory"), "{h264}");
}

#[test]
fn what_does_not_fit_its_container_is_refused_with_those_that_hold_it() {
    for (preset, target, words) in [
        ("720p-h264", "/out/a.webm", ".mp4"),
        ("720p-vp9", "/out/a.flv", ".webm"),
        ("aac-128k", "/out/a.mp3", ".m4a"),
        ("copy", "/out/a.webm", ".mkv"),
        ("thumbnail", "/out/a.mp4", ".jpg"),
        ("gif", "/out/a.mp4", ".gif"),
        ("720p-h264", "/out/a.avi", "mkv"),
        ("720p-h264", "/out/a.png", ".mp4"),
    ] {
        let refused = one("ordinary", preset, target).unwrap_err();
        assert_eq!(refused.reason, Reason::UserError, "{preset} {target}");
        assert!(refused.message.contains(words) && refused.message.contains(target), "{refused}");
    }
}

#[test]
fn input_without_what_is_asked_for_is_refused() {
    let refused = one("anamorphic", "aac-128k", "/out/a.m4a").unwrap_err();
    assert_eq!(
        (refused.reason, refused.message.contains("no sound")),
        (Reason::InputError, true)
    );
    let mut probe = recorded("ordinary");
    probe.video.clear();
    let refused =
        planned(&spec("/in/a", vec![output("720p-h264", "/out/a.mp4")]), &probe).unwrap_err();
    assert_eq!(
        (refused.reason, refused.message.contains("no picture")),
        (Reason::InputError, true)
    );
}

#[test]
fn own_options_are_checked_and_stand_before_their_output() {
    let raw = |args: &[&str], target: &str| {
        let args = args.iter().map(|&word| word.to_owned()).collect();
        let output = Output { target: target.parse().unwrap(), make: Make::Raw { args } };
        planned(&spec("/in/a", vec![output]), &recorded("ordinary"))
    };
    let plan = raw(&["-c:v", "libx264", "-crf", "30"], "/out/a.mp4").unwrap();
    let tail = ["-threads", "3", "-c:v", "libx264", "-crf", "30", "-f", "mp4", "file:/scratch/0"];
    assert!(plan.args.ends_with(&tail.map(str::to_owned)), "{:?}", plan.args);
    assert_eq!(plan.expected[0].video, Tracks::Any);
    let own = raw(&["-threads", "1", "-f", "avi"], "/out/a.avi").unwrap();
    assert!(
        own.args
            .ends_with(&["-threads", "1", "-f", "avi", "file:/scratch/0"].map(str::to_owned))
    );
    raw(&["-i", "/etc/passwd"], "/out/a.mp4").unwrap_err();
    assert!(raw(&["-an"], "/out/a.xyz").unwrap_err().message.contains("-f FORMAT"));
}

#[test]
fn mp2_is_not_copied_to_where_it_would_be_taken_for_mp3() {
    let mut probe = recorded("ordinary");
    probe.audio[0].codec = "mp2".to_owned();
    let plan = planned(&spec("/in/a.ts", vec![output("copy", "/out/a.mp4")]), &probe);
    let message = plan.unwrap_err().message;
    assert!(
        message.contains("mp2 cannot be copied into mp4") && message.contains(".ts"),
        "{message}"
    );
}

#[test]
fn filter_that_the_engine_lacks_is_refused_and_one_that_it_has_gets_its_threads() {
    let of = |graph: &str| {
        let args = ["-vf", graph, "-c:v", "libx264"].map(str::to_owned).into();
        let output = Output { target: "/out/a.mkv".parse().unwrap(), make: Make::Raw { args } };
        spec("/in/a", vec![output])
    };
    let (files, probe) = (["/scratch/0".to_owned()], recorded("ordinary"));
    let compared = of("split[a][b];[a][b]libvmaf=pool=min");
    let refused = plan(&compared, &probe, &engine(), BUDGET, &files).unwrap_err();
    assert_eq!(refused.reason, Reason::CapabilityMismatch);
    for text in ["libvmaf", "5.1.9", "engine.ffmpeg"] {
        assert!(refused.message.contains(text), "{refused}");
    }
    let mut able = engine();
    able.filters.push("libvmaf".to_owned());
    let planned = plan(&compared, &probe, &able, BUDGET, &files).unwrap();
    let graph = "split[a][b];[a][b]libvmaf=pool=min:n_threads=2";
    assert!(planned.args.iter().any(|word| word == graph), "{:?}", planned.args);
    let plain = plan(&of("split[a][b];[a][b]msad"), &probe, &able, BUDGET, &files)
        .unwrap()
        .prediction;
    assert_eq!(planned.prediction.threads, plain.threads + 2);
    assert!(planned.prediction.memory > plain.memory);
}
