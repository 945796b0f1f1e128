//! `ffleet voyandz`: the service in the place of voyandz, from its configuration file.
//!
//! It is the server of `ffleet serve` with the addresses, feeds, streams and pages of that file.

use std::path::PathBuf;

use clap::{Args, ValueHint};

/// `ffleet voyandz`
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
The pages /, /stat and /config are those of voyandz; the API is at /v1, for `ffleet feeds`, `ffleet
streams` and the other commands, and there is no dashboard. Everything that the file does not say (limits,
engines, more host names) is ffleet's own configuration, whose feeds, streams and address do not count
here. SIGHUP reads both again.

docs/migrating.md says what is the same and what is not.")]
pub(crate) struct Flags {
    /// The configuration file of voyandz
    #[arg(short = 'f', value_name = "FILE", default_value = "/etc/voyandz")]
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Where everything that must survive is kept [default: $XDG_STATE_HOME/ffleet, that is
    /// ~/.local/state/ffleet]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) data: Option<String>,
}
