//! Feeds and streams that are declared over the API: what is sent, and what comes of it.
//!
//! What a declaration means is what it means in the configuration's file; who serves knows that, and answers
//! by [`Declarations`].

use std::fmt;

use ffleet_types::job::Actor;
use ffleet_types::live::{Name, Sort};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::bench::Boxed;
use crate::problem::Problem;

/// What is declared beside the file's, and the file itself.
pub trait Declarations: Send + Sync + 'static {
    /// Declares a feed or a stream, or says anew what it is. It is on disk, and there, when this answers.
    fn declare(
        &self,
        sort: Sort,
        name: Name,
        says: Declaration,
        by: Actor,
    ) -> Boxed<'_, Result<Came, Problem>>;

    /// Takes a declaration back: the feed or the stream ends.
    fn undeclare(&self, sort: Sort, name: Name, by: Actor) -> Boxed<'_, Result<(), Problem>>;

    /// Reads the file again, and changes what can be changed while the server runs.
    fn reload(&self) -> Boxed<'_, Result<Reload, Problem>>;
}

/// What came of a declaration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// It is new.
    Created,
    /// It is in the place of another.
    Replaced,
}

/// What is said of a feed or a stream: the keys of the file, each once.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Declaration(pub Map<String, Value>);

impl<'de> Deserialize<'de> for Declaration {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Once)
    }
}

/// Reads an object in which no key is there twice: of two, one would be lost.
struct Once;

impl<'de> Visitor<'de> for Once {
    type Value = Declaration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Declaration, A::Error> {
        let mut says = Map::new();
        while let Some((key, value)) = from.next_entry::<String, Value>()? {
            if says.contains_key(&key) {
                return Err(A::Error::custom(format_args!("the key `{key}` is there twice")));
            }
            says.insert(key, value);
        }
        Ok(Declaration(says))
    }
}

/// A feed to be: the keys of `feeds.NAME` in `ffleet.example.yaml`, without `for`. One of `command`, `push`,
/// `pull`, `fifo` and `inputs`.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "kebab-case", as = FeedDeclaration)]
#[expect(dead_code, reason = "it is there for the document; what is sent is read as the file is")]
pub struct Feed {
    /// A program and its arguments, as one text or a list: its standard output is the feed.
    #[schema(required = false)]
    command: Value,
    /// `http`: it is what is sent to `/ingest/NAME`.
    push: Option<String>,
    /// The address that it is read from.
    pull: Option<String>,
    /// The FIFO that it is read from.
    fifo: Option<String>,
    /// Tracks that programs push: `video` and `audio`, each with its `fifo`, its `format` and what belongs to that; or a
    /// `container` of both with its `fifo` and its `format`. With `socket` or `push` in the place of a `fifo`.
    #[schema(required = false)]
    inputs: Value,
    /// What becomes of frames for which there is no room: `block`, `drop-oldest` or `drop-newest`.
    when_full: Option<String>,
    /// The feed that its command reads.
    feed: Option<String>,
    /// When it runs: `on-demand`, `autostart`, `continuous`, or for how long it lingers, such as `10s`.
    mode: Option<String>,
    /// Without a byte for so long it is dead: `10s`, or `never`.
    silence: Option<String>,
    /// What viewers get while it is dead: `hold`, `hold 30s`, `end`.
    fallback: Option<Vec<String>>,
    /// What its end without a failure means: `restart` or `end`.
    at_end: Option<String>,
    /// What it holds for its readers, such as `8MiB`.
    ring_bytes: Option<String>,
    /// Who may push to it: `open`, `key` or `token`; else what `gateway.access` says.
    access: Option<String>,
}

/// A stream to be: the keys of `streams.NAME` in `ffleet.example.yaml`, without `for`. `mimetype`, and `feed` or
/// `command` or both; or `feed` and `encode`.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "kebab-case", as = StreamDeclaration)]
#[expect(dead_code, reason = "it is there for the document; what is sent is read as the file is")]
pub struct Stream {
    /// The feed that it passes on, or that its command reads.
    feed: Option<String>,
    /// A program and its arguments, as one text or a list: its standard output is the stream.
    #[schema(required = false)]
    command: Value,
    /// How the tracks of its feed are encoded, which has `inputs` or gives MPEG-TS: `preset`, `recovery` (`cold`, `spare`, `hot`),
    /// `backlog`, `silence`.
    #[schema(required = false)]
    encode: Value,
    /// What viewers of such a stream get while its source is away: `hold`, `hold 2s`, `slate /PATH`, `feed NAME`, `end`.
    fallback: Option<Vec<String>>,
    /// Where such a stream goes beside its viewers: addresses, or sections with `url` and `ring-bytes`, or `record`.
    #[schema(required = false)]
    outputs: Value,
    /// What viewers get: `stream` or `shot`.
    #[schema(rename = "type")]
    kind: Option<String>,
    /// Who shares its command: `shared` or `exclusive`.
    client: Option<String>,
    /// What it says it is, such as `video/mp2t`; to be left out where there is an `encode`.
    mimetype: Option<String>,
    /// The path of its address, beside `/stream/NAME`.
    url: Option<String>,
    /// What becomes of viewers that fall behind: `skip` or `cut`.
    slow: Option<String>,
    /// How long a viewer may be behind before it is cut off: `30s`, or `never`.
    slow_after: Option<String>,
    /// How many may watch at once.
    viewers: Option<u32>,
    /// What it holds for its viewers, such as `8MiB`.
    ring_bytes: Option<String>,
    /// How long a shot may take, such as `10s`.
    timeout: Option<String>,
    /// How old a shot may be that is given to the next viewer, such as `1s`.
    cache: Option<String>,
    /// Who may watch: `open`, `key` or `token`; else what `gateway.access` says.
    access: Option<String>,
}

/// What came of reading the configuration again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Reload {
    /// What became of the feeds.
    pub feeds: Changes,
    /// What became of the streams.
    pub streams: Changes,
    /// What was declared over the API and cannot be beside what the file says now.
    pub left_out: Vec<LeftOut>,
    /// What is odd but no error.
    pub warnings: Vec<String>,
}

/// What became of feeds or streams, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Changes {
    /// Those that are new.
    pub added: Vec<String>,
    /// Those that ended and began anew, because they, or what they are made of, changed; and streams of which only the outputs
    /// changed, which go on.
    pub changed: Vec<String>,
    /// Those that ended.
    pub removed: Vec<String>,
    /// How many were not touched.
    pub unchanged: u64,
}

/// What is declared and not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct LeftOut {
    /// `feed` or `stream`.
    pub sort: String,
    /// What it is called.
    pub name: String,
    /// Why it cannot be.
    pub why: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strict;

    #[test]
    fn key_that_is_there_twice_is_refused() {
        let fine: Declaration = strict::from_slice(br#"{"push": "http", "mode": null}"#).unwrap();
        assert_eq!(fine.0.len(), 2);
        for (body, why) in [
            (r#"{"push": "http", "push": "no"}"#, "the key `push` is there twice"),
            ("[]", "not a JSON object"),
            ("", "empty"),
            (r#"{"push": "#, "EOF"),
        ] {
            let problem = strict::from_slice::<Declaration>(body.as_bytes()).unwrap_err();
            assert!(problem.detail.contains(why), "{problem}");
        }
    }
}
