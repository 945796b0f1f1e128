//! HTTP clients that cost next to nothing, for measuring a server on the machine that it runs on.
//!
//! A client library would take about as much of the two CPUs as the server does, and the figure
//! would be of both. Here one thread writes prepared bytes to all connections and looks for the
//! end of each answer. It checks every status; it understands `Content-Length` and nothing else.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::event::epoll;

/// Longer answers than this are a mistake of the measurement.
const LONGEST: usize = 16 << 20;
/// A server that says nothing for so long is stuck.
const PATIENCE: Duration = Duration::from_secs(30);

/// One connection that is kept open.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
}

/// A whole answer.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: &'a [u8],
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    ///
    /// If nobody listens there.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, buffer: vec![0; 16 << 10], filled: 0 })
    }

    /// Sends a request and waits for the whole answer.
    ///
    /// # Errors
    ///
    /// If the connection breaks, or the answer is no HTTP with a length.
    pub fn call(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        self.filled = 0;
        self.stream.write_all(request)?;
        loop {
            self.read()?;
            if let Some((status, head, length)) = whole(&self.buffer[..self.filled])? {
                return Ok(Answer { status, body: &self.buffer[head..head + length] });
            }
        }
    }

    /// Reads once.
    fn read(&mut self) -> io::Result<()> {
        if self.filled == self.buffer.len() {
            let larger = self.buffer.len() * 2;
            if larger > LONGEST {
                return Err(io::Error::other("an answer that does not end"));
            }
            self.buffer.resize(larger, 0);
        }
        match self.stream.read(&mut self.buffer[self.filled..])? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                self.filled += count;
                Ok(())
            }
        }
    }
}

/// A request with a key, as bytes.
#[must_use]
pub fn request(method: &str, path: &str, address: SocketAddr, key: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// What came of a load.
#[derive(Clone, Debug)]
pub struct Load {
    /// How long each request took, ascending.
    pub times: Vec<Duration>,
    /// From the first request to the last answer.
    pub took: Duration,
}

impl Load {
    /// Requests a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        let count = u32::try_from(self.times.len()).unwrap_or(u32::MAX);
        f64::from(count) / self.took.as_secs_f64()
    }
}

/// Keeps `clients` connections busy for `length`, each with one request at a time, made by `next`
/// and answered with `status`.
///
/// # Errors
///
/// If a connection breaks, or an answer has another status: it is quoted.
pub fn run(
    address: SocketAddr,
    clients: usize,
    length: Duration,
    status: u16,
    mut next: impl FnMut() -> Vec<u8>,
) -> io::Result<Load> {
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let mut connections = Vec::with_capacity(clients);
    for number in 0_u64.. {
        if connections.len() == clients {
            break;
        }
        let connection = Connection::open(address)?;
        connection.stream.set_nonblocking(true)?;
        let token = epoll::EventData::new_u64(number);
        epoll::add(&poll, &connection.stream, token, epoll::EventFlags::IN)?;
        connections.push((connection, Instant::now()));
    }
    let begun = Instant::now();
    let mut times = Vec::new();
    for (connection, sent) in &mut connections {
        *sent = Instant::now();
        send(connection, &next())?;
    }
    let mut open = clients;
    let mut events = Vec::with_capacity(clients);
    while open > 0 {
        events.clear();
        let patience = rustix::time::Timespec::try_from(PATIENCE).map_err(io::Error::other)?;
        epoll::wait(&poll, rustix::buffer::spare_capacity(&mut events), Some(&patience))?;
        if events.is_empty() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        for event in &events {
            let index = usize::try_from(event.data.u64()).map_err(io::Error::other)?;
            let (connection, sent) = &mut connections[index];
            connection.read()?;
            let Some((found, head, _)) = whole(&connection.buffer[..connection.filled])? else {
                continue;
            };
            let now = Instant::now();
            if found != status {
                let said = String::from_utf8_lossy(&connection.buffer[head..connection.filled]);
                return Err(io::Error::other(format!("{found}: {said}")));
            }
            times.push(now - *sent);
            if now - begun < length {
                *sent = Instant::now();
                send(connection, &next())?;
            } else {
                open -= 1;
            }
        }
    }
    let took = begun.elapsed();
    times.sort_unstable();
    Ok(Load { times, took })
}

/// Sends a request that fits into what the kernel buffers of an idle connection.
fn send(connection: &mut Connection, request: &[u8]) -> io::Result<()> {
    connection.filled = 0;
    connection.stream.write_all(request)
}

/// The status, the head's length and the body's, once all of it is there.
fn whole(bytes: &[u8]) -> io::Result<Option<(u16, usize, usize)>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let malformed = || io::Error::other("an answer without a status and a length");
    let head = std::str::from_utf8(&bytes[..end]).map_err(io::Error::other)?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let ours = name.eq_ignore_ascii_case("content-length");
        ours.then(|| value.trim().parse::<usize>().ok()).flatten()
    });
    let (status, length) = status.zip(length).ok_or_else(malformed)?;
    Ok((bytes.len() >= end + 4 + length).then_some((status, end + 4, length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answer_is_whole_when_its_last_byte_is_there() {
        let text = b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\nX: y\r\n\r\n{}";
        for end in 0..text.len() {
            assert_eq!(whole(&text[..end]).unwrap(), None, "{end}");
        }
        assert_eq!(whole(text).unwrap(), Some((201, text.len() - 2, 2)));
    }

    #[test]
    fn answer_without_a_length_is_an_error() {
        whole(b"HTTP/1.1 200 OK\r\n\r\n").unwrap_err();
        whole(b"garbage\r\nContent-Length: 1\r\n\r\n").unwrap_err();
    }

    #[test]
    fn every_client_is_answered_and_another_status_is_an_error() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        // The threads end when their clients hang up.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                std::thread::spawn(move || answer(&stream));
            }
        });
        let ask = || request("GET", "/", address, "key", "");
        let short = Duration::from_millis(20);
        let load = run(address, 4, short, 200, ask).unwrap();
        assert!(load.times.len() >= 4 && load.took >= short, "{load:?}");
        let error = run(address, 1, short, 201, ask).unwrap_err();
        assert!(error.to_string().contains("200: ok"), "{error}");
        let mut one = Connection::open(address).unwrap();
        assert_eq!(one.call(&ask()).unwrap().body, b"ok");
    }

    fn answer(mut stream: &TcpStream) {
        let mut buffer = [0; 1_024];
        while stream.read(&mut buffer).is_ok_and(|count| count > 0) {
            let text = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
            if stream.write_all(text).is_err() {
                return;
            }
        }
    }
}
