//! Memory of planned encodes, measured: on Debian's FFmpeg and on one of a wheel, each proven and
//! weighed by a worker, with the limit that a job gets which names none. An encode's largest resident set
//! is within a third of what was predicted, or 32 MiB, and none is killed.
//!
//! The part in `make test` is of sizes that take seconds; the long form adds 1080 and 2160 lines and
//! prints the figures that docs/design/memory.md holds.

use std::fmt;
use std::path::{Path, PathBuf};

use ffleet_engine::probe::{Question, command, parse};
use ffleet_engine::threads::Budget;
use ffleet_guard::{ChildSpec, Stdout, Tie};
use ffleet_media::{Probe, Spec, preset};
use ffleet_sched::limits::{Effective, Prediction};
use ffleet_sched::roles::Bounds;
use ffleet_testkit::cpus::new_ffmpeg;
use ffleet_types::node::Engine;
use ffleet_types::{Bytes, Cpu, RoleGroup};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::fixture::{Bench, Unusual, job, run, shared};
use crate::kept::{Kept, is_asked_for};

/// An encode: of which preset or options, with how many CPUs.
#[derive(Clone, Debug)]
struct Case {
    what: String,
    make: serde_json::Value,
    target: &'static str,
    cpus: u32,
}

/// What came of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Row {
    what: String,
    cpus: u32,
    is_fine: bool,
    predicted: Bytes,
    resident: Bytes,
    /// What its cgroup was charged with at most.
    charged: Bytes,
    limit: Bytes,
}

impl Row {
    /// How much larger the resident set was than predicted, as a share of it.
    fn off(&self) -> f64 {
        (mib(self.resident) - mib(self.predicted)) / mib(self.resident)
    }

    fn holds(&self) -> bool {
        let off = (mib(self.resident) - mib(self.predicted)).abs();
        self.is_fine && off <= (mib(self.resident) / 3.0).max(32.0)
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:>5.0} MiB predicted, {:>5.0} resident, {:>5.0} charged, {:>5.0} allowed, {:>+4.0} %: {} on {} CPUs{}",
            mib(self.predicted),
            mib(self.resident),
            mib(self.charged),
            mib(self.limit),
            self.off() * 100.0,
            self.what,
            self.cpus,
            if self.is_fine { "" } else { ": FAILED" },
        )
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
const fn mib(bytes: Bytes) -> f64 {
    bytes.0 as f64 / 1_048_576.0
}

fn by_preset(name: &str, cpus: u32) -> Case {
    let recipe = preset::builtin(name).unwrap_or_else(|| panic!("{name} is a preset"));
    let make = json!({"recipe": {"preset": name, "recipe": recipe}});
    let target = match name {
        "gif" => "/result.gif",
        name if name.starts_with("aac") => "/result.m4a",
        _ => "/result.mkv",
    };
    Case { what: name.to_owned(), make, target, cpus }
}

/// A recipe of a preset with another effort.
fn with_effort(name: &str, effort: &str, cpus: u32) -> Case {
    let mut case = by_preset(name, cpus);
    case.make["recipe"]["recipe"]["video"]["encode"]["effort"] = json!(effort);
    Case { what: format!("{name} {effort}"), ..case }
}

const CODECS: [&str; 4] = ["h264", "h265", "av1", "vp9"];

/// The presets of these lines, with each number of CPUs.
fn matrix(lines: &[&str], cpus: &[u32]) -> Vec<Case> {
    let codecs = CODECS
        .iter()
        .flat_map(|codec| lines.iter().map(move |lines| (lines, codec)));
    codecs
        .flat_map(|(lines, codec)| {
            cpus.iter()
                .map(move |&cpus| by_preset(&format!("{lines}-{codec}"), cpus))
        })
        .collect()
}

/// A moving clip with noise and sound of this size and depth; longer than an encoder looks ahead.
fn clip(width: u32, height: u32, format: &str) -> PathBuf {
    let dir = shared().join("memory");
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join(format!("{height}-{format}.mkv"));
    if !path.is_file() {
        let part = dir.join(format!("{height}-{format}.{}.mkv", std::process::id()));
        let source = format!(
            "testsrc2=size={width}x{height}:rate=30:duration=3.4,noise=alls=8:allf=t[out0];\
             sine=duration=3.4[out1]"
        );
        let line = format!(
            "-nostdin -v error -y -f lavfi -i SOURCE -c:v libx264 -preset ultrafast \
             -crf 28 -pix_fmt {format} -c:a aac PART"
        );
        let word = |word| match word {
            "SOURCE" => source.as_str(),
            "PART" => part.to_str().unwrap(),
            word => word,
        };
        run("ffmpeg", &line.split_ascii_whitespace().map(word).collect::<Vec<_>>());
        std::fs::rename(part, &path).unwrap();
    }
    path
}

fn probed(path: &Path) -> Probe {
    let source = ffleet_media::Source::File(path.to_str().unwrap().to_owned());
    let asked = command(&source, Question::Tracks);
    let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
    parse(&run("ffprobe", &asked)).unwrap()
}

/// Runs `case` of `input` under the limit that it would get, if that was not done and is not kept.
async fn weigh(
    kept: &mut Kept<Row>,
    (bench, engine): (&Bench, &Engine),
    input: &Path,
    case: Case,
) -> Row {
    let spec = json!({
        "input": input.to_str().unwrap(),
        "outputs": [{"target": case.target, "make": case.make}],
    });
    let spec: Spec = serde_json::from_value(spec).unwrap();
    let budget = Budget { cpu: Cpu::whole(case.cpus), seen: case.cpus.min(2) };
    let files = ["/dev/null".to_owned()];
    let plan = ffleet_engine::plan(&spec, &probed(input), engine, budget, &files).unwrap();
    let predicted = plan.prediction.memory;
    let command = format!("{}: {}", engine.version, plan.args.join(" "));
    if let Some(row) = kept.find(&command).filter(|row| row.is_fine) {
        // What is predicted today counts.
        return Row { predicted, cpus: case.cpus, ..row };
    }
    let prediction = Prediction { memory: predicted, ..Prediction::default() };
    let given = ffleet_types::job::Limits::default();
    let limit = Effective::derive(&given, &prediction, budget.cpu, &Bounds::default())
        .memory
        .value;
    let name = format!("memory-{}", ffleet_base::chance::name(12));
    let mut child = ChildSpec::new(name, &engine.path);
    child.args = plan.args.into_iter().map(Into::into).collect();
    child.limits.memory = Some(limit);
    child.role = RoleGroup::named(RoleGroup::ENCODE);
    child.stdout = Stdout::Null;
    child.tie = Tie::Shim;
    let child = bench.node.spawn(child).await.unwrap();
    let exit = child.wait().await;
    let row = Row {
        what: case.what,
        cpus: case.cpus,
        is_fine: exit.exit.is_success() && !exit.is_out_of_memory(),
        predicted,
        resident: exit.usage.peak_resident,
        charged: exit.usage.peak_memory,
        limit,
    };
    kept.add(command, row.clone());
    row
}

/// A node with this FFmpeg, and what it found out about it.
async fn weighed(ffmpeg: Option<PathBuf>) -> Option<(Bench, Engine)> {
    let bench = Bench::start_with(Unusual { ffmpeg, ..Unusual::default() }).await?;
    bench.ready().await;
    let engines = bench.controller.node().unwrap().engines;
    let engine = engines.into_iter().find(|engine| engine.name == "ffmpeg").unwrap();
    assert!(engine.memory.contains_key("base"), "{:?}", engine.memory);
    Some((bench, engine))
}

/// Says how good the predictions were, and fails where one was not.
#[expect(clippy::print_stdout, reason = "the figures are what the long form is run for")]
async fn all(mut kept: Kept<Row>, ffmpeg: Option<PathBuf>, inputs: Vec<(PathBuf, Vec<Case>)>) {
    let Some((bench, engine)) = weighed(ffmpeg).await else {
        return;
    };
    let mut rows = Vec::new();
    for (input, cases) in inputs {
        for case in cases.into_iter().filter(|case| is_asked_for(&case.what)) {
            let row = weigh(&mut kept, (&bench, &engine), &input, case).await;
            println!("{row}");
            rows.push(row);
        }
    }
    let wrong: Vec<String> = rows.iter().filter(|row| !row.holds()).map(Row::to_string).collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
    bench.end(&[]).await;
}

/// What takes seconds.
fn quick() -> Vec<(PathBuf, Vec<Case>)> {
    let mut cases = matrix(&["480p"], &[2, 8]);
    cases.extend([by_preset("live-480p", 2), by_preset("gif", 2), by_preset("aac-128k", 2)]);
    let mut deep = vec![by_preset("480p-h265", 2)];
    deep.push(by_preset("480p-av1", 2));
    vec![(clip(854, 480, "yuv420p"), cases), (clip(640, 360, "yuv420p10le"), deep)]
}

/// What takes minutes.
fn long() -> Vec<(PathBuf, Vec<Case>)> {
    let mut hd = matrix(&["720p", "1080p"], &[1, 2, 8, 16]);
    for codec in CODECS {
        hd.push(with_effort(&format!("480p-{codec}"), "fast", 4));
        hd.push(with_effort(&format!("480p-{codec}"), "thorough", 4));
    }
    let mut huge = matrix(&["4k"], &[2]);
    huge.push(by_preset("4k-av1", 8));
    vec![
        (clip(1_920, 1_080, "yuv420p"), hd),
        (clip(1_280, 720, "yuv420p10le"), matrix(&["720p"], &[2])),
        (clip(3_840, 2_160, "yuv420p"), huge),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn heavy_encodes_take_what_was_predicted() {
    all(Kept::nowhere(), None, quick()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn heavy_encodes_of_a_new_ffmpeg_take_what_was_predicted() {
    let Some(ffmpeg) = new_ffmpeg() else { return };
    let mut inputs = quick();
    let args = ["-vf", "split[a][b];[a][b]libvmaf", "-c:v", "libx264", "-preset", "slower"];
    let make = json!({"raw": {"args": args}});
    let compared = [2, 4].map(|cpus| Case {
        what: "libvmaf".to_owned(),
        make: make.clone(),
        target: "/result.mkv",
        cpus,
    });
    inputs[0].1.extend(compared);
    all(Kept::nowhere(), Some(ffmpeg), inputs).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "soak: presets of 720, 1080 and 2160 lines, half an hour"]
async fn soak_encodes_take_what_was_predicted() {
    all(Kept::of("soak_encodes_take_what_was_predicted"), None, long()).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "soak: presets of 720, 1080 and 2160 lines, half an hour"]
async fn soak_encodes_of_a_new_ffmpeg_take_what_was_predicted() {
    let Some(ffmpeg) = new_ffmpeg() else { return };
    all(
        Kept::of("soak_encodes_of_a_new_ffmpeg_take_what_was_predicted"),
        Some(ffmpeg),
        long(),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn report_has_the_memory_that_was_and_that_was_predicted() {
    let Some(bench) = Bench::start().await else { return };
    bench.ready().await;
    let input = clip(640, 360, "yuv420p10le");
    let case = by_preset("480p-h264", 2);
    let finished = bench.finish(job(&input, &[(&bench.out("out.mp4"), case.make)])).await;
    assert_eq!(finished.outcome, ffleet_types::Outcome::Completed);
    let usage = finished.usage;
    let (predicted, resident) = (mib(usage.predicted_memory), mib(usage.peak_resident));
    assert!((predicted - resident).abs() <= (resident / 3.0).max(32.0), "{usage:?}");
    bench.end(&["out.mp4"]).await;
}
