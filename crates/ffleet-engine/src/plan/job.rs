//! The facts that all outputs of a job share.

use ffleet_media::{Probe, Source, Spec};
use ffleet_types::Span;
use ffleet_types::node::Engine;

use super::{Budget, Refused};
use crate::input;
use crate::memory::Footprint;
use crate::threads::Build;

/// A job to be planned.
#[derive(Debug)]
pub(super) struct Job<'a> {
    pub(super) spec: &'a Spec,
    pub(super) probe: &'a Probe,
    pub(super) engine: &'a Engine,
    /// What its build starts by itself.
    pub(super) build: Build,
    /// How much memory its build takes.
    pub(super) footprint: Footprint,
    pub(super) budget: Budget,
    /// How much of the input is read, in microseconds, where known.
    pub(super) length: Option<u64>,
    /// Whether that length can be relied on. Raw streams have none, and FFmpeg guesses it from
    /// their size.
    pub(super) is_length_exact: bool,
}

impl<'a> Job<'a> {
    pub(super) fn new(
        spec: &'a Spec,
        probe: &'a Probe,
        engine: &'a Engine,
        budget: Budget,
    ) -> Result<Self, Refused> {
        if spec.outputs.is_empty() {
            return Err(Refused::user("the job has no output: say where its result goes"));
        }
        let is_test = matches!(spec.input, Source::Test(_));
        if is_test && spec.is_live() && spec.duration.is_none() {
            return Err(Refused::user(
                "a test picture sent to a live destination never ends: say how long it lasts",
            ));
        }
        let whole = probe.duration_micros;
        let limit = spec
            .duration
            .map(micros)
            .or_else(|| is_test.then(|| micros(input::TEST_LENGTH)));
        let length = if is_test { limit } else { least(whole, limit) };
        let is_length_exact = is_test
            || has_exact_length(&probe.format)
            || probe.video.iter().any(|track| track.frames.is_some());
        let build = Build::of(engine);
        let footprint = Footprint::of(engine, &build);
        Ok(Self { spec, probe, engine, build, footprint, budget, length, is_length_exact })
    }

    /// The length of a result that may be limited further, in microseconds.
    pub(super) fn length_of(&self, limit: Option<Span>) -> Option<u64> {
        least(self.length, limit.map(micros))
    }

    /// The length of the longest of these tracks, in microseconds, as far as it is read; nothing
    /// where that is not known.
    pub(super) fn own_length(&self, tracks: &[u32]) -> Option<u64> {
        let video = self
            .probe
            .video
            .iter()
            .map(|track| (track.index, track.duration_micros));
        let audio = self
            .probe
            .audio
            .iter()
            .map(|track| (track.index, track.duration_micros));
        let all: Vec<(u32, Option<u64>)> = video.chain(audio).collect();
        let kept: Vec<Option<u64>> = all
            .iter()
            .filter(|(index, _)| tracks.contains(index))
            .map(|&(_, length)| length)
            .collect();
        let longest = kept.iter().copied().collect::<Option<Vec<u64>>>();
        match longest.and_then(|lengths| lengths.into_iter().max()) {
            Some(longest) => least(Some(longest), self.length),
            // The longest of all is among them if they are all.
            None if kept.len() == all.len() => self.length,
            None => None,
        }
    }

    /// Opens the input from its start.
    pub(super) fn open_whole(&self, args: &mut Vec<String>) {
        if self.spec.is_live() {
            args.push("-re".to_owned());
        }
        let limit = match self.spec.input {
            Source::Test(_) => {
                Some(self.spec.duration.map_or_else(|| micros(input::TEST_LENGTH), micros))
            }
            Source::File(_) | Source::Url(_) => self.spec.duration.map(micros),
        };
        if let Some(limit) = limit {
            args.extend(["-t".to_owned(), seconds(limit)]);
        }
        self.open(args);
    }

    /// Opens the input once more, at a position.
    pub(super) fn open_at(&self, position: u64, args: &mut Vec<String>) {
        args.extend(["-ss".to_owned(), seconds(position)]);
        self.open(args);
    }

    fn open(&self, args: &mut Vec<String>) {
        args.extend(["-threads".to_owned(), self.budget.decoder().to_string()]);
        args.extend(input::open(&self.spec.input));
    }

    /// Whether the engine has proven an encoder.
    pub(super) fn encodes(&self, encoder: &str) -> bool {
        self.engine.encoders.iter().any(|proven| proven == encoder)
    }

    /// The first of `encoders` that the engine has proven.
    pub(super) fn encoder(&self, encoders: &[&'static str]) -> Result<&'static str, Refused> {
        encoders.iter().copied().find(|encoder| self.encodes(encoder)).ok_or_else(|| {
            let why = encoders
                .iter()
                .find_map(|encoder| self.engine.unproven.get(&format!("encoder {encoder}")))
                .map_or_else(String::new, |words| format!(" (it says: {words})"));
            Refused::engine(format!(
                "this FFmpeg ({}) has no working encoder {}{why}; install an FFmpeg that has one",
                self.engine.version,
                encoders.join(" or ")
            ))
        })
    }

    /// Whether the engine does not have a filter. One that does not say what it lists may.
    pub(super) fn lacks(&self, filter: &str) -> bool {
        !self.engine.filters.is_empty() && !self.filters(&[filter])
    }

    /// Refuses a muxer that the engine does not list.
    pub(super) fn has_muxer(&self, muxer: &str) -> Result<(), Refused> {
        let muxers = &self.engine.muxers;
        if muxers.is_empty() || muxers.iter().any(|listed| listed == muxer) {
            return Ok(());
        }
        Err(Refused::engine(format!(
            "muxer {muxer} is not in this FFmpeg ({}): choose another container, or set `engine.ffmpeg` \
             to a build that has it",
            self.engine.version
        )))
    }

    /// Whether the engine lists all of `filters`.
    pub(super) fn filters(&self, filters: &[&str]) -> bool {
        filters
            .iter()
            .all(|filter| self.engine.filters.iter().any(|listed| listed == filter))
    }

    /// Whether the engine's version is this or a later one. Builds from git name no number, and are
    /// taken for new.
    pub(super) fn is_at_least(&self, major: u32, minor: u32) -> bool {
        numbers(&self.engine.version).is_none_or(|version| version >= (major, minor))
    }

    /// Refuses a track whose decoder is known not to work. One that was never tried may.
    pub(super) fn decodes(&self, codec: &str) -> Result<(), Refused> {
        match self.engine.unproven.get(&format!("decoder {codec}")) {
            None => Ok(()),
            Some(words) => Err(Refused::engine(format!(
                "this FFmpeg ({}) cannot decode {codec}: {words}",
                self.engine.version
            ))),
        }
    }
}

/// Containers that say how long they are. The others are measured by their bit rate.
fn has_exact_length(format: &str) -> bool {
    const EXACT: [&str; 12] = [
        "mov", "matroska", "webm", "avi", "wav", "flac", "ogg", "asf", "mxf", "nut", "w64", "lavfi",
    ];
    format.split(',').any(|name| EXACT.contains(&name))
}

/// A span in microseconds; the longest span there is fits.
pub(super) fn micros(span: Span) -> u64 {
    u64::try_from(span.0.as_micros()).unwrap_or(u64::MAX)
}

/// Microseconds as FFmpeg's seconds.
pub(super) fn seconds(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

fn least(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// The first two numbers of a version, `5.1.9-0+deb12u1` or `n6.0`.
fn numbers(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version
        .trim_start_matches(['n', 'v'])
        .split(|letter: char| !letter.is_ascii_digit())
        .map(|part| part.parse().ok());
    let major = numbers.next()??;
    Some((major, numbers.next().flatten().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_distributions_write_them() {
        for (version, read) in [
            ("5.1.9-0+deb12u1", Some((5, 1))),
            ("7.1", Some((7, 1))),
            ("n6.0", Some((6, 0))),
            ("4.4.2-0ubuntu0.22.04.1", Some((4, 4))),
            ("8", Some((8, 0))),
            ("N-112000-gabcdef", None),
            ("git-2024", None),
        ] {
            assert_eq!(numbers(version), read, "{version}");
        }
    }

    #[test]
    fn seconds_are_exact_to_the_microsecond() {
        assert_eq!(seconds(90_000_001), "90.000001");
        assert_eq!(seconds(0), "0.000000");
    }
}
