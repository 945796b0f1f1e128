//! What a job's children said.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path as FilePath, PathBuf};
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use bytes::Bytes;
use ffleet_api::{Code, Problem, query};
use ffleet_store::JobRow;
use ffleet_telemetry::redact;
use ffleet_types::{AttemptId, Fence, JobRef, TaskId};
use futures_util::stream;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

use super::access::Access;
use super::jobs::reference;
use super::reply::{self, Answer};
use crate::controller::Controller;

/// How often a log that is followed is looked at.
const LOOK: Duration = Duration::from_millis(300);
/// How much of a log is read at once.
const PIECE: usize = 64 << 10;

/// Reads a job's log: of one attempt, or else of the latest. With `follow=true` it goes on, also
/// over further attempts, until the job has ended.
#[utoipa::path(get, path = "/v1/jobs/{job}/logs", tag = "jobs", params(
    ("job" = String, Path, description = "Its number or its id"),
    ("attempt" = Option<u64>, Query, description = "Which attempt; the latest by default"),
    ("follow" = Option<bool>, Query, description = "Go on until the job has ended"),
), responses(
    (status = 200, description = "What the engine said", body = String,
        content_type = "text/plain"),
    (status = 404, description = "There is no such job or attempt", body = Problem),
))]
pub(crate) async fn read(
    State(controller): State<Controller>,
    Extension(access): Extension<Access>,
    Path(job): Path<String>,
    request: Request,
) -> Answer {
    let (attempt, follow) = parse(request.uri().query().unwrap_or_default())?;
    let row = controller.seen(reference(&job)?, &access).await?;
    if let Some(attempt) = attempt
        && !row.attempts.iter().any(|known| known.fence == attempt)
    {
        let detail = format!("job {job} has no attempt {}", attempt.as_u64());
        return Err(Problem::new(Code::LogNotFound, detail).at("attempt").into());
    }
    let tail = Tail {
        controller,
        access,
        job: JobRef::Id(row.summary.id),
        task: TaskId::whole(row.summary.id),
        attempt,
        follow,
        read: BTreeMap::new(),
        begun: Vec::new(),
        row: Some(row),
        ended: false,
    };
    let body = Body::from_stream(stream::unfold(tail, Tail::step));
    Ok(reply::text("text/plain; charset=utf-8", body))
}

/// `text` as it may be shown.
fn clean(text: &[u8]) -> Bytes {
    let text = String::from_utf8_lossy(text);
    Bytes::copy_from_slice(redact(&text).as_bytes())
}

/// The attempt of this number.
pub(super) fn fence(value: &str) -> Result<Fence, Problem> {
    let number = value.parse().ok().filter(|&number| number > 0).ok_or_else(|| {
        let why = format!("{value:?} is not the number of an attempt");
        Problem::new(Code::InvalidQuery, why).at("attempt")
    })?;
    Ok(Fence::from_u64(number))
}

fn parse(query: &str) -> Result<(Option<Fence>, bool), Problem> {
    let (mut attempt, mut follow) = (None, false);
    for (key, value) in query::pairs(query)? {
        let bad = |what: &str| {
            Problem::new(Code::InvalidQuery, format!("{value:?} is not {what}")).at(key.clone())
        };
        match key.as_str() {
            "attempt" => {
                attempt = Some(fence(&value)?);
            }
            "follow" => {
                follow = match value.as_str() {
                    "true" | "1" | "" => true,
                    "false" | "0" => false,
                    _ => return Err(bad("true or false")),
                };
            }
            _ => return Err(query::unknown(&key, &["attempt", "follow"])),
        }
    }
    Ok((attempt, follow))
}

/// A log that is being read.
struct Tail {
    controller: Controller,
    access: Access,
    job: JobRef,
    task: TaskId,
    attempt: Option<Fence>,
    follow: bool,
    /// How far each file was read.
    read: BTreeMap<PathBuf, u64>,
    /// What was read and not yet told: the beginning of a line.
    begun: Vec<u8>,
    row: Option<JobRow>,
    /// Whether the job had ended before the last look, so that nothing more comes.
    ended: bool,
}

impl Tail {
    async fn step(mut self) -> Option<(Result<Bytes, io::Error>, Self)> {
        loop {
            if !self.access.is_good(self.controller.clock.now()) {
                return None;
            }
            match self.piece().await {
                Ok(Some(piece)) => {
                    self.begun.extend_from_slice(&piece);
                    match self.lines() {
                        Some(lines) => return Some((Ok(lines), self)),
                        None => continue,
                    }
                }
                Ok(None) => {}
                Err(error) => return Some((Err(error), self)),
            }
            if self.ended || !self.follow {
                let rest = std::mem::take(&mut self.begun);
                return (!rest.is_empty()).then(|| (Ok(clean(&rest)), self));
            }
            let stop = self.controller.stop.clone();
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = stop.cancelled() => return None,
            }
            self.look().await?;
        }
    }

    /// The whole lines that have been read, without passwords and keys; a secret could lie across
    /// the end of a piece.
    fn lines(&mut self) -> Option<Bytes> {
        let end = match self.begun.iter().rposition(|&byte| byte == b'\n') {
            Some(at) => at + 1,
            None if self.begun.len() > PIECE => self.begun.len(),
            None => return None,
        };
        let rest = self.begun.split_off(end);
        let lines = std::mem::replace(&mut self.begun, rest);
        Some(clean(&lines))
    }

    /// Reads how the job is; nothing where it is gone.
    async fn look(&mut self) -> Option<()> {
        self.row = self.controller.find(self.job).await.ok();
        let row = self.row.as_ref()?;
        let over = |fence: Fence| {
            let attempt = row.attempts.iter().find(|attempt| attempt.fence == fence);
            attempt.is_none_or(|attempt| attempt.outcome.is_some())
        };
        self.ended = row.summary.state.is_terminal() || self.attempt.is_some_and(over);
        Some(())
    }

    /// The next unread piece of any file, the oldest first.
    async fn piece(&mut self) -> io::Result<Option<Bytes>> {
        let Some(bench) = self.controller.bench() else {
            return Ok(None);
        };
        let fence = match (self.attempt, &self.row) {
            (Some(fence), _) => fence,
            (None, Some(row)) => row.summary.fence,
            (None, None) => return Ok(None),
        };
        for path in bench.logs(AttemptId { task: self.task, fence }) {
            let from = self.read.get(&path).copied().unwrap_or(0);
            let piece = read_from(&path, from).await?;
            if !piece.is_empty() {
                self.read.insert(path, from + piece.len() as u64);
                return Ok(Some(Bytes::from(piece)));
            }
        }
        Ok(None)
    }
}

async fn read_from(path: &FilePath, from: u64) -> io::Result<Vec<u8>> {
    let mut file = match tokio::fs::File::open(path).await {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    file.seek(io::SeekFrom::Start(from)).await?;
    let mut piece = Vec::new();
    file.take(PIECE as u64).read_to_end(&mut piece).await?;
    Ok(piece)
}
