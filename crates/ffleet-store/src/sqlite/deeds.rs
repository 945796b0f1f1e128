//! The audit log.

use ffleet_types::Timestamp;
use rusqlite::{Connection, params};

use super::Sqlite;
use super::access::parsed_opt;
use super::code::{self, Columns as _};
use super::writer::{Verb, Writing};
use crate::deeds::{Deed, DeedFilter, Deeds};
use crate::error::Error;

/// Deeds of one page at most.
const MOST: usize = 1_000;

impl Sqlite {
    pub(crate) async fn note(&self, deeds: Vec<Deed>) -> Result<(), Error> {
        self.writer.write(Note(deeds)).await
    }

    pub(crate) async fn deeds(&self, filter: DeedFilter) -> Result<Deeds, Error> {
        self.readers.read(move |conn| page(conn, &filter)).await
    }

    pub(crate) async fn forget_deeds(
        &self,
        before: Timestamp,
        keep: u64,
        limit: u64,
    ) -> Result<u64, Error> {
        self.writer.write(Forget { before, keep, limit }).await
    }
}

#[derive(Debug)]
struct Note(Vec<Deed>);

impl Verb for Note {
    type Answer = ();

    fn perform(&self, to: &mut Writing<'_>) -> rusqlite::Result<()> {
        let mut insert = to.conn.prepare_cached(
            "INSERT INTO deeds (at, who, role, tenant, method, path, origin, status) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        for deed in &self.0 {
            insert.execute(params![
                code::time(deed.at),
                deed.who.to_string(),
                deed.role.map(ffleet_types::Role::name),
                deed.tenant.as_ref().map(ffleet_types::TenantId::as_str),
                deed.method,
                deed.path,
                deed.from,
                deed.status,
            ])?;
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Forget {
    before: Timestamp,
    keep: u64,
    limit: u64,
}

impl Verb for Forget {
    type Answer = u64;

    fn perform(&self, to: &mut Writing<'_>) -> rusqlite::Result<u64> {
        // Numbers have no gaps but at the beginning, and times follow them but where a clock was set.
        let gone = to
            .conn
            .prepare_cached(
                "DELETE FROM deeds WHERE number IN (SELECT number FROM deeds WHERE at < ?1 \
                   OR number <= (SELECT max(number) FROM deeds) - ?2 ORDER BY number LIMIT ?3)",
            )?
            .execute([code::time(self.before), code::int(self.keep), code::int(self.limit)])?;
        Ok(gone as u64)
    }
}

fn page(conn: &Connection, filter: &DeedFilter) -> rusqlite::Result<Deeds> {
    let limit = filter.limit.clamp(1, MOST);
    let before = filter.before.map_or(i64::MAX, code::int);
    let who = filter.who.as_ref().map(ToString::to_string);
    let columns = "SELECT number, at, who, role, tenant, method, path, origin, status FROM deeds";
    let sql = match who {
        Some(_) => {
            format!("{columns} WHERE number < ?1 AND who = ?3 ORDER BY number DESC LIMIT ?2")
        }
        None => format!("{columns} WHERE number < ?1 AND ?3 IS NULL ORDER BY number DESC LIMIT ?2"),
    };
    let rows = i64::try_from(limit).unwrap_or(i64::MAX);
    let deeds = conn
        .prepare_cached(&sql)?
        .query_map(params![before, rows, who], |row| {
            let deed = Deed {
                at: row.time(1)?,
                who: row.actor(2)?,
                role: parsed_opt(row, 3)?,
                tenant: parsed_opt(row, 4)?,
                method: row.get(5)?,
                path: row.get(6)?,
                from: row.get(7)?,
                status: row.get(8)?,
            };
            Ok((row.unsigned(0)?, deed))
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let next = deeds.last().filter(|_| deeds.len() == limit).map(|(number, _)| *number);
    Ok(Deeds { deeds, next })
}
