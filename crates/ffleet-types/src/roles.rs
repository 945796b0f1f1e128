//! Role groups: the classes of process that a node has.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::units::ParseError;

/// The longest name.
const LONGEST: usize = 32;

/// The name of a role group: up to 32 lower-case letters, digits and `-`, beginning with a letter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoleGroup(Arc<str>);

impl RoleGroup {
    /// What makes the results of jobs.
    pub const ENCODE: &str = "encode";
    /// What sends to live destinations.
    pub const LIVE: &str = "live";
    /// What looks at inputs.
    pub const PROBE: &str = "probe";
    /// What finds out what an engine can do.
    pub const PROOF: &str = "proof";
    /// What checks results.
    pub const VERIFY: &str = "verify";
    /// What makes single pictures, for jobs that say so.
    pub const THUMBNAIL: &str = "thumbnail";
    /// Those that are always there.
    pub const ALL: [&str; 6] = [
        Self::ENCODE,
        Self::LIVE,
        Self::PROBE,
        Self::PROOF,
        Self::THUMBNAIL,
        Self::VERIFY,
    ];

    /// One of [`ALL`](Self::ALL).
    ///
    /// # Panics
    ///
    /// If `name` is no name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        name.parse().expect("the name of a role group")
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for RoleGroup {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoleGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for RoleGroup {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let legal = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        let fits = text.len() <= LONGEST
            && text.bytes().all(legal)
            && text.bytes().next().is_some_and(|first| first.is_ascii_lowercase());
        if !fits {
            let what = "a role group: up to 32 lower-case letters, digits and '-', a letter first";
            return Err(ParseError::new(text, what));
        }
        Ok(Self(text.into()))
    }
}

impl TryFrom<String> for RoleGroup {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<RoleGroup> for String {
    fn from(name: RoleGroup) -> Self {
        name.0.as_ref().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_is_short_and_plain() {
        for (name, fine) in [
            ("encode", true),
            ("a-2", true),
            ("", false),
            ("2a", false),
            ("-a", false),
            ("Encode", false),
            ("a b", false),
            (&"a".repeat(33), false),
        ] {
            assert_eq!(name.parse::<RoleGroup>().is_ok(), fine, "{name:?}");
        }
        for name in RoleGroup::ALL {
            assert_eq!(RoleGroup::named(name).as_str(), name);
        }
    }
}
