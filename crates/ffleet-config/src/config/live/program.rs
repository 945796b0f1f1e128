//! Whether the programs of commands are there.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use ffleet_base::paths::Env;
use ffleet_types::live::{Feed, Source, Stream};

use super::{Declared, Section};

/// Where programs are looked for without `PATH`, as `execvp(3)` does.
const USUAL: &str = "/bin:/usr/bin";

/// What to say about programs that cannot be started, of each once. That is no error: a program may be
/// installed before it is needed.
pub(crate) fn missing(
    feeds: &Section<'_, Feed>,
    streams: &Section<'_, Stream>,
    env: &Env,
) -> Vec<String> {
    let path = env.var("PATH").unwrap_or_else(|| OsStr::new(USUAL));
    let of_feeds = feeds.all.iter().filter_map(|Declared { item, block, .. }| match item {
        Some(Feed { source: Source::Command(command), .. }) => Some((command, block)),
        _ => None,
    });
    let of_streams = streams
        .all
        .iter()
        .filter_map(|Declared { item, block, .. }| Some((item.as_ref()?.command.as_ref()?, block)));
    let mut known = BTreeSet::new();
    let mut warnings = Vec::new();
    for (command, block) in of_feeds.chain(of_streams) {
        let program = command.program();
        if known.insert(program.to_owned())
            && let Some(what) = trouble(program, path)
        {
            warnings.push(block.warning("command", &format!("{program:?} {what}")));
        }
    }
    warnings
}

/// What is wrong with a program, if it cannot be started.
fn trouble(program: &str, path: &OsStr) -> Option<&'static str> {
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
            assert_eq!(trouble(program, &path), what, "{program}");
        }
    }
}
