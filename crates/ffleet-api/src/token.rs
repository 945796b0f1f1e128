//! Tokens that open a stream to those who watch it, or a feed to whoever pushes to it.

use std::net::IpAddr;

use ffleet_types::Span;
use ffleet_types::live::token::Scope;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::moment::Moment;
use crate::schema;

/// A token, as somebody asks for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schema(as = TokenRequest)]
pub struct Request {
    /// For how long it is good: 1 s to 366 days; by default an hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::span)]
    pub expires: Option<Span>,
    /// The one address that it is good from, as the server sees it: that of a proxy, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "192.0.2.7")]
    pub address: Option<IpAddr>,
    /// What it is good for beside what the address of the request names: up to 15 names, or beginnings of
    /// names such as `cam*`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub also: Vec<Scope>,
}

/// A token. Whoever has it may do what it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = Token)]
pub struct Token {
    /// The token itself, for `?token=` or `Authorization: Bearer`.
    pub token: String,
    /// What it lets one do: `watch` or `push`.
    pub purpose: String,
    /// With what: names, or beginnings of names such as `cam*`.
    #[schema(value_type = Vec<String>)]
    pub names: Vec<Scope>,
    /// The one address that it is good from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub address: Option<IpAddr>,
    /// Until when it is good.
    pub expires_at: Moment,
    /// What it opens now, with the token in each address; the first hundred.
    pub urls: Vec<String>,
}

/// All tokens are void.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = TokensRevoked)]
pub struct Revoked {
    /// Since when.
    pub revoked_at: Moment,
}
