//! What happens, as server-sent events.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use bytes::Bytes;
use ffleet_api::event::{Event, Lagged};
use ffleet_api::{Problem, query};
use ffleet_types::JobId;
use futures_util::stream;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::access::Access;
use super::jobs::reference;
use super::reply::{self, Answer};
use crate::controller::Controller;
use crate::feed::Said;

/// Follows what happens: `event: job` with a job's summary at each change, `event: progress`,
/// `event: node`, and `event: lagged` where the reader was too slow and must read anew. With
/// `job`, that job alone, beginning with how it is now.
#[utoipa::path(get, path = "/v1/events", tag = "events", params(
    ("job" = Option<String>, Query, description = "Only this job: its number or its id"),
), responses(
    (status = 200, description = "Events, until the server stops", body = String,
        content_type = "text/event-stream"),
    (status = 404, description = "There is no such job", body = Problem),
))]
pub(crate) async fn watch(
    State(controller): State<Controller>,
    Extension(access): Extension<Access>,
    request: Request,
) -> Answer {
    let mut wanted = None;
    for (key, value) in query::pairs(request.uri().query().unwrap_or_default())? {
        match key.as_str() {
            "job" => wanted = Some(reference(&value)?),
            _ => return Err(query::unknown(&key, &["job"]).into()),
        }
    }
    // Watching begins before the job is read, so that no change falls in between.
    let events = controller.feed.watch();
    let (job, first) = match wanted {
        None => (None, None),
        Some(wanted) => {
            let row = controller.seen(wanted, &access).await?;
            let summary = crate::view::summary(&row.summary, &controller.desk);
            (Some(row.summary.id), Some(Event::Job(Box::new(summary))))
        }
    };
    let reader = Reader { controller, access, events, job, first, sent: 0 };
    let body = Body::from_stream(stream::unfold(reader, Reader::step));
    Ok(reply::text("text/event-stream", body))
}

/// Somebody who watches.
struct Reader {
    controller: Controller,
    access: Access,
    events: Receiver<Arc<Said>>,
    job: Option<JobId>,
    first: Option<Event>,
    sent: u64,
}

impl Reader {
    /// The next piece for the reader; the stream ends when the server stops.
    async fn step(mut self) -> Option<(Result<Bytes, std::io::Error>, Self)> {
        if let Some(first) = self.first.take() {
            let text = format!(": ffleet\n\n{}", self.write(&first));
            return Some((Ok(Bytes::from(text)), self));
        }
        if self.sent == 0 && self.job.is_none() {
            // Whoever watches sees at once that it works.
            self.sent = 1;
            return Some((Ok(Bytes::from_static(b": ffleet\n\n")), self));
        }
        let stop = self.controller.stop.clone();
        // What others are told ends no silence of this reader's.
        let quiet = tokio::time::sleep(self.controller.policy.http.quiet);
        let mut quiet = std::pin::pin!(quiet);
        loop {
            let event = tokio::select! {
                event = self.events.recv() => event,
                () = quiet.as_mut() => {
                    return Some((Ok(Bytes::from_static(b":\n\n")), self));
                }
                () = stop.cancelled() => return None,
            };
            // Whose key was revoked meanwhile hears no more.
            if !self.access.is_good(self.controller.clock.now()) {
                return None;
            }
            let text = match event {
                Ok(said) if self.wants(&said) => self.write(&said.event),
                Ok(_other) => continue,
                Err(RecvError::Lagged(missed)) => self.write(&Event::Lagged(Lagged { missed })),
                Err(RecvError::Closed) => return None,
            };
            return Some((Ok(Bytes::from(text)), self));
        }
    }

    fn wants(&self, said: &Said) -> bool {
        let may = match (&said.tenant, &said.event) {
            (Some(tenant), _) => self.access.sees(tenant),
            (None, Event::Lagged(_)) => true,
            (None, _) => self.access.tenant().is_none(),
        };
        let Some(job) = self.job.filter(|_| may) else {
            return may;
        };
        match &said.event {
            Event::Job(summary) => summary.id == job,
            Event::Progress(progress) => progress.id == job,
            Event::Node(_) => false,
            Event::Lagged(_) => true,
        }
    }

    fn write(&mut self, event: &Event) -> String {
        self.sent += 1;
        match event.data() {
            Ok(json) => format!("id: {}\nevent: {}\ndata: {json}\n\n", self.sent, event.name()),
            Err(error) => {
                tracing::error!(%error, event = event.name(), "an event cannot be written");
                ": an event could not be written\n\n".to_owned()
            }
        }
    }
}
