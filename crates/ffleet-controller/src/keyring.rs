//! Who may call: the keys that are good, by their hashes.
//!
//! The store has them, and here is what it has, so that a call is let in without a look at a disk. Of a key
//! only the SHA-256 is known: it holds 256 bits of chance, so that nobody finds it by trying, and neither a
//! salt nor a slow hash would make that harder. A hash is looked for among those that begin alike and compared
//! with each of them in constant time; what the look-up takes says something about hashes at most, from which
//! no key can be made.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use ffleet_base::secret::Hash;
use ffleet_store::KeyRow;
use ffleet_types::Timestamp;
use ffleet_types::access::Grant;

use crate::http::rate::Shared;
use crate::policy;

/// A key that may be shown.
#[derive(Debug)]
pub(crate) struct Entry {
    /// What it is called.
    pub(crate) name: String,
    hash: Hash,
    /// What it is good for.
    pub(crate) grant: Grant,
    expires: Option<Timestamp>,
    revoked: AtomicBool,
    rate: Shared,
}

impl Entry {
    /// Whether one more call is within its rate; it is counted.
    pub(crate) fn take(&self, now: Duration) -> bool {
        self.rate.take(now)
    }

    /// Why it lets nobody in, if it does not.
    pub(crate) fn fault(&self, now: Timestamp) -> Option<Fault> {
        if self.revoked.load(Ordering::Acquire) {
            return Some(Fault::Revoked);
        }
        self.expires.filter(|end| *end <= now).map(|_| Fault::Expired)
    }
}

/// Why a key lets nobody in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is none of this server's.
    Unknown,
    /// Somebody has revoked it.
    Revoked,
    /// Its time is over.
    Expired,
}

impl Fault {
    /// It, for whoever shows the key.
    pub(crate) const fn says(self) -> &'static str {
        match self {
            Self::Unknown => "the key is not one of this server's",
            Self::Revoked => "the key was revoked",
            Self::Expired => "the key has expired",
        }
    }
}

/// By the first bytes of their hashes.
type Keys = BTreeMap<[u8; 4], Vec<Arc<Entry>>>;

/// See the module.
#[derive(Debug)]
pub(crate) struct Keyring {
    rate: u32,
    keys: RwLock<Keys>,
}

fn place(hash: &Hash) -> [u8; 4] {
    let [a, b, c, d, ..] = *hash.as_bytes();
    [a, b, c, d]
}

impl Keyring {
    /// One with the keys of the policy, which are admins'. Each may call so often a second.
    pub(crate) fn new(keys: &[policy::Key], rate: u32) -> Self {
        let ring = Self { rate, keys: RwLock::default() };
        for key in keys {
            ring.put(Entry {
                name: key.name.clone(),
                hash: key.hash,
                grant: Grant::Admin,
                expires: None,
                revoked: AtomicBool::new(false),
                rate: Shared::new(rate),
            });
        }
        ring
    }

    /// Knows a key that the store keeps.
    pub(crate) fn add(&self, key: &KeyRow) {
        self.put(Entry {
            name: key.name.to_string(),
            hash: Hash::from_bytes(key.hash),
            grant: key.grant.clone(),
            expires: key.expires,
            revoked: AtomicBool::new(key.revoked.is_some()),
            rate: Shared::new(self.rate),
        });
    }

    /// The key of this name lets nobody in any more, whoever has been let in by it included.
    pub(crate) fn revoke(&self, name: &str) {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        for entry in keys.values().flatten().filter(|entry| entry.name == name) {
            entry.revoked.store(true, Ordering::Release);
        }
    }

    /// Forgets keys that the store has forgotten: of those that are good no more, all but `kept`.
    pub(crate) fn keep(&self, kept: &[KeyRow], now: Timestamp) {
        let names: BTreeSet<&str> = kept.iter().map(|key| key.name.as_str()).collect();
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        for entries in keys.values_mut() {
            entries.retain(|key| key.fault(now).is_none() || names.contains(key.name.as_str()));
        }
        keys.retain(|_, entries| !entries.is_empty());
    }

    /// The key with this hash, if it is good now.
    pub(crate) fn find(&self, hash: &Hash, now: Timestamp) -> Result<Arc<Entry>, Fault> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let mut found = None;
        for entry in keys.get(&place(hash)).into_iter().flatten() {
            if entry.hash == *hash {
                found = Some(entry);
            }
        }
        let entry = found.ok_or(Fault::Unknown)?;
        entry.fault(now).map_or_else(|| Ok(Arc::clone(entry)), Err)
    }

    fn put(&self, entry: Entry) {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        keys.entry(place(&entry.hash)).or_default().push(Arc::new(entry));
    }
}

#[cfg(test)]
mod tests {
    use ffleet_base::Secret;
    use ffleet_types::job::Actor;

    use super::*;

    fn at(second: u64) -> Timestamp {
        Timestamp::from_millis(second * 1_000)
    }

    fn row(name: &str, secret: &Secret, expires: Option<Timestamp>) -> KeyRow {
        KeyRow {
            name: name.parse().unwrap(),
            hash: *secret.hash().as_bytes(),
            grant: Grant::Operator,
            created: at(0),
            created_by: Actor::User("local".into()),
            expires,
            revoked: None,
        }
    }

    #[test]
    fn key_is_good_until_it_expires_or_is_revoked() {
        let secret = |text: &str| Secret::new(text.to_owned());
        let local = policy::Key { name: "local".into(), hash: secret("l").hash() };
        let ring = Keyring::new(&[local], 10);
        let find =
            |text: &str, now| ring.find(&secret(text).hash(), now).map(|key| key.grant.clone());
        assert_eq!(find("l", at(1)), Ok(Grant::Admin));
        assert_eq!(find("a", at(1)), Err(Fault::Unknown));
        ring.add(&row("a", &secret("a"), Some(at(10))));
        ring.add(&row("b", &secret("b"), None));
        assert_eq!(find("a", at(9)), Ok(Grant::Operator));
        assert_eq!(find("a", at(10)), Err(Fault::Expired));
        let held = ring.find(&secret("b").hash(), at(1)).unwrap();
        ring.revoke("b");
        assert_eq!(find("b", at(1)), Err(Fault::Revoked));
        assert_eq!(held.fault(at(1)), Some(Fault::Revoked), "who was let in by it is out");
        ring.keep(&[], at(1));
        assert_eq!(find("b", at(1)), Err(Fault::Unknown));
        assert_eq!(find("l", at(99)), Ok(Grant::Admin));
    }
}
