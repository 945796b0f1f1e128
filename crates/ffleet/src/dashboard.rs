//! `ffleet dashboard`: a new link that opens the dashboard once.

use ffleet_api::event::LoginLink;

use crate::api::Answer;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;

/// Prints the link.
pub(crate) async fn run(context: &Context) -> Result<Exit, Failure> {
    let answer: Answer<LoginLink> = context.api()?.create("/v1/login-links").await?;
    let link = &answer.value;
    context.print(&answer.raw, || {
        format!("{}\n  opens once, until {}\n", link.url, link.expires_at)
    })?;
    Ok(Exit::Done)
}
