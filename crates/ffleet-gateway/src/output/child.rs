//! A process of FFmpeg that gets a transport stream, and records it or sends it on.
//!
//! How far it is, is known in two ways. One that records says what it has given to its muxer; that is on disk a group
//! of pictures later, as every container that is recorded into is written by those. Of one that sends it is known what
//! it has read.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use ffleet_guard::Child;
use ffleet_live::mpegts::Writer;
use ffleet_live::packet::{CLOCK, Track};
use ffleet_types::live::output::To;
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::time::Instant;

use super::keep::End;
use super::line::State;
use super::process::{discard, reserve, start};
use super::{Line, Parts, Piece, record};
use crate::reader::Bytes as _;

/// For how long it may take nothing.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is looked how far it is.
const LOOK: Duration = Duration::from_millis(100);
/// How long it may take to end.
const LAST: Duration = Duration::from_secs(10);
/// By how much what is on disk may be behind what was given to a muxer, in ticks: with pictures, beside a group of
/// them, and without.
const BEHIND_PICTURES: i64 = CLOCK;
const BEHIND_SOUND: i64 = 6 * CLOCK;
/// The longest line of progress.
const LINE: usize = 4096;

/// A process under way. Dropped, it is killed.
struct Session<'a> {
    line: &'a Line,
    child: Child,
    pipe: Option<Sender>,
    progress: Option<Receiver>,
    said: BytesMut,
    writer: Writer,
    tracks: Arc<[Track]>,
    split: Option<i64>,
    file: Option<PathBuf>,
    /// When it begins, in ticks.
    begin: i64,
    out: Vec<u8>,
    at: usize,
    written: u64,
    /// The number behind what was taken last.
    taken: u64,
    /// How many bytes there were when the packets before a number had been written.
    marks: VecDeque<(u64, u64)>,
    /// When the groups of pictures begin that it was given, and their numbers.
    starts: VecDeque<(i64, u64)>,
    has_given: bool,
    moved: Instant,
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        self.child.kill_tree();
    }
}

/// Has a process record or send what comes over the line, until that ends, another file is due, or the process dies.
pub(super) async fn send(parts: &Parts, is_again: bool) -> End {
    let line = &parts.line;
    let Some(first) = line.peek() else { return End::Next };
    let tracks = Arc::clone(&first.what.tracks);
    let writer = match Writer::new(&tracks) {
        Ok(writer) => writer,
        Err(error) => return End::Never(error.to_string()),
    };
    let (args, file, split) = match &line.spec.to {
        To::Srt(url) => (record::args_of_srt(&url.0), None, None),
        To::Record(to) => match reserve(parts, to).await {
            Ok(path) => {
                let split = to.split.and_then(|span| i64::try_from(span.0.as_millis()).ok());
                let args = record::args(&path, to.path.container(), &tracks);
                (args, Some(path), split.map(|millis| millis.saturating_mul(CLOCK / 1_000)))
            }
            Err(why) => return End::failed(why),
        },
        To::Rtmp(_) => return End::Never("it is not sent by a process".to_owned()),
    };
    let started = start(parts, args, file.is_some()).await;
    let (child, pipe, progress) = match started {
        Ok(started) => started,
        Err(why) => {
            discard(file).await;
            return End::failed(why);
        }
    };
    let shown = file.as_ref().map(|path| path.display().to_string());
    tracing::info!(
        output = parts.label,
        pid = child.pid(),
        file = shown,
        "a process sends what a stream is"
    );
    line.connected(
        if file.is_some() {
            State::Recording
        } else {
            State::Sending
        },
        is_again,
    );
    line.by(child.pid(), shown);
    let mut session = Session {
        line,
        child,
        pipe: Some(pipe),
        progress,
        said: BytesMut::new(),
        writer,
        tracks,
        split,
        file: file.clone(),
        begin: first.time.min(first.what.packet.pts),
        out: Vec::new(),
        at: 0,
        written: 0,
        taken: 0,
        marks: VecDeque::new(),
        starts: VecDeque::new(),
        has_given: false,
        moved: Instant::now(),
    };
    let end = session.run().await;
    drop(session);
    discard(file).await;
    end
}

/// What one turn met.
enum Turn {
    Written(io::Result<usize>),
    Said(io::Result<usize>),
    Ended,
    News,
    Look,
}

impl Session<'_> {
    async fn run(&mut self) -> End {
        loop {
            let end = match self.fill() {
                Ok(None) => None,
                Ok(Some(end)) => Some(end),
                Err(why) => return self.failed(why),
            };
            if let Some(end) = end {
                return self.close(end).await;
            }
            match self.turn().await {
                Turn::Written(Ok(count)) => self.wrote(count),
                // A pipe that is broken is that of one that ends, and says why.
                Turn::Written(Err(_)) | Turn::Ended => {
                    let _late = tokio::time::timeout(LAST, self.child.wait()).await;
                    return self.failed(self.last_words());
                }
                Turn::Said(Ok(1..)) => self.heed(),
                Turn::Said(_) => self.progress = None,
                Turn::News => {}
                Turn::Look => self.look(),
            }
            if self.moved.elapsed() > PATIENCE {
                return self.failed("it took nothing for 10 s");
            }
        }
    }

    fn failed(&self, why: impl Into<String>) -> End {
        End::Failed { why: why.into(), has_given: self.has_given }
    }

    fn last_words(&self) -> String {
        let how = self
            .child
            .exit()
            .map(|exit| format!(" with {}", exit.exit))
            .unwrap_or_default();
        let said = self.child.stderr_tail();
        let last = said
            .lines()
            .rev()
            .find(|line| !line.trim().is_empty())
            .unwrap_or_default();
        let colon = if last.is_empty() { "" } else { ": " };
        let last: String = last.trim().chars().take(300).collect();
        format!("its process has ended{how}{colon}{last}")
    }

    /// Has something to write, if there is something; how it is to end, if it is.
    fn fill(&mut self) -> Result<Option<End>, String> {
        while self.at == self.out.len() {
            self.out.clear();
            self.at = 0;
            let Some(next) = self.line.peek() else {
                return Ok(self.line.is_over().then_some(End::Over));
            };
            let has_some = self.taken > 0;
            let is_late = self
                .split
                .is_some_and(|split| next.time.saturating_sub(self.begin) >= split);
            let are_others = next.what.tracks.len() != self.tracks.len();
            if next.is_start && has_some && (is_late || are_others) {
                return Ok(Some(End::Next));
            }
            let Some((number, item)) = self.line.take() else {
                continue;
            };
            if are_others {
                // It has no place here, and a beginning is not far.
                self.taken = number + 1;
                continue;
            }
            if item.is_start || !has_some {
                self.starts.push_back((item.time, number));
            }
            self.taken = number + 1;
            self.write(&item.what)?;
            self.marks.push_back((self.written + self.out.len() as u64, self.taken));
        }
        Ok(None)
    }

    fn write(&mut self, piece: &Piece) -> Result<(), String> {
        if !Arc::ptr_eq(&piece.tracks, &self.tracks) {
            for (number, track) in piece.tracks.iter().enumerate() {
                if self.tracks.get(number) != Some(track) {
                    self.writer
                        .change(number, track.clone())
                        .map_err(|error| error.to_string())?;
                }
            }
            self.tracks = Arc::clone(&piece.tracks);
        }
        if let Err(error) = self.writer.write(piece.track, &piece.packet, &mut self.out) {
            self.line.note(&format!("a packet was left out: {error}"));
        }
        Ok(())
    }

    async fn turn(&mut self) -> Turn {
        let rest = self.out.get(self.at..).unwrap_or_default();
        let (is_idle, pipe) = (rest.is_empty(), self.pipe.as_ref());
        let write = async {
            let Some(pipe) = pipe else {
                return std::future::pending().await;
            };
            loop {
                pipe.writable().await?;
                match pipe.try_write(rest) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    written => return written,
                }
            }
        };
        let (progress, said) = (self.progress.as_mut(), &mut self.said);
        let listen = async {
            match progress {
                Some(progress) => progress.read(said).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _exit = self.child.wait() => Turn::Ended,
            said = listen => Turn::Said(said),
            written = write, if !is_idle => Turn::Written(written),
            () = self.line.news(), if is_idle => Turn::News,
            () = tokio::time::sleep(LOOK) => Turn::Look,
        }
    }

    fn wrote(&mut self, count: usize) {
        self.at += count;
        self.written += count as u64;
        self.line.sent(count);
        self.moved = Instant::now();
        if self.file.is_some() {
            self.marks.clear();
        }
    }

    /// Looks what it has read.
    fn look(&mut self) {
        if self.at == self.out.len() {
            self.moved = Instant::now();
        }
        let left = self
            .pipe
            .as_ref()
            .and_then(|pipe| rustix::io::ioctl_fionread(pipe).ok());
        if let (None, Some(left)) = (&self.file, left) {
            let read = self.written.saturating_sub(left);
            let mut upto = None;
            while let Some(&(bytes, number)) = self.marks.front()
                && bytes <= read
            {
                upto = Some(number);
                self.marks.pop_front();
            }
            self.delivered(upto);
        }
    }

    fn delivered(&mut self, upto: Option<u64>) {
        if let Some(number) = upto {
            self.has_given = true;
            self.line.queue().delivered(number);
        }
    }

    /// Heeds what it says of its progress.
    fn heed(&mut self) {
        while let Some(end) = self.said.iter().position(|&byte| byte == b'\n') {
            let line = self.said.split_to(end + 1);
            let micros = std::str::from_utf8(&line)
                .ok()
                .and_then(|line| line.trim().strip_prefix("out_time_us=")?.parse::<i64>().ok());
            if let Some(micros) = micros {
                self.muxed(self.begin.saturating_add(micros.saturating_mul(CLOCK / 1_000) / 1_000));
            }
        }
        if self.said.len() > LINE {
            self.said.clear();
        }
    }

    /// What is decoded before `time` was given to a muxer.
    fn muxed(&mut self, time: i64) {
        let has_pictures = self.tracks.iter().any(|track| track.codec.is_video());
        let behind = if has_pictures { BEHIND_PICTURES } else { BEHIND_SOUND };
        let mut upto = None;
        while let Some(&(next, _)) = self.starts.get(1)
            && next <= time.saturating_sub(behind)
        {
            self.starts.pop_front();
            upto = self.starts.front().map(|&(_, number)| number);
        }
        self.delivered(upto);
    }

    /// Closes its input and waits for its end, so that its file is whole.
    async fn close(&mut self, end: End) -> End {
        self.pipe = None;
        let until = Instant::now() + LAST;
        let exit = loop {
            let (progress, said) = (self.progress.as_mut(), &mut self.said);
            let listen = async {
                match progress {
                    Some(progress) => progress.read(said).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                exit = self.child.wait() => break exit,
                said = listen => match said {
                    Ok(1..) => self.said.clear(),
                    _ => self.progress = None,
                },
                () = tokio::time::sleep_until(until) => return self.failed("it did not end within 10 s"),
            }
        };
        if exit.exit.is_success() {
            self.line.queue().delivered(self.taken);
            return end;
        }
        self.failed(self.last_words())
    }
}
