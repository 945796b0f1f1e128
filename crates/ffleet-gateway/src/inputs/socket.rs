//! A Unix stream socket (`unix(7)`) that frames are written into.

use std::fs::Permissions;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use ::bytes::BytesMut;
use ffleet_guard::Kept;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, socket_with,
};
use tokio::net::{UnixListener, UnixStream};

use super::desk::Desk;
use super::keeping::Keeping;
use crate::feed::Ended;
use crate::reader::Bytes as From;

/// Writers that wait to be told that there is one.
const WAITING: i32 = 16;
/// Its owner and group may write.
const MODE: u32 = 0o660;

/// The socket, made at the first run, and there until this is dropped.
#[derive(Debug, Default)]
pub(super) struct Socket(Option<Bound>);

#[derive(Debug)]
struct Bound {
    listener: UnixListener,
    path: PathBuf,
    /// What was made: device and inode.
    made: (u64, u64),
    /// It outlives us: who connects while we are away waits.
    kept: Option<Kept>,
}

impl Socket {
    async fn listener(&mut self, path: &Path, keeping: &Keeping) -> io::Result<&UnixListener> {
        let bound = match self.0.take() {
            Some(bound) => bound,
            None => Bound::at(path, keeping).await?,
        };
        Ok(&self.0.insert(bound).listener)
    }
}

impl Bound {
    async fn at(path: &Path, keeping: &Keeping) -> io::Result<Self> {
        if let Some(left) = Self::left(path, keeping)? {
            return Ok(left);
        }
        clear(path)?;
        let socket = stream()?;
        bind(&socket, &SocketAddrUnix::new(path)?)?;
        let listener = Self::open(&socket, path);
        if listener.is_err() {
            // It is ours, and of no use.
            let _left = std::fs::remove_file(path);
        }
        let made = listener?;
        let other = socket.try_clone()?;
        let listener = UnixListener::from_std(socket.into())?;
        let mut bound = Self { listener, path: path.to_owned(), made, kept: None };
        bound.kept = keeping.keep(&kept_as(made), other, false).await;
        Ok(bound)
    }

    /// That of an earlier life, if it is still the one at `path`.
    fn left(path: &Path, keeping: &Keeping) -> io::Result<Option<Self>> {
        let Ok(made) = place(path) else { return Ok(None) };
        let Some(kept) = keeping.take(&kept_as(made)) else {
            return Ok(None);
        };
        let listener = UnixListener::from_std(kept.fd().try_clone()?.into())?;
        tracing::info!(path = %path.display(), "a socket of an earlier life is listened to on");
        Ok(Some(Self { listener, path: path.to_owned(), made, kept: Some(kept) }))
    }

    /// Says who may connect before anybody can: which file it is.
    fn open(socket: &OwnedFd, path: &Path) -> io::Result<(u64, u64)> {
        std::fs::set_permissions(path, Permissions::from_mode(MODE))?;
        listen(socket, WAITING)?;
        place(path)
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        if self.kept.as_ref().is_some_and(Kept::is_left) {
            return;
        }
        // As long as it listens nobody else takes its place.
        if place(&self.path).is_ok_and(|there| there == self.made)
            && let Err(error) = std::fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "a socket is left behind");
        }
    }
}

/// What it is kept as: what is at a path may be another one by then.
fn kept_as((device, inode): (u64, u64)) -> String {
    format!("socket.{device}.{inode}.")
}

fn stream() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?)
}

fn place(path: &Path) -> io::Result<(u64, u64)> {
    let there = std::fs::symlink_metadata(path)?;
    Ok((there.dev(), there.ino()))
}

/// Removes a socket that nobody listens on.
fn clear(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(there) if there.file_type().is_socket() => {}
        Ok(_) => return Err(io::Error::other("is there and is no socket")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    }
    let looker = stream()?;
    match connect(&looker, &SocketAddrUnix::new(path)?) {
        // Or so many wait for it that it cannot be asked.
        Ok(()) | Err(Errno::AGAIN) => Err(io::Error::other("somebody listens on it already")),
        Err(Errno::CONNREFUSED) => std::fs::remove_file(path),
        Err(error) => Err(error.into()),
    }
}

impl Desk<'_> {
    /// Reads connections, one after another, until nobody writes any track.
    pub(super) async fn socket(self, path: &Path) -> Ended {
        let mut socket = self.hub.socket.lock().await;
        let listener = match socket.listener(path, &self.hub.keeping).await {
            Ok(listener) => listener,
            Err(error) => return Ended::failed(format!("{}: {error}", path.display())),
        };
        self.taken().await;
        loop {
            let connection = match listener.accept().await {
                Ok((connection, _)) => connection,
                Err(error) => return Ended::failed(format!("{}: {error}", path.display())),
            };
            // One that has ended before it is looked at, as it may while we are away, is in nobody's way.
            let read = tokio::select! {
                biased;
                read = self.connected(&connection) => read,
                error = turn_away(listener) => Err(error),
            };
            if let Err(why) = &read {
                tracing::warn!(path = %path.display(), why, "a connection is closed");
                tell(&connection, why);
            }
            if self.is_over() {
                return Self::over(read);
            }
        }
    }
}

/// Tells everybody who connects that somebody else writes; ends if that goes no more, which is why.
async fn turn_away(listener: &UnixListener) -> String {
    loop {
        match listener.accept().await {
            Ok((connection, _)) => tell(&connection, "somebody else writes to this feed"),
            Err(error) => return error.to_string(),
        }
    }
}

/// Says why a connection is closed. What does not fit into its buffer is not worth waiting for.
fn tell(connection: &UnixStream, why: &str) {
    let _left = connection.try_write(format!("ffleet: {why}\n").as_bytes());
}

impl From for &UnixStream {
    async fn read(&mut self, into: &mut BytesMut) -> io::Result<usize> {
        loop {
            self.readable().await?;
            match self.try_read_buf(into) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
        }
    }

    fn try_read(&mut self, into: &mut BytesMut) -> io::Result<usize> {
        self.try_read_buf(into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn socket_is_for_its_owner_and_group_and_gone_with_its_feed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let mut socket = Socket::default();
        socket.listener(&path, &Keeping::default()).await.unwrap();
        let there = std::fs::symlink_metadata(&path).unwrap();
        assert_eq!(there.permissions().mode() & 0o777, MODE);
        drop(socket);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn only_a_socket_that_nobody_listens_on_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let said = async |path: &Path| {
            let mut socket = Socket::default();
            let bound = socket.listener(path, &Keeping::default()).await.map(|_| ());
            bound.unwrap_err().to_string()
        };
        let file = dir.path().join("file");
        ffleet_base::write_atomic(&file, b"mine", 0o600).unwrap();
        assert_eq!(said(&file).await, "is there and is no socket");
        let taken = dir.path().join("taken");
        let listener = std::os::unix::net::UnixListener::bind(&taken).unwrap();
        assert_eq!(said(&taken).await, "somebody listens on it already");
        drop(listener);
        Socket::default().listener(&taken, &Keeping::default()).await.unwrap();
    }

    #[tokio::test]
    async fn what_took_its_place_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let mut socket = Socket::default();
        socket.listener(&path, &Keeping::default()).await.unwrap();
        std::fs::remove_file(&path).unwrap();
        ffleet_base::write_atomic(&path, b"mine", 0o600).unwrap();
        drop(socket);
        assert!(path.exists());
    }
}
