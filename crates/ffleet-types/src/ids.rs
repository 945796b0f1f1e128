//! Ids: one newtype each, so that a job is never looked up by a node's number.
//!
//! A machine's id is 128 bits: 48 of milliseconds since 1970 and 80 of chance, written as 26
//! characters of Crockford's base 32 in lower case (the layout of a ULID). It sorts by age,
//! which keeps an index on it dense, and holds at least one letter in practice, so that it is never
//! taken for a job's number. Nothing here makes one up: `ffleet-base` owns chance and clock.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::units::{ParseError, text_serde};

/// Crockford's base 32: no `i`, `l`, `o`, `u`.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Characters of a 128-bit id: ⌈128 / 5⌉.
const LENGTH: usize = 26;

fn encode(value: u128) -> [u8; LENGTH] {
    let mut text = [b'0'; LENGTH];
    let mut rest = value;
    for slot in text.iter_mut().rev() {
        *slot = ALPHABET[usize::from((rest & 31) as u8 & 31)];
        rest >>= 5;
    }
    text
}

fn decode(text: &str) -> Option<u128> {
    if text.len() != LENGTH || text.as_bytes()[0] > b'7' {
        return None;
    }
    text.bytes().try_fold(0_u128, |value, byte| {
        let digit = ALPHABET.iter().position(|&c| c == byte.to_ascii_lowercase())?;
        Some((value << 5) | digit as u128)
    })
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            /// The id made of 48 bits of milliseconds since 1970 and 80 bits of chance.
            #[must_use]
            pub const fn from_parts(millis: u64, chance: u128) -> Self {
                Self(((millis as u128 & 0xffff_ffff_ffff) << 80) | (chance & ((1 << 80) - 1)))
            }

            /// The id with these 128 bits.
            #[must_use]
            pub const fn from_bits(bits: u128) -> Self {
                Self(bits)
            }

            /// Its 128 bits.
            #[must_use]
            pub const fn bits(self) -> u128 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let text = encode(self.0);
                f.pad(std::str::from_utf8(&text).expect("base 32 is ASCII"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = ParseError;

            fn from_str(text: &str) -> Result<Self, ParseError> {
                decode(text).map(Self).ok_or_else(|| {
                    ParseError::new(text, concat!("the id of ", $what, ": 26 letters and digits"))
                })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// A job, for machines.
    JobId,
    "a job"
);
id!(
    /// A node.
    NodeId,
    "a node"
);

/// A job, for people: 1, 2, 3 … in the order of acceptance, never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobNumber(pub u64);

impl fmt::Display for JobNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How a person or a program names a job: by number or by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JobRef {
    /// By its number.
    Number(JobNumber),
    /// By its id.
    Id(JobId),
}

impl FromStr for JobRef {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if let Some(id) = decode(text) {
            return Ok(Self::Id(JobId(id)));
        }
        let digits = text.strip_prefix('#').unwrap_or(text);
        match digits.parse() {
            Ok(number) if !digits.starts_with('+') => Ok(Self::Number(JobNumber(number))),
            _ => {
                Err(ParseError::new(text, "a job: its number, or its id of 26 letters and digits"))
            }
        }
    }
}

impl fmt::Display for JobRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Id(id) => id.fmt(f),
        }
    }
}

/// A task: the job it belongs to, and its place in it. Written `<job id>.<index>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId {
    /// The job.
    pub job: JobId,
    /// 0 for the first, or only, task.
    pub index: u32,
}

impl TaskId {
    /// The only task of a job that is not cut in pieces.
    #[must_use]
    pub const fn whole(job: JobId) -> Self {
        Self { job, index: 0 }
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.job, self.index)
    }
}

impl FromStr for TaskId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        text.split_once('.')
            .and_then(|(job, index)| {
                Some(Self { job: job.parse().ok()?, index: index.parse().ok()? })
            })
            .ok_or_else(|| ParseError::new(text, "a task: JOB.INDEX"))
    }
}

/// Orders the attempts of a task: a higher fence shuts out every lower one.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Fence(u64);

impl Fence {
    /// Lower than the fence of any attempt: a task nobody has tried.
    pub const NONE: Self = Self(0);
    /// The fence of a task's first attempt.
    pub const FIRST: Self = Self(1);

    /// The fence of the attempt after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The fence with this number, as read from the store or the wire.
    #[must_use]
    pub const fn from_u64(number: u64) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An attempt: a task and the fence it is tried under. Written `<job id>.<index>.<fence>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId {
    /// What is tried.
    pub task: TaskId,
    /// Which try it is.
    pub fence: Fence,
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.task, self.fence)
    }
}

impl FromStr for AttemptId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        text.rsplit_once('.')
            .and_then(|(task, fence)| {
                let fence = Fence(fence.parse().ok().filter(|&number| number > 0)?);
                Some(Self { task: task.parse().ok()?, fence })
            })
            .ok_or_else(|| ParseError::new(text, "an attempt: JOB.INDEX.FENCE"))
    }
}

text_serde!(TaskId, AttemptId, JobRef);

/// Who owns work. 1–63 characters: lower-case letters, digits and `-`, beginning with a letter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct TenantId(String);

impl TenantId {
    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for TenantId {
    /// The owner of everything where nobody has declared tenants.
    fn default() -> Self {
        Self("default".to_owned())
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for TenantId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let legal = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        if (1..=63).contains(&text.len())
            && text.as_bytes()[0].is_ascii_lowercase()
            && text.bytes().all(legal)
        {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseError::new(
                text,
                "a tenant: 1 to 63 lower-case letters, digits and '-', beginning with a letter",
            ))
        }
    }
}

impl<'de> Deserialize<'de> for TenantId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_survives_its_text_form() {
        for bits in [0, 1, u128::MAX, 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef] {
            let id = JobId::from_bits(bits);
            assert_eq!(id.to_string().parse(), Ok(id));
            assert_eq!(id.to_string().to_uppercase().parse(), Ok(id));
        }
    }

    #[test]
    fn id_sorts_by_age_as_bits_and_as_text() {
        let old = JobId::from_parts(1_000, (1 << 80) - 1);
        let new = JobId::from_parts(1_001, 0);
        assert!(old < new && old.to_string() < new.to_string());
    }

    #[test]
    fn text_that_is_no_id_is_refused() {
        for text in ["", "01", "8zzzzzzzzzzzzzzzzzzzzzzzzz", "0123456789012345678901234u", "é"] {
            assert!(text.parse::<JobId>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn number_and_id_are_told_apart() {
        let id = JobId::from_parts(1_700_000_000_000, 42);
        assert_eq!(id.to_string().parse(), Ok(JobRef::Id(id)));
        assert_eq!("17".parse(), Ok(JobRef::Number(JobNumber(17))));
        assert_eq!("#17".parse(), Ok(JobRef::Number(JobNumber(17))));
        for text in ["", "-1", "+1", "1.5", "99999999999999999999999", "job"] {
            assert!(text.parse::<JobRef>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn attempt_names_its_task_and_fence() {
        let task = TaskId::whole(JobId::from_parts(5, 6));
        let attempt = AttemptId { task, fence: Fence::FIRST.next() };
        assert_eq!(attempt.to_string().parse(), Ok(attempt));
        assert!(format!("{task}.0").parse::<AttemptId>().is_err(), "fence 0 is no attempt");
    }

    #[test]
    fn tenant_is_a_plain_name() {
        assert_eq!("acme-2".parse::<TenantId>().unwrap().as_str(), "acme-2");
        for text in ["", "-a", "2a", "a b", "A", "a/b", &"a".repeat(64)] {
            assert!(text.parse::<TenantId>().is_err(), "{text:?}");
        }
    }
}
