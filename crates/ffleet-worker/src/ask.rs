//! Asking ffprobe what an input holds.

use std::future::Future;
use std::time::Duration;

use ffleet_engine::probe::{Question, add_frame, next_question, parse};
use ffleet_media::{Probe, Source};
use ffleet_supervise::Policy;
use ffleet_types::Bytes;

use crate::attempt::Halt;

/// How long ffprobe may take: it reads the beginning of a file, or of a connection.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// What ffprobe may hold. Some formats keep their whole index in memory.
pub(crate) const MEMORY: Bytes = Bytes::gib(1);

/// Somebody who can put a question to ffprobe.
pub(crate) trait Ask {
    /// Its answer, if it ended well.
    fn ask(&mut self, question: Question) -> impl Future<Output = Result<String, Halt>> + Send;
}

/// Finds out what `source` holds: by one question for most inputs, by two for some.
pub(crate) async fn probe(source: &Source, asked: &mut impl Ask) -> Result<Probe, Halt> {
    let answer = asked.ask(Question::Tracks).await?;
    let mut probe = parse(&answer)
        .map_err(|error| Halt::failed(error.reason(), format!("cannot use {source}: {error}")))?;
    if let Some(question) = next_question(&probe) {
        add_frame(&mut probe, &asked.ask(question).await?);
    }
    Ok(probe)
}

/// How ffprobe is watched.
pub(crate) const fn policy(grace: Duration) -> Policy {
    Policy { timeout: Some(PATIENCE), stall: None, grace }
}
