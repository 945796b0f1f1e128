//! Values of AMF 0 (Adobe's Action Message Format, 2006), of which commands and script data consist.

use std::fmt;

/// How deep values may lie in one another.
const DEPTH: usize = 16;
/// How many values a message may have, those within others counted.
const COUNT: usize = 4096;
/// The longest name, and the longest string of the short kind, in bytes.
const SHORT: usize = 0xffff;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number.
    Number(f64),
    /// Yes or no.
    Boolean(bool),
    /// A text. Bytes that are not UTF-8 are read as the replacement character; documents of XML are texts too.
    String(String),
    /// Named values, in order; also of a class, whose name is left out.
    Object(Vec<(String, Value)>),
    /// Nothing.
    Null,
    /// Not even nothing; also what AMF 0 says it does not support.
    Undefined,
    /// Named values, in order, of the kind that is called an ECMA array.
    Map(Vec<(String, Value)>),
    /// Values in order.
    Array(Vec<Value>),
    /// Milliseconds since 1970, UTC.
    Date(f64),
}

impl Value {
    /// The text, if it is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if it is one.
    #[must_use]
    pub const fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// What has this name within it, if it has named values.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(pairs) | Self::Map(pairs) => {
                pairs.iter().find(|(it, _)| it == name).map(|(_, value)| value)
            }
            _ => None,
        }
    }
}

/// Why bytes are not values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    /// Offset of what is wrong from the first byte.
    pub at: usize,
    /// What is wrong.
    pub what: &'static str,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AMF: {} at byte {}", self.what, self.at)
    }
}

impl std::error::Error for Error {}

/// All values of a message.
///
/// # Errors
///
/// Where they end too early, lie more than 16 deep, are more than 4096, or are of a kind that no command has
/// (references, AMF 3).
pub fn decode(bytes: &[u8]) -> Result<Vec<Value>, Error> {
    let mut reader = Reader { bytes, at: 0, left: COUNT };
    let mut values = Vec::new();
    while reader.at < bytes.len() {
        values.push(reader.value(0)?);
    }
    Ok(values)
}

/// Appends `values`. A name that is longer than 65,535 bytes is cut there.
pub fn encode(values: &[Value], into: &mut Vec<u8>) {
    for value in values {
        encode_one(value, into);
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// How many more values there may be.
    left: usize,
}

impl<'a> Reader<'a> {
    const fn wrong(&self, what: &'static str) -> Error {
        Error { at: self.at, what }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Error> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let taken = rest.get(..count).ok_or_else(|| self.wrong("a value is cut off"))?;
        self.at += count;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let taken = self.take(N)?;
        Ok(taken.try_into().expect("it has been asked for so many"))
    }

    fn short(&mut self) -> Result<usize, Error> {
        self.array().map(|two| usize::from(u16::from_be_bytes(two)))
    }

    fn long(&mut self) -> Result<usize, Error> {
        let four = u32::from_be_bytes(self.array()?);
        Ok(usize::try_from(four).unwrap_or(usize::MAX))
    }

    fn text(&mut self, long: usize) -> Result<String, Error> {
        self.take(long).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    fn number(&mut self) -> Result<f64, Error> {
        self.array().map(f64::from_be_bytes)
    }

    fn value(&mut self, depth: usize) -> Result<Value, Error> {
        if depth > DEPTH {
            return Err(self.wrong("values lie too deep in one another"));
        }
        self.left = self.left.checked_sub(1).ok_or_else(|| self.wrong("too many values"))?;
        let kind = self.array::<1>()?[0];
        Ok(match kind {
            0x00 => Value::Number(self.number()?),
            0x01 => Value::Boolean(self.array::<1>()?[0] != 0),
            0x02 => {
                let long = self.short()?;
                Value::String(self.text(long)?)
            }
            0x03 => Value::Object(self.pairs(depth)?),
            0x05 => Value::Null,
            0x06 | 0x0d => Value::Undefined,
            0x08 => {
                // How many there are is a hint, which some get wrong.
                self.long()?;
                Value::Map(self.pairs(depth)?)
            }
            0x0a => {
                let count = self.long()?;
                let mut values = Vec::new();
                for _ in 0..count {
                    values.push(self.value(depth + 1)?);
                }
                Value::Array(values)
            }
            0x0b => {
                let millis = self.number()?;
                // A time zone, which is not to be used.
                self.short()?;
                Value::Date(millis)
            }
            0x0c | 0x0f => {
                let long = self.long()?;
                Value::String(self.text(long)?)
            }
            0x10 => {
                let long = self.short()?;
                self.take(long)?;
                Value::Object(self.pairs(depth)?)
            }
            _ => {
                self.at -= 1;
                return Err(self.wrong("a value is of a kind that is not known"));
            }
        })
    }

    fn pairs(&mut self, depth: usize) -> Result<Vec<(String, Value)>, Error> {
        let mut pairs = Vec::new();
        loop {
            let long = self.short()?;
            let name = self.text(long)?;
            if name.is_empty() && self.bytes.get(self.at) == Some(&0x09) {
                self.at += 1;
                return Ok(pairs);
            }
            pairs.push((name, self.value(depth + 1)?));
        }
    }
}

fn encode_one(value: &Value, into: &mut Vec<u8>) {
    match value {
        Value::Number(number) => {
            into.push(0x00);
            into.extend_from_slice(&number.to_be_bytes());
        }
        Value::Boolean(yes) => into.extend_from_slice(&[0x01, u8::from(*yes)]),
        Value::String(text) if text.len() <= SHORT => {
            into.push(0x02);
            encode_name(text, into);
        }
        Value::String(text) => {
            into.push(0x0c);
            into.extend_from_slice(&count(text.len()));
            into.extend_from_slice(text.as_bytes());
        }
        Value::Object(pairs) => {
            into.push(0x03);
            encode_pairs(pairs, into);
        }
        Value::Null => into.push(0x05),
        Value::Undefined => into.push(0x06),
        Value::Map(pairs) => {
            into.push(0x08);
            into.extend_from_slice(&count(pairs.len()));
            encode_pairs(pairs, into);
        }
        Value::Array(values) => {
            into.push(0x0a);
            into.extend_from_slice(&count(values.len()));
            encode(values, into);
        }
        Value::Date(millis) => {
            into.push(0x0b);
            into.extend_from_slice(&millis.to_be_bytes());
            into.extend_from_slice(&[0, 0]);
        }
    }
}

fn encode_pairs(pairs: &[(String, Value)], into: &mut Vec<u8>) {
    for (name, value) in pairs {
        encode_name(name, into);
        encode_one(value, into);
    }
    into.extend_from_slice(&[0, 0, 0x09]);
}

fn encode_name(name: &str, into: &mut Vec<u8>) {
    let name = &name[..name.floor_char_boundary(SHORT)];
    let long = u16::try_from(name.len()).expect("it has been cut to 16 bits");
    into.extend_from_slice(&long.to_be_bytes());
    into.extend_from_slice(name.as_bytes());
}

fn count(long: usize) -> [u8; 4] {
    u32::try_from(long)
        .expect("no value of ours has 2³² bytes")
        .to_be_bytes()
}

#[cfg(test)]
mod tests;
