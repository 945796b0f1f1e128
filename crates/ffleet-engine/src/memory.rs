//! How much memory a build of FFmpeg takes: measured when an engine is proven, and what it says of
//! a job.
//!
//! Builds differ: in the libraries that are loaded before the first frame, in how many pictures
//! their encoders look ahead, in what each thread of an encoder keeps. So the worker runs
//! [`calibrations`] and notes the largest resident set of each. Two sizes of an encoder say what it
//! takes for itself and what for each pixel; frames have borders, so that the line goes through
//! the sizes with their borders. A third says what its threads take, for those in which builds
//! differ. What was not measured is taken from the two builds that this was held against
//! (docs/design/memory.md).

use std::collections::BTreeMap;

use ffleet_types::node::Engine;

use crate::predict::Work;
use crate::threads::{Budget, Build};

mod encoders;

use encoders::{ENCODERS, Encoder};

/// The sizes of the pictures that calibrations encode.
const SMALL: (u32, u32) = (192, 112);
const LARGE: (u32, u32) = (448, 256);
const MIB: f64 = 1_048_576.0;

/// The calibrations of a build that has proven `encoders`: a name for each, and its arguments.
/// They read `/dev/zero` and write nowhere, so that a peak is the program's own.
#[must_use]
pub fn calibrations(encoders: &[String]) -> Vec<(String, Vec<String>)> {
    let line = |size: (u32, u32), frames: u32, options: &str| {
        let (width, height) = size;
        let line = format!(
            "-nostdin -hide_banner -nostats -loglevel error -filter_threads 1 -filter_complex_threads 1 \
             -f rawvideo -pixel_format yuv420p -video_size {width}x{height} -framerate 25 -threads 1 \
             -i /dev/zero -frames:v {frames} {options} -f null -"
        );
        line.split_ascii_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    let mut all = vec![("base".to_owned(), line(SMALL, 16, "-c:v rawvideo -threads 1"))];
    let known = ENCODERS
        .iter()
        .filter(|encoder| encoders.iter().any(|proven| proven == encoder.name));
    for Encoder { name, frames, options, threads, .. } in known {
        let options = format!("-c:v {name} {options}");
        all.push((
            format!("{name} small"),
            line(SMALL, *frames, &format!("{options} {}", threads.one)),
        ));
        all.push((
            format!("{name} large"),
            line(LARGE, *frames, &format!("{options} {}", threads.one)),
        ));
        if let Some(eight) = threads.eight {
            all.push((
                format!("{name} threads"),
                line(LARGE, *frames, &format!("{options} {eight}")),
            ));
        }
    }
    all
}

/// What a build takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Footprint {
    /// Libraries, and a chain from file to file, in bytes.
    base: f64,
    /// Bytes for each pixel that goes through a chain.
    chain: f64,
    encoders: BTreeMap<&'static str, Measured>,
    is_crowded: bool,
}

/// What was measured of an encoder, in bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Measured {
    /// Whatever the size.
    fixed: f64,
    /// For each pixel, borders included, with one thread.
    pixel: f64,
    /// For the threads of eight CPUs at the large size.
    threads: f64,
}

impl Footprint {
    /// What was measured of `engine`, and for the rest what builds of its age take.
    #[must_use]
    pub fn of(engine: &Engine, build: &Build) -> Self {
        let is_old = build.is_old();
        let chain = if is_old { 13.0 } else { 42.0 };
        let measured = |name: &str| engine.memory.get(name).map(|&bytes| float(bytes));
        let customary = if is_old { 53.0 * MIB } else { 34.0 * MIB };
        let base = measured("base").filter(|base| (MIB..=1_024.0 * MIB).contains(base));
        let of = |encoder: &'static Encoder| {
            let part = |name: &str| {
                // Without both there is no difference.
                let all = measured(&format!("{} {name}", encoder.name))?;
                Some(all - base?)
            };
            let weighed =
                Measured::of(encoder, chain, part("small"), part("large"), part("threads"));
            let [small, large, threads] = encoder.customary(is_old).map(|mib| Some(mib * MIB));
            let found = weighed.or_else(|| Measured::of(encoder, chain, small, large, threads))?;
            Some((encoder.name, found))
        };
        Self {
            base: base.unwrap_or(customary),
            chain,
            encoders: ENCODERS.iter().filter_map(of).collect(),
            is_crowded: build.is_crowded(),
        }
    }

    /// Libraries, demuxer, muxer.
    pub(crate) fn base(&self) -> f64 {
        self.base + 2.0 * MIB
    }

    /// Bytes that a decoder with so many `threads` takes for pictures of so many `pixels` with so many
    /// `bytes` each: the pictures that others refer to, and for each thread one at work and one that
    /// waits to be shown.
    pub(crate) fn decoder(&self, pixels: f64, bytes: f64, threads: u32) -> f64 {
        let more = f64::from(threads.saturating_sub(1));
        let frames = 9.0 + 1.9 * more;
        pixels * bytes * frames + (4.0 + 1.25 * more) * MIB
    }

    /// Bytes that the encoder of a picture takes.
    pub(crate) fn encoder(&self, work: &Work, budget: Budget) -> f64 {
        let pixels = f64::from(work.size.0) * f64::from(work.size.1);
        let depth = if work.bits > 8 { 2.0 } else { 1.0 };
        let chain = pixels * self.chain * depth;
        let Some((encoder, measured)) = ENCODERS
            .iter()
            .find(|encoder| encoder.name == work.encoder)
            .and_then(|encoder| Some((encoder, self.encoders.get(encoder.name)?)))
        else {
            // Pictures and encoders without look-ahead: a frame for each thread, and a few.
            let frames = 8.0 + 2.0 * f64::from(budget.busy());
            return chain + pixels * 1.5 * depth * frames + 4.0 * MIB;
        };
        let (share, of_threads) = encoder.share(work, budget, self.is_crowded);
        let deep = encoder.depth(work.bits, self.is_crowded);
        let area = encoder.area(work.size);
        let frames = measured.pixel * area * share * deep * encoder.content;
        let growth = encoder.alike + (1.0 - encoder.alike) * area / encoder.area(LARGE);
        let crew = encoder.crew(budget, self.is_crowded);
        let threads = measured.threads * crew * growth * of_threads * deep;
        chain + measured.fixed + frames + threads
    }
}

impl Measured {
    /// The line through two sizes; nothing where they cannot be right.
    fn of(
        encoder: &Encoder,
        chain: f64,
        small: Option<f64>,
        large: Option<f64>,
        threads: Option<f64>,
    ) -> Option<Self> {
        let less = |part: Option<f64>, (width, height): (u32, u32)| {
            Some(part? - chain * f64::from(width) * f64::from(height))
        };
        let (small, large) = (less(small, SMALL)?, less(large, LARGE)?);
        let (from, to) = (encoder.area(SMALL), encoder.area(LARGE));
        let pixel = (large - small) / (to - from);
        // A frame is a byte and a half a pixel, and no encoder holds a thousand.
        if !(1.5..=1_500.0).contains(&pixel) || small < 0.0 {
            return None;
        }
        let threads = match (encoder.threads.eight, less(threads, LARGE)) {
            (Some(_), Some(all)) => (all - large).max(0.0),
            (Some(_), None) => return None,
            (None, _) => encoder.threads.customary * MIB,
        };
        Some(Self { fixed: (small - pixel * from).max(0.0), pixel, threads })
    }
}

#[expect(clippy::cast_precision_loss, reason = "a prediction needs no more than 53 bits")]
const fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use ffleet_media::recipe::Effort;
    use ffleet_types::Cpu;

    use super::*;

    fn footprint(version: &str, memory: &[(&str, f64)]) -> Footprint {
        let mut engine = crate::plan::tests::engine();
        version.clone_into(&mut engine.version);
        let bytes = |mib: f64| format!("{:.0}", mib * MIB).parse().unwrap();
        engine.memory = memory
            .iter()
            .map(|&(name, mib)| (name.to_owned(), bytes(mib)))
            .collect();
        Footprint::of(&engine, &Build::of(&engine))
    }

    /// What an encode of 1280×720 takes, in MiB.
    fn encoder(footprint: &Footprint, encoder: &str, cpus: u32) -> f64 {
        encoder_of(footprint, encoder, cpus, (1_280, 720))
    }

    fn encoder_of(footprint: &Footprint, encoder: &str, cpus: u32, size: (u32, u32)) -> f64 {
        let work = Work {
            encoder: encoder.to_owned(),
            effort: Effort::Balanced,
            live: false,
            size,
            bits: 8,
            fps: 30.0,
        };
        footprint.encoder(&work, Budget::fitted(Cpu::whole(cpus))) / MIB
    }

    const MEASURED: &[(&str, f64)] = &[
        ("base", 40.0),
        ("libx265 small", 60.0),
        ("libx265 large", 80.0),
        ("libx265 threads", 100.0),
    ];

    #[test]
    fn what_was_measured_counts_and_the_rest_is_customary() {
        let (measured, customary) = (footprint("5.1", MEASURED), footprint("5.1", &[]));
        assert!((measured.base() / MIB - 42.0).abs() < 0.1, "{measured:?}");
        for cpus in [1, 8] {
            let x264 = |footprint| encoder(footprint, "libx264", cpus);
            assert!((x264(&measured) - x264(&customary)).abs() < 0.1);
        }
        let threads =
            |footprint| encoder(footprint, "libx265", 8) - encoder(footprint, "libx265", 1);
        assert!(threads(&measured) > 1.3 * threads(&customary));
    }

    #[test]
    fn measurements_that_cannot_be_right_do_not_count() {
        let customary = footprint("5.1", &[]);
        for (name, mib) in [
            ("libx265 large", 60.0),
            ("libx265 large", 4_096.0),
            ("libx265 small", 0.0),
            ("base", 0.0),
            ("base", 70.0),
        ] {
            let mut memory = MEASURED.to_vec();
            memory.retain(|(other, _)| *other != name);
            let without = footprint("5.1", &memory);
            memory.push((name, mib));
            for footprint in [without, footprint("5.1", &memory)] {
                let off = encoder(&footprint, "libx265", 4) - encoder(&customary, "libx265", 4);
                assert!(off.abs() < 0.1, "{name} {mib}: {footprint:?}");
            }
        }
    }

    #[test]
    fn new_svt_av1_holds_fewer_pictures_of_1080_lines() {
        let by = |version: &str, size| encoder_of(&footprint(version, &[]), "libsvtav1", 2, size);
        assert!(by("9.0", (1_920, 1_080)) < by("9.0", (1_600, 900)));
        assert!(by("5.1", (1_920, 1_080)) > by("5.1", (1_600, 900)));
        assert!(by("9.0", (2_560, 1_440)) > 1.5 * by("9.0", (1_920, 1_080)));
    }

    #[test]
    fn old_svt_av1_holds_fewer_pictures_of_2160_lines_with_one_thread() {
        let per_pixel = |version: &str, cpus, (width, height)| {
            let all = encoder_of(&footprint(version, &[]), "libsvtav1", cpus, (width, height));
            all / f64::from(width * height)
        };
        let (below, above) = ((3_072, 1_728), (3_200, 1_800));
        for cpus in [1, 2] {
            assert!(per_pixel("5.1", cpus, above) < 0.8 * per_pixel("5.1", cpus, below));
        }
        assert!(per_pixel("5.1", 3, above) > 0.95 * per_pixel("5.1", 3, below));
        assert!(per_pixel("9.0", 2, above) > 0.95 * per_pixel("9.0", 2, below));
    }

    #[test]
    fn only_what_a_build_has_is_calibrated() {
        let all = calibrations(&["libx264".to_owned(), "libsvtav1".to_owned(), "png".to_owned()]);
        let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
        let expected = [
            "base",
            "libx264 small",
            "libx264 large",
            "libsvtav1 small",
            "libsvtav1 large",
            "libsvtav1 threads",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn more_pixels_threads_and_depth_take_more() {
        for version in ["5.1", "9.0"] {
            let footprint = footprint(version, &[]);
            for Encoder { name, .. } in ENCODERS {
                let mut last = 0.0;
                for cpus in [1, 2, 4, 8, 16, 64] {
                    let now = encoder(&footprint, name, cpus);
                    assert!(now >= last && now < 4_096.0, "{name}: {now} after {last}");
                    last = now;
                }
            }
        }
    }
}
