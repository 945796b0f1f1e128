//! Viewers by hand.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::fixture::Server;
use crate::http::{self, Answer};

/// A connection that gets numbers.
#[derive(Debug)]
pub(crate) struct Viewer {
    socket: TcpStream,
    pub(crate) head: String,
    left: Vec<u8>,
    /// The number that came last.
    last: Option<u64>,
    /// Whether what comes is in chunks (RFC 9112, 7.1).
    is_chunked: bool,
}

/// What a viewer got.
#[derive(Debug, Default)]
pub(crate) struct Got {
    pub(crate) first: u64,
    pub(crate) last: u64,
    /// How often a number was not the one after the one before.
    pub(crate) jumps: u32,
}

impl Viewer {
    #[track_caller]
    pub(crate) fn open(server: &Server, path: &str) -> Self {
        let text = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n", server.port);
        Self::begin(connect(server), &text)
    }

    /// One for which the kernel keeps little.
    #[track_caller]
    pub(crate) fn small(server: &Server, path: &str) -> Self {
        let socket = connect(server);
        rustix::net::sockopt::set_socket_recv_buffer_size(&socket, 32 << 10).unwrap();
        let text = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n", server.port);
        Self::begin(socket, &text)
    }

    #[track_caller]
    pub(crate) fn with_key(server: &Server, path: &str) -> Self {
        let (port, key) = (server.port, &server.key);
        let text = format!(
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\n\r\n"
        );
        Self::begin(connect(server), &text)
    }

    /// One that asked for something else before, on the same connection.
    #[track_caller]
    pub(crate) fn second_request(server: &Server, path: &str) -> Self {
        let mut socket = connect(server);
        let host = format!("Host: 127.0.0.1:{}", server.port);
        write!(socket, "GET /healthz HTTP/1.1\r\n{host}\r\n\r\n").unwrap();
        let mut piece = [0; 4_096];
        let count = socket.read(&mut piece).unwrap();
        assert!(piece[..count].starts_with(b"HTTP/1.1 200"));
        Self::begin(socket, &format!("GET {path} HTTP/1.1\r\n{host}\r\n\r\n"))
    }

    #[track_caller]
    fn begin(mut socket: TcpStream, request: &str) -> Self {
        socket.write_all(request.as_bytes()).unwrap();
        let mut left = Vec::new();
        let end = loop {
            if let Some(at) = left.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            let mut piece = [0; 1_024];
            let count = socket.read(&mut piece).expect("an answer");
            assert!(count > 0, "the connection ended: {}", String::from_utf8_lossy(&left));
            left.extend_from_slice(&piece[..count]);
        };
        let head = String::from_utf8(left.drain(..end).collect()).unwrap();
        let is_chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
        Self { socket, head, left, last: None, is_chunked }
    }

    /// The next line: a number, unless it is the piece of one where the stream begins.
    #[track_caller]
    fn line(&mut self) -> Option<u64> {
        loop {
            if let Some(end) = self.left.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.left.drain(..=end).collect();
                let text = String::from_utf8_lossy(&line[..end]);
                if self.is_chunked && text.ends_with('\r') {
                    continue;
                }
                return (text.len() == 15).then(|| text.parse().unwrap());
            }
            let mut piece = vec![0; 64 << 10];
            let count = self.socket.read(&mut piece).expect("more comes");
            assert!(count > 0, "the stream ended");
            self.left.extend_from_slice(&piece[..count]);
        }
    }

    /// Reads so many numbers.
    #[track_caller]
    pub(crate) fn numbers(&mut self, count: usize) -> Got {
        let mut got = Got::default();
        let mut first = None;
        while first.is_none() || (self.last.unwrap_or(0).saturating_sub(got.first)) < count as u64 {
            let Some(number) = self.line() else { continue };
            if self.last.is_some_and(|last| number != last + 1) {
                got.jumps += 1;
                got.first = number;
            }
            got.first = *first.get_or_insert(number);
            self.last = Some(number);
            got.last = number;
        }
        got
    }

    /// Reads so many bytes, which are no numbers.
    #[track_caller]
    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut piece = vec![0; 64 << 10];
        while self.left.len() < count {
            let read = self.socket.read(&mut piece).expect("more comes");
            assert!(read > 0, "the stream ended");
            self.left.extend_from_slice(&piece[..read]);
        }
        std::mem::take(&mut self.left)
    }

    /// Reads until numbers begin anew, and a few of those.
    #[track_caller]
    pub(crate) fn until_the_next_run(&mut self) -> Got {
        let mut got = Got::default();
        loop {
            let Some(number) = self.line() else { continue };
            match self.last.replace(number) {
                Some(last) if number < last => break,
                Some(last) if number != last + 1 => got.jumps += 1,
                _ => {}
            }
        }
        got.jumps += self.numbers(10).jumps;
        got
    }

    /// Reads until `text` comes.
    #[track_caller]
    pub(crate) fn until_it_says(&mut self, text: &str) {
        while !self.left.windows(text.len()).any(|part| part == text.as_bytes()) {
            let mut piece = vec![0; 64 << 10];
            let count = self.socket.read(&mut piece).expect("more comes");
            assert!(count > 0, "the stream ended");
            self.left.extend_from_slice(&piece[..count]);
        }
    }

    /// Reads until the server closes the connection.
    #[track_caller]
    pub(crate) fn read_to_end(&mut self) {
        let mut piece = vec![0; 64 << 10];
        while self.socket.read(&mut piece).expect("an end") > 0 {}
    }
}

fn connect(server: &Server) -> TcpStream {
    let socket = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket
}

/// Asks so many times at once.
pub(crate) fn at_once(server: &Server, path: &str, count: usize) -> Vec<Answer> {
    std::thread::scope(|scope| {
        let asked: Vec<_> = (0..count)
            .map(|_| scope.spawn(|| http::request(server.port, "GET", path, &[], b"")))
            .collect();
        asked.into_iter().map(|one| one.join().unwrap()).collect()
    })
}

/// Whether a decoder has not a word to say of the first pictures of a file: the last one may be cut off.
#[track_caller]
pub(crate) fn assert_begins_at_once(file: &Path) {
    let decode = ["-nostdin", "-v", "error", "-xerror", "-i", file.to_str().unwrap()];
    let only = ["-map", "0:v", "-frames:v", "5", "-f", "null", "-"];
    let done = Command::new("ffmpeg").args(decode).args(only).output().unwrap();
    let words = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success() && words.is_empty(), "{}: {words}", file.display());
}
