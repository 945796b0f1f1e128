//! Start codes, and what follows them (NUT specification, "Packets").

use super::error::{Fault, Part};
use super::fields::Fields;
use crate::crc::crc;

/// Start codes (NUT specification, "Structure").
pub(super) mod startcode {
    pub(in super::super) const MAIN: u64 = 0x4e4d_7a56_1f5f_04ad;
    pub(in super::super) const STREAM: u64 = 0x4e53_1140_5bf2_f9db;
    pub(in super::super) const SYNCPOINT: u64 = 0x4e4b_e4ad_eeca_4569;
    pub(in super::super) const INFO: u64 = 0x4e49_ab68_b596_ba78;
}

/// What stands around something with a start code.
pub(super) struct Envelope {
    pub(super) part: Part,
    /// The length in bytes of what stands before it.
    pub(super) head: usize,
    /// Its own, with its checksum.
    pub(super) long: u64,
}

impl Envelope {
    /// None where it has not wholly come.
    pub(super) fn read(bytes: &[u8]) -> Option<Result<Self, Fault>> {
        const CHECKED: u64 = 4096;
        let mut fields = Fields::new(bytes);
        let code = fields.take(8).ok()?.first_chunk().copied().map(u64::from_be_bytes)?;
        let part = match code {
            startcode::MAIN => Part::Main,
            startcode::STREAM => Part::Stream,
            startcode::SYNCPOINT => Part::Syncpoint,
            startcode::INFO => Part::Info,
            _ => Part::Other,
        };
        let long = match fields.number() {
            Ok(long) => long,
            Err(Fault::Short) => return None,
            Err(fault) => return Some(Err(fault)),
        };
        if long > CHECKED {
            fields.take(4).ok()?;
            if crc(0, fields.passed()) != 0 {
                return Some(Err(Fault::Damaged));
            }
        }
        Some(Ok(Self { part, head: fields.at(), long }))
    }
}
