//! `ffleet backup`: copies the server's store while it is at work.

use clap::{Args, ValueHint};
use ffleet_api::submit::{Backup, BackupRequest};
use ffleet_types::Bytes;

use crate::api::Answer;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::submit::place;

/// `ffleet backup`
#[derive(Debug, Args)]
pub(crate) struct Flags {
    /// Where the copy goes: a file that is not there yet
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    target: String,
}

/// Makes the copy. To go back to it: stop the server, put it in the place of
/// `store/ffleet.db` in the data directory, and remove `ffleet.db-wal` beside it.
pub(crate) async fn run(context: &Context, flags: Flags) -> Result<Exit, Failure> {
    let target = place::target(&flags.target, &context.here)?;
    let answer: Answer<Backup> =
        context.api()?.post("/v1/backups", &BackupRequest { target }).await?;
    context.print(&answer.raw, || {
        let Backup { target, size_bytes } = &answer.value;
        format!("{target}: {}\n", Bytes(*size_bytes).human())
    })?;
    Ok(Exit::Done)
}
