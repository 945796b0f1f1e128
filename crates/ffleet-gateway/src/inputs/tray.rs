//! Bytes of a FIFO on their way to being whole units.
//!
//! What was read of a unit when we die must be known to whoever reads on, to the byte: a reader that is off by one cuts
//! all frames there will ever be at the wrong place. No number that we write down beside the reading is right at any
//! moment. So bytes go from the pipe into a file in memory by `splice(2)`, and the kernel counts them in the same call: its
//! position is how much has come of what is under way. The file outlives us with the pipe, so that not even the unit that
//! was half read is lost.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::buffer::spare_capacity;
use rustix::fs::{MemfdFlags, SeekFrom, memfd_create, seek};
use rustix::io::{Errno, pread, pwrite};
use rustix::pipe::{SpliceFlags, splice};

/// See the module.
#[derive(Debug)]
pub(super) struct Tray {
    file: OwnedFd,
    filled: usize,
}

impl Tray {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { file: memfd_create("ffleet-tray", MemfdFlags::CLOEXEC)?, filled: 0 })
    }

    /// One that an earlier life has left.
    pub(super) fn of(file: OwnedFd) -> io::Result<Self> {
        let filled = seek(&file, SeekFrom::Current(0))?;
        Ok(Self { file, filled: usize::try_from(filled).map_err(io::Error::other)? })
    }

    /// How many bytes are in it.
    pub(super) const fn filled(&self) -> usize {
        self.filled
    }

    /// Takes `most` bytes of a pipe, at most; 0 is its end.
    pub(super) fn fill(&mut self, pipe: &OwnedFd, most: usize) -> io::Result<usize> {
        let came = splice(pipe, None, &self.file, None, most, SpliceFlags::NONBLOCK)?;
        self.filled += came;
        Ok(came)
    }

    /// Takes the whole units out.
    pub(super) fn units(&mut self, unit: usize) -> io::Result<Vec<u8>> {
        let whole = self.filled / unit * unit;
        let bytes = self.read(0, whole)?;
        let rest = self.read(whole as u64, self.filled - whole)?;
        // Between the two there is a unit too many, with something of the next in it. None is at another place for that.
        pwrite(&self.file, &rest, 0)?;
        self.set(rest.len())?;
        Ok(bytes)
    }

    fn read(&self, from: u64, long: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(long);
        while bytes.len() < long {
            let at = from + bytes.len() as u64;
            match pread(&self.file, spare_capacity(&mut bytes), at) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        // There may be room for more than was asked for.
        bytes.truncate(long);
        Ok(bytes)
    }

    /// Throws away what is in it: how much that was.
    pub(super) fn clear(&mut self) -> io::Result<usize> {
        let cut = self.filled;
        self.set(0)?;
        Ok(cut)
    }

    fn set(&mut self, filled: usize) -> io::Result<()> {
        seek(&self.file, SeekFrom::Start(filled as u64))?;
        self.filled = filled;
        Ok(())
    }
}

impl AsFd for Tray {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use rustix::pipe::{PipeFlags, pipe_with};

    use super::*;

    fn byte(at: usize) -> u8 {
        u8::try_from(at % 251).unwrap()
    }

    #[test]
    fn whoever_goes_on_knows_how_far_it_was_read_to_the_byte() {
        let (pipe, writer) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        let mut tray = Tray::new().unwrap();
        let mut got = Vec::new();
        let another_life =
            |tray: Tray| Tray::of(tray.as_fd().try_clone_to_owned().unwrap()).unwrap();
        for round in 0..200_usize {
            let bytes: Vec<u8> = (0..25).map(|at| byte(round * 25 + at)).collect();
            rustix::io::write(&writer, &bytes).unwrap();
            tray = another_life(tray);
            let room = 64 - tray.filled();
            tray.fill(&pipe, room.min(round % 60 + 1)).unwrap();
            tray = another_life(tray);
            let units = tray.units(16).unwrap();
            assert!(units.len().is_multiple_of(16) && tray.filled() < 16);
            got.extend(units);
        }
        assert!(got.len() > 3_000, "{}", got.len());
        assert!(got.iter().enumerate().all(|(at, &got)| got == byte(at)), "none is missing");
        let rest = tray.filled();
        assert_eq!((tray.clear().unwrap(), tray.filled()), (rest, 0));
        assert_eq!(another_life(tray).filled(), 0);
    }
}
