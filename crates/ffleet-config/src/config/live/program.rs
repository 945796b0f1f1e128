//! Whether the programs of commands are there.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use ffleet_base::paths::Env;
use ffleet_types::live::Command;

use crate::problem::Place;

/// Where programs are looked for without `PATH`, as `execvp(3)` does.
const USUAL: &str = "/bin:/usr/bin";

/// The programs that were looked for. A missing one is no error: it may be installed before it is
/// needed, or be on another machine.
pub(crate) struct Programs<'a> {
    path: &'a OsStr,
    /// Each with what is wrong with it, and where it is said first.
    known: BTreeMap<String, Option<(&'static str, Place, String)>>,
}

impl<'a> Programs<'a> {
    pub(crate) fn new(env: &'a Env) -> Self {
        let path = env.var("PATH").unwrap_or_else(|| OsStr::new(USUAL));
        Self { path, known: BTreeMap::new() }
    }

    /// Looks for the program of `command`, which is said at `place`, once.
    pub(crate) fn look(&mut self, command: &Command, said: impl FnOnce() -> (Place, String)) {
        let program = command.program();
        if self.known.contains_key(program) {
            return;
        }
        let missing = missing(program, self.path).map(|what| {
            let (place, key) = said();
            (what, place, key)
        });
        self.known.insert(program.to_owned(), missing);
    }

    /// What to say about those that are not there.
    pub(crate) fn warnings(self) -> Vec<String> {
        let missing = self.known.into_iter().filter_map(|(program, missing)| {
            let (what, place, key) = missing?;
            Some(format!("{place}: {key}: {program:?} {what}"))
        });
        missing.collect()
    }
}

/// What is wrong with a program, if it cannot be started.
fn missing(program: &str, path: &OsStr) -> Option<&'static str> {
    if program.contains('/') {
        return look(Path::new(program)).err();
    }
    let looked = std::env::split_paths(path).map(|directory| look(&directory.join(program)));
    let mut found = "is not in PATH";
    for answer in looked {
        match answer {
            Ok(()) => return None,
            Err(NOT_THERE) => {}
            Err(why) => found = why,
        }
    }
    Some(found)
}

const NOT_THERE: &str = "is not there";

fn look(path: &Path) -> Result<(), &'static str> {
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_dir() => Err("is a directory, not a program"),
        Ok(meta) if meta.permissions().mode() & 0o111 == 0 => Err("is not executable"),
        Ok(_) => Ok(()),
        Err(_) => Err(NOT_THERE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn program_is_looked_for_as_the_kernel_would() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        ffleet_base::write_atomic(&at("runs"), b"", 0o755).unwrap();
        ffleet_base::write_atomic(&at("rests"), b"", 0o644).unwrap();
        let path = std::env::join_paths([Path::new("/nowhere"), directory.path()]).unwrap();
        for (program, what) in [
            ("runs", None),
            ("rests", Some("is not executable")),
            ("gone", Some("is not in PATH")),
            (at("runs").to_str().unwrap(), None),
            (at("rests").to_str().unwrap(), Some("is not executable")),
            (at("gone").to_str().unwrap(), Some("is not there")),
            (directory.path().to_str().unwrap(), Some("is a directory, not a program")),
        ] {
            assert_eq!(missing(program, &path), what, "{program}");
        }
    }
}
