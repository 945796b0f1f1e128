//! How machines join a fleet: invitations, and certificates for those who bring one.

use ffleet_types::{NodeId, Span};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::moment::Moment;
use crate::schema;

/// Where a machine brings an invitation.
pub const ENROL: &str = "/v1/enrol";
/// Where a machine of the fleet asks for its next certificate.
pub const RENEW: &str = "/v1/node/certificate";

/// An invitation, as somebody asks for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
#[schema(as = InvitationRequest)]
pub struct Request {
    /// For how long it is good: 1 s to 30 days, by default an hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::span)]
    pub expires: Option<Span>,
    /// Which machine it is for, for people: up to 63 printable characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where the machine is to call, as `HOST:PORT`; by default the first of `names`, or the address that this server
    /// listens at.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "controller.example:8420")]
    pub address: Option<String>,
}

/// An invitation: one machine may join by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Invitation {
    /// What `ffleet worker --join` takes: address, fingerprint of the fleet's authority, secret. It is shown this once.
    #[schema(example = "https://controller.example:8420#0f…1e.ffi_…")]
    pub join: String,
    /// Until when it is good, if nobody has used it.
    pub expires_at: Moment,
    /// Which machine it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A machine brings an invitation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schema(as = EnrolRequest)]
pub struct Enrol {
    /// The secret of the invitation.
    pub secret: String,
    /// A certificate request (PKCS #10, RFC 2986) as PEM, signed by the key that is to be the machine's. Nothing else of it
    /// counts.
    pub request: String,
}

/// A machine asks for its next certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schema(as = CertificateRequest)]
pub struct Renew {
    /// A certificate request, as in `POST /v1/enrol`.
    pub request: String,
}

/// A machine of the fleet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = Certificate)]
pub struct Enrolled {
    /// What it is called from now on.
    #[schema(value_type = String)]
    pub node: NodeId,
    /// Its certificate, as PEM: it says that name.
    pub certificate: String,
    /// The certificate of the fleet's authority, as PEM.
    pub authority: String,
}
