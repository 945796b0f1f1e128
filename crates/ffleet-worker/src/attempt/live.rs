//! The second phase of a live job: FFmpeg sends until the job's duration is over, its input ends
//! or somebody cancels. When it dies it is started again.
//!
//! What can never work is not tried for ever: a sender that fails for a reason that will not pass
//! before anything was sent ends the attempt. Nor does a duration wait for its destination: it runs
//! from the first start of a sender, pauses apart, whether anybody takes what is sent or not.

use std::time::Duration;

use ffleet_api::control::Phase;
use ffleet_base::chance;
use ffleet_media::{Probe, Source, Spec};
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
/// How many kinds of death in a row are told one by one.
const TOLD: usize = 10;

impl Attempt {
    /// Sends to the end.
    pub(crate) async fn live(&mut self, dir: &Dir, probe: &Probe) -> Result<(), Halt> {
        self.checkpoint().await?;
        self.place.enter_phase(Phase::Encode);
        let mut deaths = Deaths::default();
        let sent = self.send(dir, probe, &mut deaths).await;
        self.notes.extend(deaths.notes(&self.job.spec.input));
        sent
    }

    /// Starts one sender after the other until one gets to its end or the duration is over.
    async fn send(&mut self, dir: &Dir, probe: &Probe, deaths: &mut Deaths) -> Result<(), Halt> {
        let length = self.job.spec.duration.map(|span| span.0);
        let (start, mut failures, mut has_sent) = (self.running(), 0_u32, false);
        loop {
            self.checkpoint().await?;
            let elapsed = self.running().saturating_sub(start);
            let Some(spec) = rest(&self.job.spec, elapsed) else {
                return deaths.at_last(length.unwrap_or_default(), has_sent);
            };
            let (plan, allowed) = self.plan(dir, &spec, probe)?;
            let job = self.ffmpeg("live", plan.args, dir, &allowed.after(elapsed));
            let mut meter = Meter::new(self.place.display(), Phase::Encode, length.map(micros));
            meter.before_micros = micros(elapsed);
            // It is all there is to do.
            meter.share = (0.0, 100.0);
            let ended = self.child(job, &mut meter).await?;
            self.costs.add(&ended);
            has_sent |= meter.sent();
            let outputs = self.outputs(dir);
            let Err(halt) = self.judge(&ended, allowed.memory, &outputs) else {
                return Ok(());
            };
            deaths.add(self.survive(halt, has_sent, &meter, &ended)?);
            failures = if ended.worked >= WELL { 1 } else { failures + 1 };
            let left = length.map(|span| span.saturating_sub(self.running().saturating_sub(start)));
            let backoff = BACKOFF.wait(failures, chance::unit());
            self.wait(left.map_or(backoff, |left| backoff.min(left))).await?;
        }
    }

    /// The monotonic clock without the pauses so far.
    fn running(&self) -> Duration {
        let paused = Duration::from_micros(self.costs.usage().paused_micros);
        self.shop.clock.monotonic().saturating_sub(paused)
    }

    /// The death of a sender that is to be followed by another one, or else the end.
    fn survive(
        &self,
        halt: Halt,
        has_sent: bool,
        meter: &Meter,
        ended: &Ended,
    ) -> Result<Death, Halt> {
        let Halt::Failed { reason, message } = halt else {
            return Err(halt);
        };
        let hopeless = reason == Reason::Timeout || (reason.retry() == Retry::Never && !has_sent);
        if hopeless {
            return Err(Halt::Failed { reason, message });
        }
        tracing::warn!(attempt = %self.job.attempt, %reason, %message, "a live sender died");
        let (sends, lived) = (meter.sent(), ended.worked);
        Ok(Death { reason, message, sends, lived, times: 1 })
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

/// One death of a sender, or several in a row that were the same.
#[derive(Debug)]
struct Death {
    reason: Reason,
    message: String,
    /// Whether it had sent anything itself.
    sends: bool,
    /// How long the last of them lived.
    lived: Duration,
    times: u32,
}

impl Death {
    fn is_like(&self, other: &Self) -> bool {
        self.reason == other.reason && self.sends == other.sends && self.message == other.message
    }

    /// For a person.
    fn note(&self, input: &Source) -> String {
        let Self { message, .. } = self;
        let times = match self.times {
            1 => "once".to_owned(),
            times => format!("{times} times"),
        };
        if self.reason == Reason::NetworkError && !self.sends {
            let who = match input {
                Source::Url(_) => "the input's server or the destination",
                Source::File(_) | Source::Test(_) => "the destination",
            };
            return format!("{who} refused {times}, last: {message}");
        }
        let lived = self.lived.as_secs();
        format!("the sender died {times}, last after {lived} s: {message}")
    }
}

/// All of them, in order.
#[derive(Debug, Default)]
struct Deaths {
    told: Vec<Death>,
    /// How many came after those, of which only the last is kept.
    more: u32,
    last: Option<Death>,
}

impl Deaths {
    fn add(&mut self, death: Death) {
        let full = self.told.len() >= TOLD;
        match self.told.last_mut() {
            Some(last) if self.more == 0 && last.is_like(&death) => {
                last.times = last.times.saturating_add(1);
                last.lived = death.lived;
            }
            _ if full => {
                self.more = self.more.saturating_add(1);
                self.last = Some(death);
            }
            _ => self.told.push(death),
        }
    }

    /// What the end of the duration means if it comes while no sender lives.
    fn at_last(&self, length: Duration, has_sent: bool) -> Result<(), Halt> {
        if has_sent {
            return Ok(());
        }
        let last = self.last.as_ref().or_else(|| self.told.last());
        // It is charged in any case: a reason whose retries are free would come back for ever.
        let reason = last
            .map(|death| death.reason)
            .filter(|reason| reason.retry() == Retry::Charged)
            .unwrap_or(Reason::NetworkError);
        let words = last.map_or("no sender was started", |death| &death.message);
        let text = format!("nothing was sent in its duration of {}: {words}", Span(length));
        Err(Halt::failed(reason, text))
    }

    fn notes(&self, input: &Source) -> Vec<String> {
        let mut notes: Vec<_> = self.told.iter().map(|death| death.note(input)).collect();
        if let Some(last) = &self.last {
            let more = self.more;
            notes.push(format!("the sender died {more} times more, last: {}", last.message));
        }
        notes
    }
}

/// The job for what of its duration is left; nothing if none is.
fn rest(spec: &Spec, elapsed: Duration) -> Option<Spec> {
    let mut rest = spec.clone();
    if let Some(Span(length)) = spec.duration {
        let left = length.saturating_sub(elapsed);
        if left.is_zero() {
            return None;
        }
        rest.duration = Some(Span(left));
    }
    Some(rest)
}
