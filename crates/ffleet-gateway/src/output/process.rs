//! What a child of an output is started with: its file, its pipes, its log.

use std::path::PathBuf;

use ffleet_base::chain;
use ffleet_base::clock::rfc3339;
use ffleet_guard::{Child, ChildSpec, Stderr, Stdin, Stdout};
use ffleet_types::RoleGroup;
use ffleet_types::live::output::Record;
use tokio::net::unix::pipe::{Receiver, Sender};

use super::{Parts, record};
use crate::feed::{LOG, log, pipe, widen};

/// A file for a recording that begins now.
///
/// # Errors
///
/// What is in the way, for people.
pub(super) async fn reserve(parts: &Parts, to: &Record) -> Result<PathBuf, String> {
    let (template, time) = (to.path.clone(), rfc3339(parts.shop.clock.now()));
    let reserved = tokio::task::spawn_blocking(move || record::reserve(&template, &time)).await;
    match reserved {
        Ok(Ok(path)) => Ok(path),
        Ok(Err(error)) => Err(format!("there is no file to record into: {error}")),
        Err(error) => Err(format!("ffleet failed: {error}")),
    }
}

/// Removes the file if nothing was recorded into it.
pub(super) async fn discard(file: Option<PathBuf>) {
    if let Some(path) = file {
        let removed = tokio::task::spawn_blocking(move || record::discard_empty(&path)).await;
        if let Err(error) = removed {
            tracing::error!(%error, "an empty recording was not removed");
        }
    }
}

/// Starts FFmpeg with these words; what it reads, and what it says of its progress, if it `is_told` to.
///
/// # Errors
///
/// What is in the way, for people.
pub(super) async fn start(
    parts: &Parts,
    args: Vec<String>,
    is_told: bool,
) -> Result<(Child, Sender, Option<Receiver>), String> {
    let number = parts.line.next_process();
    let mut spec = ChildSpec::new(format!("{}.{number}", parts.label), &parts.program);
    spec.args = args.into_iter().map(Into::into).collect();
    spec.cwd.clone_from(&parts.shop.options.cwd);
    spec.role = RoleGroup::named(RoleGroup::LIVE);
    spec.nice = 0;
    spec.stdout = if is_told { Stdout::Pipe } else { Stdout::Null };
    spec.stderr = match log(&parts.shop.options.logs.join(&parts.label), number) {
        Ok(path) => Stderr::Log { path, cap: LOG },
        Err(error) => {
            tracing::warn!(output = parts.label, %error, "what a process says cannot be kept");
            Stderr::Tail
        }
    };
    let (theirs, ours) = pipe().map_err(|error| format!("there is no pipe for it: {error}"))?;
    spec.stdin = Stdin::From(theirs);
    widen(&parts.label, &ours);
    let mut child = parts.shop.node.spawn(spec).await.map_err(|error| chain(&error))?;
    let progress = child.take_stdout();
    Ok((child, ours, progress))
}
