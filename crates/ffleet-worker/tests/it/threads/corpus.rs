//! The commands whose threads are counted.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex};

use ffleet_engine::Plan;
use ffleet_engine::probe::{Question, command, parse};
use ffleet_engine::threads::Budget;
use ffleet_media::{Probe, Spec, preset};
use ffleet_testkit::media::Clip;
use serde_json::{Value, json};

use super::subject::Subject;
use crate::fixture::{run, shared};

/// A job: an input, and outputs by preset or by a person's own options.
#[derive(Clone, Debug)]
pub(super) struct Case {
    input: Input,
    outputs: Vec<Output>,
    cpus: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Input {
    Clip(Clip),
    Test(&'static str),
}

/// An output: by a preset, or by options and the ending of its name.
#[derive(Clone, Debug)]
pub(super) enum Output {
    Preset(String),
    Raw(String, &'static str),
}

impl Case {
    pub(super) fn new(clip: Clip, outputs: Vec<Output>) -> Self {
        Self { input: Input::Clip(clip), outputs, cpus: u32::MAX }
    }

    /// A job that makes a picture up.
    pub(super) fn test(name: &'static str, outputs: Vec<Output>) -> Self {
        Self { input: Input::Test(name), outputs, cpus: u32::MAX }
    }

    pub(super) fn outputs(&self) -> usize {
        self.outputs.len()
    }

    /// The most CPUs that it is about.
    pub(super) const fn cpus(&self) -> u32 {
        self.cpus
    }

    /// Whether the build has what it needs.
    pub(super) fn is_possible(&self, subject: &Subject) -> bool {
        self.outputs.iter().all(|output| match output {
            Output::Preset(_) => true,
            Output::Raw(line, _) => {
                let words: Vec<&str> = line.split(' ').collect();
                let named = words
                    .windows(2)
                    .filter(|pair| pair[0].starts_with("-c:") || pair[0] == "-vcodec");
                named.map(|pair| pair[1]).all(|name| {
                    name == "copy" || subject.engine.encoders.iter().any(|known| known == name)
                })
            }
        })
    }

    /// Its plan, with its results in `dir`; nothing where the clip has not what is asked of it.
    pub(super) fn plan(&self, subject: &Subject, budget: Budget, dir: &Path) -> Option<Plan> {
        let names: Vec<String> = (0..self.outputs.len())
            .map(|number| dir.join(format!("{number}")).to_string_lossy().into_owned())
            .collect();
        let outputs: Vec<Value> = self
            .outputs
            .iter()
            .zip(&names)
            .map(|(output, name)| match output {
                Output::Preset(preset) => {
                    let recipe = preset::builtin(preset).unwrap_or_else(|| panic!("{preset} is a preset"));
                    json!({"target": name, "make": {"recipe": {"preset": preset, "recipe": recipe}}})
                }
                Output::Raw(line, ending) => {
                    let args: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
                    json!({"target": format!("{name}.{ending}"), "make": {"raw": {"args": args}}})
                }
            })
            .collect();
        let (input, probe) = self.input.probed();
        let mut spec = json!({"input": input, "outputs": outputs});
        if matches!(self.input, Input::Test(_)) {
            spec["duration"] = json!("2s");
        }
        let spec: Spec = serde_json::from_value(spec).unwrap();
        let probe = probe.unwrap_or_else(|| match spec.input {
            ffleet_media::Source::Test(picture) => {
                ffleet_engine::probe::of_test(picture, spec.duration)
            }
            _ => panic!("a file is probed"),
        });
        ffleet_engine::plan(&spec, &probe, &subject.engine, budget, &names).ok()
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.input)?;
        for output in &self.outputs {
            match output {
                Output::Preset(preset) => write!(f, " | {preset}")?,
                Output::Raw(line, ending) => write!(f, " | {line} ({ending})")?,
            }
        }
        Ok(())
    }
}

impl Input {
    /// How a job names it, and what it is, if it is a file.
    fn probed(self) -> (String, Option<Probe>) {
        static PROBES: LazyLock<Mutex<BTreeMap<Clip, Probe>>> = LazyLock::new(Mutex::default);
        let clip = match self {
            Self::Clip(clip) => clip,
            Self::Test(name) => return (format!("test:{name}"), None),
        };
        let path = long(clip);
        let name = path.to_str().unwrap().to_owned();
        let mut probes = PROBES.lock().unwrap();
        let probe = probes.entry(clip).or_insert_with(|| {
            let source = ffleet_media::Source::File(name.clone());
            let asked = command(&source, Question::Tracks);
            let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
            parse(&run("ffprobe", &asked)).unwrap()
        });
        (name, Some(probe.clone()))
    }
}

/// A clip ten times over: encoders look ahead for more frames than it has.
pub(super) fn long(clip: Clip) -> PathBuf {
    let dir = shared().join("threads");
    std::fs::create_dir_all(&dir).unwrap();
    let source = clip.file(&dir);
    let path = dir.join(format!("{clip:?}-long.{}", source.extension().unwrap().to_str().unwrap()));
    if !path.is_file() {
        let part = path.with_extension(format!(
            "{}.{}",
            std::process::id(),
            source.extension().unwrap().to_str().unwrap()
        ));
        let line = "-nostdin -v error -y -stream_loop 7 -i SOURCE -map 0:v? -map 0:a? -c copy PART";
        let names = |word| match word {
            "SOURCE" => source.to_str().unwrap(),
            "PART" => part.to_str().unwrap(),
            word => word,
        };
        run("ffmpeg", &line.split(' ').map(names).collect::<Vec<_>>());
        std::fs::rename(part, &path).unwrap();
    }
    path
}

/// Every preset, of an ordinary clip.
pub(super) fn every_preset() -> Vec<Case> {
    let names = preset::names().into_iter();
    names
        .map(|name| Case::new(Clip::Ordinary, vec![Output::Preset(name)]))
        .collect()
}

/// Every preset that names no frame rate, which changes no pool, nor a size beyond 1080 lines, which
/// takes its time.
pub(super) fn presets() -> Vec<Case> {
    let is_large = |name: &str| name.starts_with("1440p") || name.starts_with("4k");
    let names_rate = |name: &str| {
        let lines = name.split('-').next().unwrap_or_default();
        let rate = lines.split_once(['p', 'k']).map_or("", |(_, rate)| rate);
        lines.starts_with(|c: char| c.is_ascii_digit()) && !rate.is_empty()
    };
    preset::names()
        .into_iter()
        .filter(|name| !is_large(name) && !names_rate(name))
        .map(|name| Case::new(Clip::Ordinary, vec![Output::Preset(name)]))
        .collect()
}

/// GIFs, whose palette and picture are converted by one scaler or by two.
pub(super) fn gifs() -> Vec<Case> {
    let of = |clip| Case::new(clip, vec![Output::Preset("gif".to_owned())]);
    let clips = [Clip::Ordinary, Clip::Anamorphic, Clip::Odd, Clip::Interlaced, Clip::Hdr10];
    let mut cases: Vec<Case> = clips.map(of).into();
    let settled = ["scale=160:90,", "scale=320:180,", "scale=160:90,format=yuv420p,", ""];
    cases.extend(settled.map(|before| {
        let line = format!("-vf {before}split[a][b];[a]palettegen[p];[b][p]paletteuse -c:v gif");
        Case::new(Clip::Ordinary, vec![Output::Raw(line, "gif")])
    }));
    cases
}

/// What two CPUs start few threads for.
pub(super) fn bounded() -> Vec<Case> {
    let raw = |line: &str| Output::Raw(line.to_owned(), "mkv");
    let mut cases = vec![
        Case::new(Clip::Ordinary, vec![Output::Preset("1080p-h264".to_owned())]),
        Case::new(Clip::Ordinary, vec![Output::Preset("live-1080p".to_owned())]),
        Case::new(
            Clip::Ordinary,
            vec![raw("-vf scale=1920:1080 -c:v libx264 -preset medium -threads 0")],
        ),
        Case::new(
            Clip::Ordinary,
            vec![raw(
                "-vf scale=1920:1080 -c:v libx264 -x264-params threads=64:lookahead-threads=16",
            )],
        ),
    ];
    let av1 = [
        "-vf scale=1920:1080 -c:v libsvtav1 -preset 8",
        "-vf scale=1920:1080 -c:v libsvtav1 -preset 8 -svtav1-params lp=0:tune=0",
    ];
    cases.extend(av1.map(|line| Case { cpus: 1, ..Case::new(Clip::Ordinary, vec![raw(line)]) }));
    cases
}

/// What compares a picture with another.
pub(super) fn comparing() -> Vec<Case> {
    let of = |options: &str| {
        let line = format!("-vf split[a][b];[a][b]libvmaf{options} -c:v libx264 -preset ultrafast");
        Case::new(Clip::Ordinary, vec![Output::Raw(line, "mkv")])
    };
    ["", "=n_threads=64", "=n_threads=1:pool=harmonic_mean", "=n_threads=0"]
        .map(of)
        .into()
}
