//! What went wrong with a file, for a person, and whose doing it was.

use std::io::{self, ErrorKind};
use std::path::Path;

use ffleet_types::Reason;

/// Something could not be done to a file. The text says what, where, why, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    reason: Reason,
    message: String,
}

impl Error {
    /// An error of which `message` says everything.
    pub(crate) fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }

    /// What the kernel said to `doing` something (`create`, `write`) with `path`.
    pub(crate) fn of(doing: &str, path: &Path, error: &io::Error) -> Self {
        let (reason, advice) = match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => (
                Reason::ResourceError,
                "free some room there, or choose a place that has it, and try again",
            ),
            ErrorKind::FileTooLarge => (
                Reason::ResourceError,
                "that file system takes no file of this size: choose another",
            ),
            ErrorKind::PermissionDenied => (
                Reason::UserError,
                "choose another place, or let the user that runs ffleet in there",
            ),
            ErrorKind::ReadOnlyFilesystem => {
                (Reason::UserError, "choose a place that can be written to")
            }
            ErrorKind::NotFound => {
                (Reason::UserError, "make the directory first, or check the name")
            }
            ErrorKind::NotADirectory => {
                (Reason::UserError, "part of that path is a file: check the name")
            }
            ErrorKind::IsADirectory => (Reason::UserError, "name a file, not a directory"),
            ErrorKind::InvalidFilename => (Reason::UserError, "choose a shorter or plainer name"),
            _ => match error.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
                Some(rustix::io::Errno::LOOP) => {
                    (Reason::UserError, "its links lead in a circle: mend them")
                }
                Some(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE) => (
                    Reason::ResourceError,
                    "too many files are open: raise the limit, or run fewer tasks at once",
                ),
                Some(rustix::io::Errno::IO) => (
                    Reason::ResourceError,
                    "the disk or its connection is failing: see the kernel's log",
                ),
                _ => (Reason::PlatformError, "this is not expected: see the server's log"),
            },
        };
        Self {
            reason,
            message: format!("cannot {doing} {}: {error}: {advice}", quoted(path)),
        }
    }

    /// Adds path and deed to an error of the kernel's.
    pub(crate) fn doing(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::of(doing, &path, &error)
    }

    /// The class of the failure. A full disk may pass; a missing directory does not by itself.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.reason
    }
}

/// A path as a person can read it on one line, whatever bytes it holds.
pub(crate) fn quoted(path: &Path) -> String {
    let plain = path.to_str().filter(|text| {
        !text.is_empty() && text.chars().all(|c| !c.is_control() && !c.is_whitespace() && c != '\'')
    });
    plain.map_or_else(|| format!("{path:?}"), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_names_deed_place_cause_and_remedy() {
        let full = Error::of("write", Path::new("/a b/c"), &ErrorKind::StorageFull.into());
        assert_eq!(full.reason(), Reason::ResourceError);
        let text = full.to_string();
        assert!(text.starts_with("cannot write \"/a b/c\": "), "{text}");
        assert!(text.contains("free some room"), "{text}");
    }

    #[test]
    fn path_never_breaks_the_line() {
        assert_eq!(quoted(Path::new("/a/b.mp4")), "/a/b.mp4");
        assert_eq!(quoted(Path::new("/a\nb")), "\"/a\\nb\"");
    }
}
