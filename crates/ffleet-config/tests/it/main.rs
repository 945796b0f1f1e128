//! The configuration, as the program loads it.

mod example;
mod layers;
mod live;
mod mistakes;
mod voyandz;
mod watch;

use std::path::Path;

use ffleet_config::{Config, Inputs, Loaded, Problems};

/// What `ffleet` would be given: these variables and a home, this file if any.
fn inputs<const N: usize>(file: Option<&Path>, vars: [(&str, &str); N]) -> Inputs {
    Inputs {
        file: file.map(Path::to_path_buf),
        env: [("HOME", "/home/nobody-lives-here")].into_iter().chain(vars).collect(),
        uid: 1_000,
        directory: "/work-dir".into(),
        ..Inputs::default()
    }
}

/// The defaults.
fn defaults() -> Config {
    ffleet_config::load(&inputs(None, []))
        .expect("defaults are valid")
        .config
}

/// Loads a file with this text.
fn load(text: &str) -> (tempfile::TempDir, Result<Loaded, Problems>) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("ffleet.yaml");
    ffleet_base::write_atomic(&path, text.as_bytes(), 0o600).expect("a file");
    let loaded = ffleet_config::load(&inputs(Some(&path), []));
    (directory, loaded)
}

/// The configuration that `text` is.
fn config(text: &str) -> Config {
    load(text).1.unwrap_or_else(|problems| panic!("{problems}")).config
}

/// What is wrong with `text`, a line each, without the directory.
fn problems(text: &str) -> Vec<String> {
    let (directory, loaded) = load(text);
    let prefix = format!("{}/ffleet.yaml:", directory.path().display());
    let problems = loaded.expect_err("problems");
    problems
        .iter()
        .map(|problem| problem.to_string().replace(&prefix, ""))
        .collect()
}
