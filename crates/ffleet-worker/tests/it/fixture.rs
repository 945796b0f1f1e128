//! A node of a test's own, and the proof that nothing of it is left.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ffleet_api::control::{Assignment, Command, Finished};
use ffleet_base::{SystemClock, chance, write_atomic};
use ffleet_guard::Node;
use ffleet_media::Spec;
use ffleet_sched::roles::Rules;
use ffleet_spool::Observer;
use ffleet_testkit::{binary, need, until_async};
use ffleet_types::node::Capacity;
use ffleet_types::{
    AttemptId, Bytes, Cpu, Fence, JobNumber, Outcome, Reason, RoleGroup, TaskId, Timestamp,
};
use ffleet_worker::{Config, OnStop, Parts, Sandboxes, Use, Worker};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::controller::{Fake, LONG};

/// A quick encode, by a person's own options.
pub(crate) fn quick() -> Value {
    json!({"raw": {"args": ["-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac"]}})
}

/// A node with its worker and its controller.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) dir: TempDir,
    pub(crate) controller: Fake,
    pub(crate) worker: Worker,
    pub(crate) node: Arc<Node>,
}

/// What is not as usual about a node.
#[derive(Default)]
pub(crate) struct Unusual {
    pub(crate) controller: Fake,
    pub(crate) ffmpeg: Option<PathBuf>,
    pub(crate) ffprobe: Option<PathBuf>,
    pub(crate) observer: Option<Arc<Observer<'static>>>,
    pub(crate) drain: Duration,
    /// What becomes of work that a stop does not wait for; it is interrupted where nothing is said.
    pub(crate) on_stop: Option<OnStop>,
    pub(crate) dir: Option<TempDir>,
    /// A directory that is not the test's own to remove.
    pub(crate) at: Option<PathBuf>,
    pub(crate) tasks: Option<u32>,
    pub(crate) roots: Option<Vec<PathBuf>>,
    pub(crate) roles: Option<BTreeMap<RoleGroup, Rules>>,
    /// Whether there are sandboxes.
    pub(crate) use_them: Use,
}

impl Bench {
    /// A node as usual, ready. Nothing where there is no FFmpeg.
    pub(crate) async fn start() -> Option<Self> {
        Self::start_with(Unusual::default()).await
    }

    pub(crate) async fn start_with(unusual: Unusual) -> Option<Self> {
        if need::ffmpeg().is_none() || need::ffprobe().is_none() {
            return None;
        }
        let dir = unusual
            .dir
            .unwrap_or_else(|| tempfile::Builder::new().prefix("worker-").tempdir().unwrap());
        let at = unusual.at.unwrap_or_else(|| dir.path().to_owned());
        let home = at.join("home");
        for made in [&home, &at.join("out"), &at.join("notes"), &shared().join("engines")] {
            fs::create_dir_all(made).unwrap();
        }
        // Proofs take seconds and are the same for all tests.
        let _there = std::os::unix::fs::symlink(shared().join("engines"), home.join("engines"));
        let node = Node::open(ffleet_guard::Options {
            root: home.join("node"),
            env: std::env::vars_os().collect(),
            clock: Arc::new(SystemClock),
            cgroups: true,
            shim: (ffleet_testkit::shim(), Vec::new()),
            orphan_grace: Some(Duration::from_secs(10)),
            whole: ffleet_sched::roles::Bounds::default(),
            roles: unusual.roles.unwrap_or_else(|| {
                let all = RoleGroup::ALL.iter();
                all.map(|name| (RoleGroup::named(name), Rules::default())).collect()
            }),
            namespaces: true,
        });
        let node = Arc::new(node.unwrap());
        let capacity = Capacity {
            cpu: Cpu::whole(2),
            memory: Bytes::gib(4),
            scratch: Bytes::gib(20),
            tasks: unusual.tasks.unwrap_or(4),
        };
        let config = Config {
            home,
            name: "bench".to_owned(),
            version: "0.0.0".to_owned(),
            labels: BTreeMap::new(),
            capacity,
            roots: unusual.roots.unwrap_or_else(|| vec!["/".into()]),
            sandboxes: Sandboxes {
                use_them: unusual.use_them,
                read: vec![binary("nasty")],
                write: vec![at.join("notes")],
            },
            ffmpeg: unusual.ffmpeg,
            ffprobe: unusual.ffprobe,
            search: search(),
            nice: 10,
            grace: Duration::from_secs(1),
            drain: unusual.drain,
            on_stop: unusual.on_stop.unwrap_or(OnStop::Interrupt),
            keep_logs: Duration::from_secs(86_400),
        };
        let controller = unusual.controller;
        let parts = Parts {
            controller: controller.clone(),
            node: Arc::clone(&node),
            clock: Arc::new(SystemClock),
            observer: unusual.observer,
            config,
        };
        let worker = Worker::start(parts).unwrap();
        Some(Self { dir, controller, worker, node })
    }

    /// Waits until the node is registered.
    pub(crate) async fn ready(&self) {
        use ffleet_api::bench::Workbench as _;
        until_async(LONG, "the node is ready", || self.worker.ready().is_ok()).await;
    }

    /// A path in the directory of results.
    pub(crate) fn out(&self, name: &str) -> PathBuf {
        self.dir.path().join("out").join(name)
    }

    /// Assigns a job and waits for its end.
    pub(crate) async fn finish(&self, job: Assignment) -> Finished {
        let attempt = self.begin(job);
        self.controller.end(attempt).await
    }

    pub(crate) fn begin(&self, job: Assignment) -> AttemptId {
        let attempt = job.attempt;
        self.controller.command(Command::Begin(Box::new(job)));
        attempt
    }

    /// Stops the worker and asserts that nothing but `results` is left: no process, no cgroup, no
    /// work directory, no hidden sibling.
    pub(crate) async fn end(self, results: &[&str]) -> TempDir {
        self.worker.stop().await;
        nothing_left(&self.node, self.dir.path(), results).await;
        self.dir
    }
}

/// Asserts that nothing of a node is left but `results`.
pub(crate) async fn nothing_left(node: &Node, dir: &Path, results: &[&str]) {
    let marker = format!("FFLEET_INSTANCE={}", node.instance());
    until_async(Duration::from_secs(5), "no process is left", || {
        ffleet_testkit::processes_with(&marker).is_empty() && node.children() == 0
    })
    .await;
    let groups = groups(Path::new("/sys/fs/cgroup"), &format!("ffleet-{}", node.instance()), 6);
    assert_eq!(groups, Vec::<PathBuf>::new(), "cgroups are left");
    assert_eq!(names(&dir.join("home/work")), Vec::<String>::new(), "work directories are left");
    let mut results: Vec<_> = results.iter().map(|&name| name.to_owned()).collect();
    results.sort();
    assert_eq!(names(&dir.join("out")), results, "what lies beside the results");
}

/// The groups of children below the groups of a node.
fn groups(dir: &Path, node: &str, depth: usize) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    let dirs = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let mut found = Vec::new();
    for entry in dirs {
        if entry.file_name().to_string_lossy() == node {
            let children = fs::read_dir(entry.path()).unwrap().filter_map(Result::ok);
            found.extend(
                children
                    .filter(|child| child.file_type().is_ok_and(|kind| kind.is_dir()))
                    .map(|child| child.path()),
            );
        } else if depth > 0 {
            found.extend(groups(&entry.path(), node, depth - 1));
        }
    }
    found
}

pub(crate) fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// A place that outlives a test, for what takes long to make.
pub(crate) fn shared() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("ffleet-worker")
}

fn search() -> OsString {
    std::env::var_os("PATH").unwrap_or_default()
}

/// A job that makes `outputs` (target and how it is made) of `input`.
pub(crate) fn job(input: impl AsRef<Path>, outputs: &[(&Path, Value)]) -> Assignment {
    job_with(input, outputs, json!({}))
}

/// The same, with more of its specification.
pub(crate) fn job_with(
    input: impl AsRef<Path>,
    outputs: &[(&Path, Value)],
    mut more: Value,
) -> Assignment {
    let outputs: Vec<_> = outputs
        .iter()
        .map(|(target, make)| json!({"target": target.to_str().unwrap(), "make": make}))
        .collect();
    more["input"] = json!(input.as_ref().to_str().unwrap());
    more["outputs"] = json!(outputs);
    let spec: Spec = serde_json::from_value(more).unwrap();
    let job = chance::job_id(Timestamp::from_millis(1_700_000_000_000));
    let limits = spec.terms.limits;
    Assignment {
        attempt: AttemptId { task: TaskId::whole(job), fence: Fence::FIRST },
        number: JobNumber(1),
        need: Capacity {
            cpu: limits.cpu.unwrap_or(Cpu::whole(1)),
            memory: limits.memory.unwrap_or(Bytes::mib(512)),
            scratch: limits.scratch.unwrap_or(Bytes::gib(1)),
            tasks: 1,
        },
        spec,
        accepted: Timestamp::EPOCH,
    }
}

/// The failure that an attempt ended with.
pub(crate) fn failure(finished: &Finished) -> (Reason, &str) {
    match &finished.outcome {
        Outcome::Failed { reason, message } => (*reason, message),
        other => panic!("it did not fail: {other:?}"),
    }
}

/// A clip of so many seconds, 320×240 at 25 frames a second, with sound.
pub(crate) fn clip(seconds: u32) -> PathBuf {
    let path = shared().join(format!("clip-{seconds}.mp4"));
    if !path.exists() {
        fs::create_dir_all(shared()).unwrap();
        let made = shared().join(format!("{}.mp4", chance::name(12)));
        let source = format!(
            "testsrc2=size=320x240:rate=25:duration={seconds}[out0];sine=duration={seconds}[out1]"
        );
        run(
            "ffmpeg",
            &[
                "-v",
                "error",
                "-f",
                "lavfi",
                "-i",
                &source,
                "-preset",
                "ultrafast",
                "-pix_fmt",
                "yuv420p",
                made.to_str().unwrap(),
            ],
        );
        // Another test may have made it meanwhile and be reading it: the first one stays.
        let named = renameat_with(CWD, &made, CWD, &path, RenameFlags::NOREPLACE);
        if named.is_err() {
            fs::remove_file(made).unwrap();
        }
    }
    path
}

/// Runs a program to its end, and answers what it printed.
pub(crate) fn run(program: &str, args: &[&str]) -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test prepares and looks, outside of the guard"
    )]
    let output = std::process::Command::new(program).args(args).output().unwrap();
    assert!(
        output.status.success(),
        "{program} {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Codecs and length of a file, as ffprobe says.
pub(crate) fn look(path: &Path) -> String {
    let entries = "stream=codec_name:format=duration";
    let args = ["-v", "error", "-show_entries", entries, "-of", "csv=p=0"];
    run("ffprobe", &[&args[..], &[&format!("file:{}", path.to_str().unwrap())]].concat())
}

/// An FFmpeg that does `instead` (shell) when it is to encode, and is the real one otherwise.
pub(crate) fn fake(name: &str, instead: &str) -> PathBuf {
    let path = shared().join(name);
    fs::create_dir_all(shared()).unwrap();
    let nasty = binary("nasty");
    let text = format!(
        "#!/bin/sh\nNASTY='{}'\ncase \"$*\" in\n*' -y -progress '*) {instead} ;;\n*) exec ffmpeg \"$@\" ;;\nesac\n",
        nasty.display()
    );
    if fs::read_to_string(&path).is_ok_and(|old| old == text) {
        return path;
    }
    write_atomic(&path, text.as_bytes(), 0o755).unwrap();
    path
}
