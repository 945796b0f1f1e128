//! Who owns work, as far as everything here goes by it.
//!
//! The store has what was said of tenants, and here is what it has. How many of a tenant's jobs may wait is the
//! store's to hold, in the transaction that accepts a job: nobody who counts apart from that could. Weight and
//! the other quotas are data for whoever plans ([`Tenants::all`]).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use ffleet_types::{Tenant, TenantId};

/// Whose a request is, and what of the server's files is theirs.
#[derive(Clone, Debug)]
pub(crate) struct Realm {
    /// Whose.
    pub(crate) tenant: TenantId,
    /// Directories; nothing where they may go wherever the server may.
    pub(crate) roots: Option<Arc<[PathBuf]>>,
}

impl Realm {
    /// That of whoever runs the server.
    pub(crate) fn whole() -> Self {
        Self { tenant: TenantId::default(), roots: None }
    }
}

/// A tenant, and its directories as requests are held against them.
type Known = (Tenant, Arc<[PathBuf]>);

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Tenants(RwLock<BTreeMap<TenantId, Known>>);

impl Tenants {
    /// Knows what is said of a tenant now.
    pub(crate) fn put(&self, tenant: Tenant) {
        let roots = tenant.roots.iter().map(PathBuf::from).collect();
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(tenant.name.clone(), (tenant, roots));
    }

    /// The tenant is no more.
    pub(crate) fn remove(&self, tenant: &TenantId) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(tenant);
    }

    /// What is said of a tenant; nothing if there is none. The default one is always there.
    pub(crate) fn find(&self, tenant: &TenantId) -> Option<Tenant> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let found = known.get(tenant).map(|(tenant, _)| tenant.clone());
        found.or_else(|| Some(Tenant::new(tenant.clone())).filter(Tenant::is_default))
    }

    /// All tenants of which something was said, by name.
    pub(crate) fn all(&self) -> Vec<Tenant> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.values().map(|(tenant, _)| tenant.clone()).collect()
    }

    /// What of the server's files is a tenant's: none, of one that nobody knows.
    pub(crate) fn realm(&self, tenant: &TenantId) -> Realm {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let said = known.get(tenant).map(|(_, roots)| Arc::clone(roots));
        let roots = match said {
            Some(roots) if roots.is_empty() && *tenant == TenantId::default() => None,
            None if *tenant == TenantId::default() => None,
            Some(roots) => Some(roots),
            None => Some(Arc::default()),
        };
        Realm { tenant: tenant.clone(), roots }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_server_are_the_default_tenants_alone_until_somebody_says_otherwise() {
        let tenants = Tenants::default();
        let (default, acme) = (TenantId::default(), "acme".parse::<TenantId>().unwrap());
        let roots = |tenant| tenants.realm(tenant).roots.map(|roots| roots.to_vec());
        assert_eq!((roots(&default), roots(&acme)), (None, Some(Vec::new())));
        tenants.put(Tenant { roots: vec!["/a".into()], ..Tenant::new(acme.clone()) });
        tenants.put(Tenant::new(default.clone()));
        assert_eq!((roots(&default), roots(&acme)), (None, Some(vec!["/a".into()])));
        tenants.put(Tenant { roots: vec!["/b".into()], ..Tenant::new(default.clone()) });
        assert_eq!(roots(&default), Some(vec!["/b".into()]));
        tenants.remove(&acme);
        assert_eq!((roots(&acme), tenants.find(&acme)), (Some(Vec::new()), None));
        assert_eq!(tenants.all().len(), 1);
    }
}
