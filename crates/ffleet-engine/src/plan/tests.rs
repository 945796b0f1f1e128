//! The command lines themselves are snapshots: a change of an option is a change of somebody's
//! results, and is to be seen in review.

mod kept;
mod refused;

use std::fmt::Write as _;

use ffleet_media::codec::{AudioCodec, VideoCodec};
use ffleet_media::job::{EngineChoice, Output};
use ffleet_media::preset::builtin;
use ffleet_media::probe::{AudioTrack, SubtitleTrack};
use ffleet_media::recipe::{Audio, Overrides, Recipe};
use ffleet_types::job::Terms;
use ffleet_types::{Cpu, FrameSize, Span};

use super::*;
use crate::capability::{SAMPLES, Trial, sum_up};
use crate::probe::parse;

const BUDGET: Budget = Budget { cpu: Cpu::whole(2), seen: 2 };

/// An engine with everything that recipes use.
pub(crate) fn engine() -> Engine {
    let trials: Vec<_> = SAMPLES.iter().map(|sample| (sample, Trial::Passed)).collect();
    let proven = sum_up(&trials);
    Engine {
        name: "ffmpeg".to_owned(),
        path: "/usr/bin/ffmpeg".to_owned(),
        version: "5.1.9-0+deb12u1".to_owned(),
        hash: String::new(),
        encoders: proven.encoders,
        decoders: proven.decoders,
        // As Debian builds it.
        filters: raw::filters()
            .filter(|name| *name != "libvmaf")
            .map(str::to_owned)
            .collect(),
        muxers: Container::ALL
            .iter()
            .map(|&container| container::muxer(container))
            .chain(["avi"])
            .map(str::to_owned)
            .collect(),
        listed: Vec::new(),
        unproven: proven.unproven,
        threads: std::collections::BTreeMap::new(),
        memory: std::collections::BTreeMap::new(),
    }
}

fn recorded(name: &str) -> Probe {
    let mut probe = parse(crate::probe::tests::recorded(name)).unwrap();
    if name == "hdr10" {
        crate::probe::add_frame(&mut probe, crate::probe::tests::recorded("hdr10-frame"));
    }
    probe
}

fn output(preset: &str, target: &str) -> Output {
    let recipe = builtin(preset).unwrap_or_else(|| panic!("{preset} is a preset"));
    Output {
        target: target.parse().unwrap(),
        make: Make::Recipe { preset: None, recipe },
    }
}

fn spec(input: &str, outputs: Vec<Output>) -> Spec {
    Spec {
        input: input.parse().unwrap(),
        outputs,
        duration: None,
        engine: EngineChoice::Auto,
        overwrite: false,
        verify: None,
        terms: Terms::default(),
    }
}

fn planned(spec: &Spec, probe: &Probe) -> Result<Plan, Refused> {
    let files: Vec<String> = (0..spec.outputs.len())
        .map(|index| format!("/scratch/{index}"))
        .collect();
    plan(spec, probe, &engine(), BUDGET, &files)
}

/// The plan of one preset for one recorded input.
fn one(input: &str, preset: &str, target: &str) -> Result<Plan, Refused> {
    planned(&spec("/in/film.mp4", vec![output(preset, target)]), &recorded(input))
}

/// A plan as text: options line by line, then what else it says.
fn shown(plan: &Plan) -> String {
    let mut text = String::new();
    for (index, word) in plan.args.iter().enumerate() {
        let begins = word.starts_with('-')
            && word.len() > 1
            && !word[1..].starts_with(|c: char| c.is_ascii_digit());
        let separator = match index {
            0 => "",
            _ if begins || word.starts_with("file:/scratch") || word.starts_with("rtmp:") => "\n",
            _ => " ",
        };
        // The list of demuxers has a test of its own.
        let word = if word.starts_with("aac,ac3,") {
            "(demuxers)"
        } else {
            word
        };
        let _ = write!(text, "{separator}{word}");
    }
    for note in &plan.notes {
        let _ = write!(text, "\nnote: {note}");
    }
    for expected in &plan.expected {
        let _ = write!(text, "\n{expected:?}");
    }
    text
}

fn note_of(plan: &Plan, words: &str) -> bool {
    plan.notes.iter().any(|note| note.contains(words))
}

fn filter_of(plan: &Plan) -> &str {
    let at = plan.args.iter().position(|word| word == "-filter:v").expect("a filter");
    &plan.args[at + 1]
}

fn picture_of(plan: &Plan) -> &Picture {
    match &plan.expected[0].video {
        Tracks::These(pictures) => &pictures[0],
        Tracks::Any => panic!("a picture is planned"),
    }
}

macro_rules! snapshots {
    ($($name:ident: $input:literal $preset:literal $target:literal;)*) => {$(
        #[test]
        fn $name() {
            insta::assert_snapshot!(shown(&one($input, $preset, $target).unwrap()));
        }
    )*};
}

snapshots! {
    ordinary_to_h264: "ordinary" "480p-h264" "/out/a.mp4";
    ordinary_to_h265_with_a_rate: "ordinary" "720p60-h265" "/out/a.mkv";
    ordinary_to_av1_in_webm_takes_opus: "ordinary" "1080p-av1" "/out/a.webm";
    ordinary_to_vp9: "ordinary" "4k30-vp9" "/out/a.webm";
    ordinary_live: "ordinary" "live-720p" "/out/a.ts";
    ordinary_copied: "ordinary" "copy" "/out/a.mkv";
    ordinary_thumbnail: "ordinary" "thumbnail" "/out/a.jpg";
    ordinary_gif: "ordinary" "gif" "/out/a.gif";
    ordinary_sound: "ordinary" "aac-128k" "/out/a.m4a";
    anamorphic_becomes_square: "anamorphic" "720p-h264" "/out/a.mp4";
    interlaced_is_deinterlaced: "interlaced" "source-h264" "/out/a.mp4";
    hdr_stays_hdr_in_h265: "hdr10" "source-h265" "/out/a.mp4";
    hdr_stays_hdr_in_av1: "hdr10" "source-av1" "/out/a.mp4";
    hdr_is_mapped_for_h264: "hdr10" "720p-h264" "/out/a.mp4";
    two_sounds_and_subtitles: "two-audio-subtitle" "480p-h264" "/out/a.mp4";
}

#[test]
fn one_process_makes_all_outputs_and_decodes_once() {
    let outputs = vec![
        output("480p-h264", "/out/a.mp4"),
        output("aac-128k", "/out/b.m4a"),
        output("thumbnail", "/out/c.jpg"),
        output("thumbnail", "/out/d.png"),
    ];
    let plan = planned(&spec("/in/film.mp4", outputs), &recorded("ordinary")).unwrap();
    insta::assert_snapshot!(shown(&plan));
    let inputs = plan.args.iter().filter(|word| *word == "-i").count();
    assert_eq!(inputs, 3, "one for what is read whole, one for each picture that is sought");
}

#[test]
fn generated_picture_to_a_live_destination() {
    let mut spec = spec("test:720p30", vec![output("live-480p", "rtmp://host/app/key")]);
    let Source::Test(picture) = spec.input else {
        panic!("a test picture")
    };
    let probe = crate::probe::of_test(picture, None);
    let refused = planned(&spec, &probe).unwrap_err();
    assert!(refused.message.contains("how long"), "{refused}");
    spec.duration = Some(Span::secs(60));
    insta::assert_snapshot!(shown(&planned(&spec, &probe).unwrap()));
}

#[test]
fn url_may_not_lead_to_the_disk() {
    let spec = spec("https://host/film.mp4", vec![output("copy", "/out/a.mkv")]);
    let plan = planned(&spec, &recorded("ordinary")).unwrap();
    let at = plan.args.iter().position(|word| word == "-protocol_whitelist").unwrap();
    assert_eq!(plan.args[at + 1], "http,https,httpproxy,tcp,tls");
    assert!(at < plan.args.iter().position(|word| word == "-i").unwrap());
}

#[test]
fn every_preset_has_a_plan_for_every_recorded_input() {
    for input in crate::probe::tests::NAMES {
        let probe = recorded(input);
        for preset in ffleet_media::preset::names() {
            let result = planned(&spec("/in/a", vec![output(&preset, "/out/result")]), &probe);
            let silent = probe.audio.is_empty()
                && builtin(&preset).unwrap().video == ffleet_media::recipe::Video::Drop;
            match result {
                Ok(plan) => {
                    assert!(
                        plan.prediction.memory.0 > 0 && plan.prediction.cpu_micros.is_some(),
                        "{preset}"
                    );
                    assert_eq!(plan.expected.len(), 1);
                }
                Err(refused) => assert!(silent, "{input} {preset}: {refused}"),
            }
        }
    }
}

#[test]
fn larger_work_is_predicted_to_take_more() {
    let small = one("ordinary", "480p-h264", "/out/a.mp4").unwrap().prediction;
    let large = one("ordinary", "4k60-h265", "/out/a.mp4").unwrap().prediction;
    assert!(small.memory < large.memory && small.cpu_micros < large.cpu_micros);
    assert!(small.wall_micros < small.cpu_micros, "two CPUs share it");
}
