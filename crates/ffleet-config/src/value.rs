//! How the text of a key becomes a value, and what is said when it does not.

use std::net::SocketAddr;

use ffleet_media::job::Verify;
use ffleet_supervise::watch::Glob;
use ffleet_types::live::feed::{AtEnd, Fallback, Mode, WhenFull};
use ffleet_types::live::inputs::{ContainerFormat, PixelFormat, SampleFormat};
use ffleet_types::live::stream::{Access, Client, Kind, Recovery, Slow};
use ffleet_types::{Bytes, Cpu, FrameRate, FrameSize, Rate, Span, live};

use crate::config::watch::Percent;
use crate::config::{Format, Level, OnStop, Sandbox};

/// A value that a key can have.
pub(crate) trait Value: Sized {
    /// The value that `text` means, or why it means none.
    fn parse(text: &str) -> Result<Self, String>;
}

macro_rules! by_own_words {
    ($($kind:ty),*) => {$(
        impl Value for $kind {
            fn parse(text: &str) -> Result<Self, String> {
                text.parse().map_err(|error: ffleet_types::ParseError| error.to_string())
            }
        }
    )*};
}

by_own_words!(Bytes, Cpu, Rate, Span, Verify, Format, Level, OnStop, Sandbox);
by_own_words!(live::Name, Mode, Fallback, AtEnd, Kind, Client, Slow, Access);
by_own_words!(FrameRate, FrameSize, PixelFormat, Recovery, SampleFormat, WhenFull);
by_own_words!(ContainerFormat, Glob, Percent);

macro_rules! whole_number {
    ($($kind:ty),*) => {$(
        impl Value for $kind {
            fn parse(text: &str) -> Result<Self, String> {
                // `10_000` is a number in YAML 1.1, and easier to read than `10000`.
                text.replace('_', "")
                    .parse()
                    .map_err(|_number| format!("{text:?} is not a whole number that fits here"))
            }
        }
    )*};
}

whole_number!(i8, u8, u16, u32, u64);

impl Value for bool {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_not| format!("{text:?} is not true or false"))
    }
}

impl Value for SocketAddr {
    fn parse(text: &str) -> Result<Self, String> {
        // The one name that means the same address everywhere.
        let numeric = match text.strip_prefix("localhost:") {
            Some(port) => format!("127.0.0.1:{port}"),
            None => text.to_owned(),
        };
        numeric.parse().map_err(|_address| {
            format!("{text:?} is not an address and port, such as 127.0.0.1:8420 or [::1]:8420")
        })
    }
}

impl Value for String {
    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.len() > 4_096 || text.chars().any(char::is_control) {
            return Err(format!(
                "{text:?} is not a text of 1 to 4096 bytes without control characters"
            ));
        }
        Ok(text.to_owned())
    }
}
