//! Machines that may join the fleet, and those that have.

use ffleet_types::job::Actor;
use ffleet_types::{NodeId, Timestamp};

use crate::error::Error;
use crate::store::Store;

/// Invitations that can be open at once.
pub const MOST_INVITATIONS: u64 = 10_000;

/// An invitation, as far as it is kept: never its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvitationRow {
    /// The SHA-256 of its secret.
    pub hash: [u8; 32],
    /// Which machine it is for, for people.
    pub name: Option<String>,
    /// When it was made.
    pub created: Timestamp,
    /// Who made it.
    pub created_by: Actor,
    /// Until when it is good.
    pub expires: Timestamp,
}

/// A machine of the fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberRow {
    /// What it is called.
    pub node: NodeId,
    /// What its invitation called it.
    pub name: Option<String>,
    /// When it joined.
    pub enrolled: Timestamp,
    /// Who had invited it.
    pub invited_by: Actor,
}

impl Store {
    /// Keeps an invitation, and forgets those whose time is over. False if there are as many as can be.
    ///
    /// # Errors
    ///
    /// [`Error`] if the store cannot write.
    pub async fn invite(&self, invitation: InvitationRow) -> Result<bool, Error> {
        match self {
            Self::Sqlite(store) => store.invite(invitation).await,
        }
    }

    /// Uses the invitation with this hash up, if it is good at `at`: `node` is a member from then on. Nothing if there
    /// is none; of several calls for one at most one is answered otherwise.
    ///
    /// # Errors
    ///
    /// [`Error`] if the store cannot write.
    pub async fn enrol(
        &self,
        hash: [u8; 32],
        node: NodeId,
        at: Timestamp,
    ) -> Result<Option<MemberRow>, Error> {
        match self {
            Self::Sqlite(store) => store.enrol(hash, node, at).await,
        }
    }

    /// Makes a machine a member no more. Whether it was one.
    ///
    /// # Errors
    ///
    /// [`Error`] if the store cannot write.
    pub async fn expel(&self, node: NodeId) -> Result<bool, Error> {
        match self {
            Self::Sqlite(store) => store.expel(node).await,
        }
    }

    /// All members, oldest first.
    ///
    /// # Errors
    ///
    /// [`Error`] if the store cannot be read.
    pub async fn members(&self) -> Result<Vec<MemberRow>, Error> {
        match self {
            Self::Sqlite(store) => store.members().await,
        }
    }
}
