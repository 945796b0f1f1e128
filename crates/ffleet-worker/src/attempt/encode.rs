//! The second phase: one FFmpeg that makes all results, into the work directory.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ffleet_api::control::Phase;
use ffleet_engine::failure::{Scene, despite_success};
use ffleet_engine::{Expected, Plan};
use ffleet_guard::{Limits, Tie};
use ffleet_media::{Probe, Spec};
use ffleet_spool::Dir;
use ffleet_supervise::Policy;
use ffleet_types::Reason;

use crate::attempt::limits::{self, Allowed, Room};
use crate::attempt::{Attempt, ENCODE, Halt, Job, Stage, blocking};
use crate::child::Ended;
use crate::cpus::Share;
use crate::places::Places;
use crate::progress::Meter;
use crate::sandbox::Sight;

/// What was made, and what of the attempt's time is left.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) expected: Vec<Expected>,
    pub(crate) limits: Allowed,
    pub(crate) length_micros: Option<u64>,
    /// How long making it took.
    pub(crate) worked: Duration,
    /// How many of its verifications it has passed.
    pub(crate) verified: usize,
}

impl Made {
    fn after(self, worked: Duration, verified: usize) -> Self {
        Self { limits: self.limits.after(worked), worked, verified, ..self }
    }
}

/// Where the result of an output is made.
pub(crate) fn result(dir: &Dir, output: u32) -> PathBuf {
    dir.file(&format!("output-{output}"))
}

impl Attempt {
    /// Plans the command for this input on this node, and what it may use.
    pub(crate) fn plan(
        &mut self,
        dir: &Dir,
        spec: &Spec,
        probe: &Probe,
    ) -> Result<(Plan, Allowed), Halt> {
        let files = self.files(dir);
        let engine = &self.shop.engines.ffmpeg;
        let share = self.shop.share(&self.job.spec.role_group());
        let room = Room { cpu: self.job.need.cpu, cpus: &self.shop.cpus, share };
        let (plan, limits) = limits::plan(spec, probe, engine, room, &files)?;
        let mut allowed = Allowed::of(&limits, plan.prediction.threads);
        self.costs.predict(plan.prediction.threads);
        self.costs.predict_memory(plan.prediction.memory);
        if self.share.is_none() {
            self.share = self.shop.cpus.share(allowed.cpu);
        }
        // The node had set aside what was known before the input was looked at.
        allowed.memory = self.place.grow(allowed.memory).min(allowed.memory);
        self.notes.extend(
            plan.notes
                .iter()
                .filter(|&note| !self.notes.contains(note))
                .cloned()
                .collect::<Vec<_>>(),
        );
        Ok((plan, allowed))
    }

    fn files(&self, dir: &Dir) -> Vec<String> {
        (0..)
            .zip(&self.job.spec.outputs)
            .map(|(output, _)| result(dir, output).to_string_lossy().into_owned())
            .collect()
    }

    /// Makes the results.
    pub(crate) async fn encode(
        &mut self,
        dir: &Dir,
        places: &Places,
        probe: &Probe,
    ) -> Result<Made, Halt> {
        let spec = self.job.spec.clone();
        let (plan, limits) = self.plan(dir, &spec, probe)?;
        let (expected, length_micros) = (plan.expected, plan.length_micros);
        let made = Made { expected, limits, length_micros, worked: Duration::ZERO, verified: 0 };
        if let Some(Stage::Encoded { worked, verified }) = self.from.take() {
            return Ok(made.after(worked, verified));
        }
        self.place.enter_phase(Phase::Encode);
        self.keep(Stage::Encode).await?;
        let mut job = self.ffmpeg(ENCODE, plan.args, dir, &limits);
        job.tie = Tie::Shim;
        let mut meter = Meter::new(self.place.display(), Phase::Encode, length_micros);
        let ended = self.child(job, &mut meter).await?;
        self.costs.add(&ended);
        let outputs = self.outputs(dir);
        self.judge(&ended, limits.memory, &outputs)?;
        if let Some((reason, message)) = self.despite_success(&ended, &outputs) {
            return Err(Halt::Failed { reason, message });
        }
        let input = places.input.clone();
        let results: Vec<_> = places
            .deliveries
            .iter()
            .map(|(output, _)| (*output, result(dir, *output)))
            .collect();
        blocking(move || {
            if let Some(input) = input {
                input.look_again()?;
            }
            results
                .iter()
                .try_for_each(|(output, path)| hold_something(*output, path))
        })
        .await?;
        self.keep(Stage::Encoded { worked: ended.worked, verified: 0 }).await?;
        Ok(made.after(ended.worked, 0))
    }

    /// What went wrong although FFmpeg said that nothing did.
    fn despite_success(&self, ended: &Ended, outputs: &[String]) -> Option<(Reason, String)> {
        let scene = Scene { source: &self.job.spec.input, outputs, out_of_memory: false };
        despite_success(&ended.last_words, &scene)
    }

    /// An FFmpeg in the work directory, within all limits.
    pub(crate) fn ffmpeg(
        &self,
        phase: &'static str,
        args: Vec<String>,
        dir: &Dir,
        limits: &Allowed,
    ) -> Job {
        Job {
            phase,
            program: self.shop.engines.ffmpeg.path.clone().into(),
            args,
            limits: Limits {
                cpu: Some(limits.cpu),
                memory: Some(limits.memory),
                tasks: Some(limits.tasks),
                cpus: self.share.as_ref().map(Share::set),
                // What is measured now and then is bounded at once, file by file.
                file_size: Some(limits.scratch),
                ..Limits::default()
            },
            policy: Policy {
                timeout: limits.timeout,
                stall: Some(limits.stall),
                grace: self.shop.config.grace,
            },
            scratch: Some((dir.clone(), limits.scratch)),
            tie: Tie::Node,
            sight: Sight::Input,
        }
    }

    /// Where FFmpeg writes, for its errors to be told apart.
    pub(crate) fn outputs(&self, dir: &Dir) -> Vec<String> {
        (0..)
            .zip(&self.job.spec.outputs)
            .map(|(index, output)| match &output.target {
                ffleet_media::Target::File(_) => result(dir, index).to_string_lossy().into_owned(),
                ffleet_media::Target::Live(url) => url.clone(),
            })
            .collect()
    }
}

/// That FFmpeg ended well does not mean that it wrote anything.
fn hold_something(output: u32, path: &Path) -> Result<(), Halt> {
    let made = std::fs::symlink_metadata(path);
    if made.is_ok_and(|made| made.is_file() && made.len() > 0) {
        return Ok(());
    }
    Err(Halt::failed(
        Reason::RuntimeError,
        format!("FFmpeg ended well, but left nothing for output {}", output + 1),
    ))
}
