//! `ffleet logs`: what all children said, in one place.

use std::time::Duration;

use clap::Args;
use ffleet_api::log::{Line, Page};
use ffleet_api::query::{Logs, When};
use ffleet_types::{JobRef, Span};

use crate::api::Answer;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::show::text::{push, visible};

/// Between two looks at logs that are followed.
const LOOK: Duration = Duration::from_secs(1);
/// Lines of the last moments may still be on their way, and would be passed over.
const BEHIND: Span = Span::secs(2);
/// How far back is looked for more, once all that there was is printed.
const BACK: Span = Span::secs(60);

/// `ffleet logs`
#[derive(Debug, Args)]
pub(crate) struct Flags {
    /// Only those of this job: its number or id
    #[arg(long, value_name = "JOB")]
    job: Option<JobRef>,
    /// Only those of this attempt of it
    #[arg(long, value_name = "NUMBER", requires = "job")]
    attempt: Option<u64>,
    /// From here on: so long ago, as 10m, or as 2026-01-31T12:00:00Z [default: a job's start, else 1h]
    #[arg(long, value_name = "TIME")]
    since: Option<When>,
    /// Up to here [default: now]
    #[arg(long, value_name = "TIME", conflicts_with = "follow")]
    until: Option<When>,
    /// Only lines that hold this text; case does not matter
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    grep: String,
    /// Go on printing as lines come, two seconds behind, until Ctrl-C
    #[arg(long, short)]
    follow: bool,
}

/// Prints the lines that were asked for, the oldest first.
pub(crate) async fn run(context: &Context, flags: Flags) -> Result<Exit, Failure> {
    let api = context.api()?;
    let mut query = Logs {
        job: flags.job,
        attempt: flags.attempt,
        since: flags.since,
        until: if flags.follow {
            Some(When::Ago(BEHIND))
        } else {
            flags.until
        },
        grep: flags.grep,
        ..Logs::default()
    };
    if flags.follow && flags.since.is_none() && flags.job.is_none() {
        // What comes is what is wanted.
        query.since = Some(When::Ago(BEHIND));
    }
    // So long ago is so long before the start, also on the last page.
    let begin = query.since.map(|since| since.since(context.now()));
    query.since = begin.map(When::At);
    loop {
        let answer: Answer<Page> = api.read(&format!("/v1/logs{query}")).await?;
        let page = answer.value;
        if !(flags.follow && page.lines.is_empty()) {
            context.print(&answer.raw, || lines(&page.lines))?;
        }
        if !page.complete {
            return Err(Failure::new(Exit::Refused, "there is too much to read at once")
                .hint("ask for less time with --since and --until, or for one job with --job"));
        }
        query.after = page.next.or(query.after);
        if page.more {
            continue;
        }
        if !flags.follow {
            return Ok(Exit::Done);
        }
        if context.now().since(begin.unwrap_or_default()) > BACK.0 {
            query.since = Some(When::Ago(BACK));
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn lines(lines: &[Line]) -> String {
    let mut text = String::new();
    for line in lines {
        let job = line
            .number
            .map_or_else(|| line.job.to_string(), |number| number.to_string());
        let (at, phase) = (line.at, &line.phase);
        push!(text, "{at}  job {job}  {phase:<6}  {}\n", visible(&line.text));
    }
    text
}

#[cfg(test)]
mod tests {
    use ffleet_api::Moment;
    use ffleet_types::{JobId, JobNumber, Timestamp};

    use super::*;

    #[test]
    fn line_says_when_who_and_what_and_does_nothing_to_a_terminal() {
        let line = |number: Option<u64>| Line {
            at: Moment(Timestamp::from_millis(1_769_860_800_123)),
            number: number.map(JobNumber),
            job: JobId::from_bits(1),
            attempt: 1,
            child: 2,
            phase: "encode".into(),
            text: "a\u{1b}[2J".into(),
        };
        let text = lines(&[line(Some(7)), line(None)]);
        let expected = "2026-01-31T12:00:00.123Z  job 7  encode  a\\u{1b}[2J\n";
        assert!(text.starts_with(expected), "{text}");
        assert!(text.contains("job 00000000000000000000000001  encode"), "{text}");
    }
}
