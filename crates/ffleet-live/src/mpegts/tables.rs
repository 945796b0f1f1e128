//! The tables that say what a stream is made of (§2.4.4): the association table (PAT) names
//! programs, the map (PMT) of each its streams.

use super::{PACKET, SYNC, opus};
use crate::crc::crc;
use crate::packet::Codec;

/// The PID of the association table.
pub(super) const PAT: u16 = 0;
/// The PID of the map that we write.
pub(super) const PMT: u16 = 0x1000;
/// The number of the program that we write.
const PROGRAM: u16 = 1;
/// The longest section in bytes.
const SECTION: usize = 1024;
/// How many streams of a program are looked at.
const STREAMS: usize = 64;

/// What a descriptor is of (table 2-45; ETSI EN 300 468).
const REGISTRATION: u8 = 0x05;
const EXTENSION: u8 = 0x7f;
const OPUS_EXTENSION: u8 = 0x80;

/// A stream as a map has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) pid: u16,
    /// None where it is not known.
    pub(super) codec: Option<Codec>,
    /// Of Opus, the code for its channels.
    pub(super) channels: u8,
}

/// The association table as a packet, its counter 0.
pub(super) fn pat() -> [u8; PACKET] {
    let [high, low] = PROGRAM.to_be_bytes();
    let [map_high, map_low] = PMT.to_be_bytes();
    packet(
        PAT,
        &mut vec![0, 0xb0, 0, 0, 1, 0xc1, 0, 0, high, low, 0xe0 | map_high, map_low],
    )
}

/// The map as a packet, its counter 0; no more than [`super::TRACKS`] entries fit.
pub(super) fn pmt(version: u8, clock: u16, entries: &[Entry]) -> [u8; PACKET] {
    let [high, low] = PROGRAM.to_be_bytes();
    let [clock_high, clock_low] = clock.to_be_bytes();
    let version = 0xc1 | (version & 0x1f) << 1;
    let mut section = vec![2, 0xb0, 0, high, low, version, 0, 0];
    section.extend_from_slice(&[0xe0 | clock_high, clock_low, 0xf0, 0]);
    for entry in entries {
        let [high, low] = entry.pid.to_be_bytes();
        let opus = [
            REGISTRATION,
            4,
            b'O',
            b'p',
            b'u',
            b's',
            EXTENSION,
            2,
            OPUS_EXTENSION,
            entry.channels,
        ];
        let (kind, about) = match entry.codec {
            Some(Codec::H264) => (0x1b, &[][..]),
            Some(Codec::H265) => (0x24, &[][..]),
            Some(Codec::Aac) => (0x0f, &[][..]),
            Some(Codec::Mp3) => (0x03, &[][..]),
            Some(Codec::Opus) => (0x06, &opus[..]),
            None => (0x06, &[][..]),
        };
        let long = u8::try_from(about.len()).unwrap_or_default();
        section.extend_from_slice(&[kind, 0xe0 | high, low, 0xf0, long]);
        section.extend_from_slice(about);
    }
    packet(PMT, &mut section)
}

/// A packet with this section, which lacks its length and check.
fn packet(pid: u16, section: &mut Vec<u8>) -> [u8; PACKET] {
    const BEFORE: usize = 3;
    let long = (section.len() + 4).saturating_sub(BEFORE);
    if let Some(field) = section.get_mut(2) {
        *field = u8::try_from(long).unwrap_or_default();
    }
    let check = crc(u32::MAX, section);
    section.extend_from_slice(&check.to_be_bytes());
    let [high, low] = pid.to_be_bytes();
    let mut packet = [0xff; PACKET];
    // A payload alone, which a unit begins in, at once.
    let head = [SYNC, 0x40 | high, low, 0x10, 0];
    let bytes = head.iter().chain(section.iter());
    for (to, from) in packet.iter_mut().zip(bytes) {
        *to = *from;
    }
    packet
}

/// A section that has not wholly come.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    bytes: Vec<u8>,
    /// Whether a section has begun.
    is_open: bool,
}

impl Assembly {
    /// What was gathered is of no use: something is missing.
    pub(super) fn forget(&mut self) {
        self.bytes.clear();
        self.is_open = false;
    }

    /// The payload of the next packet; `begins` says whether a section begins in it. Gives the
    /// sections that are whole now, undamaged and in force.
    pub(super) fn push(&mut self, payload: &[u8], begins: bool) -> Vec<Vec<u8>> {
        let mut sections = Vec::new();
        if begins {
            let Some((&pointer, rest)) = payload.split_first() else {
                return sections;
            };
            let Some((before, rest)) = rest.split_at_checked(usize::from(pointer)) else {
                self.forget();
                return sections;
            };
            self.more(before, &mut sections);
            self.bytes.clear();
            self.is_open = true;
            self.more(rest, &mut sections);
        } else {
            self.more(payload, &mut sections);
        }
        sections
    }

    fn more(&mut self, bytes: &[u8], sections: &mut Vec<Vec<u8>>) {
        const STUFFING: u8 = 0xff;
        if !self.is_open {
            return;
        }
        self.bytes.extend_from_slice(bytes);
        let mut rest = &self.bytes[..];
        while let Some(long) = twelve(rest, 1).map(|long| 3 + long) {
            if long > SECTION || rest.first() == Some(&STUFFING) {
                self.forget();
                return;
            }
            let Some((section, after)) = rest.split_at_checked(long) else {
                break;
            };
            let is_current = section.get(5).is_some_and(|flags| flags & 1 == 1);
            if long >= 12 && is_current && crc(u32::MAX, section) == 0 {
                sections.push(section.to_vec());
            }
            rest = after;
        }
        let passed = self.bytes.len() - rest.len();
        self.bytes.drain(..passed);
    }
}

/// The twelve bits that say a length.
fn twelve(bytes: &[u8], at: usize) -> Option<usize> {
    let two = *bytes.get(at..)?.first_chunk()?;
    Some(usize::from(u16::from_be_bytes(two) & 0x0fff))
}

/// The thirteen bits that say a PID.
fn thirteen(bytes: &[u8], at: usize) -> Option<u16> {
    let two = *bytes.get(at..)?.first_chunk()?;
    Some(u16::from_be_bytes(two) & 0x1fff)
}

/// The number of the first program of an association table, and the PID of its map.
pub(super) fn first_program(section: &[u8]) -> Option<(u16, u16)> {
    let (0, body) = (*section.first()?, section.get(8..section.len().checked_sub(4)?)?) else {
        return None;
    };
    body.as_chunks::<4>().0.iter().find_map(|entry| {
        let number = u16::from_be_bytes(*entry.first_chunk()?);
        // 0 names the network's table.
        (number != 0).then_some((number, thirteen(entry, 2)?))
    })
}

/// The streams of this program, where this section is its map.
pub(super) fn streams(section: &[u8], program: u16) -> Option<Vec<Entry>> {
    let body = section.get(..section.len().checked_sub(4)?)?;
    let number = u16::from_be_bytes(*body.get(3..)?.first_chunk()?);
    if *body.first()? != 2 || number != program {
        return None;
    }
    let mut rest = body.get(12 + twelve(body, 10)?..)?;
    let mut entries = Vec::new();
    while let Some(about) = twelve(rest, 3) {
        let descriptors = rest.get(5..5 + about)?;
        let (codec, channels) = codec(*rest.first()?, descriptors);
        if entries.len() < STREAMS {
            entries.push(Entry { pid: thirteen(rest, 1)?, codec, channels });
        }
        rest = rest.get(5 + about..)?;
    }
    Some(entries)
}

/// What a stream type means (table 2-34), private ones by their registration.
fn codec(kind: u8, mut descriptors: &[u8]) -> (Option<Codec>, u8) {
    let (mut registered, mut channels) = (None, 2);
    while let [tag, long, rest @ ..] = descriptors {
        let Some((body, after)) = rest.split_at_checked(usize::from(*long)) else {
            break;
        };
        match (*tag, body) {
            (REGISTRATION, b"Opus") => registered = Some(Codec::Opus),
            (REGISTRATION, b"HEVC") => registered = Some(Codec::H265),
            (EXTENSION, [OPUS_EXTENSION, code, ..]) => channels = *code,
            _ => {}
        }
        descriptors = after;
    }
    let codec = match kind {
        0x1b => Some(Codec::H264),
        0x24 => Some(Codec::H265),
        0x0f => Some(Codec::Aac),
        0x03 | 0x04 => Some(Codec::Mp3),
        0x06 => registered,
        _ => None,
    };
    let is_known = codec != Some(Codec::Opus) || opus::config(channels).is_some();
    (codec.filter(|_| is_known), channels)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entries() -> Vec<Entry> {
        let codecs = [Codec::H264, Codec::H265, Codec::Aac, Codec::Mp3, Codec::Opus];
        let entry = |(pid, codec)| Entry { pid, codec: Some(codec), channels: 2 };
        let mut entries: Vec<_> = (0x100..).zip(codecs).map(entry).collect();
        entries.extend([Entry { pid: 0x1ff, codec: None, channels: 2 }]);
        entries.extend((0..2).map(|k| Entry {
            pid: 0x200,
            codec: Some(Codec::Opus),
            channels: 6 + k,
        }));
        entries
    }

    #[test]
    fn tables_are_read_as_they_were_written() {
        let mut assembly = Assembly::default();
        let [pat] = &assembly.push(&pat()[4..], true)[..] else {
            panic!("one section")
        };
        assert_eq!(first_program(pat), Some((PROGRAM, PMT)));
        assert_eq!(entries().len(), super::super::TRACKS);
        let packet = pmt(31, 0x100, &entries());
        let [pmt] = &assembly.push(&packet[4..], true)[..] else {
            panic!("one section")
        };
        assert_eq!(streams(pmt, PROGRAM), Some(entries()));
        assert_eq!(streams(pmt, 2), None);
    }

    #[test]
    fn section_is_put_together_from_several_packets() {
        let packet = pmt(0, 0x100, &entries());
        let long = 3 + twelve(&packet, 6).expect("it is there");
        let section = &packet[5..5 + long];
        let mut assembly = Assembly::default();
        let mut found = Vec::new();
        found.extend(assembly.push(&[&[0][..], &section[..20]].concat(), true));
        found.extend(assembly.push(&section[20..50], false));
        // The rest, and another behind it.
        let pointer = u8::try_from(section.len() - 50).expect("short");
        found.extend(assembly.push(&[&[pointer][..], &section[50..], section].concat(), true));
        assert_eq!(found, [section, section]);
        found.extend(assembly.push(&[0xff; 184], false));
        found.extend(assembly.push(section, false));
        assert_eq!(found.len(), 2, "nothing has begun");
    }

    proptest! {
        #[test]
        fn garbage_is_survived(payloads in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..184), any::<bool>()), 0..20)) {
            let mut assembly = Assembly::default();
            for (mut payload, begins) in payloads {
                for section in assembly.push(&payload, begins) {
                    let _ = (first_program(&section), streams(&section, 1));
                }
                // As if its check were right.
                let _ = (first_program(&payload), streams(&payload, 1));
                payload.splice(0..0, [2, 0xb0, 30, 0, 1, 1, 0, 0, 0, 0, 0xf0, 0]);
                let _ = streams(&payload, 1);
            }
            prop_assert!(assembly.bytes.len() <= SECTION);
        }
    }
}
