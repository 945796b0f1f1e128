//! The chunk stream (RTMP 1.0 §5.3): messages cut into chunks, whose headers leave out what they share with those before.

use std::collections::BTreeMap;

use super::Error;

/// The longest message that is taken, in bytes.
pub(super) const MESSAGE: usize = 1 << 20;
/// How much of messages that have not wholly come is kept, and of how many chunk streams.
const PARTIAL: usize = 2 << 20;
const STREAMS: usize = 64;
/// The size of chunks before another is agreed on, in bytes.
const SIZE: usize = 128;
/// About how long a chunk's header is, in bytes.
const HEAD: usize = 8;
/// What stands for a time that is in the extended field.
const EXTENDED: u32 = 0xff_ffff;

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    /// What is in it (§5.4, §7.1).
    pub(super) kind: u8,
    /// Milliseconds modulo 2³².
    pub(super) timestamp: u32,
    /// Which message stream it belongs to; 0 is the connection.
    pub(super) stream: u32,
    pub(super) body: Vec<u8>,
}

/// What cuts messages into chunks.
#[derive(Debug)]
pub(super) struct Writer {
    size: usize,
    sent: BTreeMap<u8, Sent>,
}

/// The newest message of a chunk stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sent {
    kind: u8,
    timestamp: u32,
    stream: u32,
    long: u32,
}

/// A message before it is cut: its body is in parts, so that none has to be copied first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outgoing<'a> {
    pub(super) kind: u8,
    pub(super) timestamp: u32,
    pub(super) stream: u32,
    pub(super) body: [&'a [u8]; 2],
}

impl Writer {
    pub(super) const fn new() -> Self {
        Self { size: SIZE, sent: BTreeMap::new() }
    }

    /// The size of chunks from the next message on. The other side is to be told before.
    pub(super) const fn set_size(&mut self, size: usize) {
        self.size = size;
    }

    /// Appends the chunks of a message on the chunk stream `id`, from 3 to 63.
    ///
    /// A chunk of type 3 never begins a message: it would save three bytes where times are even and sizes equal, and
    /// servers disagree on what it means behind a type 0.
    pub(super) fn write(&mut self, id: u8, message: &Outgoing<'_>, into: &mut Vec<u8>) {
        let long = message.body.iter().map(|part| part.len()).sum::<usize>();
        into.reserve(long + long / self.size * HEAD + 2 * HEAD);
        let long = u32::try_from(long).unwrap_or(EXTENDED).min(EXTENDED);
        let Outgoing { kind, timestamp, stream, .. } = *message;
        let sent = Sent { kind, timestamp, stream, long };
        let (form, time) = match self.sent.insert(id, sent) {
            Some(last) if last.stream == stream && is_later(last.timestamp, timestamp) => {
                let form = if (last.kind, last.long) == (kind, long) { 2 } else { 1 };
                (form, timestamp.wrapping_sub(last.timestamp))
            }
            Some(_) | None => (0, timestamp),
        };
        into.push(form << 6 | id);
        into.extend_from_slice(&time.min(EXTENDED).to_be_bytes()[1..]);
        if form < 2 {
            into.extend_from_slice(&long.to_be_bytes()[1..]);
            into.push(kind);
        }
        if form == 0 {
            into.extend_from_slice(&stream.to_le_bytes());
        }
        let extended = (time >= EXTENDED).then(|| time.to_be_bytes());
        into.extend(extended.into_iter().flatten());
        let mut room = self.size;
        for mut part in message.body {
            while !part.is_empty() {
                if room == 0 {
                    into.push(0xc0 | id);
                    into.extend(extended.into_iter().flatten());
                    room = self.size;
                }
                let (now, later) = part.split_at(room.min(part.len()));
                into.extend_from_slice(now);
                room -= now.len();
                part = later;
            }
        }
    }
}

/// Whether a time is not before another, both modulo 2³².
const fn is_later(last: u32, next: u32) -> bool {
    next.wrapping_sub(last) < 1 << 31
}

/// What puts messages together again.
#[derive(Debug)]
pub(super) struct Reader {
    size: usize,
    /// The beginning of a chunk's header: at most three bytes, eleven, and four.
    head: Vec<u8>,
    /// The chunk stream whose chunk is coming, and how many bytes of it are missing.
    coming: Option<(u32, usize)>,
    streams: BTreeMap<u32, Received>,
}

/// A chunk stream: its newest message header, and what has come of that message.
#[derive(Debug, Default)]
struct Received {
    kind: u8,
    timestamp: u32,
    /// The time field of the newest header that had one: of types 1 and 2 a difference.
    time: u32,
    is_extended: bool,
    stream: u32,
    long: usize,
    body: Vec<u8>,
    /// Whether a message has begun and not ended.
    is_open: bool,
}

/// A header that has wholly come.
struct Head {
    form: u8,
    id: u32,
    /// The field of time, length, kind and stream, as far as the form has them.
    fields: Vec<u8>,
    extended: Option<u32>,
}

impl Reader {
    pub(super) const fn new() -> Self {
        Self { size: SIZE, head: Vec::new(), coming: None, streams: BTreeMap::new() }
    }

    /// The other side's chunks have this size from now on.
    pub(super) fn set_size(&mut self, size: u32) -> Result<(), Error> {
        match usize::try_from(size) {
            Ok(size @ 1..=0x7fff_ffff) => self.size = size,
            Ok(_) | Err(_) => return Err(Error::ChunkSize { size }),
        }
        Ok(())
    }

    /// The other side will not finish the message it has begun on this chunk stream.
    pub(super) fn abort(&mut self, id: u32) {
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.is_open = false;
            stream.body.clear();
        }
    }

    /// Takes bytes off the front of `input` until a message is whole; none when the input is at its end.
    pub(super) fn read(&mut self, input: &mut &[u8]) -> Result<Option<Message>, Error> {
        loop {
            if let Some((id, missing)) = self.coming {
                let (now, later) = input.split_at(missing.min(input.len()));
                *input = later;
                let stream = self.streams.entry(id).or_default();
                stream.body.extend_from_slice(now);
                if now.len() < missing {
                    self.coming = Some((id, missing - now.len()));
                    return Ok(None);
                }
                self.coming = None;
                if let Some(message) = stream.whole() {
                    return Ok(Some(message));
                }
            }
            let Some((&byte, rest)) = input.split_first() else {
                return Ok(None);
            };
            *input = rest;
            self.head.push(byte);
            if let Some(head) = self.head() {
                self.head.clear();
                self.begin(&head)?;
            }
        }
    }

    /// The header, if it has wholly come.
    fn head(&self) -> Option<Head> {
        let (first, rest) = self.head.split_first()?;
        let (id, rest) = match (first & 0x3f, rest) {
            (0, [low, rest @ ..]) => (64 + u32::from(*low), rest),
            (1, [low, high, rest @ ..]) => (64 + u32::from(*low) + 256 * u32::from(*high), rest),
            (0 | 1, _) => return None,
            (id, rest) => (u32::from(id), rest),
        };
        let form = first >> 6;
        let long = [11, 7, 3, 0].get(usize::from(form)).copied().unwrap_or_default();
        let (fields, rest) = rest.split_at_checked(long)?;
        let is_extended = match fields {
            [a, b, c, ..] => [*a, *b, *c] == [0xff; 3],
            _ => self.streams.get(&id).is_some_and(|stream| stream.is_extended),
        };
        let extended = match (is_extended, rest.first_chunk()) {
            (true, Some(four)) => Some(u32::from_be_bytes(*four)),
            (true, None) => return None,
            (false, _) => None,
        };
        Some(Head { form, id, fields: fields.to_vec(), extended })
    }

    /// Begins a chunk.
    fn begin(&mut self, head: &Head) -> Result<(), Error> {
        let Head { form, id, .. } = *head;
        if !self.streams.contains_key(&id) {
            if form != 0 {
                return Err(Error::Chunk { id, what: "begins without a whole header" });
            }
            if self.streams.len() >= STREAMS {
                return Err(Error::Chunk { id, what: "is one too many" });
            }
        }
        let partial: usize = self.streams.values().map(|stream| stream.body.len()).sum();
        let stream = self.streams.entry(id).or_default();
        if form != 3 && stream.is_open {
            return Err(Error::Chunk { id, what: "begins a message within another" });
        }
        if !stream.is_open {
            stream.begin(head);
            if stream.long > MESSAGE {
                return Err(Error::Message { long: stream.long });
            }
        }
        let missing = stream.long.saturating_sub(stream.body.len()).min(self.size);
        if partial.saturating_add(missing) > PARTIAL {
            return Err(Error::Chunk { id, what: "leaves too much unfinished" });
        }
        self.coming = Some((id, missing));
        Ok(())
    }
}

impl Received {
    /// Begins a message.
    fn begin(&mut self, head: &Head) {
        if let [a, b, c, rest @ ..] = &head.fields[..] {
            let time = u32::from_be_bytes([0, *a, *b, *c]);
            self.is_extended = head.extended.is_some();
            self.time = head.extended.unwrap_or(time);
            if let [a, b, c, kind, rest @ ..] = rest {
                let long = u32::from_be_bytes([0, *a, *b, *c]);
                self.long = usize::try_from(long).unwrap_or(usize::MAX);
                self.kind = *kind;
                if let Ok(stream) = rest.try_into() {
                    self.stream = u32::from_le_bytes(stream);
                }
            }
        }
        // A type 3 behind a type 0 repeats its time as a difference (§5.3.1.2.4).
        let from = if head.form == 0 { 0 } else { self.timestamp };
        self.timestamp = from.wrapping_add(self.time);
        self.is_open = true;
    }

    /// The message, if nothing of it is missing.
    fn whole(&mut self) -> Option<Message> {
        if self.body.len() < self.long {
            return None;
        }
        self.is_open = false;
        Some(Message {
            kind: self.kind,
            timestamp: self.timestamp,
            stream: self.stream,
            body: std::mem::take(&mut self.body),
        })
    }
}

#[cfg(test)]
mod tests;
