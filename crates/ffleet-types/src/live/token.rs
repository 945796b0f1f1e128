//! What a token says: who has it may watch, or push to, what it names, until some time.
//!
//! A token is a text that says so itself, signed by a server (`ffleet_base::signed`), so that nothing of it
//! has to be kept, and whatever has the server's secret can judge it.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Name;
use crate::time::Timestamp;
use crate::units::ParseError;

/// The most things that one token names.
pub const MOST: usize = 16;

/// What is done at a door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// A stream is watched.
    Watch,
    /// A feed is pushed to.
    Push,
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Watch => "watch",
            Self::Push => "push",
        })
    }
}

/// What a token is asked for: something of this name, for this purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Door {
    /// What is to be done.
    pub purpose: Purpose,
    /// The stream that is watched, or the feed that is pushed to.
    pub name: Name,
}

/// What a token names: `cam1`, or `cam*` for everything whose name begins so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Scope {
    /// The one of this name.
    One(Name),
    /// All whose names begin so; nothing: all.
    All(String),
}

impl Scope {
    /// Whether it names `name`.
    #[must_use]
    pub fn covers(&self, name: &Name) -> bool {
        match self {
            Self::One(one) => one == name,
            Self::All(prefix) => name.as_str().starts_with(prefix.as_str()),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(name) => write!(f, "{name}"),
            Self::All(prefix) => write!(f, "{prefix}*"),
        }
    }
}

impl FromStr for Scope {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text.strip_suffix('*') {
            Some("") => Ok(Self::All(String::new())),
            Some(prefix) => {
                let name: Name = prefix.parse()?;
                Ok(Self::All(name.into()))
            }
            None => text.parse().map(Self::One),
        }
    }
}

impl TryFrom<String> for Scope {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> Self {
        scope.to_string()
    }
}

/// A token. As text: `watch 1769860800000 10.0.0.7 cam1 yard*`, with `-` for any address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it lets one do.
    pub purpose: Purpose,
    /// Until when, to the millisecond.
    pub until: Timestamp,
    /// From where alone.
    pub address: Option<IpAddr>,
    /// With what: at least one, and at most [`MOST`].
    pub scopes: Vec<Scope>,
}

/// Why a token opens nothing here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Its time is over.
    Expired,
    /// It is for something else.
    Elsewhere(Door),
    /// It is for another address.
    Address(IpAddr),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired => f.write_str("the token has expired"),
            Self::Elsewhere(Door { purpose: Purpose::Watch, name }) => {
                write!(f, "the token is not one to watch {name} with")
            }
            Self::Elsewhere(Door { purpose: Purpose::Push, name }) => {
                write!(f, "the token is not one to push to {name} with")
            }
            Self::Address(from) => write!(f, "the token is for another address than {from}"),
        }
    }
}

impl std::error::Error for Refusal {}

impl Token {
    /// Whether it opens `door` to somebody at `from`.
    ///
    /// # Errors
    ///
    /// Why it does not.
    pub fn opens(&self, door: &Door, from: IpAddr, now: Timestamp) -> Result<(), Refusal> {
        if now >= self.until {
            return Err(Refusal::Expired);
        }
        let named = self.scopes.iter().any(|scope| scope.covers(&door.name));
        if self.purpose != door.purpose || !named {
            return Err(Refusal::Elsewhere(door.clone()));
        }
        // A socket of both families shows `::ffff:10.0.0.7` for 10.0.0.7 (RFC 4291, 2.5.5.2).
        let from = from.to_canonical();
        match self.address {
            Some(address) if address.to_canonical() != from => Err(Refusal::Address(from)),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.purpose, self.until.as_millis())?;
        match self.address {
            Some(address) => write!(f, "{address}")?,
            None => f.write_str("-")?,
        }
        self.scopes.iter().try_for_each(|scope| write!(f, " {scope}"))
    }
}

impl FromStr for Token {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let read = || {
            let mut words = text.split(' ');
            let purpose = match words.next()? {
                "watch" => Purpose::Watch,
                "push" => Purpose::Push,
                _ => return None,
            };
            let until = Timestamp::from_millis(words.next()?.parse().ok()?);
            let address = match words.next()? {
                "-" => None,
                address => Some(address.parse().ok()?),
            };
            let scopes: Vec<Scope> = words.map(str::parse).collect::<Result<_, _>>().ok()?;
            let fits = (1..=MOST).contains(&scopes.len());
            fits.then_some(Self { purpose, until, address, scopes })
        };
        read().ok_or_else(|| ParseError::new(text, "what a token says"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn door(purpose: Purpose, name: &str) -> Door {
        Door { purpose, name: name.parse().unwrap() }
    }

    fn token(text: &str) -> Token {
        text.parse().unwrap()
    }

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 7));

    #[test]
    fn token_opens_what_it_names_until_its_time_is_over() {
        let token = token("watch 5000 - cam1 yard*");
        let at = Timestamp::from_millis;
        for name in ["cam1", "yard", "yard-2"] {
            assert_eq!(token.opens(&door(Purpose::Watch, name), HERE, at(4_999)), Ok(()));
        }
        let cam = door(Purpose::Watch, "cam1");
        assert_eq!(token.opens(&cam, HERE, at(5_000)), Err(Refusal::Expired));
        for other in [door(Purpose::Watch, "cam10"), door(Purpose::Push, "cam1")] {
            let refused = token.opens(&other, HERE, at(0));
            assert_eq!(refused, Err(Refusal::Elsewhere(other)));
        }
    }

    #[test]
    fn token_for_an_address_opens_nothing_to_others() {
        let (token, cam) = (token("watch 5000 10.0.0.7 *"), door(Purpose::Watch, "cam1"));
        let now = Timestamp::EPOCH;
        for fine in ["10.0.0.7", "::ffff:10.0.0.7"] {
            assert_eq!(token.opens(&cam, fine.parse().unwrap(), now), Ok(()));
        }
        let other = "10.0.0.8".parse().unwrap();
        assert_eq!(token.opens(&cam, other, now), Err(Refusal::Address(other)));
    }

    #[test]
    fn what_no_server_wrote_is_no_token() {
        let crowd = format!("watch 1 -{}", " a".repeat(MOST + 1));
        for text in [
            "",
            "watch",
            "watch 1 -",
            "watch 1 - ",
            "look 1 - a",
            "watch -1 - a",
            "watch 99999999999999999999 - a",
            "watch 1 here a",
            "watch 1 - a/b",
            "watch 1 - a**",
            &crowd,
        ] {
            text.parse::<Token>().unwrap_err();
        }
    }

    proptest! {
        #[test]
        fn token_is_read_as_it_is_written(
            millis in 0..u64::MAX / 1_000,
            address in proptest::option::of(any::<[u8; 16]>()),
            scopes in proptest::collection::vec("[a-z0-9][A-Za-z0-9._~-]{0,20}[*]?", 1..=MOST),
        ) {
            let token = Token {
                purpose: Purpose::Watch,
                until: Timestamp::from_millis(millis),
                address: address.map(|bits| IpAddr::from(bits).to_canonical()),
                scopes: scopes.iter().map(|text| text.parse().unwrap()).collect(),
            };
            prop_assert_eq!(token.to_string().parse(), Ok(token));
        }

        #[test]
        fn no_text_makes_reading_panic(text in ".{0,200}") {
            let _read = text.parse::<Token>();
            let _scope = text.parse::<Scope>();
        }
    }
}
