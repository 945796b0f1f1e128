//! Many viewers of one stream, on one thread: what each got, when, and how long nothing came.
//!
//! What arrives is thrown away in the kernel (`MSG_TRUNC`, tcp(7)), so that the crowd takes as little as it can of
//! the CPUs that it shares with the server.

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::net::RecvFlags;

/// What is thrown away at once.
const MOUTHFUL: usize = 1 << 20;

/// Viewers under way.
#[derive(Debug)]
pub struct Crowd {
    poll: OwnedFd,
    viewers: Vec<Viewer>,
    /// Those that never read.
    _silent: Vec<TcpStream>,
}

#[derive(Debug)]
struct Viewer {
    socket: TcpStream,
    asked: Instant,
    first: Option<Duration>,
    last: Instant,
    seen: Seen,
}

/// What a viewer got in a window.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    /// Bytes, the head of the answer included.
    pub bytes: u64,
    /// The longest time between two arrivals.
    pub gap: Duration,
    /// Whether its connection was closed.
    pub is_closed: bool,
}

impl Crowd {
    /// Has `count` viewers ask for `path`, all at once, and `silent` more who never read.
    ///
    /// # Errors
    ///
    /// If they cannot connect.
    pub fn gather(
        address: SocketAddr,
        path: &str,
        count: usize,
        silent: usize,
    ) -> io::Result<Self> {
        let poll = epoll::create(CreateFlags::CLOEXEC)?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
        let now = Instant::now();
        let mut sockets = Vec::new();
        for _ in 0..count + silent {
            // Each asks at once, as a player does: a server has no room for those who only connect.
            let mut socket = TcpStream::connect(address)?;
            socket.write_all(request.as_bytes())?;
            sockets.push(socket);
        }
        let silent = sockets.split_off(count);
        let mut viewers = Vec::new();
        for (number, socket) in sockets.into_iter().enumerate() {
            socket.set_nonblocking(true)?;
            epoll::add(&poll, &socket, EventData::new_u64(number as u64), EventFlags::IN)?;
            let seen = Seen::default();
            viewers.push(Viewer { socket, asked: now, first: None, last: now, seen });
        }
        Ok(Self { poll, viewers, _silent: silent })
    }

    /// Watches for so long, and says what each has got in that time.
    ///
    /// # Errors
    ///
    /// If the kernel does not let it wait.
    pub fn watch(&mut self, span: Duration) -> io::Result<Vec<Seen>> {
        let begun = Instant::now();
        for viewer in &mut self.viewers {
            viewer.seen = Seen { is_closed: viewer.seen.is_closed, ..Seen::default() };
            viewer.last = begun;
        }
        let mut events: Vec<Event> = Vec::with_capacity(512);
        let mut nowhere = vec![0; MOUTHFUL];
        while let Some(left) = span.checked_sub(begun.elapsed()) {
            let wait = Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(1),
                tv_nsec: i64::from(left.subsec_nanos()),
            };
            events.clear();
            epoll::wait(&self.poll, rustix::buffer::spare_capacity(&mut events), Some(&wait))?;
            for event in &events {
                let number = usize::try_from(event.data.u64()).unwrap_or(usize::MAX);
                self.viewers[number].read(&mut nowhere);
            }
        }
        Ok(self.viewers.iter().map(|viewer| viewer.seen).collect())
    }

    /// How long each waited for its first byte; nothing for those who still do.
    pub fn first_bytes(&self) -> impl Iterator<Item = Option<Duration>> {
        self.viewers.iter().map(|viewer| viewer.first)
    }
}

impl Viewer {
    fn read(&mut self, nowhere: &mut [u8]) {
        match rustix::net::recv(&self.socket, nowhere, RecvFlags::TRUNC | RecvFlags::DONTWAIT) {
            Ok((_, 0)) => self.seen.is_closed = true,
            Ok((_, count)) => {
                let now = Instant::now();
                self.first.get_or_insert(now - self.asked);
                self.seen.bytes += count as u64;
                self.seen.gap = self.seen.gap.max(now - self.last);
                self.last = now;
            }
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
            Err(_broken) => self.seen.is_closed = true,
        }
    }
}

/// The physical bound: one thread that does nothing but send the same `size` bytes to `count` connections in turn,
/// for so long, and another that throws them away. Bytes a second.
///
/// # Errors
///
/// If there are no sockets.
pub fn bound(count: usize, size: usize, span: Duration) -> io::Result<f64> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let (mut senders, mut readers) = (Vec::new(), Vec::new());
    for _ in 0..count {
        readers.push(TcpStream::connect(address)?);
        let sender = listener.accept()?.0;
        sender.set_nodelay(true)?;
        senders.push(sender);
    }
    let poll = epoll::create(CreateFlags::CLOEXEC)?;
    for (number, reader) in readers.iter().enumerate() {
        reader.set_nonblocking(true)?;
        epoll::add(&poll, reader, EventData::new_u64(number as u64), EventFlags::IN)?;
    }
    let reading = std::thread::spawn(move || discard(&poll, &readers));
    let bytes = vec![1; size];
    let (begun, mut sent) = (Instant::now(), 0_u64);
    while begun.elapsed() < span {
        for sender in &mut senders {
            sender.write_all(&bytes)?;
            sent += size as u64;
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    drop(senders);
    reading
        .join()
        .map_err(|_panic| io::Error::other("the reader has panicked"))?;
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    Ok(sent as f64 / seconds)
}

/// Throws away what comes until all are closed.
fn discard(poll: &OwnedFd, readers: &[TcpStream]) {
    let mut nowhere = vec![0; MOUTHFUL];
    let mut events: Vec<Event> = Vec::with_capacity(512);
    let mut open = readers.len();
    while open > 0 {
        events.clear();
        if epoll::wait(poll, rustix::buffer::spare_capacity(&mut events), None).is_err() {
            continue;
        }
        for event in &events {
            let reader = &readers[usize::try_from(event.data.u64()).unwrap_or(usize::MAX)];
            match rustix::net::recv(
                reader,
                &mut nowhere[..],
                RecvFlags::TRUNC | RecvFlags::DONTWAIT,
            ) {
                Ok((_, 1..)) | Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
                Ok((_, 0)) | Err(_) => {
                    open -= 1;
                    let _gone = epoll::delete(poll, reader);
                }
            }
        }
    }
}
