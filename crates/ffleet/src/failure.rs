//! Why a command came to nothing, as it is told to a person.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::io;

use ffleet_base::chain;

use crate::exit::Exit;

/// The end of a command that did not work.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Something to tell.
    Told {
        /// The exit code.
        exit: Exit,
        /// What was wrong, and where.
        message: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// Whoever read our output has gone, as `head` does. Nothing to tell, and nobody to tell it.
    ReaderGone,
}

impl Failure {
    /// A failure with this message.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self::Told { exit, message: message.into(), hint: None }
    }

    /// Bad usage.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Something on this machine is in the way; `error` says what.
    pub(crate) fn local(error: &dyn Error) -> Self {
        Self::new(Exit::Local, chain(error))
    }

    /// With what to do about it.
    #[must_use]
    pub(crate) fn hint(self, text: impl Into<String>) -> Self {
        match self {
            Self::Told { exit, message, .. } => {
                Self::Told { exit, message, hint: Some(text.into()) }
            }
            Self::ReaderGone => self,
        }
    }

    /// The exit code.
    pub(crate) const fn exit(&self) -> Exit {
        match self {
            Self::Told { exit, .. } => *exit,
            Self::ReaderGone => Exit::Done,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReaderGone => Ok(()),
            Self::Told { message, hint, .. } => {
                write!(f, "error: {message}")?;
                if let Some(hint) = hint {
                    f.write_char('\n')?;
                    write!(f, "  {}", hint.replace('\n', "\n  "))?;
                }
                Ok(())
            }
        }
    }
}

/// Only our own output is written without a context of its own.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::ReaderGone
        } else {
            Self::new(Exit::Local, format!("cannot write the output: {error}"))
        }
    }
}
