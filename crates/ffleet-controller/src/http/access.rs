//! Who makes a call: what the gate finds out, for everything behind it.

use std::net::IpAddr;
use std::sync::Arc;

use ffleet_api::{Code, Problem};
use ffleet_types::access::Grant;
use ffleet_types::job::Actor;
use ffleet_types::{TenantId, Timestamp};
use hyper::Method;

use crate::keyring::Entry;

/// Who asks.
#[derive(Clone, Debug)]
pub struct Access {
    /// Who it is, as history shows it.
    pub actor: Actor,
    /// How they have shown it.
    pub by: By,
    /// What their key, or that which began their session, is good for.
    pub grant: Option<Grant>,
    /// Where the call comes from.
    pub from: IpAddr,
    pub(crate) key: Option<Arc<Entry>>,
}

impl Access {
    /// Whose work alone it reaches; nothing where it reaches everybody's.
    #[must_use]
    pub fn tenant(&self) -> Option<&TenantId> {
        self.grant.as_ref().and_then(Grant::tenant)
    }

    /// Whether their key is good still: an answer may take long.
    pub(crate) fn is_good(&self, now: Timestamp) -> bool {
        self.key.as_ref().is_none_or(|key| key.fault(now).is_none())
    }

    /// Whether work of `tenant` is within its reach.
    #[must_use]
    pub fn sees(&self, tenant: &TenantId) -> bool {
        self.grant.as_ref().is_some_and(|grant| grant.reaches(tenant))
    }

    /// Whether who shows a key may watch what opens to keys, or push to it: streams and feeds are the whole fleet's.
    pub(super) fn check_front(&self, method: &Method) -> Result<(), Problem> {
        let watches = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
        match &self.grant {
            Some(Grant::Admin | Grant::Operator) => Ok(()),
            Some(Grant::Reader(None)) if watches => Ok(()),
            Some(grant) => {
                let verb = if watches { "watch streams" } else { "push to feeds" };
                let role = grant.role();
                Err(Problem::new(
                    Code::Forbidden,
                    format!("a key of the role {role} is not to {verb}"),
                )
                .hint("a token for it is: `ffleet streams token`, `ffleet feeds token`"))
            }
            None => Ok(()),
        }
    }
}

/// How somebody has shown who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// By a key.
    Key,
    /// By a browser session that a one-time link began.
    Session,
    /// By the certificate of a machine of the fleet.
    Certificate,
    /// By a token that was signed for this address; no other is reached so.
    Token,
    /// Not at all; only addresses that are open to everybody are reached so.
    Nothing,
}
