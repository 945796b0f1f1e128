//! A log file that cannot outgrow its cap and cannot take the program down.
//!
//! The file is rotated before a line would take it over the cap: `ffleet.log` becomes
//! `ffleet.log.1`, that `.2`, that `.3`, and the oldest goes. When a line cannot be written, on a
//! full disk or a directory that went away, it is dropped and counted, and once writing works
//! again a line says how many are missing. A log that blocks or kills its program on a full disk
//! turns one trouble into two.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Old files that are kept.
const OLD: u32 = 3;
/// A longer line is cut: one runaway message must not push everything else out.
const LONGEST_LINE: usize = 64 << 10;

/// The file, and how full it is.
#[derive(Debug)]
pub(crate) struct Rotated {
    path: PathBuf,
    cap: u64,
    file: Option<File>,
    size: u64,
    lost: u64,
}

impl Rotated {
    /// Opens `path` for appending, in a directory that there is.
    pub(crate) fn open(path: PathBuf, cap: u64) -> io::Result<Self> {
        let (file, size) = append(&path)?;
        Ok(Self { path, cap, file: Some(file), size, lost: 0 })
    }

    /// Writes one line, or counts it as lost.
    pub(crate) fn line(&mut self, line: &[u8]) {
        if self.lost > 0 {
            let note =
                format!("{} lines of this log are missing: it could not be written\n", self.lost);
            if self.write(note.as_bytes()).is_ok() {
                self.lost = 0;
            }
        }
        let written = if line.len() > LONGEST_LINE {
            let mut cut = line[..LONGEST_LINE].to_vec();
            cut.extend_from_slice(" … (cut)\n".as_bytes());
            self.write(&cut)
        } else {
            self.write(line)
        };
        if written.is_err() {
            self.lost += 1;
        }
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        let length = u64::try_from(line.len()).unwrap_or(u64::MAX);
        if self.size > 0 && self.size.saturating_add(length) > self.cap {
            self.rotate()?;
        }
        if self.file.is_none() {
            let (file, size) = append(&self.path)?;
            (self.file, self.size) = (Some(file), size);
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        match file.write_all(line) {
            Ok(()) => {
                self.size += length;
                Ok(())
            }
            Err(error) => {
                // Part of the line may be there: ask again how long the file is.
                self.file = None;
                Err(error)
            }
        }
    }

    fn rotate(&mut self) -> io::Result<()> {
        for age in (1..OLD).rev() {
            ignore_missing(std::fs::rename(self.old(age), self.old(age + 1)))?;
        }
        ignore_missing(std::fs::rename(&self.path, self.old(1)))?;
        self.file = None;
        let (file, size) = append(&self.path)?;
        (self.file, self.size) = (Some(file), size);
        Ok(())
    }

    fn old(&self, age: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{age}"));
        name.into()
    }
}

fn append(path: &Path) -> io::Result<(File, u64)> {
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    let size = file.metadata()?.len();
    Ok((file, size))
}

fn ignore_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests;
