//! A feed that somebody writes into a FIFO (`fifo(7)`). A run is from a writer's first byte to the last
//! writer's end.

use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;
use std::{fs, io};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use tokio::net::unix::pipe::OpenOptions;

use super::run::{Ended, read};
use crate::reader::Reading;

/// Opens the FIFO at `path`, which is made if it is missing, and reads it until nobody writes any more.
pub(super) async fn run(path: &Path, reading: Reading) -> Ended {
    let opened = make(path).and_then(|()| OpenOptions::new().open_receiver(path));
    match opened {
        Ok(pipe) => read(pipe, reading).await,
        Err(error) => Ended::failed(format!("{}: {error}", path.display())),
    }
}

/// Makes the FIFO, for its owner and group.
pub(crate) fn make(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(there) if there.file_type().is_fifo() => Ok(()),
        Ok(_) => Err(io::Error::other("is there and is no FIFO")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Ok(mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o660), 0)?)
        }
        Err(error) => Err(error),
    }
}
