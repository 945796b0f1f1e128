//! What a command of FFmpeg or GStreamer will start, before anybody runs it.
//!
//! Text in, text out: nothing is started, no file is opened, and nothing is kept.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use axum::extract::{Request, State};
use ffleet_api::submit::AuditRequest;
use ffleet_api::{Code, Problem};
use ffleet_engine::audit::{self, Policy, Report};
use hyper::StatusCode;

use super::body;
use super::reply::{self, Answer};
use crate::controller::Controller;

/// The longest script that is read, and the longest command with all its words, in bytes.
const LONGEST: usize = 64 * 1024;
/// Most words of a command, and most machines.
const MOST_WORDS: usize = 8_191;
const MOST_MACHINES: usize = 8;
/// The longest that an endless command may be let run, in seconds.
const TEN_YEARS: u64 = 10 * 365 * 86_400;

/// Says what a command will start, open and leave unbounded.
#[utoipa::path(post, path = "/v1/audit", tag = "presets", request_body = AuditRequest, responses(
    (status = 200, description = "What `ffleet audit --json` prints: `bounded`, `commands`, `unread`, `others`",
        body = Object),
    (status = 422, description = "The request makes no sense", body = Problem),
))]
pub(crate) async fn audit(State(controller): State<Controller>, request: Request) -> Answer {
    let asked: AuditRequest = body::read(&controller, request).await?;
    let audited = tokio::task::spawn_blocking(move || answer(&asked)).await;
    let report = audited.map_err(|error| {
        Problem::new(Code::Internal, format!("the audit did not come to its end: {error}"))
    })??;
    reply::json(StatusCode::OK, &report)
}

fn answer(asked: &AuditRequest) -> Result<Report, Problem> {
    let wrong = |place: &str, what: String| Err(Problem::new(Code::InvalidValue, what).at(place));
    let here = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let here = u32::try_from(here).unwrap_or(u32::MAX);
    let mut cpus = if asked.cpus.is_empty() {
        vec![here, 64]
    } else {
        asked.cpus.clone()
    };
    if cpus.len() > MOST_MACHINES || !cpus.iter().all(|count| (1..=8_192).contains(count)) {
        return wrong(
            "/cpus",
            format!("there are up to {MOST_MACHINES} machines, of 1 to 8192 CPUs"),
        );
    }
    cpus.sort_unstable();
    cpus.dedup();
    let budget = asked.budget.unwrap_or_else(|| here.min(1_024));
    if !(1..=1_024).contains(&budget) {
        return wrong("/budget", "a budget is 1 to 1024 CPUs".to_owned());
    }
    let longest = asked.longest.unwrap_or(86_400);
    if !(1..=TEN_YEARS).contains(&longest) {
        return wrong("/longest", "it is a number of seconds, up to ten years".to_owned());
    }
    let ffmpeg = asked.ffmpeg.clone().unwrap_or_else(|| "9.0".to_owned());
    if ffmpeg.len() > 64
        || !ffmpeg.trim_start_matches('n').starts_with(|c: char| c.is_ascii_digit())
    {
        return wrong(
            "/ffmpeg",
            "a release is written as `ffmpeg -version` does, such as 5.1".to_owned(),
        );
    }
    let policy = Policy { cpus, budget, ffmpeg, longest };
    let nothing = BTreeMap::new();
    match (&asked.command, &asked.script) {
        (Some(words), None) => {
            let bytes: usize = words.iter().map(String::len).sum();
            if words.len() > MOST_WORDS || bytes > LONGEST {
                return wrong(
                    "/command",
                    format!("a command has at most {MOST_WORDS} words and {LONGEST} bytes"),
                );
            }
            Ok(audit::command(words, &policy, &nothing))
        }
        (None, Some(script)) if script.len() > LONGEST => {
            wrong("/script", format!("a script has at most {LONGEST} bytes"))
        }
        (None, Some(script)) => Ok(audit::script(script, &policy, &nothing)),
        _ => wrong("/command", "give either `command` or `script`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(json: &str) -> Result<Report, Problem> {
        answer(&serde_json::from_str(json).unwrap())
    }

    #[test]
    fn commands_and_scripts_are_audited_alike() {
        let settings = r#""cpus":[2,64],"budget":2"#;
        let command =
            asked(&format!(r#"{{"command":["ffmpeg","-i","a.mp4","b.mp4"],{settings}}}"#)).unwrap();
        let script = asked(&format!(r#"{{"script":"ffmpeg -i a.mp4 b.mp4",{settings}}}"#)).unwrap();
        assert_eq!(command, script);
        assert!(!command.bounded && command.commands[0].machines.len() == 2, "{command:?}");
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        for (json, place) in [
            ("{}", "/command"),
            (r#"{"command":["ffmpeg"],"script":"x"}"#, "/command"),
            (r#"{"script":"x","cpus":[0]}"#, "/cpus"),
            (r#"{"script":"x","cpus":[1,2,3,4,5,6,7,8,9]}"#, "/cpus"),
            (r#"{"script":"x","budget":0}"#, "/budget"),
            (r#"{"script":"x","ffmpeg":"new"}"#, "/ffmpeg"),
            (r#"{"script":"x","longest":0}"#, "/longest"),
        ] {
            let problem = asked(json).unwrap_err();
            assert_eq!(problem.code, Code::InvalidValue, "{json}");
            assert!(
                serde_json::to_string(&problem).unwrap().contains(place),
                "{json}: {problem:?}"
            );
        }
        let long =
            AuditRequest { script: Some("x".repeat(LONGEST + 1)), ..AuditRequest::default() };
        assert!(answer(&long).unwrap_err().detail.contains("at most 65536 bytes"));
    }
}
