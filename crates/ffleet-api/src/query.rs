//! What a list of jobs is filtered and paged by, and what a search of logs goes by.

mod logs;

use std::fmt;

use ffleet_types::JobNumber;
use ffleet_types::job::Queue;
use ffleet_types::task::State;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use crate::problem::{Code, Problem};
use crate::strict;

pub use logs::{Logs, When};

/// What must be written as `%XX` in a key or a value of a query.
pub(crate) const RESERVED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'&')
    .add(b'+')
    .add(b'<')
    .add(b'=')
    .add(b'>')
    .add(b'?')
    .add(b'/');

/// Which jobs, and how many of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jobs {
    /// Only those in one of these states; all where it is empty.
    pub states: Vec<State>,
    /// Only those of this queue.
    pub queue: Option<Queue>,
    /// Only those that carry this label with this value.
    pub label: Option<(String, String)>,
    /// At most so many: 1 to 500.
    pub limit: u32,
    /// Only those older than this one: the `next` of the page before.
    pub after: Option<JobNumber>,
}

impl Jobs {
    /// How many are listed where nobody says.
    pub const LIMIT: u32 = 50;
    /// How many are listed at most.
    pub const MOST: u32 = 500;
    const KEYS: [&str; 5] = ["state", "queue", "label", "limit", "after"];

    /// Reads a query string, without its `?`.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidQuery`], naming the key.
    pub fn parse(query: &str) -> Result<Self, Problem> {
        let mut jobs = Self::default();
        for (key, value) in pairs(query)? {
            jobs.set(&key, &value).map_err(|problem| match problem.field {
                Some(_) => problem,
                None => problem.at(key),
            })?;
        }
        Ok(jobs)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), Problem> {
        let bad = |why: String| Problem::new(Code::InvalidQuery, why);
        match key {
            "state" => {
                for word in value.split(',').filter(|word| !word.is_empty()) {
                    self.states.push(word.parse().map_err(|e| bad(format!("{e}")))?);
                }
            }
            "queue" if value.is_empty() => {}
            "queue" => self.queue = Some(value.parse().map_err(|e| bad(format!("{e}")))?),
            "label" if value.is_empty() => {}
            "label" => {
                let (name, value) = value
                    .split_once('=')
                    .ok_or_else(|| bad(format!("{value:?} is not of the form NAME=VALUE")))?;
                self.label = Some((name.to_owned(), value.to_owned()));
            }
            "limit" => {
                self.limit = value
                    .parse()
                    .ok()
                    .filter(|limit| (1..=Self::MOST).contains(limit))
                    .ok_or_else(|| {
                        bad(format!("{value:?} is not a number from 1 to {}", Self::MOST))
                    })?;
            }
            "after" if value.is_empty() => {}
            "after" => {
                let number = value.parse().map_err(|_not_a_number: std::num::ParseIntError| {
                    bad(format!("{value:?} is not the `next` of a page"))
                })?;
                self.after = Some(JobNumber(number));
            }
            _ => return Err(unknown(key, &Self::KEYS)),
        }
        Ok(())
    }
}

impl Default for Jobs {
    fn default() -> Self {
        Self {
            states: Vec::new(),
            queue: None,
            label: None,
            limit: Self::LIMIT,
            after: None,
        }
    }
}

impl fmt::Display for Jobs {
    /// The query string, with its `?` where it is not empty.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut pairs = Vec::new();
        if !self.states.is_empty() {
            let states: Vec<_> = self.states.iter().map(|state| state.name()).collect();
            pairs.push(format!("state={}", states.join(",")));
        }
        if let Some(queue) = self.queue {
            pairs.push(format!("queue={queue}"));
        }
        if let Some((name, value)) = &self.label {
            let text = format!("{name}={value}");
            pairs.push(format!("label={}", utf8_percent_encode(&text, RESERVED)));
        }
        if self.limit != Self::LIMIT {
            pairs.push(format!("limit={}", self.limit));
        }
        if let Some(after) = self.after {
            pairs.push(format!("after={after}"));
        }
        match pairs.is_empty() {
            true => Ok(()),
            false => write!(f, "?{}", pairs.join("&")),
        }
    }
}

/// The decoded pairs of a query string. A key without `=` has an empty value.
///
/// # Errors
///
/// [`Code::InvalidQuery`] where a value is not UTF-8.
pub fn pairs(query: &str) -> Result<Vec<(String, String)>, Problem> {
    let decode = |text: &str| {
        percent_decode_str(&text.replace('+', " "))
            .decode_utf8()
            .map(std::borrow::Cow::into_owned)
            .map_err(|error| Problem::new(Code::InvalidQuery, error.to_string()))
    };
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(key)?, decode(value)?))
        })
        .collect()
}

/// The problem of a query key that means nothing.
#[must_use]
pub fn unknown(key: &str, known: &[&str]) -> Problem {
    let problem =
        Problem::new(Code::InvalidQuery, format!("the query key {key:?} means nothing")).at(key);
    match strict::nearest(key, known.iter().copied()) {
        Some(near) => problem.hint(format!("did you mean {near:?}?")),
        None if known.is_empty() => problem.hint("this address takes no query"),
        None => problem.hint(format!("the keys are {}", known.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_survives_its_text_form() {
        let jobs = Jobs {
            states: vec![State::Queued, State::TimedOut],
            queue: Some(Queue::Batch),
            label: Some(("show".into(), "a=b & c+d%/é".into())),
            limit: 500,
            after: Some(JobNumber(17)),
        };
        assert_eq!(Jobs::parse(jobs.to_string().trim_start_matches('?')).unwrap(), jobs);
        assert_eq!(Jobs::parse("").unwrap(), Jobs::default());
        assert_eq!(Jobs::default().to_string(), "");
    }

    #[test]
    fn bad_query_names_its_key() {
        for (query, key) in [
            ("state=running,nope", "state"),
            ("limit=0", "limit"),
            ("limit=501", "limit"),
            ("limit=-1", "limit"),
            ("after=x", "after"),
            ("label=x", "label"),
            ("queue=fast", "queue"),
            ("stat=queued", "stat"),
        ] {
            let problem = Jobs::parse(query).expect_err(query);
            assert_eq!(problem.field.as_deref(), Some(key), "{problem}");
        }
    }
}
