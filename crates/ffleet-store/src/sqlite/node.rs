//! Nodes.

use ffleet_types::node::{Description, Order};
use ffleet_types::{NodeId, Timestamp};
use rusqlite::types::Type;
use rusqlite::{Connection, params};

use super::code::{self, Columns as _};
use super::writer::{Verb, Writing};
use crate::rows::NodeRow;

/// A node registers.
#[derive(Debug)]
pub(super) struct Upsert {
    id: NodeId,
    description: String,
    at: i64,
}

impl Upsert {
    pub(super) fn new(id: NodeId, description: &Description, at: Timestamp) -> Self {
        Self { id, description: code::json(description), at: code::time(at) }
    }
}

impl Verb for Upsert {
    type Answer = ();

    fn perform(&self, to: &mut Writing<'_>) -> rusqlite::Result<()> {
        to.conn
            .prepare_cached(
                "INSERT INTO nodes VALUES (?1, ?2, ?3, ?4, ?4) ON CONFLICT (id) \
                 DO UPDATE SET description = excluded.description, seen = excluded.seen",
            )?
            .execute(params![
                self.id.bits().to_be_bytes(),
                self.description,
                code::json(&Order::default()),
                self.at,
            ])?;
        Ok(())
    }
}

/// Somebody wants something of a node.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) id: NodeId,
    pub(super) order: Order,
}

impl Verb for Command {
    type Answer = bool;

    fn perform(&self, to: &mut Writing<'_>) -> rusqlite::Result<bool> {
        let known = to
            .conn
            .prepare_cached("UPDATE nodes SET wanted = ?2 WHERE id = ?1")?
            .execute(params![self.id.bits().to_be_bytes(), code::json(&self.order)])?;
        Ok(known == 1)
    }
}

/// Every node, oldest first.
pub(super) fn all(conn: &Connection) -> rusqlite::Result<Vec<NodeRow>> {
    conn.prepare_cached(
        "SELECT id, description, wanted, registered, seen FROM nodes ORDER BY registered, id",
    )?
    .query_map([], |row| {
        let no_id = || rusqlite::Error::InvalidColumnType(0, "id".to_owned(), Type::Null);
        Ok(NodeRow {
            id: row.node_opt(0)?.ok_or_else(no_id)?,
            description: row.json(1)?,
            order: row.json(2)?,
            registered: row.time(3)?,
            seen: row.time(4)?,
        })
    })?
    .collect()
}
