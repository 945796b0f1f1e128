//! Putting an engine to the test, under the guard like any other child.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use ffleet_base::{Clock, chain, chance};
use ffleet_engine::capability::{self, Sample, Trial};
use ffleet_engine::memory;
use ffleet_engine::threads::build;
use ffleet_guard::{Limits, Node};
use ffleet_supervise::{Order, Policy, Verdict};
use ffleet_types::node::Engine;
use ffleet_types::{Bytes, RoleGroup};
use tokio::sync::watch;

use crate::attempt::Halt;
use crate::child::{Ended, Hands, Task};
use crate::engines::Missing;
use crate::gauges::{Gauges, Subject};
use crate::progress::Answer;
use crate::sandbox::{self, Walled};

/// How long one question or one batch of samples may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// From the request to end to the kill.
const GRACE: Duration = Duration::from_secs(2);
/// What a batch of tiny samples may hold.
const MEMORY: Bytes = Bytes::gib(2);

/// Tiny encodes whose memory is measured at the same time.
const AT_ONCE: usize = 4;

/// Tells the children of this module apart.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// Somebody who tests engines.
pub(super) struct Prover<'a> {
    pub(super) node: &'a Node,
    pub(super) clock: &'a dyn Clock,
    pub(super) nice: i32,
    /// The data directory; samples are made below it.
    pub(super) home: &'a Path,
    pub(super) walled: Walled,
    pub(super) gauges: &'a Arc<Gauges>,
}

/// What a program said.
#[derive(Debug)]
struct Said {
    answer: String,
    /// How it ended: well, or with these last words.
    ended: Result<(), String>,
    /// Most threads that were seen of it; 0 where none were counted.
    peak_threads: u32,
    /// Its largest resident set; 0 where it is not known.
    peak_resident: Bytes,
}

impl Prover<'_> {
    /// All that the program says of itself.
    pub(super) async fn banner(&self, name: &str, path: &Path) -> Result<String, Missing> {
        self.ask(path, &capability::VERSION)
            .await
            .map_err(|why| Missing(format!("{name} ({}) cannot be run: {why}", path.display())))
    }

    /// The files that the program loads, beyond the system's: its loader's list, which a program
    /// that is whole in itself has none of.
    pub(super) async fn libraries(&self, path: &Path) -> Vec<PathBuf> {
        let args = capability::VERSION.map(str::to_owned).to_vec();
        let env = BTreeMap::from([("LD_TRACE_LOADED_OBJECTS".into(), "1".into())]);
        let task = Task { env, sandbox: None, ..self.task(path, args, Path::new("/"), &[]) };
        match self.carry_out(task).await {
            Ok(said) => sandbox::listed(&said.answer),
            Err(why) => {
                tracing::warn!(path = %path.display(), why, "a program's libraries are not known");
                Vec::new()
            }
        }
    }

    /// Finds out what the engine can do, and writes that into it.
    pub(super) async fn prove(&self, engine: &mut Engine) -> Result<(), Missing> {
        let path = PathBuf::from(&engine.path);
        let failed =
            |why: String| Missing(format!("{} cannot be put to the test: {why}", engine.path));
        let encoders = self.ask(&path, &capability::ENCODERS).await.map_err(failed)?;
        let filters = self.ask(&path, &capability::FILTERS).await.map_err(failed)?;
        let muxers = self.ask(&path, &capability::MUXERS).await.map_err(failed)?;
        let samples = capability::samples(&capability::listed(&encoders));
        let dir = self
            .home
            .join(format!("proof-{}", engine.hash.get(..16).unwrap_or_default()));
        remove(&dir).map_err(failed)?;
        ffleet_base::files::create_private_dir(&dir).map_err(|error| failed(chain(&error)))?;
        let trials = self.try_all(&path, &samples, &dir).await;
        remove(&dir).map_err(failed)?;
        let proven = capability::sum_up(&trials.map_err(failed)?);
        for (what, words) in &proven.unproven {
            tracing::warn!(what, words, "an engine lists what it cannot do");
        }
        engine.encoders = proven.encoders;
        engine.decoders = proven.decoders;
        engine.unproven = proven.unproven;
        engine.filters = capability::listed(&filters);
        engine.muxers = capability::muxers(&muxers);
        engine.listed = capability::encodable(&encoders);
        Ok(())
    }

    /// Counts the threads of its build. They wait for the clock rather than for CPUs, so all are
    /// run at once. One that fails leaves the build to its version.
    pub(super) async fn calibrate(&self, engine: &mut Engine) {
        let path = PathBuf::from(&engine.path);
        let calibrations = build::calibrations(&engine.encoders);
        let counts = calibrations.iter().map(|(name, args)| {
            let path = &path;
            async move { (*name, self.run(path, args.clone(), Path::new("/"), &[]).await) }
        });
        for (name, counted) in together(counts).await {
            match counted {
                Ok(Said { ended: Ok(()), peak_threads, .. }) if peak_threads > 0 => {
                    engine.threads.insert(name.to_owned(), peak_threads);
                }
                uncounted => tracing::warn!(name, ?uncounted, "threads could not be counted"),
            }
        }
        tracing::info!(threads = ?engine.threads, "an engine's threads were counted");
    }

    /// Notes the memory of its build: tiny encodes, a second or two of them, a few at a time so that
    /// a small machine has room. What fails is left to what is customary.
    pub(super) async fn weigh(&self, engine: &mut Engine) {
        let (path, began) = (PathBuf::from(&engine.path), self.clock.monotonic());
        for some in memory::calibrations(&engine.encoders).chunks(AT_ONCE) {
            let peaks = some.iter().map(|(name, args)| {
                let task = self.task(&path, args.clone(), Path::new("/"), &[]);
                // One that we start ourselves begins with our own largest resident set for its own.
                let task = Task {
                    name: format!("{}-{}", task.name, chance::name(8)),
                    tie: ffleet_guard::Tie::Shim,
                    ..task
                };
                async move { (name, self.carry_out(task).await) }
            });
            for (name, measured) in together(peaks).await {
                match measured {
                    Ok(Said { ended: Ok(()), peak_resident, .. }) if peak_resident.0 > 0 => {
                        engine.memory.insert(name.clone(), peak_resident.0);
                    }
                    unmeasured => tracing::warn!(name, ?unmeasured, "memory could not be measured"),
                }
            }
        }
        let took = self.clock.monotonic().saturating_sub(began);
        tracing::info!(memory = ?engine.memory, ?took, "an engine's memory was measured");
    }

    /// All at once, and only if that fails one by one.
    async fn try_all<'s>(
        &self,
        path: &Path,
        samples: &[&'s Sample],
        dir: &Path,
    ) -> Result<Vec<(&'s Sample, Trial)>, String> {
        if self.attempt(path, samples, dir).await? == Trial::Passed {
            return Ok(samples.iter().map(|&sample| (sample, Trial::Passed)).collect());
        }
        let mut trials = Vec::new();
        for &sample in samples {
            trials.push((sample, self.attempt(path, &[sample], dir).await?));
        }
        Ok(trials)
    }

    /// Encodes these samples and decodes them again.
    async fn attempt(&self, path: &Path, samples: &[&Sample], dir: &Path) -> Result<Trial, String> {
        let place = dir.to_string_lossy();
        if let Err(words) = self
            .run(path, capability::encode(samples, &place), dir, &[dir])
            .await?
            .ended
        {
            return Ok(Trial::NotEncoded(words));
        }
        match self
            .run(path, capability::decode(samples, &place), dir, &[dir])
            .await?
            .ended
        {
            Err(words) => Ok(Trial::NotDecoded(words)),
            Ok(()) => Ok(Trial::Passed),
        }
    }

    async fn ask(&self, path: &Path, args: &[&str]) -> Result<String, String> {
        let args = args.iter().map(|&arg| arg.to_owned()).collect();
        let said = self.run(path, args, Path::new("/"), &[]).await?;
        said.ended.map(|()| said.answer)
    }

    /// Runs it in `cwd`, where it may fill `dirs`.
    async fn run(
        &self,
        path: &Path,
        args: Vec<String>,
        cwd: &Path,
        dirs: &[&Path],
    ) -> Result<Said, String> {
        self.carry_out(self.task(path, args, cwd, dirs)).await
    }

    fn task(&self, path: &Path, args: Vec<String>, cwd: &Path, dirs: &[&Path]) -> Task {
        let subject = Subject { of: None, group: RoleGroup::named(RoleGroup::PROOF) };
        Task {
            name: format!("proof-{}", COUNT.fetch_add(1, Ordering::Relaxed)),
            program: path.to_owned(),
            args,
            env: BTreeMap::new(),
            cwd: cwd.to_owned(),
            log: None,
            limits: Limits { memory: Some(MEMORY), ..Limits::default() },
            policy: Policy { timeout: Some(PATIENCE), stall: None, grace: GRACE },
            scratch: None,
            role: RoleGroup::named(RoleGroup::PROOF),
            tie: ffleet_guard::Tie::Node,
            sandbox: self.walled.sandbox(None, dirs, false),
            sampled: Some((Arc::clone(self.gauges), subject)),
            adopted: None,
        }
    }

    async fn carry_out(&self, task: Task) -> Result<Said, String> {
        let (_keep, mut orders) = watch::channel(Order::Run);
        let mut hands = Hands {
            node: self.node,
            clock: self.clock,
            nice: self.nice,
            orders: &mut orders,
            herald: None,
            display: None,
            leaving: None,
        };
        let mut answer = Answer::default();
        match hands.run(task, &mut answer).await {
            Ok(ended) => Ok(Said {
                answer: answer.text(),
                ended: judge(&ended),
                peak_threads: ended.usage.peak_threads,
                peak_resident: ended.usage.peak_resident,
            }),
            Err(Halt::Failed { message, .. }) => Err(message),
            Err(halt) => Err(format!("it was stopped ({halt:?})")),
        }
    }
}

/// Waits for all of them, in their order.
async fn together<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut waiting: Vec<_> = futures.map(Box::pin).collect();
    let mut done: Vec<Option<F::Output>> = waiting.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, done) in waiting.iter_mut().zip(&mut done) {
            if done.is_none()
                && let Poll::Ready(output) = future.as_mut().poll(context)
            {
                *done = Some(output);
            }
        }
        if done.iter().all(Option::is_some) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    done.into_iter().flatten().collect()
}

fn judge(ended: &Ended) -> Result<(), String> {
    match ended.verdict {
        Verdict::Exited { exit } if exit.is_success() => Ok(()),
        Verdict::Exited { exit } => {
            let words = ended
                .last_words
                .lines()
                .rev()
                .map(str::trim)
                .find(|line| !line.is_empty());
            Err(format!("{exit}: {}", words.unwrap_or("it said nothing")))
        }
        verdict => Err(format!("{verdict:?}")),
    }
}

fn remove(dir: &Path) -> Result<(), String> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("cannot remove {}: {error}", dir.display()))
        }
        _ => Ok(()),
    }
}
