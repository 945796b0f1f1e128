//! Keys: who may call, and as what.

use ffleet_types::access::{KeyName, Role};
use ffleet_types::{Span, TenantId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::moment::Moment;
use crate::schema;

/// A key, as somebody asks for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schema(as = KeyRequest)]
pub struct Request {
    /// What its holder is to the fleet.
    #[schema(schema_with = schema::key_role)]
    pub role: Role,
    /// Whose work alone it is for: always said for the role `tenant`, and may be for `reader`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub tenant: Option<TenantId>,
    /// What it is called, as history and the audit log show it; by default its role and some letters of chance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "ci-nightly")]
    pub name: Option<KeyName>,
    /// For how long it is good: 1 s to ten years; for ever, if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::span)]
    pub expires: Option<Span>,
}

/// A key, without itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Key {
    /// What it is called.
    pub name: String,
    /// What its holder is to the fleet.
    #[schema(schema_with = schema::key_role)]
    pub role: Role,
    /// Whose work alone it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub tenant: Option<TenantId>,
    /// `good`, `expired` or `revoked`.
    pub state: String,
    /// When it was made.
    pub created_at: Moment,
    /// Who made it.
    pub created_by: String,
    /// Until when it is good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Moment>,
    /// Since when it is revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Moment>,
}

/// A key that was made: this once with itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = NewKey)]
pub struct Created {
    /// What is known of it from now on.
    #[serde(flatten)]
    pub key: Key,
    /// The key, for `Authorization: Bearer`. It is kept nowhere, and shown this once.
    #[schema(example = "ffk_…")]
    pub secret: String,
}

/// All keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = KeyList)]
pub struct List {
    /// By name.
    pub keys: Vec<Key>,
}

/// A call that has changed something, or was to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = AuditLogEntry)]
pub struct Entry {
    /// Its number: newer ones are higher.
    pub number: u64,
    /// When it was answered.
    pub at: Moment,
    /// Whose it was, as history shows them.
    pub who: String,
    /// What their key lets them be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::key_role)]
    pub role: Option<Role>,
    /// Whose work alone that is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub tenant: Option<TenantId>,
    /// The method.
    pub method: String,
    /// What was called, without its query.
    pub path: String,
    /// The address that the call came from, as the server sees it.
    pub from: String,
    /// The status of the answer.
    pub status: u16,
}

/// Part of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = AuditLogPage)]
pub struct Entries {
    /// The newest first.
    pub entries: Vec<Entry>,
    /// What `after` takes for the page that follows; nothing at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}
