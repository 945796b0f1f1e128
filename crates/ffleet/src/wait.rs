//! Watching a job to its end.
//!
//! Events say what happens as it does; the job itself is read after each (re)connection and
//! whenever nothing was heard for a while, so that a lost event delays and never deceives. A
//! server that is away, restarts, or comes back on another port is waited for.

use std::time::Duration;

use ffleet_api::Job;
use ffleet_api::client::Events;
use ffleet_api::event::Event;
use ffleet_api::job::Summary;
use ffleet_base::chance;
use ffleet_types::task::State;
use ffleet_types::{JobId, JobRef};
use tokio::time::{Instant, sleep, timeout};

use crate::api::{Answer, Api, Trouble};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::show;
use crate::show::text::push;
use crate::wait::view::View;

mod view;

/// Silence after which the job is read.
const SILENCE: Duration = Duration::from_secs(10);
/// How long a server may be away.
const AWAY: Duration = Duration::from_mins(10);
/// The first pause between two tries to reach it, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));

/// Watches a job, prints how it gets on and what came of it.
///
/// # Errors
///
/// If the server refuses, or stays away for ten minutes.
pub(crate) async fn follow(context: &Context, api: Api, job: &Summary) -> Result<Exit, Failure> {
    let mut watch = Watch { context, api, job: job.id, view: View::new(context, job) };
    let ended = tokio::select! {
        ended = watch.until_its_end() => ended?,
        // Where the signal cannot be caught, it ends us as it always did.
        Ok(()) = tokio::signal::ctrl_c() => {
            watch.view.clear();
            let number = job.number;
            return Err(Failure::new(Exit::Interrupted, format!("stopped waiting; job {number} goes on"))
                .hint(format!(
                    "wait again with `ffleet jobs wait {number}`, stop it with `ffleet jobs cancel \
                     {number}`"
                )));
        }
    };
    watch.view.clear();
    context.print(&ended.raw, || outcome(&ended.value))?;
    Ok(exit(ended.value.summary.state))
}

/// What a job's end means for the exit code.
pub(crate) const fn exit(state: State) -> Exit {
    match state {
        State::Failed | State::TimedOut | State::Quarantined | State::Rejected => Exit::JobFailed,
        State::Canceled => Exit::JobCanceled,
        State::Completed
        | State::Queued
        | State::Assigned
        | State::Running
        | State::Paused
        | State::Retrying => Exit::Done,
    }
}

/// What came of a job, for a person.
fn outcome(job: &Job) -> String {
    let about = &job.summary;
    let mut text = format!("job {} {}", about.number, about.state);
    if let Some(reason) = about.reason {
        push!(text, " ({reason})");
    }
    text.push('\n');
    for line in about.message.iter().flat_map(|message| message.lines()) {
        push!(text, "  {}\n", show::text::visible(line));
    }
    if about.state == State::Completed {
        for output in &about.outputs {
            push!(text, "  {}\n", show::text::visible(&show::job::made(output)));
        }
    }
    for note in job.attempts.last().iter().flat_map(|attempt| &attempt.notes) {
        push!(text, "  note: {}\n", show::text::visible(note));
    }
    if let Some(cost) = show::job::cost(job) {
        push!(text, "  cost: {cost}\n");
    }
    if exit(about.state) == Exit::JobFailed {
        push!(text, "  more: ffleet jobs show {0} · ffleet jobs logs {0}\n", about.number);
    }
    text
}

struct Watch<'a> {
    context: &'a Context,
    api: Api,
    /// Its id: a number would be another job's on another server.
    job: JobId,
    view: View,
}

impl Watch<'_> {
    async fn until_its_end(&mut self) -> Result<Answer<Job>, Failure> {
        let mut away_since = None;
        let mut pause = PAUSES.0;
        loop {
            let trouble = match self.while_connected(&mut away_since).await {
                Ok(ended) => return Ok(ended),
                Err(Trouble::Lasts(failure)) => return Err(failure),
                Err(Trouble::MayPass(failure)) => failure,
            };
            let since = *away_since.get_or_insert_with(|| {
                pause = PAUSES.0;
                self.view.say("the server does not answer; waiting for it");
                Instant::now()
            });
            if since.elapsed() > AWAY {
                return Err(trouble);
            }
            sleep(pause.mul_f64(0.5 + chance::unit() / 2.0)).await;
            pause = (pause * 2).min(PAUSES.1);
            // It may have come back on another port.
            if let Ok(api) = self.context.api() {
                self.api = api;
            }
        }
    }

    /// Listens and reads until the job has ended or the connection has.
    async fn while_connected(
        &mut self,
        away_since: &mut Option<Instant>,
    ) -> Result<Answer<Job>, Trouble> {
        // Listening comes first: what happens between the two is then heard.
        let mut events = self.api.events(JobRef::Id(self.job)).await?;
        loop {
            let job: Answer<Job> = self.api.job(JobRef::Id(self.job)).await?;
            if away_since.take().is_some() {
                self.view.say("the server is back");
            }
            self.view.job(&job.value.summary).map_err(Trouble::Lasts)?;
            if job.value.summary.state.is_terminal() {
                return Ok(job);
            }
            self.listen(&mut events).await?;
        }
    }

    /// Shows what is heard until it is time to read the job.
    async fn listen(&mut self, events: &mut Events) -> Result<(), Trouble> {
        loop {
            let Ok(heard) = timeout(SILENCE, events.next()).await else {
                return Ok(());
            };
            let heard = heard.map_err(|error| Trouble::MayPass(self.api.failure(error)))?;
            match heard {
                // An event may be older than what was read; it says that there is news.
                Some(Event::Job(job)) if job.id == self.job => return Ok(()),
                Some(Event::Lagged(_)) => return Ok(()),
                Some(Event::Progress(news)) if news.id == self.job => {
                    self.view.progress(&news.progress).map_err(Trouble::Lasts)?;
                }
                Some(Event::Job(_) | Event::Progress(_) | Event::Node(_)) => {}
                None => {
                    let ended = "the server has ended the stream of events";
                    return Err(Trouble::MayPass(Failure::new(Exit::Unreachable, ended)));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_code_tells_failed_from_canceled() {
        for state in State::ALL {
            let expected = match state.name() {
                "failed" | "timed_out" | "quarantined" | "rejected" => Exit::JobFailed,
                "canceled" => Exit::JobCanceled,
                _ => Exit::Done,
            };
            assert_eq!(exit(state), expected, "{state}");
        }
    }
}
