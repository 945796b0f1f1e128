//! A connection to a server that is published to by RTMP.
//!
//! Nothing is read of the line before what was taken has gone to the kernel, and a packet counts as arrived when the
//! other side's kernel has acknowledged its last byte (`SIOCOUTQ`): what is on its way when a connection breaks is sent
//! again over the next one.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ffleet_base::{chain, chance};
use ffleet_live::flv::{Packager, Tag};
use ffleet_live::packet::Track;
use ffleet_live::rtmp::{Address, Publisher, State as Stage};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::time::Instant;

use super::keep::End;
use super::line::State;
use super::socket::{Socket, open};
use super::{Line, Parts, Piece};

/// How long a server may take to let us publish, and for how long it may take nothing.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is looked what has arrived.
const LOOK: Duration = Duration::from_millis(100);
/// How long what is left may take when the stream ends.
const LAST: Duration = Duration::from_secs(3);

/// What is being sent.
#[derive(Debug, Default)]
struct Sending {
    out: Vec<u8>,
    /// How much of it has been.
    at: usize,
    /// Whether something of it may not be in the kernel.
    is_buffered: bool,
    /// The number behind the packet that it is.
    number: Option<u64>,
}

impl Sending {
    /// Whether all of it is in the kernel.
    fn is_over(&self) -> bool {
        self.at == self.out.len() && !self.is_buffered
    }
}

/// A connection under way.
struct Session<'a> {
    line: &'a Line,
    label: &'a str,
    reader: ReadHalf<Box<dyn Socket>>,
    writer: WriteHalf<Box<dyn Socket>>,
    /// The socket once more, and what it was given.
    outq: OwnedFd,
    written: Arc<AtomicU64>,
    publisher: Publisher,
    packager: Packager,
    tracks: Arc<[Track]>,
    /// Since when it takes what is published, and since when nothing more comes.
    begun: Option<Instant>,
    last: Option<Instant>,
    is_headed: bool,
    sending: Sending,
    /// How many bytes there were when the packets before a number had been sent.
    marks: VecDeque<(u64, u64)>,
    has_given: bool,
    /// What had arrived when it was looked, and when that was last more than before.
    arrived: u64,
    moved: Instant,
}

/// Publishes to `url` what comes over the line, until that ends or the connection does.
pub(super) async fn send(parts: &Parts, url: &str, is_again: bool) -> End {
    let line = &parts.line;
    let address: Address = match url.parse() {
        Ok(address) => address,
        Err(error) => return End::Never(format!("{error}")),
    };
    let Some(first) = line.peek() else { return End::Next };
    let tracks = Arc::clone(&first.what.tracks);
    let packager = match Packager::new(&tracks) {
        Ok(packager) => packager,
        Err(error) => return End::Never(error.to_string()),
    };
    let open = tokio::time::timeout(PATIENCE, open(parts, &address)).await;
    let (socket, outq, written) = match open {
        Ok(Ok(open)) => open,
        Ok(Err(why)) => return End::failed(why),
        Err(_) => return End::failed("there is no connection within 10 s"),
    };
    let mut seed = [0; 8];
    chance::fill(&mut seed);
    let publisher = Publisher::new(&address, u64::from_le_bytes(seed), &tracks);
    let (reader, writer) = tokio::io::split(socket);
    let session = Session {
        line,
        label: &parts.label,
        reader,
        writer,
        outq,
        written,
        publisher,
        packager,
        tracks,
        begun: None,
        last: None,
        is_headed: false,
        sending: Sending::default(),
        marks: VecDeque::new(),
        has_given: false,
        arrived: 0,
        moved: Instant::now(),
    };
    session.run(is_again).await
}

/// What one turn met.
enum Turn {
    Read(io::Result<usize>),
    Written(io::Result<usize>),
    News,
    Look,
}

impl Session<'_> {
    async fn run(mut self, is_again: bool) -> End {
        let connected = Instant::now();
        let mut heard = [0; 4096];
        loop {
            match self.fill() {
                Ok(true) => {}
                Ok(false) => return End::Next,
                Err(why) => return self.failed(why),
            }
            let turn = self.turn(&mut heard).await;
            if let Err(why) = self.heed(turn, &heard) {
                return self.failed(why);
            }
            match self.publisher.state() {
                Stage::Refused(refusal) => {
                    let why = format!("the server refused: {refusal}");
                    return self.failed(why);
                }
                Stage::Closed if self.last.is_none() => {
                    return self.failed("the server has ended the stream");
                }
                Stage::Publishing if self.begun.is_none() => {
                    (self.begun, self.moved) = (Some(Instant::now()), Instant::now());
                    self.line.connected(State::Sending, is_again);
                    tracing::info!(output = self.label, "a destination is sent to");
                }
                _ => {}
            }
            if self.begun.is_none() && connected.elapsed() > PATIENCE {
                return self.failed("the server did not take the stream within 10 s");
            }
            if self.begun.is_some() && self.moved.elapsed() > PATIENCE {
                return self.failed("the server took nothing for 10 s");
            }
            if self.line.is_over()
                && let Some(end) = self.finish()
            {
                return end;
            }
        }
    }

    /// Takes what a turn met.
    fn heed(&mut self, turn: Turn, heard: &[u8]) -> Result<(), String> {
        match turn {
            Turn::Read(Ok(0)) => {
                self.publisher.hung_up();
                if let Stage::Closed = self.publisher.state() {
                    return Err("the server has closed the connection".to_owned());
                }
            }
            Turn::Read(Ok(count)) => {
                let heard = heard.get(..count).unwrap_or_default();
                self.publisher.receive(heard).map_err(|error| chain(&error))?;
            }
            Turn::Read(Err(error)) | Turn::Written(Err(error)) => return Err(error.to_string()),
            Turn::Written(Ok(_)) | Turn::News => {}
            Turn::Look => self.look(),
        }
        Ok(())
    }

    /// Nothing more comes: sends what is left, and takes leave. How it ended, if it has.
    fn finish(&mut self) -> Option<End> {
        let since = *self.last.get_or_insert_with(Instant::now);
        let is_idle = self.sending.is_over();
        if matches!(self.publisher.state(), Stage::Publishing) {
            if is_idle && self.line.peek().is_none() {
                self.publisher.close();
                return None;
            }
        } else if is_idle && self.begun.is_some() && self.publisher.pending() == 0 {
            self.look();
            if self.arrived >= self.written.load(Ordering::Relaxed) {
                return Some(End::Over);
            }
        }
        (since.elapsed() > LAST).then(|| match self.line.queue().is_done() {
            true => End::Over,
            false => self.failed("the stream ended before the server had taken all of it"),
        })
    }

    fn failed(&self, why: impl Into<String>) -> End {
        End::Failed { why: why.into(), has_given: self.has_given }
    }

    /// Has something to send, if there is something; false if it takes another connection.
    fn fill(&mut self) -> Result<bool, String> {
        while self.sending.is_over() {
            if let Some(output) = self.publisher.output() {
                (self.sending.out, self.sending.at) = (output, 0);
                self.sending.is_buffered = true;
                break;
            }
            if !matches!(self.publisher.state(), Stage::Publishing) {
                break;
            }
            let Some(next) = self.line.peek() else {
                break;
            };
            let is_other = next.what.tracks.len() != self.tracks.len();
            if is_other && next.is_start {
                // Another connection is for what comes now, when this one's has arrived.
                match self.marks.is_empty() {
                    true => return Ok(false),
                    false => break,
                }
            }
            let Some((number, item)) = self.line.take() else {
                break;
            };
            if is_other {
                // It has no place here, and a beginning is not far.
                self.mark(number + 1);
                continue;
            }
            let tags = self.tags(&item.what)?;
            for tag in &tags {
                self.publisher.publish(tag).map_err(|error| chain(&error))?;
            }
            match tags.is_empty() {
                // It is as good as sent.
                true => self.mark(number + 1),
                false => self.sending.number = Some(number + 1),
            }
        }
        Ok(true)
    }

    /// The tags of a piece.
    fn tags(&mut self, piece: &Piece) -> Result<Vec<Tag>, String> {
        let mut tags = Vec::new();
        if !Arc::ptr_eq(&piece.tracks, &self.tracks) {
            for (number, track) in piece.tracks.iter().enumerate() {
                let changed = self.packager.change(number, track, &mut tags);
                changed.map_err(|error| chain(&error))?;
            }
            self.tracks = Arc::clone(&piece.tracks);
        }
        let headers = match std::mem::replace(&mut self.is_headed, true) {
            true => Vec::new(),
            false => self.packager.headers(),
        };
        if let Err(error) = self.packager.package(piece.track, &piece.packet, &mut tags) {
            tracing::error!(output = self.label, %error, "a packet cannot be published, and is left out");
            self.line.note(&format!("a packet was left out: {error}"));
        }
        let time = tags.first().map(Tag::timestamp);
        // They have the time of the first packet: nothing goes back behind them.
        let headers = headers.into_iter().filter_map(|header| {
            let time = time.unwrap_or_else(|| header.timestamp());
            Tag::new(header.kind(), time, header.body().to_vec()).ok()
        });
        Ok(headers.chain(tags).collect())
    }

    async fn turn(&mut self, heard: &mut [u8]) -> Turn {
        let (out, at) = (&self.sending.out, self.sending.at);
        let is_idle = self.sending.is_over();
        let writer = &mut self.writer;
        // A flush is a write of nothing more.
        let write = async {
            match out.get(at..) {
                Some(rest) if !rest.is_empty() => writer.write(rest).await,
                _ => writer.flush().await.map(|()| 0),
            }
        };
        let turn = tokio::select! {
            read = self.reader.read(heard) => Turn::Read(read),
            written = write, if !is_idle => Turn::Written(written),
            () = self.line.news(), if is_idle => Turn::News,
            () = tokio::time::sleep(LOOK) => Turn::Look,
        };
        if let Turn::Written(Ok(count)) = &turn {
            self.wrote(*count);
        }
        turn
    }

    fn wrote(&mut self, count: usize) {
        self.line.sent(count);
        if self.sending.at < self.sending.out.len() {
            self.sending.at += count;
            return;
        }
        self.sending.is_buffered = false;
        if let Some(number) = self.sending.number.take() {
            self.mark(number);
        }
        self.look();
    }

    /// All packets before `number` are in the kernel.
    fn mark(&mut self, number: u64) {
        self.marks.push_back((self.written.load(Ordering::Relaxed), number));
    }

    /// Looks what has arrived.
    fn look(&mut self) {
        let written = self.written.load(Ordering::Relaxed);
        // Of a connection that is gone nothing more is known than before.
        let Ok(left) = ffleet_guard::unacknowledged(&self.outq) else {
            return;
        };
        let arrived = written.saturating_sub(left);
        let is_idle = left == 0 && self.sending.is_over();
        if arrived > self.arrived || is_idle {
            self.moved = Instant::now();
        }
        self.arrived = self.arrived.max(arrived);
        let mut upto = None;
        while let Some(&(bytes, number)) = self.marks.front()
            && bytes <= self.arrived
        {
            upto = Some(number);
            self.marks.pop_front();
        }
        if let Some(number) = upto {
            self.has_given = true;
            self.line.queue().delivered(number);
        }
    }
}
