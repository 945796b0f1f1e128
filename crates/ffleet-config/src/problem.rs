//! What is wrong with a configuration, for a person and for a program.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

/// Where a value stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "in")]
pub enum Place {
    /// In a file.
    File {
        /// Which.
        path: PathBuf,
        /// The line, from 1; 0 where it is the file as a whole.
        line: u64,
        /// The column, from 1; 0 where it is the line as a whole.
        column: u64,
    },
    /// In a variable of the environment.
    Environment {
        /// Its name.
        variable: String,
    },
    /// In a flag.
    Flag {
        /// As it is written.
        flag: String,
    },
    /// In what was declared over the API.
    Api,
    /// In the defaults: a thing that this machine lacks.
    Default,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line: 0, .. } => write!(f, "{}", path.display()),
            Self::File { path, line, column: 0 } => write!(f, "{}:{line}", path.display()),
            Self::File { path, line, column } => write!(f, "{}:{line}:{column}", path.display()),
            Self::Environment { variable } => f.write_str(variable),
            Self::Flag { flag } => f.write_str(flag),
            Self::Api => f.write_str("the API"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// The whole name of the key, such as `worker.max-tasks`; empty where it is about no key.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to do, where that can be said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, ": {hint}"),
            None => Ok(()),
        }
    }
}

/// Everything that is wrong; at least one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// All of `problems`, in the order of the file; nothing if there are none.
    #[must_use]
    pub(crate) fn new(mut problems: Vec<Problem>) -> Option<Self> {
        problems.sort_by_key(|problem| match problem.place {
            Place::File { line, column, .. } => (line, column),
            Place::Environment { .. } | Place::Flag { .. } | Place::Api | Place::Default => {
                (u64::MAX, 0)
            }
        });
        (!problems.is_empty()).then_some(Self(problems))
    }

    /// The one thing.
    pub(crate) fn one(problem: Problem) -> Self {
        Self(vec![problem])
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let newline = if index == 0 { "" } else { "\n" };
            write!(f, "{newline}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
