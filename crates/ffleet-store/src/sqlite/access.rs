//! Keys and tenants.

use ffleet_types::access::{Grant, KeyName};
use ffleet_types::tenant::Tenant;
use ffleet_types::{TenantId, Timestamp};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::Sqlite;
use super::code::{self, Columns as _};
use super::writer::{Verb, Writing};
use crate::access::{
    KeyRefusal, KeyRow, MOST_KEYS, MOST_TENANTS, TenantChange, TenantRefusal, TenantRow,
};
use crate::error::Error;

impl Sqlite {
    pub(crate) async fn create_key(&self, key: KeyRow) -> Result<Result<(), KeyRefusal>, Error> {
        self.writer.write(CreateKey(key)).await
    }

    pub(crate) async fn revoke_key(
        &self,
        name: KeyName,
        at: Timestamp,
    ) -> Result<Option<Timestamp>, Error> {
        self.writer.write(RevokeKey { name, at }).await
    }

    pub(crate) async fn forget_keys(&self, before: Timestamp) -> Result<u64, Error> {
        self.writer.write(ForgetKeys(before)).await
    }

    pub(crate) async fn keys(&self) -> Result<Vec<KeyRow>, Error> {
        self.readers.read(keys).await
    }

    pub(crate) async fn change_tenant(
        &self,
        change: TenantChange,
        at: Timestamp,
    ) -> Result<Result<(), TenantRefusal>, Error> {
        self.writer.write(ChangeTenant { change, at }).await
    }

    pub(crate) async fn tenants(&self) -> Result<Vec<TenantRow>, Error> {
        self.readers.read(tenants).await
    }
}

/// How many rows a statement without parameters counts.
fn count(conn: &Connection, sql: &str) -> rusqlite::Result<u64> {
    conn.prepare_cached(sql)?.query_row([], |row| row.unsigned(0))
}

#[derive(Debug)]
struct CreateKey(KeyRow);

impl Verb for CreateKey {
    type Answer = Result<(), KeyRefusal>;

    fn perform(&self, to: &mut Writing<'_>) -> rusqlite::Result<Self::Answer> {
        let key = &self.0;
        let tenant = key.grant.tenant();
        if let Some(tenant) = tenant.filter(|tenant| **tenant != TenantId::default())
            && !is_known(to.conn, tenant)?
        {
            return Ok(Err(KeyRefusal::NoTenant(tenant.clone())));
        }
        let taken = to
            .conn
            .prepare_cached("SELECT 1 FROM keys WHERE name = ?1")?
            .exists([key.name.as_str()])?;
        if taken {
            return Ok(Err(KeyRefusal::NameTaken(key.name.clone())));
        }
        if count(to.conn, "SELECT count(*) FROM keys")? >= MOST_KEYS {
            return Ok(Err(KeyRefusal::TooMany));
        }
        to.conn
            .prepare_cached("INSERT INTO keys VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?
            .execute(params![
                key.name.as_str(),
                key.hash,
                key.grant.role().name(),
                tenant.map(TenantId::as_str),
                code::time(key.created),
                key.created_by.to_string(),
                key.expires.map(code::time),
                key.revoked.map(code::time),
            ])?;
        Ok(Ok(()))
    }
}

#[derive(Debug)]
struct RevokeKey {
    name: KeyName,
    at: Timestamp,
}

impl Verb for RevokeKey {
    type Answer = Option<Timestamp>;

    fn perform(&self, to: &mut Writing<'_>) -> rusqlite::Result<Self::Answer> {
        to.conn
            .prepare_cached(
                "UPDATE keys SET revoked = coalesce(revoked, ?2) WHERE name = ?1 RETURNING revoked",
            )?
            .query_row(params![self.name.as_str(), code::time(self.at)], |row| row.time(0))
            .optional()
    }
}

#[derive(Debug)]
struct ForgetKeys(Timestamp);

impl Verb for ForgetKeys {
    type Answer = u64;

    fn perform(&self, to: &mut Writing<'_>) -> rusqlite::Result<u64> {
        let gone = to
            .conn
            .prepare_cached("DELETE FROM keys WHERE revoked < ?1 OR expires < ?1")?
            .execute([code::time(self.0)])?;
        Ok(gone as u64)
    }
}

/// A column whose text says nothing that could have been written there.
fn odd(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
}

/// A column as what its text says.
pub(super) fn parsed<T>(row: &Row<'_>, column: usize) -> rusqlite::Result<T>
where
    T: std::str::FromStr<Err = ffleet_types::ParseError>,
{
    row.get_ref(column)?
        .as_str()?
        .parse()
        .map_err(|error| odd(column, error))
}

/// The same, where there is one.
pub(super) fn parsed_opt<T>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<T>>
where
    T: std::str::FromStr<Err = ffleet_types::ParseError>,
{
    match row.get_ref(column)? {
        rusqlite::types::ValueRef::Null => Ok(None),
        _ => parsed(row, column).map(Some),
    }
}

fn keys(conn: &Connection) -> rusqlite::Result<Vec<KeyRow>> {
    conn.prepare_cached(
        "SELECT name, hash, role, tenant, created, created_by, expires, revoked FROM keys \
         ORDER BY name",
    )?
    .query_map([], |row| {
        let grant = Grant::new(parsed(row, 2)?, parsed_opt(row, 3)?);
        Ok(KeyRow {
            name: parsed(row, 0)?,
            hash: row.get(1)?,
            grant: grant.map_err(|error| odd(3, error))?,
            created: row.time(4)?,
            created_by: row.actor(5)?,
            expires: row.time_opt(6)?,
            revoked: row.time_opt(7)?,
        })
    })?
    .collect()
}

#[derive(Debug)]
struct ChangeTenant {
    change: TenantChange,
    at: Timestamp,
}

impl Verb for ChangeTenant {
    type Answer = Result<(), TenantRefusal>;

    fn perform(&self, to: &mut Writing<'_>) -> rusqlite::Result<Self::Answer> {
        let conn = to.conn;
        match &self.change {
            TenantChange::Create(tenant) if is_known(conn, &tenant.name)? => {
                Ok(Err(TenantRefusal::Taken(tenant.name.clone())))
            }
            TenantChange::Create(tenant) => self.put(conn, tenant),
            TenantChange::Set(tenant) if !tenant.is_default() && !is_known(conn, &tenant.name)? => {
                Ok(Err(TenantRefusal::Unknown(tenant.name.clone())))
            }
            TenantChange::Set(tenant) => self.put(conn, tenant),
            TenantChange::Remove(tenant) => remove(conn, tenant),
        }
    }
}

impl ChangeTenant {
    fn put(
        &self,
        conn: &Connection,
        tenant: &Tenant,
    ) -> rusqlite::Result<Result<(), TenantRefusal>> {
        if count(conn, "SELECT count(*) FROM tenants")? >= MOST_TENANTS
            && !is_known(conn, &tenant.name)?
        {
            return Ok(Err(TenantRefusal::TooMany));
        }
        conn.prepare_cached(
            "INSERT INTO tenants VALUES (?1, ?2, ?3, ?4) ON CONFLICT (name) DO UPDATE \
             SET most_queued = excluded.most_queued, record = excluded.record",
        )?
        .execute(params![
            tenant.name.as_str(),
            code::time(self.at),
            tenant.quotas.queued.map(code::int),
            code::json(tenant),
        ])?;
        Ok(Ok(()))
    }
}

fn is_known(conn: &Connection, tenant: &TenantId) -> rusqlite::Result<bool> {
    conn.prepare_cached("SELECT 1 FROM tenants WHERE name = ?1")?
        .exists([tenant.as_str()])
}

fn remove(conn: &Connection, tenant: &TenantId) -> rusqlite::Result<Result<(), TenantRefusal>> {
    if !is_known(conn, tenant)? {
        return Ok(Err(TenantRefusal::Unknown(tenant.clone())));
    }
    let of = |sql: &str| {
        conn.prepare_cached(sql)?
            .query_row([tenant.as_str()], |row| row.unsigned(0))
    };
    let keys = of("SELECT count(*) FROM keys WHERE tenant = ?1 AND revoked IS NULL")?;
    let jobs = of("SELECT count(*) FROM jobs WHERE owner = ?1 AND ended IS NULL")?;
    if keys > 0 || jobs > 0 {
        return Ok(Err(TenantRefusal::InUse { tenant: tenant.clone(), keys, jobs }));
    }
    conn.prepare_cached("DELETE FROM tenants WHERE name = ?1")?
        .execute([tenant.as_str()])?;
    Ok(Ok(()))
}

fn tenants(conn: &Connection) -> rusqlite::Result<Vec<TenantRow>> {
    conn.prepare_cached(
        "SELECT t.created, t.record, coalesce(j.waiting, 0), coalesce(j.held, 0) \
         FROM tenants AS t LEFT JOIN (\
           SELECT owner, sum(CASE WHEN state IN (0, 4) THEN 1 ELSE 0 END) AS waiting, \
             sum(CASE WHEN state IN (0, 4) THEN 0 ELSE 1 END) AS held \
           FROM jobs WHERE ended IS NULL GROUP BY owner) AS j ON j.owner = t.name \
         ORDER BY t.name",
    )?
    .query_map([], |row| {
        Ok(TenantRow {
            created: row.time(0)?,
            tenant: row.json(1)?,
            waiting: row.unsigned(2)?,
            held: row.unsigned(3)?,
        })
    })?
    .collect()
}

/// How many of a tenant's jobs may wait, and whether that many do: nothing where one more may.
pub(super) fn full(conn: &Connection, tenant: &str) -> rusqlite::Result<Option<u64>> {
    let most = conn
        .prepare_cached("SELECT most_queued FROM tenants WHERE name = ?1")?
        .query_row([tenant], |row| row.get::<_, Option<i64>>(0))
        .optional()?
        .flatten();
    let Some(most) = most else {
        return Ok(None);
    };
    // The index has the jobs of a tenant that wait side by side, and no more of them are counted than may be.
    let waiting: i64 = conn
        .prepare_cached(
            "SELECT count(*) FROM (SELECT 1 FROM jobs WHERE owner = ?1 AND state IN (0, 4) LIMIT ?2)",
        )?
        .query_row(params![tenant, most], |row| row.get(0))?;
    Ok((waiting >= most).then_some(most.cast_unsigned()))
}
