//! The schema and its migrations: forward only, one transaction each.

use std::path::Path;

use rusqlite::Connection;

use crate::error::{Error, OpenError};

/// `ffle`: what tells our files from those of other programs.
const APPLICATION: i32 = 0x6666_6c65;

/// Every step from one schema to the next. A step that was released never changes.
const STEPS: &[&str] = &[
    include_str!("schema/v1.sql"),
    include_str!("schema/v2.sql"),
    include_str!("schema/v3.sql"),
    include_str!("schema/v4.sql"),
];

/// Refuses the files of other programs, and those of later versions of this one.
pub(super) fn check(conn: &Connection, dir: &Path, path: &Path) -> Result<(), OpenError> {
    let failed = |source| OpenError::Store(Error::new(dir, source));
    let application: i32 = pragma(conn, "application_id").map_err(failed)?;
    let tables: i64 = conn
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(failed)?;
    if application != APPLICATION && (application != 0 || tables != 0) {
        return Err(OpenError::Foreign { path: path.to_owned() });
    }
    let found = version(conn).map_err(failed)?;
    if found > STEPS.len() {
        let narrow = |version| u32::try_from(version).unwrap_or(u32::MAX);
        let (found, known) = (narrow(found), narrow(STEPS.len()));
        return Err(OpenError::Newer { path: path.to_owned(), found, known });
    }
    Ok(())
}

/// Brings a database that has passed [`check`] to the schema that this version knows.
pub(super) fn migrate(conn: &mut Connection) -> rusqlite::Result<()> {
    let found = version(conn)?;
    for (at, step) in STEPS.iter().enumerate().skip(found) {
        take(conn, step, at + 1)?;
    }
    Ok(())
}

fn pragma(conn: &Connection, name: &str) -> rusqlite::Result<i32> {
    conn.pragma_query_value(None, name, |row| row.get(0))
}

fn version(conn: &Connection) -> rusqlite::Result<usize> {
    Ok(usize::try_from(pragma(conn, "user_version")?).unwrap_or(0))
}

fn take(conn: &mut Connection, step: &str, version: usize) -> rusqlite::Result<()> {
    let change = conn.transaction()?;
    change.execute_batch(step)?;
    change.pragma_update(None, "application_id", APPLICATION)?;
    change.pragma_update(None, "user_version", i64::try_from(version).unwrap_or(i64::MAX))?;
    change.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_can_be_taken_and_none_is_taken_twice() {
        let mut conn = Connection::open_in_memory().unwrap();
        migrate(&mut conn).unwrap();
        assert_eq!(version(&conn).unwrap(), STEPS.len());
        migrate(&mut conn).unwrap();
        check(&conn, Path::new("."), Path::new("ffleet.db")).unwrap();
    }

    #[test]
    fn step_that_fails_leaves_the_schema_as_it_was() {
        let mut conn = Connection::open_in_memory().unwrap();
        take(&mut conn, "CREATE TABLE half (x); CREATE TABLE half (x)", 1).unwrap_err();
        assert_eq!(version(&conn).unwrap(), 0);
        let tables = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0));
        assert_eq!(tables, Ok(0));
    }
}
