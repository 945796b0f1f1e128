//! The second phase of a live job: FFmpeg sends until the job's duration is over, its input ends
//! or somebody cancels. When it dies it is started again. `ffleet_supervise::live` decides when,
//! and what the deaths mean.

use std::time::Duration;

use ffleet_api::control::{Phase, Progress};
use ffleet_base::chance;
use ffleet_media::{Probe, Source};
use ffleet_spool::Dir;
use ffleet_supervise::live::{Death, Live, Next};
use ffleet_types::Span;

use crate::attempt::costs::micros;
use crate::attempt::{Attempt, Halt};
use crate::child::Ended;
use crate::progress::Meter;
use crate::sandbox::Sight;

impl Attempt {
    /// Sends to the end.
    pub(crate) async fn live(&mut self, dir: &Dir, probe: &Probe) -> Result<(), Halt> {
        self.checkpoint().await?;
        self.place.enter_phase(Phase::Encode);
        let length = self.job.spec.duration.map(|span| span.0);
        let mut live = Live::new(length, self.running());
        let sent = self.send(dir, probe, &mut live).await;
        self.notes.extend(live.notes(self.peer()));
        sent
    }

    /// Starts one sender after the other until one gets to its end or there is to be none.
    async fn send(&mut self, dir: &Dir, probe: &Probe, live: &mut Live) -> Result<(), Halt> {
        loop {
            self.checkpoint().await?;
            let mut next = live.next(self.running());
            if let Next::Send { elapsed, left } = next {
                let trouble = live.trouble(self.peer());
                let Some(death) = self.sender(dir, probe, (elapsed, left), trouble).await? else {
                    return Ok(());
                };
                let Death { reason, message, .. } = &death;
                tracing::warn!(attempt = %self.job.attempt, %reason, %message, "a live sender died");
                next = live.died(death, self.running(), chance::unit());
                // Until the next one speaks, there is nothing else to show.
                let display = self.place.display();
                display.show(Progress {
                    trouble: live.trouble(self.peer()),
                    fps: 0.0,
                    speed: 0.0,
                    ..display.shown()
                });
            }
            match next {
                Next::Wait(span) => self.wait(span).await?,
                Next::Fail { reason, message } => return Err(Halt::Failed { reason, message }),
                Next::End => return Ok(()),
                Next::Send { .. } => {}
            }
        }
    }

    /// Runs a sender for what is left of the duration, to its end or its death.
    async fn sender(
        &mut self,
        dir: &Dir,
        probe: &Probe,
        (elapsed, left): (Duration, Option<Duration>),
        trouble: Option<String>,
    ) -> Result<Option<Death>, Halt> {
        let mut spec = self.job.spec.clone();
        spec.duration = left.map(Span);
        let (plan, allowed) = self.plan(dir, &spec, probe)?;
        let mut job = self.ffmpeg("live", plan.args, dir, &allowed.after(elapsed));
        job.sight = Sight::Sending;
        let length = self.job.spec.duration.map(|span| micros(span.0));
        let mut meter = Meter::new(self.place.display(), Phase::Encode, length);
        meter.before_micros = micros(elapsed);
        meter.trouble = trouble;
        // It is all there is to do.
        meter.share = (0.0, 100.0);
        let ended = self.child(job, &mut meter).await?;
        self.costs.add(&ended);
        let outputs = self.outputs(dir);
        match self.judge(&ended, allowed.memory, &outputs) {
            Ok(()) => Ok(None),
            Err(Halt::Failed { reason, message }) => {
                let Ended { worked: lived, .. } = ended;
                Ok(Some(Death { reason, message, sent: meter.sent(), lived }))
            }
            Err(halt) => Err(halt),
        }
    }

    /// Who refuses where nothing could be sent.
    fn peer(&self) -> &'static str {
        match self.job.spec.input {
            Source::Url(_) => "the input's server or the destination",
            Source::File(_) | Source::Test(_) => "the destination",
        }
    }

    /// The monotonic clock without the pauses so far.
    fn running(&self) -> Duration {
        let paused = Duration::from_micros(self.costs.usage().paused_micros);
        self.shop.clock.monotonic().saturating_sub(paused)
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

impl Meter {
    /// Whether it showed anything on its way out.
    fn sent(&self) -> bool {
        let last = &self.last;
        // A sender that never got anywhere may close with a block that counts nothing.
        last.frames > 0
            || last.bytes.is_some_and(|bytes| bytes > 0)
            || last.position_micros.is_some_and(|position| position > 0)
    }
}
