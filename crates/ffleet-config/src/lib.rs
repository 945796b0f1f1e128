//! The configuration: one YAML file, the environment and flags, checked once into [`Config`].
//!
//! A flag wins over a variable, a variable over the file, the file over the default. Every key
//! can be said in all three: `worker.max-tasks` in the file is `FFLEET_WORKER_MAX_TASKS` in the
//! environment. All problems are collected before anything is refused, each with where it stands
//! and what to do, so that a file with five slips is corrected in one go.
//!
//! The file is read into a tree that remembers its lines, and each key is asked for by name; a
//! key that nobody asked for is unknown, so there is no second list of keys to keep in step.
//! Deriving `Deserialize` for the whole would stop at the first error.

mod block;
pub mod config;
mod file;
mod nearest;
pub mod preset;
pub mod problem;
mod reader;
mod tree;
mod value;
pub mod voyandz;

use std::path::PathBuf;

use ffleet_base::paths::Env;

pub use config::Config;
pub use problem::{Problem, Problems};

/// The environment of this process. Read once, at start, and handed on as a value.
#[must_use]
pub fn environment() -> Env {
    std::env::vars_os().collect()
}

/// What a configuration is made from.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// The file that `--config` names.
    pub file: Option<PathBuf>,
    /// The environment.
    pub env: Env,
    /// The user who runs this; root keeps its state elsewhere.
    pub uid: u32,
    /// What relative paths in flags and variables start from.
    pub directory: PathBuf,
    /// What flags said; the last of several counts.
    pub flags: Vec<Flag>,
}

impl Inputs {
    /// The same, with what a flag said: `key` is the key it stands for, `flag` how it is written.
    #[must_use]
    pub fn with_flag(mut self, key: &str, flag: &str, text: impl Into<String>) -> Self {
        self.flags
            .push(Flag { key: key.to_owned(), flag: flag.to_owned(), text: text.into() });
        self
    }
}

/// What a flag said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    /// The whole name of the key that it stands for, such as `listen`.
    pub key: String,
    /// How it is written, such as `--listen`.
    pub flag: String,
    /// Its value.
    pub text: String,
}

/// A configuration, and where it came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Its feeds and streams as they are written, to which others can be added.
    pub written: config::live::Written,
    /// The file that was read; nothing where there is none.
    pub file: Option<PathBuf>,
    /// What is odd but no error, such as a variable that looks like a misspelt key.
    pub warnings: Vec<String>,
}

/// Reads the file, the environment and the flags, and checks all of it.
///
/// The file is the one that `--config` or `FFLEET_CONFIG` names; else, where there is one,
/// `$XDG_CONFIG_HOME/ffleet/ffleet.yaml` (`~/.config/ffleet/ffleet.yaml`), else
/// `/etc/ffleet/ffleet.yaml`.
///
/// # Errors
///
/// Everything that is wrong, at once.
pub fn load(inputs: &Inputs) -> Result<Loaded, Problems> {
    let (file, tree, problems) = match file::find(inputs) {
        Some(path) => {
            let (tree, problems) = file::read(&path);
            (Some(path), tree, problems)
        }
        None => (None, None, Vec::new()),
    };
    let mut reader = reader::Reader::new(inputs, file.as_deref(), tree.as_ref(), problems);
    let config = Config::read(&mut reader, inputs);
    let warnings = reader.finish();
    match (config, Problems::new(reader.into_problems())) {
        (Some((config, written)), None) => Ok(Loaded { config, written, file, warnings }),
        (_, Some(problems)) => Err(problems),
        (None, None) => unreachable!("a configuration that cannot be made has a problem"),
    }
}

/// The whole names of all keys, in alphabetical order.
#[must_use]
pub fn keys() -> Vec<&'static str> {
    let inputs = Inputs::default();
    let mut reader = reader::Reader::new(&inputs, None, None, Vec::new());
    let _config_of_nothing = Config::read(&mut reader, &inputs);
    reader.into_keys()
}
