//! Who owns work: what share of the fleet a tenant has, what bounds it, and where its files lie.

use serde::{Deserialize, Serialize};

use crate::ids::TenantId;
use crate::units::{Bytes, Cpu};

/// A tenant. Nothing is bounded that is not said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Tenant {
    /// Its name.
    pub name: TenantId,
    /// Its share of a fleet that has too little for all, relative to those of others: 1 to 1,000.
    pub weight: u32,
    /// What bounds its work.
    #[serde(default)]
    pub quotas: Quotas,
    /// Directories that its jobs may read from and write to, absolute; none of the server's files otherwise.
    #[serde(default)]
    pub roots: Vec<String>,
}

impl Tenant {
    /// The weight of a tenant of which nobody has said another.
    pub const WEIGHT: u32 = 100;
    /// The heaviest.
    pub const MOST_WEIGHT: u32 = 1_000;

    /// A tenant of which nothing was said but its name.
    #[must_use]
    pub fn new(name: TenantId) -> Self {
        Self { name, weight: Self::WEIGHT, quotas: Quotas::default(), roots: Vec::new() }
    }

    /// Whether it is the owner of what belongs to nobody else, who is always there and may read and write
    /// wherever the server may.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.name == TenantId::default()
    }
}

/// What a tenant may have at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Quotas {
    /// Jobs that wait: queued, or waiting to be tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queued: Option<u64>,
    /// Jobs that run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running: Option<u64>,
    /// CPU of those that run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Cpu>,
    /// Memory of those that run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Bytes>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenant_is_bounded_by_what_was_said_alone() {
        let plain = Tenant::new("acme".parse().unwrap());
        assert_eq!((plain.weight, plain.quotas), (100, Quotas::default()));
        assert!(!plain.is_default() && Tenant::new(TenantId::default()).is_default());
    }
}
