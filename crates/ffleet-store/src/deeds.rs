//! The audit log: who changed what, when, from where, and what they were answered.

use ffleet_types::access::Role;
use ffleet_types::job::Actor;
use ffleet_types::{TenantId, Timestamp};

use crate::error::Error;
use crate::store::Store;

/// A call that changes something, or was to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// When it was answered.
    pub at: Timestamp,
    /// Whose it was.
    pub who: Actor,
    /// What their key lets them be.
    pub role: Option<Role>,
    /// Whose work alone that is about.
    pub tenant: Option<TenantId>,
    /// The method, such as `POST`.
    pub method: String,
    /// The path that was called, without its query.
    pub path: String,
    /// The address that the call came from.
    pub from: String,
    /// The status of the answer.
    pub status: u16,
}

/// Which deeds are to be read, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeedFilter {
    /// Those before this one: what [`Deeds::next`] said.
    pub before: Option<u64>,
    /// Of them alone.
    pub who: Option<Actor>,
    /// At most so many.
    pub limit: usize,
}

/// A page of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deeds {
    /// With their numbers, the newest first.
    pub deeds: Vec<(u64, Deed)>,
    /// Where the next page begins; nothing at the end.
    pub next: Option<u64>,
}

impl Store {
    /// Writes deeds down, in their order.
    ///
    /// # Errors
    ///
    /// [`Error`] if the store cannot write.
    pub async fn note(&self, deeds: Vec<Deed>) -> Result<(), Error> {
        match self {
            Self::Sqlite(store) => store.note(deeds).await,
        }
    }

    /// Reads the audit log.
    ///
    /// # Errors
    ///
    /// [`Error`] if the store cannot be read.
    pub async fn deeds(&self, filter: DeedFilter) -> Result<Deeds, Error> {
        match self {
            Self::Sqlite(store) => store.deeds(filter).await,
        }
    }

    /// Forgets deeds from before `before`, and the oldest of those beyond the newest `keep`: at most `limit` in
    /// this call. How many.
    ///
    /// # Errors
    ///
    /// [`Error`] if the store cannot write.
    pub async fn forget_deeds(
        &self,
        before: Timestamp,
        keep: u64,
        limit: u64,
    ) -> Result<u64, Error> {
        match self {
            Self::Sqlite(store) => store.forget_deeds(before, keep, limit).await,
        }
    }
}
