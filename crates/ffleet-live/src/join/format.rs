//! Which format bytes are of: by what is said of them, or by the first of them.

use super::{frames, ts};

/// How many of the first bytes are looked at, at most.
const WINDOW: usize = 4 << 10;

/// How a producer frames what it sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// MPEG transport stream, packets of 188 bytes (ISO/IEC 13818-1).
    MpegTs,
    /// MP4 in fragments, as CMAF (ISO/IEC 14496-12, 23000-19).
    FragmentedMp4,
    /// Flash video (Adobe's specification 10.1), with the codecs of Enhanced RTMP.
    Flv,
    /// Matroska and WebM (RFC 9559).
    Matroska,
    /// Pictures one after another as parts of `multipart/x-mixed-replace` (RFC 2046).
    MultipartJpeg,
    /// MPEG audio, layers I to III, by itself (ISO/IEC 11172-3, 13818-3).
    Mp3,
    /// AAC by itself (ISO/IEC 13818-7).
    Adts,
    /// Ogg pages (RFC 3533).
    Ogg,
    /// Anything: all of it is whole, and each call's bytes are a join point.
    Opaque,
}

/// What first bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Is(Format),
    /// Nothing before there are so many of them.
    Needs(usize),
    Nothing,
}

impl Format {
    /// The format of a media type (RFC 9110), whose parameters and case do not matter; none if it
    /// says nothing of the framing, as `application/octet-stream` does.
    #[must_use]
    pub fn of_mime(mimetype: &str) -> Option<Self> {
        let essence = mimetype.split(';').next().unwrap_or_default().trim();
        Some(match essence.to_ascii_lowercase().as_str() {
            "video/mp2t" | "audio/mp2t" | "video/mpegts" => Self::MpegTs,
            "video/mp4" | "audio/mp4" | "application/mp4" | "video/iso.segment"
            | "audio/iso.segment" | "video/x-m4v" | "audio/x-m4a" => Self::FragmentedMp4,
            "video/x-flv" | "video/flv" | "audio/x-flv" => Self::Flv,
            "video/webm" | "audio/webm" | "video/matroska" | "audio/matroska"
            | "video/x-matroska" | "audio/x-matroska" => Self::Matroska,
            "multipart/x-mixed-replace" => Self::MultipartJpeg,
            "audio/mpeg" | "audio/mp3" | "audio/x-mpeg" | "audio/x-mp3" => Self::Mp3,
            "audio/aac" | "audio/aacp" | "audio/x-aac" | "audio/x-hx-aac-adts" => Self::Adts,
            "audio/ogg" | "video/ogg" | "application/ogg" | "application/x-ogg" => Self::Ogg,
            _ => return None,
        })
    }

    /// Its name, as [`named`](Self::named) reads it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MpegTs => "mpegts",
            Self::FragmentedMp4 => "mp4",
            Self::Flv => "flv",
            Self::Matroska => "matroska",
            Self::MultipartJpeg => "multipart",
            Self::Mp3 => "mp3",
            Self::Adts => "adts",
            Self::Ogg => "ogg",
            Self::Opaque => "opaque",
        }
    }

    /// The format of this name, if there is one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        const ALL: [Format; 9] = [
            Format::MpegTs,
            Format::FragmentedMp4,
            Format::Flv,
            Format::Matroska,
            Format::MultipartJpeg,
            Format::Mp3,
            Format::Adts,
            Format::Ogg,
            Format::Opaque,
        ];
        ALL.into_iter().find(|format| format.name() == name)
    }

    /// Whether one can begin to read it anywhere: its framing is found again, and nothing that stands only at the
    /// beginning is needed.
    #[must_use]
    pub const fn is_found_anywhere(self) -> bool {
        match self {
            Self::MpegTs | Self::Mp3 | Self::Adts | Self::Opaque => true,
            Self::FragmentedMp4 | Self::Flv | Self::Matroska | Self::MultipartJpeg | Self::Ogg => {
                false
            }
        }
    }

    /// The format of a producer's `first` bytes, where they say it for certain; none where they
    /// do not, or are too few. What is said of some bytes is said of them with any others after
    /// them as well.
    #[must_use]
    pub fn sniff(first: &[u8]) -> Option<Self> {
        match told(first) {
            Told::Is(format) => Some(format),
            Told::Needs(_) | Told::Nothing => None,
        }
    }
}

/// What `first` says. Which question is asked depends on the first few bytes alone, and each has
/// its answer after a number of bytes that they fix: so more of them never change it.
pub(super) fn told(first: &[u8]) -> Told {
    let told = match first {
        [] => Told::Needs(1),
        [b'F', ..] => magic(first, b"FLV\x01", Format::Flv),
        [0x1a, ..] => magic(first, &[0x1a, 0x45, 0xdf, 0xa3], Format::Matroska),
        [b'O', ..] => magic(first, b"OggS\0", Format::Ogg),
        [b'-' | b'\r' | b'\n', ..] => part(first),
        [0xff, ..] => frame(first),
        [b'I', ..] => tagged(first),
        [0, ..] => boxed(first),
        _ => Told::Nothing,
    };
    match told {
        // The rest of a packet may begin with anything.
        Told::Nothing => packets(first),
        told => told,
    }
}

/// `format` if `first` begins with `magic`.
fn magic(first: &[u8], magic: &[u8], format: Format) -> Told {
    match first.get(..magic.len()) {
        Some(begin) if begin == magic => Told::Is(format),
        None if magic.starts_with(first) => Told::Needs(magic.len()),
        Some(_) | None => Told::Nothing,
    }
}

/// Packets of a transport stream, the first of them perhaps cut.
fn packets(first: &[u8]) -> Told {
    const ROW: usize = 4;
    let need = ts::PACKET * ROW;
    if first.len() < need {
        return Told::Needs(need);
    }
    let in_row = |begin: &usize| (0..ROW).all(|k| first[begin + k * ts::PACKET] == ts::SYNC);
    (0..ts::PACKET)
        .find(in_row)
        .map_or(Told::Nothing, |_| Told::Is(Format::MpegTs))
}

/// A boundary's line and then a header's.
fn part(first: &[u8]) -> Told {
    const LINE: usize = 256;
    const NAME: &[u8] = b"content-";
    let window = &first[..first.len().min(LINE)];
    let begin = window.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let line = &window[begin..];
    if !line.starts_with(b"--") && line.len() >= 2 {
        return Told::Nothing;
    }
    let named = line.iter().position(|&byte| byte == b'\n').and_then(|end| {
        let name = line.get(end + 1..end + 1 + NAME.len())?;
        Some(name.eq_ignore_ascii_case(NAME))
    });
    match named {
        Some(true) => Told::Is(Format::MultipartJpeg),
        Some(false) => Told::Nothing,
        None if window.len() == LINE => Told::Nothing,
        None => Told::Needs(first.len() + 1),
    }
}

/// A frame of MPEG audio or AAC, and the next one's header.
fn frame(first: &[u8]) -> Told {
    let Some(head) = first.first_chunk::<{ frames::HEADER }>() else {
        return Told::Needs(frames::HEADER);
    };
    for (format, kind) in [(Format::Mp3, frames::Kind::Mpeg), (Format::Adts, frames::Kind::Adts)] {
        let Some(frame) = kind.frame(head) else { continue };
        let need = frame.long + frames::HEADER;
        let Some(next) = first.get(frame.long..).and_then(|next| next.first_chunk()) else {
            return Told::Needs(need);
        };
        return match kind.frame(next) {
            Some(next) if next.same == frame.same => Told::Is(format),
            Some(_) | None => Told::Nothing,
        };
    }
    Told::Nothing
}

/// What follows an ID3v2 tag; behind a long one MPEG audio, of which it is the custom.
fn tagged(first: &[u8]) -> Told {
    if !first.starts_with(&b"ID3"[..first.len().min(3)]) {
        return Told::Nothing;
    }
    let Some(long) = first.first_chunk().map(frames::tag) else {
        return Told::Needs(10);
    };
    let Some(long) = long.and_then(|long| usize::try_from(long).ok()) else {
        return Told::Nothing;
    };
    // The longest frame of AAC is 8 KiB: its header alone is looked at where it ends too late.
    if long + frames::HEADER > WINDOW {
        return Told::Is(Format::Mp3);
    }
    match first.get(long..).and_then(|next| next.first_chunk()) {
        None => Told::Needs(long + frames::HEADER),
        Some(head) if frames::Kind::Adts.frame(head).is_some() => Told::Is(Format::Adts),
        Some(head) if frames::Kind::Mpeg.frame(head).is_some() => Told::Is(Format::Mp3),
        Some(_) => Told::Nothing,
    }
}

/// A box that a file or a segment of MP4 begins with.
fn boxed(first: &[u8]) -> Told {
    match first.get(4..8) {
        Some(b"ftyp" | b"styp" | b"moov" | b"moof" | b"sidx" | b"emsg" | b"prft") => {
            Told::Is(Format::FragmentedMp4)
        }
        Some(_) => Told::Nothing,
        None => Told::Needs(8),
    }
}
