//! Every kind of input, with a preset of every kind: kept, or said.

use ffleet_testkit::media::Clip;
use ffleet_types::{Outcome, Reason};

use super::differences::unexcused;
use super::facts::Facts;
use super::promise::{Kind, Promise};
use super::{Made, clip, make};
use crate::fixture::Bench;

/// One preset of every kind, and the ending that its result is given.
const KINDS: [(&str, &str); 17] = [
    ("source-h264", ".mp4"),
    ("source-h265", ".mp4"),
    ("source-av1", ".mp4"),
    ("source-vp9", ".webm"),
    ("480p30-h264", ".mkv"),
    ("480p25-vp9", ".mkv"),
    ("live-480p", ".ts"),
    ("aac-128k", ".m4a"),
    ("opus-96k", ".opus"),
    ("mp3-192k", ".mp3"),
    ("flac", ".flac"),
    ("copy", ".mkv"),
    ("copy", ".mp4"),
    ("thumbnail", ".jpg"),
    ("thumbnail", ".png"),
    ("thumbnail", ".webp"),
    ("gif", ".gif"),
];

/// Whether a preset finds nothing to do in such an input.
fn lacks(promise: &Promise, input: &Facts) -> bool {
    match promise.kind {
        Kind::Sound => input.sounds.is_empty(),
        Kind::Copy => false,
        Kind::Film | Kind::Live | Kind::Still | Kind::Gif => input.pictures.is_empty(),
    }
}

/// Makes all kinds of `input`; answers each result's name, notes and facts.
async fn make_all(input: Clip) -> Vec<(String, Vec<String>, Facts)> {
    let Some(bench) = Bench::start().await else {
        return Vec::new();
    };
    let path = clip(input);
    let before = Facts::of(&path);
    let mut results = Vec::new();
    let mut wrong = Vec::new();
    for (name, ending) in KINDS {
        let promise = Promise::of(name);
        let made = make(&bench, &path, name, ending).await;
        if lacks(&promise, &before) || is_misfit(&made) {
            let refused = matches!(&made.outcome, Outcome::Failed { reason: Reason::InputError | Reason::UserError, message } if message.len() > 30);
            assert!(refused, "{name}{ending}: {:?}", made.outcome);
            continue;
        }
        if made.outcome != Outcome::Completed {
            wrong.push(format!("{name}{ending}: {:?}", made.outcome));
            continue;
        }
        let after = made.facts();
        let silent = unexcused(&promise, &made.notes, &before, &after);
        wrong.extend(silent.into_iter().map(|what| format!("{name}{ending}: {what}")));
        results.push((format!("{name}{ending}"), made.notes.clone(), after));
        made.remove();
    }
    assert!(
        wrong.is_empty(),
        "neither asked for nor said, of {input:?}:\n{}",
        wrong.join("\n")
    );
    bench.end(&[]).await;
    results
}

/// Whether a copy was refused because the container does not hold a codec.
fn is_misfit(made: &Made) -> bool {
    matches!(&made.outcome, Outcome::Failed { reason: Reason::UserError, message } if message.contains("cannot be copied into"))
}

/// Asserts that of each result whose name begins so, a note says `words`.
fn said(results: &[(String, Vec<String>, Facts)], prefix: &str, words: &str) {
    for (name, notes, _) in results.iter().filter(|(name, ..)| name.starts_with(prefix)) {
        assert!(notes.iter().any(|note| note.contains(words)), "{name}: {words}: {notes:#?}");
    }
}

macro_rules! kept_or_said {
    ($($test:ident: $clip:ident |$results:ident| $more:block)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $test() {
            let $results = make_all(Clip::$clip).await;
            $more
        }
    )*};
}

kept_or_said! {
    ordinary_input_is_kept: Ordinary |results| {
        said(&results, "480p", "enlarged");
        for (name, notes, _) in results.iter().filter(|(name, ..)| name.starts_with("source")) {
            assert_eq!(notes, &Vec::<String>::new(), "{name} says what is not so");
        }
    }
    quarter_turn_is_kept_or_said: Quarter |results| {
        for (name, _, facts) in results.iter().filter(|(name, ..)| !name.starts_with("copy")) {
            assert!(facts.pictures.iter().all(|picture| picture.turn == 0), "{name} is upright");
        }
        for (_, _, facts) in results.iter().filter(|(name, ..)| name == "copy.mp4") {
            assert_eq!(facts.pictures[0].turn, 90);
        }
    }
    half_turn_is_kept_or_said: Half |_results| {}
    anamorphic_input_has_its_shape: Anamorphic |results| {
        said(&results, "source", "320x180");
        for (_, _, facts) in results.iter().filter(|(name, ..)| name.starts_with("source")) {
            assert_eq!(facts.pictures[0].size, (320, 180));
        }
    }
    variable_rate_is_kept_or_made_constant: Variable |results| {
        said(&results, "480p", "variable frame rate");
    }
    interlaced_input_is_deinterlaced: Interlaced |results| {
        said(&results, "source", "deinterlaced");
        said(&results, "480p", "deinterlaced");
    }
    odd_sides_become_even: Odd |results| {
        said(&results, "source", "even");
        for (_, _, facts) in results.iter().filter(|(name, ..)| name.starts_with("source")) {
            assert_eq!(facts.pictures[0].size, (320, 180));
        }
    }
    hdr10_is_kept_or_mapped: Hdr10 |results| {
        said(&results, "source-h264", "high dynamic range is mapped");
        for (name, _, facts) in results.iter().filter(|(name, ..)| {
            ["source-h265", "source-av1", "source-vp9", "copy"].iter().any(|kept| name.starts_with(kept))
        }) {
            let picture = &facts.pictures[0];
            assert_eq!((picture.bits, picture.transfer.as_str()), (10, "smpte2084"), "{name}");
            assert_eq!(picture.primaries, "bt2020", "{name}");
            if !name.starts_with("source-vp9") {
                assert_eq!(picture.light.len(), 12, "{name}: {:?}", picture.light);
            }
        }
    }
    hybrid_log_gamma_is_kept_or_mapped: Hlg |results| {
        said(&results, "source-h264", "high dynamic range is mapped");
    }
    deep_colours_are_kept_or_said: Deep |results| {
        said(&results, "source-h264", "10 bits a component become 8");
    }
    full_range_is_kept: FullRange |_results| {}
    red_green_and_blue_become_yuv: Rgb |results| {
        said(&results, "source", "become YUV");
    }
    tracks_are_kept_or_said: Tracks |results| {
        for (name, _, facts) in results.iter().filter(|(name, ..)| name.starts_with("source")) {
            let languages: Vec<_> =
                facts.sounds.iter().map(|sound| sound.language.as_deref()).collect();
            assert_eq!(languages, [Some("eng"), Some("deu")], "{name}");
            assert_eq!(facts.sounds[1].channels, 6, "{name}");
            let text = facts.subtitles[0].text.as_deref();
            assert_eq!(text, Some("first line\nsecond line\n"), "{name}");
        }
        said(&results, "mp3-192k", "only the first");
    }
    picture_subtitles_are_kept_or_said: PictureSubtitle |results| {
        said(&results, "source", "hdmv_pgs_subtitle");
        for (_, _, facts) in results.iter().filter(|(name, ..)| name == "copy.mkv") {
            assert_eq!(facts.subtitles[0].codec, "hdmv_pgs_subtitle");
        }
    }
    cover_is_said: Cover |_results| {}
    low_sound_is_kept: LowSound |_results| {}
    high_sound_is_kept_or_said: HighSound |results| {
        said(&results, "mp3-192k", "channels of sound become 2");
        for (_, _, facts) in results.iter().filter(|(name, ..)| name.starts_with("aac")) {
            assert_eq!((facts.sounds[0].channels, facts.sounds[0].rate), (8, 96_000));
        }
    }
    sound_alone_is_kept: SoundOnly |_results| {}
    picture_alone_is_kept: PictureOnly |results| {
        said(&results, "source", "no sound");
    }
}

#[test]
fn no_kind_of_input_is_left_out() {
    let source = include_str!("inputs.rs");
    for kind in Clip::ALL.iter().filter(|kind| **kind != Clip::Brief) {
        let named = source.contains(&format!(": {kind:?} |"));
        assert!(named, "{kind:?} is made by no test");
    }
}
