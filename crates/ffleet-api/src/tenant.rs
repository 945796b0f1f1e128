//! Tenants: who owns work, and what bounds it.

use ffleet_types::tenant::Quotas;
use ffleet_types::{Bytes, Cpu};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::moment::Moment;
use crate::schema;

/// What is said of a tenant. Of one that is there, what is not said stays as it is; a quota that is null is lifted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
#[schema(as = TenantChange)]
pub struct Change {
    /// Its share where there is too little for all, relative to those of others: 1 to 1,000, by default 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
    /// Jobs that may wait: queued, or waiting to be tried again.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "said")]
    #[schema(value_type = Option<u64>)]
    pub queued: Option<Option<u64>>,
    /// Jobs that may run at once.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "said")]
    #[schema(value_type = Option<u64>)]
    pub running: Option<Option<u64>>,
    /// CPU that those may have together.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "said")]
    #[schema(value_type = Option<String>, example = "800%")]
    pub cpu: Option<Option<Cpu>>,
    /// Memory that those may have together.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "said")]
    #[schema(value_type = Option<String>, example = "16GiB")]
    pub memory: Option<Option<Bytes>>,
    /// Directories that its jobs may read from and write to, instead of those of before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roots: Option<Vec<String>>,
}

/// Tells a key that is null from one that is not there.
fn said<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(from).map(Some)
}

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Tenant {
    /// Its name.
    pub name: String,
    /// Its share where there is too little for all.
    pub weight: u32,
    /// What bounds it.
    #[schema(schema_with = schema::quotas)]
    pub quotas: Quotas,
    /// Directories that its jobs may read from and write to; of the default tenant, empty means those of the
    /// server.
    pub roots: Vec<String>,
    /// Its jobs that wait.
    pub waiting: u64,
    /// Its jobs that a node holds.
    pub running: u64,
    /// When it was created; nothing of the default tenant, of which nothing was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Moment>,
}

/// All tenants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = TenantList)]
pub struct List {
    /// By name.
    pub tenants: Vec<Tenant>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quota_that_is_null_is_lifted_and_one_that_is_not_said_stays() {
        let read = |json: &str| serde_json::from_str::<Change>(json).unwrap();
        assert_eq!(read("{}").queued, None);
        assert_eq!(read(r#"{"queued":null}"#).queued, Some(None));
        assert_eq!(read(r#"{"queued":7}"#).queued, Some(Some(7)));
        for change in [read("{}"), read(r#"{"queued":null,"cpu":"200%"}"#)] {
            let json = serde_json::to_string(&change).unwrap();
            assert_eq!(read(&json), change, "{json}");
        }
        serde_json::from_str::<Change>(r#"{"queue":7}"#).unwrap_err();
    }
}
