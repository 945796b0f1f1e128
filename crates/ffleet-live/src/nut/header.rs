//! The main header, stream headers and syncpoints (NUT specification, "Headers").

use super::codec;
use super::error::{Fault, Part};
use super::fields::Fields;
use super::frame::{Code, Codes};
use super::{Kind, TimeBase, Track};

/// How many tracks a stream has at most.
pub(super) const TRACKS: u64 = 8;
/// How many time bases a stream has at most: more than tracks would be of no use.
const TIME_BASES: u64 = 64;
/// How many headers are left out of frames at most, and how many bytes they are together.
const ELIDED: u64 = 127;
const ELIDED_BYTES: usize = 1024;

/// The main header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Main {
    pub(super) version: u64,
    pub(super) tracks: u64,
    pub(super) time_bases: Vec<TimeBase>,
    pub(super) codes: Codes,
    /// What packets begin with that frames leave out; the first is empty.
    pub(super) elided: Vec<Vec<u8>>,
}

/// A stream header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stream {
    pub(super) track: Track,
    /// How many bits a short timestamp has.
    pub(super) short: u32,
}

impl Main {
    /// `body` is what is between the packet's header and its checksum.
    pub(super) fn read(body: &[u8]) -> Result<Self, Fault> {
        let mut fields = Fields::new(body);
        let version = fields.bounded("version", |version| matches!(version, 3 | 4))?;
        if version > 3 {
            let _minor = fields.number()?;
        }
        let tracks = fields.bounded("stream count", |count| (1..=TRACKS).contains(&count))?;
        let _most_between_syncpoints = fields.number()?;
        let count = fields.bounded("time base count", |count| (1..=TIME_BASES).contains(&count))?;
        let time_bases: Result<_, _> =
            (0_u64..count).map(|_| TimeBase::read(&mut fields)).collect();
        let time_bases = time_bases?;
        let codes = Codes::read(&mut fields, tracks)?;
        // What follows was added by and by: headers left out, then flags of version 4.
        let elided = if fields.rest().is_empty() {
            vec![Vec::new()]
        } else {
            elided(&mut fields)?
        };
        if codes.iter().any(|code| code.elided >= elided.len() as u64) {
            let most = codes.iter().map(|code| code.elided).max();
            return Err(Fault::Value { field: "header index", value: most.unwrap_or(0) });
        }
        Ok(Self { version, tracks, time_bases, codes, elided })
    }

    /// What every timestamp continues from a syncpoint on, as a number of ticks and of what.
    pub(super) fn syncpoint(&self, body: &[u8]) -> Result<(i64, TimeBase), Fault> {
        let mut fields = Fields::new(body);
        // FFmpeg counts below 0 where a first packet is decoded before 0, and codes what that is
        // modulo 2^64.
        let coded = fields.number()?;
        let count = i64::try_from(self.time_bases.len()).map_err(|_too_many| Fault::Number)?;
        let ticks = coded.cast_signed().div_euclid(count);
        let which = usize::try_from(coded.cast_signed().rem_euclid(count)).ok();
        let base = which.and_then(|which| self.time_bases.get(which));
        let base = base.ok_or(Fault::Value { field: "timestamp", value: coded })?;
        let _back = fields.number()?;
        Ok((ticks, *base))
    }
}

fn elided(fields: &mut Fields<'_>) -> Result<Vec<Vec<u8>>, Fault> {
    let count = fields.bounded("header count", |count| count <= ELIDED)?;
    let mut elided = vec![Vec::new()];
    let mut bytes = 0;
    for _ in 0_u64..count {
        let one = fields.string()?;
        bytes += one.len();
        if one.is_empty() || bytes > ELIDED_BYTES {
            return Err(Fault::Value { field: "header length", value: one.len() as u64 });
        }
        elided.push(one.to_vec());
    }
    Ok(elided)
}

impl TimeBase {
    fn read(fields: &mut Fields<'_>) -> Result<Self, Fault> {
        const MOST: u64 = i32::MAX as u64;
        let num = fields.bounded("time base", |num| (1..=MOST).contains(&num))?;
        let den = fields.bounded("time base", |den| (1..=MOST).contains(&den))?;
        Ok(Self { num, den })
    }

    /// The ticks of this base at a moment that is `ticks` of another, none later.
    pub(super) fn from(self, ticks: i64, other: Self) -> Option<i64> {
        let of = |one: u32, two: u32| i128::from(one) * i128::from(two);
        let ticks = i128::from(ticks).checked_mul(of(other.num, self.den))?;
        i64::try_from(ticks.div_euclid(of(other.den, self.num))).ok()
    }
}

impl Stream {
    /// `body` is what is between the packet's header and its checksum.
    pub(super) fn read(body: &[u8], main: Option<&Main>) -> Result<Self, Fault> {
        let main = main.ok_or(Fault::Before(Part::Main))?;
        let mut fields = Fields::new(body);
        let index = fields.bounded("stream id", |id| id < main.tracks)?;
        let class = fields.number()?;
        let fourcc = fields.string()?;
        let base: usize = fields.bounded("time base id", |_| true)?;
        let missing = Fault::Value { field: "time base id", value: base as u64 };
        let time_base = *main.time_bases.get(base).ok_or(missing)?;
        let short = fields.bounded("bits of a short timestamp", |bits| bits < 16)?;
        let _most_between = fields.number()?;
        let reorder = fields.bounded("decode delay", |delay| delay < 1000)?;
        let _flags = fields.number()?;
        let config = fields.string()?;
        let kind = kind(class, &mut fields)?;
        let coding = codec::coding(kind, fourcc, config);
        Ok(Self { track: Track { index, coding, time_base, reorder, kind }, short })
    }
}

fn kind(class: u64, fields: &mut Fields<'_>) -> Result<Kind, Fault> {
    Ok(match class {
        0 => {
            let width = fields.bounded("width", |width| width > 0)?;
            let height = fields.bounded("height", |height| height > 0)?;
            Kind::Picture { width, height }
        }
        1 => {
            let rate = fields.bounded("sample rate", |rate| rate > 0)?;
            let _of = fields.bounded::<u64>("sample rate's divisor", |of| of == 1)?;
            let channels = fields.bounded("channels", |channels| channels > 0)?;
            Kind::Sound { rate, channels }
        }
        _ => Kind::Other,
    })
}

impl Codes {
    /// The table that `fields` begin with.
    fn read(fields: &mut Fields<'_>, tracks: u64) -> Result<Self, Fault> {
        let mut codes = Self::none();
        let mut place = 0;
        let mut code = Code { mul: 1, ..Code::INVALID };
        while place < Self::ALL {
            let (next, count) = entry(fields, code)?;
            code = next;
            if code.track >= tracks {
                return Err(Fault::Value { field: "stream id", value: code.track });
            }
            let mut left = count;
            let mut next = code;
            while left > 0 {
                // 'N' begins start codes, and is left out of the count.
                if place != usize::from(b'N') {
                    if !codes.put(place, next) {
                        return Err(Fault::Value { field: "count of frame codes", value: count });
                    }
                    next.lsb = next.lsb.saturating_add(1);
                    left -= 1;
                }
                place += 1;
            }
        }
        Ok(codes)
    }
}

/// What a run of codes has in common, and how many there are. Fields that are left out are those
/// of the run before, but for the flags, the size's rest, and what is reserved.
fn entry(fields: &mut Fields<'_>, before: Code) -> Result<(Code, u64), Fault> {
    let mut code = Code { lsb: 0, reserved: 0, ..before };
    code.flags = fields.number()?;
    let given = fields.number()?;
    if given > 0 {
        code.delta = fields.signed()?;
    }
    if given > 1 {
        code.mul = fields.number()?;
    }
    if given > 2 {
        code.track = fields.number()?;
    }
    if given > 3 {
        code.lsb = fields.number()?;
    }
    if given > 4 {
        code.reserved = fields.number()?;
    }
    let count = if given > 5 {
        fields.number()?
    } else {
        code.mul.saturating_sub(code.lsb)
    };
    if given > 6 {
        let _match_time = fields.signed()?;
    }
    if given > 7 {
        code.elided = fields.number()?;
    }
    for _ in 8..given {
        let _reserved = fields.number()?;
    }
    if !(1..=Codes::ALL as u64).contains(&count) {
        return Err(Fault::Value { field: "count of frame codes", value: count });
    }
    Ok((code, count))
}
