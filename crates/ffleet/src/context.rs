//! What every command is given: what was said about the server, where we are, where to print.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use ffleet_base::paths::{Env, runtime_dir};
use ffleet_base::{Clock as _, SystemClock};
use ffleet_types::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::api::Api;
use crate::cli::Common;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::server::Choice;

/// The circumstances of a command.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    /// The environment, as it was at start.
    pub(crate) env: Env,
    /// What relative names start from.
    pub(crate) here: PathBuf,
    /// Options of every command.
    pub(crate) common: Common,
}

impl Context {
    /// Reads the circumstances, once.
    ///
    /// # Errors
    ///
    /// If there is no current directory.
    pub(crate) fn new(common: Common) -> Result<Self, Failure> {
        let here = std::env::current_dir().map_err(|error| {
            Failure::new(Exit::Local, format!("the current directory cannot be read: {error}"))
        })?;
        Ok(Self { env: ffleet_config::environment(), here, common })
    }

    /// The user this runs as.
    #[expect(clippy::unused_self, reason = "a circumstance, like the others")]
    pub(crate) fn uid(&self) -> u32 {
        rustix::process::geteuid().as_raw()
    }

    /// Where the servers of this user register.
    ///
    /// # Errors
    ///
    /// If the environment names no place.
    pub(crate) fn runtime_dir(&self) -> Result<PathBuf, Failure> {
        runtime_dir(&self.env, self.uid(), Path::is_dir).map_err(|error| Failure::local(&error))
    }

    /// A client of the server that is meant.
    ///
    /// # Errors
    ///
    /// If none is found, or what was said about it makes no sense.
    pub(crate) fn api(&self) -> Result<Api, Failure> {
        let key = match self.env.var("FFLEET_KEY").map(|key| key.to_str().map(str::to_owned)) {
            Some(None) => return Err(Failure::usage("FFLEET_KEY is not UTF-8")),
            Some(key) => key,
            None => None,
        };
        let choice = Choice {
            server: self.common.server.as_deref().filter(|server| !server.is_empty()),
            key_file: self.common.key_file.as_deref(),
            key,
        };
        Api::new(choice.resolve(&self.runtime_dir()?)?)
    }

    /// The time, for ages.
    #[expect(clippy::unused_self, reason = "a circumstance, like the others")]
    pub(crate) fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    /// Columns of the terminal; nothing where the output is none.
    #[expect(clippy::unused_self, reason = "a circumstance, like the others")]
    pub(crate) fn width(&self) -> Option<usize> {
        let out = io::stdout();
        if !out.is_terminal() {
            return None;
        }
        let size = rustix::termios::tcgetwinsize(&out).ok()?;
        Some(usize::from(size.ws_col)).filter(|&columns| columns >= 20)
    }

    /// Prints the server's own words as `--json` wants them, or else what they mean.
    ///
    /// # Errors
    ///
    /// If the output cannot be written.
    pub(crate) fn print(
        &self,
        raw: &RawValue,
        text: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        if self.common.json {
            self.say(&format!("{}\n", raw.get()))
        } else {
            self.say(&text())
        }
    }

    /// Prints a value of our own as JSON.
    ///
    /// # Errors
    ///
    /// If the output cannot be written.
    pub(crate) fn print_json(&self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(value).map_err(|error| Failure::local(&error))?;
        self.say(&format!("{text}\n"))
    }

    /// Prints text.
    ///
    /// # Errors
    ///
    /// If the output cannot be written.
    #[expect(clippy::unused_self, reason = "a circumstance, like the others")]
    pub(crate) fn say(&self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        Ok(out.flush()?)
    }
}
