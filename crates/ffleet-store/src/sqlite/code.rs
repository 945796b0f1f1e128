//! How values of the domain are written in the tables, and read back.
//!
//! The numbers of states are part of the file's format: they never change, and a test says so.

use ffleet_types::job::Actor;
use ffleet_types::task::State;
use ffleet_types::{Fence, JobId, JobNumber, NodeId, Reason, Timestamp};
use rusqlite::Row;
use rusqlite::types::{FromSqlError, Type};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::MOST_EDGES;

/// Bits of a key that count within a job; the rest is the job's number.
const PER_JOB: u32 = 24;
const _: () = assert!(MOST_EDGES < 1 << PER_JOB);

/// The key of a row that is one of several of a job, such as an entry of its history: they lie
/// side by side in the order of acceptance, and new ones are near the end of their table.
pub(super) const fn key(number: i64, within: u64) -> i64 {
    (number << PER_JOB) | (within & MOST_EDGES).cast_signed()
}

/// The keys that [`key`] makes for a job: from the first, up to and without the second.
pub(super) const fn keys(number: i64) -> (i64, i64) {
    (key(number, 0), key(number + 1, 0))
}

/// What a key of [`key`] counts within its job.
pub(super) const fn within(key: i64) -> u64 {
    key.cast_unsigned() & MOST_EDGES
}

/// SQLite's integers have a sign. Nothing of ours comes near the last bit; what would is held.
pub(super) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(super) fn time(at: Timestamp) -> i64 {
    int(at.as_micros())
}

pub(super) const fn state(state: State) -> i64 {
    match state {
        State::Queued => 0,
        State::Assigned => 1,
        State::Running => 2,
        State::Paused => 3,
        State::Retrying => 4,
        State::Completed => 5,
        State::Failed => 6,
        State::TimedOut => 7,
        State::Quarantined => 8,
        State::Rejected => 9,
        State::Canceled => 10,
    }
}

/// The condition that a job is in a state, in the words of the index that knows.
pub(super) fn is_in(at: State) -> String {
    let ended = if at.is_terminal() { "IS NOT NULL" } else { "IS NULL" };
    format!("state = {} AND ended {ended}", state(at))
}

/// Values that are never absent from what they are made from.
pub(super) fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("our types have string keys and finite numbers")
}

/// A column that does not hold what was written there.
fn odd(
    column: usize,
    found: Type,
    error: impl std::error::Error + Send + Sync + 'static,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, found, Box::new(error))
}

/// Reads columns of a row as values of the domain.
pub(super) trait Columns {
    fn state(&self, column: usize) -> rusqlite::Result<State>;
    fn unsigned(&self, column: usize) -> rusqlite::Result<u64>;
    fn small(&self, column: usize) -> rusqlite::Result<u32>;
    fn time(&self, column: usize) -> rusqlite::Result<Timestamp>;
    fn time_opt(&self, column: usize) -> rusqlite::Result<Option<Timestamp>>;
    fn fence(&self, column: usize) -> rusqlite::Result<Fence>;
    fn number(&self, column: usize) -> rusqlite::Result<JobNumber>;
    fn job_id(&self, column: usize) -> rusqlite::Result<JobId>;
    fn node_opt(&self, column: usize) -> rusqlite::Result<Option<NodeId>>;
    fn reason_opt(&self, column: usize) -> rusqlite::Result<Option<Reason>>;
    fn actor(&self, column: usize) -> rusqlite::Result<Actor>;
    fn json<T: DeserializeOwned>(&self, column: usize) -> rusqlite::Result<T>;
    fn json_opt<T: DeserializeOwned>(&self, column: usize) -> rusqlite::Result<Option<T>>;
}

impl Columns for Row<'_> {
    fn state(&self, column: usize) -> rusqlite::Result<State> {
        let code: i64 = self.get(column)?;
        usize::try_from(code)
            .ok()
            .and_then(|at| State::ALL.get(at).copied())
            .ok_or_else(|| odd(column, Type::Integer, FromSqlError::OutOfRange(code)))
    }

    fn unsigned(&self, column: usize) -> rusqlite::Result<u64> {
        let value: i64 = self.get(column)?;
        u64::try_from(value)
            .map_err(|_negative| rusqlite::Error::IntegralValueOutOfRange(column, value))
    }

    fn small(&self, column: usize) -> rusqlite::Result<u32> {
        self.get(column)
    }

    fn time(&self, column: usize) -> rusqlite::Result<Timestamp> {
        self.unsigned(column).map(Timestamp::from_micros)
    }

    fn time_opt(&self, column: usize) -> rusqlite::Result<Option<Timestamp>> {
        match self.get_ref(column)? {
            rusqlite::types::ValueRef::Null => Ok(None),
            _ => self.time(column).map(Some),
        }
    }

    fn fence(&self, column: usize) -> rusqlite::Result<Fence> {
        self.unsigned(column).map(Fence::from_u64)
    }

    fn number(&self, column: usize) -> rusqlite::Result<JobNumber> {
        self.unsigned(column).map(JobNumber)
    }

    fn job_id(&self, column: usize) -> rusqlite::Result<JobId> {
        let bytes: [u8; 16] = self.get(column)?;
        Ok(JobId::from_bits(u128::from_be_bytes(bytes)))
    }

    fn node_opt(&self, column: usize) -> rusqlite::Result<Option<NodeId>> {
        let bytes: Option<[u8; 16]> = self.get(column)?;
        Ok(bytes.map(|bytes| NodeId::from_bits(u128::from_be_bytes(bytes))))
    }

    fn reason_opt(&self, column: usize) -> rusqlite::Result<Option<Reason>> {
        match self.get_ref(column)?.as_str_or_null()? {
            None => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|error| odd(column, Type::Text, error)),
        }
    }

    fn actor(&self, column: usize) -> rusqlite::Result<Actor> {
        let text = self.get_ref(column)?.as_str()?;
        text.parse().map_err(|error| odd(column, Type::Text, error))
    }

    fn json<T: DeserializeOwned>(&self, column: usize) -> rusqlite::Result<T> {
        let text = self.get_ref(column)?.as_str()?;
        serde_json::from_str(text).map_err(|error| odd(column, Type::Text, error))
    }

    fn json_opt<T: DeserializeOwned>(&self, column: usize) -> rusqlite::Result<Option<T>> {
        match self.get_ref(column)? {
            rusqlite::types::ValueRef::Null => Ok(None),
            _ => self.json(column).map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_states_are_those_of_the_file_format() {
        let names = State::ALL.map(State::name);
        let codes = State::ALL.map(state);
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        assert_eq!(
            names,
            [
                "queued",
                "assigned",
                "running",
                "paused",
                "retrying",
                "completed",
                "failed",
                "timed_out",
                "quarantined",
                "rejected",
                "canceled",
            ]
        );
    }

    #[test]
    fn keys_of_a_job_lie_between_those_of_its_neighbours() {
        let (first, end) = keys(7);
        assert_eq!((within(first), end), (0, keys(8).0));
        assert!(key(7, MOST_EDGES) < end && key(7, 1) > first);
        assert_eq!(within(key(7, MOST_EDGES)), MOST_EDGES);
    }
}
