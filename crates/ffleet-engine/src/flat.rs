//! The `flat` writer of ffprobe: one `path.of.keys=value` a line, strings in quotes.
//!
//! Chosen over its JSON because levels 0 and 1 have no JSON reader, and need none: the flat form
//! carries the same values, and a line that got lost costs one value.

use std::collections::BTreeMap;

/// Values by their keys.
#[derive(Debug, Default)]
pub(crate) struct Flat {
    values: BTreeMap<String, String>,
}

impl Flat {
    /// Reads `text`; lines of another shape are passed over.
    pub(crate) fn read(text: &str) -> Self {
        let line = |line: &str| {
            let (key, value) = line.split_once('=')?;
            let value = match value.strip_prefix('"') {
                Some(quoted) => unescape(quoted.strip_suffix('"')?),
                None => value.to_owned(),
            };
            Some((key.to_owned(), value))
        };
        Self {
            values: text
                .lines()
                .filter_map(|text| line(text.trim_end_matches('\r')))
                .collect(),
        }
    }

    /// The value of a key; nothing where ffprobe says that it does not know.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        let value = self.values.get(key)?;
        let known = !matches!(value.as_str(), "N/A" | "unknown" | "reserved" | "");
        known.then_some(value.as_str())
    }

    /// The value of a key as a number.
    pub(crate) fn number(&self, key: &str) -> Option<u64> {
        self.text(key)?.parse().ok()
    }

    /// The value of a key, in seconds, as microseconds.
    pub(crate) fn micros(&self, key: &str) -> Option<u64> {
        crate::progress::seconds(self.text(key)?)
    }

    /// The keys that begin with `prefix`, without it, each with its value.
    pub(crate) fn below<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.values
            .range(prefix.to_owned()..)
            .map_while(move |(key, value)| Some((key.strip_prefix(prefix)?, value.as_str())))
    }
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (letter, letter == '\\') {
            (_, true) => match letters.next() {
                Some('n') => plain.push('\n'),
                Some('r') => plain.push('\r'),
                Some(other) => plain.push(other),
                None => {}
            },
            (letter, false) => plain.push(letter),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_values_lose_their_quotes_and_escapes() {
        let flat =
            Flat::read("a.b=\"x \\\"y\\\" \\\\ $\\n=\"\na.c=7\nnoise\na.d=\"N/A\"\na.e=\"open");
        assert_eq!(flat.text("a.b"), Some("x \"y\" \\ $\n="));
        assert_eq!(flat.number("a.c"), Some(7));
        assert_eq!((flat.text("a.d"), flat.text("a.e"), flat.text("b")), (None, None, None));
        assert_eq!(flat.below("a.").count(), 3);
    }
}
