//! Failures of the store as the API's problems.

use ffleet_api::{Code, Problem};
use ffleet_base::chain;
use ffleet_store as store;

/// The store could not do its work.
pub(crate) fn unavailable(error: &store::Error) -> Problem {
    let problem = Problem::new(Code::StoreUnavailable, chain(error));
    match error {
        store::Error::Full { .. } => problem.hint("nothing was accepted; make room and try again"),
        store::Error::Unsynced { .. } => problem.hint(
            "whether it was accepted is not known: once the server was started again, repeat it with the same \
             idempotency key, or look for it",
        ),
        store::Error::Closed => Problem::new(Code::Unavailable, "the server is stopping"),
        _ => problem.hint("nothing was accepted; try again, and look at the server's log"),
    }
}

/// A single item was refused.
pub(crate) fn refused(refusal: &store::Refusal) -> Problem {
    let code = match refusal {
        store::Refusal::Unknown(_) => Code::JobNotFound,
        _ => Code::WrongState,
    };
    Problem::new(code, refusal.to_string())
}

/// A submission was refused.
pub(crate) fn submit_refused(refusal: &store::SubmitRefusal) -> Problem {
    match refusal {
        store::SubmitRefusal::KeyReused { .. } => {
            Problem::new(Code::KeyReused, refusal.to_string())
                .at(ffleet_api::submit::IDEMPOTENCY_KEY)
        }
        store::SubmitRefusal::QueueFull { .. } => Problem::new(
            Code::QuotaExceeded,
            refusal.to_string(),
        )
        .at("quotas.queued")
        .hint("try again when some of them run; an admin changes it with `ffleet tenants set`"),
        store::SubmitRefusal::IdTaken { .. } => Problem::new(Code::Internal, refusal.to_string()),
    }
}
