//! `ffleet submit`: hands in a job.

use ffleet_api::bench::Rehearsal;
use ffleet_api::job::Job;
use ffleet_api::submit::{Output, Request};
use ffleet_media::recipe::Overrides;
use ffleet_types::job::Limits;

use crate::api::Answer;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::show;
use crate::show::text::push;
use crate::show::text::visible;
use crate::submit::outputs::{Making, Wanted};
use crate::wait;

mod flags;
mod outputs;
pub(crate) mod place;

pub(crate) use flags::{Flags, label};

/// Hands in a job, and watches it where that was asked for.
pub(crate) async fn run(context: &Context, flags: Flags) -> Result<Exit, Failure> {
    let (wait, dry_run) = (flags.wait, flags.dry_run);
    let idempotency = flags.terms.idempotency_key.clone();
    let request = request(context, flags)?;
    let api = context.api()?;
    if dry_run {
        let answer: Answer<Rehearsal> = api.post("/v1/jobs?dry-run=true", &request).await?;
        context.print(&answer.raw, || show::media::rehearsal(&answer.value))?;
        return Ok(Exit::Done);
    }
    let (answer, existing) = api.submit::<Job>(&request, idempotency.as_deref()).await?;
    let job = &answer.value.summary;
    if !wait {
        context.print(&answer.raw, || accepted(&request, &answer.value, existing))?;
        return Ok(Exit::Done);
    }
    if !context.common.json {
        context.say(&accepted(&request, &answer.value, existing))?;
    }
    wait::follow(context, api, job).await
}

/// What the API is sent.
fn request(context: &Context, flags: Flags) -> Result<Request, Failure> {
    let Flags { input, outputs, media, limits, terms, .. } = flags;
    let outputs = outputs.0.into_iter().map(|wanted| output(context, wanted));
    Ok(Request {
        input: place::input(&input, &context.here)?,
        outputs: outputs.collect::<Result<_, _>>()?,
        overrides: Overrides {
            bitrate: media.bitrate,
            crf: media.crf,
            size: media.size,
            fps: media.fps,
        },
        duration: media.duration,
        engine: media.engine,
        overwrite: media.overwrite,
        verify: media.verify,
        queue: terms.queue,
        priority: terms.priority,
        role_group: terms.role_group,
        limits: Limits {
            cpu: limits.cpu,
            memory: limits.memory,
            scratch: limits.scratch,
            timeout: limits.timeout,
            stall: limits.stall,
        },
        retries: Some(terms.retries),
        labels: labels(terms.labels)?,
    })
}

fn output(context: &Context, wanted: Wanted) -> Result<Output, Failure> {
    let target = place::target(&wanted.target, &context.here)?;
    let output = Output { target, ..Output::default() };
    Ok(match wanted.making {
        Making::ByExtension => output,
        Making::Preset(name) => Output { preset: Some(name), ..output },
        Making::Raw(args) => Output { raw: Some(args), ..output },
        Making::Recipe(file) => {
            let recipe = ffleet_config::preset::recipe(&context.here.join(file))
                .map_err(|problem| Failure::usage(problem.to_string()))?;
            Output { recipe: Some(recipe), ..output }
        }
    })
}

pub(crate) fn labels(
    pairs: Vec<(String, String)>,
) -> Result<std::collections::BTreeMap<String, String>, Failure> {
    let mut labels = std::collections::BTreeMap::new();
    for (key, value) in pairs {
        if let Some(other) = labels.insert(key.clone(), value.clone()) {
            return Err(Failure::usage(format!(
                "the label {key} is given twice: as {other} and as {value}"
            )));
        }
    }
    Ok(labels)
}

/// What a person is told about a job that was taken.
fn accepted(request: &Request, job: &Job, existing: bool) -> String {
    let number = job.summary.number;
    let mut text = if existing {
        format!("job {number} was there already, by its idempotency key\n")
    } else {
        format!("job {number} accepted\n")
    };
    for (asked, output) in request.outputs.iter().zip(&job.summary.outputs) {
        let by_extension = asked.preset.is_none() && asked.recipe.is_none() && asked.raw.is_none();
        if let (true, Some(preset)) = (by_extension, &output.preset) {
            let target = visible(&output.target);
            let why = if show::job::is_live(&output.target) {
                "what live targets get unless told otherwise"
            } else {
                "because of its extension"
            };
            push!(text, "  {target}: by preset {preset}, {why}\n");
        }
    }
    text
}
