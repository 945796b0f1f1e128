//! A viewer that keeps what it gets.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::path::PathBuf;
use std::thread::JoinHandle;

use crate::fixture::Server;

/// A viewer, until it is told to leave.
#[derive(Debug)]
pub(crate) struct Recorder {
    socket: TcpStream,
    thread: JoinHandle<io::Result<bool>>,
    file: PathBuf,
}

impl Recorder {
    /// Watches `studio`, into a file of this name.
    #[track_caller]
    pub(crate) fn open(server: &Server, name: &str) -> Self {
        let mut socket = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
        let host = format!("127.0.0.1:{}", server.port);
        write!(socket, "GET /stream/studio HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
        let file = server.room.path(name);
        let (reader, out) =
            (BufReader::new(socket.try_clone().unwrap()), File::create(&file).unwrap());
        // Ends with the connection.
        let thread = std::thread::spawn(move || copy(reader, out));
        Self { socket, thread, file }
    }

    /// Whether the server has ended its stream.
    pub(crate) fn is_over(&self) -> bool {
        self.thread.is_finished()
    }

    /// Leaves: where what it got is. Whether the server ended the connection before is an error.
    #[track_caller]
    pub(crate) fn leave(self) -> PathBuf {
        assert!(!self.thread.is_finished(), "the server has let go of its viewer");
        self.socket.shutdown(Shutdown::Both).unwrap();
        match self.thread.join().unwrap() {
            // What was sent since we left was refused.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            ended => drop(ended.unwrap()),
        }
        self.file
    }
}

impl Recorder {
    /// Ends it, whatever has become of its connection: where what it got is.
    #[track_caller]
    pub(crate) fn end(self) -> PathBuf {
        let _or_gone = self.socket.shutdown(Shutdown::Both);
        let _or_torn = self.thread.join().unwrap();
        self.file
    }
}

/// Copies a body to its end; whether it ended as it should.
fn copy(mut from: BufReader<TcpStream>, mut to: File) -> io::Result<bool> {
    let mut is_chunked = false;
    loop {
        let mut line = String::new();
        from.read_line(&mut line)?;
        is_chunked |= line.to_ascii_lowercase().starts_with("transfer-encoding: chunked");
        if line.trim().is_empty() {
            break;
        }
    }
    if !is_chunked {
        io::copy(&mut from, &mut to)?;
        return Ok(true);
    }
    loop {
        let mut line = String::new();
        if from.read_line(&mut line)? == 0 {
            return Ok(false);
        }
        let size = u64::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
        if size == 0 {
            return Ok(true);
        }
        io::copy(&mut (&mut from).take(size), &mut to)?;
        from.read_line(&mut String::new())?;
    }
}
