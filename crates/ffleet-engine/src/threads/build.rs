//! What differs between builds of FFmpeg: how many threads they start for themselves.
//!
//! Up to 6 one thread reads, decodes, filters, encodes and writes, and only a second input gets
//! a thread. Since 7 each file and each step has one. Versions say which, but distributions patch
//! and libraries are exchanged beneath a build; so the worker runs [`calibrations`] and counts. They
//! read `/dev/zero` at the speed of the clock for [`SECONDS`], so that a count once a second sees
//! them with all their threads.

use std::collections::BTreeMap;

use ffleet_types::node::Engine;

use super::pools::{self, Ask};
use super::svt;

/// How long a calibration lasts.
pub const SECONDS: &str = "2.4";

/// What is run and counted, and how many threads are its encoder's by our own count.
const CALIBRATIONS: &[(&str, &str, &str)] = &[
    ("copy", "", "-map 0 -c copy"),
    ("copies", "", "-map 0 -map 1 -c copy"),
    ("transcode", "", "-map 0 -c:v rawvideo -threads 1"),
    ("libx264", "libx264", "-map 0 -c:v libx264 -preset ultrafast -threads 3"),
    (
        "libx265",
        "libx265",
        "-map 0 -c:v libx265 -preset ultrafast -x265-params log-level=none:pools=2:frame-threads=1",
    ),
    (
        "libsvtav1 lp=1",
        "libsvtav1",
        "-map 0 -c:v libsvtav1 -preset 10 -svtav1-params lp=1",
    ),
    (
        "libsvtav1 lp=2",
        "libsvtav1",
        "-map 0 -c:v libsvtav1 -preset 10 -svtav1-params lp=2",
    ),
];

/// The size of the picture that calibrations encode.
const SIZE: (u32, u32) = (64, 64);

/// The calibrations of a build that has proven `encoders`: a name for each, and its arguments.
#[must_use]
pub fn calibrations(encoders: &[String]) -> Vec<(&'static str, Vec<String>)> {
    let input = format!(
        "-f rawvideo -pixel_format yuv420p -video_size {}x{} -framerate 25 -re -t {SECONDS} -threads 1 \
         -i /dev/zero ",
        SIZE.0, SIZE.1
    );
    CALIBRATIONS
        .iter()
        .filter(|(_, encoder, _)| {
            encoder.is_empty() || encoders.iter().any(|proven| proven == encoder)
        })
        .map(|&(name, _, output)| {
            let inputs = if name == "copies" { 2 } else { 1 };
            let line = format!(
                "-nostdin -hide_banner -nostats -loglevel error -filter_threads 1 \
                 -filter_complex_threads 1 {}{output} -f null -",
                input.repeat(inputs)
            );
            (name, line.split_ascii_whitespace().map(str::to_owned).collect())
        })
        .collect()
}

/// What a build starts by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// Threads for each file that is read or written.
    pub(super) file: u32,
    /// Threads for each step of a track: decoder, filter graph, encoder.
    pub(super) step: u32,
    /// Threads for each input where there are several.
    pub(super) input: u32,
    /// Whether many threads are started by the test picture's generator: one for each CPU, or 16 at
    /// most.
    pub(super) is_old: bool,
    /// How SVT-AV1 sizes itself.
    pub(super) svt: svt::Kind,
    /// Threads that an encoder has beyond what is known of it.
    beyond: BTreeMap<&'static str, i64>,
}

impl Build {
    /// What was measured of `engine`, and what its version says where nothing was.
    #[must_use]
    pub fn of(engine: &Engine) -> Self {
        let is_old = version(&engine.version) < 7;
        let counted = |name: &str| engine.threads.get(name).copied().filter(|&count| count > 0);
        let mut build = Self {
            file: u32::from(!is_old),
            step: u32::from(!is_old),
            input: u32::from(is_old),
            is_old,
            svt: if is_old { svt::Kind::Crowded } else { svt::Kind::Lean },
            beyond: BTreeMap::new(),
        };
        let (Some(copy), Some(copies), Some(transcode)) =
            (counted("copy"), counted("copies"), counted("transcode"))
        else {
            return build;
        };
        // Threads that were counted before all of them were there say nothing.
        let own = |name: &str| counted(name).map(|count| count.saturating_sub(transcode));
        if transcode < copy || own("libx264").is_some_and(|count| count < 3) {
            return build;
        }
        // The main thread, a file that is read and one that is written.
        build.file = copy.saturating_sub(1) / 2;
        build.step = transcode.saturating_sub(copy) / 3;
        // The second input has what it has alone, and both what they have because there are two.
        build.input = copies.saturating_sub(copy + build.file) / 2;
        if let Some(count) = own("libsvtav1 lp=1") {
            build.svt = svt::Kind::of(count);
        }
        for &(name, encoder, line) in CALIBRATIONS {
            if let (Some(count), false) = (own(name), encoder.is_empty()) {
                let beyond = i64::from(count) - i64::from(build.known(encoder, line));
                let most = build.beyond.entry(name).or_default();
                *most = beyond;
            }
        }
        build
    }

    /// The threads of the encoder in a calibration, by our own count.
    fn known(&self, encoder: &str, line: &str) -> u32 {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let value = |option: &str| {
            words
                .iter()
                .position(|word| *word == option)
                .and_then(|at| words.get(at + 1))
                .copied()
        };
        let ask = Ask {
            threads: value("-threads").and_then(|text| text.parse().ok()).unwrap_or(1),
            size: SIZE,
            seen: u32::MAX,
            option: &value,
        };
        pools::encoder(encoder, &ask, self)
    }

    /// Threads that an encoder has beyond those it is known to have; few, and none on the builds
    /// that were looked at.
    pub(super) fn beyond(&self, encoder: &str, level: u32) -> i64 {
        let name = match (encoder, level) {
            ("libsvtav1", 0..=1) => "libsvtav1 lp=1",
            ("libsvtav1", _) => "libsvtav1 lp=2",
            (name, _) => name,
        };
        self.beyond.get(name).copied().unwrap_or(0)
    }

    /// Whether both start the same.
    #[must_use]
    pub fn agrees_with(&self, other: &Self) -> bool {
        let plain = |build: &Self| Self { beyond: BTreeMap::new(), ..build.clone() };
        plain(self) == plain(other)
            && self
                .beyond
                .values()
                .chain(other.beyond.values())
                .all(|&beyond| beyond == 0)
    }

    /// Whether it is of a release before 7.
    pub(crate) const fn is_old(&self) -> bool {
        self.is_old
    }

    /// Whether SVT-AV1 starts more than a dozen threads where it is told one CPU.
    #[must_use]
    pub fn is_crowded(&self) -> bool {
        self.svt == svt::Kind::Crowded
    }
}

/// The first number of a version; builds from git name none, and are taken for new.
fn version(text: &str) -> u32 {
    text.trim_start_matches(['n', 'v'])
        .split(|letter: char| !letter.is_ascii_digit())
        .next()
        .and_then(|number| number.parse().ok())
        .unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engine(version: &str, threads: &[(&str, u32)]) -> Engine {
        Engine {
            name: "ffmpeg".to_owned(),
            path: String::new(),
            version: version.to_owned(),
            hash: String::new(),
            encoders: Vec::new(),
            decoders: Vec::new(),
            filters: Vec::new(),
            muxers: Vec::new(),
            listed: Vec::new(),
            unproven: BTreeMap::new(),
            threads: threads.iter().map(|&(name, count)| (name.to_owned(), count)).collect(),
            memory: BTreeMap::new(),
        }
    }

    const OLD: &[(&str, u32)] = &[
        ("copy", 1),
        ("copies", 3),
        ("transcode", 1),
        ("libx264", 5),
        ("libx265", 4),
        ("libsvtav1 lp=1", 17),
        ("libsvtav1 lp=2", 68),
    ];
    const NEW: &[(&str, u32)] = &[
        ("copy", 3),
        ("copies", 4),
        ("transcode", 6),
        ("libx264", 10),
        ("libx265", 9),
        ("libsvtav1 lp=1", 6),
        ("libsvtav1 lp=2", 43),
    ];

    #[test]
    fn calibration_says_what_the_version_says_on_builds_that_were_looked_at() {
        for (version, threads) in [("5.1.9-0+deb12u1", OLD), ("n9.0.2-17-g2a571b6068", NEW)] {
            let (said, measured) = (engine(version, &[]), engine(version, threads));
            let (said, measured) = (Build::of(&said), Build::of(&measured));
            assert!(measured.beyond.values().all(|&beyond| beyond == 0), "{measured:?}");
            assert_eq!(Build { beyond: BTreeMap::new(), ..measured }, said);
        }
    }

    #[test]
    fn patched_build_is_believed_rather_than_its_version() {
        let build = Build::of(&engine("5.1", NEW));
        assert_eq!((build.file, build.step, build.input), (1, 1, 0));
        assert!(!build.is_crowded());
        let more: Vec<_> = NEW
            .iter()
            .map(|&(name, count)| (name, count + u32::from(name == "libx265")))
            .collect();
        assert_eq!(Build::of(&engine("9.0", &more)).beyond("libx265", 0), 1);
    }

    #[test]
    fn only_what_a_build_has_is_calibrated() {
        let names: Vec<&str> = calibrations(&["libx264".to_owned()])
            .iter()
            .map(|(name, _)| *name)
            .collect();
        assert_eq!(names, ["copy", "copies", "transcode", "libx264"]);
        let (_, args) = &calibrations(&[])[1];
        assert_eq!(args.iter().filter(|word| *word == "/dev/zero").count(), 2);
    }
}
