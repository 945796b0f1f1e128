//! The third phase: whether the results are what was planned, before anybody gets to see them.

use ffleet_api::control::Phase;
use ffleet_engine::plan::Budget;
use ffleet_engine::threads::tasks_limit;
use ffleet_engine::verify::{Step, Tool, command, judge_end, judge_tracks, steps, threads};
use ffleet_engine::{Expected, probe};
use ffleet_guard::Tie;
use ffleet_media::Spec;
use ffleet_media::job::{Make, Output, Verify};
use ffleet_media::recipe::{Audio, Video};
use ffleet_spool::Dir;
use ffleet_types::Reason;

use crate::attempt::encode::{Made, result};
use crate::attempt::limits::Allowed;
use crate::attempt::{Attempt, Halt, Stage, VERIFY};
use crate::child::Ended;
use crate::progress::{Answer, Meter};
use crate::sandbox::Sight;

/// How a job's results are checked: as it says, else by their packets where every picture is
/// copied, else by decoding them.
pub(crate) fn way(spec: &Spec) -> Verify {
    let copies = |output: &Output| match &output.make {
        Make::Recipe { recipe, .. } => {
            matches!(recipe.video, Video::Copy | Video::Drop)
                && matches!(recipe.audio, Audio::Copy | Audio::Drop)
        }
        Make::Raw { args } => raw_copies(args),
    };
    spec.verify.unwrap_or_else(|| {
        if spec.outputs.iter().all(copies) {
            Verify::Packets
        } else {
            Verify::Full
        }
    })
}

/// Whether a person's own options copy everything: `-c copy`, and no other codec beside it.
fn raw_copies(args: &[String]) -> bool {
    let codecs: Vec<_> = args
        .windows(2)
        .filter(|pair| {
            let option = pair[0].split(':').next().unwrap_or_default();
            matches!(option, "-c" | "-codec" | "-vcodec" | "-acodec" | "-scodec")
        })
        .collect();
    codecs.iter().any(|pair| matches!(pair[0].as_str(), "-c" | "-codec"))
        && codecs.iter().all(|pair| pair[1] == "copy")
}

impl Attempt {
    /// Checks every result against the plan.
    pub(crate) async fn verify(&mut self, dir: &Dir, made: &Made) -> Result<(), Halt> {
        let way = way(&self.job.spec);
        if way == Verify::None {
            return Ok(());
        }
        self.place.enter_phase(Phase::Verify);
        let all = made.expected.iter();
        let all: Vec<_> = all
            .flat_map(|expected| steps(way).iter().map(move |&step| (expected, step)))
            .collect();
        for (before, (expected, step)) in all.into_iter().enumerate().skip(made.verified) {
            let mut verified = before;
            while verified == before {
                let ended = self.verify_step(dir, made, expected, step).await?;
                // One that nobody guarded for too long has said nothing about the result.
                verified += usize::from(!ended.forsaken);
                self.keep(Stage::Encoded { worked: made.worked, verified }).await?;
                drop(ended);
                self.checkpoint().await?;
            }
        }
        Ok(())
    }

    /// One step for one result. What its reader must hear whole, an answer, is cheap and asked for again by
    /// the next life; what takes long outlives this one.
    async fn verify_step(
        &mut self,
        dir: &Dir,
        made: &Made,
        expected: &Expected,
        step: Step,
    ) -> Result<Ended, Halt> {
        let path = result(dir, expected.output).to_string_lossy().into_owned();
        let cpu = made.limits.cpu;
        let budget = Budget { cpu, seen: self.shop.cpus.seen(cpu) };
        let (tool, args) = command(step, &path, budget);
        let threads = match tool {
            Tool::Ffprobe => 1,
            Tool::Ffmpeg => threads(expected, &args, budget, &self.shop.engines.ffmpeg),
        };
        self.costs.predict(threads);
        let limits = Allowed { tasks: tasks_limit(threads), ..made.limits };
        let mut job = self.ffmpeg(VERIFY, args, dir, &limits);
        job.sight = Sight::Results;
        let mut meter = Meter::new(self.place.display(), Phase::Verify, made.length_micros);
        let count = u32::try_from(made.expected.len()).unwrap_or(u32::MAX);
        meter.part = (expected.output, count);
        let mut answer = Answer::default();
        let ended = match tool {
            Tool::Ffprobe => {
                job.program = self.shop.engines.ffprobe.path.clone().into();
                job.policy.stall = None;
                self.child(job, &mut answer).await?
            }
            Tool::Ffmpeg => {
                job.tie = Tie::Shim;
                self.child(job, &mut meter).await?
            }
        };
        self.costs.add_verification(&ended);
        if ended.forsaken {
            return Ok(ended);
        }
        let failed = |why: String| {
            let target = &self.job.spec.outputs[expected.output as usize].target;
            Halt::failed(
                Reason::RuntimeError,
                format!(
                    "the result for {target} did not pass verification and was thrown away: {why}"
                ),
            )
        };
        match self.judge(&ended, made.limits.memory, &[]) {
            // That our own result cannot be read is not the input's fault.
            Err(Halt::Failed { reason: Reason::InputError | Reason::UserError, message }) => {
                return Err(failed(message));
            }
            judged => judged?,
        }
        match step {
            Step::Tracks => probe::parse(&answer.text())
                .map_err(|error| failed(error.to_string()))
                .and_then(|found| {
                    judge_tracks(expected, &found).map_err(|mismatch| failed(mismatch.to_string()))
                }),
            Step::Decode | Step::Packets => {
                judge_end(expected, &meter.last).map_err(|mismatch| failed(mismatch.to_string()))
            }
        }?;
        Ok(ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(make: &str) -> Spec {
        let text = format!(
            r#"{{"input": "/in.mp4", "outputs": [{{"target": "/out.mp4", "make": {make}}}]}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn copies_are_read_and_everything_else_is_decoded() {
        for (make, expected) in [
            (r#"{"recipe": {"recipe": {}}}"#, Verify::Packets),
            (r#"{"recipe": {"recipe": {"video": "drop"}}}"#, Verify::Packets),
            (
                r#"{"recipe": {"recipe": {"audio": {"encode": {"codec": "aac"}}}}}"#,
                Verify::Full,
            ),
            (r#"{"raw": {"args": ["-c", "copy"]}}"#, Verify::Packets),
            (r#"{"raw": {"args": ["-c", "copy", "-c:a:0", "aac"]}}"#, Verify::Full),
            (r#"{"raw": {"args": ["-c:v", "copy"]}}"#, Verify::Full),
            (r#"{"raw": {"args": ["-crf", "20"]}}"#, Verify::Full),
        ] {
            assert_eq!(way(&spec(make)), expected, "{make}");
        }
    }

    #[test]
    fn job_that_says_how_is_verified_so() {
        let mut spec = spec(r#"{"raw": {"args": []}}"#);
        spec.verify = Some(Verify::None);
        assert_eq!(way(&spec), Verify::None);
    }
}
