//! The programs that this workspace builds, for tests of crates that do not own them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// The path of `name`, a program of this crate (`nasty`), built now if it is missing or older
/// than its source. A test of the whole workspace finds it built already.
///
/// # Panics
///
/// If it cannot be built.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/bin/{name}.rs"));
    built(env!("CARGO_PKG_NAME"), name, changed(&source))
}

/// The path of the guard's shim, built now if it is missing or older than its source.
///
/// # Panics
///
/// If it cannot be built.
#[must_use]
pub fn shim() -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ffleet-guard/src");
    built("ffleet-guard", "ffleet-shim", newest(&source))
}

/// Builds at `path` an encoder that is through at once (`native/instant.c`).
///
/// # Panics
///
/// If it cannot be built.
pub fn instant(path: &Path) {
    compile("instant.c", path, &["-O2", "-static"], &[]);
}

/// Builds `path` from a source of this crate's in C.
pub(crate) fn compile(source: &str, path: &Path, how: &[&str], with: &[&str]) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("native").join(source);
    let built = Command::new("cc")
        .args(["-Wall", "-Werror"])
        .args(how)
        .arg("-o")
        .args([path, &source])
        .args(with)
        .status();
    assert!(built.as_ref().is_ok_and(std::process::ExitStatus::success), "cc: {built:?}");
}

fn built(package: &str, name: &str, written: Option<SystemTime>) -> PathBuf {
    let path = target_dir().join(name);
    let fresh = match (changed(&path), written) {
        (Some(built), Some(written)) => built >= written,
        (built, None) => built.is_some(),
        (None, _) => false,
    };
    if !fresh {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(["build", "--quiet", "--package", package, "--bin", name]);
        if !cfg!(debug_assertions) {
            command.arg("--release");
        }
        // This very one, wherever cargo was told to put it.
        if let Some(target) = target_dir().parent() {
            command.arg("--target-dir").arg(target);
        }
        let built = command.current_dir(env!("CARGO_MANIFEST_DIR")).status();
        assert!(
            built.as_ref().is_ok_and(std::process::ExitStatus::success),
            "cargo could not build {name}: {built:?}"
        );
    }
    path
}

/// When the newest file below `dir` was changed.
fn newest(dir: &Path) -> Option<SystemTime> {
    let entries = fs::read_dir(dir).ok()?.filter_map(Result::ok);
    let times = entries.filter_map(|entry| match entry.file_type().ok()?.is_dir() {
        true => newest(&entry.path()),
        false => changed(&entry.path()),
    });
    times.max()
}

/// Where cargo puts programs: a test runs from `deps` in it.
pub(crate) fn target_dir() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let deps = test.parent().expect("a program lies in a directory");
    let in_deps = deps.ends_with("deps");
    if in_deps {
        deps.parent().expect("deps has a parent").to_owned()
    } else {
        deps.to_owned()
    }
}

pub(crate) fn changed(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|file| file.modified()).ok()
}
