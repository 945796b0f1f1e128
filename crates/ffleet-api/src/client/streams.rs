//! Answers that go on: events and logs.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use ffleet_types::JobRef;
use http_body_util::BodyExt as _;
use hyper::Method;
use hyper::body::Incoming;

use super::{Call, Client, Error};
use crate::event::Event;

/// Silence after which a stream counts as broken: the server sends a comment every 15 s.
const SILENCE: Duration = Duration::from_secs(50);
/// The longest line of an event stream.
const LONGEST_LINE: usize = 4 << 20;

impl Client {
    /// Listens to what happens, to all jobs or to one.
    ///
    /// The stream ends when the server stops; whoever wants to go on calls again and reads anew
    /// what is shown, since what happened between is not sent again.
    ///
    /// # Errors
    ///
    /// [`Error`]; without the client's patience, so that the caller can say what is going on.
    pub async fn events(&self, job: Option<JobRef>) -> Result<Events, Error> {
        let path = match job {
            Some(job) => format!("/v1/events?job={job}"),
            None => "/v1/events".to_owned(),
        };
        let body = self.stream(&path).await?;
        Ok(Events { body, server: self.base.clone(), decoder: Decoder::default() })
    }

    /// Reads a job's log: of one attempt or the latest; `follow` until the job has ended.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn logs(
        &self,
        job: JobRef,
        attempt: Option<u64>,
        follow: bool,
    ) -> Result<Logs, Error> {
        let attempt = attempt.map(|number| format!("&attempt={number}")).unwrap_or_default();
        let body = self
            .stream(&format!("/v1/jobs/{job}/logs?follow={follow}{attempt}"))
            .await?;
        Ok(Logs { body, server: self.base.clone() })
    }

    /// Watches what is at `path`, such as `/stream/cam1`, piece by piece.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn watch(&self, path: &str) -> Result<Logs, Error> {
        let body = self.stream(path).await?;
        Ok(Logs { body, server: self.base.clone() })
    }

    async fn stream(&self, path: &str) -> Result<Incoming, Error> {
        let call = Call { method: Method::GET, path, body: None, idempotency: None };
        let head = tokio::time::timeout(self.answer, self.send(&call));
        let response = head.await.map_err(|_elapsed| self.silent())??;
        Ok(response.into_body())
    }
}

/// A stream of events.
#[derive(Debug)]
pub struct Events {
    body: Incoming,
    server: String,
    decoder: Decoder,
}

impl Events {
    /// The next event; nothing when the server has ended the stream.
    ///
    /// # Errors
    ///
    /// [`Error::Silent`] or [`Error::Broken`] when the connection is lost,
    /// [`Error::Unreadable`] when an event is not what it should be.
    pub async fn next(&mut self) -> Result<Option<Event>, Error> {
        loop {
            while let Some((name, payload)) = self.decoder.ready.pop_front() {
                let event = Event::parse(&name, &payload).map_err(|source| Error::Unreadable {
                    what: format!("an event {name:?} of {}", self.server),
                    source,
                })?;
                if event.is_some() {
                    return Ok(event);
                }
            }
            match frame(&mut self.body, &self.server, SILENCE).await? {
                Some(chunk) => self.decoder.feed(&chunk),
                None => return Ok(None),
            }
        }
    }
}

/// A log as it grows, or whatever else has no end.
#[derive(Debug)]
pub struct Logs {
    body: Incoming,
    server: String,
}

impl Logs {
    /// The next piece; nothing at its end.
    ///
    /// # Errors
    ///
    /// [`Error::Broken`] when the connection is lost.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        // A child may say nothing for as long as its stall limit allows: no silence is too long.
        frame(&mut self.body, &self.server, Duration::MAX).await
    }
}

async fn frame(
    body: &mut Incoming,
    server: &str,
    silence: Duration,
) -> Result<Option<Bytes>, Error> {
    loop {
        let frame = tokio::time::timeout(silence, body.frame())
            .await
            .map_err(|_elapsed| Error::Silent { server: server.to_owned(), after: silence })?;
        match frame {
            None => return Ok(None),
            Some(Err(source)) => {
                let server = server.to_owned();
                return Err(Error::Broken { server, source: Box::new(source) });
            }
            // Trailers are not data.
            Some(Ok(frame)) => {
                if let Ok(chunk) = frame.into_data() {
                    return Ok(Some(chunk));
                }
            }
        }
    }
}

/// Bytes to events, as WHATWG HTML 9.2.6 reads them, whatever the bytes are cut into.
#[derive(Debug, Default)]
struct Decoder {
    line: Vec<u8>,
    name: String,
    payload: String,
    ready: VecDeque<(String, String)>,
}

impl Decoder {
    fn feed(&mut self, chunk: &[u8]) {
        for &byte in chunk {
            if byte != b'\n' {
                // What no line of ours is as long as is cut, and fails to parse.
                if self.line.len() < LONGEST_LINE {
                    self.line.push(byte);
                }
                continue;
            }
            let line = std::mem::take(&mut self.line);
            let line = String::from_utf8_lossy(&line);
            self.line(line.trim_end_matches('\r'));
        }
    }

    fn line(&mut self, line: &str) {
        if line.is_empty() {
            if !self.payload.is_empty() {
                let event = (std::mem::take(&mut self.name), std::mem::take(&mut self.payload));
                self.ready.push_back(event);
            }
            self.name.clear();
            return;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => {
                if !self.payload.is_empty() {
                    self.payload.push('\n');
                }
                self.payload.push_str(value);
            }
            // A comment, an id, a field of a later standard.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_however_the_bytes_are_cut() {
        let text = ": hello\n\nid: 1\nevent: lagged\ndata: {\"missed\":\ndata: 3}\n\r\n: still\n\n";
        for size in 1..text.len() {
            let mut decoder = Decoder::default();
            for chunk in text.as_bytes().chunks(size) {
                decoder.feed(chunk);
            }
            let events: Vec<_> = decoder.ready.into_iter().collect();
            assert_eq!(events, [("lagged".to_owned(), "{\"missed\":\n3}".to_owned())]);
        }
    }
}
