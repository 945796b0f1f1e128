//! `ffleet probe`: says what a file or URL holds.

use clap::{Args, ValueHint};
use ffleet_api::submit::ProbeRequest;
use ffleet_media::Probe;

use crate::api::Answer;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::show;
use crate::submit::place;

/// `ffleet probe`
#[derive(Debug, Args)]
pub(crate) struct Flags {
    /// A file, an http(s):// URL, or a test picture such as test:720p30
    #[arg(value_name = "IN", value_hint = ValueHint::FilePath)]
    input: String,
}

/// Probes an input.
pub(crate) async fn run(context: &Context, flags: Flags) -> Result<Exit, Failure> {
    let input = place::input(&flags.input, &context.here)?;
    let answer: Answer<Probe> = context.api()?.post("/v1/probe", &ProbeRequest { input }).await?;
    context.print(&answer.raw, || show::media::probe(&answer.value))?;
    Ok(Exit::Done)
}
