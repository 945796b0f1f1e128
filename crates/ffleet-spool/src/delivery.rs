//! One result on its way to its target: checked, staged beside it, given its name.
//!
//! Every operation opens the target's directory once and works relative to that, so that a
//! directory which is swapped for another meanwhile cannot split an operation between two places.

mod check;
mod publish;
mod stage;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use ffleet_types::{AttemptId, Reason};
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::error::{Error, quoted};

pub use publish::Published;

/// The longest name of a file on every file system we know.
const NAME_MAX: usize = 255;

/// A result, its target, and the hidden sibling that it is staged as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    dir: PathBuf,
    name: OsString,
    sibling: OsString,
}

impl Delivery {
    /// The delivery of output number `output` of `attempt` to `target`, an absolute path.
    /// Nothing is looked at.
    ///
    /// # Errors
    ///
    /// [`Reason::UserError`] if the path can be no file's.
    pub fn new(target: &Path, attempt: AttemptId, output: u32) -> Result<Self, Error> {
        let refuse = |why: &str| {
            Err(Error::new(
                Reason::UserError,
                format!("cannot write to {}: {why}", quoted(target)),
            ))
        };
        let bytes = target.as_os_str().as_bytes();
        if !target.is_absolute() {
            return refuse("the path is not absolute: begin it with '/'");
        }
        if bytes.ends_with(b"/") || bytes.ends_with(b"/.") || bytes.ends_with(b"/..") {
            return refuse("it names a directory: add a file name");
        }
        let (Some(dir), Some(name)) = (target.parent(), target.file_name()) else {
            return refuse("it names no file: add a file name");
        };
        if name.len() > NAME_MAX {
            return refuse("the file name is longer than 255 bytes: choose a shorter one");
        }
        let sibling = sibling(name, attempt, output);
        Ok(Self { dir: dir.to_owned(), name: name.to_owned(), sibling })
    }

    /// Where the result is to be.
    #[must_use]
    pub fn target(&self) -> PathBuf {
        self.dir.join(&self.name)
    }

    /// Its hidden sibling until then: `.<name>.ffleet-<attempt>.<output>.part`.
    #[must_use]
    pub fn sibling(&self) -> PathBuf {
        self.dir.join(&self.sibling)
    }

    /// Removes the sibling, if there is one, and says whether there was.
    ///
    /// # Errors
    ///
    /// If it is there and cannot be removed.
    pub fn undo(&self) -> Result<bool, Error> {
        let removed = self
            .open()
            .and_then(|dir| rustix::fs::unlinkat(&dir, &self.sibling, AtFlags::empty()));
        match removed {
            Ok(()) => Ok(true),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(false),
            Err(errno) => Err(Error::of("remove", &self.sibling(), &errno.into())),
        }
    }

    /// Undoes a staging that was cut off, so that the result is `work` again: what was moved is
    /// moved back, what was copied is removed.
    ///
    /// # Errors
    ///
    /// If neither is there, or the kernel refuses.
    pub fn take_back(&self, work: &Path) -> Result<(), Error> {
        if work.symlink_metadata().is_ok() {
            return self.undo().map(|_was_there| ());
        }
        // What is moved is whole: a copy would have left the original.
        rustix::fs::rename(self.sibling(), work)
            .map_err(|errno| Error::of("take back", &self.sibling(), &errno.into()))
    }

    fn open(&self) -> rustix::io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::open(&self.dir, flags, Mode::empty())
    }

    /// The target's directory, to be searched and synced.
    fn open_dir(&self) -> Result<OwnedFd, Error> {
        self.open()
            .map_err(|errno| Error::of("open the directory", &self.dir, &errno.into()))
    }
}

/// What `name` in `dir` is, links not followed; nothing if it is not there.
fn look(dir: &OwnedFd, name: &OsStr) -> rustix::io::Result<Option<Stat>> {
    match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(found) => Ok(Some(found)),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// What something that is not a plain file is, for a person.
fn kind(found: &Stat) -> &'static str {
    match FileType::from_raw_mode(found.st_mode) {
        FileType::RegularFile => "a file",
        FileType::Directory => "a directory",
        FileType::Symlink => "a symbolic link",
        FileType::Fifo => "a named pipe",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        FileType::Unknown => "no plain file",
    }
}

const fn same_file(one: &Stat, other: &Stat) -> bool {
    one.st_dev == other.st_dev && one.st_ino == other.st_ino
}

/// `.<name>.ffleet-<attempt>.<output>.part`, the name cut so that the whole fits.
fn sibling(name: &OsStr, attempt: AttemptId, output: u32) -> OsString {
    let tail = format!(".ffleet-{attempt}.{output}.part");
    let mut kept = name.as_bytes().to_vec();
    let room = NAME_MAX - 1 - tail.len();
    if kept.len() > room {
        // Not through the middle of a character: some file systems refuse what is not UTF-8.
        let cut = name.to_str().map_or(room, |text| text.floor_char_boundary(room));
        kept.truncate(cut);
    }
    let mut sibling = b".".to_vec();
    sibling.extend(kept);
    sibling.extend(tail.as_bytes());
    OsString::from_vec(sibling)
}

#[cfg(test)]
mod tests {
    use ffleet_types::{Fence, JobId, TaskId};

    use super::*;

    fn attempt() -> AttemptId {
        let task = TaskId::whole(JobId::from_parts(1_700_000_000_000, 7));
        AttemptId { task, fence: Fence::FIRST }
    }

    #[test]
    fn sibling_is_hidden_names_its_attempt_and_fits() {
        for name in ["a.mp4", &"x".repeat(255), &"é".repeat(127), &"日".repeat(85)] {
            let delivery = Delivery::new(&Path::new("/out").join(name), attempt(), 31).unwrap();
            let sibling = delivery.sibling();
            let text = sibling.file_name().unwrap().to_str().expect("whole characters");
            assert!(text.len() <= NAME_MAX, "{} bytes", text.len());
            assert!(text.starts_with('.'), "{text}");
            assert!(text.ends_with(&format!(".ffleet-{}.31.part", attempt())), "{text}");
            assert_eq!(delivery.target(), Path::new("/out").join(name));
        }
    }

    #[test]
    fn two_outputs_of_one_long_beginning_have_two_siblings() {
        let long = "x".repeat(250);
        let paths = [0, 1].map(|output| {
            let target = format!("/out/{long}{output}.mp4");
            Delivery::new(Path::new(&target), attempt(), output).unwrap().sibling()
        });
        assert_ne!(paths[0], paths[1]);
    }

    #[test]
    fn path_that_is_no_file_is_refused() {
        for path in ["", "a.mp4", "/", "/a/", "/a/.", "/a/..", &format!("/{}", "x".repeat(256))] {
            let error = Delivery::new(Path::new(path), attempt(), 0).unwrap_err();
            assert_eq!(error.reason(), Reason::UserError, "{path:?}: {error}");
        }
    }
}
