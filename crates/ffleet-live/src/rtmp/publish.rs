//! A session that publishes one stream.

use std::fmt;

use super::chunk::{Message, Outgoing, Reader, Writer};
use super::handshake::Handshake;
use super::{Address, Error};
use crate::flv::{BODY, Kind, Tag};
use crate::packet::{Codec, Track};

mod command;

/// The size of our chunks in bytes: most pictures are one.
const CHUNK: u32 = 64 << 10;
/// The most that waits to be sent, in bytes: some tens of seconds of a good picture.
const BACKLOG: usize = 64 << 20;
/// How much more than that may wait for want of a socket that takes our answers.
const ANSWERS: usize = 1 << 20;
/// The most of a server's words that is kept, in characters.
const WORDS: usize = 500;

/// Types of messages (RTMP 1.0 §5.4, §7.1).
const SET_CHUNK_SIZE: u8 = 1;
const ABORT: u8 = 2;
const ACKNOWLEDGEMENT: u8 = 3;
const USER_CONTROL: u8 = 4;
const WINDOW: u8 = 5;
const PEER_BANDWIDTH: u8 = 6;
const COMMAND_3: u8 = 17;
const COMMAND: u8 = 20;

/// Chunk streams: one for what steers the connection (§5.4), one for commands, one for each kind of media.
const CONTROL: u8 = 2;
const COMMANDS: u8 = 3;
const AUDIO: u8 = 4;
const SCRIPT: u8 = 5;
const VIDEO: u8 = 6;

/// Where a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State<'a> {
    /// Both sides introduce themselves.
    Handshake,
    /// The server is asked for the application.
    Connecting,
    /// It is asked for a stream, and to let it be published.
    Creating,
    /// It takes what is published.
    Publishing,
    /// It is over.
    Closed,
    /// The server has refused.
    Refused(&'a Refusal),
}

/// Why a server takes no stream, or none any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The server's code, as `NetStream.Publish.BadName`; empty where it gave none.
    pub code: String,
    /// What it says for people, without the stream's key; what happened, where it says nothing.
    pub description: String,
}

impl Refusal {
    /// Whether somebody publishes under this name already.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        self.code == "NetStream.Publish.BadName"
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.is_taken(), &self.code[..]) {
            (true, code) => write!(f, "somebody publishes there already ({code}): ")?,
            (false, "") => {}
            (false, code) => write!(f, "{code}: ")?,
        }
        f.write_str(&self.description)
    }
}

/// What publishes one stream to a server.
///
/// Its owner connects, and then does three things for as long as [`Self::state`] is neither closed nor refused: gives it
/// all that comes by [`Self::receive`], sends all that [`Self::output`] answers, and hands it tags by [`Self::publish`]
/// once it is [`State::Publishing`]. When to give up waiting is the owner's to say. A session is for one connection:
/// on the next one another begins, with the headers again and then a keyframe.
///
/// ```
/// use ffleet_live::rtmp::{Address, Publisher, State};
///
/// let address: Address = "rtmp://localhost/app/key".parse()?;
/// let mut publisher = Publisher::new(&address, 4_096_017, &[]);
/// let hello = publisher.output().expect("a client speaks first");
/// assert_eq!(hello.len(), 1 + 1536);
/// assert_eq!(publisher.state(), State::Handshake);
/// # Ok::<(), ffleet_live::rtmp::AddressError>(())
/// ```
pub struct Publisher {
    stage: Stage,
    address: Address,
    /// Codecs to announce that plain RTMP has no number for.
    names: Vec<[u8; 4]>,
    reader: Reader,
    writer: Writer,
    output: Vec<u8>,
    flow: Flow,
}

/// [`State`], with what belongs to each.
#[derive(Debug)]
enum Stage {
    Handshake(Handshake),
    Connecting,
    Creating,
    /// The server has a stream and is asked to let it be published.
    Asking {
        stream: u32,
    },
    Publishing {
        stream: u32,
    },
    Closed,
    Refused(Refusal),
}

/// How much has gone each way since the handshake, in bytes, and of how much the other side knows (§5.4.3 to §5.4.5).
#[derive(Debug, Default)]
struct Flow {
    received: u64,
    told: u64,
    /// After so many the server wants to hear from us; 0 before it has said so.
    window: u32,
    sent: u64,
    acknowledged: u64,
    /// The window that we have told it.
    ours: Option<u32>,
}

impl fmt::Debug for Publisher {
    // Not the output, which may hold the stream's key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher")
            .field("address", &self.address)
            .field("state", &self.state())
            .field("pending", &self.output.len())
            .finish_non_exhaustive()
    }
}

impl Publisher {
    /// Begins a session. `seed` is any number that differs from session to session; `tracks` are those that will be
    /// published, of which H.265 is announced as Enhanced RTMP wants it.
    #[must_use]
    pub fn new(address: &Address, seed: u64, tracks: &[Track]) -> Self {
        let mut output = Vec::new();
        let handshake = Handshake::new(seed, &mut output);
        let is_hevc = tracks.iter().any(|track| track.codec == Codec::H265);
        Self {
            stage: Stage::Handshake(handshake),
            address: address.clone(),
            names: if is_hevc { vec![*b"hvc1"] } else { Vec::new() },
            reader: Reader::new(),
            writer: Writer::new(),
            output,
            flow: Flow::default(),
        }
    }

    /// Where the session is.
    #[must_use]
    pub const fn state(&self) -> State<'_> {
        match &self.stage {
            Stage::Handshake(_) => State::Handshake,
            Stage::Connecting => State::Connecting,
            Stage::Creating | Stage::Asking { .. } => State::Creating,
            Stage::Publishing { .. } => State::Publishing,
            Stage::Closed => State::Closed,
            Stage::Refused(refusal) => State::Refused(refusal),
        }
    }

    /// What the server has sent, in order, cut anywhere. What comes after the end is passed over.
    ///
    /// # Errors
    ///
    /// Where it is not RTMP, or passes a limit. The session is closed then.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let received = self.take(bytes);
        if received.is_err() {
            self.stage = Stage::Closed;
        }
        received
    }

    /// All that is to be sent, in order, if there is something.
    pub fn output(&mut self) -> Option<Vec<u8>> {
        let output = std::mem::take(&mut self.output);
        Some(output).filter(|output| !output.is_empty())
    }

    /// How much waits for [`Self::output`], in bytes.
    #[must_use]
    pub const fn pending(&self) -> usize {
        self.output.len()
    }

    /// How much of what was published the server has not said that it got, in bytes, what is pending included. Servers
    /// say so once a window, and some never.
    #[must_use]
    pub const fn unacknowledged(&self) -> u64 {
        self.flow.sent.saturating_sub(self.flow.acknowledged)
    }

    /// Publishes a tag. Metadata and sequence headers come first, as [`Packager::headers`] gives them.
    ///
    /// [`Packager::headers`]: crate::flv::Packager::headers
    ///
    /// # Errors
    ///
    /// [`Error::NotPublishing`], [`Error::Message`] for metadata of 16 MiB, [`Error::Full`] when 64 MiB wait to be
    /// sent: the tag is lost, and who goes on later has to do so with a keyframe.
    pub fn publish(&mut self, tag: &Tag) -> Result<(), Error> {
        let Stage::Publishing { stream } = self.stage else {
            return Err(Error::NotPublishing);
        };
        let long = tag.body().len();
        if self.output.len().saturating_add(long) > BACKLOG {
            return Err(Error::Full { pending: self.output.len() });
        }
        let (id, keep) = match tag.kind() {
            Kind::Audio => (AUDIO, &b""[..]),
            Kind::Video => (VIDEO, &b""[..]),
            // Who comes later is to get the metadata too, which servers keep where they are told to.
            Kind::Script if tag.is_metadata() => (SCRIPT, &b"\x02\0\x0d@setDataFrame"[..]),
            Kind::Script => (SCRIPT, &b""[..]),
        };
        if keep.len() + long > BODY {
            return Err(Error::Message { long });
        }
        let body = [keep, tag.body()];
        let message =
            Outgoing { kind: tag.kind().number(), timestamp: tag.timestamp(), stream, body };
        self.send(id, &message);
        Ok(())
    }

    /// Ends the stream, and tells the server; what is pending then is still to be sent.
    pub fn close(&mut self) {
        if let Stage::Asking { stream } | Stage::Publishing { stream } = self.stage {
            self.give_back(stream);
        }
        if !matches!(self.stage, Stage::Refused(_)) {
            self.stage = Stage::Closed;
        }
    }

    /// The server has closed the connection: a refusal, if it did so before it took the stream.
    pub fn hung_up(&mut self) {
        let during = match self.stage {
            Stage::Handshake(_) => "in the handshake",
            Stage::Connecting => "when it was asked for the application",
            Stage::Creating | Stage::Asking { .. } => "when it was asked to take the stream",
            Stage::Publishing { .. } => {
                self.stage = Stage::Closed;
                return;
            }
            Stage::Closed | Stage::Refused(_) => return,
        };
        let description = format!("the server closed the connection {during}");
        self.stage = Stage::Refused(Refusal { code: String::new(), description });
    }

    const fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Closed | Stage::Refused(_))
    }

    fn take(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        if let Stage::Handshake(handshake) = &mut self.stage {
            if !handshake.receive(&mut bytes, &mut self.output)? {
                return Ok(());
            }
            self.connect();
        }
        if self.is_over() {
            return Ok(());
        }
        self.flow.received += bytes.len() as u64;
        while let Some(message) = self.reader.read(&mut bytes)? {
            self.heed(&message)?;
            if self.is_over() {
                return Ok(());
            }
        }
        self.acknowledge();
        Ok(())
    }

    /// Tells the server what has come, twice a window.
    fn acknowledge(&mut self) {
        let Flow { received, told, window, .. } = self.flow;
        if window > 0 && received - told >= u64::from(window / 2) && received > told {
            self.flow.told = received;
            // Modulo 2³², as the specification has it.
            let [_, _, _, _, low @ ..] = received.to_be_bytes();
            self.control(ACKNOWLEDGEMENT, &low);
        }
    }

    fn heed(&mut self, message: &Message) -> Result<(), Error> {
        let Message { kind, body, .. } = message;
        let number = || match body.first_chunk() {
            Some(four) => Ok(u32::from_be_bytes(*four)),
            None => Err(Error::Control { kind: *kind }),
        };
        match *kind {
            SET_CHUNK_SIZE => self.reader.set_size(number()?)?,
            ABORT => self.reader.abort(number()?),
            ACKNOWLEDGEMENT => self.flow.acknowledge(number()?),
            WINDOW => self.flow.window = number()?,
            PEER_BANDWIDTH => {
                let window = number()?;
                if self.flow.ours != Some(window) {
                    self.flow.ours = Some(window);
                    self.control(WINDOW, &window.to_be_bytes());
                }
            }
            // A ping with its time, which goes back.
            USER_CONTROL => {
                if let [0, 6, time @ ..] = &body[..] {
                    let time = time.get(..4).ok_or(Error::Control { kind: *kind })?;
                    self.control(USER_CONTROL, &[&[0, 7], time].concat());
                }
            }
            COMMAND => self.obey(body)?,
            // The same behind a byte, for those who might go on in AMF 3.
            COMMAND_3 => self.obey(body.get(1..).unwrap_or_default())?,
            _ => {}
        }
        if self.output.len() > BACKLOG + ANSWERS {
            return Err(Error::Full { pending: self.output.len() });
        }
        Ok(())
    }

    fn control(&mut self, kind: u8, body: &[u8]) {
        let body = [body, &[]];
        self.send(CONTROL, &Outgoing { kind, timestamp: 0, stream: 0, body });
    }

    fn send(&mut self, id: u8, message: &Outgoing<'_>) {
        let before = self.output.len();
        self.writer.write(id, message, &mut self.output);
        self.flow.sent += (self.output.len() - before) as u64;
    }
}

impl Flow {
    /// The server says how much it got, modulo 2³². Some count the handshake too.
    fn acknowledge(&mut self, low: u32) {
        let [_, _, _, _, sent @ ..] = self.sent.to_be_bytes();
        let behind = u32::from_be_bytes(sent).wrapping_sub(low);
        let behind = if behind > u32::MAX / 2 { 0 } else { u64::from(behind) };
        self.acknowledged = self.acknowledged.max(self.sent.saturating_sub(behind));
    }
}

#[cfg(test)]
mod tests;
