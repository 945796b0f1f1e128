//! Bytes in several places, written one after another as packets of a stream.

use super::super::{HEADER, PACKET, SYNC, pcr};

/// Bytes in several places that follow each other.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    parts: [&'a [u8]; 4],
    /// How many they are.
    pub(super) left: usize,
}

impl<'a> Parts<'a> {
    /// Behind what they are yet to begin with.
    pub(super) fn new([one, two, three]: [&'a [u8]; 3]) -> Self {
        let left = one.len() + two.len() + three.len();
        Self { parts: [&[], one, two, three], left }
    }

    /// Puts a header before them.
    pub(super) fn begin_with(&mut self, header: &'a [u8]) {
        self.parts[0] = header;
        self.left += header.len();
    }

    /// As packets of a stream; the first says these flags and the clock.
    pub(super) fn write(
        mut self,
        (pid, counter): (u16, &mut u8),
        (flags, clock): (u8, Option<i64>),
        into: &mut Vec<u8>,
    ) {
        const ROOM: usize = PACKET - HEADER;
        into.reserve((self.left / ROOM + 2) * PACKET);
        let [high, low] = pid.to_be_bytes();
        let (mut begins, mut flags, mut clock) = (0x40, flags, clock);
        while self.left > 0 {
            let said = match clock {
                Some(_) => 2 + pcr::LONG,
                None if flags != 0 => 2,
                None => 0,
            };
            let long = self.left.min(ROOM - said);
            let adapted = ROOM - long;
            let control = if adapted > 0 { 0x30 } else { 0x10 };
            into.extend_from_slice(&[SYNC, begins | high, low, control | *counter & 0x0f]);
            *counter = counter.wrapping_add(1);
            adapt(adapted, (flags, clock), into);
            self.take(long, into);
            (begins, flags, clock) = (0, 0, None);
        }
    }

    /// The next `long` bytes, no more than are left.
    fn take(&mut self, mut long: usize, into: &mut Vec<u8>) {
        self.left -= long;
        for part in &mut self.parts {
            let (taken, rest) = part.split_at(long.min(part.len()));
            into.extend_from_slice(taken);
            *part = rest;
            long -= taken.len();
            if long == 0 {
                break;
            }
        }
    }
}

/// An adaptation field of so many bytes, its length included.
fn adapt(long: usize, (flags, clock): (u8, Option<i64>), into: &mut Vec<u8>) {
    let Some(rest) = long.checked_sub(1) else {
        return;
    };
    into.push(u8::try_from(rest).unwrap_or_default());
    if rest == 0 {
        return;
    }
    let end = into.len() + rest;
    into.push(if clock.is_some() { flags | pcr::PCR } else { flags });
    if let Some(clock) = clock {
        into.extend_from_slice(&pcr::coded(clock));
    }
    into.resize(end, 0xff);
}
