//! An attempt's small reports, delivered in order while it goes on with its work.
//!
//! That an attempt has started, paused or resumed must not wait for the controller's disk, nor
//! may the attempt's child go unwatched meanwhile. So they are handed to a task of their own,
//! which ends when the attempt does. If one is refused, the attempt is stopped.

use std::sync::Arc;

use ffleet_api::control::Report;
use ffleet_supervise::{Order, Stop};
use ffleet_types::AttemptId;
use tokio::sync::{mpsc, oneshot};

use crate::link::{Link, Receipt};
use crate::roster::Roster;

/// The attempt's end of it.
#[derive(Debug)]
pub(crate) struct Herald {
    notes: mpsc::UnboundedSender<Note>,
}

#[derive(Debug)]
enum Note {
    Say(Report),
    Flush(oneshot::Sender<Receipt>),
}

impl Herald {
    /// Starts one for `attempt`. It ends when this is dropped and everything is delivered, or
    /// when the line is cut.
    pub(crate) fn start(link: Link, roster: Arc<Roster>, attempt: AttemptId) -> Self {
        let (notes, mut said) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut last = Receipt::Taken;
            while let Some(note) = said.recv().await {
                match note {
                    // What follows a refused report would be refused as well.
                    Note::Say(report) if last == Receipt::Taken => {
                        last = link.report(attempt, report).await;
                        if last == Receipt::Stale {
                            roster.order(attempt, Order::Stop(Stop::Canceled));
                        }
                    }
                    Note::Say(_) => {}
                    // Whoever asked may have gone.
                    Note::Flush(asked) => drop(asked.send(last)),
                }
            }
        });
        Self { notes }
    }

    /// Reports, in its turn. At most a handful an attempt: what is queued stays small.
    pub(crate) fn say(&self, report: Report) {
        if self.notes.send(Note::Say(report)).is_err() {
            tracing::error!("the task that delivers reports has died");
        }
    }

    /// Waits until everything so far is delivered, and says what came of it.
    pub(crate) async fn flush(&self) -> Receipt {
        let (asked, answer) = oneshot::channel();
        if self.notes.send(Note::Flush(asked)).is_err() {
            return Receipt::Undelivered;
        }
        answer.await.unwrap_or(Receipt::Undelivered)
    }
}
