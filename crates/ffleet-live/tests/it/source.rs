//! Tracks and packets out of what FFmpeg's encoders write.

use ffleet_live::flv::{Kind, Tag};
use ffleet_live::packet::{Codec, Packet, Track};

/// What was encoded.
#[derive(Debug)]
pub(crate) struct Source {
    /// The pictures, then the sound.
    pub(crate) tracks: Vec<Track>,
    /// By the track that each belongs to, in FFmpeg's order.
    pub(crate) packets: Vec<(usize, Packet)>,
    /// The tags of pictures and sound in which they were.
    pub(crate) tags: Vec<Tag>,
}

/// The tags of an FLV file.
pub(crate) fn tags(flv: &[u8]) -> Vec<Tag> {
    assert!(flv.starts_with(b"FLV\x01"));
    let mut rest = &flv[13..];
    let mut tags = Vec::new();
    while let Some(&[kind, a, b, c, d, e, f, g, ..]) = rest.first_chunk::<11>() {
        let long = u32::from_be_bytes([0, a, b, c]) as usize;
        let kind = [Kind::Audio, Kind::Video, Kind::Script]
            .into_iter()
            .find(|it| it.number() == kind)
            .unwrap();
        let body = rest[11..11 + long].to_vec();
        tags.push(Tag::new(kind, u32::from_be_bytes([g, d, e, f]), body).unwrap());
        rest = &rest[11 + long + 4..];
    }
    assert!(rest.is_empty(), "it ends with a whole tag");
    tags
}

/// What is in an FLV file of H.264, and AAC or MP3. Pictures get access unit delimiters, and keyframes parameter sets, as
/// encoders send them that know nothing of FLV.
pub(crate) fn of_flv(flv: &[u8]) -> Source {
    let mut source = Source { tracks: Vec::new(), packets: Vec::new(), tags: Vec::new() };
    let mut sets = Vec::new();
    let all = tags(flv);
    let of = |kind: Kind| all.iter().filter(move |tag| tag.kind() == kind);
    if let Some(first) = of(Kind::Video).next() {
        sets = parameter_sets(&first.body()[5..]);
        source.tracks.push(Track { codec: Codec::H264, config: sets.clone() });
    }
    let sound = source.tracks.len();
    if let Some(first) = of(Kind::Audio).next() {
        source.tracks.push(match first.body()[0] >> 4 {
            10 => Track { codec: Codec::Aac, config: first.body()[2..].to_vec() },
            _ => Track { codec: Codec::Mp3, config: Vec::new() },
        });
    }
    for tag in all {
        let dts = i64::from(tag.timestamp()) * 90;
        let sounds = |bytes: &[u8]| Packet { pts: dts, dts, is_key: true, bytes: bytes.to_vec() };
        let found = match (tag.kind(), tag.body()) {
            (Kind::Audio, [head, 1, bytes @ ..]) if head >> 4 == 10 => Some((sound, sounds(bytes))),
            (Kind::Audio, [head, bytes @ ..]) if head >> 4 == 2 => Some((sound, sounds(bytes))),
            (Kind::Video, [head, 1, a, b, c, units @ ..]) => {
                let late = i64::from(i32::from_be_bytes([*a, *b, *c, 0]) >> 8);
                let is_key = head >> 4 == 1;
                let mut bytes = vec![0, 0, 0, 1, 9, 0xf0];
                bytes.extend_from_slice(if is_key { &sets } else { &[] });
                bytes.extend(byte_stream(units));
                Some((0, Packet { pts: dts + late * 90, dts, is_key, bytes }))
            }
            // The end of a stream has a tag of its own, which is nobody's.
            (Kind::Script, _) | (Kind::Video, [_, 2, ..]) => continue,
            (Kind::Audio | Kind::Video, _) => None,
        };
        source.packets.extend(found);
        source.tags.push(tag);
    }
    source
}

/// The parameter sets of a decoder configuration record of H.264, as a byte stream.
fn parameter_sets(record: &[u8]) -> Vec<u8> {
    let mut sets = Vec::new();
    let mut rest = &record[5..];
    for mask in [0x1f, 0xff] {
        let count = rest[0] & mask;
        rest = &rest[1..];
        for _ in 0..count {
            let long = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
            sets.extend_from_slice(&[0, 0, 0, 1]);
            sets.extend_from_slice(&rest[2..2 + long]);
            rest = &rest[2 + long..];
        }
    }
    sets
}

/// Units with lengths as units with start codes, long and short by turns.
fn byte_stream(mut units: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some((long, rest)) = units.split_first_chunk() {
        let (unit, after) = rest.split_at(u32::from_be_bytes(*long) as usize);
        bytes.extend_from_slice(if bytes.is_empty() { &[0, 0, 0, 1] } else { &[0, 0, 1] });
        bytes.extend_from_slice(unit);
        units = after;
    }
    bytes
}

/// What is in a byte stream of H.265 whose pictures begin with access unit delimiters and come in the order in which
/// they are shown, `each` ticks apart.
pub(crate) fn of_hevc(stream: &[u8], each: usize) -> Source {
    let delimiter = [0, 0, 0, 1, 35 << 1, 1];
    let mut begins: Vec<_> = (0..stream.len())
        .filter(|&at| stream[at..].starts_with(&delimiter))
        .collect();
    begins.push(stream.len());
    let mut source = Source { tracks: Vec::new(), packets: Vec::new(), tags: Vec::new() };
    for ((begin, end), dts) in begins.iter().zip(&begins[1..]).zip((0..).step_by(each)) {
        let bytes = stream[*begin..*end].to_vec();
        let has = |kind: u8| bytes.windows(4).any(|it| it[..3] == [0, 0, 1] && it[3] >> 1 == kind);
        let is_key = (16..=23).any(has);
        if source.tracks.is_empty() {
            source.tracks.push(Track { codec: Codec::H265, config: bytes.clone() });
        }
        source.packets.push((0, Packet { pts: dts, dts, is_key, bytes }));
    }
    source
}
