//! Where the tasks of a job are to run: what it asks of the labels of nodes.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::units::ParseError;

/// Something that is asked of a node's labels: `gpu` (there is such a label, whatever it says) or `zone=eu`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wish {
    /// The label. 1 to 63 characters.
    pub key: String,
    /// What it says, up to 255 characters; nothing where any value will do.
    pub value: Option<String>,
}

impl Wish {
    /// Whether these labels are as it asks.
    #[must_use]
    pub fn is_met(&self, labels: &BTreeMap<String, String>) -> bool {
        let found = labels.get(&self.key);
        found.is_some_and(|found| self.value.as_ref().is_none_or(|value| value == found))
    }
}

impl fmt::Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{}={value}", self.key),
            None => f.write_str(&self.key),
        }
    }
}

impl FromStr for Wish {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (text, None),
        };
        let is_key = (1..=63).contains(&key.chars().count()) && !key.contains(char::is_whitespace);
        let is_value = value.is_none_or(|value| value.chars().count() <= 255);
        match is_key && is_value {
            true => Ok(Self { key: key.to_owned(), value: value.map(str::to_owned) }),
            false => Err(ParseError::new(text, "a label of nodes: KEY or KEY=VALUE")),
        }
    }
}

impl Serialize for Wish {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Wish {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What a job asks of the labels of the nodes that its tasks go to.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Wishes {
    /// All of these, or it does not go there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub require: Vec<Wish>,
    /// It goes first where all of these are, if there is room.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub prefer: Vec<Wish>,
    /// It goes where one of these is only if there is room nowhere else.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub avoid: Vec<Wish>,
}

/// How a node suits a job; the first is the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Suits {
    /// It has all that is preferred and nothing to be avoided.
    Well,
    /// It has nothing to be avoided.
    Fairly,
    /// It has something to be avoided.
    Badly,
}

impl Wishes {
    /// Whether nothing is asked.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.require.is_empty() && self.prefer.is_empty() && self.avoid.is_empty()
    }

    /// How a node with these labels suits; nothing where something that is required is not there.
    #[must_use]
    pub fn judge(&self, labels: &BTreeMap<String, String>) -> Option<Suits> {
        if !self.require.iter().all(|wish| wish.is_met(labels)) {
            return None;
        }
        let avoided = self.avoid.iter().any(|wish| wish.is_met(labels));
        let preferred = self.prefer.iter().all(|wish| wish.is_met(labels));
        Some(match (avoided, preferred) {
            (true, _) => Suits::Badly,
            (false, true) => Suits::Well,
            (false, false) => Suits::Fairly,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let owned = |&(key, value): &(&str, &str)| (key.to_owned(), value.to_owned());
        pairs.iter().map(owned).collect()
    }

    fn wishes(texts: &[&str]) -> Vec<Wish> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn wish_is_for_a_label_or_for_what_it_says() {
        let node = labels(&[("gpu", "l4"), ("zone", "eu")]);
        for (text, met) in [("gpu", true), ("gpu=l4", true), ("gpu=t4", false), ("disk", false)] {
            let wish: Wish = text.parse().unwrap();
            assert_eq!(wish.is_met(&node), met, "{text}");
            assert_eq!(wish.to_string(), text);
        }
        for text in ["", "=l4", "a b=c", &"k".repeat(64), &format!("k={}", "v".repeat(256))] {
            assert!(text.parse::<Wish>().is_err(), "{text:?}");
        }
        assert_eq!("a=b=c".parse::<Wish>().unwrap().value.as_deref(), Some("b=c"));
    }

    #[test]
    fn node_suits_by_what_is_required_preferred_and_avoided() {
        let asked = Wishes {
            require: wishes(&["zone=eu"]),
            prefer: wishes(&["gpu", "ssd"]),
            avoid: wishes(&["spot"]),
        };
        let of = |pairs: &[(&str, &str)]| asked.judge(&labels(pairs));
        assert_eq!(of(&[("zone", "eu"), ("gpu", "l4"), ("ssd", "")]), Some(Suits::Well));
        assert_eq!(of(&[("zone", "eu"), ("gpu", "l4")]), Some(Suits::Fairly));
        assert_eq!(of(&[("zone", "eu"), ("spot", "yes")]), Some(Suits::Badly));
        assert_eq!(of(&[("zone", "us"), ("gpu", "l4")]), None);
        assert_eq!(Wishes::default().judge(&labels(&[])), Some(Suits::Well));
    }

    #[test]
    fn wishes_survive_their_text_form() {
        let asked = Wishes { require: wishes(&["zone=eu", "gpu"]), ..Wishes::default() };
        let json = serde_json::to_string(&asked).unwrap();
        assert_eq!(json, r#"{"require":["zone=eu","gpu"]}"#);
        assert_eq!(serde_json::from_str::<Wishes>(&json).unwrap(), asked);
    }
}
