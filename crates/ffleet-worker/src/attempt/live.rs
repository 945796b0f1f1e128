//! The second phase of a live job: FFmpeg sends until the job's duration is over, its input ends
//! or somebody cancels. When it dies it is started again.
//!
//! What can never work is not tried for ever: a sender that fails for a reason that will not pass
//! before it has sent anything ends the attempt.

use std::time::Duration;

use ffleet_api::control::Phase;
use ffleet_base::chance;
use ffleet_media::{Probe, Spec};
use ffleet_spool::Dir;
use ffleet_supervise::Backoff;
use ffleet_types::{Reason, Retry, Span};

use crate::attempt::costs::micros;
use crate::attempt::{Attempt, Halt};
use crate::child::Ended;
use crate::progress::Meter;

/// Between the death of a sender and the next one.
const BACKOFF: Backoff = Backoff { base: Duration::from_millis(500), cap: Duration::from_secs(15) };
/// A sender that lived so long was well: the next wait is a short one again.
const WELL: Duration = Duration::from_secs(30);
/// How many deaths are told one by one.
const TOLD: u32 = 10;

impl Attempt {
    /// Sends to the end.
    pub(crate) async fn live(&mut self, dir: &Dir, probe: &Probe) -> Result<(), Halt> {
        let length = self.job.spec.duration.map(|span| span.0);
        let mut sent = Duration::ZERO;
        let (mut deaths, mut failures, mut has_sent) = (0_u32, 0_u32, false);
        loop {
            self.checkpoint().await?;
            let Some(spec) = rest(&self.job.spec, sent) else {
                return Ok(());
            };
            let (plan, allowed) = self.plan(dir, &spec, probe)?;
            let job = self.ffmpeg("live", plan.args, dir, &allowed.after(sent));
            let mut meter = Meter::new(self.place.display(), Phase::Encode, length.map(micros));
            meter.before_micros = micros(sent);
            // It is all there is to do.
            meter.share = (0.0, 100.0);
            let ended = self.child(job, &mut meter).await?;
            self.costs.add(&ended);
            has_sent |= meter.spoke;
            sent += ended.worked;
            let outputs = self.outputs(dir);
            let Err(halt) = self.judge(&ended, allowed.memory, &outputs) else {
                return Ok(());
            };
            self.survive(halt, has_sent, deaths, &ended)?;
            deaths += 1;
            failures = if ended.worked >= WELL { 1 } else { failures + 1 };
            self.wait(BACKOFF.wait(failures, chance::unit())).await?;
        }
    }

    /// Whether the death of a sender is to be followed by another one.
    fn survive(
        &mut self,
        halt: Halt,
        has_sent: bool,
        deaths: u32,
        ended: &Ended,
    ) -> Result<(), Halt> {
        let Halt::Failed { reason, message } = halt else {
            return Err(halt);
        };
        let hopeless = reason == Reason::Timeout || (reason.retry() == Retry::Never && !has_sent);
        if hopeless {
            return Err(Halt::Failed { reason, message });
        }
        tracing::warn!(attempt = %self.job.attempt, %reason, %message, "a live sender died; it is started again");
        match deaths {
            0..TOLD => self.notes.push(format!(
                "the sender died after {} s and was started again: {message}",
                ended.worked.as_secs()
            )),
            TOLD => self
                .notes
                .push("the sender died more often than that; see the logs".to_owned()),
            _ => {}
        }
        Ok(())
    }

    /// Waits, unless something else is wanted meanwhile.
    async fn wait(&mut self, span: Duration) -> Result<(), Halt> {
        tokio::select! {
            () = tokio::time::sleep(span) => Ok(()),
            // An order to pause is obeyed by the checkpoint that follows, one to stop as well.
            Ok(()) = self.place.orders.changed() => {
                self.place.orders.mark_changed();
                Ok(())
            }
        }
    }
}

/// The job for what of its duration is left; nothing if none is.
fn rest(spec: &Spec, sent: Duration) -> Option<Spec> {
    let mut rest = spec.clone();
    if let Some(Span(length)) = spec.duration {
        let left = length.saturating_sub(sent);
        if left.is_zero() {
            return None;
        }
        rest.duration = Some(Span(left));
    }
    Some(rest)
}
