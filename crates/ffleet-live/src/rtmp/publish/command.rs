//! Commands: what a publisher asks of a server, and what the server says (RTMP 1.0 §7.2; `releaseStream`, `FCPublish` and
//! `FCUnpublish` are Flash Media Live Encoder's, which servers expect).

use super::{CHUNK, COMMAND, COMMANDS, Outgoing, Publisher, Refusal, SET_CHUNK_SIZE, Stage, WORDS};
use crate::rtmp::Error;
use crate::rtmp::amf::{self, Value};

/// Numbers of calls, by which answers name them.
const CONNECT: u32 = 1;
const RELEASE: u32 = 2;
const ANNOUNCE: u32 = 3;
const CREATE: u32 = 4;
const PUBLISH: u32 = 5;
const UNPUBLISH: u32 = 6;
const DELETE: u32 = 7;

impl Publisher {
    /// Asks for the application.
    pub(super) fn connect(&mut self) {
        let text = |text: &str| Value::String(text.to_owned());
        let mut about = vec![
            ("app".to_owned(), text(self.address.app())),
            ("type".to_owned(), text("nonprivate")),
            // Some servers tell publishers by this name.
            ("flashVer".to_owned(), text("FMLE/3.0 (compatible; ffleet)")),
            ("tcUrl".to_owned(), text(&self.address.tc_url())),
        ];
        if !self.names.is_empty() {
            let names = self.names.iter().map(|name| text(&String::from_utf8_lossy(name)));
            about.push(("fourCcList".to_owned(), Value::Array(names.collect())));
        }
        self.command(0, "connect", CONNECT, &[Value::Object(about)]);
        self.stage = Stage::Connecting;
    }

    /// The application is there: asks for a stream in it.
    fn create(&mut self) {
        self.control(SET_CHUNK_SIZE, &CHUNK.to_be_bytes());
        self.writer.set_size(CHUNK as usize);
        for (name, number) in [("releaseStream", RELEASE), ("FCPublish", ANNOUNCE)] {
            let stream = Value::String(self.address.stream().to_owned());
            self.command(0, name, number, &[Value::Null, stream]);
        }
        self.command(0, "createStream", CREATE, &[Value::Null]);
        self.stage = Stage::Creating;
    }

    /// There is a stream: asks to publish it.
    fn ask(&mut self, stream: u32) {
        let name = Value::String(self.address.stream().to_owned());
        let live = Value::String("live".to_owned());
        self.command(stream, "publish", PUBLISH, &[Value::Null, name, live]);
        self.stage = Stage::Asking { stream };
    }

    /// Gives the stream back.
    pub(super) fn give_back(&mut self, stream: u32) {
        let name = Value::String(self.address.stream().to_owned());
        self.command(0, "FCUnpublish", UNPUBLISH, &[Value::Null, name]);
        let number = Value::Number(f64::from(stream));
        self.command(0, "deleteStream", DELETE, &[Value::Null, number]);
    }

    fn command(&mut self, stream: u32, name: &str, number: u32, rest: &[Value]) {
        let mut body = Vec::new();
        let head = [Value::String(name.to_owned()), Value::Number(f64::from(number))];
        amf::encode(&head, &mut body);
        amf::encode(rest, &mut body);
        let body = [&body[..], &[]];
        self.send(COMMANDS, &Outgoing { kind: COMMAND, timestamp: 0, stream, body });
    }

    /// Does what a command of the server's says.
    pub(super) fn obey(&mut self, body: &[u8]) -> Result<(), Error> {
        let values = amf::decode(body).map_err(Error::Command)?;
        let number = values.get(1).and_then(whole);
        let about = values.get(3).unwrap_or(&Value::Null);
        match values.first().and_then(Value::text) {
            // Not every server knows these two, and none has to.
            Some("_result" | "_error") if matches!(number, Some(RELEASE | ANNOUNCE)) => {}
            Some("_result") if is_error(about) => self.refuse(about, "the server said no"),
            Some("_result") => match (&self.stage, number) {
                (Stage::Connecting, Some(CONNECT)) => self.create(),
                (Stage::Creating, Some(CREATE)) => {
                    self.ask(whole(about).ok_or(Error::NoStream)?);
                }
                _ => {}
            },
            Some("_error") => {
                let what = match number {
                    Some(CONNECT) => "the server refused the application",
                    Some(CREATE) => "the server gave no stream",
                    Some(PUBLISH) => "the server refused the stream",
                    _ => "the server said that something failed",
                };
                self.refuse(about, what);
            }
            Some("onStatus" | "onFCPublish") if is_error(about) => {
                self.refuse(about, "the server said that something failed");
            }
            Some("onStatus") => self.status(code(about)),
            Some("close") => self.hung_up(),
            _ => {}
        }
        Ok(())
    }

    fn status(&mut self, code: &str) {
        match (&self.stage, code) {
            (Stage::Asking { stream }, "NetStream.Publish.Start") => {
                self.stage = Stage::Publishing { stream: *stream };
            }
            (_, "NetConnection.Connect.Closed") => self.hung_up(),
            (Stage::Publishing { .. }, "NetStream.Unpublish.Success") => self.stage = Stage::Closed,
            _ => {}
        }
    }

    fn refuse(&mut self, about: &Value, otherwise: &str) {
        let said = about.field("description").and_then(Value::text).unwrap_or_default();
        let said = if said.is_empty() { otherwise } else { said };
        self.stage = Stage::Refused(Refusal {
            code: self.words(code(about)),
            description: self.words(said),
        });
    }

    /// What a server says, without the stream's key, which some repeat, and what is no text.
    fn words(&self, said: &str) -> String {
        let stream = self.address.stream();
        let name = stream.split_once('?').map_or(stream, |(name, _)| name);
        let said = said.replace(stream, "***").replace(name, "***");
        said.chars().filter(|c| !c.is_control()).take(WORDS).collect()
    }
}

/// The code of a status.
fn code(about: &Value) -> &str {
    about.field("code").and_then(Value::text).unwrap_or_default()
}

/// Whether a status says that something failed; that a name is taken, some say without calling it so.
fn is_error(about: &Value) -> bool {
    about.field("level").and_then(Value::text) == Some("error")
        || code(about) == "NetStream.Publish.BadName"
}

/// A number that is whole and not negative.
fn whole(value: &Value) -> Option<u32> {
    let number = value.number()?;
    let is_whole =
        (0.0..=f64::from(u32::MAX)).contains(&number) && number.fract().abs() < f64::EPSILON;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is whole and within bounds"
    )]
    is_whole.then_some(number as u32)
}
