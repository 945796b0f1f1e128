//! Every preset, once, on ordinary input (shorter for the large ones): its result is what its name
//! promises.

use std::path::Path;

use ffleet_media::preset;
use ffleet_testkit::media::Clip;

use super::differences::unexcused;
use super::facts::{Facts, float};
use super::promise::{Kind, Promise};
use super::{clip, make};
use crate::fixture::Bench;

/// How far a frame rate may be off: what rounding of timestamps does to a short file.
const RATE_SLACK: f64 = 0.012;

/// Makes all presets whose names begin so of `input`, and holds the results to the names.
async fn keep_their_names(input: Clip, prefixes: &[&str]) {
    let Some(bench) = Bench::start().await else { return };
    let input = clip(input);
    let before = Facts::of(&input);
    let all = preset::names();
    let names: Vec<_> = all
        .iter()
        .filter(|name| prefixes.iter().any(|prefix| name.starts_with(prefix)))
        .collect();
    assert!(!names.is_empty(), "{prefixes:?}");
    for name in names {
        let made = make(&bench, &input, name, "").await;
        let after = made.facts();
        let promise = Promise::of(name);
        hold(name, &promise, &before, &after);
        let silent = unexcused(&promise, &made.notes, &before, &after);
        assert!(silent.is_empty(), "{name}: {silent:#?}\nsaid is: {:#?}", made.notes);
        if promise.format.starts_with("mov") {
            assert!(is_index_first(&made.path), "{name}: a player must wait for the whole file");
        }
        made.remove();
    }
    bench.end(&[]).await;
}

/// What the name says is there, whatever the input was.
fn hold(name: &str, promise: &Promise, before: &Facts, after: &Facts) {
    assert_eq!(after.format, promise.format, "{name}");
    let has_picture = promise.kind != Kind::Sound;
    assert_eq!(after.pictures.len(), usize::from(has_picture), "{name}");
    let has_sound = !matches!(promise.kind, Kind::Still | Kind::Gif);
    assert_eq!(after.sounds.len(), usize::from(has_sound), "{name}");
    if let (Some(codec), Some(sound)) = (promise.audio, after.sounds.first()) {
        assert_eq!(sound.codec, codec, "{name}");
    }
    let Some(picture) = after.pictures.first() else { return };
    if let Some(codec) = promise.video {
        assert_eq!(picture.codec, codec, "{name}");
    }
    let (width, height) = picture.size;
    if let Some(lines) = promise.lines {
        assert_eq!(width.min(height), lines, "{name}");
        assert_eq!((width % 2, height % 2), (0, 0), "{name}");
    }
    let length = before.pictures[0].times.last().unwrap() + 1.0 / before.pictures[0].fps;
    match promise.fps {
        // A GIF counts hundredths of a second, and equal frames are one.
        Some(fps) if promise.kind == Kind::Gif => {
            assert!((picture.fps / fps - 1.0).abs() < 0.25, "{name}: {}", picture.fps);
        }
        Some(fps) => {
            let steps = picture.times.windows(2).map(|pair| pair[1] - pair[0]);
            for step in steps {
                assert!((step * fps - 1.0).abs() < 0.06, "{name}: {:?}", picture.times);
            }
            assert!((picture.fps / fps - 1.0).abs() < RATE_SLACK, "{name}: {}", picture.fps);
            let frames = float(picture.times.len() as u64);
            assert!((frames - length * fps).abs() <= 1.0, "{name}: {frames} frames");
        }
        None => {}
    }
}

/// Whether an MP4 file has its index before its media (`moov` before `mdat`).
fn is_index_first(path: &Path) -> bool {
    let bytes = std::fs::read(path).unwrap();
    let place = |kind: &[u8]| bytes.windows(4).position(|window| window == kind);
    place(b"moov").unwrap() < place(b"mdat").unwrap()
}

macro_rules! held {
    ($($test:ident: $clip:ident $prefixes:expr;)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $test() {
            keep_their_names(Clip::$clip, &$prefixes).await;
        }
    )*};
}

held! {
    of_480_lines_up_to_25_keep_their_names: Ordinary ["480p-", "480p24", "480p25"];
    of_480_lines_beyond_keep_their_names: Ordinary ["480p30", "480p50", "480p60"];
    of_720_lines_keep_their_names: Brief ["720p"];
    of_1080_lines_keep_their_names: Brief ["1080p"];
    of_1440_lines_without_rate_keep_their_names: Brief ["1440p-", "1440p24"];
    of_1440_lines_at_25_and_30_keep_their_names: Brief ["1440p25", "1440p30"];
    of_1440_lines_at_50_and_60_keep_their_names: Brief ["1440p50", "1440p60"];
    of_4k_without_rate_keep_their_names: Brief ["4k-", "4k24"];
    of_4k_at_25_and_30_keep_their_names: Brief ["4k25", "4k30"];
    of_4k_at_50_keep_their_names: Brief ["4k50"];
    of_4k_at_60_keep_their_names: Brief ["4k60"];
    of_the_sources_size_keep_their_names: Ordinary ["source-"];
    for_an_audience_keep_their_names: Ordinary ["live-"];
    of_sound_keep_their_names: Ordinary ["aac-", "opus-", "mp3-", "flac"];
    of_copies_and_pictures_keep_their_names: Ordinary ["copy", "thumbnail", "gif"];
}

#[test]
fn no_preset_is_left_out() {
    let source = include_str!("names.rs");
    let (_, listed) = source.split_once("held! {").unwrap();
    let (listed, _) = listed.split_once("\n}").unwrap();
    let prefixes: Vec<&str> = listed.split('"').skip(1).step_by(2).collect();
    for name in preset::names() {
        let count = prefixes.iter().filter(|prefix| name.starts_with(*prefix)).count();
        assert_eq!(count, 1, "{name} is in {count} of the tests");
    }
}
