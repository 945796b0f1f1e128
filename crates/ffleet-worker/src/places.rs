//! Where a job reads and writes, looked at before any work is done for it.
//!
//! The controller has judged the paths as texts. Here their links are followed: the directories
//! that somebody may use are bounds for where a path leads, not for how it begins.

use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use ffleet_guard::Pinned;
use ffleet_media::{Source, Spec, Target};
use ffleet_spool::Delivery;
use ffleet_types::{AttemptId, Bytes, Reason};
use rustix::fs::OFlags;

use crate::attempt::Halt;

/// Where a job reads and writes.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// The input, where it is a file.
    pub(crate) input: Option<Input>,
    /// The ways of the results to their targets, live ones left out.
    pub(crate) deliveries: Vec<(u32, Delivery)>,
}

/// An input file as it was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Input {
    path: PathBuf,
    device: u64,
    inode: u64,
    /// Its size.
    pub(crate) size: Bytes,
    changed: Option<SystemTime>,
}

impl Places {
    /// Looks at all of them. Blocks.
    pub(crate) fn look(spec: &Spec, attempt: AttemptId, bounds: &Bounds) -> Result<Self, Halt> {
        let input = match &spec.input {
            Source::File(path) => Some(Input::look(Path::new(path), bounds)?),
            Source::Url(_) | Source::Test(_) => None,
        };
        let deliveries = deliveries(spec, attempt)?;
        for (_, delivery) in &deliveries {
            bounds.hold_target(&delivery.target())?;
            delivery.check(input.as_ref().map(|input| input.path.as_path()), spec.overwrite)?;
        }
        Ok(Self { input, deliveries })
    }
}

/// The ways of the results to their targets, from the job and the attempt alone.
pub(crate) fn deliveries(
    spec: &Spec,
    attempt: AttemptId,
) -> Result<Vec<(u32, Delivery)>, ffleet_spool::Error> {
    (0..)
        .zip(&spec.outputs)
        .filter_map(|(index, output)| match &output.target {
            Target::File(path) => Some((index, path)),
            Target::Live(_) => None,
        })
        .map(|(index, path)| Ok((index, Delivery::new(Path::new(path), attempt, index)?)))
        .collect()
}

impl Input {
    /// Looks whether it is a plain file that can be read and holds anything.
    pub(crate) fn look(path: &Path, bounds: &Bounds) -> Result<Self, Halt> {
        let refuse = |why: &str| {
            Err(Halt::failed(Reason::InputError, format!("cannot read {path:?}: {why}")))
        };
        let unread = |error: &std::io::Error| match error.kind() {
            ErrorKind::NotFound => "there is no such file: check the name".to_owned(),
            ErrorKind::PermissionDenied => {
                "the user that runs ffleet may not read it: let it, or choose another file"
                    .to_owned()
            }
            _ => error.to_string(),
        };
        let found = match fs::metadata(path) {
            Ok(found) => found,
            Err(error) => return refuse(&unread(&error)),
        };
        let kind = found.file_type();
        if kind.is_dir() {
            return refuse("it is a directory: name a file in it");
        }
        if kind.is_fifo() || kind.is_socket() || kind.is_char_device() || kind.is_block_device() {
            return refuse("it is a pipe, a socket or a device: name a plain file");
        }
        if found.len() == 0 {
            return refuse("the file is empty");
        }
        bounds.hold("read", path, path)?;
        // To see whether it may be read, there is no other way than to open it; should it have
        // become a pipe by now, that does not block.
        let opened: std::io::Result<File> = fs::OpenOptions::new()
            .read(true)
            .custom_flags(i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0))
            .open(path);
        match opened {
            Ok(_readable) => Ok(Self {
                path: path.to_owned(),
                device: found.dev(),
                inode: found.ino(),
                size: Bytes(found.len()),
                changed: found.modified().ok(),
            }),
            Err(error) => refuse(&unread(&error)),
        }
    }

    /// For a sandbox, which holds a child to this very file.
    pub(crate) fn pinned(&self) -> Pinned {
        Pinned { path: self.path.clone(), device: self.device, inode: self.inode }
    }

    /// Looks whether it is still the file that it was. A result of something that changed while
    /// it was read is a result of nothing that ever was.
    pub(crate) fn look_again(&self) -> Result<(), Halt> {
        let refuse = |why: &str| {
            let path = &self.path;
            Err(Halt::failed(Reason::InputError, format!("cannot trust {path:?}: {why}")))
        };
        match fs::metadata(&self.path) {
            Err(error) => refuse(&format!("it vanished while it was read ({error})")),
            Ok(found) => {
                let same = (found.dev(), found.ino(), found.len(), found.modified().ok())
                    == (self.device, self.inode, self.size.0, self.changed);
                if same {
                    return Ok(());
                }
                refuse("it was changed while it was read: submit it when it is complete")
            }
        }
    }
}

/// The directories that jobs may use.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    roots: Vec<PathBuf>,
    home: PathBuf,
}

impl Bounds {
    /// Inside `roots`, and outside of our own data directory `home`.
    pub(crate) fn new(roots: &[PathBuf], home: &Path) -> Self {
        let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        Self { roots: roots.iter().map(|root| real(root)).collect(), home: real(home) }
    }

    fn hold_target(&self, target: &Path) -> Result<(), Halt> {
        self.hold("write to", target, target.parent().unwrap_or(target))
    }

    /// Refuses to do `what` with `path` where `place`, which is there, is out of bounds. What is
    /// not there is refused elsewhere, in better words.
    fn hold(&self, what: &str, path: &Path, place: &Path) -> Result<(), Halt> {
        let Ok(real) = fs::canonicalize(place) else {
            return Ok(());
        };
        let refuse = |why: String| {
            Err(Halt::failed(Reason::UserError, format!("cannot {what} {path:?}: {why}")))
        };
        if real.starts_with(&self.home) {
            return refuse(
                "it lies in the data directory of ffleet: choose another place".to_owned(),
            );
        }
        if self.roots.iter().any(|root| real.starts_with(root)) {
            return Ok(());
        }
        let roots: Vec<_> = self.roots.iter().map(|root| root.display().to_string()).collect();
        refuse(format!(
            "it leads to {real:?}, outside of the directories that may be used ({}); `roots` in \
             the configuration says which",
            roots.join(", ")
        ))
    }
}

#[cfg(test)]
mod tests;
