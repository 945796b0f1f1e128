//! What a search of logs goes by.

use std::fmt;
use std::str::FromStr;

use ffleet_base::clock::{parse_rfc3339, rfc3339};
use ffleet_types::{JobRef, ParseError, Span, Timestamp};
use percent_encoding::utf8_percent_encode;

use super::{RESERVED, pairs, unknown};
use crate::problem::{Code, Problem};

/// A point in time as a person gives it: so long ago, or RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// This long before now.
    Ago(Span),
    /// Then.
    At(Timestamp),
}

impl When {
    /// The point in time, where it is `now`.
    #[must_use]
    pub fn since(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(span) => {
                let micros = u64::try_from(span.0.as_micros()).unwrap_or(u64::MAX);
                Timestamp::from_micros(now.as_micros().saturating_sub(micros))
            }
            Self::At(time) => time,
        }
    }
}

impl FromStr for When {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if let Ok(span) = text.parse() {
            return Ok(Self::Ago(span));
        }
        parse_rfc3339(text).map(Self::At).map_err(|_neither: ParseError| {
            ParseError::new(text, "a time: so long ago (10m), or as in 2026-01-31T12:00:00Z")
        })
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ago(span) => span.fmt(f),
            Self::At(time) => f.write_str(&rfc3339(*time)),
        }
    }
}

/// Which lines, and how many of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logs {
    /// Only those of this job.
    pub job: Option<JobRef>,
    /// Only those of this attempt of it.
    pub attempt: Option<u64>,
    /// From here on; an hour ago where neither this nor a job is given.
    pub since: Option<When>,
    /// Up to here.
    pub until: Option<When>,
    /// Only those that hold this text; all where it is empty. Case does not matter.
    pub grep: String,
    /// At most so many: 1 to 5000.
    pub limit: u32,
    /// Only those after the page whose `next` this is.
    pub after: Option<String>,
}

impl Logs {
    /// How many are shown where nobody says.
    pub const LIMIT: u32 = 500;
    /// How many are shown at most.
    pub const MOST: u32 = 5_000;
    /// The longest text that is looked for, in bytes.
    pub const LONGEST: usize = 256;
    const KEYS: [&str; 7] = ["job", "attempt", "since", "until", "grep", "limit", "after"];

    /// Reads a query string, without its `?`. An empty value is none.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidQuery`], naming the key.
    pub fn parse(query: &str) -> Result<Self, Problem> {
        let mut logs = Self::default();
        for (key, value) in pairs(query)? {
            if value.is_empty() && Self::KEYS.contains(&key.as_str()) {
                continue;
            }
            logs.set(&key, value).map_err(|problem| match problem.field {
                Some(_) => problem,
                None => problem.at(key),
            })?;
        }
        if logs.attempt.is_some() && logs.job.is_none() {
            let why = "an attempt is one of a job: name that too";
            return Err(Problem::new(Code::InvalidQuery, why).at("attempt"));
        }
        Ok(logs)
    }

    fn set(&mut self, key: &str, value: String) -> Result<(), Problem> {
        let bad = |why: String| Problem::new(Code::InvalidQuery, why);
        let odd = |error: ParseError| bad(error.to_string());
        let number = |most: u64, what: &str| {
            value
                .parse()
                .ok()
                .filter(|number| (1..=most).contains(number))
                .ok_or_else(|| bad(format!("{value:?} is not {what}")))
        };
        match key {
            "job" => self.job = Some(value.parse().map_err(odd)?),
            "attempt" => self.attempt = Some(number(u64::MAX, "the number of an attempt")?),
            "since" => self.since = Some(value.parse().map_err(odd)?),
            "until" => self.until = Some(value.parse().map_err(odd)?),
            "grep" if value.len() > Self::LONGEST => {
                return Err(bad(format!("the text is longer than {} bytes", Self::LONGEST)));
            }
            "grep" => self.grep = value,
            "limit" => {
                let limit =
                    number(Self::MOST.into(), &format!("a number from 1 to {}", Self::MOST))?;
                self.limit = u32::try_from(limit).unwrap_or(Self::MOST);
            }
            "after" => self.after = Some(value),
            _ => return Err(unknown(key, &Self::KEYS)),
        }
        Ok(())
    }
}

impl Default for Logs {
    fn default() -> Self {
        Self {
            job: None,
            attempt: None,
            since: None,
            until: None,
            grep: String::new(),
            limit: Self::LIMIT,
            after: None,
        }
    }
}

impl fmt::Display for Logs {
    /// The query string, with its `?` where it is not empty.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut pairs = Vec::new();
        let mut pair = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                pairs.push(format!("{key}={}", utf8_percent_encode(&value, RESERVED)));
            }
        };
        pair("job", self.job.map(|job| job.to_string()));
        pair("attempt", self.attempt.map(|attempt| attempt.to_string()));
        pair("since", self.since.map(|since| since.to_string()));
        pair("until", self.until.map(|until| until.to_string()));
        pair("grep", Some(self.grep.clone()).filter(|text| !text.is_empty()));
        pair("limit", (self.limit != Self::LIMIT).then(|| self.limit.to_string()));
        pair("after", self.after.clone());
        match pairs.is_empty() {
            true => Ok(()),
            false => write!(f, "?{}", pairs.join("&")),
        }
    }
}

#[cfg(test)]
mod tests {
    use ffleet_types::JobNumber;

    use super::*;

    #[test]
    fn query_survives_its_text_form() {
        let logs = Logs {
            job: Some(JobRef::Number(JobNumber(12))),
            attempt: Some(3),
            since: Some(When::Ago(Span::secs(600))),
            until: Some(When::At(Timestamp::from_millis(1_769_860_800_123))),
            grep: "moov & 100% #1".into(),
            limit: 7,
            after: Some("1.2".into()),
        };
        assert_eq!(Logs::parse(logs.to_string().trim_start_matches('?')).unwrap(), logs);
        assert_eq!(Logs::parse("job=&since=&grep=&after=").unwrap(), Logs::default());
        assert_eq!(Logs::default().to_string(), "");
    }

    #[test]
    fn bad_query_names_its_key() {
        let long = format!("grep={}", "x".repeat(Logs::LONGEST + 1));
        for (query, key) in [
            ("job=x", "job"),
            ("job=1&attempt=0", "attempt"),
            ("attempt=1", "attempt"),
            ("since=yesterday", "since"),
            ("limit=5001", "limit"),
            (&*long, "grep"),
            ("text=a", "text"),
        ] {
            let problem = Logs::parse(query).expect_err(query);
            assert_eq!(problem.field.as_deref(), Some(key), "{problem}");
        }
    }

    #[test]
    fn time_before_all_time_is_its_beginning() {
        let now = Timestamp::from_millis(5_000);
        assert_eq!(When::Ago(Span::secs(2)).since(now), Timestamp::from_millis(3_000));
        assert_eq!(When::Ago(Span::secs(9)).since(now), Timestamp::EPOCH);
    }
}
