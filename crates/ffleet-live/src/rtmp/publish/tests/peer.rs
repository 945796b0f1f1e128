//! A server, as far as a publisher meets it.

use crate::rtmp::amf::{self, Value};
use crate::rtmp::chunk::{Message, Outgoing, Reader, Writer};
use crate::rtmp::publish::{COMMAND, Publisher, SET_CHUNK_SIZE, State};

/// The server's side: what it was told, and what it says.
pub(super) struct Peer {
    reader: Reader,
    writer: Writer,
    /// How many bytes of the client's handshake are to come.
    handshake: usize,
    pub(super) heard: Vec<Message>,
    pub(super) says: Vec<u8>,
}

impl Peer {
    pub(super) fn new() -> Self {
        let says = [&[3][..], &[5; 2 * 1536]].concat();
        let (reader, writer) = (Reader::new(), Writer::new());
        Self { reader, writer, handshake: 1 + 2 * 1536, heard: Vec::new(), says }
    }

    pub(super) fn hear(&mut self, bytes: &[u8]) {
        let (hello, mut rest) = bytes.split_at(self.handshake.min(bytes.len()));
        self.handshake -= hello.len();
        while let Some(message) = self.reader.read(&mut rest).expect("messages") {
            if message.kind == SET_CHUNK_SIZE {
                let size = message.body.first_chunk().expect("four bytes");
                self.reader.set_size(u32::from_be_bytes(*size)).expect("a size");
            }
            self.heard.push(message);
        }
    }

    pub(super) fn say(&mut self, kind: u8, body: &[u8]) {
        let body = [body, &[]];
        self.writer
            .write(3, &Outgoing { kind, timestamp: 0, stream: 0, body }, &mut self.says);
    }

    pub(super) fn command(&mut self, name: &str, number: f64, last: Value) {
        let mut body = Vec::new();
        let head = [Value::String(name.to_owned()), Value::Number(number), Value::Null, last];
        amf::encode(&head, &mut body);
        self.say(COMMAND, &body);
    }

    pub(super) fn status(&mut self, level: &str, code: &str, description: &str) {
        self.command("onStatus", 0.0, about(level, code, description));
    }

    /// What commands it heard, with their numbers.
    pub(super) fn commands(&self) -> Vec<(String, f64, Vec<Value>)> {
        let commands = self.heard.iter().filter(|message| message.kind == COMMAND);
        let values = commands.map(|message| amf::decode(&message.body).expect("values"));
        values
            .map(|values| {
                let name = values[0].text().expect("a name").to_owned();
                (name, values[1].number().expect("a number"), values[2..].to_vec())
            })
            .collect()
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.commands().into_iter().map(|(name, ..)| name).collect()
    }
}

pub(super) fn about(level: &str, code: &str, description: &str) -> Value {
    let pair = |name: &str, value: &str| (name.to_owned(), Value::String(value.to_owned()));
    let pairs = [("level", level), ("code", code), ("description", description)];
    Value::Object(pairs.map(|(name, value)| pair(name, value)).to_vec())
}

pub(super) fn publisher() -> Publisher {
    let address = "rtmp://host/app/SECRET?pass=SECRET".parse().expect("an address");
    Publisher::new(&address, 1, &[])
}

/// Lets both sides speak until neither has more to say; the server's bytes come in pieces of `cut`.
pub(super) fn talk(publisher: &mut Publisher, peer: &mut Peer, cut: usize) {
    loop {
        let output = publisher.output();
        peer.hear(output.as_deref().unwrap_or_default());
        let says = std::mem::take(&mut peer.says);
        if says.is_empty() && output.is_none() {
            return;
        }
        for piece in says.chunks(cut) {
            publisher.receive(piece).expect("what a server says");
        }
    }
}

/// A session that has come to this state, with a server that has said what belongs to it.
pub(super) fn arrived(at: State<'_>, cut: usize) -> (Publisher, Peer) {
    let (mut publisher, mut peer) = (publisher(), Peer::new());
    talk(&mut publisher, &mut peer, cut);
    if at != State::Connecting {
        let success = about("status", "NetConnection.Connect.Success", "");
        peer.command("_result", 1.0, success);
        talk(&mut publisher, &mut peer, cut);
    }
    if at == State::Publishing {
        peer.command("_result", 4.0, Value::Number(7.0));
        talk(&mut publisher, &mut peer, cut);
        peer.status("status", "NetStream.Publish.Start", "");
        talk(&mut publisher, &mut peer, cut);
    }
    assert_eq!(publisher.state(), at);
    (publisher, peer)
}
