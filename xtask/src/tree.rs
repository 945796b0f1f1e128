//! The files of the tree that people wrote, as text.

use std::fs;
use std::path::{Path, PathBuf};

/// Directories that are built or kept by programs.
const NOT_OURS: &[&str] = &["target", ".git", ".cache", "dist"];
/// Endings of files that are text and ours; files without one are read if they are scripts.
const TEXT: &[&str] = &["rs", "toml", "md", "sh", "yaml", "yml", "html", "css", "js", "sql"];
/// Files without an ending that are text and ours.
const NAMED: &[&str] = &["Makefile", "run"];

/// A file and what it holds.
#[derive(Debug)]
pub(crate) struct File {
    /// Its path below the root, with `/`.
    pub(crate) path: String,
    /// What it holds.
    pub(crate) text: String,
}

impl File {
    /// Whether it is Rust.
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The crate it belongs to: `crates/NAME/…` or `xtask/…`.
    pub(crate) fn crate_name(&self) -> Option<&str> {
        let mut parts = self.path.split('/');
        match parts.next()? {
            "crates" => parts.next(),
            first @ "xtask" => Some(first),
            _ => None,
        }
    }
}

/// All of them, in the order of their paths.
#[derive(Debug)]
pub(crate) struct Tree {
    /// Where the workspace lies on this machine.
    pub(crate) root: PathBuf,
    /// Its files.
    pub(crate) files: Vec<File>,
}

impl Tree {
    /// Reads the workspace that this program was built in.
    ///
    /// # Errors
    ///
    /// A sentence naming the file or directory that could not be read.
    pub(crate) fn read() -> Result<Self, String> {
        let root = root();
        let mut files = Vec::new();
        walk(&root, &root, &mut files)?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { root, files })
    }
}

/// Where the workspace lies.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies below the workspace's root")
        .to_owned()
}

fn walk(root: &Path, at: &Path, files: &mut Vec<File>) -> Result<(), String> {
    let unreadable = |error| format!("cannot read {}: {error}", at.display());
    for entry in fs::read_dir(at).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let path = entry.path();
        let kind = entry.file_type().map_err(unreadable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if kind.is_dir() {
            if !NOT_OURS.contains(&name.as_str()) {
                walk(root, &path, files)?;
            }
        } else if kind.is_file() && is_ours(&name) {
            let text = fs::read_to_string(&path)
                .map_err(|error| format!("cannot read {} as text: {error}", path.display()))?;
            let below = path.strip_prefix(root).expect("walk stays below the root");
            files.push(File { path: below.to_string_lossy().into_owned(), text });
        }
    }
    Ok(())
}

fn is_ours(name: &str) -> bool {
    match name.rsplit_once('.') {
        Some((_, ending)) => TEXT.contains(&ending),
        None => NAMED.contains(&name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tree_holds_this_file_and_nothing_that_was_built() {
        let tree = Tree::read().unwrap();
        let paths: Vec<&str> = tree.files.iter().map(|file| file.path.as_str()).collect();
        assert!(paths.contains(&"xtask/src/tree.rs"), "{paths:?}");
        assert!(paths.contains(&"Makefile") && paths.contains(&".ci/run"), "{paths:?}");
        assert!(!paths.iter().any(|path| path.starts_with("target/")), "{paths:?}");
    }

    #[test]
    fn file_knows_its_crate() {
        let file = |path: &str| File { path: path.to_owned(), text: String::new() };
        assert_eq!(file("crates/ffleet-api/src/lib.rs").crate_name(), Some("ffleet-api"));
        assert_eq!(file("xtask/src/main.rs").crate_name(), Some("xtask"));
        assert_eq!(file("Makefile").crate_name(), None);
    }
}
