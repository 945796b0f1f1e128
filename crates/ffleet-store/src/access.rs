//! Who may call, and who owns work: keys and tenants.

use ffleet_types::access::{Grant, KeyName};
use ffleet_types::job::Actor;
use ffleet_types::tenant::Tenant;
use ffleet_types::{TenantId, Timestamp};

use crate::error::Error;
use crate::store::Store;

/// Keys that can be there at once, those that are revoked and not yet forgotten included.
pub const MOST_KEYS: u64 = 10_000;
/// Tenants that can be there at once.
pub const MOST_TENANTS: u64 = 10_000;

/// A key, as far as it is kept: never itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRow {
    /// What it is called.
    pub name: KeyName,
    /// The SHA-256 of it.
    pub hash: [u8; 32],
    /// What it is good for.
    pub grant: Grant,
    /// When it was made.
    pub created: Timestamp,
    /// Who made it.
    pub created_by: Actor,
    /// Until when it is good; for ever, if nothing is said.
    pub expires: Option<Timestamp>,
    /// Since when it is revoked.
    pub revoked: Option<Timestamp>,
}

/// Why a key was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefusal {
    /// Another has its name, or had it until a short while ago.
    #[error("there is a key called {0}, or was one until lately")]
    NameTaken(KeyName),
    /// There is no such tenant.
    #[error("there is no tenant {0}")]
    NoTenant(TenantId),
    /// There are as many as there can be.
    #[error("there are {MOST_KEYS} keys, and no more can be kept")]
    TooMany,
}

/// A tenant with what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantRow {
    /// What was said of it.
    pub tenant: Tenant,
    /// When it was created.
    pub created: Timestamp,
    /// Its jobs that wait, and those that a node holds.
    pub waiting: u64,
    /// See `waiting`.
    pub held: u64,
}

/// Why a tenant was not created, changed or removed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TenantRefusal {
    /// It is there already.
    #[error("there is a tenant {0} already")]
    Taken(TenantId),
    /// There is none.
    #[error("there is no tenant {0}")]
    Unknown(TenantId),
    /// There are as many as there can be.
    #[error("there are {MOST_TENANTS} tenants, and no more can be kept")]
    TooMany,
    /// It has keys that are good, or jobs that have not ended.
    #[error("the tenant {tenant} has {keys} keys and {jobs} jobs that have not ended")]
    InUse {
        /// The tenant.
        tenant: TenantId,
        /// Its keys that are not revoked.
        keys: u64,
        /// Its jobs that have not ended.
        jobs: u64,
    },
}

/// What is to be done with a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TenantChange {
    /// It is to be there, and was not.
    Create(Tenant),
    /// It is to be like this, and was there; the default tenant may not have been.
    Set(Tenant),
    /// It is to be gone.
    Remove(TenantId),
}

impl Store {
    /// Keeps a key.
    ///
    /// # Errors
    ///
    /// The outer one is [`Error`], if the store cannot write; the inner one says why it refuses.
    pub async fn create_key(&self, key: KeyRow) -> Result<Result<(), KeyRefusal>, Error> {
        match self {
            Self::Sqlite(store) => store.create_key(key).await,
        }
    }

    /// Revokes a key. When it was, if it was before; nothing if there is no such key.
    ///
    /// # Errors
    ///
    /// [`Error`] if the store cannot write.
    pub async fn revoke_key(
        &self,
        name: KeyName,
        at: Timestamp,
    ) -> Result<Option<Timestamp>, Error> {
        match self {
            Self::Sqlite(store) => store.revoke_key(name, at).await,
        }
    }

    /// Forgets keys that were revoked or have expired before `before`. How many.
    ///
    /// # Errors
    ///
    /// [`Error`] if the store cannot write.
    pub async fn forget_keys(&self, before: Timestamp) -> Result<u64, Error> {
        match self {
            Self::Sqlite(store) => store.forget_keys(before).await,
        }
    }

    /// All keys, by name.
    ///
    /// # Errors
    ///
    /// [`Error`] if the store cannot be read.
    pub async fn keys(&self) -> Result<Vec<KeyRow>, Error> {
        match self {
            Self::Sqlite(store) => store.keys().await,
        }
    }

    /// Creates, changes or removes a tenant.
    ///
    /// # Errors
    ///
    /// The outer one is [`Error`], if the store cannot write; the inner one says why it refuses.
    pub async fn change_tenant(
        &self,
        change: TenantChange,
        at: Timestamp,
    ) -> Result<Result<(), TenantRefusal>, Error> {
        match self {
            Self::Sqlite(store) => store.change_tenant(change, at).await,
        }
    }

    /// All tenants that were created, by name, with the jobs of each that have not ended.
    ///
    /// # Errors
    ///
    /// [`Error`] if the store cannot be read.
    pub async fn tenants(&self) -> Result<Vec<TenantRow>, Error> {
        match self {
            Self::Sqlite(store) => store.tenants().await,
        }
    }
}
