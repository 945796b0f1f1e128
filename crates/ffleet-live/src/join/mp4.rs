//! MP4 in fragments (ISO/IEC 14496-12 §8.8): boxes, of which `ftyp` and `moov` describe what
//! comes, and each `moof` and `mdat` are a piece of it.
//!
//! A unit is such a pair with the boxes that belong before it (`styp`, `sidx`, `emsg`, `prft`). A
//! viewer can begin where the first sample of the first video track is a sync sample; where there
//! is no video, at each pair.
//!
//! A fragment may say where its samples lie as an offset from the beginning of the file
//! (`base-data-offset-present`), as FFmpeg's do without `default_base_moof`. Nobody who comes late has
//! that beginning, so it is written over; where that is not possible it is no join point. Nor is a
//! file that is not in fragments live: its `mdat` is longer than a unit may be, or a unit without a join point.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::step::{Found, Heads, Step, number};
use super::{HEAD, UNIT};
use boxes::{boxes, find, find_all};

mod boxes;
mod moved;

/// `sample_is_non_sync_sample` of a sample's flags (§8.8.3.1).
const NON_SYNC: u64 = 1 << 16;

/// A walk from box to box.
#[derive(Debug, Default)]
pub(super) struct Mp4 {
    ftyp: Vec<u8>,
    described: Option<Described>,
    /// Where the unit began that a fragment is to end.
    begun: Option<u64>,
    /// Whether its `moof` has come.
    has_moof: bool,
}

/// What a `moov` says.
#[derive(Debug)]
struct Described {
    heads: Heads,
    /// The first video track.
    video: Option<u64>,
    /// The flags of samples that say nothing themselves, by track.
    flags: BTreeMap<u64, u64>,
}

impl Mp4 {
    pub(super) fn step(&mut self, bytes: &[u8], at: u64, found: &mut Found) -> Step {
        let Some(head) = bytes.first_chunk::<8>() else {
            return Step::Need(8);
        };
        let (size, kind) = (number(&head[..4]), &head[4..]);
        let size = match (size, bytes.get(8..16)) {
            (1, None) => return Step::Need(16),
            (1, Some(large)) => number(large),
            (size, _) => size,
        };
        // A size of 0 is for the last box of a file.
        let is_named = kind.iter().all(|byte| (0x20..0x7f).contains(byte) || *byte == 0xa9);
        let begun = self.begun.unwrap_or(at);
        if !is_named || !(8..=UNIT).contains(&size) || at - begun > UNIT {
            return Step::Lost;
        }
        match kind {
            b"ftyp" | b"moov" | b"moof" => {
                let whole = usize::try_from(size).unwrap_or(usize::MAX);
                match bytes.get(..whole) {
                    Some(whole) => self.read(kind, whole, at, found),
                    None if whole <= HEAD => Step::Need(whole),
                    None => Step::Lost,
                }
            }
            b"styp" | b"sidx" | b"emsg" | b"prft" => {
                self.begin(at, found);
                Step::Take(size)
            }
            b"mdat" => {
                self.end();
                Step::Unit(size)
            }
            _ if self.begun.is_some() => Step::Take(size),
            _ => Step::Unit(size),
        }
    }

    /// A box that is read.
    fn read(&mut self, kind: &[u8], whole: &[u8], at: u64, found: &mut Found) -> Step {
        let long = whole.len() as u64;
        let body = boxes(whole).next().map_or(&[][..], |(_, body)| body);
        match kind {
            b"moof" => {
                let begun = self.begin(at, found);
                self.has_moof = true;
                let moved = moved::moved(whole, at);
                let body = moved.as_ref().map_or(body, |moof| &moof[8..]);
                if let Some(described) = &self.described
                    && described.is_join(body)
                    && (described.video.is_some() || found.is_due(begun))
                {
                    found.join(begun, &described.heads, true);
                }
                if let Some(moof) = moved {
                    found.rewrite(at, moof);
                }
                return Step::Take(long);
            }
            b"moov" => self.described = Some(Described::new(&self.ftyp, whole, body)),
            _ => self.ftyp = whole.to_vec(),
        }
        self.end();
        found.pass(at);
        Step::Unit(long)
    }

    /// A fragment begins, if it has not; where.
    fn begin(&mut self, at: u64, found: &mut Found) -> u64 {
        if self.has_moof {
            self.end();
        }
        *self.begun.get_or_insert_with(|| {
            found.pass(at);
            at
        })
    }

    const fn end(&mut self) {
        self.begun = None;
        self.has_moof = false;
    }
}

impl Described {
    fn new(ftyp: &[u8], moov: &[u8], body: &[u8]) -> Self {
        let is_video = |trak: &&[u8]| {
            let handler = find(trak, b"mdia").and_then(|mdia| find(mdia, b"hdlr"));
            handler.and_then(|handler| handler.get(8..12)) == Some(b"vide")
        };
        let video = find_all(body, b"trak").find(is_video).and_then(track);
        let defaults = find(body, b"mvex").unwrap_or_default();
        let flags = find_all(defaults, b"trex")
            .filter_map(|trex| Some((number(trex.get(4..8)?), number(trex.get(20..24)?))));
        let head: Arc<[u8]> = [ftyp, moov].concat().into();
        let heads = Heads { reopen: Arc::clone(&head), head, bridge: Arc::default() };
        Self { heads, video, flags: flags.collect() }
    }

    /// Whether a viewer can begin with this `moof`.
    fn is_join(&self, moof: &[u8]) -> bool {
        let mut first = None;
        for traf in find_all(moof, b"traf") {
            let Some(fragment) = Fragment::new(traf) else {
                return false;
            };
            if fragment.is_fixed {
                return false;
            }
            let is_first = self.video.is_none_or(|video| video == fragment.track);
            if first.is_none() && is_first && fragment.samples > 0 {
                first = Some(fragment);
            }
        }
        let Some(first) = first else { return false };
        let flags = first.flags.or_else(|| self.flags.get(&first.track).copied());
        self.video.is_none() || flags.unwrap_or(0) & NON_SYNC == 0
    }
}

/// The number of a track (`tkhd`, §8.3.2).
fn track(trak: &[u8]) -> Option<u64> {
    let header = find(trak, b"tkhd")?;
    let begin = if *header.first()? == 1 { 20 } else { 12 };
    header.get(begin..begin + 4).map(number)
}

/// What a `traf` says of its first sample.
struct Fragment {
    track: u64,
    /// Whether its samples lie at an offset from the beginning of the file.
    is_fixed: bool,
    samples: u64,
    flags: Option<u64>,
}

impl Fragment {
    /// `tfhd` (§8.8.7), and the first `trun` that is not empty (§8.8.8).
    fn new(traf: &[u8]) -> Option<Self> {
        let mut header = Fields::new(find(traf, b"tfhd")?)?;
        let track = header.take(4)?;
        let is_fixed = header.optional(0x1, 8)?.is_some();
        for (flag, long) in [(0x2, 4), (0x8, 4), (0x10, 4)] {
            header.optional(flag, long)?;
        }
        let default = header.optional(0x20, 4)?;
        let mut fragment = Self { track, is_fixed, samples: 0, flags: default };
        for run in find_all(traf, b"trun") {
            let mut run = Fields::new(run)?;
            fragment.samples = run.take(4)?;
            if fragment.samples == 0 {
                continue;
            }
            run.optional(0x1, 4)?;
            let first = run.optional(0x4, 4)?;
            run.optional(0x100, 4)?;
            run.optional(0x200, 4)?;
            let own = run.optional(0x400, 4)?;
            fragment.flags = first.or(own).or(default);
            break;
        }
        Some(fragment)
    }
}

/// The fields of a box that its flags say are there.
struct Fields<'a> {
    flags: u64,
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    fn new(body: &'a [u8]) -> Option<Self> {
        let (head, rest) = body.split_first_chunk::<4>()?;
        Some(Self { flags: number(&head[1..]), rest })
    }

    fn take(&mut self, long: usize) -> Option<u64> {
        let (field, rest) = self.rest.split_at_checked(long)?;
        self.rest = rest;
        Some(number(field))
    }

    /// None if it is to be there and is not.
    fn optional(&mut self, flag: u64, long: usize) -> Option<Option<u64>> {
        if self.flags & flag == 0 {
            return Some(None);
        }
        self.take(long).map(Some)
    }
}
