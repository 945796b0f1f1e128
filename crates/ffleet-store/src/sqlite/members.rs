//! Machines that may join, and those that have.

use ffleet_types::{NodeId, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::Sqlite;
use super::code::{self, Columns as _};
use super::writer::{Verb, Writing};
use crate::error::Error;
use crate::members::{InvitationRow, MOST_INVITATIONS, MemberRow};

impl Sqlite {
    pub(crate) async fn invite(&self, invitation: InvitationRow) -> Result<bool, Error> {
        self.writer.write(Invite(invitation)).await
    }

    pub(crate) async fn enrol(
        &self,
        hash: [u8; 32],
        node: NodeId,
        at: Timestamp,
    ) -> Result<Option<MemberRow>, Error> {
        self.writer.write(Enrol { hash, node, at }).await
    }

    pub(crate) async fn expel(&self, node: NodeId) -> Result<bool, Error> {
        self.writer.write(Expel(node)).await
    }

    pub(crate) async fn members(&self) -> Result<Vec<MemberRow>, Error> {
        self.readers.read(members).await
    }
}

#[derive(Debug)]
struct Invite(InvitationRow);

impl Verb for Invite {
    type Answer = bool;

    fn perform(&self, to: &mut Writing<'_>) -> rusqlite::Result<bool> {
        let row = &self.0;
        to.conn
            .prepare_cached("DELETE FROM invitations WHERE expires <= ?1")?
            .execute([code::time(row.created)])?;
        let open = to
            .conn
            .prepare_cached("SELECT count(*) FROM invitations")?
            .query_row([], |found| found.unsigned(0))?;
        if open >= MOST_INVITATIONS {
            return Ok(false);
        }
        to.conn
            .prepare_cached("INSERT INTO invitations VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![
                row.hash,
                row.name,
                code::time(row.created),
                row.created_by.to_string(),
                code::time(row.expires),
            ])?;
        Ok(true)
    }
}

#[derive(Debug)]
struct Enrol {
    hash: [u8; 32],
    node: NodeId,
    at: Timestamp,
}

impl Verb for Enrol {
    type Answer = Option<MemberRow>;

    fn perform(&self, to: &mut Writing<'_>) -> rusqlite::Result<Self::Answer> {
        let used = to
            .conn
            .prepare_cached(
                "DELETE FROM invitations WHERE hash = ?1 AND expires > ?2 RETURNING name, created_by",
            )?
            .query_row(params![self.hash, code::time(self.at)], |row| {
                Ok((row.get::<_, Option<String>>(0)?, row.actor(1)?))
            })
            .optional()?;
        let Some((name, invited_by)) = used else {
            return Ok(None);
        };
        to.conn
            .prepare_cached("INSERT INTO members VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![
                self.node.bits().to_be_bytes(),
                name,
                code::time(self.at),
                invited_by.to_string(),
            ])?;
        Ok(Some(MemberRow { node: self.node, name, enrolled: self.at, invited_by }))
    }
}

#[derive(Debug)]
struct Expel(NodeId);

impl Verb for Expel {
    type Answer = bool;

    fn perform(&self, to: &mut Writing<'_>) -> rusqlite::Result<bool> {
        let gone = to
            .conn
            .prepare_cached("DELETE FROM members WHERE node = ?1")?
            .execute([self.0.bits().to_be_bytes()])?;
        Ok(gone == 1)
    }
}

fn members(conn: &Connection) -> rusqlite::Result<Vec<MemberRow>> {
    conn.prepare_cached("SELECT node, name, enrolled, invited_by FROM members ORDER BY node")?
        .query_map([], |row| {
            let bytes: [u8; 16] = row.get(0)?;
            Ok(MemberRow {
                node: NodeId::from_bits(u128::from_be_bytes(bytes)),
                name: row.get(1)?,
                enrolled: row.time(2)?,
                invited_by: row.actor(3)?,
            })
        })?
        .collect()
}
