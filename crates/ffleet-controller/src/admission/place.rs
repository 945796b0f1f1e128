//! Paths: whether they may be used, and what lies there.
//!
//! [`normalise`] and [`check_room`] go by the text alone. Everything else looks, and may not come
//! back from a file system that does not answer: `look` decides where that is done.

use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use ffleet_api::{Code, Problem};
use ffleet_media::Source;
use ffleet_types::Bytes;
use rustix::fs::Access;

use super::Rules;
use crate::tenants::Realm;

/// `path` without `.`, `..` and repeated slashes. Lexical: what `..` after a link means is for
/// the kernel to say, and [`check_links`] asks it where that matters.
pub(super) fn normalise(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// Whether `path` may be used at all: inside the roots, and not in the server's own directory.
pub(super) fn check_room(rules: Rules<'_>, path: &str, field: &str) -> Result<(), Problem> {
    let path = Path::new(path);
    if !is_allowed(rules, path) {
        return Err(outside(rules, path, field));
    }
    if path.starts_with(&rules.policy.data) {
        return Err(Problem::new(
            Code::OutsideRoots,
            format!("{} is in the server's own directory", path.display()),
        )
        .at(field)
        .hint("use another directory: what is there belongs to the server alone"));
    }
    Ok(())
}

/// Whether links lead from `path` out of the roots. Where everything is allowed nothing can, and
/// no link is looked at: that would be a tenth of what a submission costs.
pub(super) fn check_links(rules: Rules<'_>, path: &str, field: &str) -> Result<(), Problem> {
    let everywhere = |roots: &[PathBuf]| roots.iter().any(|root| root == Path::new("/"));
    if everywhere(&rules.policy.roots) && rules.realm.roots.as_deref().is_none_or(everywhere) {
        return Ok(());
    }
    match real(Path::new(path)).filter(|real| !is_allowed(rules, real)) {
        Some(real) => Err(outside(rules, &real, field)),
        None => Ok(()),
    }
}

fn is_allowed(rules: Rules<'_>, path: &Path) -> bool {
    let within = |roots: &[PathBuf]| roots.iter().any(|root| path.starts_with(root));
    within(&rules.policy.roots) && rules.realm.roots.as_deref().is_none_or(within)
}

fn outside(rules: Rules<'_>, path: &Path, field: &str) -> Problem {
    let shown = path.display();
    let list = |roots: &[PathBuf]| {
        let roots: Vec<_> = roots.iter().map(|root| root.display().to_string()).collect();
        roots.join(", ")
    };
    let Realm { tenant, roots } = rules.realm;
    let (detail, hint) = match roots.as_deref() {
        None => (
            format!("{shown} is outside the directories this server may use"),
            format!(
                "they are: {}; the operator's key for them is `roots`",
                list(&rules.policy.roots)
            ),
        ),
        Some([]) => (
            format!("{shown} is a file of the server, and tenant {tenant} may use none"),
            format!("an admin names directories for it: `ffleet tenants set {tenant} --root DIR`"),
        ),
        Some(roots) => (
            format!("{shown} is outside the directories that tenant {tenant} may use"),
            format!(
                "they are: {}; `ffleet tenants set {tenant} --root DIR` changes them",
                list(roots)
            ),
        ),
    };
    Problem::new(Code::OutsideRoots, detail).at(field).hint(hint)
}

/// Where `path` really is; of a file that is not there yet, where its directory is.
fn real(path: &Path) -> Option<PathBuf> {
    path.canonicalize()
        .ok()
        .or_else(|| Some(path.parent()?.canonicalize().ok()?.join(path.file_name()?)))
}

/// Whether `path` can be an input; its size.
pub(super) fn check_input(path: &str, field: &str) -> Result<Bytes, Problem> {
    let unusable = |detail: String| Problem::new(Code::InputUnusable, detail).at(field);
    let found = fs::metadata(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => {
            unusable(format!("there is no {path}")).hint("paths are those of the server's machine")
        }
        _ => unusable(format!("{path} cannot be looked at: {error}")),
    })?;
    if found.is_dir() {
        return Err(unusable(format!("{path} is a directory")).hint("name one file in it"));
    }
    if !found.is_file() {
        return Err(unusable(format!("{path} is {}, not a file", kind(&found))));
    }
    if found.len() == 0 {
        return Err(unusable(format!("{path} is empty")));
    }
    rustix::fs::access(path, Access::READ_OK).map_err(|error| {
        unusable(format!("{path} cannot be read by the server: {error}"))
            .hint("give the server's user the right to read it")
    })?;
    Ok(Bytes(found.len()))
}

/// Whether `path` can be made from `input`.
pub(super) fn check_target(
    path: &str,
    input: &Source,
    overwrite: bool,
    field: &str,
) -> Result<(), Problem> {
    let unusable = |detail: String| Problem::new(Code::TargetUnusable, detail).at(field);
    if matches!(input, Source::File(input) if input == path) {
        return Err(itself(path, field));
    }
    check_directory(path, field)?;
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unusable(format!("{path} cannot be looked at: {error}"))),
    };
    if same_file(input, path) {
        return Err(itself(path, field));
    }
    if found.is_dir() {
        return Err(
            unusable(format!("{path} is a directory")).hint("name the file to be made in it")
        );
    }
    if !found.is_file() {
        return Err(unusable(format!("{path} is {}, not a file", kind(&found)))
            .hint("name a file that is not there yet"));
    }
    if overwrite {
        return Ok(());
    }
    Err(Problem::new(Code::TargetExists, format!("{path} exists already"))
        .at(field)
        .hint("say `\"overwrite\": true` (--overwrite) to replace it, or name another"))
}

/// Whether a file can be made at `path`, where there is nothing yet.
pub(super) fn check_new(path: &str, field: &str) -> Result<(), Problem> {
    check_directory(path, field)?;
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        _ => Err(Problem::new(Code::TargetExists, format!("{path} exists already"))
            .at(field)
            .hint("name a file that is not there yet")),
    }
}

fn check_directory(path: &str, field: &str) -> Result<(), Problem> {
    let unusable = |detail: String| Problem::new(Code::TargetUnusable, detail).at(field);
    let Some(dir) = Path::new(path).parent().filter(|_| path != "/") else {
        return Err(unusable(format!("{path} names a directory")).hint("name a file"));
    };
    let shown = dir.display();
    match fs::metadata(dir) {
        Ok(found) if found.is_dir() => {}
        Ok(_) => return Err(unusable(format!("{shown} is not a directory"))),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(unusable(format!("there is no directory {shown}")).hint("make it first"));
        }
        Err(error) => return Err(unusable(format!("{shown} cannot be looked at: {error}"))),
    }
    rustix::fs::access(dir, Access::WRITE_OK | Access::EXEC_OK).map_err(|error| {
        unusable(format!("the server cannot write in {shown}: {error}"))
            .hint("give the server's user the right to write there")
    })
}

/// Whether `target` is the input by another name: a link, hard or symbolic.
fn same_file(input: &Source, target: &str) -> bool {
    let Source::File(input) = input else {
        return false;
    };
    match (fs::metadata(input), fs::metadata(target)) {
        (Ok(one), Ok(other)) => (one.dev(), one.ino()) == (other.dev(), other.ino()),
        _ => false,
    }
}

fn itself(path: &str, field: &str) -> Problem {
    Problem::new(Code::InvalidValue, format!("{path} is the input itself"))
        .at(field)
        .hint("the source is never replaced: name another file")
}

/// What is there instead of a file, for a person.
fn kind(found: &Metadata) -> &'static str {
    let kind = found.file_type();
    if kind.is_symlink() {
        "a symbolic link"
    } else if kind.is_fifo() {
        "a named pipe"
    } else if kind.is_socket() {
        "a socket"
    } else if kind.is_block_device() || kind.is_char_device() {
        "a device"
    } else {
        "a directory"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_made_plain() {
        for (path, plain) in [
            ("/a/./b//c", "/a/b/c"),
            ("/a/../b", "/b"),
            ("/../../etc/passwd", "/etc/passwd"),
            ("/a b/\n'-x", "/a b/\n'-x"),
            ("/", "/"),
        ] {
            assert_eq!(normalise(path), plain);
        }
    }
}
