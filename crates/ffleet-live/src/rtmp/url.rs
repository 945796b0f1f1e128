//! Addresses that are published to: `rtmp://host[:port]/app[/instance]/key?query`.
//!
//! The stream's key, and the query behind it, are a password: whoever has them can publish. They are in no error, and
//! neither `Display` nor `Debug` shows them.

use std::fmt;

/// The longest address in bytes.
const LONG: usize = 4096;

/// An address that is published to.
///
/// ```
/// use ffleet_live::rtmp::Address;
///
/// let address: Address = "rtmps://live.example.net/app/key-of-mine?a=1".parse()?;
/// assert_eq!((address.host(), address.port(), address.app()), ("live.example.net", 443, "app"));
/// assert_eq!(address.stream(), "key-of-mine?a=1");
/// assert_eq!(address.to_string(), "rtmps://live.example.net/app/***");
/// # Ok::<(), ffleet_live::rtmp::AddressError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    is_secure: bool,
    host: String,
    port: u16,
    app: String,
    stream: String,
}

impl Address {
    /// Whether it is spoken over TLS, which is its caller's to do.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// The name or address of the server; of IPv6 without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port: where none is named, 1935, and over TLS 443.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The application, with its instance if one is named.
    #[must_use]
    pub fn app(&self) -> &str {
        &self.app
    }

    /// The name to publish under, with the query: a secret.
    #[must_use]
    pub fn stream(&self) -> &str {
        &self.stream
    }

    /// The address without the stream, as servers want to be told it.
    #[must_use]
    pub fn tc_url(&self) -> String {
        let (scheme, usual) = if self.is_secure { ("rtmps", 443) } else { ("rtmp", 1935) };
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        let port = if self.port == usual {
            String::new()
        } else {
            format!(":{}", self.port)
        };
        format!("{scheme}://{host}{port}/{}", self.app)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/***", self.tc_url())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

/// Why a text is no address to publish to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressError {
    /// It is longer than 4096 bytes.
    Long,
    /// It does not begin with `rtmp://` or `rtmps://`.
    Scheme,
    /// A character that no address has.
    Character {
        /// Its offset in bytes.
        at: usize,
    },
    /// It names a user. Servers are told one in ways of their own, which are not spoken here.
    User {
        /// Offset of the name in bytes.
        at: usize,
    },
    /// There is no host, or it cannot be read.
    Host {
        /// Its offset in bytes.
        at: usize,
    },
    /// The port is no number from 1 to 65,535.
    Port {
        /// Its offset in bytes.
        at: usize,
    },
    /// There is no application.
    App {
        /// Offset in bytes where it would be.
        at: usize,
    },
    /// There is no stream behind the application.
    Stream {
        /// Offset in bytes where it would be.
        at: usize,
    },
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Long => write!(f, "an address has at most {LONG} bytes"),
            Self::Scheme => f.write_str("an address begins with rtmp:// or rtmps://"),
            Self::Character { at } => write!(f, "byte {at} is no character of an address"),
            Self::User { at } => {
                write!(f, "byte {at}: a user's name and password are not supported")
            }
            Self::Host { at } => write!(f, "byte {at}: expected a host"),
            Self::Port { at } => write!(f, "byte {at}: expected a port from 1 to 65535"),
            Self::App { at } => write!(f, "byte {at}: expected an application, as in /app/key"),
            Self::Stream { at } => {
                write!(f, "byte {at}: expected a stream's key, as in /app/key")
            }
        }
    }
}

impl std::error::Error for AddressError {}

impl std::str::FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.len() > LONG {
            return Err(AddressError::Long);
        }
        let wrong = |c: char| !c.is_ascii_graphic() || "\"<>\\^`{|}#".contains(c);
        if let Some(at) = text.find(wrong) {
            return Err(AddressError::Character { at });
        }
        let (is_secure, begin) = match text.split_once("://") {
            Some((scheme, _)) if scheme.eq_ignore_ascii_case("rtmp") => (false, 7),
            Some((scheme, _)) if scheme.eq_ignore_ascii_case("rtmps") => (true, 8),
            _ => return Err(AddressError::Scheme),
        };
        let rest = text.get(begin..).unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return Err(AddressError::User { at: begin });
        }
        let usual = if is_secure { 443 } else { 1935 };
        let (host, port) = split_authority(authority, usual, begin)?;
        let (app, stream) = split_path(path, begin + end)?;
        Ok(Self {
            is_secure,
            host: host.to_owned(),
            port,
            app: app.to_owned(),
            stream: stream.to_owned(),
        })
    }
}

/// Host and port; the first byte of `authority` is at `at`.
fn split_authority(authority: &str, usual: u16, at: usize) -> Result<(&str, u16), AddressError> {
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (host, port) = rest.split_once(']').ok_or(AddressError::Host { at })?;
        let is_ip = host.parse::<std::net::Ipv6Addr>().is_ok();
        (Some(host).filter(|_| is_ip), port)
    } else {
        let end = authority.find(':').unwrap_or(authority.len());
        let (host, port) = authority.split_at(end);
        (Some(host).filter(|host| is_name(host)), port)
    };
    let host = host.ok_or(AddressError::Host { at })?;
    if port.is_empty() {
        return Ok((host, usual));
    }
    let at = at + authority.len() - port.len();
    let number = port
        .strip_prefix(':')
        .filter(|digits| digits.bytes().all(|it| it.is_ascii_digit()));
    match number.and_then(|digits| digits.parse().ok()) {
        Some(port @ 1..) => Ok((host, port)),
        Some(_) | None => Err(AddressError::Port { at }),
    }
}

fn is_name(host: &str) -> bool {
    let is_part = |it: u8| it.is_ascii_alphanumeric() || b"-._~%".contains(&it);
    !host.is_empty() && host.bytes().all(is_part)
}

/// Application and stream: of two parts the first and the second; of more the first two and the rest. The first byte
/// of `path` is at `at`.
fn split_path(path: &str, at: usize) -> Result<(&str, &str), AddressError> {
    let plain = path.find('?').unwrap_or(path.len());
    let Some(parts) = path[..plain].strip_prefix('/') else {
        return Err(AddressError::App { at });
    };
    let first = parts.find('/').unwrap_or(parts.len());
    if first == 0 {
        return Err(AddressError::App { at: at + 1 });
    }
    let second = parts[first..].get(1..).and_then(|rest| rest.find('/'));
    let app = second.map_or(first, |second| first + 1 + second);
    // A slash before the application, and one behind it.
    let begin = 1 + app + 1;
    match path.get(begin..) {
        Some(stream) if begin < plain && !path[..plain].ends_with('/') => {
            Ok((&parts[..app], stream))
        }
        Some(_) | None => Err(AddressError::Stream { at: at + begin.min(plain) }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts(text: &str) -> (String, u16, String, String, String) {
        let address: Address = text.parse().expect(text);
        let (host, app, stream) = (address.host(), address.app(), address.stream());
        (
            host.to_owned(),
            address.port(),
            app.to_owned(),
            stream.to_owned(),
            address.tc_url(),
        )
    }

    #[test]
    fn address_is_taken_apart() {
        for (text, host, port, app, stream, tc_url) in [
            ("rtmp://h/app/key", "h", 1935, "app", "key", "rtmp://h/app"),
            ("RTMP://h:1935/app/key", "h", 1935, "app", "key", "rtmp://h/app"),
            (
                "rtmps://a.b:8443/app/key?x=/y",
                "a.b",
                8443,
                "app",
                "key?x=/y",
                "rtmps://a.b:8443/app",
            ),
            (
                "rtmp://h/app/_definst_/key",
                "h",
                1935,
                "app/_definst_",
                "key",
                "rtmp://h/app/_definst_",
            ),
            ("rtmp://h/a/b/c/d?e", "h", 1935, "a/b", "c/d?e", "rtmp://h/a/b"),
            ("rtmps://[::1]/app/key", "::1", 443, "app", "key", "rtmps://[::1]/app"),
            ("rtmp://[::1]:19/app/key", "::1", 19, "app", "key", "rtmp://[::1]:19/app"),
        ] {
            let expected =
                (host.to_owned(), port, app.to_owned(), stream.to_owned(), tc_url.to_owned());
            assert_eq!(parts(text), expected);
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (text, expected) in [
            ("http://h/app/key", AddressError::Scheme),
            ("rtmp:/h/app/key", AddressError::Scheme),
            ("rtmp://h/app/k y", AddressError::Character { at: 14 }),
            ("rtmp://h/app/key\n", AddressError::Character { at: 16 }),
            ("rtmp://u:p@h/app/key", AddressError::User { at: 7 }),
            ("rtmp:///app/key", AddressError::Host { at: 7 }),
            ("rtmp://h,/app/key", AddressError::Host { at: 7 }),
            ("rtmp://[::g]/app/key", AddressError::Host { at: 7 }),
            ("rtmp://[::1/app/key", AddressError::Host { at: 7 }),
            ("rtmp://h:/app/key", AddressError::Port { at: 8 }),
            ("rtmp://h:0/app/key", AddressError::Port { at: 8 }),
            ("rtmp://h:+1/app/key", AddressError::Port { at: 8 }),
            ("rtmp://h:65536/app/key", AddressError::Port { at: 8 }),
            ("rtmp://[::1]1/app/key", AddressError::Port { at: 12 }),
            ("rtmp://h", AddressError::App { at: 8 }),
            ("rtmp://h?a/b", AddressError::App { at: 8 }),
            ("rtmp://h//key", AddressError::App { at: 9 }),
            ("rtmp://h/app", AddressError::Stream { at: 12 }),
            ("rtmp://h/app/", AddressError::Stream { at: 13 }),
            ("rtmp://h/app/?key", AddressError::Stream { at: 13 }),
            ("rtmp://h/app/key/", AddressError::Stream { at: 17 }),
        ] {
            assert_eq!(text.parse::<Address>(), Err(expected), "{text}");
        }
        let long = format!("rtmp://h/app/{}", "k".repeat(LONG));
        assert_eq!(long.parse::<Address>(), Err(AddressError::Long));
    }

    proptest! {
        #[test]
        fn no_text_of_ours_shows_the_key(key in "[a-z0-9-]{4,20}", query in "[a-z0-9=&]{4,20}", tail in "[ /@:#]{0,2}") {
            let text = format!("rtmp://h/app/SECRET{key}?SECRET{query}{tail}");
            let shown = match text.parse::<Address>() {
                Ok(address) => format!("{address} {address:?}"),
                Err(error) => format!("{error} {error:?}"),
            };
            prop_assert!(!shown.contains("SECRET"), "{}", shown);
        }

        #[test]
        fn garbage_is_refused_or_an_address(text in "(rtmps?://)?[a-z0-9:/?@\\[\\]é]{0,40}") {
            if let Ok(address) = text.parse::<Address>() {
                let again = format!("{}/{}", address.tc_url(), address.stream()).parse();
                prop_assert_eq!(again, Ok(address));
            }
        }
    }
}
