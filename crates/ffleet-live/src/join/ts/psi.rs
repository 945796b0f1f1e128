//! The tables of a transport stream (ISO/IEC 13818-1 §2.4.4): which programmes there are, what
//! they are made of, and the packets that said so.

use super::super::step::number;
use super::picture::Syntax;
use super::{PACKET, SYNC, payload};

/// How many programmes are followed.
const PROGRAMS: usize = 64;
/// The longest section of a PAT or PMT in bytes.
const SECTION: usize = 1024;

/// The tables of a stream.
#[derive(Debug, Default)]
pub(super) struct Psi {
    /// The packets of the PAT, counted from 0.
    pat: Vec<u8>,
    programs: Vec<Program>,
    /// Sections that have not wholly come, one a PID.
    partial: Vec<Partial>,
}

#[derive(Debug)]
struct Program {
    number: u64,
    pid: u16,
    /// The packets of its PMT, counted from 0; none before it was seen.
    packets: Vec<u8>,
    streams: Vec<(u16, Option<Coding>)>,
}

#[derive(Debug)]
struct Partial {
    pid: u16,
    packets: Vec<u8>,
    section: Vec<u8>,
}

/// What a stream of a programme carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// Pictures, which can be looked into if their syntax is known.
    Video(Option<Syntax>),
    Sound,
}

/// Where join points are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Watch {
    pub(super) pid: u16,
    pub(super) coding: Coding,
}

impl Psi {
    /// A packet of one of [`Self::pids`]; whether anything is different now.
    pub(super) fn packet(&mut self, pid: u16, packet: &[u8; PACKET]) -> bool {
        let known = if pid == 0 { Some(&self.pat) } else { self.table(pid) };
        if known.is_some_and(|known| same_but_counter(known, packet)) {
            return false;
        }
        let mut changed = false;
        let (section, packets) = self.gather(pid, packet);
        for section in sections(&section) {
            changed |= match (pid, section[0]) {
                (0, 0) => self.associate(section, &packets),
                (1.., 2) => self.map(pid, section, &packets),
                _ => false,
            };
        }
        changed
    }

    /// The packets of the one table on `pid`.
    fn table(&self, pid: u16) -> Option<&Vec<u8>> {
        let mut on_pid = self.programs.iter().filter(|program| program.pid == pid);
        let one = on_pid.next()?;
        on_pid.next().is_none().then_some(&one.packets)
    }

    /// Adds the packet to those before it, and answers the sections they carry once these have
    /// wholly come, with the packets.
    fn gather(&mut self, pid: u16, packet: &[u8; PACKET]) -> (Vec<u8>, Vec<u8>) {
        let found = self.partial.iter().position(|partial| partial.pid == pid);
        let before = found.map(|place| self.partial.swap_remove(place));
        let payload = payload(packet);
        let begins = packet[1] & 0x40 != 0;
        let mut partial = if begins {
            let pointed = payload.first().map_or(0, |&pointer| 1 + usize::from(pointer));
            let section = payload.get(pointed..).unwrap_or_default().to_vec();
            Partial { pid, packets: packet.to_vec(), section }
        } else {
            let Some(mut before) = before else {
                return Default::default();
            };
            before.section.extend_from_slice(payload);
            before.packets.extend_from_slice(packet);
            before
        };
        match missing(&partial.section) {
            Some(true) if partial.section.len() <= SECTION => {
                self.partial.push(partial);
                Default::default()
            }
            Some(false) => {
                for (counter, packet) in (0..).zip(partial.packets.chunks_exact_mut(PACKET)) {
                    packet[3] = packet[3] & 0xf0 | counter & 0x0f;
                }
                (partial.section, partial.packets)
            }
            Some(true) | None => Default::default(),
        }
    }

    /// The PAT (§2.4.4.3): programme numbers and the PIDs of their PMTs.
    fn associate(&mut self, section: &[u8], packets: &[u8]) -> bool {
        let Some((_, entries)) = section[..section.len() - 4].split_at_checked(8) else {
            return false;
        };
        let mut programs = Vec::new();
        for entry in entries.as_chunks::<4>().0.iter().take(PROGRAMS) {
            let number = number(&entry[..2]);
            let pid = u16::from(entry[2] & 0x1f) << 8 | u16::from(entry[3]);
            // 0 names the network's table.
            if number == 0 || pid == 0 {
                continue;
            }
            let is_it = |known: &Program| known.number == number && known.pid == pid;
            let known = self.programs.iter().position(is_it);
            programs.push(match known {
                Some(place) => self.programs.swap_remove(place),
                None => Program { number, pid, packets: Vec::new(), streams: Vec::new() },
            });
        }
        self.programs = programs;
        self.partial.retain(|partial| partial.pid == 0);
        self.pat = packets.to_vec();
        true
    }

    /// A PMT (§2.4.4.8): stream types and PIDs.
    fn map(&mut self, pid: u16, section: &[u8], packets: &[u8]) -> bool {
        let is_it =
            |known: &&mut Program| known.pid == pid && known.number == number(&section[3..5]);
        let Some(program) = self.programs.iter_mut().find(is_it) else {
            return false;
        };
        let body = &section[..section.len() - 4];
        let Some(mut rest) = long(body, 10).and_then(|about| body.get(12 + about..)) else {
            return false;
        };
        program.streams.clear();
        while let Some(about) = long(rest, 3) {
            let pid = u16::from(rest[1] & 0x1f) << 8 | u16::from(rest[2]);
            let descriptors = rest.get(5..5 + about).unwrap_or_default();
            program.streams.push((pid, coding(rest[0], descriptors)));
            rest = rest.get(5 + about..).unwrap_or_default();
        }
        program.packets = packets.to_vec();
        true
    }

    /// The PIDs that tables are on.
    pub(super) fn pids(&self) -> impl Iterator<Item = u16> {
        std::iter::once(0).chain(self.programs.iter().map(|program| program.pid))
    }

    /// The PIDs of all programmes' streams.
    pub(super) fn streams(&self) -> impl Iterator<Item = u16> {
        self.programs
            .iter()
            .flat_map(|program| &program.streams)
            .map(|&(pid, _)| pid)
    }

    /// The first programme's first video, or else its first sound.
    pub(super) fn watch(&self) -> Option<Watch> {
        let coded = || {
            let streams = self.programs.iter().flat_map(|program| &program.streams);
            streams.filter_map(|&(pid, coding)| Some(Watch { pid, coding: coding? }))
        };
        let video = coded().find(|watch| matches!(watch.coding, Coding::Video(_)));
        video.or_else(|| coded().next())
    }

    /// The tables.
    pub(super) fn head(&self) -> Vec<u8> {
        let maps = self.programs.iter().map(|program| &program.packets);
        std::iter::once(&self.pat).chain(maps).flatten().copied().collect()
    }

    /// For each of these PIDs a packet that says that its counter goes on from this one, and the
    /// tables.
    pub(super) fn bridge(&self, counters: &[(u16, u8)]) -> Vec<u8> {
        let tables = self.programs.iter().map(|program| (program.pid, &program.packets));
        let mut bridge = Vec::new();
        for &(pid, counter) in counters.iter().filter(|(pid, _)| !self.pids().any(|it| it == *pid))
        {
            bridge.extend_from_slice(&discontinuity(pid, counter));
        }
        for (pid, packets) in std::iter::once((0, &self.pat)).chain(tables) {
            let last = counters.iter().find(|(it, _)| *it == pid).map_or(0, |&(_, last)| last);
            let packets = packets.as_chunks::<PACKET>().0;
            let before = packets.iter().fold(last, |counter, _| counter.wrapping_sub(1));
            bridge.extend_from_slice(&discontinuity(pid, before));
            for (more, packet) in (1..).zip(packets) {
                let begin = bridge.len();
                bridge.extend_from_slice(packet);
                bridge[begin + 3] = packet[3] & 0xf0 | before.wrapping_add(more) & 0x0f;
            }
        }
        bridge
    }
}

/// A packet of nothing but an adaptation field that announces a discontinuity.
fn discontinuity(pid: u16, counter: u8) -> [u8; PACKET] {
    const ONLY_ADAPTATION: u8 = 0x20;
    let [high, low] = pid.to_be_bytes();
    let mut packet = [0xff; PACKET];
    let head = [SYNC, high, low, ONLY_ADAPTATION | counter & 0x0f, 183, 0x80];
    packet[..head.len()].copy_from_slice(&head);
    packet
}

/// Whether a table is this one packet, whatever its counter.
fn same_but_counter(known: &[u8], packet: &[u8; PACKET]) -> bool {
    known.len() == PACKET
        && known[..3] == packet[..3]
        && known[3] & 0xf0 == packet[3] & 0xf0
        && known[4..] == packet[4..]
}

/// Twelve bits that say a length.
fn long(bytes: &[u8], at: usize) -> Option<usize> {
    let [high, low] = *bytes.get(at..)?.first_chunk()?;
    Some(usize::from(high & 0x0f) << 8 | usize::from(low))
}

/// Whether the last of the sections that `bytes` begin with has not wholly come; none if there is
/// no section at all.
fn missing(bytes: &[u8]) -> Option<bool> {
    const STUFFING: u8 = 0xff;
    let mut rest = bytes;
    while rest.first().is_some_and(|&table| table != STUFFING) {
        match long(rest, 1).and_then(|long| rest.get(3 + long..)) {
            Some(after) => rest = after,
            None => return Some(true),
        }
    }
    (rest.len() < bytes.len()).then_some(false)
}

/// The sections among `bytes` that are in force, belong to one that is not divided, and are
/// undamaged.
fn sections(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    let each = std::iter::from_fn(move || {
        let (section, after) = rest.split_at_checked(3 + long(rest, 1)?)?;
        rest = after;
        Some(section)
    });
    each.filter(|section| {
        (12..=SECTION).contains(&section.len())
            && section[1] & 0x80 != 0
            && section[5] & 1 == 1
            && section[6] == 0
            && remainder(section) == 0
    })
}

/// The remainder of CRC_32 (annex A) over a section with its check: 0 if it is undamaged.
fn remainder(section: &[u8]) -> u32 {
    section.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte) << 24, |crc, _| {
            crc << 1 ^ if crc >> 31 == 1 { 0x04c1_1db7 } else { 0 }
        })
    })
}

/// What a stream type means (table 2-34), private data by its descriptors (§2.6.8, ETSI EN 300 468).
fn coding(kind: u8, descriptors: &[u8]) -> Option<Coding> {
    Some(match kind {
        0x01 | 0x02 => Coding::Video(Some(Syntax::Mpeg2)),
        0x10 => Coding::Video(Some(Syntax::Mpeg4)),
        0x1b => Coding::Video(Some(Syntax::H264)),
        0x24 => Coding::Video(Some(Syntax::H265)),
        0x33 => Coding::Video(Some(Syntax::H266)),
        // JPEG 2000, Chinese AVS, JPEG XS, EVC; Dirac and VC-1 by custom.
        0x21 | 0x32 | 0x35 | 0x42 | 0xd1..=0xd4 | 0xea => Coding::Video(None),
        0x03 | 0x04 | 0x0f | 0x11 | 0x1c | 0x2d | 0x81 | 0x82 | 0x87 => Coding::Sound,
        0x06 => return registered(descriptors),
        _ => return None,
    })
}

fn registered(mut descriptors: &[u8]) -> Option<Coding> {
    while let [tag, long, rest @ ..] = descriptors {
        let (body, after) = rest.split_at_checked(usize::from(*long))?;
        match (tag, body) {
            (0x05, [b'A', b'V', b'0', b'1', ..]) => return Some(Coding::Video(None)),
            (0x05, [b'H', b'E', b'V', b'C', ..]) => return Some(Coding::Video(Some(Syntax::H265))),
            (0x05, [b'O', b'p', b'u', b's', ..] | [b'A' | b'E', b'C' | b'A', b'-' | b'C', b'3', ..])
            // AC-3, enhanced AC-3, DTS, AAC.
            | (0x6a | 0x7a..=0x7c, _) => return Some(Coding::Sound),
            _ => descriptors = after,
        }
    }
    None
}
