//! `ffleet jobs`: looks at jobs, stops them, tries them again.

use std::io::{self, Write as _};

use clap::{Args, Subcommand};
use ffleet_api::client::Action;
use ffleet_api::job::{History, Job, Page};
use ffleet_api::query;
use ffleet_types::job::Queue;
use ffleet_types::task::State;
use ffleet_types::{JobNumber, JobRef};

use crate::api::{Answer, Trouble};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::show::text::push;
use crate::{show, submit, wait};

/// `ffleet jobs …`; without one of these, the list.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List jobs, newest first
    List(ListFlags),
    /// Show everything about a job
    Show(Which),
    /// Show every change of a job's state
    History(Which),
    /// Print what FFmpeg said
    Logs(LogFlags),
    /// Watch a job to its end; the exit code says what came of it
    Wait(Which),
    /// Stop a job for good
    Cancel(Which),
    /// Freeze a job's processes
    Pause(Which),
    /// Let a paused job run again
    Resume(Which),
    /// Make a new job of one that has ended
    Retry(Which),
}

/// Which job.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The job's number or id
    job: JobRef,
}

/// `ffleet jobs list`
#[derive(Debug, Args)]
pub(crate) struct ListFlags {
    /// Only jobs in these states, such as running,queued
    #[arg(long, value_name = "STATE", value_delimiter = ',')]
    state: Vec<State>,
    /// Only jobs of this queue
    #[arg(long, value_name = "QUEUE")]
    queue: Option<Queue>,
    /// Only jobs with this label
    #[arg(long, value_name = "KEY=VALUE", value_parser = submit::label)]
    label: Option<(String, String)>,
    /// At most so many: 1 to 500
    #[arg(long, value_name = "COUNT", default_value_t = query::Jobs::LIMIT,
          value_parser = clap::value_parser!(u32).range(1..=i64::from(query::Jobs::MOST)))]
    limit: u32,
    /// Only jobs older than this one: the next page
    #[arg(long, value_name = "NUMBER")]
    after: Option<u64>,
}

/// `ffleet jobs logs`
#[derive(Debug, Args)]
pub(crate) struct LogFlags {
    #[command(flatten)]
    which: Which,
    /// Of this attempt [default: the latest]
    #[arg(long, value_name = "NUMBER")]
    attempt: Option<u64>,
    /// Go on printing until the job has ended
    #[arg(long, short)]
    follow: bool,
}

/// Does what was asked for.
pub(crate) async fn run(context: &Context, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::List(flags) => list(context, flags).await,
        Command::Show(which) => {
            let answer = read(context, &which).await?;
            context.print(&answer.raw, || show::job::page(&answer.value, context.now()))?;
            Ok(Exit::Done)
        }
        Command::History(which) => {
            let path = format!("/v1/jobs/{}/history", which.job);
            let answer: Answer<History> = context.api()?.read(&path).await?;
            context.print(&answer.raw, || show::job::history(&answer.value.history))?;
            Ok(Exit::Done)
        }
        Command::Logs(flags) => logs(context, &flags).await,
        Command::Wait(which) => {
            let job = read(context, &which).await?.value;
            wait::follow(context, context.api()?, &job.summary).await
        }
        Command::Cancel(which) => act(context, &which, Action::Cancel).await,
        Command::Pause(which) => act(context, &which, Action::Pause).await,
        Command::Resume(which) => act(context, &which, Action::Resume).await,
        Command::Retry(which) => act(context, &which, Action::Retry).await,
    }
}

async fn read(context: &Context, which: &Which) -> Result<Answer<Job>, Failure> {
    context.api()?.job(which.job).await.map_err(Trouble::into_failure)
}

async fn list(context: &Context, flags: ListFlags) -> Result<Exit, Failure> {
    let query = query::Jobs {
        states: flags.state,
        queue: flags.queue,
        label: flags.label,
        limit: flags.limit,
        after: flags.after.map(JobNumber),
    };
    let answer: Answer<Page> = context.api()?.read(&format!("/v1/jobs{query}")).await?;
    context.print(&answer.raw, || page(context, &query, &answer.value))?;
    Ok(Exit::Done)
}

fn page(context: &Context, query: &query::Jobs, page: &Page) -> String {
    let table = show::job::table(&page.jobs, context.now());
    if table.is_empty() {
        return if *query == query::Jobs::default() {
            "no jobs yet; try: ffleet submit test:720p30 -o /tmp/test.mp4 --wait\n".to_owned()
        } else {
            "no such jobs\n".to_owned()
        };
    }
    let mut text = table.render(context.width());
    if let Some(next) = page.next {
        push!(text, "older ones: --after {next}\n");
    }
    text
}

async fn logs(context: &Context, flags: &LogFlags) -> Result<Exit, Failure> {
    let api = context.api()?;
    let mut logs = api.logs(flags.which.job, flags.attempt, flags.follow).await?;
    while let Some(piece) = logs.next().await.map_err(|error| api.failure(error))? {
        let mut out = io::stdout().lock();
        out.write_all(&piece)?;
        out.flush()?;
    }
    Ok(Exit::Done)
}

async fn act(context: &Context, which: &Which, action: Action) -> Result<Exit, Failure> {
    let answer: Answer<Job> = context.api()?.act(which.job, action).await?;
    context.print(&answer.raw, || acted(&answer.value, action))?;
    Ok(Exit::Done)
}

/// What a person is told about what was done.
fn acted(job: &Job, action: Action) -> String {
    let about = &job.summary;
    let (number, state) = (about.number, show::job::state(about));
    match (action, about.retry_of) {
        (Action::Retry, Some(original)) => {
            format!("job {number} accepted, a retry of {original}\n")
        }
        (Action::Cancel, _) if !about.state.is_terminal() => {
            format!("job {number} is being canceled; its processes go first\n")
        }
        (Action::Pause, _) if about.state != State::Paused => {
            format!("job {number} is being paused\n")
        }
        (Action::Resume, _) if about.state == State::Paused => {
            format!("job {number} is being resumed\n")
        }
        _ => format!("job {number} is {state}\n"),
    }
}
