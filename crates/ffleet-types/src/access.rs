//! Who may call: roles of keys, and what a key's holder may reach.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ids::TenantId;
use crate::units::{ParseError, text_serde};

/// What a key's holder is to the fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Says who may call, who owns work, and which machines belong to the fleet; may all that others may.
    Admin,
    /// Runs the fleet: jobs of everybody, nodes, feeds and streams.
    Operator,
    /// Has jobs done, and sees its own.
    Tenant,
    /// Looks, and changes nothing.
    Reader,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Admin, Self::Operator, Self::Tenant, Self::Reader];

    /// Its name on the wire and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Operator => "operator",
            Self::Tenant => "tenant",
            Self::Reader => "reader",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Role {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::ALL
            .into_iter()
            .find(|role| role.name() == text)
            .ok_or_else(|| ParseError::new(text, "a key's role: admin, operator, tenant or reader"))
    }
}

/// A role with whose work it is about: what a key lets its holder reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// Everything.
    Admin,
    /// The whole fleet.
    Operator,
    /// This tenant's work.
    Tenant(TenantId),
    /// To be looked at: this tenant's work, or all there is.
    Reader(Option<TenantId>),
}

/// Role and tenant do not go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Such a key is a tenant's, and none is named.
    NoTenant,
    /// Such a key is for the whole fleet, and a tenant is named.
    OfNobody(Role),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTenant => f.write_str("a key of the role tenant is one tenant's: name it"),
            Self::OfNobody(role) => {
                write!(f, "a key of the role {role} is for the whole fleet: name no tenant")
            }
        }
    }
}

impl std::error::Error for Unfit {}

impl Grant {
    /// What such a key is good for.
    ///
    /// # Errors
    ///
    /// [`Unfit`] where role and tenant do not go together.
    pub fn new(role: Role, tenant: Option<TenantId>) -> Result<Self, Unfit> {
        match (role, tenant) {
            (Role::Admin, None) => Ok(Self::Admin),
            (Role::Operator, None) => Ok(Self::Operator),
            (Role::Tenant, Some(tenant)) => Ok(Self::Tenant(tenant)),
            (Role::Tenant, None) => Err(Unfit::NoTenant),
            (Role::Reader, tenant) => Ok(Self::Reader(tenant)),
            (Role::Admin | Role::Operator, Some(_)) => Err(Unfit::OfNobody(role)),
        }
    }

    /// The role.
    #[must_use]
    pub const fn role(&self) -> Role {
        match self {
            Self::Admin => Role::Admin,
            Self::Operator => Role::Operator,
            Self::Tenant(_) => Role::Tenant,
            Self::Reader(_) => Role::Reader,
        }
    }

    /// Whose work alone it reaches; nothing where it reaches everybody's.
    #[must_use]
    pub const fn tenant(&self) -> Option<&TenantId> {
        match self {
            Self::Tenant(tenant) | Self::Reader(Some(tenant)) => Some(tenant),
            Self::Admin | Self::Operator | Self::Reader(None) => None,
        }
    }

    /// Whether work of `tenant` is within its reach.
    #[must_use]
    pub fn reaches(&self, tenant: &TenantId) -> bool {
        self.tenant().is_none_or(|own| own == tenant)
    }
}

/// What a key is called: 1 to 63 lower-case letters, digits, `.`, `_` and `-`, beginning with a letter or a
/// digit. History shows it as who did something, so that a name is one key's for as long as that is known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

impl KeyName {
    /// Names that history has for others than holders of keys.
    pub const TAKEN: [&'static str; 4] = ["local", "dashboard", "token", "nobody"];

    /// It as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for KeyName {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
        let legal = |c: u8| plain(c) || matches!(c, b'.' | b'_' | b'-');
        let good = (1..=63).contains(&text.len())
            && plain(text.as_bytes()[0])
            && text.bytes().all(legal)
            && !Self::TAKEN.contains(&text);
        if good {
            return Ok(Self(text.to_owned()));
        }
        Err(ParseError::new(
            text,
            "the name of a key: 1 to 63 lower-case letters, digits, '.', '_' and '-', beginning with a letter or \
             a digit; local, dashboard, token and nobody are taken",
        ))
    }
}

text_serde!(Role, KeyName);

#[cfg(test)]
mod tests {
    use super::*;

    fn acme() -> TenantId {
        "acme".parse().unwrap()
    }

    #[test]
    fn role_and_tenant_go_together_or_are_refused() {
        for role in Role::ALL {
            assert_eq!(role.name().parse(), Ok(role));
            for tenant in [None, Some(acme())] {
                let made = Grant::new(role, tenant.clone());
                let fits = match role {
                    Role::Admin | Role::Operator => tenant.is_none(),
                    Role::Tenant => tenant.is_some(),
                    Role::Reader => true,
                };
                assert_eq!(made.is_ok(), fits, "{role} {tenant:?}");
                if let Ok(grant) = made {
                    assert_eq!((grant.role(), grant.tenant()), (role, tenant.as_ref()));
                }
            }
        }
    }

    #[test]
    fn grant_of_a_tenant_reaches_no_other() {
        let other: TenantId = "other".parse().unwrap();
        for grant in [Grant::Tenant(acme()), Grant::Reader(Some(acme()))] {
            assert!(grant.reaches(&acme()) && !grant.reaches(&other), "{grant:?}");
            assert!(!grant.reaches(&TenantId::default()), "{grant:?}");
        }
        for grant in [Grant::Admin, Grant::Operator, Grant::Reader(None)] {
            assert!(grant.reaches(&acme()) && grant.reaches(&other), "{grant:?}");
        }
    }

    #[test]
    fn name_of_a_key_is_plain_and_nobody_elses() {
        for text in ["ci", "0", "anna.b_c-d", &"a".repeat(63)] {
            assert_eq!(text.parse::<KeyName>().unwrap().as_str(), text);
        }
        for text in ["", "A", "-a", ".a", "a b", "a:b", "local", "dashboard", &"a".repeat(64)] {
            assert!(text.parse::<KeyName>().is_err(), "{text:?}");
        }
    }
}
