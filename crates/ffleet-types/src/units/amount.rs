//! Amounts: bytes, bits per second, processor time.

use std::fmt;
use std::str::FromStr;

use super::{ParseError, number_and_unit, scaled, unscaled};

/// An amount of memory or disk, in bytes. `2GiB`, `500MB`, `1.5GiB`, `4096`; upper or lower
/// case; `K`, `M`, `G`, `T` alone mean the binary units, as with other programs of this kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u64);

impl Bytes {
    /// So many times 2¹⁰.
    #[must_use]
    pub const fn kib(count: u64) -> Self {
        Self(count << 10)
    }

    /// So many times 2²⁰.
    #[must_use]
    pub const fn mib(count: u64) -> Self {
        Self(count << 20)
    }

    /// So many times 2³⁰.
    #[must_use]
    pub const fn gib(count: u64) -> Self {
        Self(count << 30)
    }

    /// Rounded to three figures in the largest fitting binary unit, for people: `1.46 GiB`.
    #[must_use]
    pub fn human(self) -> String {
        const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
        let mut thousandths = u128::from(self.0) * 1_000;
        let mut unit = 0;
        while thousandths >= 1_024_000 && unit + 1 < UNITS.len() {
            thousandths /= 1_024;
            unit += 1;
        }
        let (whole, rest) = (thousandths / 1_000, thousandths % 1_000);
        match whole {
            _ if unit == 0 => format!("{whole} B"),
            0..=9 => format!("{whole}.{:02} {}", rest / 10, UNITS[unit]),
            10..=99 => format!("{whole}.{} {}", rest / 100, UNITS[unit]),
            _ => format!("{whole} {}", UNITS[unit]),
        }
    }
}

impl FromStr for Bytes {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let scale = |unit: &str| {
            Some(match unit.to_ascii_lowercase().as_str() {
                "" | "b" => 1,
                "k" | "kib" => 1 << 10,
                "m" | "mib" => 1 << 20,
                "g" | "gib" => 1 << 30,
                "t" | "tib" => 1 << 40,
                "kb" => 1_000,
                "mb" => 1_000_000,
                "gb" => 1_000_000_000,
                "tb" => 1_000_000_000_000,
                _ => return None,
            })
        };
        scaled(text, scale)
            .map(Self)
            .ok_or_else(|| ParseError::new(text, "an amount of bytes, such as 512MiB or 2GiB"))
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
        let (count, unit) = unscaled(self.0, &units);
        write!(f, "{count}{unit}")
    }
}

/// A rate of bits, in bits per second. `5M`, `128k`, `4Mbit/s`; units are decimal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bitrate(pub u64);

impl Bitrate {
    /// So many thousand bits per second.
    #[must_use]
    pub const fn kbit(count: u64) -> Self {
        Self(count * 1_000)
    }
}

impl FromStr for Bitrate {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let scale = |unit: &str| {
            let unit = unit.to_ascii_lowercase();
            let unit = ["bit/s", "bps", "b/s"]
                .iter()
                .find_map(|s| unit.strip_suffix(s))
                .unwrap_or(&unit);
            Some(match unit {
                "" => 1,
                "k" => 1_000,
                "m" => 1_000_000,
                "g" => 1_000_000_000,
                _ => return None,
            })
        };
        scaled(text, scale)
            .filter(|&rate| rate > 0)
            .map(Self)
            .ok_or_else(|| ParseError::new(text, "a bit rate above zero, such as 128k or 5M"))
    }
}

impl fmt::Display for Bitrate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, unit) = unscaled(self.0, &[("M", 1_000_000), ("k", 1_000)]);
        write!(f, "{count}{unit}")
    }
}

/// Processor time per time, in thousandths of one CPU. `200%`, `1.5`, `500m`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cpu(pub u32);

impl Cpu {
    /// So many whole CPUs.
    #[must_use]
    pub const fn whole(count: u32) -> Self {
        Self(count.saturating_mul(1_000))
    }

    /// In thousandths of a CPU.
    #[must_use]
    pub const fn millis(self) -> u32 {
        self.0
    }

    /// Threads that can be busy at once: rounded up, at least one.
    #[must_use]
    pub const fn threads(self) -> u32 {
        match self.0.div_ceil(1_000) {
            0 => 1,
            count => count,
        }
    }
}

impl Cpu {
    /// What `text` says, down to nothing at all: what is left of a node may be less than anybody
    /// may ask for.
    fn any(text: &str) -> Option<Self> {
        let (thousandths, unit) = number_and_unit(text.trim())?;
        let millis = match unit {
            "" => thousandths,
            "%" => thousandths / 100,
            "m" => thousandths / 1_000,
            _ => return None,
        };
        u32::try_from(millis).ok().map(Self)
    }
}

impl FromStr for Cpu {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::any(text).filter(|cpu| cpu.0 >= 10).ok_or_else(|| {
            ParseError::new(text, "an amount of CPU from 1% up, such as 200%, 1.5 or 500m")
        })
    }
}

/// For amounts that were measured or are left over, and so may be zero.
pub(crate) mod any_cpu {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Cpu, ParseError};

    pub(crate) fn serialize<S: Serializer>(cpu: &Cpu, to: S) -> Result<S::Ok, S::Error> {
        cpu.serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Cpu, D::Error> {
        let text = String::deserialize(from)?;
        Cpu::any(&text).ok_or_else(|| {
            serde::de::Error::custom(ParseError::new(&text, "an amount of CPU, such as 200%"))
        })
    }
}

impl fmt::Display for Cpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 % 10 {
            0 => write!(f, "{}%", self.0 / 10),
            tenth => write!(f, "{}.{tenth}%", self.0 / 10),
        }
    }
}
