//! The parameter sets of a track of pictures, by their ids: of each the newest.

use std::collections::BTreeMap;

use super::{annexb, avc, hevc};
use crate::packet::Codec;

/// The most that the parameter sets of a track take, in bytes.
const MOST: usize = 64 << 10;
/// The most of them of one kind: a record counts those of H.264 with five bits and with eight.
const SPS: usize = 31;
const PPS: usize = 255;

/// Which kind of parameter set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Vps,
    Sps,
    Pps,
}

/// What a unit is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A parameter set with this id, which belongs in the sequence header.
    Set(Place, u32),
    /// A parameter set that cannot be read.
    Damaged,
    /// It says where a picture begins, which a tag does already.
    Delimiter,
    /// Part of a picture, or about it.
    Coded,
}

/// A picture's width and height as shown, in samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) width: u32,
    pub(super) height: u32,
}

impl Size {
    /// Without so many columns and rows; none if nothing is left.
    pub(super) fn cropped(self, columns: u32, rows: u32) -> Option<Self> {
        let width = self.width.checked_sub(columns).filter(|left| *left > 0)?;
        let height = self.height.checked_sub(rows).filter(|left| *left > 0)?;
        Some(Self { width, height })
    }
}

/// The parameter sets of a track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sets {
    is_hevc: bool,
    kept: BTreeMap<(Place, u32), Vec<u8>>,
}

impl Sets {
    /// Those in `config`, in the byte stream format.
    pub(super) fn of_config(codec: Codec, config: &[u8]) -> Result<Self, &'static str> {
        let mut sets = Self { is_hevc: codec == Codec::H265, kept: BTreeMap::new() };
        for unit in annexb::units(config) {
            match sets.role(unit) {
                Role::Set(place, id) => sets.keep(place, id, unit)?,
                Role::Damaged => return Err("a parameter set cannot be read"),
                Role::Delimiter | Role::Coded => {}
            }
        }
        if sets.record().is_none() {
            return Err("the parameter sets are not complete");
        }
        Ok(sets)
    }

    pub(super) fn role(&self, unit: &[u8]) -> Role {
        if self.is_hevc {
            hevc::role(unit)
        } else {
            avc::role(unit)
        }
    }

    pub(super) const fn is_hevc(&self) -> bool {
        self.is_hevc
    }

    /// Whether this very parameter set is what it has under this id.
    pub(super) fn holds(&self, place: Place, id: u32, unit: &[u8]) -> bool {
        self.kept.get(&(place, id)).is_some_and(|kept| kept == unit)
    }

    /// Keeps a parameter set in place of what had its id.
    pub(super) fn keep(&mut self, place: Place, id: u32, unit: &[u8]) -> Result<(), &'static str> {
        let others = self.kept.iter().filter(|(key, _)| **key != (place, id));
        if others.clone().map(|(_, unit)| unit.len()).sum::<usize>() + unit.len() > MOST {
            return Err("the parameter sets are longer than 64 KiB");
        }
        let alike = others.filter(|((kind, _), _)| *kind == place).count();
        if alike >= if place == Place::Pps { PPS } else { SPS } {
            return Err("there are more parameter sets than a sequence header can count");
        }
        self.kept.insert((place, id), unit.to_vec());
        Ok(())
    }

    /// Those of one kind, by their ids.
    pub(super) fn of(&self, place: Place) -> impl Iterator<Item = &[u8]> {
        self.kept
            .range((place, 0)..=(place, u32::MAX))
            .map(|(_, unit)| &unit[..])
    }

    /// The decoder configuration record, if they are complete.
    pub(super) fn record(&self) -> Option<Vec<u8>> {
        if self.is_hevc {
            hevc::record(self)
        } else {
            avc::record(self)
        }
    }

    /// How large pictures are, where all sets say the same.
    pub(super) fn size(&self) -> Option<Size> {
        let read = if self.is_hevc { hevc::picture } else { avc::picture };
        let mut sizes = self.of(Place::Sps).map(read);
        let first = sizes.next()?;
        sizes.all(|size| size == first).then_some(first)?
    }
}
