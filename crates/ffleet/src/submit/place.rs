//! Names on the command line, made into what the server understands.
//!
//! The server knows nothing of our current directory, so a relative name is made absolute here.
//! What is a URL or a test picture goes as it is.

use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// The input as the server is to see it.
///
/// # Errors
///
/// If it is `-`.
pub(crate) fn input(text: &str, here: &Path) -> Result<String, Failure> {
    if text == "-" {
        return Err(Failure::usage("standard input cannot be an input")
            .hint("write it to a file first; a file that is called '-' is written ./-"));
    }
    if text.starts_with("test:") {
        return Ok(text.to_owned());
    }
    named(text, here)
}

/// A target as the server is to see it.
///
/// # Errors
///
/// If it is `-`, or names a directory.
pub(crate) fn target(text: &str, here: &Path) -> Result<String, Failure> {
    if text == "-" {
        return Err(Failure::usage("standard output cannot be an output")
            .hint("name a file: it appears under its name when it is whole and verified"));
    }
    let place = named(text, here)?;
    let path = place.strip_prefix("file://").unwrap_or(&place);
    if path.starts_with('/') && (text.ends_with('/') || Path::new(path).is_dir()) {
        let inside = Path::new(path).join("NAME.mp4");
        return Err(Failure::usage(format!("-o {text} is a directory"))
            .hint(format!("name the file in it, such as -o {}", inside.display())));
    }
    Ok(place)
}

/// A URL as it is, a path made absolute.
fn named(text: &str, here: &Path) -> Result<String, Failure> {
    if text.is_empty() {
        return Err(Failure::usage("the name of a file is empty"));
    }
    if is_url(text) {
        return Ok(text.to_owned());
    }
    let path = here.join(text);
    // `..` behind a link is not where the text says, and the server reads texts.
    let path = match (path.parent(), path.file_name()) {
        (Some(dir), Some(name)) if goes_up(&path) => dir
            .canonicalize()
            .map_or_else(|_missing| path.clone(), |dir| dir.join(name)),
        _ => path.components().collect(),
    };
    path.into_os_string().into_string().map_err(|odd| {
        Failure::usage(format!("the name {} is not UTF-8", PathBuf::from(odd).display()))
            .hint("the API speaks JSON, which has no other names; rename the file or its directory")
    })
}

fn goes_up(path: &Path) -> bool {
    path.components().any(|part| part == std::path::Component::ParentDir)
}

/// Whether it begins with `scheme://` (RFC 3986, 3.1).
fn is_url(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+.-".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_names_are_below_the_current_directory() {
        let here = Path::new("/no/where");
        for (text, place) in [
            ("a b.mp4", "/no/where/a b.mp4"),
            ("./-x.mp4", "/no/where/-x.mp4"),
            ("./a/./b", "/no/where/a/b"),
            ("/x/y", "/x/y"),
            ("a:b", "/no/where/a:b"),
            ("new\nline", "/no/where/new\nline"),
            ("http://h/x", "http://h/x"),
            ("file:///x", "file:///x"),
            ("test:720p30", "test:720p30"),
        ] {
            assert_eq!(input(text, here).unwrap(), place);
        }
    }

    #[test]
    fn way_up_leads_where_the_kernel_says() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("real/deep")).unwrap();
        std::os::unix::fs::symlink(root.join("real/deep"), root.join("link")).unwrap();
        let place = target("link/../x.mp4", &root).unwrap();
        assert_eq!(place, root.join("real/x.mp4").display().to_string());
    }

    #[test]
    fn directory_is_no_target() {
        let dir = tempfile::tempdir().unwrap();
        for text in ["", "-", "new/", ".", "..", "/", "/tmp"] {
            assert!(target(text, dir.path()).is_err(), "{text:?}");
        }
        let told = target("/tmp", dir.path()).unwrap_err().to_string();
        assert!(
            told.contains("-o /tmp is a directory") && told.contains("/tmp/NAME.mp4"),
            "{told}"
        );
        assert_eq!(target("rtmp://h/app/key", dir.path()).unwrap(), "rtmp://h/app/key");
    }
}
