//! Feeds and streams.

use ffleet_types::Timestamp;
use ffleet_types::job::Actor;
use ffleet_types::live::{Name, Sort, Totals, totals};
use rusqlite::types::Type;
use rusqlite::{Connection, Row, params};

use super::Sqlite;
use super::code::{self, Columns as _};
use super::writer::{Verb, Writing};
use crate::error::Error;
use crate::live::Declared;

impl Sqlite {
    pub(crate) async fn declare(&self, declared: Declared) -> Result<bool, Error> {
        self.writer.write(Declare(declared)).await
    }

    pub(crate) async fn undeclare(&self, sort: Sort, name: Name) -> Result<bool, Error> {
        self.writer.write(Undeclare { sort, name }).await
    }

    pub(crate) async fn declared(&self) -> Result<Vec<Declared>, Error> {
        self.readers.read(declared).await
    }

    pub(crate) async fn keep_totals(
        &self,
        totals: Totals,
        at: Timestamp,
        forget: Timestamp,
    ) -> Result<(), Error> {
        self.writer.write(Keep { totals, at, forget }).await
    }

    pub(crate) async fn totals(&self) -> Result<Totals, Error> {
        self.readers.read(totals).await
    }
}

/// The numbers are part of the file's format.
const fn sort(sort: Sort) -> i64 {
    match sort {
        Sort::Feed => 0,
        Sort::Stream => 1,
    }
}

/// Somebody declares something.
#[derive(Debug)]
struct Declare(Declared);

impl Verb for Declare {
    type Answer = bool;

    fn perform(&self, to: &mut Writing<'_>) -> rusqlite::Result<bool> {
        let Declared { name, declaration, at, actor, .. } = &self.0;
        let key = params![sort(self.0.sort), name.as_str()];
        let known = to
            .conn
            .prepare_cached("SELECT 1 FROM declared WHERE sort = ?1 AND name = ?2")?
            .exists(key)?;
        to.conn
            .prepare_cached("INSERT OR REPLACE INTO declared VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![
                sort(self.0.sort),
                name.as_str(),
                declaration,
                code::time(*at),
                actor.to_string(),
            ])?;
        Ok(!known)
    }
}

/// Somebody takes it back.
#[derive(Debug)]
struct Undeclare {
    sort: Sort,
    name: Name,
}

impl Verb for Undeclare {
    type Answer = bool;

    fn perform(&self, to: &mut Writing<'_>) -> rusqlite::Result<bool> {
        let gone = to
            .conn
            .prepare_cached("DELETE FROM declared WHERE sort = ?1 AND name = ?2")?
            .execute(params![sort(self.sort), self.name.as_str()])?;
        Ok(gone == 1)
    }
}

/// What there is to keep of totals.
#[derive(Debug)]
struct Keep {
    totals: Totals,
    at: Timestamp,
    forget: Timestamp,
}

impl Verb for Keep {
    type Answer = ();

    fn perform(&self, to: &mut Writing<'_>) -> rusqlite::Result<()> {
        let int = code::int;
        let (at, forget) = (code::time(self.at), code::time(self.forget));
        let mut feeds = to.conn.prepare_cached(
            "INSERT OR REPLACE INTO feed_totals VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?;
        for (name, sum) in &self.totals.feeds {
            let counts = [sum.received, sum.runs, sum.failures, sum.live_millis].map(int);
            let [received, runs, failures, millis] = counts;
            let since = code::time(sum.since);
            feeds.execute(params![name.as_str(), at, since, received, runs, failures, millis])?;
        }
        let mut streams = to.conn.prepare_cached(
            "INSERT OR REPLACE INTO stream_totals VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        for (name, sum) in &self.totals.streams {
            let counts = [sum.delivered, sum.viewers, sum.skips, sum.cut, sum.shots].map(int);
            let [delivered, viewers, skips, cut, shots] = counts;
            let (name, since) = (name.as_str(), code::time(sum.since));
            streams.execute(params![name, at, since, delivered, viewers, skips, cut, shots])?;
        }
        for statement in [
            "DELETE FROM feed_totals WHERE kept < ?1",
            "DELETE FROM stream_totals WHERE kept < ?1",
        ] {
            to.conn.prepare_cached(statement)?.execute([forget])?;
        }
        Ok(())
    }
}

fn name(row: &Row<'_>, column: usize) -> rusqlite::Result<Name> {
    let text: String = row.get(column)?;
    text.parse().map_err(|error: ffleet_types::ParseError| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
    })
}

fn declared(conn: &Connection) -> rusqlite::Result<Vec<Declared>> {
    conn.prepare_cached(
        "SELECT sort, name, declaration, at, actor FROM declared ORDER BY sort, name",
    )?
    .query_map([], |row| {
        let actor: Actor = row.actor(4)?;
        Ok(Declared {
            sort: match row.get(0)? {
                0 => Sort::Feed,
                1 => Sort::Stream,
                other => return Err(rusqlite::Error::IntegralValueOutOfRange(0, other)),
            },
            name: name(row, 1)?,
            declaration: row.get(2)?,
            at: row.time(3)?,
            actor,
        })
    })?
    .collect()
}

fn totals(conn: &Connection) -> rusqlite::Result<Totals> {
    let feeds = conn
        .prepare_cached(
            "SELECT name, since, received, runs, failures, live_millis FROM feed_totals",
        )?
        .query_map([], |row| {
            let sum = totals::Feed {
                since: row.time(1)?,
                received: row.unsigned(2)?,
                runs: row.unsigned(3)?,
                failures: row.unsigned(4)?,
                live_millis: row.unsigned(5)?,
            };
            Ok((name(row, 0)?, sum))
        })?
        .collect::<rusqlite::Result<_>>()?;
    let streams = conn
        .prepare_cached(
            "SELECT name, since, delivered, viewers, skips, cut, shots FROM stream_totals",
        )?
        .query_map([], |row| {
            let sum = totals::Stream {
                since: row.time(1)?,
                delivered: row.unsigned(2)?,
                viewers: row.unsigned(3)?,
                skips: row.unsigned(4)?,
                cut: row.unsigned(5)?,
                shots: row.unsigned(6)?,
            };
            Ok((name(row, 0)?, sum))
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Totals { feeds, streams })
}
