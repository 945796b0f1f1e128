//! Cancelling: at once where nothing runs, else as a wish that outlives everybody who knows it.

use ffleet_types::task::{Event, Stopping};

use super::code;
use super::row::{Hot, Note};
use super::writer::{Verb, Writing};
use crate::verbs::{Cancel, Canceled, Refusal};

/// Cancels of one call.
#[derive(Debug)]
pub(super) struct Cancels(pub(super) Vec<Cancel>);

fn perform(item: &Cancel, to: &mut Writing<'_>) -> rusqlite::Result<Result<Canceled, Refusal>> {
    let Some(mut row) = Hot::by(to, item.job)? else {
        return Ok(Err(Refusal::Unknown(item.job)));
    };
    let was = row.task.state;
    let stopping = match row.custody().stop() {
        Ok(Stopping::Ended(state)) => return Ok(Ok(Canceled::Already { id: row.id, state })),
        Ok(Stopping::Asked) => return Ok(Ok(Canceled::Asked { attempt: row.attempt() })),
        Ok(stopping) => stopping,
        Err(why) => return Ok(Err(row.barred(why))),
    };
    if let Err(refusal) = row.has_room(1) {
        return Ok(Err(refusal));
    }
    let at = code::time(item.at);
    let actor = item.actor.to_string();
    if stopping == Stopping::Ask {
        row.cancel = Some((at, actor));
        let attempt = row.attempt();
        row.write(to)?;
        return Ok(Ok(Canceled::Asked { attempt }));
    }
    if let Err(refusal) = row.task.apply(&Event::Cancel) {
        return Ok(Err(refusal.into()));
    }
    row.not_before = None;
    row.record(to.conn, was, &Note { at, actor: &actor, reason: None, message: None })?;
    row.cancel = Some((at, actor));
    let (id, now) = (row.id, row.task.state);
    row.write(to)?;
    to.moved(was, now);
    Ok(Ok(Canceled::Done { id }))
}

impl Verb for Cancels {
    type Answer = Vec<Result<Canceled, Refusal>>;

    fn perform(&self, to: &mut Writing<'_>) -> rusqlite::Result<Self::Answer> {
        self.0.iter().map(|item| perform(item, to)).collect()
    }
}
