//! An FFmpeg that is put to the test: what it lists, and what its calibrations had.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use ffleet_engine::capability::{self, listed, version};
use ffleet_engine::threads::build::calibrations;
use ffleet_testkit::cpus::{Cpus, count, new_ffmpeg};
use ffleet_testkit::need;
use ffleet_types::node::Engine;

use crate::fixture::run;

/// An FFmpeg.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) program: PathBuf,
    pub(super) engine: Engine,
}

impl Subject {
    /// The system's.
    pub(super) fn debian() -> Option<Self> {
        static SUBJECT: LazyLock<Option<Subject>> = LazyLock::new(|| {
            need::ffprobe()?;
            need::ffmpeg().map(|program| Subject::of(&program))
        });
        SUBJECT.clone()
    }

    /// The wheel's. It has no ffprobe; the system's is asked.
    pub(super) fn wheel() -> Option<Self> {
        static SUBJECT: LazyLock<Option<Subject>> = LazyLock::new(|| {
            need::ffmpeg()?;
            need::ffprobe()?;
            new_ffmpeg().map(|program| Subject::of(&program))
        });
        SUBJECT.clone()
    }

    fn of(program: &Path) -> Self {
        let ask = |args: &[&str]| run(program.to_str().unwrap(), args);
        let encoders = listed(&ask(&capability::ENCODERS));
        // All at once: they wait for the clock.
        let calibrations = calibrations(&encoders);
        let cpus = Cpus { machine: 2, allowed: 2 };
        let threads = std::thread::scope(|scope| {
            let counts: Vec<_> = calibrations
                .iter()
                .map(|(name, args)| (*name, scope.spawn(|| count(program, args, cpus, None))))
                .collect();
            counts
                .into_iter()
                .map(|(name, count)| {
                    let counted = count.join().unwrap();
                    assert_eq!(counted.complaint(), None, "{name}: {}", counted.words);
                    (name.to_owned(), counted.peak)
                })
                .collect()
        });
        let engine = Engine {
            name: "ffmpeg".to_owned(),
            path: program.to_string_lossy().into_owned(),
            version: version(&ask(&capability::VERSION)).unwrap(),
            hash: String::new(),
            encoders,
            decoders: Vec::new(),
            filters: listed(&ask(&capability::FILTERS)),
            muxers: capability::muxers(&ask(&capability::MUXERS)),
            listed: Vec::new(),
            unproven: std::collections::BTreeMap::new(),
            threads,
            memory: std::collections::BTreeMap::new(),
        };
        Self { program: program.to_owned(), engine }
    }
}

#[test]
fn calibration_finds_what_the_version_promises() {
    for subject in [Subject::debian(), Subject::wheel()].into_iter().flatten() {
        let measured = ffleet_engine::threads::Build::of(&subject.engine);
        let said = Engine { threads: std::collections::BTreeMap::new(), ..subject.engine.clone() };
        let said = ffleet_engine::threads::Build::of(&said);
        assert!(
            measured.agrees_with(&said),
            "{:?}: {measured:?}, not {said:?}",
            subject.engine.threads
        );
    }
}
