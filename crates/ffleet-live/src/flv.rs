//! Packets as FLV: the tags of Flash video (Adobe's specification 10.1, annex E), which are the messages of RTMP too.
//!
//! A [`Packager`] makes tags of packets, a [`Writer`] a file or an endless stream of tags. What may stand in a tag
//! is settled when it is made, so that whoever passes it on has nothing left to refuse.
//!
//! Times are milliseconds that wrap after 49.7 days, as RTMP and players have it. They are rounded from each
//! packet's own time, never summed, so they do not drift, and they are held where they would go back.

use std::fmt;

use crate::packet::{Codec, Track};

mod annexb;
mod avc;
mod bits;
mod hevc;
mod metadata;
mod packager;
mod sets;
mod sound;

pub use packager::Packager;

/// The longest body of a tag in bytes: its length has 24 bits.
pub const BODY: usize = 0xff_ffff;

/// What a tag is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Sound (8).
    Audio,
    /// Pictures (9).
    Video,
    /// Script data (18), as `onMetaData`.
    Script,
}

impl Kind {
    /// Its number, in tags and as the type of RTMP messages.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Audio => 8,
            Self::Video => 9,
            Self::Script => 18,
        }
    }
}

/// A tag without its framing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    kind: Kind,
    timestamp: u32,
    body: Vec<u8>,
}

impl Tag {
    /// A tag for `timestamp`, in milliseconds modulo 2³².
    ///
    /// # Errors
    ///
    /// [`Error::Long`] where the body is longer than [`BODY`].
    pub fn new(kind: Kind, timestamp: u32, body: Vec<u8>) -> Result<Self, Error> {
        if body.len() > BODY {
            return Err(Error::Long { long: body.len() });
        }
        Ok(Self { kind, timestamp, body })
    }

    /// What it is of.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// When it is decoded, in milliseconds modulo 2³².
    #[must_use]
    pub const fn timestamp(&self) -> u32 {
        self.timestamp
    }

    /// What it carries, at most [`BODY`] bytes.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Whether it is `onMetaData`.
    pub(crate) fn is_metadata(&self) -> bool {
        self.kind == Kind::Script && self.body.starts_with(metadata::NAME)
    }

    /// The length of its body in bytes.
    pub(crate) fn long(&self) -> u32 {
        u32::try_from(self.body.len()).expect("a body is at most 24 bits long")
    }

    /// Whether decoders need it before all others: metadata, or a codec's sequence header.
    #[must_use]
    pub fn is_header(&self) -> bool {
        match (self.kind, &self.body[..]) {
            (Kind::Script, _) => self.is_metadata(),
            (Kind::Audio, [first, second, ..]) => first >> 4 == sound::AAC && *second == 0,
            (Kind::Video, [first, ..]) if first & 0x80 != 0 => first & 0x0f == 0,
            (Kind::Video, [first, second, ..]) => first & 0x0f == avc::CODEC && *second == 0,
            (Kind::Audio | Kind::Video, _) => false,
        }
    }
}

/// What writes an FLV file, or a stream of it that has no end.
///
/// ```
/// use ffleet_live::flv::{Packager, Writer};
/// use ffleet_live::packet::{Codec, Packet, Track};
///
/// let tracks = [Track { codec: Codec::Aac, config: vec![0x12, 0x10] }];
/// let (mut packager, mut writer) = (Packager::new(&tracks)?, Writer::new(&tracks));
/// let mut tags = packager.headers();
/// packager.package(0, &Packet { pts: 0, dts: 0, is_key: true, bytes: vec![0x21] }, &mut tags)?;
/// let mut flv = Vec::new();
/// for tag in &tags {
///     writer.write(tag, &mut flv);
/// }
/// assert!(flv.starts_with(b"FLV\x01\x04"));
/// # Ok::<(), ffleet_live::flv::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Writer {
    flags: u8,
    is_begun: bool,
}

impl Writer {
    /// For tags of these tracks.
    #[must_use]
    pub fn new(tracks: &[Track]) -> Self {
        let flag = |track: &Track| if track.codec.is_video() { 1 } else { 4 };
        Self {
            flags: tracks.iter().map(flag).fold(0, |all, flag| all | flag),
            is_begun: false,
        }
    }

    /// Appends `tag`, the first time behind the file's header.
    pub fn write(&mut self, tag: &Tag, into: &mut Vec<u8>) {
        if !self.is_begun {
            self.is_begun = true;
            into.extend_from_slice(b"FLV\x01");
            into.extend_from_slice(&[self.flags, 0, 0, 0, 9, 0, 0, 0, 0]);
        }
        let [high, time @ ..] = tag.timestamp.to_be_bytes();
        let long = tag.long();
        into.push(tag.kind.number());
        into.extend_from_slice(&long.to_be_bytes()[1..]);
        into.extend_from_slice(&time);
        into.extend_from_slice(&[high, 0, 0, 0]);
        into.extend_from_slice(&tag.body);
        into.extend_from_slice(&(long + 11).to_be_bytes());
    }
}

/// Why packets cannot be made into tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// There are not so many tracks.
    NoTrack {
        /// The number that was named, from 0.
        track: usize,
    },
    /// FLV has no form for the codec.
    Codec {
        /// Which track, from 0.
        track: usize,
        /// How it is coded.
        codec: Codec,
    },
    /// FLV carries one track of pictures and one of sound, and this is another.
    Second {
        /// Which track, from 0.
        track: usize,
        /// Which of them is the first of its kind.
        first: usize,
    },
    /// What a decoder must know is not what the codec's standard says.
    Config {
        /// Which track, from 0.
        track: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A packet is not what its codec's standard says.
    Packet {
        /// Which track, from 0.
        track: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A picture is shown so much later or earlier than it is decoded that 24 bits of milliseconds do not hold it.
    Offset {
        /// Which track, from 0.
        track: usize,
        /// From its decoding to its showing, in milliseconds.
        millis: i64,
    },
    /// A tag would be longer than [`BODY`].
    Long {
        /// How long, in bytes.
        long: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NoTrack { track } => write!(f, "there is no track {track}"),
            Self::Codec { track, codec } => write!(f, "track {track}: FLV does not carry {codec}"),
            Self::Second { track, first } => write!(
                f,
                "track {track}: FLV carries one track of its kind, and track {first} is that"
            ),
            Self::Config { track, what } | Self::Packet { track, what } => {
                write!(f, "track {track}: {what}")
            }
            Self::Offset { track, millis } => write!(
                f,
                "track {track}: a picture is shown {millis} ms after it is decoded, which FLV cannot say"
            ),
            Self::Long { long } => write!(f, "{long} bytes do not fit into a tag of {BODY}"),
        }
    }
}

impl std::error::Error for Error {}

/// The NAL units of bytes in the byte stream format.
pub(crate) fn units(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    annexb::units(bytes)
}

/// Whether pictures of a track have more than 8 bits a sample.
pub(crate) fn is_deep(track: &Track) -> bool {
    let depths = |unit| match track.codec {
        Codec::H264 => avc::depths(unit),
        Codec::H265 => hevc::depths(unit),
        Codec::Aac | Codec::Opus | Codec::Mp3 => None,
    };
    let sets = annexb::units(&track.config).filter_map(depths);
    sets.flatten().any(|above| above > 0)
}

/// How wide and high the pictures of a track are, if all of its parameter sets agree.
pub(crate) fn size(track: &Track) -> Option<(u32, u32)> {
    let sets = track
        .codec
        .is_video()
        .then(|| sets::Sets::of_config(track.codec, &track.config));
    let size = sets?.ok()?.size()?;
    Some((size.width, size.height))
}

#[cfg(test)]
mod tests;
