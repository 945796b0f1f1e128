//! What encoders and decoders have in common: a process with a pipe on either side.

use std::io;
use std::path::Path;

use bytes::Bytes;
use ffleet_base::chain;
use ffleet_engine::track::Command;
use ffleet_guard::{Child, ChildSpec, Limits, Stderr, Stdin, Stdout};
use ffleet_live::replay::Id;
use ffleet_types::RoleGroup;
use tokio::net::unix::pipe::{Receiver, Sender};

use crate::feed::{LOG, Shop, log, pipe, widen};

/// What goes in, a piece at a time.
#[derive(Debug)]
pub(super) struct Input {
    /// Nothing where nothing goes in any more.
    pipe: Option<Sender>,
    /// What is being written, and how much of it has been.
    now: Option<(Bytes, usize)>,
}

impl Input {
    pub(super) const fn new(pipe: Sender) -> Self {
        Self { pipe: Some(pipe), now: None }
    }

    /// Whether it takes another piece.
    pub(super) const fn is_free(&self) -> bool {
        self.now.is_none() && self.pipe.is_some()
    }

    /// Whether nothing goes in any more.
    pub(super) const fn is_closed(&self) -> bool {
        self.pipe.is_none()
    }

    /// Gives it a piece.
    pub(super) fn give(&mut self, bytes: Bytes) {
        self.now = Some((bytes, 0));
    }

    /// Writes what it was given to its end; never ends without something. May be dropped at any time.
    pub(super) async fn write(&mut self) -> io::Result<()> {
        let (Some((bytes, written)), Some(pipe)) = (&mut self.now, &self.pipe) else {
            return std::future::pending().await;
        };
        while *written < bytes.len() {
            pipe.writable().await?;
            match pipe.try_write(&bytes[*written..]) {
                Ok(count) => *written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        self.now = None;
        Ok(())
    }

    /// What was being written cannot be.
    pub(super) fn stop(&mut self) {
        self.now = None;
    }

    /// Nothing more comes: the process reads the end.
    pub(super) fn close(&mut self) {
        (self.now, self.pipe) = (None, None);
    }
}

/// Starts process `id` of what is called `name` of a stream: itself, what goes in, and what comes out.
///
/// # Errors
///
/// What is in the way, for people.
pub(super) async fn launch(
    shop: &Shop,
    (label, name, id): (&str, &str, Id),
    program: &Path,
    command: &Command,
) -> Result<(Child, Sender, Receiver), String> {
    let mut spec = ChildSpec::new(format!("{label}.{name}.{id}"), program);
    spec.args = command.args.iter().map(Into::into).collect();
    spec.cwd.clone_from(&shop.options.cwd);
    spec.role = RoleGroup::named(RoleGroup::LIVE);
    spec.nice = 0;
    spec.limits = Limits {
        tasks: Some(ffleet_engine::threads::tasks_limit(command.threads)),
        ..Limits::default()
    };
    spec.stdout = Stdout::Pipe;
    spec.stderr = match log(&shop.options.logs.join(label).join(name), id) {
        Ok(path) => Stderr::Log { path, cap: LOG },
        Err(error) => {
            tracing::warn!(stream = label, %error, "what a process says cannot be kept");
            Stderr::Tail
        }
    };
    let (theirs, ours) = pipe().map_err(|error| format!("there is no pipe for it: {error}"))?;
    spec.stdin = Stdin::From(theirs);
    let mut child = shop.node.spawn(spec).await.map_err(|error| chain(&error))?;
    let output = child.take_stdout().ok_or("its output is not a pipe")?;
    widen(label, &output);
    Ok((child, ours, output))
}

/// What a process said last, as the end of a sentence.
pub(super) fn last_words(child: &Child) -> String {
    let said = child.stderr_tail();
    let last = said.lines().rev().find(|line| !line.trim().is_empty());
    last.map_or_else(String::new, |last| format!(": {last}"))
}

/// What comes of `future`, if there is one; else nothing ever does.
pub(super) async fn maybe<T>(future: Option<impl Future<Output = T>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}
