//! Coded pictures in the byte stream format of ITU-T H.264 and H.265 (Annex B), cut into access units.
//!
//! A unit has no length. It ends where another begins, and by what is known at the first bytes of that: a delimiter,
//! parameter sets, messages, or a slice that says it is of another picture (H.264, 7.4.1.2.3 and 7.4.1.2.4; H.265,
//! 7.4.2.4.4). Of a writer that writes a picture and waits, only the caller knows: it says so ([`Cutter::flush`]),
//! which saves the time of one picture.
//!
//! Two fields of a frame of H.264 are one unit, as containers have them. Of each unit is told where it is shown among
//! the others ([`Unit::display`]), which with a constant rate is when.
//!
//! A stream is given from the first picture on that decoding can begin with. NAL units are handed on as they are, each
//! behind a start code of four bytes; zeros between them are left out.

use crate::packet::Codec;
use display::Order;
use nal::Nal;
use syntax::{Phase, Place, Read, Role, Syntax};

mod bits;
mod display;
mod h264;
mod h265;
mod nal;
mod scan;
mod store;
mod syntax;
#[cfg(test)]
mod written;

/// The longest unit in bytes.
pub const UNIT: usize = 32 << 20;
/// The longest parameter set in bytes.
pub const SET: usize = store::SET;
/// What each NAL unit is put behind.
const CODE: [u8; 4] = [0, 0, 0, 1];
/// How much of a slice is looked at: more than what is needed of its header can be long.
const LOOK: usize = 256;

/// An access unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its NAL units, each behind 00 00 00 01; [`UNIT`] bytes at most.
    pub bytes: Vec<u8>,
    /// Whether decoding can begin with it: of H.264 an IDR picture, one that a message says recovery is complete at
    /// (D.2.8), or an intra picture behind a sequence parameter set; of H.265 an IRAP picture.
    pub is_key: bool,
    /// Whether it has parameter sets in it.
    pub has_sets: bool,
    /// Which one it is in the order of display. Goes on over pictures at which the stream's own count begins anew; of
    /// a stream without gaps the indices are 0 and all that follow.
    pub display: i64,
    /// How many units may precede one and be shown after it, as far as is known; 16 at most, never less than before.
    pub reorder: usize,
}

/// What was given, and what was not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Units given.
    pub units: u64,
    /// Pictures left out because they cannot be decoded: before the first key, or in front of it without what they
    /// refer to.
    pub skipped: u64,
    /// Times that a unit was longer than [`UNIT`]: it is left out, and what follows up to a key.
    pub oversized: u64,
    /// NAL units left out or not understood: slices whose header makes no sense or whose picture is not there,
    /// parameter sets that cannot be read or kept ([`SET`], 1 MiB together).
    pub damaged: u64,
    /// Times that a unit went on after a flush had ended it; the rest is left out.
    pub torn: u64,
    /// Pictures that came out of the order that the stream had announced.
    pub irregular: u64,
}

/// What cuts a byte stream into access units.
#[derive(Debug)]
pub struct Cutter {
    syntax: Box<dyn Syntax>,
    phase: Phase,
    nal: Nal,
    /// Where the NAL unit under way goes, once that is known.
    goes: Option<Goes>,
    unit: Begun,
    /// What comes behind the first field of a frame, and is of its second or of the next unit.
    ahead: Begun,
    order: Order,
    counts: Counts,
}

/// Where a NAL unit goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goes {
    Unit,
    Ahead,
    Nowhere,
}

/// A unit under way.
#[derive(Debug, Default)]
struct Begun {
    bytes: Vec<u8>,
    has_picture: bool,
    has_sets: bool,
}

impl Begun {
    fn append(&mut self, mut more: Vec<u8>) {
        if self.bytes.is_empty() {
            self.bytes = more;
        } else {
            self.bytes.append(&mut more);
        }
    }

    fn join(&mut self, other: &mut Self) {
        self.append(std::mem::take(&mut other.bytes));
        self.has_sets |= std::mem::take(&mut other.has_sets);
    }
}

impl Cutter {
    /// For a stream of this codec; `None` if it is not one of H.264 and H.265.
    #[must_use]
    pub fn new(codec: Codec) -> Option<Self> {
        let syntax: Box<dyn Syntax> = match codec {
            Codec::H264 => Box::<h264::H264>::default(),
            Codec::H265 => Box::<h265::H265>::default(),
            Codec::Aac | Codec::Opus | Codec::Mp3 => return None,
        };
        Some(Self {
            syntax,
            phase: Phase::Begins,
            nal: Nal::default(),
            goes: None,
            unit: Begun::default(),
            ahead: Begun::default(),
            order: Order::default(),
            counts: Counts::default(),
        })
    }

    /// Takes the next bytes, which are cut anywhere, and answers the units that are known to be whole with them, in the
    /// order of decoding. At the beginning of a stream whose pictures are reordered they wait for a few more of them.
    #[must_use = "the units are nowhere else"]
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Unit> {
        let (mut rest, mut out) = (bytes, Vec::new());
        while let Some(end) = scan::behind_code(self.nal.zeros(), rest) {
            let (passed, after) = rest.split_at(end);
            self.nal.grow(&passed[..end - 1]);
            self.end_nal(&mut out);
            self.nal.begin();
            rest = after;
        }
        self.nal.grow(rest);
        self.look(&mut out);
        self.given(out)
    }

    /// The writer has paused behind a whole picture: the unit under way is whole. A first field waits for the second;
    /// units that wait to be told where they are shown go on waiting.
    #[must_use = "the units are nowhere else"]
    pub fn flush(&mut self) -> Vec<Unit> {
        let mut out = Vec::new();
        let is_strange = self.nal.is_open() && self.goes.is_none();
        if is_strange || !self.unit.has_picture || self.syntax.awaits_field() {
            return out;
        }
        if self.goes == Some(Goes::Unit) {
            self.end_nal(&mut out);
        }
        if self.unit.has_picture {
            self.complete(&mut out);
        }
        self.given(out)
    }

    /// The writer is gone: all that is left. What comes next is another writer's: it begins with a key, and is shown
    /// behind this.
    #[must_use = "the units are nowhere else"]
    pub fn end(&mut self) -> Vec<Unit> {
        let mut out = Vec::new();
        self.end_nal(&mut out);
        if self.unit.has_picture {
            self.complete(&mut out);
        }
        self.order.end(&mut out);
        self.restart();
        self.nal.forget();
        self.given(out)
    }

    /// The parameter sets seen so far in the byte stream format: what [`crate::packet::Track::config`] wants to have.
    #[must_use]
    pub fn config(&self) -> Vec<u8> {
        self.syntax.config()
    }

    /// How many whole units wait to be told where they are shown.
    #[must_use]
    pub const fn waiting(&self) -> usize {
        self.order.waiting()
    }

    /// Whether there is something of a unit that [`Self::flush`] may end.
    #[must_use]
    pub const fn has_begun(&self) -> bool {
        self.unit.has_picture
    }

    /// What was given so far, and what was not.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        Counts { irregular: self.order.irregular(), torn: self.nal.torn(), ..self.counts }
    }

    fn given(&mut self, units: Vec<Unit>) -> Vec<Unit> {
        self.counts.units += units.len() as u64;
        units
    }

    /// Nothing of what has come is of use for what follows.
    fn restart(&mut self) {
        self.phase = Phase::Begins;
        self.syntax.part();
        self.unit = Begun::default();
        self.ahead = Begun::default();
        self.goes = None;
    }

    /// Looks at what there is of the NAL unit under way, if it is not known yet where that goes.
    fn look(&mut self, out: &mut Vec<Unit>) {
        if self.goes.is_none() && self.nal.is_open() {
            self.goes = self.judge(out);
        }
    }

    /// The NAL unit under way is whole.
    fn end_nal(&mut self, out: &mut Vec<Unit>) {
        self.look(out);
        let goes = self.goes.take();
        let mut is_long = self.nal.is_overlong();
        let whole = self.nal.take();
        if let (Some(bytes), Some(goes)) = (&whole, goes) {
            let all = self.unit.bytes.len() + self.ahead.bytes.len() + bytes.len();
            is_long = goes != Goes::Nowhere && all > UNIT;
        }
        if is_long {
            self.counts.oversized += 1;
            self.restart();
            return;
        }
        let Some(bytes) = whole else { return };
        let into = match goes {
            Some(Goes::Unit) => &mut self.unit,
            Some(Goes::Ahead) => &mut self.ahead,
            Some(Goes::Nowhere) => return,
            None => {
                self.counts.damaged += 1;
                return;
            }
        };
        match self.syntax.read(&bytes[CODE.len()..]) {
            Read::Set => into.has_sets = true,
            Read::Damaged => self.counts.damaged += 1,
            Read::Other => {}
        }
        into.append(bytes);
    }

    /// Where the NAL unit under way goes, if its bytes say that already.
    fn judge(&mut self, out: &mut Vec<Unit>) -> Option<Goes> {
        match self.syntax.role(self.nal.beginning())? {
            Role::Begins if self.unit.has_picture && !self.syntax.awaits_field() => {
                self.complete(out);
                self.syntax.part();
                Some(Goes::Unit)
            }
            Role::Begins | Role::Waits if self.unit.has_picture => Some(Goes::Ahead),
            Role::Begins => {
                self.syntax.part();
                Some(Goes::Unit)
            }
            Role::Stays if !self.ahead.bytes.is_empty() => Some(Goes::Ahead),
            Role::Waits | Role::Stays => Some(Goes::Unit),
            Role::Slice => {
                let place = self.syntax.place(self.nal.beginning())?;
                Some(self.place(place, out))
            }
        }
    }

    fn place(&mut self, place: Place, out: &mut Vec<Unit>) -> Goes {
        match place {
            Place::Same | Place::Second if self.unit.has_picture => self.unit.join(&mut self.ahead),
            // The rest of what a flush has ended.
            Place::Same | Place::Second => {
                self.nal.tear();
                return Goes::Nowhere;
            }
            Place::Other => {
                if self.unit.has_picture {
                    self.complete(out);
                }
                self.syntax.begin();
                self.unit.has_picture = true;
            }
            // Before the parameter sets have come nothing of a picture is of use.
            Place::Unknown { is_first } if !self.unit.has_picture => {
                self.counts.skipped += u64::from(is_first);
                self.unit = Begun::default();
                return Goes::Nowhere;
            }
            Place::Headless | Place::Unknown { .. } => {
                self.counts.damaged += 1;
                return Goes::Nowhere;
            }
        }
        Goes::Unit
    }

    /// The unit under way is whole.
    fn complete(&mut self, out: &mut Vec<Unit>) {
        let Begun { bytes, has_sets, .. } = std::mem::take(&mut self.unit);
        self.unit.join(&mut self.ahead);
        if self.goes == Some(Goes::Ahead) {
            self.goes = Some(Goes::Unit);
        }
        let Some(picture) = self.syntax.finish(self.phase) else {
            self.counts.skipped += 1;
            return;
        };
        self.phase = Phase::Runs;
        let is_key = picture.is_key;
        let unit = Unit { bytes, is_key, has_sets, display: 0, reorder: 0 };
        self.order.push(unit, picture, out);
    }
}

/// By how many pictures a decoder is behind at most, as a NAL unit of H.264 says; nothing if it is no sequence parameter
/// set.
pub(crate) fn reorder(unit: &[u8]) -> Option<usize> {
    h264::reorder(unit)
}

#[cfg(test)]
mod tests;
