//! Logs that cannot fill a disk: the head and the end of what was written, in numbered segments.
//!
//! Segment *n* holds the bytes from *n × cap* on and is called `PATH` for the first and `PATH.n`
//! for the others. Kept are the first, where a program says what it was given, and the last two,
//! where it says why it died: at most three times the cap. A place in a log is an offset in all
//! that was ever written, so that a reader can follow it across segments and gaps. When what was
//! written lies beside it ([`times`]).

mod times;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use ffleet_types::{Bytes, Timestamp};

use self::times::Marks;
pub use self::times::times;

/// Writes a log. A full disk costs lines, never the child.
#[derive(Debug)]
pub(crate) struct Writer {
    path: PathBuf,
    cap: u64,
    /// The segment that is written.
    file: File,
    segment: u64,
    /// Its length.
    length: u64,
    /// Bytes that could not be written.
    lost: u64,
    marks: Marks,
}

impl Writer {
    /// Begins a log at `path`; what was there is removed.
    pub(crate) fn create(path: &Path, cap: Bytes) -> io::Result<Self> {
        for (number, _) in segments(path)? {
            fs::remove_file(named(path, number))?;
        }
        let file = begin(path)?;
        Ok(Self {
            path: path.to_owned(),
            cap: cap.0.max(1),
            file,
            segment: 0,
            length: 0,
            lost: 0,
            marks: Marks::create(path),
        })
    }

    /// Appends `bytes`, which came `now`, as far as there is room on the disk.
    pub(crate) fn append(&mut self, now: Timestamp, mut bytes: &[u8]) {
        self.marks.mark(self.segment * self.cap + self.length, now);
        while !bytes.is_empty() {
            if self.length == self.cap && self.turn().is_err() {
                self.lost += bytes.len() as u64;
                return;
            }
            let room = usize::try_from(self.cap - self.length).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            match self.file.write(now) {
                Ok(0) | Err(_) => {
                    self.lost += bytes.len() as u64;
                    return;
                }
                Ok(written) => {
                    self.length += written as u64;
                    bytes = &now[written..];
                    if bytes.is_empty() {
                        bytes = later;
                    } else {
                        // A short write is a full disk; the rest of it is not worth another try.
                        self.lost += (bytes.len() + later.len()) as u64;
                        return;
                    }
                }
            }
        }
    }

    /// Bytes that could not be written.
    pub(crate) const fn lost(&self) -> u64 {
        self.lost
    }

    /// Begins the next segment, and removes the one that is neither head nor end any more.
    fn turn(&mut self) -> io::Result<()> {
        let next = self.segment + 1;
        let file = begin(&named(&self.path, next))?;
        (self.file, self.segment, self.length) = (file, next, 0);
        if next > 2 {
            fs::remove_file(named(&self.path, next - 2))?;
        }
        Ok(())
    }
}

/// A piece of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    /// Where it begins: later than what was asked for if that is no longer kept.
    pub offset: u64,
    /// The bytes there; none at the log's end.
    pub bytes: Vec<u8>,
}

impl Chunk {
    /// Where the next one begins.
    #[must_use]
    pub const fn next(&self) -> u64 {
        self.offset + self.bytes.len() as u64
    }
}

/// Reads up to `most` bytes of the log at `path`, from `offset` on or from the next byte that is
/// kept. Whether its writer lives does not matter.
///
/// # Errors
///
/// If there is no such log, or it cannot be read.
pub fn read(path: &Path, offset: u64, most: usize) -> io::Result<Chunk> {
    let segments = segments(path)?;
    let Some(&(last, length)) = segments.last() else {
        return Err(io::ErrorKind::NotFound.into());
    };
    // Only a full segment has a successor, so that the first one's length is the cap.
    let cap = segments
        .first()
        .filter(|_| last > 0)
        .map_or(u64::MAX, |&(_, length)| length);
    let start = |number: u64| number.saturating_mul(cap);
    let held = segments
        .iter()
        .find(|&&(number, length)| start(number).saturating_add(length) > offset);
    let Some(&(number, _)) = held else {
        return Ok(Chunk { offset: start(last) + length, bytes: Vec::new() });
    };
    let from = offset.max(start(number));
    let mut file = File::open(named(path, number))?;
    file.seek(SeekFrom::Start(from - start(number)))?;
    let mut bytes = Vec::new();
    file.take(most as u64).read_to_end(&mut bytes)?;
    Ok(Chunk { offset: from, bytes })
}

/// Removes the log at `path`, all of it.
///
/// # Errors
///
/// If a segment cannot be removed.
pub fn remove(path: &Path) -> io::Result<()> {
    for (number, _) in segments(path)? {
        fs::remove_file(named(path, number))?;
    }
    times::remove(path)
}

/// Only its owner may read it: FFmpeg prints the URLs it was given, keys included.
fn begin(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
}

fn named(path: &Path, segment: u64) -> PathBuf {
    if segment == 0 {
        return path.to_owned();
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{segment}"));
    name.into()
}

/// The segments that there are, in order, each with its length.
fn segments(path: &Path) -> io::Result<Vec<(u64, u64)>> {
    let (Some(name), Some(dir)) = (path.file_name(), path.parent()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let file = entry.file_name();
        let Some(rest) = file.as_encoded_bytes().strip_prefix(name.as_encoded_bytes()) else {
            continue;
        };
        let number = match rest {
            [] => Some(0),
            [b'.', digits @ ..] => std::str::from_utf8(digits).ok().and_then(|d| d.parse().ok()),
            _ => None,
        };
        // One that has just been removed is not there.
        if let (Some(number), Ok(meta)) = (number, entry.metadata()) {
            found.push((number, meta.len()));
        }
    }
    found.sort_unstable();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log of 10-byte segments in which these were written.
    fn log(texts: &[&str]) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("stderr");
        let mut writer = Writer::create(&path, Bytes(10)).unwrap();
        for text in texts {
            writer.append(Timestamp::EPOCH, text.as_bytes());
        }
        assert_eq!(writer.lost(), 0);
        (dir, path)
    }

    /// All that is kept, as `offset:text` per piece.
    fn kept(path: &Path, mut offset: u64) -> Vec<String> {
        let mut pieces = Vec::new();
        loop {
            let chunk = read(path, offset, 1_000).unwrap();
            if chunk.bytes.is_empty() {
                return pieces;
            }
            offset = chunk.next();
            let text = String::from_utf8(chunk.bytes).unwrap();
            pieces.push(format!("{}:{text}", chunk.offset));
        }
    }

    #[test]
    fn short_log_is_kept_whole() {
        let (_dir, path) = log(&["hello", "\n"]);
        assert_eq!(kept(&path, 0), ["0:hello\n"]);
        assert_eq!(read(&path, 2, 3).unwrap(), Chunk { offset: 2, bytes: b"llo".into() });
        assert_eq!(read(&path, 99, 3).unwrap(), Chunk { offset: 6, bytes: vec![] });
    }

    #[test]
    fn long_log_keeps_its_head_and_its_end() {
        let (dir, path) = log(&["0123456789abcdefghij", "ABCDEFGHIJ0123456789", "zyx"]);
        assert_eq!(kept(&path, 0), ["0:0123456789", "30:0123456789", "40:zyx"]);
        assert_eq!(kept(&path, 35), ["35:56789", "40:zyx"]);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3, "three segments");
        remove(&path).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn log_that_ends_with_its_segment_reads_as_ended() {
        let (_dir, path) = log(&["0123456789"]);
        assert_eq!(kept(&path, 0), ["0:0123456789"]);
        assert_eq!(read(&path, 10, 9).unwrap(), Chunk { offset: 10, bytes: vec![] });
    }

    #[test]
    fn new_log_begins_where_nothing_is() {
        let (_dir, path) = log(&["0123456789abcdefghijABCDEFGHIJ01"]);
        Writer::create(&path, Bytes(10))
            .unwrap()
            .append(Timestamp::EPOCH, b"new");
        assert_eq!(kept(&path, 0), ["0:new"]);
        assert_eq!(
            read(&path.with_file_name("other"), 0, 1).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
    }

    #[test]
    fn full_disk_costs_lines_and_nothing_else() {
        // Writes to this device fail as on a full disk.
        let file = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let path = PathBuf::from("/nowhere/log");
        let marks = Marks::create(&path);
        let mut writer = Writer { path, cap: 10, file, segment: 0, length: 0, lost: 0, marks };
        writer.append(Timestamp::EPOCH, b"0123456789abc");
        assert_eq!((writer.lost(), writer.length), (13, 0));
    }
}
