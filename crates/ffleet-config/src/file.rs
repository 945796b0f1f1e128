//! Which file is read, and reading it.

use std::path::{Path, PathBuf};

use crate::Inputs;
use crate::problem::{Place, Problem};
use crate::tree::{self, Node};

/// Its name in each of the places where it is looked for.
const NAME: &str = "ffleet/ffleet.yaml";
/// No configuration is longer; a name that leads to a film by mistake is not read to its end.
const LONGEST: u64 = 1 << 20;

/// The file to read; nothing where none is named and none is in the usual places.
pub(crate) fn find(inputs: &Inputs) -> Option<PathBuf> {
    let env = &inputs.env;
    if let Some(file) = &inputs.file {
        return Some(inputs.directory.join(file));
    }
    if let Some(file) = env.var("FFLEET_CONFIG") {
        return Some(inputs.directory.join(file));
    }
    let home = env
        .path("XDG_CONFIG_HOME")
        .map(Path::to_path_buf)
        .or_else(|| env.path("HOME").map(|home| home.join(".config")));
    home.into_iter()
        .chain([PathBuf::from("/etc")])
        .map(|base| base.join(NAME))
        .find(|path| path.is_file())
}

/// What YAML is.
pub(crate) const YAML: &str =
    "the file is YAML: `key: value`, sections indented by spaces, not tabs";

/// Reads `path`: what is in it, and what is wrong with it.
pub(crate) fn read(path: &Path) -> (Option<Node>, Vec<Problem>) {
    let problem = |line, column, message, hint: Option<&str>| Problem {
        place: Place::File { path: path.to_path_buf(), line, column },
        key: String::new(),
        message,
        hint: hint.map(str::to_owned),
    };
    let text = match text(path) {
        Ok(text) => text,
        Err(message) => return (None, vec![problem(0, 0, message, None)]),
    };
    let (node, fault) = tree::parse(&text);
    let problems = fault.map(|fault| {
        let hint = if node.is_some() { "keep one of the two" } else { YAML };
        problem(fault.at.line, fault.at.column, fault.message, Some(hint))
    });
    (node, problems.into_iter().collect())
}

/// The text of a file of configuration.
pub(crate) fn text(path: &Path) -> Result<String, String> {
    let meta = std::fs::metadata(path).map_err(|error| format!("cannot be read: {error}"))?;
    if meta.is_dir() {
        return Err("is a directory: name the file in it".to_owned());
    }
    if meta.len() > LONGEST {
        return Err("is larger than 1 MiB, which no configuration is".to_owned());
    }
    std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"))
}
