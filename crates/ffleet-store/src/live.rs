//! What is kept of feeds and streams: those that were declared over the API, and what all of them have
//! come to.

use ffleet_types::Timestamp;
use ffleet_types::job::Actor;
use ffleet_types::live::{Name, Sort, Totals};

use crate::error::Error;
use crate::store::Store;

/// A feed or a stream that somebody declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// Which of the two.
    pub sort: Sort,
    /// What it is called; once among those of its sort.
    pub name: Name,
    /// What was said of it, as JSON. It is kept as it came: what it means is not the store's.
    pub declaration: String,
    /// When it was said last.
    pub at: Timestamp,
    /// Who said it.
    pub actor: Actor,
}

impl Store {
    /// Keeps a declaration, in the place of the one of that sort and name. Whether there was none.
    ///
    /// # Errors
    ///
    /// [`Error`] if the store cannot write.
    pub async fn declare(&self, declared: Declared) -> Result<bool, Error> {
        match self {
            Self::Sqlite(store) => store.declare(declared).await,
        }
    }

    /// Forgets a declaration. Whether there was one.
    ///
    /// # Errors
    ///
    /// [`Error`] if the store cannot write.
    pub async fn undeclare(&self, sort: Sort, name: Name) -> Result<bool, Error> {
        match self {
            Self::Sqlite(store) => store.undeclare(sort, name).await,
        }
    }

    /// Everything that is declared, by sort and name.
    ///
    /// # Errors
    ///
    /// [`Error`] if the store cannot be read.
    pub async fn declared(&self) -> Result<Vec<Declared>, Error> {
        match self {
            Self::Sqlite(store) => store.declared().await,
        }
    }

    /// Keeps what these feeds and streams have come to, and forgets what was kept last before `forget`.
    ///
    /// # Errors
    ///
    /// [`Error`] if the store cannot write.
    pub async fn keep_totals(
        &self,
        totals: Totals,
        at: Timestamp,
        forget: Timestamp,
    ) -> Result<(), Error> {
        match self {
            Self::Sqlite(store) => store.keep_totals(totals, at, forget).await,
        }
    }

    /// What all have come to.
    ///
    /// # Errors
    ///
    /// [`Error`] if the store cannot be read.
    pub async fn totals(&self) -> Result<Totals, Error> {
        match self {
            Self::Sqlite(store) => store.totals().await,
        }
    }
}
