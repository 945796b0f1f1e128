//! One process that encodes one track: raw frames go in, packets come out.

use std::collections::VecDeque;
use std::io;

use bytes::{Bytes, BytesMut};
use ffleet_guard::Child;
use ffleet_live::replay::Id;
use ffleet_live::{nut, packet};
use tokio::net::unix::pipe::Receiver;

use super::job::Job;
use super::process::{self, Input};
use crate::feed::Shop;
use crate::reader::Bytes as _;

/// What is read at once.
const MOUTHFUL: usize = 64 << 10;

/// See the module. Dropped, it is killed.
#[derive(Debug)]
pub(super) struct Encoder {
    pub(super) id: Id,
    pub(super) child: Child,
    pub(super) feeder: Feeder,
    pub(super) outlet: Outlet,
}

/// What one has done.
#[derive(Debug)]
pub(super) enum Did {
    /// It was written what it was given.
    Written(io::Result<()>),
    /// So much came out of it; 0 is the end.
    Given(io::Result<usize>),
}

/// What goes in.
#[derive(Debug)]
pub(super) struct Feeder {
    input: Input,
    /// The first frame that it is not to be given: it ends with those before.
    until: Option<u64>,
    /// The number of the frame that is next.
    pub(super) next: u64,
    /// Numbers of the frames that it was given, from the one on that was its `first`th.
    fed: VecDeque<u64>,
    first: u64,
}

/// What comes out.
#[derive(Debug)]
pub(super) struct Outlet {
    pipe: Receiver,
    buffer: BytesMut,
    pub(super) reader: nut::Reader,
    /// A packet that waits; nothing is read meanwhile.
    pub(super) waiting: Option<nut::Packet>,
    /// How it is coded, as it says.
    pub(super) known: Option<packet::Track>,
    /// How many packets of frames it has given, and the first frame whose packet is wanted of it.
    pub(super) given: u64,
    pub(super) from: u64,
    /// What its timestamps count, and the first of them.
    pub(super) base: Option<nut::TimeBase>,
    pub(super) first: Option<i64>,
}

/// Starts encoder `id` of a track.
///
/// # Errors
///
/// What is in the way, for people.
pub(super) async fn start(shop: &Shop, label: &str, job: &Job, id: Id) -> Result<Encoder, String> {
    let parts = (label, job.kind.name(), id);
    let (child, pipe, output) = process::launch(shop, parts, &job.program, &job.command).await?;
    let feeder = Feeder {
        input: Input::new(pipe),
        until: None,
        next: 0,
        fed: VecDeque::new(),
        first: 0,
    };
    Ok(Encoder { id, child, feeder, outlet: Outlet::new(output) })
}

impl Encoder {
    /// Writes what it was given and reads what it gives; never ends without either. May be dropped at any time.
    pub(super) async fn work(&mut self) -> Did {
        tokio::select! {
            read = self.outlet.read() => Did::Given(read),
            written = self.feeder.write() => Did::Written(written),
        }
    }
}

impl Feeder {
    /// Whether it takes another frame.
    pub(super) const fn is_free(&self) -> bool {
        self.input.is_free()
    }

    /// Gives it frame `number`, unless it is to have none of those.
    pub(super) fn give(&mut self, number: u64, bytes: Bytes) {
        if self.until.is_some_and(|until| number >= until) {
            self.input.close();
            return;
        }
        self.fed.push_back(number);
        self.next = number + 1;
        self.input.give(bytes);
    }

    /// Writes what it was given to its end; never ends without something. May be dropped at any time.
    pub(super) async fn write(&mut self) -> io::Result<()> {
        self.input.write().await?;
        self.end();
        Ok(())
    }

    /// What was being written cannot be.
    pub(super) fn stop(&mut self) {
        self.input.stop();
        self.end();
    }

    /// Has it be given no frame from `number` on.
    pub(super) fn until(&mut self, number: u64) {
        self.until = Some(number);
        self.end();
    }

    /// Closes its input where it was given all.
    fn end(&mut self) {
        if self.input.is_free() && self.until.is_some_and(|until| self.next >= until) {
            self.input.close();
        }
    }

    /// The number of the frame that was its `nth`, from 0; nothing where it had none, or it was forgotten.
    pub(super) fn number(&self, nth: u64) -> Option<u64> {
        let at = usize::try_from(nth.checked_sub(self.first)?).ok()?;
        self.fed.get(at).copied()
    }

    /// Forgets frames before this number.
    pub(super) fn forget(&mut self, before: u64) {
        while self.fed.front().is_some_and(|&number| number < before) {
            self.fed.pop_front();
            self.first += 1;
        }
    }

    /// Forgets its frames before its `nth`.
    pub(super) fn forget_fed(&mut self, nth: u64) {
        while self.first < nth && self.fed.pop_front().is_some() {
            self.first += 1;
        }
    }
}

impl Outlet {
    /// For a process of which nothing was read yet.
    pub(super) fn new(pipe: Receiver) -> Self {
        Self {
            pipe,
            buffer: BytesMut::new(),
            reader: nut::Reader::new(),
            waiting: None,
            known: None,
            given: 0,
            from: 0,
            base: None,
            first: None,
        }
    }

    /// Reads what there is into the reader; 0 is the end. Never ends while a packet waits. May be dropped at any time
    /// without a loss.
    pub(super) async fn read(&mut self) -> io::Result<usize> {
        if self.waiting.is_some() {
            return std::future::pending().await;
        }
        self.buffer.reserve(MOUTHFUL);
        let read = self.pipe.read(&mut self.buffer).await?;
        self.reader.push(&self.buffer);
        self.buffer.clear();
        Ok(read)
    }
}
