//! The second phase of a live job: FFmpeg sends until the job's duration is over, its input ends
//! or somebody cancels. When it dies it is started again. `ffleet_supervise::live` decides when,
//! and what the deaths mean.

use std::time::Duration;

use ffleet_api::control::{Phase, Progress};
use ffleet_base::chance;
use ffleet_guard::{Tie, Trace};
use ffleet_media::{Probe, Source};
use ffleet_spool::Dir;
use ffleet_supervise::live::{Death, Live, Next};
use ffleet_types::{Reason, Span};

use crate::attempt::costs::micros;
use crate::attempt::resume::Turn;
use crate::attempt::{Attempt, Halt, LIVE, Stage};
use crate::child::Ended;
use crate::progress::Meter;
use crate::sandbox::Sight;

/// A sender that has ended.
struct Sender {
    /// How it died; nothing if it got to its end.
    death: Option<Death>,
    /// When, on the clock without pauses.
    at: Duration,
    trace: Trace,
}

impl Attempt {
    /// Sends to the end.
    pub(crate) async fn live(&mut self, dir: &Dir, probe: &Probe) -> Result<(), Halt> {
        self.between().await?;
        self.place.enter_phase(Phase::Encode);
        let length = self.job.spec.duration.map(|span| span.0);
        let (mut live, turn) = match self.from.take() {
            Some(Stage::Sent) => return Ok(()),
            Some(Stage::Live { live, turn }) => (*live, Some(turn)),
            _ => (Live::new(length, self.running()), None),
        };
        self.show_trouble(&live);
        let sent = self.send(dir, probe, &mut live, turn).await;
        self.notes.extend(live.notes(self.peer()));
        let last = sent?;
        self.keep(Stage::Sent).await?;
        drop(last);
        Ok(())
    }

    /// Starts one sender after the other until one gets to its end or there is to be none. Goes on where an
    /// earlier life was, if there was one: with the very sender, if it left that.
    async fn send(
        &mut self,
        dir: &Dir,
        probe: &Probe,
        live: &mut Live,
        mut from: Option<Turn>,
    ) -> Result<Option<Trace>, Halt> {
        loop {
            let mut next = match from.take() {
                Some(Turn::Send { elapsed, left }) if self.adopted.is_some() => {
                    Next::Send { elapsed, left }
                }
                Some(Turn::Wait { until }) => Next::Wait(until.saturating_sub(self.running())),
                Some(Turn::Send { .. }) | None => {
                    self.checkpoint().await?;
                    live.next(self.running())
                }
            };
            if let Next::Send { elapsed, left } = next {
                let turn = Turn::Send { elapsed, left };
                self.keep(Stage::Live { live: Box::new(live.clone()), turn }).await?;
                let trouble = live.trouble(self.peer());
                let ended = self.sender(dir, probe, (elapsed, left), trouble).await?;
                let Sender { death: Some(death), at, trace } = ended else {
                    return Ok(Some(ended.trace));
                };
                next = self.died(live, death, at).await?;
                drop(trace);
            }
            match next {
                Next::Wait(span) => self.wait(span).await?,
                Next::Fail { reason, message } => return Err(Halt::Failed { reason, message }),
                Next::End => return Ok(None),
                Next::Send { .. } => {}
            }
        }
    }

    /// What follows from the death of a sender at this time; written down if it is a wait.
    async fn died(&mut self, live: &mut Live, death: Death, at: Duration) -> Result<Next, Halt> {
        let Death { reason, message, .. } = &death;
        tracing::warn!(attempt = %self.job.attempt, %reason, %message, "a live sender died");
        let next = live.died(death, at, chance::unit());
        self.show_trouble(live);
        let Next::Wait(span) = next else {
            return Ok(next);
        };
        let until = at + span;
        let turn = Turn::Wait { until };
        self.keep(Stage::Live { live: Box::new(live.clone()), turn }).await?;
        // It may have died while nobody was there.
        Ok(Next::Wait(until.saturating_sub(self.running())))
    }

    /// Until the next sender speaks, there is nothing else to show.
    fn show_trouble(&self, live: &Live) {
        let display = self.place.display();
        display.show(Progress {
            trouble: live.trouble(self.peer()),
            fps: 0.0,
            speed: 0.0,
            ..display.shown()
        });
    }

    /// Runs a sender for what is left of the duration, to its end or its death. An `elapsed` of the
    /// duration was over when it began.
    async fn sender(
        &mut self,
        dir: &Dir,
        probe: &Probe,
        (elapsed, left): (Duration, Option<Duration>),
        trouble: Option<String>,
    ) -> Result<Sender, Halt> {
        let mut spec = self.job.spec.clone();
        spec.duration = left.map(Span);
        let (plan, allowed) = self.plan(dir, &spec, probe)?;
        let mut job = self.ffmpeg(LIVE, plan.args, dir, &allowed.after(elapsed));
        job.sight = Sight::Sending;
        job.tie = Tie::Shim;
        let length = self.job.spec.duration.map(|span| micros(span.0));
        let mut meter = Meter::new(self.place.display(), Phase::Encode, length);
        meter.before_micros = micros(elapsed);
        meter.trouble = trouble;
        // It is all there is to do.
        meter.share = (0.0, 100.0);
        let ended = self.child(job, &mut meter).await?;
        self.costs.add(&ended);
        let outputs = self.outputs(dir);
        let death = match self.judge(&ended, allowed.memory, &outputs) {
            Ok(()) => None,
            Err(Halt::Failed { reason, message }) => Some((reason, message)),
            Err(Halt::Interrupted) if ended.forsaken => {
                let message = "its server was away for longer than the lease term".to_owned();
                Some((Reason::Interrupted, message))
            }
            Err(halt) => return Err(halt),
        };
        let Ended { worked: lived, ended: at, trace, .. } = ended;
        let sent = meter.sent();
        let death = death.map(|(reason, message)| Death { reason, message, sent, lived });
        Ok(Sender { death, at: self.without_pauses(at), trace })
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
        self.without_pauses(self.shop.clock.monotonic())
    }

    fn without_pauses(&self, at: Duration) -> Duration {
        at.saturating_sub(Duration::from_micros(self.costs.usage().paused_micros))
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
