//! The first phase: what the input is.
//!
//! Its child is the first that a job starts, and somebody waits for it: nothing comes before it
//! that could come beside it. The report that the attempt has started travels while it runs.

use ffleet_api::control::{Phase, Report};
use ffleet_engine::probe::{Question, command, of_test};
use ffleet_guard::{Limits, Tie};
use ffleet_media::{Probe, Source};

use crate::ask::{self, Ask};
use crate::attempt::{Attempt, Halt, Job};
use crate::places::Input;
use crate::progress::Answer;
use crate::sandbox::Sight;

impl Attempt {
    /// Reports the start, and finds out what the input holds.
    pub(crate) async fn probe(&mut self, input: Option<&Input>) -> Result<Probe, Halt> {
        self.place.enter_phase(Phase::Probe);
        self.herald.say(Report::Started { at: self.shop.clock.now() });
        let source = self.job.spec.input.clone();
        if let Source::Test(picture) = source {
            return Ok(of_test(picture, self.job.spec.duration));
        }
        let mut probe = ask::probe(&source, self).await?;
        if probe.size.is_none() {
            probe.size = input.map(|input| input.size);
        }
        Ok(probe)
    }
}

impl Ask for Attempt {
    async fn ask(&mut self, question: Question) -> Result<String, Halt> {
        let job = Job {
            phase: "probe",
            program: self.shop.engines.ffprobe.path.clone().into(),
            args: command(&self.job.spec.input, question),
            limits: Limits { memory: Some(ask::MEMORY), ..Limits::default() },
            policy: ask::policy(self.shop.config.grace),
            scratch: None,
            tie: Tie::Node,
            sight: Sight::Input,
        };
        let mut answer = Answer::default();
        let ended = self.child(job, &mut answer).await?;
        self.costs.add(&ended);
        self.judge(&ended, ask::MEMORY, &[])?;
        Ok(answer.text())
    }
}
