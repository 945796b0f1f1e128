//! ITU-T H.264: which NAL units are a picture, and what is to be known of it.

use super::bits::Bits;
use super::store::{Kind, Store};
use super::syntax::{Phase, Picture, Place, Read, Role, Starts, Syntax};
use order::Count;
use sets::{Pps, Sets, Sps};
use slice::{Head, Headed};

mod marking;
mod order;
mod sets;
mod slice;
mod vui;

/// Types of NAL units (table 7-1).
mod kind {
    pub(super) const SLICE: u8 = 1;
    pub(super) const PARTITION_A: u8 = 2;
    pub(super) const IDR: u8 = 5;
    pub(super) const SEI: u8 = 6;
    pub(super) const SPS: u8 = 7;
    pub(super) const PPS: u8 = 8;
    pub(super) const DELIMITER: u8 = 9;
    pub(super) const PREFIX: u8 = 14;
    pub(super) const LAST_RESERVED: u8 = 18;

    pub(super) const fn of(head: u8) -> u8 {
        head & 0x1f
    }
}

/// A stream.
#[derive(Debug, Default)]
pub(super) struct H264 {
    store: Store,
    sets: Sets,
    ahead: Ahead,
    coded: Option<Coded>,
    next: Option<Coded>,
    count: Count,
    /// Decoding began with a picture of this count that is no IDR: what is shown before it cannot be decoded.
    floor: Option<i64>,
}

/// What came since the last slice.
#[derive(Clone, Copy, Debug, Default)]
struct Ahead {
    sps: bool,
    /// A message that a decoder can begin with the next picture.
    recovery: bool,
}

/// A picture under way, or the last one.
#[derive(Debug)]
struct Coded {
    is_key: bool,
    first: Field,
    second: Option<Field>,
}

/// A frame, or a field of one.
#[derive(Debug)]
struct Field {
    /// What its first slice says.
    head: Head,
    /// Whether its first slice was read to the end.
    is_read: bool,
    /// Whether the counts begin anew behind it (memory management control operation 5).
    resets: bool,
    /// The colour planes of which the first macroblock has come, a bit each.
    begun: u8,
}

impl Field {
    fn new(head: Head) -> Self {
        let begun = head.begins();
        Self { head, is_read: false, resets: false, begun }
    }
}

impl Coded {
    fn last(&mut self) -> &mut Field {
        self.second.as_mut().unwrap_or(&mut self.first)
    }

    /// Where a slice with this head belongs.
    fn place(&mut self, head: &Head) -> Place {
        let last = self.last();
        if last.head.is_of_picture(head) {
            let again = last.begun & head.begins() != 0;
            last.begun |= head.begins();
            return if again { Place::Other } else { Place::Same };
        }
        let pairs = self.second.is_none() && self.first.head.is_first_of(head);
        if pairs { Place::Second } else { Place::Other }
    }
}

impl Syntax for H264 {
    fn role(&self, nal: &[u8]) -> Option<Role> {
        Some(match kind::of(*nal.first()?) {
            kind::SLICE | kind::PARTITION_A | kind::IDR => Role::Slice,
            kind::SEI | kind::SPS | kind::PPS | kind::DELIMITER => Role::Begins,
            kind::PREFIX..=kind::LAST_RESERVED => Role::Waits,
            _ => Role::Stays,
        })
    }

    fn place(&mut self, nal: &[u8]) -> Option<Place> {
        let head = match Head::read(nal, &self.sets)?.0 {
            Headed::Known(head) => head,
            Headed::Unknown { is_first } => return Some(Place::Unknown { is_first }),
        };
        let place = self.coded.as_mut().map_or(Place::Other, |coded| coded.place(&head));
        let ahead = std::mem::take(&mut self.ahead);
        match (place, &mut self.coded) {
            (Place::Second, Some(coded)) => coded.second = Some(Field::new(head)),
            (Place::Same, _) => {}
            _ => {
                let is_key = head.is_idr() || ahead.recovery || ahead.sps && head.is_intra();
                self.next = Some(Coded { is_key, first: Field::new(head), second: None });
            }
        }
        Some(place)
    }

    fn begin(&mut self) {
        self.coded = self.next.take();
    }

    fn read(&mut self, nal: &[u8]) -> Read {
        let Some((&head, body)) = nal.split_first() else {
            return Read::Other;
        };
        match kind::of(head) {
            kind::SPS => {
                self.ahead.sps = true;
                let read = Sps::read(body)
                    .filter(|(id, _)| self.store.keep(Kind::Sequence, *id, nal))
                    .map(|(id, sps)| self.sets.keep_sps(id, sps));
                read.map_or(Read::Damaged, |()| Read::Set)
            }
            kind::PPS => {
                let read = Pps::read(body)
                    .filter(|(id, _)| self.store.keep(Kind::Picture, *id, nal))
                    .map(|(id, pps)| self.sets.keep_pps(id, pps));
                read.map_or(Read::Damaged, |()| Read::Set)
            }
            kind::SEI => {
                self.ahead.recovery |= recovers(body).unwrap_or(false);
                Read::Other
            }
            kind::SLICE | kind::PARTITION_A => {
                if let Some(field) = self.coded.as_mut().map(Coded::last)
                    && !std::mem::replace(&mut field.is_read, true)
                {
                    field.resets = marking::resets(nal, &self.sets).unwrap_or(false);
                }
                Read::Other
            }
            _ => Read::Other,
        }
    }

    fn finish(&mut self, phase: Phase) -> Option<Picture> {
        let Coded { is_key, first, second } = self.coded.as_ref()?;
        let is_idr = first.head.is_idr();
        if phase == Phase::Begins {
            if !is_key {
                return None;
            }
            self.count = Count::default();
        }
        let fields = [Some(first), second.as_ref()].into_iter().flatten();
        let counts = fields.clone().map(|field| self.count.next(&field.head, field.resets));
        let poc = counts.min()?;
        let resets = is_idr || phase == Phase::Begins || fields.clone().any(|field| field.resets);
        if resets {
            self.floor = (!is_idr && phase == Phase::Begins).then_some(poc);
        } else if let Some(floor) = self.floor {
            if poc < floor {
                return None;
            }
            self.floor = None;
        }
        let reorder = first.head.sps().reorder();
        let starts = if resets { Starts::Run } else { Starts::Nothing };
        Some(Picture { poc, is_key: *is_key, starts, reorder })
    }

    fn part(&mut self) {
        self.coded = None;
    }

    fn awaits_field(&self) -> bool {
        let coded = self.coded.as_ref();
        coded.is_some_and(|coded| coded.second.is_none() && coded.first.head.is_field())
    }

    fn config(&self) -> Vec<u8> {
        self.store.all()
    }
}

/// Whether messages (7.3.2.3) say that pictures are right from the next one on (D.2.8).
fn recovers(messages: &[u8]) -> Option<bool> {
    const RECOVERY_POINT: u32 = 6;
    let mut bits = Bits::new(messages);
    loop {
        let [kind, long] = [long_number(&mut bits)?, long_number(&mut bits)?];
        if kind == RECOVERY_POINT {
            return Some(bits.golomb()? == 0);
        }
        bits.skip(long.checked_mul(8)?)?;
    }
}

/// A number in as many bytes as it needs.
fn long_number(bits: &mut Bits<'_>) -> Option<u32> {
    let mut sum = 0_u32;
    loop {
        let byte = bits.number(8)?;
        sum = sum.checked_add(byte)?;
        if byte != 0xff {
            return Some(sum);
        }
    }
}

/// How many pictures may precede one and be shown after it, if the unit is a sequence parameter set that says so.
pub(super) fn reorder(unit: &[u8]) -> Option<usize> {
    let (&head, body) = unit.split_first()?;
    let (_, sps) = (head & 0x1f == kind::SPS).then(|| Sps::read(body))??;
    Some(sps.reorder())
}

#[cfg(test)]
mod tests;
