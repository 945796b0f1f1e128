//! Sockets to servers: what was given to each is counted, so that it is known what has arrived.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use ffleet_live::rtmp::Address;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::{Parts, tls};

/// A socket, and how many bytes it was given.
#[derive(Debug)]
pub(super) struct Counted<S> {
    socket: S,
    written: Arc<AtomicU64>,
}

impl<S> Counted<S> {
    pub(super) fn new(socket: S) -> Self {
        Self { socket, written: Arc::default() }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(cx, bytes);
        if let Poll::Ready(Ok(count)) = &written {
            self.written.fetch_add(*count as u64, Ordering::Relaxed);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

pub(super) trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Socket for S {}

/// Connects to a server, by TLS where its address says so: the socket, the same once more, and how many bytes it was given.
///
/// # Errors
///
/// What is in the way, for people.
pub(super) async fn open(
    parts: &Parts,
    address: &Address,
) -> Result<(Box<dyn Socket>, OwnedFd, Arc<AtomicU64>), String> {
    let socket = TcpStream::connect((address.host(), address.port())).await;
    let socket = socket.map_err(|error| format!("there is no connection: {error}"))?;
    let outq = socket.as_fd().try_clone_to_owned().map_err(|error| error.to_string())?;
    socket.set_nodelay(true).map_err(|error| error.to_string())?;
    let socket = Counted::new(socket);
    let written = Arc::clone(&socket.written);
    if !address.is_secure() {
        return Ok((Box::new(socket), outq, written));
    }
    let roots = parts.shop.options.roots.as_deref();
    let socket = tls::greet(address.host(), socket, roots).await?;
    Ok((Box::new(socket), outq, written))
}
