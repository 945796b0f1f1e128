//! YAML as a tree that remembers where each part stands.
//!
//! Scalars are kept as they were written: what `010`, `1.50` or `on` means is up to the key, and a
//! label `010` is three characters.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Error, Location, Spanned};

/// Where something stands: line and column from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) line: u64,
    pub(crate) column: u64,
}

impl From<Location> for Position {
    fn from(at: Location) -> Self {
        Self { line: at.line(), column: at.column() }
    }
}

/// A part of the document.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) at: Position,
    pub(crate) value: Value,
}

/// What a part is.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// Nothing was written, or `null`.
    Empty,
    /// A text, a number, a truth value: as written.
    Scalar(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order of the document.
    Map(Vec<(Key, Node)>),
}

impl Value {
    /// What it is, in a person's words.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Empty => "nothing",
            Self::Scalar(_) => "a single value",
            Self::List(_) => "a list",
            Self::Map(_) => "a section",
        }
    }
}

/// A key of a mapping.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) at: Position,
    pub(crate) name: String,
}

/// A document that is no YAML, or says a key twice.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) at: Position,
    pub(crate) message: String,
}

/// Reads `text`. A key that is said twice is a fault, and the rest is read nevertheless, with
/// what it said first.
pub(crate) fn parse(text: &str) -> (Option<Node>, Option<Fault>) {
    parse_with(text, DuplicateKeyPolicy::FirstWins)
}

/// As [`parse`], but what a key said last counts, as it does for most programs.
pub(crate) fn parse_last(text: &str) -> (Option<Node>, Option<Fault>) {
    let (node, fault) = parse_with(text, DuplicateKeyPolicy::LastWins);
    (node.map(last_of_each), fault)
}

/// `node` with each key once: the parser hands all of them over, and leaves it to who keeps them.
fn last_of_each(Node { at, value }: Node) -> Node {
    let value = match value {
        Value::List(items) => Value::List(items.into_iter().map(last_of_each).collect()),
        Value::Map(entries) => {
            let mut last: Vec<(Key, Node)> = Vec::with_capacity(entries.len());
            let mut known = BTreeMap::new();
            for (key, node) in entries {
                let entry = (key, last_of_each(node));
                match known.get(&entry.0.name) {
                    Some(&index) => last[index] = entry,
                    None => {
                        known.insert(entry.0.name.clone(), last.len());
                        last.push(entry);
                    }
                }
            }
            Value::Map(last)
        }
        Value::Empty | Value::Scalar(_) => value,
    };
    Node { at, value }
}

fn parse_with(text: &str, twice: DuplicateKeyPolicy) -> (Option<Node>, Option<Fault>) {
    match read(text, DuplicateKeyPolicy::Error) {
        Ok(node) => (Some(node), None),
        Err(error) => {
            let rest = matches!(error.without_snippet(), Error::DuplicateMappingKey { .. })
                .then(|| read(text, twice).ok())
                .flatten();
            (rest, Some(fault(&error)))
        }
    }
}

fn read(text: &str, duplicate_keys: DuplicateKeyPolicy) -> Result<Node, Error> {
    let options = serde_saphyr::options! {
        duplicate_keys: duplicate_keys,
        strict_booleans: true,
        with_snippet: false,
    };
    let raw: Option<Spanned<Raw>> = serde_saphyr::from_str_with_options(text, options)?;
    let nothing = Node { at: Position::default(), value: Value::Empty };
    Ok(raw.map(|raw| raw.settle(text)).unwrap_or(nothing))
}

/// What a YAML error says, in one line.
pub(crate) fn fault(error: &Error) -> Fault {
    let bare = error.without_snippet();
    let at = bare.location().map(Position::from).unwrap_or_default();
    let message = match bare {
        Error::DuplicateMappingKey { key: Some(key), .. } => {
            format!("the key `{key}` is there twice")
        }
        Error::DuplicateMappingKey { key: None, .. } => "a key is there twice".to_owned(),
        _ => {
            let text = bare.to_string();
            let text = text.lines().next().unwrap_or_default();
            text.split(" at line ").next().unwrap_or(text).trim().to_owned()
        }
    };
    Fault { at, message }
}

/// A part as the parser hands it over: numbers have lost the form they were written in.
enum Raw {
    Empty,
    Text(String),
    Other(String),
    List(Vec<Spanned<Self>>),
    Map(Vec<(Spanned<String>, Spanned<Self>)>),
}

trait Settle {
    fn settle(self, text: &str) -> Node;
}

impl Settle for Spanned<Raw> {
    fn settle(self, text: &str) -> Node {
        let at = Position::from(self.referenced);
        let value = match self.value {
            Raw::Empty => Value::Empty,
            Raw::Text(scalar) => Value::Scalar(scalar),
            Raw::Other(scalar) => Value::Scalar(written(self.defined, text).unwrap_or(scalar)),
            Raw::List(items) => {
                Value::List(items.into_iter().map(|item| item.settle(text)).collect())
            }
            Raw::Map(entries) => Value::Map(
                entries
                    .into_iter()
                    .map(|(key, node)| {
                        let at = key.referenced.into();
                        (Key { at, name: key.value }, node.settle(text))
                    })
                    .collect(),
            ),
        };
        Node { at, value }
    }
}

/// The piece of `text` at a place in it.
fn written(at: Location, text: &str) -> Option<String> {
    let start = usize::try_from(at.span().byte_offset()?).ok()?;
    let length = usize::try_from(at.span().byte_len()?).ok()?;
    let piece = text.get(start..start.checked_add(length)?)?.trim();
    (!piece.is_empty()).then(|| piece.to_owned())
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Parts)
    }
}

struct Parts;

macro_rules! other {
    ($($visit:ident: $kind:ty),*) => {$(
        fn $visit<E>(self, value: $kind) -> Result<Raw, E> {
            Ok(Raw::Other(value.to_string()))
        }
    )*};
}

impl<'de> Visitor<'de> for Parts {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value, a list or a section")
    }

    other!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_i128: i128, visit_u128: u128, visit_f64: f64);

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Raw, E> {
        Ok(Raw::Text(text))
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Empty)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Empty)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}

#[cfg(test)]
mod tests;
