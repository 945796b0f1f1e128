//! Many viewers of one stream, on one thread: what each got, when, and how long nothing came.
//!
//! What arrives is thrown away in the kernel (`MSG_TRUNC`, tcp(7)), so that the crowd takes as little as it can of
//! the CPUs that it shares with the server.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::net::RecvFlags;

/// What is thrown away at once.
const MOUTHFUL: usize = 1 << 20;
/// The lines of `nasty clock`, in bytes.
const LINE: usize = 16;

/// Viewers under way.
#[derive(Debug)]
pub struct Crowd {
    poll: OwnedFd,
    viewers: Vec<Viewer>,
    /// Those that never read.
    silent: Vec<TcpStream>,
}

/// What it takes to throw things away.
struct Room {
    events: Vec<Event>,
    nowhere: Vec<u8>,
}

impl Room {
    fn new() -> Self {
        Self { events: Vec::with_capacity(512), nowhere: vec![0; MOUTHFUL] }
    }
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
    /// Has `count` viewers ask for `path`, one as soon as the other, and `silent` more who never read.
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
        let mut crowd = Self { poll, viewers: Vec::new(), silent: Vec::new() };
        let mut room = Room::new();
        for _ in 0..count {
            let asked = Instant::now();
            crowd.seat(ask(address, path)?, asked)?;
            // Those who came before see to what they are sent.
            crowd.take(Duration::ZERO, &mut room)?;
        }
        for _ in 0..silent {
            crowd.silent.push(ask(address, path)?);
        }
        Ok(crowd)
    }

    /// Those that have asked already.
    ///
    /// # Errors
    ///
    /// If the kernel does not let it wait for them.
    pub fn of(sockets: Vec<TcpStream>) -> io::Result<Self> {
        let poll = epoll::create(CreateFlags::CLOEXEC)?;
        let mut crowd = Self { poll, viewers: Vec::new(), silent: Vec::new() };
        for socket in sockets {
            crowd.seat(socket, Instant::now())?;
        }
        Ok(crowd)
    }

    fn seat(&mut self, socket: TcpStream, asked: Instant) -> io::Result<()> {
        socket.set_nonblocking(true)?;
        let name = EventData::new_u64(self.viewers.len() as u64);
        epoll::add(&self.poll, &socket, name, EventFlags::IN)?;
        let seen = Seen::default();
        self.viewers
            .push(Viewer { socket, asked, first: None, last: asked, seen });
        Ok(())
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
        let mut room = Room::new();
        while let Some(left) = span.checked_sub(begun.elapsed()) {
            self.take(left, &mut room)?;
        }
        Ok(self.viewers.iter().map(|viewer| viewer.seen).collect())
    }

    /// Throws away what has come; waits for it, at most so long.
    fn take(&mut self, most: Duration, room: &mut Room) -> io::Result<()> {
        let wait = Timespec {
            tv_sec: i64::try_from(most.as_secs()).unwrap_or(1),
            tv_nsec: i64::from(most.subsec_nanos()),
        };
        let Room { events, nowhere } = room;
        events.clear();
        epoll::wait(&self.poll, rustix::buffer::spare_capacity(events), Some(&wait))?;
        for event in events {
            let number = usize::try_from(event.data.u64()).unwrap_or(usize::MAX);
            self.viewers[number].read(nowhere);
        }
        Ok(())
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

/// A new viewer. It asks at once, as a player does: a server has no room for those who only connect.
fn ask(address: SocketAddr, path: &str) -> io::Result<TcpStream> {
    let mut socket = TcpStream::connect(address)?;
    socket.write_all(format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes())?;
    Ok(socket)
}

/// How late what `nasty clock` wrote is at a viewer of `path`, line by line, for so long. Blocks; the first
/// second, in which what was kept for newcomers arrives, does not count.
///
/// # Errors
///
/// If the viewer is cut off, or is sent something else.
pub fn delays(address: SocketAddr, path: &str, span: Duration) -> io::Result<Vec<Duration>> {
    let mut socket = ask(address, path)?;
    socket.set_read_timeout(Some(Duration::from_secs(10)))?;
    let (begun, mut delays) = (Instant::now(), Vec::new());
    let (mut buffer, mut left) = (vec![0; MOUTHFUL], Vec::new());
    let mut is_head = true;
    while begun.elapsed() < span + Duration::from_secs(1) {
        let count = socket.read(&mut buffer)?;
        let now = monotonic();
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        left.extend_from_slice(&buffer[..count]);
        if is_head {
            let Some(end) = left.windows(4).position(|four| four == b"\r\n\r\n") else {
                continue;
            };
            left.drain(..end + 4);
            is_head = false;
        }
        let whole = left.len() / LINE * LINE;
        for line in left.drain(..whole).collect::<Vec<u8>>().chunks(LINE) {
            let text = std::str::from_utf8(line).map_err(io::Error::other)?;
            let written: u64 = text.trim_end().parse().map_err(io::Error::other)?;
            if begun.elapsed() > Duration::from_secs(1) {
                delays.push(now.saturating_sub(Duration::from_micros(written)));
            }
        }
    }
    Ok(delays)
}

fn monotonic() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0))
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
