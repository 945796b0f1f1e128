//! Keys, tenants and the audit log.

use ffleet_store::{
    Deed, DeedFilter, KeyRefusal, KeyRow, Store, SubmitRefusal, TenantChange, TenantRefusal,
};
use ffleet_types::access::{Grant, Role};
use ffleet_types::job::Actor;
use ffleet_types::tenant::Quotas;
use ffleet_types::{Cpu, Tenant, TenantId};

use crate::kit::{self, at, attempt, claim, job, user};

fn acme() -> TenantId {
    "acme".parse().unwrap()
}

fn key(name: &str, byte: u8, grant: Grant) -> KeyRow {
    KeyRow {
        name: name.parse().unwrap(),
        hash: [byte; 32],
        grant,
        created: at(1),
        created_by: user(),
        expires: None,
        revoked: None,
    }
}

async fn create(store: &Store, tenant: Tenant) -> Result<(), TenantRefusal> {
    store.change_tenant(TenantChange::Create(tenant), at(1)).await.unwrap()
}

async fn set(store: &Store, tenant: Tenant) -> Result<(), TenantRefusal> {
    store.change_tenant(TenantChange::Set(tenant), at(2)).await.unwrap()
}

async fn remove(store: &Store, tenant: TenantId) -> Result<(), TenantRefusal> {
    store.change_tenant(TenantChange::Remove(tenant), at(3)).await.unwrap()
}

pub(super) async fn keys(store: &Store) {
    let unknown = store.create_key(key("a", 1, Grant::Tenant(acme()))).await.unwrap();
    assert_eq!(unknown, Err(KeyRefusal::NoTenant(acme())));
    create(store, Tenant::new(acme())).await.unwrap();
    let grants = [
        Grant::Admin,
        Grant::Operator,
        Grant::Reader(None),
        Grant::Reader(Some(TenantId::default())),
        Grant::Tenant(acme()),
    ];
    let mut kept = Vec::new();
    for (byte, grant) in (0_u8..).zip(grants) {
        let mut row = key(&format!("k{byte}"), byte, grant);
        row.expires = (byte == 2).then(|| at(50));
        store.create_key(row.clone()).await.unwrap().unwrap();
        kept.push(row);
    }
    assert_eq!(store.keys().await.unwrap(), kept, "what was made is read back");
    let again = store.create_key(key("k1", 9, Grant::Admin)).await.unwrap();
    assert_eq!(again, Err(KeyRefusal::NameTaken("k1".parse().unwrap())));
    let name = |name: &str| name.parse().unwrap();
    assert_eq!(store.revoke_key(name("nobody-s"), at(20)).await.unwrap(), None);
    assert_eq!(store.revoke_key(name("k1"), at(20)).await.unwrap(), Some(at(20)));
    assert_eq!(
        store.revoke_key(name("k1"), at(30)).await.unwrap(),
        Some(at(20)),
        "once is enough"
    );
    assert_eq!(store.keys().await.unwrap()[1].revoked, Some(at(20)));
    let freed = store.create_key(key("k1", 9, Grant::Admin)).await.unwrap();
    assert!(freed.is_err(), "the name is kept with its key");
    assert_eq!(store.forget_keys(at(20)).await.unwrap(), 0);
    assert_eq!(store.forget_keys(at(51)).await.unwrap(), 2, "the revoked and the expired one");
    assert_eq!(store.keys().await.unwrap().len(), 3);
    store.create_key(key("k1", 9, Grant::Admin)).await.unwrap().unwrap();
}

pub(super) async fn tenants(store: &Store) {
    assert!(store.tenants().await.unwrap().is_empty());
    let mut tenant = Tenant::new(acme());
    assert_eq!(set(store, tenant.clone()).await, Err(TenantRefusal::Unknown(acme())));
    tenant.roots = vec!["/media/acme".to_owned()];
    create(store, tenant.clone()).await.unwrap();
    assert_eq!(create(store, tenant.clone()).await, Err(TenantRefusal::Taken(acme())));
    tenant.weight = 7;
    tenant.quotas = Quotas { queued: Some(3), cpu: Some(Cpu::whole(2)), ..Quotas::default() };
    set(store, tenant.clone()).await.unwrap();
    set(store, Tenant::new(TenantId::default())).await.unwrap();
    let rows = store.tenants().await.unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!((&rows[0].tenant, rows[0].created), (&tenant, at(1)), "a change is no creation");

    let mut first = job(1);
    first.spec.terms.tenant = acme();
    let mut second = job(2);
    second.spec.terms.tenant = acme();
    let ids = [first.id, second.id];
    store.submit(vec![first, second, job(3)]).await.unwrap();
    assert!(matches!(store.claim(vec![claim(ids[0], 1)]).await.unwrap()[..], [Ok(_)]));
    store
        .create_key(key("a", 1, Grant::Tenant(acme())))
        .await
        .unwrap()
        .unwrap();
    let rows = store.tenants().await.unwrap();
    assert_eq!((rows[0].waiting, rows[0].held), (1, 1));
    assert_eq!((rows[1].waiting, rows[1].held), (1, 0));
    let in_use = |keys, jobs| Err(TenantRefusal::InUse { tenant: acme(), keys, jobs });
    assert_eq!(remove(store, acme()).await, in_use(1, 2));
    store.revoke_key("a".parse().unwrap(), at(5)).await.unwrap();
    for id in ids {
        let job = ffleet_types::JobRef::Id(id);
        let cancel = ffleet_store::Cancel { job, at: at(6), actor: user() };
        store.cancel(vec![cancel]).await.unwrap();
    }
    assert_eq!(remove(store, acme()).await, in_use(0, 1), "one is still held");
    assert!(matches!(
        store.decline(vec![kit::decline(attempt(ids[0], 1))]).await.unwrap()[..],
        [Ok(_)]
    ));
    remove(store, acme()).await.unwrap();
    assert_eq!(remove(store, acme()).await, Err(TenantRefusal::Unknown(acme())));
}

pub(super) async fn quota(store: &Store) {
    let mut tenant = Tenant::new(acme());
    tenant.quotas.queued = Some(2);
    create(store, tenant.clone()).await.unwrap();
    let of_acme = |number| {
        let mut job = job(number);
        job.spec.terms.tenant = acme();
        job
    };
    let full = Err(SubmitRefusal::QueueFull { tenant: "acme".into(), limit: 2 });
    // Within one call as well as over several; others are not held up.
    let answers = store
        .submit(vec![of_acme(1), of_acme(2), of_acme(3), job(4)])
        .await
        .unwrap();
    assert_eq!(answers[2], full);
    assert!([0, 1, 3].iter().all(|&at| answers[at].is_ok()), "{answers:?}");
    assert_eq!(store.submit(vec![of_acme(5)]).await.unwrap(), std::slice::from_ref(&full));
    // A job that a node takes makes room for one, and one that comes back takes it.
    assert!(matches!(store.claim(vec![claim(kit::id(1), 1)]).await.unwrap()[..], [Ok(_)]));
    store.submit(vec![of_acme(6)]).await.unwrap()[0].clone().unwrap();
    assert!(matches!(
        store.decline(vec![kit::decline(attempt(kit::id(1), 1))]).await.unwrap()[..],
        [Ok(_)]
    ));
    assert_eq!(store.submit(vec![of_acme(7)]).await.unwrap(), std::slice::from_ref(&full));
    // What was accepted before is found again, quota or not.
    let same = ffleet_store::Idempotency { key: "k".into(), fingerprint: [7; 32] };
    tenant.quotas.queued = None;
    set(store, tenant.clone()).await.unwrap();
    let mut repeated = of_acme(8);
    repeated.idempotency = Some(same.clone());
    let first = store.submit(vec![repeated.clone()]).await.unwrap()[0].clone().unwrap();
    tenant.quotas.queued = Some(0);
    set(store, tenant).await.unwrap();
    repeated.id = kit::id(9);
    let again = store.submit(vec![repeated]).await.unwrap()[0].clone().unwrap();
    assert_eq!((again.id, again.existing), (first.id, true));
    store.submit(vec![of_acme(10)]).await.unwrap().remove(0).unwrap_err();
}

fn deed(second: u64, who: &str) -> Deed {
    Deed {
        at: at(second),
        who: Actor::User(who.to_owned()),
        role: Some(Role::Tenant),
        tenant: Some(acme()),
        method: "POST".into(),
        path: format!("/v1/jobs/{second}/cancel"),
        from: "192.0.2.7".into(),
        status: 404,
    }
}

pub(super) async fn deeds(store: &Store) {
    let mut first = deed(1, "anna");
    first.role = None;
    first.tenant = None;
    store
        .note(vec![first.clone(), deed(2, "ben"), deed(3, "anna")])
        .await
        .unwrap();
    store.note(vec![deed(4, "anna")]).await.unwrap();
    let all = |limit, before| DeedFilter { limit, before, who: None };
    let page = store.deeds(all(3, None)).await.unwrap();
    let seconds: Vec<_> = page.deeds.iter().map(|(_, deed)| deed.at).collect();
    assert_eq!(seconds, [at(4), at(3), at(2)], "the newest first");
    let last = store.deeds(all(3, page.next)).await.unwrap();
    assert_eq!((&last.deeds[0].1, last.deeds.len(), last.next), (&first, 1, None));
    let who = Some(Actor::User("anna".into()));
    let annas = store.deeds(DeedFilter { limit: 10, before: None, who }).await.unwrap();
    assert_eq!(annas.deeds.len(), 3);
    assert_eq!(store.forget_deeds(at(2), 10, 10).await.unwrap(), 1, "by age");
    assert_eq!(store.forget_deeds(at(0), 1, 1).await.unwrap(), 1, "no more than are asked for");
    assert_eq!(store.forget_deeds(at(0), 1, 10).await.unwrap(), 1, "by count");
    let left = store.deeds(all(10, None)).await.unwrap();
    assert_eq!(left.deeds.len(), 1);
    assert_eq!(left.deeds[0].1, deed(4, "anna"));
}
