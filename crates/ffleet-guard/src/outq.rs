//! What of a socket has not arrived.

use std::io;
use std::os::fd::{AsFd, AsRawFd as _};

/// Bytes that were written to a TCP socket and that the other side's kernel has not acknowledged (`SIOCOUTQ`, tcp(7)).
/// What it has acknowledged its program need not have read.
///
/// # Errors
///
/// If it is no such socket, or is not connected.
pub fn unacknowledged(socket: impl AsFd) -> io::Result<u64> {
    let mut count: libc::c_int = 0;
    // SAFETY: `TIOCOUTQ`, which is `SIOCOUTQ`, writes one int to where it is told, and that is there and ours alone.
    let done = unsafe { libc::ioctl(socket.as_fd().as_raw_fd(), libc::TIOCOUTQ, &raw mut count) };
    if done == 0 {
        Ok(u64::try_from(count).unwrap_or(0))
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};

    use ffleet_testkit::until;

    use super::*;

    #[test]
    fn what_the_other_side_does_not_take_is_counted() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut theirs, _) = listener.accept().unwrap();
        ours.set_nonblocking(true).unwrap();
        let piece = [0; 64 << 10];
        let mut written = 0;
        while let Ok(count) = ours.write(&piece) {
            written += count as u64;
        }
        let left = unacknowledged(&ours).unwrap();
        assert!(left > 0 && left < written, "{left} of {written}");
        drop(ours.shutdown(std::net::Shutdown::Write));
        theirs.read_to_end(&mut Vec::new()).unwrap();
        until(std::time::Duration::from_secs(5), "all has arrived", || {
            unacknowledged(&ours).unwrap() == 0
        });
        unacknowledged(std::fs::File::open("/dev/null").unwrap()).unwrap_err();
    }
}
